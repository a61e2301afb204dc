#[ekiden_rpc::rpc(crate = ekiden_rpc)]
trait Library<T> {
    type Book;
    async fn find(&self, title: String) -> u32;
}

fn main() {}
