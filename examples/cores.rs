//! An HTTP server on all cores: says which one of them answers, and how often it has.
//!
//! ```console
//! $ cargo run --release --example cores
//! $ curl http://127.0.0.1:8082/
//! ```
//!
//! The service is made once on each core, and counts in a cell of its own. Nothing in it is `Send`, or locked.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::error::Error;
use std::num::NonZero;
use std::time::Duration;

use ekiden::http::{self, Body, Request, Response};
use ekiden::net::TcpListener;
use ekiden::{CoreId, MiddlewareExt, Runtime, Service};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let addr = arguments.next().unwrap_or_else(|| "127.0.0.1:8082".to_owned());
    let mut runtime = Runtime::default();
    runtime.threads = arguments.next().map(|threads| threads.parse::<NonZero<usize>>()).transpose()?;
    runtime.run(async {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        println!("listening on {addr}; in another terminal: curl http://{addr}/");
        serve(listener).await
    })
}

/// Serves until somebody asks the program to end.
pub async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    http::serve_on_cores(listener, || Counting::default().timeout(Duration::from_secs(10)))?.await?;
    Ok(())
}

/// Counts the calls of its core.
#[derive(Default)]
struct Counting {
    calls: Cell<u64>,
}

impl Service for Counting {
    type Req = Request<Body>;
    type Resp = Response<Body>;
    type Error = http::Error;

    async fn call(&self, _req: Request<Body>) -> Result<Response<Body>, http::Error> {
        self.calls.set(self.calls.get() + 1);
        let (core, calls) = (CoreId::current(), self.calls.get());
        Ok(Response::new(Body::from(format!("hello from {core}, call {calls}\n"))))
    }
}
