//! The methods of a service, wanted of a closure.
use ekiden_service::ServiceExt;

fn stack<S: ServiceExt>(service: S) -> impl ServiceExt {
    service.map_err(|_| "failed")
}

fn main() {
    stack(async |name: String| Ok::<_, String>(name));
}
