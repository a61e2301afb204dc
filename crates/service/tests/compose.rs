//! What the methods of services make, called through and through.

use std::cell::Cell;
use std::fmt::{self, Debug};
use std::future::{Future, pending};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ekiden_service::{
    Begun, BoxService, Expired, Failure, Fault, Refused, Service, ServiceExt, Status, service_fn,
};

/// Parses a number, and is as busy as it is told to be.
#[derive(Clone, Debug)]
struct Parse(Status);

impl Service for Parse {
    type Req = &'static str;
    type Resp = u32;
    type Error = String;

    async fn call(&self, req: &'static str) -> Result<u32, String> {
        req.parse().map_err(|_| format!("not a number: {req}"))
    }

    fn status(&self) -> Status {
        self.0
    }
}

/// Calls a service that answers at once, and has every status that `Parse` has.
fn check<S: Service<Resp: Debug, Error: Debug>>(make: impl Fn(Parse) -> S, req: S::Req, expect: &str) {
    let service = make(Parse(Status::Open));
    let mut cx = Context::from_waker(Waker::noop());
    let Poll::Ready(answer) = pin!(service.call(req)).poll(&mut cx) else {
        panic!("it did not answer at once")
    };
    assert_eq!(format!("{answer:?}"), expect);

    for status in [Status::Open, Status::Busy, Status::Closed] {
        assert_eq!(make(Parse(status)).status(), status);
    }
}

#[test]
fn requests_are_mapped_on_the_way_in() {
    check(|parse| parse.map_req(|rich: bool| if rich { "1000" } else { "x" }), true, "Ok(1000)");
    check(
        |parse| parse.map_req(|rich: bool| if rich { "1000" } else { "x" }),
        false,
        r#"Err("not a number: x")"#,
    );
}

