//! hyper on the reactor: its runtime traits ([`hyper::rt`]) on our streams, timers and tasks.
//!
//! hyper then brings its own server and client, for HTTP/1.1 and HTTP/2, and nothing of it asks for another runtime.
//! This file knows hyper's traits and the reactor, and nothing of HTTP.
//!
//! hyper's server, for HTTP/2, and its client:
//!
//! ```
//! use ekiden_http::adapt::hyper::{Executor, Io, Timer};
//! use ekiden_http::Body;
//! use ekiden_reactor::{net, spawn};
//! use hyper::service::service_fn;
//!
//! # ekiden_reactor::run(async {
//! let listener = net::TcpListener::bind("127.0.0.1:0").await?;
//! let addr = listener.local_addr()?;
//! spawn(async move {
//!     let (stream, _peer) = listener.accept().await?;
//!     let hello = service_fn(async |_| Ok::<_, ekiden_http::Error>(http::Response::new(Body::from("hello"))));
//!     let mut server = hyper::server::conn::http2::Builder::new(Executor);
//!     server.timer(Timer).serve_connection(Io::new(stream), hello).await?;
//!     Ok::<_, Box<dyn std::error::Error>>(())
//! });
//!
//! let stream = net::TcpStream::connect(addr).await?;
//! let (mut client, connection) = hyper::client::conn::http2::handshake(Executor, Io::new(stream)).await?;
//! spawn(connection);
//! let request = http::Request::get(format!("http://{addr}/")).body(Body::empty())?;
//! let response = client.send_request(request).await?;
//! assert_eq!(Body::wrap(response.into_body()).collect(1024).await?, "hello");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant as StdInstant};

use ekiden_reactor::{Instant, buffer, sleep_until, spawn_named};
use futures_io::{AsyncRead, AsyncWrite};
use hyper::rt;
use send_wrapper::SendWrapper;

/// A stream of ours, or any other of `futures-io`'s, as hyper wants one.
///
/// It reads into a buffer that the reactor lends and copies from there: hyper's own may hold bytes that nobody has
/// written yet, so it would have to be cleared before each read, all 8 KiB and more of it.
///
/// It says that vectored writes are worth it, as they are on our sockets. For a stream that only writes the first piece
/// of each, tell hyper's builder `writev(false)`.
///
/// It is `Send` only if the stream is, and ours are not. What insists on that, as hyper's upgrades do, takes a
/// [`SendIo`](super::SendIo) in between.
///
/// # Panics
///
/// When it is read where no reactor runs.
#[derive(Clone, Copy, Debug)]
pub struct Io<T> {
    inner: T,
}

impl<T> Io<T> {
    /// Wraps a stream.
    pub const fn new(inner: T) -> Self {
        Self { inner }
    }

    /// The stream.
    pub const fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The stream, after hyper has given it back.
    pub fn into_inner(self) -> T {
        self.inner
    }
}

impl<T: AsyncRead + Unpin> rt::Read for Io<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        buffer::lend(|buf| {
            let length = buf.len().min(into.remaining());
            let count = ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buf[..length]))?;
            into.put_slice(&buf[..count]);
            Poll::Ready(Ok(()))
        })
    }
}

impl<T: AsyncWrite + Unpin> rt::Write for Io<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }

    // Streams that have no such call of their own write the first slice, which is never wrong.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
    }
}

/// The reactor's tasks, for what hyper wants to run beside a connection: the streams of HTTP/2.
///
/// The futures need not be `Send`: they stay on the core that runs them.
///
/// # Panics
///
/// When it is used where no reactor runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Executor;

impl<F> rt::Executor<F> for Executor
where
    F: Future<Output: 'static> + 'static,
{
    fn execute(&self, future: F) {
        // Detached: hyper ends them with their connection.
        drop(spawn_named("hyper", future));
    }
}

/// The reactor's timers, for hyper's time-outs.
///
/// hyper has time-outs only where it is given a timer. They follow the reactor's clock, also where that is set by
/// hand; so do its keep-alive pings and its measurements of the path.
///
/// Some clocks of hyper's remain the system's, and a test cannot turn them:
///
/// - `Date`, which a server writes by the wall clock. `auto_date_header(false)` on its builder turns it off; write your
///   own by [`wall_clock`](ekiden_reactor::wall_clock).
/// - h2 remembers a stream that was reset for some time, by the monotonic clock, and takes what still comes for it
///   after that for a mistake of the peer's.
///
/// # Panics
///
/// When it is used where no reactor runs, or one of its sleeps on another thread than the one that made it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer;

impl rt::Timer for Timer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep::until(Instant::now() + duration))
    }

    fn sleep_until(&self, deadline: StdInstant) -> Pin<Box<dyn rt::Sleep>> {
        Box::pin(Sleep::until(Instant::from_std(deadline)))
    }

    fn now(&self) -> StdInstant {
        Instant::now().into_std()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn rt::Sleep>>, deadline: StdInstant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(sleep) => sleep.get_mut().0.reset(Instant::from_std(deadline)),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

/// hyper asks that a sleep be `Send`. Ours stays where it is, which the wrapper checks.
struct Sleep(SendWrapper<ekiden_reactor::Sleep>);

impl Sleep {
    fn until(deadline: Instant) -> Self {
        Self(SendWrapper::new(sleep_until(deadline)))
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut *self.0).poll(cx)
    }
}

impl rt::Sleep for Sleep {}
