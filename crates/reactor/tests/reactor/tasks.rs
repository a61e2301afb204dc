//! Tasks that are futures: spawned, joined, aborted, panicking.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::{AbortHandle, Config, Reactor, channel, inspect, run, spawn, yield_now};
use futures_util::FutureExt as _;

/// Sets a flag when it is dropped.
struct Dropped(Rc<Cell<bool>>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

#[test]
fn a_task_gives_its_result_to_whoever_joins_it() {
    assert_eq!(run(async { spawn(async { 6 * 7 }).await.unwrap() }), 42);
}

#[test]
fn tasks_run_in_the_order_they_became_ready() {
    let order = Rc::new(RefCell::new(Vec::new()));
    run(async {
        let tasks: Vec<_> = (0..3)
            .map(|n| {
                let order = order.clone();
                spawn(async move {
                    order.borrow_mut().push(n);
                    yield_now().await;
                    order.borrow_mut().push(n + 10);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(*order.borrow(), [0, 1, 2, 10, 11, 12]);
}

#[test]
fn a_panic_reaches_the_handle_and_harms_no_other_task() {
    run(async {
        let other = spawn(async {
            yield_now().await;
            "still here"
        });
        let error = spawn(async { panic!("as asked, {}", std::hint::black_box(1)) }).await.unwrap_err();
        assert!(error.is_panic() && !error.is_aborted());
        assert_eq!(error.panic_message(), Some("as asked, 1"));
        assert_eq!(error.to_string(), "the task panicked: as asked, 1");
        assert!(error.into_panic().unwrap().is::<String>());
        assert_eq!(other.await.unwrap(), "still here");
    });
}

#[test]
fn a_panic_while_the_future_is_dropped_reaches_the_handle_too() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            panic!("in drop");
        }
    }
    run(async {
        let bomb = spawn(async {
            let _bomb = Bomb;
            pending::<()>().await;
        });
        yield_now().await;
        bomb.abort();
        assert_eq!(bomb.await.unwrap_err().panic_message(), Some("in drop"));
    });
}

#[test]
fn abort_drops_the_future_and_the_handle_says_so() {
    run(async {
        let dropped = Rc::new(Cell::new(false));
        let guard = Dropped(dropped.clone());
        let task = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        });
        yield_now().await;
        assert!(!dropped.get() && !task.is_finished());
        task.abort();
        assert!(task.await.unwrap_err().is_aborted());
        assert!(dropped.get());
    });
}

#[test]
fn abort_after_the_end_changes_nothing() {
    run(async {
        let task = spawn(async { 1 });
        yield_now().await;
        assert!(task.is_finished());
        task.abort();
        yield_now().await;
        assert_eq!(task.await.unwrap(), 1);
    });
}

#[test]
fn a_handle_kept_beyond_the_end_never_aborts_the_task_that_got_the_place() {
    run(async {
        let first = spawn(async {});
        yield_now().await;
        let second = spawn(async {
            yield_now().await;
            "whole"
        });
        first.abort();
        yield_now().await;
        assert_eq!(second.await.unwrap(), "whole");
    });
}

#[test]
fn an_abort_handle_ends_its_task_and_no_other() {
    run(async {
        let ended = spawn(async {});
        let first = ended.abort_handle();
        yield_now().await;
        assert!(first.is_finished() && ended.is_finished());
        let dropped = Rc::new(Cell::new(false));
        let guard = Dropped(dropped.clone());
        let second = spawn(async move {
            let _guard = guard;
            pending::<()>().await;
        })
        .abort_handle();
        first.abort();
        yield_now().await;
        yield_now().await;
        assert!(!second.is_finished() && !dropped.get(), "although it has the other's place");
        ended.abort_handle().abort();
        yield_now().await;
        yield_now().await;
        assert!(!second.is_finished(), "nor is it that of a handle which is asked too late");
        second.clone().abort();
        yield_now().await;
        assert!(second.is_finished() && dropped.get());
        second.abort();
    });
}

#[test]
fn a_task_may_abort_itself() {
    run(async {
        let (sender, receiver) = channel::oneshot::channel();
        let task = spawn(async move {
            let own: AbortHandle = receiver.await.unwrap();
            own.abort();
            assert!(!own.is_finished());
            yield_now().await;
            unreachable!("it was to be dropped");
        });
        drop(sender.send(task.abort_handle()));
        assert!(task.await.unwrap_err().is_aborted());
    });
}

#[test]
fn dropping_the_handle_detaches() {
    run(async {
        let done = Rc::new(Cell::new(false));
        let flag = done.clone();
        drop(spawn(async move {
            yield_now().await;
            flag.set(true);
        }));
        while !done.get() {
            yield_now().await;
        }
    });
}

#[test]
fn a_handle_can_be_polled_by_reference_and_given_up() {
    run(async {
        let mut task = spawn(async {
            yield_now().await;
            7
        });
        let first = poll_fn(|cx| Poll::Ready(std::pin::Pin::new(&mut task).poll(cx).is_ready())).await;
        assert!(!first);
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn a_reactor_that_ends_drops_its_tasks_where_they_may_still_use_it() {
    struct Spawner(Rc<Cell<bool>>);
    impl Drop for Spawner {
        fn drop(&mut self) {
            let dropped = Dropped(self.0.clone());
            drop(spawn(async move {
                let _dropped = dropped;
                pending::<()>().await;
            }));
        }
    }
    let dropped = Rc::new(Cell::new(false));
    let spawner = Spawner(dropped.clone());
    run(async {
        drop(spawn(async move {
            let _spawner = spawner;
            pending::<()>().await;
        }));
        yield_now().await;
    });
    assert!(dropped.get());
}

#[test]
fn a_reactor_can_be_run_again_and_goes_on_with_its_tasks() {
    let reactor = Reactor::new(Config::default()).unwrap();
    let mut task = None;
    reactor.run(async {
        task = Some(spawn(async {
            for _ in 0..3 {
                yield_now().await;
            }
            "done"
        }));
    });
    assert_eq!(reactor.run(task.unwrap()).unwrap(), "done");
}

#[test]
fn reactors_nest_on_one_thread() {
    let outer = run(async {
        let inner = run(async { spawn(async { 1 }).await.unwrap() });
        spawn(async move { inner + 1 }).await.unwrap()
    });
    assert_eq!(outer, 2);
}

#[test]
#[should_panic(expected = "this reactor is running already")]
fn a_reactor_cannot_be_run_within_itself() {
    let reactor = Rc::new(Reactor::new(Config::default()).unwrap());
    let same = reactor.clone();
    reactor.run(async move { same.run(async {}) });
}

#[test]
#[should_panic(expected = "no reactor runs on this thread")]
fn spawning_outside_a_reactor_says_what_to_do() {
    drop(spawn(async {}));
}

#[test]
fn a_future_that_wakes_itself_all_the_time_starves_nobody() {
    run(async {
        drop(spawn(async {
            loop {
                yield_now().await;
            }
        }));
        for _ in 0..1000 {
            yield_now().await;
        }
    });
}

#[test]
fn who_yields_goes_behind_the_others_also_if_it_was_woken_before() {
    run(async {
        let polls = Rc::new(Cell::new(0));
        let count = polls.clone();
        let busy = spawn(async move {
            loop {
                poll_fn(|cx| {
                    cx.waker().wake_by_ref();
                    Poll::Ready(())
                })
                .await;
                count.set(count.get() + 1);
                yield_now().await;
            }
        });
        for turn in 0..20 {
            assert_eq!(polls.get(), turn, "polls of who yields after so many turns");
            yield_now().await;
        }
        busy.abort();
    });
}

#[test]
fn a_waker_that_panics_keeps_nothing_of_a_reactor_that_ends() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("somebody else's waker");
        }
    }
    let reactor = Reactor::with_driver(Config::default(), Hand::new().unwrap().0);
    let number = reactor.handle().stats().reactor;
    let owned = Rc::new(());
    let mut waits = None;
    reactor.run(async {
        let waits = waits.insert(spawn(pending::<()>()));
        assert!(waits.poll_unpin(&mut Context::from_waker(&Waker::from(Arc::new(Panics)))).is_pending());
        let owned = owned.clone();
        drop(spawn(async move {
            pending::<()>().await;
            drop(owned);
        }));
    });
    drop(reactor);
    assert_eq!(Rc::strong_count(&owned), 1, "the other task is dropped");
    assert!(inspect::stats().iter().all(|stats| stats.reactor != number), "it has ended");
    assert!(waits.is_some_and(|waits| waits.is_finished()));
}
