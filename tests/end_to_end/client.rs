//! Our client against nginx: many requests on one connection, a large body, one of unknown length.

use std::error::Error;

use ekiden::Service;
use ekiden::http::{Body, Request, StatusCode, client::Client};
use ekiden_tests::{Nginx, Program, example};

type Outcome = Result<(), Box<dyn Error>>;

/// What is at the path, with its length if that was said, in no more than 16 MiB.
async fn get(client: &Client, path: &str) -> Result<(Option<u64>, Vec<u8>), Box<dyn Error>> {
    let response = client.call(Request::get(path).body(Body::empty())?).await?;
    assert_eq!(response.status(), StatusCode::OK, "{path}");
    let body = response.into_body();
    let length = body.content_length();
    Ok((length, body.collect(16 << 20).await?.to_vec()))
}

#[test]
fn a_thousand_requests_take_one_connection() -> Outcome {
    let nginx = Nginx::start("", "");
    nginx.folder().write("small", "small content");
    ekiden::run(async {
        let client = Client::connect(nginx.addr()).await?;
        for _ in 0..1000 {
            assert_eq!(get(&client, "/small").await?.1, b"small content");
        }
        Outcome::Ok(())
    })?;
    let log = nginx.finish();
    assert_eq!(log.len(), 1000);
    let strays: Vec<_> = log.iter().filter(|logged| logged.connection != log[0].connection).collect();
    assert_eq!(strays, [] as [&ekiden_tests::Logged; 0]);
    Ok(())
}

#[test]
fn ten_megabytes_arrive_as_they_left() -> Outcome {
    let nginx = Nginx::start("", "");
    let content = noise(10_000_000);
    nginx.folder().write("large", &content);
    ekiden::run(async {
        let client = Client::connect(nginx.addr()).await?;
        let (length, received) = get(&client, "/large").await?;
        assert_eq!((length, received.len()), (Some(10_000_000), 10_000_000));
        assert!(received == content, "the right length, and not the right bytes");
        // And the connection is still good.
        assert!(get(&client, "/large").await?.1 == content);
        Outcome::Ok(())
    })?;
    let log = nginx.finish();
    assert!(log.len() == 2 && log[0].connection == log[1].connection, "{log:?}");
    Ok(())
}

#[test]
fn a_chunked_response_is_whole() -> Outcome {
    // What nginx puts together while it sends has no length: here a file included in itself ten times.
    let nginx = Nginx::start("", "location = /page { ssi on; ssi_types *; }");
    let part = String::from_utf8(noise(50_000).iter().map(|byte| b'a' + byte % 26).collect())?;
    nginx.folder().write("part", &part);
    nginx.folder().write("page", "<!--#include file=\"part\" -->\n".repeat(10));
    ekiden::run(async {
        let client = Client::connect(nginx.addr()).await?;
        for _ in 0..2 {
            let (length, received) = get(&client, "/page").await?;
            assert_eq!(length, None, "nginx said a length: this tests no chunks");
            assert!(received == format!("{part}\n").repeat(10).as_bytes());
        }
        Outcome::Ok(())
    })?;
    let log = nginx.finish();
    assert!(log.len() == 2 && log[0].connection == log[1].connection, "{log:?}");
    Ok(())
}

#[test]
fn the_client_program_prints_what_it_fetched() {
    let nginx = Nginx::start("", "");
    nginx.folder().write("page", "the content\n");
    let mut client = Program::start(example("client"), [nginx.url("/page")]);
    let status = client.wait_for_end();
    assert!(status.success() && client.said().contains("the content"), "{status}: {}", client.said());
}

#[test]
fn the_client_program_says_who_did_not_answer() {
    // Port 1 is reserved for a service that nobody has run for decades.
    let mut client = Program::start(example("client"), ["http://127.0.0.1:1/"]);
    let status = client.wait_for_end();
    assert!(!status.success() && client.said().contains("127.0.0.1:1"), "{status}: {}", client.said());
}

/// Bytes without a pattern, the same each time.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}
