//! A boxed service that borrows from the function that made it: `async move` gives it what it uses.
use ekiden_service::{BoxService, Refused, ServiceExt, service_fn};

fn greeter(greeting: String) -> BoxService<String, String, Refused> {
    service_fn(async |name: String| Ok(format!("{greeting}, {name}"))).boxed()
}

fn main() {
    greeter("hello".to_owned());
}
