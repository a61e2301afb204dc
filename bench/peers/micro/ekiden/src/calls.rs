//! What a middleware adds to a call: a service is called bare, and with one around it. One that answers at once, and one
//! that waits for a moment, as most do: then a time-out has to set its timer.

use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use ekiden::{Expired, MiddlewareExt, Refused, Service, service_fn};
use micro::{Meter, yield_now};

use super::run;

/// Whether the service answers at once.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Answers {
    AtOnce,
    Later,
}

pub(crate) fn bare(meter: Meter, answers: Answers) {
    calls(meter, service(answers));
}

pub(crate) fn timeout(meter: Meter, answers: Answers) {
    calls(meter, service(answers).timeout(Duration::from_secs(10)));
}

pub(crate) fn concurrency_limit(meter: Meter, answers: Answers) {
    calls(meter, service(answers).concurrency_limit(100, 100));
}

fn service(answers: Answers) -> impl Service<Req = u64, Resp = u64, Error = Failed> + 'static {
    service_fn(async move |n: u64| {
        if answers == Answers::Later {
            yield_now().await;
        }
        Ok(black_box(n))
    })
}

fn calls(meter: Meter, service: impl Service<Req = u64, Resp = u64, Error = Failed> + 'static) {
    let service = Rc::new(service);
    run(meter.measure(move |n| {
        let service = service.clone();
        async move {
            for i in 0..n {
                assert_eq!(service.call(black_box(i)).await, Ok(i));
            }
        }
    }));
}

#[derive(Debug, PartialEq)]
struct Failed;

impl From<Expired> for Failed {
    fn from(_: Expired) -> Self {
        Self
    }
}

impl From<Refused> for Failed {
    fn from(_: Refused) -> Self {
        Self
    }
}
