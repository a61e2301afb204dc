//! What the operator is told, and what not.

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::io;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use ekiden_reactor::{
    Config, Handle, Reactor, Sleep, Task, Tick, inspect, request_shutdown, run, schedule, sleep, spawn,
    spawn_named, sync, yield_now,
};

/// Runs a test and returns the notices that it caused, each without the place.
fn notices(test: impl AsyncFnOnce()) -> Vec<String> {
    let told = Rc::new(RefCell::new(Vec::new()));
    let mut config = Config::default();
    let log = told.clone();
    config.on_notice = Rc::new(move |notice| log.borrow_mut().push(notice.to_string()));
    Reactor::new(config).unwrap().run(test());
    told.borrow().iter().map(|line| without_place(line)).collect()
}

fn without_place(line: &str) -> String {
    let Some((before, place)) = line.split_once(file!()) else { return line.to_owned() };
    let after = place.find(", ").map_or("", |end| &place[end..]);
    format!("{before}HERE{after}")
}

#[test]
fn a_panic_for_which_nobody_waits_is_told() {
    let told = notices(async || {
        drop(spawn(async { panic!("lost") }));
        yield_now().await;
        // Waited for at first, and then no more.
        let named = spawn_named("the second", async { panic!("lost too") });
        yield_now().await;
        drop(named);
    });
    assert_eq!(
        told,
        [
            "error: task: a task, spawned at HERE, panicked: lost",
            "error: task: the second, spawned at HERE, panicked: lost too",
        ]
    );
}

#[test]
fn a_panic_of_a_task_from_elsewhere_is_told_by_whoever_drops_its_handle() {
    let told = notices(async || {
        let here = Handle::current();
        let (before, after) =
            (here.spawn(|| async { panic!("lost") }), here.spawn(|| async { panic!("left in its handle") }));
        drop(before);
        // Both have ended when this has.
        here.spawn(|| async {}).await.unwrap();
        drop(after);
        assert_eq!(here.stats().panics, 2);
    });
    assert_eq!(
        told,
        [
            "error: task: a task, spawned at HERE, panicked: lost",
            "error: task: a task, spawned at HERE, panicked: left in its handle",
        ]
    );
}

#[test]
fn a_panic_in_a_handle_that_is_there_after_the_reactor_is_told_once() {
    let kept = Rc::new(Cell::new(None));
    let keeps = kept.clone();
    let told = notices(async move || {
        std::mem::forget(spawn(async { panic!("forgotten") }));
        std::mem::forget(spawn(async { "no panic" }));
        keeps.set(Some(spawn(async { panic!("kept") })));
        // Another thread may read it later, so it is left to its owner.
        std::mem::forget(Handle::current().spawn(|| async { panic!("elsewhere") }));
        Handle::current().spawn(|| async {}).await.unwrap();
    });
    assert_eq!(
        told,
        [
            "error: task: a task, spawned at HERE, panicked: forgotten",
            "error: task: a task, spawned at HERE, panicked: kept",
        ]
    );
    assert_eq!(notices(async || drop(kept.take())), [""; 0]);
}

#[test]
fn a_panic_that_somebody_saw_is_not_told() {
    let told = notices(async || {
        let error = spawn(async { panic!("seen") }).await.unwrap_err();
        assert!(error.is_panic());
        let error = Handle::current().spawn(|| async { panic!("seen from elsewhere") }).await.unwrap_err();
        assert!(error.is_panic());
    });
    assert_eq!(told, [""; 0]);
}

#[test]
fn an_aborted_task_is_no_news() {
    let told = notices(async || {
        spawn(pending::<()>()).abort();
        yield_now().await;
    });
    assert_eq!(told, [""; 0]);
}

/// Says the same each time.
struct Says(fn() -> io::Result<Tick>);

impl Task for Says {
    fn tick(&mut self) -> io::Result<Tick> {
        (self.0)()
    }
}

#[test]
fn a_tick_that_waits_for_nothing_is_told() {
    let told = notices(async || {
        drop(schedule(Says(|| Ok(Tick::WouldBlock))));
        yield_now().await;
    });
    assert_eq!(
        told,
        [
            "error: task: a task, spawned at HERE, says that it waits for something, and asked nothing: it never ends"
        ]
    );
}

#[test]
fn a_tick_that_waits_for_what_it_asked_before_is_not_told() {
    /// Asks its timer the first time only.
    struct Patient(Sleep, bool);
    impl Task for Patient {
        fn tick(&mut self) -> io::Result<Tick> {
            if !std::mem::replace(&mut self.1, true) {
                assert_eq!(self.0.try_elapsed()?, None);
                return Ok(Tick::Yield);
            }
            Ok(Tick::WouldBlock)
        }
    }
    let told = notices(async || {
        drop(schedule(Patient(sleep(Duration::from_secs(60)), false)));
        yield_now().await;
        yield_now().await;
    });
    assert_eq!(told, [""; 0]);
}

