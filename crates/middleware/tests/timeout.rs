//! The time-out, on a clock set by hand.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ekiden_middleware::{Expired, MiddlewareExt, Timeout};
use ekiden_reactor::context::{self, Context as Around};
use ekiden_reactor::driver::hand::{Clock, Hand};
use ekiden_reactor::{Config, Instant, Reactor, sleep, spawn, yield_now};
use ekiden_service::{Refused, Service, Status, service_fn};

#[test]
fn a_call_has_its_time_and_no_more() {
    check(ms(10), ms(5), "5ms: Ok(())");
    check(ms(10), ms(11), "10ms: Err(Expired(10ms))");
    check(ms(10), ms(100), "10ms: Err(Expired(10ms))");
}

#[test]
fn an_answer_that_is_ready_when_time_runs_out_counts() {
    check(ms(10), ms(10), "10ms: Ok(())");
}

#[test]
fn no_time_is_one_try() {
    check(ms(0), ms(0), "0ns: Ok(())");
    check(ms(0), ms(1), "0ns: Err(Expired(0ns))");
}

#[test]
fn all_the_time_there_is_does_not_overflow() {
    check(Duration::MAX, ms(100), "100ms: Ok(())");
}

#[test]
fn the_services_own_errors_pass() {
    by_hand(async |clock| {
        let service = service_fn(async |()| Err::<(), Error>(Error::Refused)).timeout(ms(10));
        let call = async move { service.call(()).await };
        assert_eq!(outcome(&clock, call).await, "0ns: Err(Refused)");
    });
}

#[test]
fn time_runs_from_the_first_poll() {
    by_hand(async |clock| {
        let service = Slow(ms(5)).timeout(ms(10));
        let late_start = async move {
            let call = service.call(());
            sleep(ms(50)).await;
            call.await
        };
        assert_eq!(outcome(&clock, late_start).await, "55ms: Ok(())");
    });
}

#[test]
fn time_in_the_queue_of_a_limit_within_counts() {
    by_hand(async |clock| {
        let service = Rc::new(Slow(ms(15)).concurrency_limit(1, 1).timeout(ms(20)));
        let (first, second, third) = (service.clone(), service.clone(), service.clone());
        drop(spawn(async move { first.call(()).await }));
        assert_eq!(outcome(&clock, async move { second.call(()).await }).await, "20ms: Err(Expired(20ms))");
        // The second gave back its place when it was given up.
        assert_eq!(outcome(&clock, async move { third.call(()).await }).await, "15ms: Ok(())");
    });
}

