//! A server on a thread of the test, whose clock stands still until the test sets it.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use ekiden::driver::hand::{Clock, Hand};
use ekiden::net::TcpListener;
use ekiden::sync::oneshot;
use ekiden::{Config, Reactor, spawn};

use super::{hello, lines};

/// A running server.
pub(crate) struct ByHand {
    pub(crate) addr: SocketAddr,
    clock: Clock,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
    /// What the operator was told.
    told: Receiver<String>,
}

impl ByHand {
    /// The example `hello`.
    #[track_caller]
    pub(crate) fn hello() -> Self {
        Self::start(async |listener| hello::serve(listener).await.expect("its listener does not fail"))
    }

    /// The example `lines`.
    #[track_caller]
    pub(crate) fn lines() -> Self {
        Self::start(async |listener| lines::serve(listener).await.expect("its listener does not fail"))
    }

    /// Whatever `serve` makes of a listener.
    #[track_caller]
    #[expect(
        clippy::disallowed_methods,
        reason = "the server has a thread of its own, as the test blocks on sockets"
    )]
    pub(crate) fn start(serve: impl AsyncFnOnce(TcpListener) + Send + 'static) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (starting, started) = channel();
        let (tell, told) = channel();
        let thread = thread::spawn(move || {
            let (hand, clock) = Hand::new().expect("the system gives a selector");
            let mut config = Config::default();
            // The test may have ended.
            config.on_notice = Rc::new(move |notice| drop(tell.send(notice.to_string())));
            Reactor::with_driver(config, hand).run(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
                let addr = listener.local_addr().expect("it is bound");
                spawn(serve(listener));
                starting.send((addr, clock)).expect("the test waits for it");
                // Told to, or forgotten: both are the end.
                stopped.await.unwrap_or_default();
            });
        });
        let (addr, clock) = started.recv().expect("the server starts");
        Self { addr, clock, stop: Some(stop), thread: Some(thread), told }
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Ends it, and says what it told the operator.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Vec<String> {
        self.end().expect("the server did not panic");
        self.told.try_iter().collect()
    }

    fn end(&mut self) -> thread::Result<()> {
        // It may have panicked, and then nobody listens.
        drop(self.stop.take());
        self.thread.take().map_or(Ok(()), thread::JoinHandle::join)
    }
}

impl Drop for ByHand {
    fn drop(&mut self) {
        // A test that fails says why itself.
        drop(self.end());
    }
}
