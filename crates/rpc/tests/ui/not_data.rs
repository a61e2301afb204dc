struct Book;

#[ekiden_rpc::rpc(crate = ekiden_rpc)]
trait Library {
    async fn find(&self, title: String) -> Book;
}

fn main() {}
