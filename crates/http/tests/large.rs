//! A gigabyte each way, through our client and our server, in a few megabytes.
//!
//! A program of its own, because what is measured is the whole process: the most it ever held.

use std::convert::Infallible;
use std::fs;

use bytes::Bytes;
use ekiden_http::{Body, Client, Error, Request, Response, serve};
use ekiden_reactor::{net::TcpListener, run};
use ekiden_service::{Service, service_fn};

const GIGABYTE: u64 = 1024 * 1024 * 1024;

/// Client, server, the test itself and what the runtime of tests holds, together.
const RESIDENT_KIB_MAX: u64 = 16 * 1024;

#[test]
fn a_gigabyte_each_way_passes_through_a_few_megabytes() -> Result<(), Error> {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let echo = service_fn(async |request: Request<Body>| {
            Ok::<_, Infallible>(Response::new(request.into_body()))
        });
        let _server = serve(listener, echo);

        let client = Client::connect(addr).await?;
        let response = client.call(Request::post("/").body(gigabyte())?).await?;
        let mut body = response.into_body();
        let mut received = 0;
        while let Some(chunk) = body.chunk().await {
            received += chunk?.len() as u64;
        }
        assert_eq!(received, GIGABYTE);
        Ok::<_, Error>(())
    })?;
    let resident = most_resident_kib();
    assert!(resident < RESIDENT_KIB_MAX, "it held {resident} KiB");
    Ok(())
}

fn gigabyte() -> Body {
    const PIECE_BYTES: u64 = 64 * 1024;
    let piece = Bytes::from(vec![b'x'; PIECE_BYTES as usize]);
    let pieces = (0..GIGABYTE / PIECE_BYTES).map(move |_| Ok::<_, Infallible>(piece.clone()));
    Body::stream(futures_util::stream::iter(pieces))
}

fn most_resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("Linux tells");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the most that was held");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}
