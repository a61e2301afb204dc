//! Time, on a clock set by hand.

use std::cell::Cell;
use std::future::{pending, poll_fn};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::driver::hand::{Clock, Hand};
use ekiden_reactor::{
    Config, Instant, Interval, Reactor, Task, Tick, interval, run, schedule, sleep, sleep_until, spawn,
    timeout, wall_clock, yield_now,
};
use futures_util::{FutureExt, StreamExt};

fn by_hand<F: Future>(test: impl FnOnce(Clock) -> F) -> F::Output {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(test(clock))
}

const MS: Duration = Duration::from_millis(1);

#[test]
#[should_panic(expected = "the reactor on which this sleep was made has ended")]
fn a_sleep_of_a_reactor_that_has_ended_does_not_wait_for_ever() {
    let late = run(std::future::ready(()).map(|()| sleep(Duration::from_secs(3600))));
    // If it waits, this ends it, and no panic was there.
    let _ended: Result<(), _> = run(timeout(MS, late));
}

#[test]
#[should_panic(expected = "the reactor on which this sleep was made has ended")]
fn nor_does_one_that_has_waited_before() {
    let late = run(async {
        let mut late = Box::pin(sleep(Duration::from_secs(3600)));
        assert!((&mut late).now_or_never().is_none());
        Some(late)
    });
    let _ended: Result<(), _> = run(timeout(MS, late.unwrap()));
}

#[test]
fn a_sleep_ends_at_its_moment_and_not_before() {
    by_hand(async |clock| {
        let mut task = spawn(sleep(1000 * MS));
        yield_now().await;
        clock.advance(999 * MS);
        for _ in 0..10 {
            yield_now().await;
        }
        assert!(!task.is_finished());
        clock.advance(MS);
        (&mut task).await.unwrap();
        assert_eq!(Instant::now().duration_since(Instant::ORIGIN), 1000 * MS);
    });
}

#[test]
fn a_sleep_that_is_over_is_ready_at_once() {
    by_hand(async |_clock| {
        sleep(Duration::ZERO).await;
        sleep_until(Instant::ORIGIN).await;
    });
}

#[test]
fn a_sleep_can_be_moved_later_and_earlier() {
    by_hand(async |clock| {
        let mut sleep = sleep(10 * MS);
        assert!((&mut sleep).now_or_never().is_none());
        sleep.reset(Instant::now() + 100 * MS);
        clock.advance(50 * MS);
        yield_now().await;
        assert!((&mut sleep).now_or_never().is_none());
        sleep.reset(Instant::now() + 10 * MS);
        clock.advance(10 * MS);
        (&mut sleep).await;
        assert!(sleep.is_elapsed());
        sleep.reset(Instant::now() + 5 * MS);
        assert!(!sleep.is_elapsed());
        assert!((&mut sleep).now_or_never().is_none());
        clock.advance(5 * MS);
        sleep.await;
    });
}

#[test]
fn one_sleep_serves_one_deadline_after_the_other() {
    by_hand(async |clock| {
        let mut sleep = sleep(10 * MS);
        let mut is_over = |at: u32| {
            let deadline = Instant::ORIGIN + at * MS;
            poll_fn(|cx| sleep.poll_until(cx, deadline)).now_or_never().is_some()
        };
        for later in [10, 20, 100] {
            assert!(!is_over(later));
        }
        clock.pass(50 * MS).await;
        assert!(!is_over(100));
        assert!(!is_over(60), "earlier than before");
        clock.pass(10 * MS).await;
        assert!(is_over(60));
        assert!(!is_over(70), "again, after it has rung");
        // From here on another task waits.
        let other = spawn(async move { poll_fn(|cx| sleep.poll_until(cx, Instant::ORIGIN + 80 * MS)).await });
        yield_now().await;
        for (passes, is_over) in [(19, false), (1, true)] {
            clock.pass(passes * MS).await;
            yield_now().await;
            assert_eq!(other.is_finished(), is_over);
        }
    });
}

#[test]
fn a_timeout_lets_what_is_quick_enough_through_and_drops_the_rest() {
    by_hand(async |clock| {
        assert_eq!(timeout(MS, async { 5 }).await, Ok(5));
        let (guard, dropped) = (std::rc::Rc::new(()), std::rc::Rc::new(()));
        let weak = std::rc::Rc::downgrade(&guard);
        drop(dropped);
        let task = spawn(timeout(10 * MS, async move {
            let _guard = guard;
            pending::<()>().await;
        }));
        yield_now().await;
        clock.advance(10 * MS);
        assert!(task.await.unwrap().is_err());
        assert!(weak.upgrade().is_none());
    });
}

#[test]
fn an_interval_keeps_its_beat_and_skips_what_was_missed() {
    by_hand(async |clock| {
        let mut beat = interval(10 * MS);
        let due = |n: u32| Instant::ORIGIN + n * 10 * MS;
        assert_eq!(beat.tick().await, due(0));
        clock.advance(12 * MS);
        assert_eq!(beat.tick().await, due(1));
        clock.advance(33 * MS); // 45 ms: the ticks at 20, 30 and 40 were due
        assert_eq!(beat.tick().await, due(2));
        assert!(beat.tick().now_or_never().is_none());
        clock.advance(5 * MS);
        assert_eq!(beat.tick().await, due(5));
    });
}

