#[ekiden_rpc::rpc(crate = ekiden_rpc)]
trait Repository {
    async fn clone(&self, from: String) -> u32;
}

fn main() {}