#[test]
fn responses_are_mapped_and_errors_are_not() {
    check(|parse| parse.map_resp(|n| n + 1), "7", "Ok(8)");
    check(|parse| parse.map_resp(|n| n + 1), "x", r#"Err("not a number: x")"#);
}

#[test]
fn errors_are_mapped_and_responses_are_not() {
    check(|parse| parse.map_err(|error| error.len()), "7", "Ok(7)");
    check(|parse| parse.map_err(|error| error.len()), "x", "Err(15)");
}

#[test]
fn and_then_goes_on_with_a_response_only() {
    let halve = async |n: u32| if n.is_multiple_of(2) { Ok(n / 2) } else { Err(format!("odd: {n}")) };
    check(|parse| parse.and_then(halve), "8", "Ok(4)");
    check(|parse| parse.and_then(halve), "7", r#"Err("odd: 7")"#);
    check(|parse| parse.and_then(halve), "x", r#"Err("not a number: x")"#);
}

#[test]
fn what_was_added_last_sees_the_response_last() {
    check(|parse| parse.map_resp(|n| n + 1).map_resp(|n| n * 10), "7", "Ok(80)");
    check(|parse| parse.wrap(|inner| inner.map_resp(|n| n * 10)).map_resp(|n| n + 1), "7", "Ok(71)");
}

#[test]
fn pointers_to_a_service_are_services() {
    check(Box::new, "7", "Ok(7)");
    check(Rc::new, "7", "Ok(7)");
    check(Arc::new, "7", "Ok(7)");
    check(|parse| &*Box::leak(Box::new(parse)), "7", "Ok(7)");
    check(|parse| parse.boxed(), "7", "Ok(7)");
    check(|parse| parse.boxed().clone(), "x", r#"Err("not a number: x")"#);
}

#[test]
fn clones_of_a_boxed_service_are_one_service() {
    let calls = Cell::new(0);
    let counter: BoxService<&str, u32, String> = service_fn(async move |_| {
        calls.set(calls.get() + 1);
        Ok(calls.get())
    })
    .boxed();
    let mut cx = Context::from_waker(Waker::noop());
    assert_eq!(pin!(counter.clone().call("")).poll(&mut cx), Poll::Ready(Ok(1)));
    assert_eq!(pin!(counter.call("")).poll(&mut cx), Poll::Ready(Ok(2)));
}

#[test]
fn a_dropped_call_drops_what_is_beneath() {
    struct Running<'a>(&'a Cell<u32>);
    impl Drop for Running<'_> {
        fn drop(&mut self) {
            self.0.set(self.0.get() - 1);
        }
    }

    let running: &'static Cell<u32> = Box::leak(Box::default());
    let service = service_fn(async |()| {
        running.set(running.get() + 1);
        let _running = Running(running);
        pending::<Result<(), String>>().await
    });
    let service =
        service.map_req(|()| ()).map_resp(|()| ()).and_then(async |()| Ok(())).map_err(|e| e).boxed();

    let mut call = Box::pin(service.call(()));
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert_eq!(running.get(), 1);
    drop(call);
    assert_eq!(running.get(), 0);
}

#[test]
fn a_stack_shows_itself() {
    fn check(service: impl Service + Debug, begin: &str) {
        let shown = format!("{service:?}");
        // A function's type name ends in the compiler's own words.
        assert!(shown.starts_with(begin), "{shown}");
    }

    let parse = || Parse(Status::Busy);
    let here = "compose::a_stack_shows_itself";
    check(parse().map_req(|()| "7"), &format!("MapReq {{ inner: Parse(Busy), f: {here}"));
    check(parse().map_resp(|n| n + 1), &format!("MapResp {{ inner: Parse(Busy), f: {here}"));
    check(parse().map_err(|error| error.len()), &format!("MapErr {{ inner: Parse(Busy), f: {here}"));
    check(parse().and_then(async |n| Ok(n)), &format!("AndThen {{ inner: Parse(Busy), f: {here}"));
    check(service_fn(async |()| Ok::<_, Refused>(())), &format!("ServiceFn({here}"));
    check(parse().boxed(), "BoxService(compose::Parse)");
    check(parse().map_resp(|n| n).map_err(|error| error), "MapErr { inner: MapResp { inner: Parse(Busy)");
}

#[test]
fn a_service_is_open_unless_it_says_otherwise() {
    assert_eq!(service_fn(async |()| Ok::<_, Refused>(())).status(), Status::Open);
}

#[test]
fn down_a_chain_the_worst_status_holds() {
    assert_eq!(Status::Open.min(Status::Busy), Status::Busy);
    assert_eq!(Status::Busy.min(Status::Closed), Status::Closed);
}

#[test]
fn what_a_middleware_fails_with_fits_where_errors_are_the_systems() {
    let error = std::io::Error::from(Refused::new("the queue is full"));
    assert_eq!(error.kind(), std::io::ErrorKind::ResourceBusy);
    assert!(error.get_ref().is_some_and(|source| source.is::<Refused>()));
    let error = std::io::Error::from(Expired::new(Duration::from_millis(1500)));
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert!(error.get_ref().is_some_and(|source| source.is::<Expired>()));
}

#[test]
fn who_expired_may_have_begun() {
    let expired = Expired::new(Duration::from_millis(1500));
    assert_eq!(expired.to_string(), "no answer within 1.5s");
    assert_eq!((expired.fault(), expired.begun()), (Fault::Service, Begun::Unknown));
    assert!(expired.is_timeout() && !expired.is_retry_safe());
    assert_eq!(expired.after(), Some(Duration::from_millis(1500)));
}

#[test]
fn who_had_no_time_left_has_not_begun() {
    let expired = Expired::unbegun();
    assert_eq!((expired.fault(), expired.begun(), expired.after()), (Fault::Caller, Begun::No, None));
    assert!(expired.is_timeout() && expired.is_retry_safe());
}

#[test]
fn a_refusal_may_be_tried_again() {
    let refused = Refused::new("the queue is full");
    assert_eq!((refused.fault(), refused.begun()), (Fault::Service, Begun::No));
    assert!(refused.is_retry_safe() && !refused.is_timeout());
    assert_eq!(
        (refused.to_string().as_str(), refused.reason()),
        ("refused: the queue is full", "the queue is full")
    );
    let _named_by_its_questions: &dyn Failure = &refused;
}

#[test]
fn only_what_was_certainly_not_begun_may_be_tried_again() {
    #[derive(Debug)]
    struct Failed(Begun);

    impl fmt::Display for Failed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("failed")
        }
    }

    impl std::error::Error for Failed {}

    impl Failure for Failed {
        fn fault(&self) -> Fault {
            Fault::Network
        }

        fn begun(&self) -> Begun {
            self.0
        }
    }

    let is_safe = [Begun::No, Begun::Yes, Begun::Unknown].map(|begun| Failed(begun).is_retry_safe());
    assert_eq!(is_safe, [true, false, false]);
}
