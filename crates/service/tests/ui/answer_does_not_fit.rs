//! A service whose closure answers with something else than what is wanted: it is a service all the same.
use ekiden_service::{Refused, Service, service_fn};

fn serve<S: Service<Req = u32, Resp = String>>(_service: S) {}

fn main() {
    serve(service_fn(async |n: u32| Ok::<u32, Refused>(n)));
}
