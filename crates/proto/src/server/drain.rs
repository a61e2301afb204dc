//! What a connection is told when its server drains.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use ekiden_reactor::Latch;

/// Says whether, and when, a server drains: a connection should then finish what it owes and close.
#[derive(Debug, Default)]
pub struct Drain(Rc<Latch>);

/// The same drain.
impl Clone for Drain {
    fn clone(&self) -> Self {
        // By the latch, so that a task that ticks asks one of its own.
        Self(Rc::new(Latch::clone(&self.0)))
    }
}

impl Drain {
    /// One that nobody has begun: for a connection that is served by itself.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins the drain.
    pub fn begin(&self) {
        self.0.open();
    }

    /// Whether the drain has begun.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.0.is_open()
    }

    /// Waits until the drain begins.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: whoever asks later is answered at once.
    pub fn begun(&self) -> impl Future<Output = ()> + Unpin + use<> {
        WaitForDrain { latch: self.0.clone(), wait: self.0.wait(), waiting: None }
    }

    /// Whether the drain has begun; inside a tick, `None` has the task ticked again when it does.
    ///
    /// A task that ticks should have a clone of its own: then asking again and again costs the same however many others
    /// wait.
    #[must_use]
    pub fn try_begun(&self) -> Option<()> {
        self.0.try_wait()
    }
}

/// Waits for the drain. A connection asks at each of its polls, and ten thousand of them wait at the same latch: so
/// it is asked once, and again only for another task.
struct WaitForDrain<W> {
    latch: Rc<Latch>,
    wait: W,
    waiting: Option<Waker>,
}

impl<W: Future<Output = ()> + Unpin> Future for WaitForDrain<W> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.latch.is_open() {
            return Poll::Ready(());
        }
        if !self.waiting.as_ref().is_some_and(|waiting| waiting.will_wake(cx.waker())) {
            self.waiting = Some(cx.waker().clone());
            return Pin::new(&mut self.wait).poll(cx);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekiden_reactor::{Task, Tick, run, schedule, spawn, yield_now};
    use std::future::poll_fn;
    use std::io;

    #[test]
    fn whoever_waits_is_woken_also_after_moving_to_another_task() {
        run(async {
            let drain = Drain::new();
            let mut begun = drain.begun();
            for _ in 0..2 {
                assert!(poll_fn(|cx| Poll::Ready(Pin::new(&mut begun).poll(cx))).await.is_pending());
            }
            let moved = spawn(begun);
            yield_now().await;
            assert!(!moved.is_finished());
            drain.begin();
            moved.await.unwrap();
            drain.begun().await;
        });
    }

    #[test]
    fn it_can_be_ticked_for() {
        struct Connection(Drain);
        impl Task for Connection {
            fn tick(&mut self) -> io::Result<Tick> {
                Ok(self.0.try_begun().map_or(Tick::WouldBlock, |()| Tick::Final))
            }
        }
        run(async {
            let drain = Drain::new();
            let tasks = [1, 2].map(|_| schedule(Connection(drain.clone())));
            yield_now().await;
            assert!(tasks.iter().all(|task| !task.is_finished()));
            drain.begin();
            for task in tasks {
                task.await.unwrap().unwrap();
            }
        });
    }
}
