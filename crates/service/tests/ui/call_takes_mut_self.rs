//! A `call` that wants `&mut self`: state goes into a `Cell`, since many calls may be in flight at once.
use ekiden_service::Service;

struct Counter(u32);

impl Service for Counter {
    type Req = ();
    type Resp = u32;
    type Error = String;

    async fn call(&mut self, (): ()) -> Result<u32, String> {
        self.0 += 1;
        Ok(self.0)
    }
}

fn main() {}
