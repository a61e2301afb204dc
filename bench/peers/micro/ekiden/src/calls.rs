//! What a middleware adds to a call: a service that answers at once is called bare, and with one around it.

use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use ekiden::{Expired, MiddlewareExt, Refused, Service, service_fn};
use micro::Meter;

use super::run;

pub(crate) fn bare(meter: Meter) {
    calls(meter, service_fn(answer));
}

pub(crate) fn timeout(meter: Meter) {
    calls(meter, service_fn(answer).timeout(Duration::from_secs(10)));
}

pub(crate) fn concurrency_limit(meter: Meter) {
    calls(meter, service_fn(answer).concurrency_limit(100, 100));
}

async fn answer(n: u64) -> Result<u64, Failed> {
    Ok(black_box(n))
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
