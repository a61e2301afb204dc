//! Tasks that wake each other by wakers and nothing else.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

thread_local! {
    static TURN: Cell<usize> = const { Cell::new(0) };
    static WAITING: RefCell<[Option<Waker>; 2]> = const { RefCell::new([None, None]) };
}

/// One of two tasks on a thread, 0 and 1, that take turns: it gives the turn away so many times. 0 begins.
///
/// The state is the thread's, so that the tasks are `Send` where a runtime demands it, and pay for no lock.
pub async fn play(me: usize, turns: u64) {
    for _ in 0..turns {
        poll_fn(|cx| {
            if TURN.get() == me {
                return Poll::Ready(());
            }
            WAITING.with_borrow_mut(|waiting| remember(&mut waiting[me], cx.waker()));
            Poll::Pending
        })
        .await;
        TURN.set(1 - me);
        WAITING.with_borrow(|waiting| waiting[1 - me].iter().for_each(Waker::wake_by_ref));
    }
}

pub(crate) fn remember(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(known) => known.clone_from(waker),
        None => *slot = Some(waker.clone()),
    }
}

/// Yields, for runtimes that leave it to their users: the task wakes itself.
pub async fn yield_now() {
    let mut yielded = false;
    poll_fn(|cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

const STOPPED: usize = 2;

/// What two tasks on two threads share to take turns.
#[derive(Clone, Default)]
pub struct Threads(Arc<Shared>);

#[derive(Default)]
struct Shared {
    turn: AtomicUsize,
    waiting: [Mutex<Option<Waker>>; 2],
}

impl Threads {
    /// Gives the turn away so many times, and has it back in the end. For one of the two tasks.
    pub async fn ask(&self, turns: u64) {
        for _ in 0..turns {
            self.give(0, 1);
            self.have(0).await;
        }
    }

    /// Gives each turn back until the other one stops. For the other of the two tasks.
    pub async fn answer(&self) {
        while self.have(1).await != STOPPED {
            self.give(1, 0);
        }
    }

    /// Ends [`answer`](Self::answer).
    pub fn stop(&self) {
        self.give(0, STOPPED);
    }

    fn give(&self, me: usize, turn: usize) {
        self.0.turn.store(turn, Ordering::Release);
        let waiting = self.0.waiting[1 - me].lock().expect("nobody panics").clone();
        waiting.iter().for_each(Waker::wake_by_ref);
    }

    /// Waits for a turn that is not the other's.
    async fn have(&self, me: usize) -> usize {
        poll_fn(|cx| {
            remember(&mut self.0.waiting[me].lock().expect("nobody panics"), cx.waker());
            match self.0.turn.load(Ordering::Acquire) {
                turn if turn == 1 - me => Poll::Pending,
                turn => Poll::Ready(turn),
            }
        })
        .await
    }
}
