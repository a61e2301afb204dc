#[ekiden_rpc::rpc(crate = ekiden_rpc)]
struct Library;

fn main() {}
