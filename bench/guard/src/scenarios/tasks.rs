//! Tasks: spawning, joining, yielding, waking.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use ekiden::{spawn, yield_now};

use crate::world;

pub(super) fn spawn_join_one(count: u64) {
    world::run(async |_| {
        for n in 0..count {
            assert_eq!(spawn(async move { n }).await.ok(), Some(n));
        }
    });
}

pub(super) fn spawn_join_1000(count: u64) {
    world::run(async |_| {
        let mut tasks = Vec::with_capacity(1000);
        for _ in 0..count / 1000 {
            tasks.extend((0..1000).map(|n| spawn(async move { n })));
            let mut sum = 0;
            for task in tasks.drain(..) {
                sum += task.await.unwrap_or_default();
            }
            assert_eq!(sum, 499_500);
        }
    });
}

pub(super) fn yields(count: u64) {
    world::run(async |_| {
        for _ in 0..count {
            yield_now().await;
        }
    });
}

/// Whose turn it is of two, and how often it went from one to the other.
#[derive(Default)]
struct Baton {
    passed: Cell<u64>,
    wakers: RefCell<[Option<Waker>; 2]>,
}

pub(super) fn wake(count: u64) {
    world::run(async |_| {
        let baton = Rc::new(Baton::default());
        let other = spawn(run_with(baton.clone(), 1, count));
        run_with(baton.clone(), 0, count).await;
        assert!(other.await.is_ok());
        assert_eq!(baton.passed.get(), count);
    });
}

/// One of two runners: passes the baton on whenever it has it, until both have run far enough.
async fn run_with(baton: Rc<Baton>, me: u64, count: u64) {
    poll_fn(|cx| {
        let wakers = &mut *baton.wakers.borrow_mut();
        wakers[me as usize].get_or_insert_with(|| cx.waker().clone());
        let passed = baton.passed.get();
        let is_over = passed == count;
        if !is_over && passed % 2 == me {
            baton.passed.set(passed + 1);
        }
        if let Some(other) = &wakers[1 - me as usize] {
            other.wake_by_ref();
        }
        if is_over { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}
