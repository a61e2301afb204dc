//! A closure where a service is wanted: `service_fn` makes the one from the other.
use ekiden_service::Service;

fn serve<S: Service<Req = String>>(_service: S) {}

fn main() {
    serve(|name: String| format!("hello, {name}"));
}
