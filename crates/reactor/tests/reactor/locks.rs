//! A mutex in a reactor's tasks: schedules played by hand, who holds it, and what a panic leaves.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use ekiden_reactor::channel::Mutex;
use ekiden_reactor::channel::mutex::MutexGuard;
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::{Config, Instant, Reactor, Task, Tick, run, schedule, spawn, spawn_named, yield_now};

/// `a` waits for the lock, or looks again; `-a` drops its wait or its lock; `try a` tries. Each holder writes its name.
fn play(schedule: &str) -> String {
    run(async {
        let mutex = Mutex::new(String::new());
        let mut waits: BTreeMap<char, Pin<Box<dyn Future<Output = MutexGuard<'_, String>> + '_>>> =
            BTreeMap::new();
        let mut held: BTreeMap<char, MutexGuard<'_, String>> = BTreeMap::new();
        for word in schedule.split(", ") {
            let name = word.chars().next_back().unwrap();
            let locked = if word.starts_with('-') {
                waits.remove(&name);
                held.remove(&name);
                None
            } else if word.starts_with("try") {
                mutex.try_lock()
            } else {
                let wait = waits.entry(name).or_insert_with(|| Box::pin(mutex.lock()));
                match poll_fn(|cx| Poll::Ready(wait.as_mut().poll(cx))).await {
                    Poll::Ready(guard) => Some(guard),
                    Poll::Pending => None,
                }
            };
            if let Some(mut guard) = locked {
                waits.remove(&name);
                guard.push(name);
                held.insert(name, guard);
            }
            assert_eq!(held.len(), usize::from(mutex.holder().is_some()), "after {word} of {schedule}");
        }
        drop((waits, held));
        mutex.into_inner()
    })
}

#[test]
fn one_at_a_time_in_the_order_they_came() {
    assert_eq!(play("a, b, c, -a, c, b, -b, c"), "abc");
    assert_eq!(play("a, b, -a, try c, c, b, -b, c"), "abc");
    assert_eq!(play("try a, try b, -a, try b"), "ab");
}

#[test]
fn a_wait_that_is_dropped_passes_its_turn_on() {
    assert_eq!(play("a, b, c, -b, -a, c"), "ac");
    assert_eq!(play("a, b, c, -a, -b, c"), "ac");
}

#[test]
fn a_tick_that_finds_it_held_is_ticked_again() {
    struct Writer(Rc<Mutex<u32>>, Rc<RefCell<u32>>);
    impl Task for Writer {
        fn tick(&mut self) -> io::Result<Tick> {
            *self.1.borrow_mut() += 1;
            let Some(mut value) = self.0.try_lock() else { return Ok(Tick::WouldBlock) };
            *value += 1;
            Ok(Tick::Final)
        }
    }
    run(async {
        let (mutex, ticks) = (Rc::new(Mutex::new(0)), Rc::new(RefCell::new(0)));
        let mut value = mutex.lock().await;
        let writer = schedule(Writer(mutex.clone(), ticks.clone()));
        yield_now().await;
        *value = 5;
        drop(value);
        writer.await.unwrap().unwrap();
        assert_eq!((*mutex.lock().await, *ticks.borrow()), (6, 2));
    });
}

#[test]
fn it_says_who_holds_it_and_since_when() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async move {
        let mutex = Rc::new(Mutex::new(()));
        assert!(mutex.holder().is_none());
        let (named, unnamed) = (mutex.clone(), mutex.clone());
        let began = Instant::now();
        let first = spawn_named("first", async move {
            let _guard = named.lock().await;
            yield_now().await;
            pending::<()>().await;
        });
        let second = spawn(async move { drop((unnamed.lock().await, pending::<()>().await)) });
        yield_now().await;
        clock.advance(Duration::from_secs(3));
        let holder = mutex.holder().unwrap();
        assert_eq!((holder.task, holder.since), (Some("first"), Some(began)));
        let (spawned, locked) = (holder.spawned_at.unwrap(), holder.locked_at);
        assert!(spawned.file() == file!() && locked.line() > spawned.line(), "{spawned} {locked}");
        let text = holder.to_string();
        assert_eq!(text, format!("held by first, spawned at {spawned}, locked at {locked} 3s ago"));

        yield_now().await; // a turn begins, and reads the clock
        first.abort();
        for _ in 0..3 {
            yield_now().await;
        }
        let holder = mutex.holder().unwrap();
        assert_eq!((holder.task, holder.since), (None, Some(began + Duration::from_secs(3))));
        assert!(holder.to_string().starts_with("held by a task, spawned at "), "{holder}");
        second.abort();
        let _guard = mutex.lock().await;
        let text = mutex.holder().unwrap().to_string();
        assert!(text.starts_with("held by the main future, locked at "), "{text}");
    });
}

#[test]
fn a_panic_lets_go_and_is_remembered() {
    run(async {
        let mutex = Rc::new(Mutex::new(0));
        let theirs = mutex.clone();
        let task = spawn_named("clumsy", async move {
            let mut value = theirs.lock().await;
            *value = 1;
            panic!("half-way");
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(*mutex.lock().await, 1);
        assert_eq!(mutex.left_by_panic().unwrap().task, Some("clumsy"));
        mutex.clear_panic();
        assert!(mutex.left_by_panic().is_none());
    });
}

#[test]
fn who_locks_while_something_panics_is_not_blamed() {
    struct Cleanup(Rc<Mutex<u32>>);
    impl Drop for Cleanup {
        fn drop(&mut self) {
            *self.0.try_lock().unwrap() += 1;
        }
    }
    run(async {
        let mutex = Rc::new(Mutex::new(0));
        let cleanup = Cleanup(mutex.clone());
        let task = spawn(async move {
            let _cleanup = cleanup;
            panic!("elsewhere");
        });
        assert!(task.await.unwrap_err().is_panic());
        assert!(mutex.left_by_panic().is_none());
        assert_eq!(*mutex.lock().await, 1);
    });
}
