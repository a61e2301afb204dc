//! What an idle connection keeps of its server's memory: the transport, its task, its source and its places in tables.

use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;

use allocation_counter::{measure, opt_out};
use ekiden_proto::Transport;
use ekiden_proto::codec::LengthDelimited;
use ekiden_proto::server;
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{Config, Reactor, yield_now};

// An async function would keep room for its stream beside that in the transport.
fn echo(stream: TcpStream) -> impl Future<Output = ()> {
    let mut frames = Transport::new(stream, LengthDelimited::new(1024));
    async move {
        loop {
            // What is matched in the head of a loop would be kept while it sends.
            let Some(Ok(frame)) = frames.next().await else { return };
            if frames.send(frame).await.is_err() {
                return;
            }
        }
    }
}

/// Opens connections, asks once on each, and keeps them. What that takes at this end is not counted.
async fn open(addr: SocketAddr, count: usize, kept: &mut Vec<TcpStream>) {
    let mut clients = pin!(async {
        for _ in 0..count {
            let client = TcpStream::connect(addr).await.unwrap();
            client.write_all(b"\0\0\0\x04idle").await.unwrap();
            let (mut answer, mut len) = ([0; 8], 0);
            while len < answer.len() {
                len += client.read(&mut answer[len..]).await.unwrap();
            }
            kept.push(client);
        }
    });
    poll_fn(|cx| {
        let mut polled = Poll::Pending;
        opt_out(|| polled = clients.as_mut().poll(cx));
        polled
    })
    .await;
    yield_now().await;
}

#[test]
fn an_idle_framed_connection_takes_450_bytes_at_most() {
    let mut config = Config::default();
    config.dump_on_quit = false; // which allocates when the first reactor of the process begins to run
    let reactor = Reactor::new(config).unwrap();
    let (addr, _server) = reactor.run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        (addr, server::Config::default().serve(listener, |stream, _peer, _seat| echo(stream)))
    });
    // What the first connections bring into being is not theirs alone.
    let mut kept = Vec::new();
    reactor.run(open(addr, FIRST, &mut kept));
    let counted = measure(|| reactor.run(open(addr, MORE, &mut kept)));
    let (bytes, pieces) = (counted.bytes_current as usize, counted.count_current as usize);
    let each = (bytes + MALLOC_BYTES * pieces) / MORE;
    assert!(each <= 450, "{each}: {} in {pieces} pieces", bytes / MORE);
    assert!(each >= 300, "{each} is too little to be all");
}

const FIRST: usize = 50;
/// With the first ones some less than a power of two, by which tables grow.
const MORE: usize = 200;
/// What the C library keeps for itself at each piece, rounding included: 8 bytes at least and 23 at most.
const MALLOC_BYTES: usize = 16;
