//! `service_fn` of a closure that cannot fail and does not say so.
use ekiden_service::service_fn;

fn main() {
    service_fn(async |n: u32| n + 1);
}