#[test]
fn an_interval_is_a_stream_of_its_ticks() {
    by_hand(async |clock| {
        let mut beat = interval(10 * MS);
        let due = |n: u32| Instant::ORIGIN + n * 10 * MS;
        assert_eq!(beat.next().await, Some(due(0)));
        let mut next = spawn(async move { beat.next().await });
        clock.pass(9 * MS).await;
        assert!(!next.is_finished(), "it is a millisecond too early");
        clock.pass(MS).await;
        assert_eq!((&mut next).now_or_never().unwrap().unwrap(), Some(due(1)));
    });
}

#[test]
fn an_interval_ticks_in_a_task_that_ticks() {
    struct Beating {
        beat: Interval,
        beats: Rc<Cell<u32>>,
    }
    impl Task for Beating {
        fn tick(&mut self) -> io::Result<Tick> {
            while self.beat.try_tick()?.is_some() {
                self.beats.set(self.beats.get() + 1);
            }
            Ok(Tick::WouldBlock)
        }
    }
    by_hand(async |clock| {
        let beats = Rc::new(Cell::new(0));
        drop(schedule(Beating { beat: interval(10 * MS), beats: beats.clone() }));
        for expected in 1..=3 {
            yield_now().await;
            assert_eq!(beats.get(), expected);
            clock.pass(9 * MS).await;
            assert_eq!(beats.get(), expected, "it is a millisecond too early");
            clock.pass(MS).await;
        }
    });
}

#[test]
fn the_wall_clock_goes_with_the_other() {
    by_hand(async |clock| {
        let before = wall_clock();
        clock.advance(1234 * MS);
        assert_eq!(wall_clock().duration_since(before).unwrap(), 1234 * MS);
    });
}

#[test]
fn a_clock_can_be_advanced_from_another_thread() {
    by_hand(async |clock| {
        let task = spawn(sleep(10 * MS));
        yield_now().await;
        #[expect(clippy::disallowed_methods, reason = "the test is about another thread")]
        let thread = std::thread::spawn(move || clock.advance(10 * MS));
        task.await.unwrap();
        thread.join().unwrap();
    });
}

#[test]
fn many_timers_fire_in_their_order() {
    by_hand(async |clock| {
        let fired = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
        for n in (0..5000u32).rev() {
            let fired = fired.clone();
            drop(spawn(async move {
                sleep_until(Instant::ORIGIN + (n + 1) * MS).await;
                fired.borrow_mut().push(n);
            }));
        }
        yield_now().await;
        clock.advance(Duration::from_secs(10));
        while fired.borrow().len() < 5000 {
            yield_now().await;
        }
        assert!(fired.borrow().is_sorted());
    });
}

#[test]
fn a_moment_survives_the_way_through_the_standard_librarys_type() {
    let there_and_back = |nanos| Instant::from_std(Instant::from_nanos(nanos).into_std()).as_nanos();
    for nanos in [0, 1, 1_000_000_007, u64::MAX] {
        assert_eq!(there_and_back(nanos), nanos);
    }
    let origin = Instant::ORIGIN.into_std();
    assert_eq!(Instant::from_std(origin + 5 * MS), Instant::ORIGIN + 5 * MS);
    assert_eq!(Instant::from_std(origin - MS), Instant::ORIGIN, "there is nothing before it");
}

#[test]
fn reactors_on_the_system_count_from_the_same_moment() {
    let first = ekiden_reactor::run(async { Instant::now() });
    let second = ekiden_reactor::run(async { Instant::now() });
    assert!(second >= first, "{second:?} came after {first:?}");
}

#[test]
fn a_sleep_moved_into_the_past_ends_for_whoever_waits() {
    by_hand(async |_clock| {
        let shared = std::rc::Rc::new(std::cell::RefCell::new(sleep(1000 * MS)));
        let waiting = shared.clone();
        let task = spawn(std::future::poll_fn(move |cx| waiting.borrow_mut().poll_unpin(cx)));
        yield_now().await;
        shared.borrow_mut().reset(Instant::now());
        for _ in 0..10 {
            yield_now().await;
        }
        assert!(task.is_finished());
    });
}

#[test]
fn a_task_that_yields_lets_what_is_due_go_first() {
    by_hand(async |clock| {
        let task = spawn(sleep(10 * MS));
        yield_now().await;
        clock.advance(10 * MS);
        yield_now().await;
        assert!(task.is_finished());
    });
}

#[test]
fn a_clock_set_by_hand_stays_at_its_end() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        clock.advance(Duration::MAX);
        yield_now().await;
        let end = clock.now();
        clock.advance(Duration::from_secs(1));
        yield_now().await;
        assert_eq!(clock.now(), end);
    });
}

#[test]
fn a_wait_for_a_tick_that_is_dropped_loses_none() {
    by_hand(async |clock| {
        let mut beat = interval(10 * MS);
        assert!(beat.tick().now_or_never().is_some(), "the first is at once");
        for n in 1..=3 {
            assert!(beat.tick().now_or_never().is_none());
            clock.pass(10 * MS).await;
            assert_eq!(beat.tick().now_or_never(), Some(Instant::ORIGIN + n * 10 * MS));
        }
    });
}
