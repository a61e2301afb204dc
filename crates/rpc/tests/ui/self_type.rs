#[ekiden_rpc::rpc(crate = ekiden_rpc)]
trait Library: Sized {
    async fn find(&self, title: String) -> Result<Self, String>;
}

fn main() {}
