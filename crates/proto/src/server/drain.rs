//! What a connection is told when its server drains.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use ekiden_reactor::Latch;

/// Says whether, and when, a server drains: a connection should then finish what it owes and close.
#[derive(Clone, Debug, Default)]
pub struct Drain(Rc<Latch>);

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
        WaitForDrain { drain: self.clone(), wait: self.0.wait(), waiting: None }
    }
}

/// Waits for the drain. A connection asks at each of its polls, and ten thousand of them wait at the same latch: so
/// it is asked once, and again only for another task.
struct WaitForDrain<W> {
    drain: Drain,
    wait: W,
    waiting: Option<Waker>,
}

impl<W: Future<Output = ()> + Unpin> Future for WaitForDrain<W> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.drain.has_begun() {
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
    use ekiden_reactor::{run, spawn, yield_now};
    use std::future::poll_fn;

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
}
