//! The limit of HTTP/1.1: whatever ends in an empty line is answered. The loop is in `lib.rs`.
//!
//! `Connection: close` is known in this spelling only, the one of the load.
#![forbid(unsafe_code)]

use std::io::Result;
use std::sync::LazyLock;

use http1_limit::{Head, serve};
use memchr::memmem::Finder;

fn main() -> Result<()> {
    serve(head)
}

fn head(input: &[u8]) -> Result<Option<Head>> {
    static END: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\n\r\n"));
    static CLOSE: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new(b"\r\nConnection: close\r\n"));
    let Some(end) = END.find(input) else { return Ok(None) };
    let len = end + 4;
    Ok(Some(Head { len, close: CLOSE.find(&input[..len]).is_some() }))
}
