#[ekiden_rpc::rpc(crate = ekiden_rpc)]
trait Library {
    fn find(&self, title: String) -> u32;
}

fn main() {}
