//! The handle of a server.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use ekiden_reactor::{Instant, JoinHandle, Latch};

/// A server that runs; a future of its end.
///
/// Awaiting it waits until the server has been drained, by [`drain`](Self::drain) or by the shutdown of the program.
/// Dropping it detaches: the server goes on, for as long as the reactor runs.
///
/// # Errors
///
/// The future fails if the listener failed for good, or panicked; the connections that were open have been drained then
/// too.
///
/// # Cancel safety
///
/// It can be polled by reference and given up at any time; the server does not care.
#[must_use = "the server ends with `run`: `.await` it to serve until it is drained, or keep it to drain it"]
pub struct Server {
    task: JoinHandle<io::Result<Drained>>,
    serving: Rc<dyn Serving>,
}

/// What a handle speaks to: the server of one core, or those of all.
pub(super) trait Serving {
    fn connections(&self) -> usize;
    fn panics(&self) -> u64;
    /// Begins the drain, or hastens it.
    fn drain_until(&self, deadline: Instant);
    /// Open when the drain is over.
    fn ended(&self) -> &Latch;
    fn drained(&self) -> Drained;
}

impl Server {
    pub(super) fn new(task: JoinHandle<io::Result<Drained>>, serving: Rc<dyn Serving>) -> Self {
        Self { task, serving }
    }

    /// How many connections are open. Also those whose streams were given away, as by an upgrade, count until they are
    /// dropped.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.serving.connections()
    }

    /// How many panics there were: each ended a connection, or was caught and answered by the protocol, as HTTP does by
    /// a 500. The operator was told of each.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.serving.panics()
    }

    /// Ends the server in order: no connection is accepted any more, those that are open finish what they owe, and
    /// those that have not after `within` are dropped.
    ///
    /// It waits as well for streams that were given away, as by an upgrade of HTTP: whoever took one is told of the drain
    /// like a connection, and should finish. But what was given away is no longer the server's to drop, and is left to
    /// its owner at the deadline.
    ///
    /// Peers get their end of it: whoever has been answered has two seconds to read that and close, and then is left
    /// ([`close_gently`](super::close_gently); with HTTP by `linger_timeout` of its configuration); before that, a client of a
    /// multiplexed protocol has its `ping_timeout` to read it, and one second to close by itself. Most close at once. So
    /// give it three seconds more than the longest request may take, and thirteen if clients may be slow.
    ///
    /// Of several drains the earliest deadline holds.
    ///
    /// # Cancel safety
    ///
    /// The drain begins with the call and goes on without the future.
    pub fn drain(&self, within: Duration) -> impl Future<Output = Drained> + use<> {
        self.serving.drain_until(Instant::now() + within);
        let serving = self.serving.clone();
        async move {
            serving.ended().wait().await;
            serving.drained()
        }
    }
}

impl Future for Server {
    type Output = io::Result<Drained>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(cx).map(|ended| match ended {
            Ok(drained) => drained,
            // Its code is ours; if it panics, that is a bug to be told, and no reason to take the program along.
            Err(panicked) => Err(io::Error::other(panicked)),
        })
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("connections", &self.connections()).finish_non_exhaustive()
    }
}

/// What became of the connections that were open when a server began to drain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// So many finished what they owed.
    pub finished: usize,
    /// So many were dropped at the deadline.
    pub dropped: usize,
    /// So many had been given away, as by an upgrade, and went on at the deadline: only their owners can end them.
    pub left: usize,
}

impl Drained {
    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            finished: self.finished + other.finished,
            dropped: self.dropped + other.dropped,
            left: self.left + other.left,
        }
    }
}
