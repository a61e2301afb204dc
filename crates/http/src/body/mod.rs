//! What a message carries, in either direction.
//!
//! ```text
//!                        ┌──────┐
//!   Bytes, String, … ───►│      │
//!   Stream ─────────────►│ Body │───► chunk, collect, or any user of http_body::Body
//!   http_body::Body ────►│      │
//!   connection ── Feed ─►└──────┘
//! ```
//!
//! There is one [`Body`] for requests and responses, on servers and clients, so a proxy passes one on as it
//! is. It never buffers more than it must: a body of a gigabyte passes through some tens of kilobytes.
//!
//! In reading order: `incoming` is a body that a connection receives, `outgoing` one that is made in this process;
//! `upgrade` is the stream itself, of a connection that leaves HTTP.

mod incoming;
mod outgoing;
mod upgrade;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http_body::{Body as _, Frame, SizeHint};

pub use upgrade::{OnUpgrade, Upgraded};

pub(crate) use incoming::Feed;
pub(crate) use upgrade::UpgradeSlot;

use incoming::Incoming;
use outgoing::{Streamed, Wrapped};

use crate::error::{Error, Role};

/// The body of a request or a response.
///
/// Made from what is at hand (`Bytes`, `Vec<u8>`, `String`, `&'static str`, `()`), from a
/// [`stream`](Self::stream), or by [`wrap`](Self::wrap)ping another [`http_body::Body`]. Read by
/// [`chunk`](Self::chunk) or [`collect`](Self::collect), or as the [`http_body::Body`] that it is.
///
/// It stays on its core: it is not `Send`.
///
/// ```
/// use ekiden_http::Body;
///
/// # ekiden_reactor::run(async {
/// let body = Body::from("hello");
/// assert_eq!(body.content_length(), Some(5));
/// assert_eq!(body.collect(1024).await?, "hello");
/// # Ok::<_, ekiden_http::Error>(())
/// # }).unwrap();
/// ```
#[derive(Default)]
pub struct Body {
    kind: Kind,
}

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    /// Never empty: an empty one is `Empty`.
    Full(Bytes),
    Incoming(Incoming),
    Streamed(Streamed),
    Wrapped(Wrapped),
    /// No bytes: what follows the message belongs to another protocol.
    Upgrade(Option<OnUpgrade>),
}

impl Body {
    /// No body.
    pub const fn empty() -> Self {
        Self { kind: Kind::Empty }
    }

