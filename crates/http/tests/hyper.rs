//! hyper's own server and client on the reactor: both versions of HTTP, streaming bodies, and its time-outs on our
//! clock.

use std::convert::Infallible;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use ekiden_http::Body;
use ekiden_http::adapt::SendIo;
use ekiden_http::adapt::hyper::{Executor, Io, Timer};
use ekiden_http::client::Client;
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{Config, Reactor, run, spawn, yield_now};
use ekiden_service::Service;
use futures_util::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, FutureExt};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::rt::{self, Timer as _, Write as _};
use hyper::service::service_fn;

type Failed = Box<dyn std::error::Error>;

#[derive(Clone, Copy)]
enum Version {
    Http1,
    Http2,
}

/// Answers each request with its own body.
async fn echo(request: Request<Incoming>) -> Result<Response<Incoming>, Infallible> {
    Ok(Response::new(request.into_body()))
}

/// hyper's server, with a task for each connection.
async fn serve(version: Version) -> Result<SocketAddr, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let addr = listener.local_addr()?;
    spawn(async move {
        while let Ok((stream, _peer)) = listener.accept().await {
            spawn(async move {
                let io = Io::new(stream);
                match version {
                    Version::Http1 => {
                        let mut server = hyper::server::conn::http1::Builder::new();
                        server.timer(Timer).serve_connection(io, service_fn(echo)).await
                    }
                    Version::Http2 => {
                        let mut server = hyper::server::conn::http2::Builder::new(Executor);
                        server.timer(Timer).serve_connection(io, service_fn(echo)).await
                    }
                }
            });
        }
    });
    Ok(addr)
}

/// A body of so many pieces of so many bytes, made when they are asked for.
fn pieces(count: usize, bytes: usize) -> Body {
    let piece = Bytes::from(vec![b'x'; bytes]);
    Body::stream(futures_util::stream::iter((0..count).map(move |_| Ok::<_, Infallible>(piece.clone()))))
}

async fn count(mut body: Body) -> Result<usize, Failed> {
    let mut count = 0;
    while let Some(chunk) = body.chunk().await {
        count += chunk?.len();
    }
    Ok(count)
}

#[test]
fn our_client_calls_hypers_server() -> Result<(), Failed> {
    run(async {
        let client = Client::connect(serve(Version::Http1).await?).await?;
        for _ in 0..3 {
            let response = client.call(Request::post("/").body(Body::from("hello"))?).await?;
            assert_eq!(response.into_body().collect(5).await?, "hello");
        }
        let response = client.call(Request::post("/").body(pieces(300, 1000))?).await?;
        assert_eq!(count(response.into_body()).await?, 300_000);
        Ok(())
    })
}

#[test]
fn hypers_client_speaks_http_1() -> Result<(), Failed> {
    run(async {
        let stream = TcpStream::connect(serve(Version::Http1).await?).await?;
        let (mut client, connection) = hyper::client::conn::http1::handshake(Io::new(stream)).await?;
        spawn(connection);
        for _ in 0..3 {
            client.ready().await?;
            let request = Request::post("/").header("host", "a").body(pieces(100, 1000))?;
            let response = client.send_request(request).await?;
            assert_eq!(count(Body::wrap(response.into_body())).await?, 100_000);
        }
        Ok(())
    })
}

#[test]
fn hypers_client_speaks_http_2_with_many_streams_at_once() -> Result<(), Failed> {
    run(async {
        let addr = serve(Version::Http2).await?;
        let stream = TcpStream::connect(addr).await?;
        let (client, connection) = hyper::client::conn::http2::handshake(Executor, Io::new(stream)).await?;
        spawn(connection);
        let calls = (0..20).map(|_| {
            let mut client = client.clone();
            spawn(async move {
                // Larger than a stream's window and, together, than the connection's.
                let request = Request::post(format!("http://{addr}/")).body(pieces(200, 1000))?;
                let response = client.send_request(request).await?;
                assert_eq!(response.version(), http::Version::HTTP_2);
                count(Body::wrap(response.into_body())).await
            })
        });
        for call in calls.collect::<Vec<_>>() {
            assert_eq!(call.await.expect("no panic")?, 200_000);
        }
        Ok(())
    })
}

