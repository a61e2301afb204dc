//! A `call` without `async`.
use ekiden_service::Service;

struct Double;

impl Service for Double {
    type Req = u32;
    type Resp = u32;
    type Error = String;

    fn call(&self, req: u32) -> Result<u32, String> {
        Ok(2 * req)
    }
}

fn main() {}
