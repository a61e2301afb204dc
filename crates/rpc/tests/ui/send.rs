use futures_core::Stream;

#[ekiden_rpc::rpc(crate = ekiden_rpc)]
trait Library {
    async fn import(&self, books: impl Stream<Item = u32> + Send) -> u32;
    async fn both(&self, books: impl Stream<Item = u32> + Unpin + Sync + 'static) -> u32;
}

fn main() {}
