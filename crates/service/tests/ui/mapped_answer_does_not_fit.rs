//! A service that a closure gives another answer or error than what is wanted.
use ekiden_service::{Refused, Service, ServiceExt, service_fn};

fn serve<S: Service<Req = u32, Resp = String, Error = Refused>>(_service: S) {}

fn main() {
    let double = service_fn(async |n: u32| Ok::<u32, Refused>(2 * n));
    serve((&double).map_resp(|n| n + 1));
    serve((&double).and_then(async |n| Ok(n + 1)));
    serve((&double).map_resp(|n| n.to_string()).map_err(|_| 5));
}
