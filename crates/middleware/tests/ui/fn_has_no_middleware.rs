//! A middleware around an `async fn`: `service_fn` comes first.
use std::time::Duration;

use ekiden_middleware::MiddlewareExt;

async fn double(n: u32) -> Result<u32, String> {
    Ok(2 * n)
}

fn main() {
    double.timeout(Duration::from_secs(1));
}