    /// All of a body at once.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { kind: if bytes.is_empty() { Kind::Empty } else { Kind::Full(bytes) } }
    }

    /// A body in pieces, of a length that nobody knows yet.
    ///
    /// HTTP/1.1 sends it chunked. An error of the stream ends the connection in such a way that the receiver
    /// notices that the body is not complete.
    ///
    /// ```
    /// use bytes::Bytes;
    /// use ekiden_http::Body;
    ///
    /// let lines = ["one\n", "two\n"].map(|line| Ok::<_, std::io::Error>(Bytes::from(line)));
    /// let body = Body::stream(futures_util::stream::iter(lines));
    /// assert_eq!(body.content_length(), None);
    /// ```
    pub fn stream<S, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self { kind: Kind::Streamed(Streamed::new(stream, None)) }
    }

    /// A body in pieces that add up to exactly `length` bytes.
    ///
    /// HTTP/1.1 sends it with a `content-length`. If the stream gives more or fewer bytes, the body fails.
    pub fn stream_of_length<S, E>(length: u64, stream: S) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + 'static,
        E: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        Self { kind: Kind::Streamed(Streamed::new(stream, Some(length))) }
    }

    /// Any other body, such as those of `http-body-util` or of an axum response.
    ///
    /// A `Body` comes back as it is, without a box around it.
    pub fn wrap<B>(body: B) -> Self
    where
        B: http_body::Body + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let mut body = Some(body);
        if let Some(ours) = (&mut body as &mut dyn std::any::Any).downcast_mut::<Option<Self>>() {
            return ours.take().unwrap_or_default();
        }
        match body {
            Some(body) if !body.is_end_stream() => Self { kind: Kind::Wrapped(Box::pin(body)) },
            _ => Self::empty(),
        }
    }

    /// A body that a connection receives, and the hand that feeds it.
    ///
    /// `length` is the exact number of bytes to come, if the message said so.
    pub(crate) fn incoming(role: Role, length: Option<u64>) -> (Feed, Self) {
        let (feed, incoming) = incoming::pair(role, length);
        (feed, Self { kind: Kind::Incoming(incoming) })
    }

    /// No body, and a connection that may become, or has become, another protocol's.
    pub(crate) fn upgrade(on_upgrade: OnUpgrade) -> Self {
        Self { kind: Kind::Upgrade(Some(on_upgrade)) }
    }

    /// The number of bytes still to come, if it is known.
    pub fn content_length(&self) -> Option<u64> {
        self.size_hint().exact()
    }

    /// Waits for the next bytes. `None` is the end of a complete body.
    ///
    /// Trailers are passed over; whoever wants them reads frames, as of any [`http_body::Body`].
    ///
    /// ```
    /// # ekiden_reactor::run(async {
    /// let mut body = ekiden_http::Body::from("hello");
    /// while let Some(chunk) = body.chunk().await {
    ///     println!("{} bytes", chunk?.len());
    /// }
    /// # Ok::<_, ekiden_http::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: bytes leave the body only in the poll that returns them.
    ///
    /// # Errors
    ///
    /// The connection broke, the peer broke the rules or stalled, or the stream beneath failed. Nothing comes
    /// after an error.
    pub async fn chunk(&mut self) -> Option<Result<Bytes, Error>> {
        loop {
            match poll_fn(|cx| Pin::new(&mut *self).poll_frame(cx)).await? {
                Ok(frame) => {
                    if let Ok(data) = frame.into_data() {
                        return Some(Ok(data));
                    }
                }
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// Reads the whole body, of at most `bytes_max` bytes, into memory.
    ///
    /// A body that comes in one piece is not copied.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses what was read. The connection then treats the rest as unread.
    ///
    /// # Errors
    ///
    /// The body is, or says that it will be, longer than `bytes_max`: a server answers that with 413. And
    /// whatever [`chunk`](Self::chunk) fails with.
    pub async fn collect(mut self, bytes_max: usize) -> Result<Bytes, Error> {
        let role = self.role();
        let too_large = || Error::too_large(role, "collecting a body", bytes_max as u64);
        if self.size_hint().lower() > bytes_max as u64 {
            return Err(too_large());
        }
        let mut all = Collected::default();
        while let Some(chunk) = self.chunk().await {
            let chunk = chunk?;
            if chunk.len() > bytes_max - all.len() {
                return Err(too_large());
            }
            all.push(chunk);
        }
        Ok(all.into_bytes())
    }

    /// What becomes of the connection when the message was the last of HTTP: `101 Switching Protocols`, or a
    /// `CONNECT` that was granted. `None` if it was not, or if it was taken before.
    ///
    /// On a server it is in the body of a request that asks for an upgrade, and gives the connection once the
    /// service has answered with 101 (or 2xx for `CONNECT`). A 2xx to a `CONNECT` of which nobody took it, or whose
    /// taker has gone, is no tunnel: the client is told 501 instead, and the connection closed. What is taken remains one
    /// of the server's connections; see [`Upgraded`]. On a client it is in the body of such a response.
    pub fn take_upgrade(&mut self) -> Option<OnUpgrade> {
        match &mut self.kind {
            Kind::Upgrade(on_upgrade) => on_upgrade.take(),
            _ => None,
        }
    }

    /// Takes a body that is there in full, so that it needs no polling: `Ok` with no bytes for an empty one.
    pub(crate) fn try_into_full(self) -> Result<Bytes, Self> {
        match self.kind {
            Kind::Empty | Kind::Upgrade(_) => Ok(Bytes::new()),
            Kind::Full(bytes) => Ok(bytes),
            kind => Err(Self { kind }),
        }
    }

    fn role(&self) -> Role {
        match &self.kind {
            Kind::Incoming(incoming) => incoming.role(),
            _ => Role::Local,
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let body = self.get_mut();
        let frame = match &mut body.kind {
            Kind::Empty | Kind::Upgrade(_) => None,
            Kind::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                body.kind = Kind::Empty;
                Some(Ok(Frame::data(bytes)))
            }
            Kind::Incoming(incoming) => ready!(incoming.poll_frame(cx)),
            Kind::Streamed(stream) => ready!(stream.poll_frame(cx)),
            Kind::Wrapped(body) => ready!(body.as_mut().poll_frame(cx)),
        };
        // What is spent is let go at once: the end of a body, and what comes after a failure, is nothing.
        let spent = matches!(frame, None | Some(Err(_)));
        if spent && !matches!(body.kind, Kind::Upgrade(_)) {
            body.kind = Kind::Empty;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty | Kind::Upgrade(_) => true,
            Kind::Full(_) => false,
            Kind::Incoming(incoming) => incoming.is_end(),
            Kind::Streamed(stream) => stream.is_end(),
            Kind::Wrapped(body) => body.is_end(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty | Kind::Upgrade(_) => SizeHint::with_exact(0),
            Kind::Full(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Incoming(incoming) => incoming.size_hint(),
            Kind::Streamed(stream) => stream.size_hint(),
            Kind::Wrapped(body) => body.size_hint(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.kind {
            Kind::Empty => "empty",
            Kind::Full(_) => "full",
            Kind::Incoming(_) => "incoming",
            Kind::Streamed(_) => "stream",
            Kind::Wrapped(_) => "wrapped",
            Kind::Upgrade(_) => "upgrade",
        };
        f.debug_struct("Body").field("kind", &kind).field("content_length", &self.content_length()).finish()
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::full(bytes)
    }
}

impl From<BytesMut> for Body {
    fn from(bytes: BytesMut) -> Self {
        Self::full(bytes)
    }
}

impl From<Vec<u8>> for Body {
    fn from(bytes: Vec<u8>) -> Self {
        Self::full(bytes)
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Self::full(text)
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Self::full(text)
    }
}

impl From<&'static [u8]> for Body {
    fn from(bytes: &'static [u8]) -> Self {
        Self::full(bytes)
    }
}

/// The pieces of a body: one is kept as it is, more are copied together.
#[derive(Default)]
struct Collected {
    first: Bytes,
    all: BytesMut,
}

impl Collected {
    fn push(&mut self, chunk: Bytes) {
        if self.len() == 0 {
            self.first = chunk;
        } else {
            if self.all.is_empty() {
                self.all.extend_from_slice(&std::mem::take(&mut self.first));
            }
            self.all.extend_from_slice(&chunk);
        }
    }

    fn len(&self) -> usize {
        self.first.len() + self.all.len()
    }

    fn into_bytes(self) -> Bytes {
        if self.all.is_empty() { self.first } else { self.all.freeze() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekiden_reactor::{spawn, yield_now};
    use futures_util::TryStreamExt;
    use http_body_util::StreamBody;
    use std::cell::Cell;
    use std::rc::Rc;
    use std::task::Waker;

    /// Frames are told as "name" for data, "(name)" for trailers, "!" for an error, "~" for waiting, and the
    /// promise before each as "length:" if it is known.
    pub(super) fn read(body: &mut Body) -> String {
        let mut cx = Context::from_waker(Waker::noop());
        let mut told = Vec::new();
        loop {
            let length = body.content_length().map(|length| format!("{length}:")).unwrap_or_default();
            let end = if body.is_end_stream() { "end" } else { "" };
            let frame = match Pin::new(&mut *body).poll_frame(&mut cx) {
                Poll::Pending => "~".to_owned(),
                Poll::Ready(None) => ".".to_owned(),
                Poll::Ready(Some(Err(_))) => "!".to_owned(),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => String::from_utf8_lossy(&data).into_owned(),
                    Err(frame) => {
                        let trailers = frame.into_trailers().unwrap_or_default();
                        format!(
                            "({})",
                            trailers.keys().map(|name| name.as_str()).collect::<Vec<_>>().join(" ")
                        )
                    }
                },
            };
            let stop = ["~", ".", "!"].contains(&&*frame);
            told.push(format!("{length}{frame}{end}"));
            if stop {
                return told.join(" ");
            }
        }
    }

    fn check(mut body: Body, told: &str) {
        assert_eq!(read(&mut body), told);
        assert_eq!(read(&mut body), "0:.end", "a body that has ended stays so");
    }

    fn pieces(pieces: &'static [&'static str]) -> impl Stream<Item = Result<Bytes, &'static str>> {
        let item = |piece: &&'static str| if *piece == "!" { Err("no") } else { Ok(Bytes::from(*piece)) };
        futures_util::stream::iter(pieces.iter().map(item))
    }

    #[test]
    fn a_body_at_hand_comes_in_one_frame() {
        check(Body::empty(), "0:.end");
        check(Body::from(()), "0:.end");
        check(Body::from("hello"), "5:hello 0:.end");
        check(Body::from(String::from("hello")), "5:hello 0:.end");
        check(Body::from(b"hello".to_vec()), "5:hello 0:.end");
        check(Body::from(""), "0:.end");
    }

    #[test]
    fn a_stream_has_no_length() {
        check(Body::stream(pieces(&["one", "", "two"])), "one two .");
        check(Body::stream(pieces(&["one", "!", "two"])), "one !");
    }

    #[test]
    fn a_stream_of_a_length_must_keep_it() {
        check(Body::stream_of_length(6, pieces(&["one", "two"])), "6:one 3:two 0:.end");
        check(Body::stream_of_length(7, pieces(&["one", "two"])), "7:one 4:two 1:!");
        check(Body::stream_of_length(5, pieces(&["one", "two"])), "5:one 2:!");
        check(Body::stream_of_length(3, pieces(&["one", "", "!"])), "3:one 0:.end");
    }

    #[test]
    fn another_body_is_wrapped_and_ours_is_not() {
        check(Body::wrap(http_body_util::Full::new(&b"hello"[..])), "5:hello 0:.end");
        check(Body::wrap(http_body_util::Empty::<Bytes>::new()), "0:.end");
        let ours = Body::wrap(Body::from("hello"));
        assert!(matches!(ours.kind, Kind::Full(_)));
    }

    /// Lets others have a turn, and fails if they have none.
    fn check_fair(body: impl FnOnce(Endless) -> Body) {
        let given = Rc::new(Cell::new(0));
        let mut body = body(Endless(given.clone()));
        ekiden_reactor::run(async {
            let reader = spawn(async move { body.chunk().await });
            for _ in 0..10 {
                yield_now().await;
                assert!(given.replace(0) > 0, "it has its turn, too");
            }
            assert!(!reader.is_finished());
        });
    }

    /// Pieces without bytes.
    struct Endless(Rc<Cell<u32>>);

    impl Stream for Endless {
        type Item = Result<Bytes, std::io::Error>;

        fn poll_next(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
            self.0.update(|given| given + 1);
            assert!(self.0.get() < 1000, "nobody else has a turn");
            Poll::Ready(Some(Ok(Bytes::new())))
        }
    }

    #[test]
    fn a_body_of_nothing_for_ever_leaves_turns_to_others() {
        check_fair(Body::stream);
        check_fair(|nothing| Body::stream_of_length(1, nothing));
        check_fair(|nothing| Body::wrap(StreamBody::new(nothing.map_ok(Frame::data))));
    }

    #[test]
    fn collecting_has_a_limit() {
        let collect = |body: Body, max| {
            let collected =
                futures_util::FutureExt::now_or_never(body.collect(max)).expect("nothing to wait for");
            collected
                .map_or_else(|error| error.to_string(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        assert_eq!(collect(Body::from("hello"), 5), "hello");
        assert_eq!(collect(Body::from("hello"), 4), "more than 4 bytes came while collecting a body");
        assert_eq!(collect(Body::stream(pieces(&["one", "two", "three"])), 11), "onetwothree");
        assert_eq!(
            collect(Body::stream(pieces(&["one", "two"])), 5),
            "more than 5 bytes came while collecting a body"
        );
        assert_eq!(collect(Body::stream(pieces(&["one", "!"])), 5), "making the body failed");
        assert_eq!(collect(Body::empty(), 0), "");
    }
}