#[test]
fn hyper_hands_a_connection_over() -> Result<(), Failed> {
    /// Grants the upgrade, and then sends back whatever comes.
    async fn grant(mut request: Request<Incoming>) -> Result<Response<Body>, http::Error> {
        spawn(async move {
            let upgraded = hyper::upgrade::on(&mut request).await?;
            let parts = upgraded.downcast::<Io<SendIo<TcpStream>>>().expect("the stream that was wrapped");
            let mut stream = parts.io.into_inner().into_inner();
            stream.write_all(&parts.read_buf).await?;
            let mut reader = &stream;
            futures_util::io::copy(&mut reader, &mut &stream).await?;
            stream.close().await?;
            Ok::<_, Failed>(())
        });
        let switching =
            Response::builder().status(101).header("connection", "upgrade").header("upgrade", "echo");
        switching.body(Body::empty())
    }

    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        spawn(async move {
            let (stream, _peer) = listener.accept().await?;
            let server = hyper::server::conn::http1::Builder::new();
            let io = Io::new(SendIo::new(stream));
            server.serve_connection(io, service_fn(grant)).with_upgrades().await?;
            Ok::<_, Failed>(())
        });

        let client = Client::connect(addr).await?;
        let request = Request::get("/").header("connection", "upgrade").header("upgrade", "echo");
        let mut response = client.call(request.body(Body::empty())?).await?;
        assert_eq!(response.status(), 101);
        let mut stream = response.body_mut().take_upgrade().expect("an upgrade").await?;
        stream.write_all(b"no http any more").await?;
        stream.close().await?;
        let mut back = String::new();
        stream.read_to_string(&mut back).await?;
        assert_eq!(back, "no http any more");
        Ok(())
    })
}

#[test]
fn hypers_time_outs_follow_our_clock() -> Result<(), Failed> {
    let (hand, clock) = Hand::new()?;
    Reactor::with_driver(Config::default(), hand).run(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let stream = TcpStream::connect(listener.local_addr()?).await?;
        let (accepted, _peer) = listener.accept().await?;
        let mut server = hyper::server::conn::http1::Builder::new();
        server.timer(Timer).header_read_timeout(Duration::from_secs(3600));
        let served = spawn(async move { server.serve_connection(Io::new(accepted), service_fn(echo)).await });

        stream.write_all(b"GET / HTTP/1.1\r\nHost:").await?;
        for _ in 0..100 {
            yield_now().await;
        }
        clock.advance(Duration::from_secs(3599));
        for _ in 0..100 {
            yield_now().await;
        }
        assert!(!served.is_finished());
        clock.advance(Duration::from_secs(1));
        let error = served.await.expect("no panic").expect_err("the head never came");
        assert!(error.is_timeout(), "{error}");
        Ok(())
    })
}

#[test]
fn hypers_keep_alive_of_http_2_follows_our_clock() -> Result<(), Failed> {
    let (hand, clock) = Hand::new()?;
    Reactor::with_driver(Config::default(), hand).run(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let stream = TcpStream::connect(listener.local_addr()?).await?;
        // Accepted, and silent for ever.
        let (_silent, _peer) = listener.accept().await?;
        let mut client = hyper::client::conn::http2::Builder::new(Executor);
        client.timer(Timer).keep_alive_interval(Duration::from_secs(60)).keep_alive_while_idle(true);
        client.keep_alive_timeout(Duration::from_secs(10));
        let (_client, connection) = client.handshake::<_, Body>(Io::new(stream)).await?;
        let connection = spawn(connection);
        for _ in 0..7 {
            for _ in 0..100 {
                yield_now().await;
            }
            assert!(!connection.is_finished());
            clock.advance(Duration::from_secs(10));
        }
        let error = connection.await.expect("no panic").expect_err("nobody answers a ping");
        assert!(error.is_timeout(), "{error}");
        Ok(())
    })
}

