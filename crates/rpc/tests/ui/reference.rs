#[ekiden_rpc::rpc(crate = ekiden_rpc)]
trait Library {
    async fn find(&self, title: &str) -> u32;
    async fn find_one_of(&self, titles: Vec<&str>) -> Option<&str>;
    async fn import(&self, titles: impl futures_core::Stream<Item = &'static str>);
}

fn main() {}
