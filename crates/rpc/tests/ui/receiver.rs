#[ekiden_rpc::rpc(crate = ekiden_rpc)]
trait Library {
    async fn count() -> u32;
    async fn find(title: String) -> u32;
    async fn lend(&mut self, title: String) -> u32;
    async fn close(self);
}

fn main() {}