#[test]
fn a_tick_that_another_thread_wakes_meanwhile_is_not_told() {
    /// Asks the first time; the second time the answer comes while it looks elsewhere.
    struct Distracted(Option<sync::oneshot::Sender<()>>, sync::oneshot::Receiver<()>, u32);
    impl Task for Distracted {
        fn tick(&mut self) -> io::Result<Tick> {
            self.2 += 1;
            if self.2 == 2
                && let Some(sender) = self.0.take()
            {
                thread::scope(|scope| scope.spawn(move || sender.send(())).join()).unwrap().unwrap();
                return Ok(Tick::WouldBlock);
            }
            let answer = self.1.try_recv().map_err(io::Error::other)?;
            Ok(answer.map_or(Tick::Yield, |()| Tick::Final))
        }
    }
    let told = notices(async || {
        let (sender, receiver) = sync::oneshot::channel();
        schedule(Distracted(Some(sender), receiver, 0)).await.unwrap().unwrap();
    });
    assert_eq!(told, [""; 0]);
}

#[test]
fn an_error_of_a_tick_for_which_nobody_waits_is_told() {
    let told = notices(async || {
        drop(schedule(Says(|| Err(io::Error::other("no good")))));
        yield_now().await;
    });
    assert_eq!(told.len(), 1);
    assert!(told[0].ends_with("ended with an error: no good"), "{told:?}");
}

/// Panics when it is dropped.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("dropped");
    }
}

#[test]
fn a_result_that_panics_when_nobody_takes_it_ends_its_task_only() {
    let told = notices(async || {
        drop(spawn(async { Bomb }));
        yield_now().await;
    });
    assert_eq!(told, ["error: task: the end of a task, spawned at HERE, panicked: dropped"]);
}

#[test]
fn what_a_task_panicked_with_may_panic_in_turn() {
    let told = notices(async || {
        drop(spawn(async { std::panic::panic_any(Bomb) }));
        yield_now().await;
    });
    assert_eq!(
        told,
        [
            "error: task: a task, spawned at HERE, panicked: no message",
            "error: task: the end of a task, spawned at HERE, panicked: dropped",
        ]
    );
}

#[test]
fn a_hook_that_panics_is_passed_over() {
    let mut config = Config::default();
    config.on_notice = Rc::new(|_| panic!("in the hook"));
    let answer = Reactor::new(config).unwrap().run(async {
        drop(spawn(async { panic!("lost") }));
        yield_now().await;
        "still here"
    });
    assert_eq!(answer, "still here");
}

#[test]
fn tasks_that_spawn_their_like_when_dropped_are_leaked_at_the_end_and_told() {
    struct Hydra;
    impl Drop for Hydra {
        fn drop(&mut self) {
            let head = Self;
            drop(spawn(async move {
                let _head = head;
                pending::<()>().await;
            }));
        }
    }
    let told = notices(async || drop(Hydra));
    assert_eq!(told, ["error: task: 1 tasks spawn tasks whenever they are dropped, and are leaked"]);
}

#[test]
fn whatever_panics_while_a_reactor_ends_the_rest_of_it_is_dropped() {
    let told = Rc::new(RefCell::new(Vec::new()));
    let mut config = Config::default();
    let log = told.clone();
    // The hook panics as well, at whatever it is told.
    config.on_notice = Rc::new(move |notice| {
        log.borrow_mut().push(notice.to_string());
        panic!("in the hook");
    });
    let reactor = Reactor::new(config).unwrap();
    let (handle, is_dropped) = (reactor.handle(), Rc::new(()));
    let held = is_dropped.clone();
    reactor.run(async move {
        drop(spawn(async move {
            let _held = held;
            pending::<()>().await;
        }));
        request_shutdown();
    });
    // Nobody reads these any more.
    let letters: Vec<_> = (0..2)
        .map(|_| {
            let bomb = Bomb;
            handle.spawn(move || async move { drop(bomb) })
        })
        .collect();
    let number = handle.stats().reactor;
    drop(reactor);
    assert_eq!(Rc::strong_count(&is_dropped), 1, "its task");
    assert!(inspect::stats().iter().all(|stats| stats.reactor != number), "it is listed no more");
    run(async {
        for letter in letters {
            assert!(letter.await.is_err_and(|error| error.is_aborted()));
        }
    });
    let told: Vec<_> = told.borrow().iter().map(|line| without_place(line)).collect();
    let letter = "error: task: a function that makes a task, spawned at HERE, panicked: dropped";
    assert_eq!(told[..2], [letter, letter], "{told:?}");
    assert!(told[2].starts_with("warning: shutdown: 1 tasks had not ended and are dropped: "), "{told:?}");
    assert_eq!((told.len(), handle.stats().panics), (3, 2));
}
