//! A function that puts a middleware around what it is given, and is given a closure.
use ekiden_middleware::MiddlewareExt;

fn stack<S: MiddlewareExt>(_service: S) {}

fn main() {
    stack(async |name: String| Ok::<_, String>(name));
}
