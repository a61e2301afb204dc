//! An echo server: the task of each connection reads, and writes what it read.

use std::io;

use ekiden::net::{TcpListener, TcpStream};
use ekiden::proto::server;
use ekiden::spawn;

use crate::world::{self, slow};

const MESSAGE: [u8; 64] = [b'e'; 64];

pub(super) fn in_memory(count: u64) {
    world::run(async |world| {
        let listener = TcpListener::bind(([127, 0, 0, 1], 0)).await.expect("a place to listen");
        let _server =
            server::Config::default().serve(listener, async |stream, _, _| drop(echo(stream).await));
        let peers: Vec<_> = (0..10).map(|_| world.dial()).collect();
        world.quiet().await;
        for _ in 0..count / 10 {
            for peer in &peers {
                peer.send(&MESSAGE);
            }
            world.quiet().await;
            for peer in &peers {
                peer.take(|bytes| assert_eq!(bytes, MESSAGE));
            }
        }
    });
}

/// On the system's driver: what the selector and the sockets cost is in it.
pub(super) fn over_loopback(count: u64) {
    let bounced: io::Result<()> = slow::run(async {
        let listener = TcpListener::bind(([127, 0, 0, 1], 0)).await?;
        let stream = TcpStream::connect(listener.local_addr()?).await?;
        let (accepted, _) = listener.accept().await?;
        let _server = spawn(echo(accepted));
        let mut buf = [0; 4096];
        for _ in 0..count {
            stream.write_all(&MESSAGE).await?;
            let read = stream.read(&mut buf).await?;
            assert_eq!(buf[..read], MESSAGE);
        }
        Ok(())
    });
    bounced.expect("loopback works");
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buf = [0; 4096];
    loop {
        match stream.read(&mut buf).await? {
            0 => return Ok(()),
            read => stream.write_all(&buf[..read]).await?,
        }
    }
}
