#[ekiden_rpc::rpc(crate = ekiden_rpc)]
trait Library {
    async fn new(&self, title: String) -> u32;
}

fn main() {}
