//! What is behind the front door, used as a user would.

use std::future::pending;
use std::io;
use std::time::Duration;

use ekiden::net::{TcpListener, TcpStream};
use ekiden::proto::codec::Lines;
use ekiden::proto::pipeline;
use ekiden::{Begun, Expired, Failure, MiddlewareExt, Refused, Service, http, service_fn};

#[ekiden::test]
async fn a_test_may_await_and_use_question_marks() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let client = TcpStream::connect(listener.local_addr()?).await?;
    let (server, peer) = listener.accept().await?;
    assert_eq!((server.peer_addr()?, client.local_addr()?), (peer, peer));
    Ok(())
}

#[ekiden::test]
#[should_panic(expected = "as it must")]
async fn a_test_fails_when_it_panics() {
    ekiden::yield_now().await;
    panic!("as it must");
}

#[derive(Debug, PartialEq)]
enum Failed {
    Expired(Expired),
    Refused(Refused),
}

impl From<Expired> for Failed {
    fn from(expired: Expired) -> Self {
        Self::Expired(expired)
    }
}

impl From<Refused> for Failed {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

#[ekiden::test]
async fn middlewares_go_around_any_service() {
    let service =
        service_fn(async |is_known: bool| if is_known { Ok::<_, Failed>(()) } else { pending().await });
    // What is ready is never late, however little time there is.
    let after = Duration::ZERO;
    let service = service.concurrency_limit(1, 0).timeout(after);
    assert_eq!(service.call(true).await, Ok(()));
    assert_eq!(service.call(false).await, Err(Failed::Expired(Expired::new(after))));
}

#[ekiden::test]
async fn a_time_out_fits_around_every_client() -> Result<(), Box<dyn std::error::Error>> {
    // The kernel takes their connections, and nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;

    let lines = pipeline::Client::new(TcpStream::connect(addr).await?, Lines::default());
    is_late(lines.timeout(Duration::ZERO), "hello".to_owned()).await;

    let client = http::Client::connect(addr).await?;
    is_late(client.timeout(Duration::ZERO), http::Request::get("/").body(http::Body::empty())?).await;
    Ok(())
}

async fn is_late<S: Service<Error: Failure>>(client: S, req: S::Req) {
    let error = client.call(req).await.err().expect("nobody answers");
    assert!(error.is_timeout() && error.begun() == Begun::Unknown, "{error}");
}
