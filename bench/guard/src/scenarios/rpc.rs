//! A server of typed calls, asked over one connection, many at a time; and our own client.

use ekiden::net::TcpListener;
use ekiden::rpc::{self, Client, Method};

use crate::world::{self, World};

#[ekiden::rpc]
trait Echo {
    async fn echo(&self, text: String) -> String;
}

struct Service;

impl Echo for Service {
    async fn echo(&self, text: String) -> String {
        text
    }
}

/// So many at a time: enough that the connection itself hardly counts, and a divisor of a thousand.
const TOGETHER: u64 = 50;

/// The server alone: what the client says is bytes.
pub(super) fn unary(count: u64) {
    world::run(async |world: World| {
        let _server = rpc::serve(listen().await, EchoServer::new(Service));
        let peer = world.dial();
        peer.send(b"ekiden\x01\0\0\0");
        world.quiet().await;
        peer.take(|hello| assert!(hello.starts_with(b"ekiden\x01\0"), "{}", hello.escape_ascii()));
        let requests: Vec<u8> = (0..TOGETHER as u32).flat_map(request).collect();
        for _ in 0..count / TOGETHER {
            peer.send(&requests);
            world.quiet().await;
            peer.take(|replies| {
                assert_eq!(
                    replies.len(),
                    TOGETHER as usize * (9 + 2 + ARGUMENT.len()),
                    "{}",
                    replies.escape_ascii()
                );
                assert!(replies.ends_with(&ARGUMENT));
            });
        }
    });
}

/// A call by our own client.
pub(super) fn call(count: u64) {
    world::run(async |_| {
        let listener = listen().await;
        let addr = listener.local_addr().expect("it has one");
        let _server = rpc::serve(listener, EchoServer::new(Service));
        let client = EchoClient::new(Client::connect(addr).await.expect("somebody listens"));
        for _ in 0..count {
            let answer = client.echo("how are you".to_owned()).await;
            assert_eq!(answer.ok().as_deref(), Some("how are you"));
        }
    });
}

async fn listen() -> TcpListener {
    TcpListener::bind(([127, 0, 0, 1], 0)).await.expect("a place to listen")
}

fn request(id: u32) -> Vec<u8> {
    let length = 5 + 1 + 8 + 1 + ARGUMENT.len() as u32;
    let method = Method::new("Echo.echo").id();
    let parts: [&[u8]; 7] =
        [&length.to_le_bytes(), &[1], &id.to_le_bytes(), &[0], &method.to_le_bytes(), &[0x91], &ARGUMENT];
    parts.concat()
}

/// A text of 64 bytes, in MessagePack.
const ARGUMENT: [u8; 66] = {
    let mut argument = [b'x'; 66];
    argument[0] = 0xd9;
    argument[1] = 64;
    argument
};
