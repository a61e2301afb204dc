#[ekiden_rpc::rpc(crate = ekiden_rpc)]
trait Library {
    async fn find<T: ekiden_rpc::Data>(&self, key: T) -> u32;
    async fn all(&self) -> Vec<u32>
    where
        Self: Sized;
    async fn borrow<'a>(&self, key: std::borrow::Cow<'a, str>);
}

fn main() {}
