//! Echo of frames on ekiden, to see what an idle connection holds.
//!
//! Set up after the docs of `Transport`, in the place of connections of `examples/echo.rs`: as its peer, a framed stream
//! and no dispatch.
#![forbid(unsafe_code)]

use std::io::Result;

use ekiden::net::{TcpListener, TcpStream};
use ekiden::proto::codec::LengthDelimited;
use ekiden::proto::{Transport, server};

const FRAME_BYTES_MAX: usize = 1024 * 1024;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    assert!(args.next().is_none_or(|threads| threads == "1"), "this peer has one reactor");
    ekiden::run(async {
        let listener = TcpListener::bind(addr).await?;
        println!("listening {}", listener.local_addr()?);
        server::Config::default().serve(listener, |stream, _peer, _seat| echo(stream)).await?;
        Ok(())
    })
}

// An async function would keep room for its stream beside that in the transport.
fn echo(stream: TcpStream) -> impl Future<Output = ()> {
    let mut frames = Transport::new(stream, LengthDelimited::new(FRAME_BYTES_MAX));
    async move {
        loop {
            // A client that breaks off, or sends what is no frame, is its own business.
            let Some(Ok(frame)) = frames.next().await else { return };
            if frames.send(frame).await.is_err() {
                return;
            }
        }
    }
}
