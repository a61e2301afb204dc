//! A layer that returns something else than a service.
use ekiden_service::{Refused, ServiceExt, service_fn};

fn main() {
    service_fn(async |n: u32| Ok::<u32, Refused>(n)).wrap(|inner| Some(inner));
}
