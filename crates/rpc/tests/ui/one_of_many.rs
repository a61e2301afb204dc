type Name = &'static str;

#[ekiden_rpc::rpc(crate = ekiden_rpc)]
trait Library {
    async fn find(&self, title: String) -> u32;
    async fn lend(&self, title: String, name: Name) -> u32;
    async fn import(&self, title: String) -> Result<u32, Box<dyn std::error::Error>>;
}

fn main() {}
