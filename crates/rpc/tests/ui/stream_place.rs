use futures_core::Stream;

#[ekiden_rpc::rpc(crate = ekiden_rpc)]
trait Library {
    async fn within(&self, titles: Option<impl Stream<Item = String>>);
    async fn returned_within(&self) -> (u32, impl Stream<Item = String>);
    async fn two(&self, titles: impl Stream<Item = String>, authors: impl Stream<Item = String>);
    async fn other(&self, titles: impl Iterator<Item = String>);
    async fn without_items(&self) -> impl Stream;
}

fn main() {}
