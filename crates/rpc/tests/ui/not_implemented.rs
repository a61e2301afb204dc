use ekiden_rpc::rpc;

#[rpc(crate = ekiden_rpc)]
trait Library {
    async fn find(&self, title: String) -> u32;
}

struct Shelves;

fn main() {
    let service = LibraryServer::new(Shelves);
    let _client = LibraryClient::new(service).find("Emma".to_owned());
}
