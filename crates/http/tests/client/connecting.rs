//! Connecting, over real sockets: which host is named, and what is said when nobody is there.

use ekiden_http::{Body, Error, client::Client};
use ekiden_middleware::MiddlewareExt;
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{JoinHandle, run, spawn};
use ekiden_service::{Begun, Failure, Fault, Service, Status, service_fn};
use futures_util::future::join;
use http::Request;

/// A server that answers one request with the request itself.
async fn mirror() -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
    let port = listener.local_addr().expect("an address").port();
    let server = spawn(async move {
        let (stream, _peer) = listener.accept().await.expect("a client");
        let mut request = [0; 1024];
        let length = stream.read(&mut request).await.expect("a request");
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("room");
        stream.write_all(&request[..length]).await.expect("room");
        // Until the client has gone.
        assert_eq!(stream.read(&mut request).await.expect("the end"), 0);
    });
    (port, server)
}

async fn ask(client: &Client) -> Result<String, Error> {
    ask_for(client, "/").await
}

async fn ask_for(client: &Client, uri: &str) -> Result<String, Error> {
    let response = client.call(Request::get(uri).body(Body::empty())?).await?;
    let text = response.into_body().collect(1024).await?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

#[test]
fn the_address_is_the_host() {
    run(async {
        for host in ["127.0.0.1", "localhost"] {
            let (port, server) = mirror().await;
            let client = Client::connect(format!("{host}:{port}")).await.expect("a connection");
            let asked = ask(&client).await.expect("an answer");
            assert_eq!(asked, format!("GET / HTTP/1.1\r\nhost: {host}:{port}\r\n\r\n"));
            assert_eq!(client.status(), Status::Open);
            drop(client);
            server.await.expect("no panic");
        }
    });
}

#[test]
fn nobody_at_the_address_is_an_error_that_names_it() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let addr = listener.local_addr().expect("an address");
        drop(listener);
        let error = Client::connect(addr).await.expect_err("nobody listens");
        assert_eq!((error.fault(), error.begun()), (Fault::Network, Begun::No));
        let source = std::error::Error::source(&error).expect("a source").to_string();
        assert!(source.contains(&addr.to_string()), "{source}");

        let error = Client::connect("no port here").await.expect_err("no address");
        assert_eq!(error.begun(), Begun::No);
    });
}

#[test]
fn a_server_that_goes_away_closes_the_client() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let client = Client::connect(listener.local_addr().expect("an address")).await.expect("a connection");
        let (stream, _peer) = listener.accept().await.expect("a client");
        assert_eq!(client.status(), Status::Open);
        drop(stream);
        while client.status() != Status::Closed {
            ekiden_reactor::yield_now().await;
        }
        assert_eq!(ask(&client).await.expect_err("closed").begun(), Begun::No);
    });
}

#[test]
fn nothing_for_https_is_sent_in_the_clear() {
    run(async {
        let (port, server) = mirror().await;
        let client = Client::connect(format!("127.0.0.1:{port}")).await.expect("a connection");
        for uri in ["https://a.test/", "HTTPS://a.test/", "https://127.0.0.1/"] {
            let request = Request::get(uri).body(Body::empty()).expect("a request");
            let error = client.call(request).await.expect_err("refused");
            assert_eq!((error.fault(), error.begun()), (Fault::Caller, Begun::No), "{uri}");
            let source = std::error::Error::source(&error).expect("a source").to_string();
            assert_eq!(source, "https needs a stream with TLS, and this connection has none");
        }
        // The connection is as it was, and what the server sees first is this.
        let asked = ask_for(&client, "http://a.test/").await.expect("an answer");
        assert_eq!(asked, "GET / HTTP/1.1\r\nhost: a.test\r\n\r\n");
        drop(client);
        server.await.expect("no panic");
    });
}

#[test]
fn a_stream_that_was_brought_may_have_tls() {
    run(async {
        let (port, server) = mirror().await;
        let stream = TcpStream::connect(("127.0.0.1", port)).await.expect("a connection");
        let client = Client::handshake(stream);
        let request = Request::get("https://a.test/").body(Body::empty()).expect("a request");
        assert_eq!(client.call(request).await.expect("an answer").status(), 200);
        drop(client);
        server.await.expect("no panic");
    });
}

/// A server that answers one request on each connection, and reads a second one, and ends.
async fn answers_once(listener: &TcpListener) {
    let (stream, _peer) = listener.accept().await.expect("a client");
    let mut request = [0; 1024];
    assert!(stream.read(&mut request).await.expect("a request") > 0);
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await.expect("room");
    assert!(stream.read(&mut request).await.expect("another") > 0);
}

#[test]
fn a_client_that_connects_again_sends_nothing_twice() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let addr = listener.local_addr().expect("an address");
        let server = spawn(async move {
            for _ in 0..3 {
                answers_once(&listener).await;
            }
        });
        let client = service_fn(async move |()| Client::connect(addr).await).reconnect();
        let get = async || client.call(Request::get("/").body(Body::empty())?).await;
        for _ in 0..3 {
            assert_eq!(get().await.expect("an answer").status(), 200);
            // It was given to a connection that ended, so nobody can know.
            let error = get().await.expect_err("no answer");
            assert_eq!((error.fault(), error.begun()), (Fault::Network, Begun::Unknown));
        }
        server.await.expect("no panic");
        // Now nobody listens. All who wait for an attempt learn what became of it.
        let asking = join(client.connect(), client.connect()).await;
        for error in [asking.0.expect_err("nobody"), asking.1.expect_err("nobody")] {
            assert_eq!((error.fault(), error.begun()), (Fault::Network, Begun::No));
            let source = std::error::Error::source(&error).expect("a source").to_string();
            assert!(source.contains(&addr.to_string()), "{source}");
        }
    });
}
