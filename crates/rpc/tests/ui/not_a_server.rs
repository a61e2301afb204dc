use ekiden_reactor::net::TcpListener;
use ekiden_rpc::{Client, Error, Request, Service, rpc};

#[rpc(crate = ekiden_rpc)]
trait Library {
    async fn find(&self, title: String) -> u32;
}

struct Shelves;

impl Library for Shelves {
    async fn find(&self, _title: String) -> u32 {
        7
    }
}

/// From calls to texts.
struct Other;

impl Service for Other {
    type Req = Request;
    type Resp = String;
    type Error = Error;

    async fn call(&self, _request: Request) -> Result<String, Error> {
        Ok(String::new())
    }
}

fn serve(listeners: [TcpListener; 4], client: Client) {
    let [first, second, third, fourth] = listeners;
    ekiden_rpc::serve(first, LibraryServer::new(Shelves));
    ekiden_rpc::serve(second, client);
    ekiden_rpc::serve(third, Shelves);
    ekiden_rpc::serve(fourth, Other);
}

fn main() {}
