//! A method of services called on an `async fn`.
use ekiden_service::{Refused, ServiceExt};

async fn double(n: u32) -> Result<u32, Refused> {
    Ok(2 * n)
}

fn main() {
    double.map_resp(|n| n + 1);
}
