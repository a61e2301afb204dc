//! A time-out around a service whose error cannot say that time ran out.
use std::time::Duration;

use ekiden_middleware::MiddlewareExt;
use ekiden_service::service_fn;

#[derive(Debug)]
struct NotFound;

fn main() {
    let find = service_fn(async |_id: u64| Err::<String, NotFound>(NotFound));
    find.timeout(Duration::from_secs(1));
}
