//! Echo of frames on ekiden, to see what an idle connection holds.
//!
//! Set up after `examples/lines.rs`.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::io::Result;

use ekiden::net::TcpListener;
use ekiden::proto::codec::LengthDelimited;
use ekiden::proto::pipeline;
use ekiden::service_fn;

const FRAME_BYTES_MAX: usize = 1024 * 1024;

fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:0".to_owned());
    assert!(args.next().is_none_or(|threads| threads == "1"), "this peer has one reactor");
    ekiden::run(async {
        let listener = TcpListener::bind(addr).await?;
        println!("listening {}", listener.local_addr()?);
        let echo = service_fn(async |frame| Ok::<_, Infallible>(frame));
        pipeline::serve(listener, LengthDelimited::new(FRAME_BYTES_MAX), echo).await?;
        Ok(())
    })
}