#[test]
fn a_sleep_ends_at_its_time_however_it_was_made() -> Result<(), Failed> {
    /// Of another runtime.
    struct Foreign;

    impl Future for Foreign {
        type Output = ();

        fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }

    impl rt::Sleep for Foreign {}

    const MINUTE: Duration = Duration::from_secs(60);
    const SECOND: Duration = Duration::from_secs(1);
    let (hand, clock) = Hand::new()?;
    Reactor::with_driver(Config::default(), hand).run(async move {
        let in_a_minute = Timer.now() + MINUTE;
        let [mut late, mut early]: [Pin<Box<dyn rt::Sleep>>; 2] =
            [Timer.sleep(2 * MINUTE), Timer.sleep(SECOND)];
        Timer.reset(&mut late, in_a_minute);
        Timer.reset(&mut early, in_a_minute);
        let mut foreign: Pin<Box<dyn rt::Sleep>> = Box::pin(Foreign);
        Timer.reset(&mut foreign, in_a_minute);
        let mut sleeps = [Timer.sleep(MINUTE), Timer.sleep_until(in_a_minute), late, early, foreign];
        let mut ended = |at: &str| {
            let ended = sleeps.each_mut().map(|sleep| sleep.as_mut().now_or_never().is_some());
            assert_eq!(ended, [at == "60 s"; 5], "{at}");
        };
        ended("0 s");
        clock.pass(MINUTE - SECOND).await;
        ended("59 s");
        clock.pass(SECOND).await;
        ended("60 s");
        Ok(())
    })
}

/// A stream that remembers what was done to it.
#[derive(Default)]
struct Recorder(Vec<String>);

impl Recorder {
    fn note<T>(&mut self, what: String, outcome: T) -> Poll<io::Result<T>> {
        self.0.push(what);
        Poll::Ready(Ok(outcome))
    }
}

impl AsyncRead for Recorder {
    fn poll_read(mut self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        buf.fill(b'x');
        self.note(format!("read {}", buf.len()), buf.len())
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.note(format!("read {:?}", bufs.iter().map(|buf| buf.len()).collect::<Vec<_>>()), 0)
    }
}

impl AsyncWrite for Recorder {
    fn poll_write(mut self: Pin<&mut Self>, _cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.note(format!("write {}", buf.len()), buf.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.note(format!("write {:?}", bufs.iter().map(|buf| buf.len()).collect::<Vec<_>>()), 0)
    }

    fn poll_flush(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.note("flush".to_owned(), ())
    }

    fn poll_close(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.note("close".to_owned(), ())
    }
}

#[test]
fn what_hyper_does_is_done_to_the_stream() {
    run(async {
        let mut cx = Context::from_waker(Waker::noop());
        let mut stream = Io::new(SendIo::new(Recorder::default()));
        // hyper asks before it gathers what it has.
        assert!(stream.is_write_vectored());
        let mut io = pin!(&mut stream);
        let mut room = [0; 5];
        let mut room = rt::ReadBuf::new(&mut room);
        assert!(rt::Read::poll_read(io.as_mut(), &mut cx, room.unfilled()).is_ready());
        assert_eq!(room.filled(), b"xxxxx");
        assert!(io.as_mut().poll_write(&mut cx, b"1").is_ready());
        let pieces = [IoSlice::new(b"1"), IoSlice::new(b"22")];
        assert!(io.as_mut().poll_write_vectored(&mut cx, &pieces).is_ready());
        assert!(io.as_mut().poll_flush(&mut cx).is_ready());
        assert!(io.as_mut().poll_shutdown(&mut cx).is_ready());

        let mut stream = stream.into_inner();
        let mut pieces = [[0; 3], [0; 3]];
        let mut pieces = pieces.each_mut().map(|piece| IoSliceMut::new(piece));
        assert!(Pin::new(&mut stream).poll_read_vectored(&mut cx, &mut pieces).is_ready());
        let done = stream.into_inner().0;
        assert_eq!(done, ["read 5", "write 1", "write [1, 2]", "flush", "close", "read [3, 3]"]);
    });
}
