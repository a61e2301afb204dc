//! The end of a connection, or of what its peer sends, seen by whoever neither reads nor writes.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::core;
use crate::interest::{Interest, Way};
use crate::task::waits::{self, Asked};
use crate::task::{try_poll_if, yield_task};
use crate::waiters::Key;

/// Becomes ready when a connection is gone: reset by the peer, failed, or closed in both directions.
///
/// A server that has taken all the requests it may take does not read, and has nothing to write before they are
/// answered; without this it would work on for a client that is gone. That the peer sends no more, having closed its
/// own direction only, is no hang-up: it may still read. Who knows that it will not waits for
/// [that end](Self::read_closed) too.
///
/// For each connection only who asked last is woken; nobody is by dropping the stream at this end.
///
/// ```
/// use ekiden_reactor::net::{TcpListener, TcpStream};
///
/// # ekiden_reactor::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let client = TcpStream::connect(listener.local_addr()?).await?;
/// let (server, _peer) = listener.accept().await?;
/// server.write_all(b"are you there?").await?;
/// drop(client); // with that unread, which resets the connection
/// let long_work = std::future::pending::<()>();
/// assert_eq!(server.hangup().guard(long_work).await, None);
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// # Cancel safety
///
/// Dropping it forgets nothing: whoever asks later is answered at once.
#[derive(Clone)]
pub struct Hangup(Rc<Interest>);

impl Hangup {
    pub(super) fn new(interest: Rc<Interest>) -> Self {
        Self(interest)
    }

    /// Whether the connection is gone; if not, the task is woken when it is, unless another polls after it.
    pub fn poll_hangup(&self, cx: &Context<'_>) -> Poll<()> {
        self.0.poll_gone(cx)
    }

    /// Whether the connection is gone; inside a tick, `None` has the task ticked again when it is, unless another asks
    /// after it.
    #[must_use]
    pub fn try_hangup(&self) -> Option<()> {
        try_poll_if(self.0.is_gone(), |cx| self.poll_hangup(cx))
    }

    /// Waits until the peer sends no more: it has closed its direction, or the connection is gone.
    ///
    /// Nothing is read by that, so what came before may still be there, of any length. A server that waits for something
    /// on behalf of its peer, and knows that such a peer closes only when it leaves, learns so that it has.
    ///
    /// Any number may wait; each is woken, too, when something comes that can be read.
    ///
    /// # Cancel safety
    ///
    /// Dropping it forgets nothing: whoever asks later is answered at once.
    pub fn read_closed(&self) -> ReadClosed {
        ReadClosed { interest: self.0.clone(), wait: None }
    }

    /// Whether the peer sends no more; inside a tick, `None` has the task ticked again when something comes that can be
    /// read, or that end.
    #[must_use]
    pub fn try_read_closed(&self) -> Option<()> {
        try_poll_if(self.0.is_read_closed(), |cx| {
            if self.0.is_read_closed() {
                return Poll::Ready(());
            }
            self.0.register(Way::Read, cx.waker());
            waits::note(Asked::Listed);
            Poll::Pending
        })
    }

    /// Runs what is done on the connection to its end, or until the connection is gone and nothing more is read from
    /// it: then it is dropped, and `None` is the answer.
    ///
    /// What had come before the end can still be read, and whoever reads on finds the end himself; so that is left to
    /// him. Whoever does not read would never find it.
    ///
    /// # Cancel safety
    ///
    /// That of the future.
    pub async fn guard<F: Future>(self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|cx| self.poll_guarded(cx, future.as_mut())).await
    }

    /// As [`guard`](Self::guard), for who keeps the future himself. Not to be polled again after it was ready.
    pub fn poll_guarded<F: Future>(
        &self,
        cx: &mut Context<'_>,
        future: Pin<&mut F>,
    ) -> Poll<Option<F::Output>> {
        let was_gone = self.0.is_gone();
        let (polled, has_read) = self.0.reads_within(|| future.poll(cx));
        match polled {
            Poll::Ready(output) => return Poll::Ready(Some(output)),
            Poll::Pending if was_gone && !has_read => return Poll::Ready(None),
            Poll::Pending => {}
        }
        // Only now, since whoever waits to read need not wait for this too.
        if self.0.poll_gone_beside_reads(cx).is_ready() {
            yield_task(cx.waker());
        }
        Poll::Pending
    }
}

impl Future for Hangup {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_hangup(cx)
    }
}

impl fmt::Debug for Hangup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hangup").finish_non_exhaustive()
    }
}

/// Becomes ready when the peer sends no more; see [`Hangup::read_closed`].
#[must_use = "nothing is waited for until it is polled"]
pub struct ReadClosed {
    interest: Rc<Interest>,
    wait: Option<Key>,
}

impl ReadClosed {
    /// Gives up its entry among those who wait to read: the end is news to them, too, and comes with the same event.
    fn forget(&mut self) {
        if let Some(wait) = self.wait.take() {
            self.interest.forget(Way::Read, wait);
        }
    }
}

impl Future for ReadClosed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.interest.is_read_closed() {
            this.forget();
            return Poll::Ready(());
        }
        let task = || core::try_with(|core| core.tasks.running_number()).unwrap_or_default();
        this.interest.wait(Way::Read, &mut this.wait, cx.waker(), task);
        Poll::Pending
    }
}

impl Drop for ReadClosed {
    fn drop(&mut self) {
        self.forget();
    }
}

impl fmt::Debug for ReadClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadClosed").finish_non_exhaustive()
    }
}
