//! A protocol of a codec and a dispatch rule, both ends of it: lines of text, each answered by a line.
//!
//! ```console
//! $ cargo run --release --example lines
//! $ cargo run --release --example lines 127.0.0.1:7003 hello "how are you"
//! hello
//! how are you
//! ```
//!
//! With an address alone it serves there; with lines behind the address it asks the server that is there.
//!
//! The codec says where a line ends: it is one of Ekiden's, and `ekiden::proto::codec::Decoder` shows how to write another.
//! Pipelined dispatch makes of it a server that takes a service, and a client that is one.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::error::Error;
use std::io::{Write, stdout};
use std::time::Duration;

use ekiden::net::{TcpListener, TcpStream};
use ekiden::proto::codec::Lines;
use ekiden::proto::pipeline::{self, Client};
use ekiden::{MiddlewareExt, Service, service_fn, spawn};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:7003".to_owned());
    let lines: Vec<String> = args.collect();
    ekiden::run(async {
        if !lines.is_empty() {
            return ask(&addr, lines, &mut stdout()).await;
        }
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        println!(
            "listening on {addr}; in another terminal: cargo run --release --example lines {addr} hello"
        );
        serve(listener).await
    })
}

/// Sends each line back, until somebody asks the program to end.
pub async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    let echo = service_fn(async |line: String| Ok::<_, Infallible>(line));
    pipeline::serve(listener, Lines::default(), echo).await?;
    Ok(())
}

/// Asks all lines at once, over one connection, and writes the answers.
pub async fn ask(addr: &str, lines: Vec<String>, output: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let client = Client::<String, String>::new(TcpStream::connect(addr).await?, Lines::default());
    let client = client.timeout(Duration::from_secs(10));
    let calls: Vec<_> = lines
        .into_iter()
        .map(|line| {
            let client = client.clone();
            spawn(async move { client.call(line).await })
        })
        .collect();
    for call in calls {
        writeln!(output, "{}", call.await??)?;
    }
    Ok(())
}
