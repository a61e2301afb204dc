//! An HTTP client with a `Timeout` around it: fetches a URL, prints what came. Without TLS, so `http` URLs only.
//!
//! ```console
//! $ cargo run --release --example hello
//! $ cargo run --release --example client http://127.0.0.1:8080/
//! 200 OK
//! hello, world
//! ```
#![forbid(unsafe_code)]

use std::error::Error;
use std::io::Write;
use std::time::Duration;

use ekiden::http::client::Client;
use ekiden::http::{Body, Request, Uri};
use ekiden::{MiddlewareExt, Service};

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:8080/".to_owned());
    let url = url.parse().map_err(|error| format!("not a URL: {url}: {error}"))?;
    ekiden::run(async { fetch(url, &mut std::io::stdout()).await })
}

/// Fetches a URL and writes its body.
pub async fn fetch(url: Uri, out: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    if url.scheme_str() == Some("https") {
        return Err("https is not spoken here: the connection is TCP without TLS".into());
    }
    let host = url.host().ok_or("the URL names no host")?;
    let client = Client::connect(format!("{host}:{}", url.port_u16().unwrap_or(80))).await?;
    // The same type that the `hello` server has around its service.
    let client = client.timeout(Duration::from_secs(10));

    let response = client.call(Request::get(url).body(Body::empty())?).await?;
    eprintln!("{}", response.status());
    let mut body = response.into_body();
    while let Some(chunk) = body.chunk().await {
        out.write_all(&chunk?)?;
    }
    Ok(())
}
