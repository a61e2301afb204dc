//! A limit around a service whose error cannot say that the call was refused.
use ekiden_middleware::MiddlewareExt;
use ekiden_service::service_fn;

#[derive(Debug)]
struct NotFound;

fn main() {
    let find = service_fn(async |_id: u64| Err::<String, NotFound>(NotFound));
    find.concurrency_limit(16, 64);
}
