//! A semaphore and its permits, for one core and between threads: they ask the [`Permits`], and wake and drop what
//! these hand out.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::claims::{ClaimKey, Claims, Hold, Seat};
use super::permits::Permits;
use super::{Shared, Sharing};
use crate::channel::Closed;
use crate::task::waits::{self, Asked};
use crate::task::{poll_budget, try_budget};
use crate::waiters::Key;

pub(crate) struct Semaphore<F: Sharing> {
    permits: F::Of<Permits>,
    max: usize,
    /// What one who waits for it is said to wait for.
    asked: Asked,
}

/// Permits that somebody holds; they come back when it is dropped.
pub(crate) struct Permit<F: Sharing> {
    permits: F::Of<Permits>,
    count: usize,
    seat: Seat,
}

impl<F: Sharing> Semaphore<F> {
    pub(crate) fn new(max: usize) -> Self {
        assert!(max > 0, "a semaphore has at least one permit");
        Self { permits: F::Of::new(Permits::new(max)), max, asked: Asked::Semaphore }
    }

    /// One permit, of what is called a mutex where waits are listed.
    pub(crate) fn new_mutex() -> Self {
        Self { asked: Asked::Mutex, ..Self::new(1) }
    }

    #[track_caller]
    pub(crate) fn acquire(&self, count: usize) -> Acquire<F> {
        self.check(count);
        Acquire { permits: self.permits.clone(), count, wait: None, asked: self.asked, claim: None }
    }

    /// Asks `tick` for a waker when there are not enough.
    #[track_caller]
    pub(crate) fn try_acquire(
        &self,
        count: usize,
        tick: impl FnOnce() -> Option<Waker>,
    ) -> Result<Option<Permit<F>>, Closed> {
        self.check(count);
        if !try_budget() {
            return Ok(None);
        }
        let hold = Hold::by_running();
        let mut taken = self.permits.with(|permits| permits.try_take(count, hold, None)).into_poll();
        if taken.is_pending()
            && let Some(waker) = tick()
        {
            // Between threads some may have come back since.
            taken = self
                .permits
                .with(|permits| permits.try_take(count, hold, Some(&waker)))
                .into_wait::<F>(self.asked);
        }
        match taken {
            Poll::Ready(taken) => {
                taken.map(|seat| Some(Permit { permits: self.permits.clone(), count, seat }))
            }
            Poll::Pending => Ok(None),
        }
    }

    pub(crate) fn free(&self) -> usize {
        self.permits.with(|permits| permits.free())
    }

    pub(crate) fn max(&self) -> usize {
        self.max
    }

    pub(crate) fn close(&self) {
        self.permits.with(Permits::close).wake();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.permits.with(|permits| permits.is_closed())
    }

    #[track_caller]
    fn check(&self, count: usize) {
        assert!(count <= self.max, "{count} permits of {} can never be had", self.max);
    }
}

impl<F: Sharing> Clone for Semaphore<F> {
    fn clone(&self) -> Self {
        Self { permits: self.permits.clone(), max: self.max, asked: self.asked }
    }
}

impl<F: Sharing> Permit<F> {
    pub(crate) fn count(&self) -> usize {
        self.count
    }
}

impl<F: Sharing> Drop for Permit<F> {
    fn drop(&mut self) {
        self.permits.with(|permits| permits.give_back(self.count, self.seat)).wake();
    }
}

/// A wait for permits.
pub(crate) struct Acquire<F: Sharing> {
    permits: F::Of<Permits>,
    count: usize,
    wait: Option<Key>,
    asked: Asked,
    /// Left while it waits.
    claim: Option<ClaimKey>,
}

// Nothing in it is pinned.
impl<F: Sharing> Unpin for Acquire<F> {}

impl<F: Sharing> Future for Acquire<F> {
    type Output = Result<Permit<F>, Closed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { permits, count, wait, asked, claim } = self.get_mut();
        ready!(poll_budget(cx));
        let hold = Hold::by_running();
        let taken = permits.with(|permits| permits.poll_take(*count, hold, wait, cx.waker()));
        match taken.into_poll() {
            Poll::Ready(taken) => {
                if let Some(claim) = claim.take() {
                    Claims::end(claim);
                }
                Poll::Ready(taken.map(|seat| Permit { permits: permits.clone(), count: *count, seat }))
            }
            Poll::Pending => {
                waits::note(Asked::Listed);
                if claim.is_none() {
                    *claim = F::held(permits).and_then(|held| Claims::leave(*asked, held));
                }
                Poll::Pending
            }
        }
    }
}

impl<F: Sharing> Drop for Acquire<F> {
    fn drop(&mut self) {
        if let Some(claim) = self.claim.take() {
            Claims::end(claim);
        }
        if let Some(wait) = self.wait {
            let (turns, own) = self.permits.with(|permits| permits.handle_wait_dropped(wait));
            turns.wake();
            drop(own);
        }
    }
}
