//! An error that does not say whether the request was begun.
use ekiden_service::{Failure, Service, service_fn};

fn retry<S: Service<Error: Failure>>(_service: S) {}

fn main() {
    retry(service_fn(async |path: String| std::fs::read(path)));
}
