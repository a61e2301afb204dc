struct Book;

#[ekiden_rpc::rpc(crate = ekiden_rpc)]
trait Library {
    async fn add(&self, shelf: u32, book: Book);
}

fn main() {}
