//! The limit of HTTP/1.1 with heads that are parsed: `http1-limit`'s loop on httparse.
//!
//! Set up after <https://docs.rs/httparse/latest/httparse/#example>, with room for as many fields as its users have.
#![forbid(unsafe_code)]

use std::io::{Error, ErrorKind, Result};

use http1_limit::{Head, serve};
use httparse::{EMPTY_HEADER, Request, Status};

fn main() -> Result<()> {
    serve(head)
}

fn head(input: &[u8]) -> Result<Option<Head>> {
    let mut headers = [EMPTY_HEADER; 64];
    let mut request = Request::new(&mut headers);
    match request.parse(input).map_err(|e| Error::new(ErrorKind::InvalidData, e))? {
        Status::Partial => Ok(None),
        Status::Complete(len) => Ok(Some(Head { len, close: closes(&request) })),
    }
}

fn closes(request: &Request<'_, '_>) -> bool {
    let connection = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("connection"));
    connection.is_some_and(|header| header.value.eq_ignore_ascii_case(b"close"))
}
