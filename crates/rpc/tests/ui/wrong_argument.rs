#[ekiden_rpc::rpc(version = 2)]
trait Library {
    async fn find(&self, title: String) -> u32;
}

fn main() {}
