//! Values of one core, for code that insists on `Send`.
//!
//! Nothing of ours is `Send`: a body, a client and the future of a call live and end on one core. Some code of others
//! asks for `Send` all the same, because it may run on a scheduler that moves tasks about; on ours it never does. So
//! these wrappers are `Send` by word, and look at run time that the word is kept: whoever touches one on another thread
//! gets a panic, and never the value.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_io::{AsyncRead, AsyncWrite};
use http_body::{Frame, SizeHint};
use send_wrapper::SendWrapper;

use crate::body::Body;
use crate::error::Error;

/// A [`Body`] for code that insists on `Send`: it stays on its core, and checks that it does.
///
/// ```
/// use ekiden_http::{Body, adapt::SendBody};
///
/// fn send_anywhere<B: http_body::Body + Send + 'static>(_body: B) {}
///
/// send_anywhere(SendBody::from(Body::from("hello")));
/// ```
///
/// # Panics
///
/// When it is used or dropped on another thread than the one that made it.
pub struct SendBody(SendWrapper<Body>);

impl SendBody {
    /// Wraps a body on the thread where it will stay.
    pub fn new(body: Body) -> Self {
        Self(SendWrapper::new(body))
    }

    /// The body itself.
    ///
    /// # Panics
    ///
    /// On another thread than the one that made it.
    #[track_caller]
    pub fn into_inner(self) -> Body {
        self.0.take()
    }
}

impl http_body::Body for SendBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        Pin::new(&mut *self.0).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}

impl Default for SendBody {
    fn default() -> Self {
        Self::new(Body::empty())
    }
}

impl From<Body> for SendBody {
    fn from(body: Body) -> Self {
        Self::new(body)
    }
}

impl From<SendBody> for Body {
    /// # Panics
    ///
    /// As [`SendBody::into_inner`].
    fn from(body: SendBody) -> Self {
        body.into_inner()
    }
}

impl fmt::Debug for SendBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        wrapped(f, "SendBody", &self.0)
    }
}

/// A future for code that insists on `Send`: it stays on its core, and checks that it does.
///
/// For what is awaited inside such code, an axum handler for one, and holds something of ours meanwhile.
///
/// ```
/// use ekiden_http::adapt::SendFuture;
/// use std::time::Duration;
///
/// // What a multi-threaded runtime would ask of a handler.
/// fn handler() -> impl Future<Output = &'static str> + Send {
///     async {
///         SendFuture::new(ekiden_reactor::sleep(Duration::from_millis(1))).await;
///         "awake"
///     }
/// }
///
/// # ekiden_reactor::run(async {
/// assert_eq!(handler().await, "awake");
/// # });
/// ```
///
/// # Cancel safety
///
/// That of the future inside.
///
/// # Panics
///
/// When it is polled or dropped on another thread than the one that made it.
#[must_use = "a future does nothing unless it is awaited"]
pub struct SendFuture<T>(SendWrapper<Pin<Box<dyn Future<Output = T>>>>);

impl<T> SendFuture<T> {
    /// Wraps a future on the thread where it will stay.
    pub fn new(future: impl Future<Output = T> + 'static) -> Self {
        // Boxed because the futures of our calls have no names; and what can be moved needs no pin of its own.
        Self(SendWrapper::new(Box::pin(future)))
    }
}

impl<T> Future for SendFuture<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        self.0.as_mut().poll(cx)
    }
}

impl<T> fmt::Debug for SendFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendFuture").finish_non_exhaustive()
    }
}

/// A stream for code that insists on `Send`: it stays on its core, and checks that it does.
///
/// hyper asks for that when it is to hand a connection over (`with_upgrades`), and so do the clients of hyper-util: they
/// take `hyper::Io::new(SendIo::new(stream))`.
///
/// ```
/// use ekiden_http::adapt::SendIo;
///
/// fn send_anywhere<Io: futures_io::AsyncRead + futures_io::AsyncWrite + Send>(_io: Io) {}
///
/// # ekiden_reactor::run(async {
/// # let listener = ekiden_reactor::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let addr = listener.local_addr()?;
/// let stream = ekiden_reactor::net::TcpStream::connect(addr).await?;
/// send_anywhere(SendIo::new(stream));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// # Panics
///
/// When it is used or dropped on another thread than the one that made it.
pub struct SendIo<T>(SendWrapper<T>);

impl<T> SendIo<T> {
    /// Wraps a stream on the thread where it will stay.
    pub fn new(io: T) -> Self {
        Self(SendWrapper::new(io))
    }

    /// The stream.
    ///
    /// # Panics
    ///
    /// On another thread than the one that made it.
    #[track_caller]
    pub fn get_ref(&self) -> &T {
        &self.0
    }

    /// The stream itself.
    ///
    /// # Panics
    ///
    /// On another thread than the one that made it.
    #[track_caller]
    pub fn into_inner(self) -> T {
        self.0.take()
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for SendIo<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_read(cx, buf)
    }

    fn poll_read_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_read_vectored(cx, bufs)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for SendIo<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.0).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.0).poll_close(cx)
    }
}

impl<T: fmt::Debug> fmt::Debug for SendIo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        wrapped(f, "SendIo", &self.0)
    }
}

/// Telling what it holds must not panic: panics are what people print things for.
pub(super) fn wrapped<T: fmt::Debug>(
    f: &mut fmt::Formatter<'_>,
    name: &str,
    value: &SendWrapper<T>,
) -> fmt::Result {
    if value.valid() {
        f.debug_tuple(name).field(&**value).finish()
    } else {
        f.debug_tuple(name).field(&format_args!("of another thread")).finish()
    }
}