#[test]
fn what_the_inner_call_held_is_free_before_its_caller_hears_of_it() {
    struct Held(Rc<RefCell<Vec<&'static str>>>);
    impl Drop for Held {
        fn drop(&mut self) {
            self.0.borrow_mut().push("it is free");
        }
    }

    by_hand(async |clock| {
        let log = Rc::new(RefCell::new(Vec::new()));
        let (held, heard) = (log.clone(), log.clone());
        let stuck = service_fn(async move |()| {
            let _held = Held(held.clone());
            pending::<Result<(), Error>>().await
        });
        let call = async move {
            let answer = stuck.timeout(ms(10)).call(()).await;
            heard.borrow_mut().push("the caller hears of it");
            answer
        };
        assert_eq!(outcome(&clock, call).await, "10ms: Err(Expired(10ms))");
        assert_eq!(*log.borrow(), ["it is free", "the caller hears of it"]);
    });
}

#[test]
fn its_status_is_that_of_the_service_within() {
    let service = Timeout::new(Slow(ms(1)).concurrency_limit(1, 0), ms(1));
    assert_eq!(service.status(), Status::Open);
    by_hand(async |_clock| {
        let mut call = pin!(service.call(()));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(service.status(), Status::Busy);
    });
}

#[test]
fn it_allocates_nothing_of_its_own() {
    by_hand(async |_clock| {
        let answers = service_fn(async |()| Ok::<(), Error>(())).timeout(ms(10));
        let waits = service_fn(async |()| {
            yield_now().await;
            Ok::<(), Error>(())
        })
        .timeout(ms(10));
        waits.call(()).await.unwrap(); // the reactor's table of timers grows once
        let counted = allocation_counter::measure(|| {
            let mut cx = Context::from_waker(Waker::noop());
            assert!(pin!(answers.call(())).poll(&mut cx).is_ready());
            assert!(pin!(waits.call(())).poll(&mut cx).is_pending());
        });
        assert_eq!(counted.count_total, 0);
    });
}

#[test]
fn of_two_deadlines_the_earlier_counts() {
    for (around, after, expect) in [
        (ms(5), ms(10), "5ms: Err(Expired(5ms))"),
        (ms(10), ms(5), "5ms: Err(Expired(5ms))"),
        (ms(10), Duration::MAX, "10ms: Err(Expired(10ms))"),
        (ms(100), ms(100), "50ms: Ok(())"),
    ] {
        by_hand(async |clock| {
            let service = Slow(ms(50)).timeout(after);
            let context = Around::current().with_deadline(Instant::now() + around);
            let call = context.scope(async move { service.call(()).await });
            assert_eq!(outcome(&clock, call).await, expect);
        });
    }
}

#[test]
fn within_the_deadline_is_known() {
    by_hand(async |clock| {
        let asks = || service_fn(async |()| Ok::<_, Error>(context::remaining()));
        assert_eq!(asks().timeout(ms(10)).call(()).await.unwrap(), Some(ms(10)));
        assert_eq!(asks().timeout(ms(20)).timeout(ms(10)).call(()).await.unwrap(), Some(ms(10)));
        assert_eq!(asks().timeout(ms(5)).timeout(ms(10)).call(()).await.unwrap(), Some(ms(5)));
        assert_eq!(asks().timeout(Duration::MAX).call(()).await.unwrap(), None);
        // One try is not to be given up before it is made.
        assert_eq!(asks().timeout(ms(0)).call(()).await.unwrap(), None);

        // It is that of the call's begin, however long it takes; and what it spawns has it too.
        let spawns = service_fn(async |()| {
            sleep(ms(4)).await;
            Ok::<_, Error>(spawn(async { context::remaining() }).await.unwrap())
        });
        let call = spawn(async move { spawns.timeout(ms(10)).call(()).await.unwrap() });
        yield_now().await;
        clock.pass(ms(4)).await;
        assert_eq!(call.await.unwrap(), Some(ms(6)));
        assert_eq!(context::deadline(), None);
    });
}

#[test]
fn a_call_whose_deadline_has_passed_is_not_begun() {
    by_hand(async |clock| {
        let calls = Rc::new(Cell::new(0));
        let count = calls.clone();
        let service = Rc::new(
            service_fn(async move |()| {
                count.set(count.get() + 1);
                Ok::<(), Error>(())
            })
            .timeout(ms(10)),
        );
        let context = Around::current().with_deadline(Instant::now() + ms(5));
        for (at, expect, begun) in [(0, "0ns: Ok(())", 1), (4, "0ns: Ok(())", 2), (1, "0ns: Err(Unbegun)", 2)]
        {
            clock.pass(ms(at)).await;
            let service = service.clone();
            let call = context.clone().scope(async move { service.call(()).await });
            assert_eq!((outcome(&clock, call).await.as_str(), calls.get()), (expect, begun));
        }
        let no_time = Slow(ms(0)).timeout(ms(0));
        let call = context.scope(async move { no_time.call(()).await });
        assert_eq!(outcome(&clock, call).await, "0ns: Err(Unbegun)", "one try is too many");
    });
}

/// Calls a service that answers after a time, with a time-out around it, and compares when it ended and how.
fn check(timeout: Duration, answers_after: Duration, expect: &str) {
    by_hand(async |clock| {
        let service = Slow(answers_after).timeout(timeout);
        assert_eq!(outcome(&clock, async move { service.call(()).await }).await, expect);
    });
}

/// Answers after a time, or at once if that is zero.
struct Slow(Duration);

impl Service for Slow {
    type Req = ();
    type Resp = ();
    type Error = Error;

    async fn call(&self, (): ()) -> Result<(), Error> {
        if !self.0.is_zero() {
            sleep(self.0).await;
        }
        Ok(())
    }
}

#[derive(Debug)]
enum Error {
    #[expect(dead_code, reason = "it is printed")]
    Expired(Duration),
    Unbegun,
    Refused,
}

impl From<Expired> for Error {
    fn from(expired: Expired) -> Self {
        expired.after().map_or(Self::Unbegun, Self::Expired)
    }
}

impl From<Refused> for Error {
    fn from(_: Refused) -> Self {
        Self::Refused
    }
}

fn by_hand(test: impl AsyncFnOnce(Clock)) {
    let (hand, clock) = Hand::new().expect("the system gives a driver");
    Reactor::with_driver(Config::default(), hand).run(test(clock));
}

/// How a call ended and when, on a clock that moves a millisecond at a time.
async fn outcome<T: Debug + 'static>(clock: &Clock, call: impl Future<Output = T> + 'static) -> String {
    let begun = Instant::now();
    let call = spawn(async move {
        let answer = call.await;
        format!("{:?}: {answer:?}", begun.elapsed())
    });
    yield_now().await;
    while !call.is_finished() {
        pass_a_millisecond(clock).await;
    }
    call.await.expect("it does not panic")
}

/// Moves the clock, and comes back when every timer that is due by then has fired and its task has run.
async fn pass_a_millisecond(clock: &Clock) {
    let mut timer = pin!(sleep(ms(1)));
    poll_fn(|cx| Poll::Ready(timer.as_mut().poll(cx).is_pending())).await;
    clock.advance(ms(1));
    timer.await;
    yield_now().await;
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
