//! `service_fn` of a closure that is not async.
use ekiden_service::service_fn;

fn main() {
    service_fn(|n: u32| Ok::<u32, String>(n + 1));
}
