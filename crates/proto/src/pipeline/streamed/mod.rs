//! Messages of a head and a body that comes in pieces: [`Frame`], and the [`Shape`] that makes messages of them.
//!
//! ```text
//!   Head ── Message ──► service or caller            service or caller ── Message ──► Head
//!   Chunk ─► Inlet ─► Body ──┘                                                Body ─► Chunk
//!   End                                                                               End
//! ```
//!
//! Without ids a body holds back what is behind it: one that is read slowly holds back its own connection, in its own
//! direction, and no other. At most [`body_bytes_max`](super::ServerConfig::body_bytes_max) of it wait to be read; then the
//! connection is not read either, and the peer feels it.

use std::marker::PhantomData;
use std::mem;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use ekiden_service::Begun;

use super::shape::Shape;
use crate::body::inlet::{Inlet, Reading, Whose};
use crate::body::{Body, Message};
use crate::dispatch::bell::Bell;
use crate::dispatch::error::{BoxError, Cause, Error};

/// One frame of a pipelined protocol whose messages have bodies. `T` is the head of a message: of a request on the way to
/// the server, of a reply on the way back.
///
/// A message is a `Head`, and, if that says that there is `more`, any number of `Chunk`s and an `End`. Frames of two messages
/// are never mixed.
///
/// There is no frame for a body whose rest cannot be made: nothing behind it could be told from it, so that ends the
/// connection.
///
/// A protocol's codec decodes to these frames and encodes them. Here a line is a message; one that ends in `+` has a body, of
/// lines that begin with `=`, up to a line with a dot:
///
/// ```
/// use bytes::BytesMut;
/// use ekiden_proto::codec::{Decoded, Decoder, Encoder, Lines, LinesError};
/// use ekiden_proto::pipeline::{Body, Client, Frame, Message, ServerConfig};
/// use ekiden_reactor::net::{TcpListener, TcpStream};
/// use ekiden_service::{Service, service_fn};
/// use futures_util::{StreamExt, stream};
/// use std::convert::Infallible;
///
/// #[derive(Clone, Default)]
/// struct Marked(Lines);
///
/// impl Decoder for Marked {
///     type Item = Frame<String>;
///     type Error = LinesError;
///
///     fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Self::Item>, LinesError> {
///         let Decoded::Frame(line) = self.0.decode(buf)? else { return Ok(Decoded::Incomplete) };
///         Ok(Decoded::Frame(match (line.strip_prefix('='), line.strip_suffix('+')) {
///             (Some(bytes), _) => Frame::Chunk(bytes.to_owned().into()),
///             (None, _) if line == "." => Frame::End,
///             (None, Some(head)) => Frame::Head { head: head.to_owned(), more: true },
///             (None, None) => Frame::Head { head: line, more: false },
///         }))
///     }
/// }
///
/// impl Encoder<Frame<String>> for Marked {
///     type Error = LinesError;
///
///     fn encode(&mut self, frame: Frame<String>, buf: &mut BytesMut) -> Result<(), LinesError> {
///         let line = match frame {
///             Frame::Head { head, more } => head + if more { "+" } else { "" },
///             Frame::Chunk(bytes) => format!("={}", String::from_utf8_lossy(&bytes)),
///             Frame::End => ".".to_owned(),
///         };
///         self.0.encode(line, buf)
///     }
/// }
///
/// # ekiden_reactor::run(async {
/// let listener = TcpListener::bind("127.0.0.1:0").await?;
/// let addr = listener.local_addr()?;
/// // A body that is passed on is passed on as it comes.
/// let echo = service_fn(async |req: Message<String>| Ok::<_, Infallible>(req));
/// let _server = ServerConfig::default().serve_streamed(listener, Marked::default(), echo);
///
/// let client = Client::streamed(TcpStream::connect(addr).await?, Marked::default());
/// let verses = stream::iter(["one", "two"]).map(|verse| Ok::<_, Infallible>(verse.into()));
/// let mut reply = client.call(Message::with_body("song".to_owned(), Body::new(verses))).await?;
/// assert_eq!(reply.head, "song");
/// assert_eq!(reply.body.next().await.transpose()?.as_deref(), Some(&b"one"[..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<T> {
    /// A message. With `more`, a body follows.
    Head {
        /// What is asked or answered.
        head: T,
        /// Whether a body follows.
        more: bool,
    },
    /// A piece of the body. Its boundaries are kept: who sends three chunks is read as three.
    Chunk(Bytes),
    /// The body is complete.
    End,
}

/// Messages whose heads are `In` and `Out`, in both directions.
pub(super) struct Streamed<In, Out> {
    /// The body that comes, until it is complete.
    inlet: Option<Rc<Inlet>>,
    /// What readers ring when they have read, or are gone.
    bell: Rc<Bell>,
    window_bytes: u32,
    parts: u64,
    /// The body that goes, until it is complete.
    sending: Option<Body>,
    heads: PhantomData<fn(Out) -> In>,
}

impl<In, Out> Streamed<In, Out> {
    pub(super) fn new(body_bytes_max: u32) -> Self {
        Self {
            inlet: None,
            bell: Rc::default(),
            window_bytes: body_bytes_max,
            parts: 0,
            sending: None,
            heads: PhantomData,
        }
    }
}

impl<In, Out> Shape for Streamed<In, Out> {
    type FrameIn = Frame<In>;
    type In = Message<In>;
    type Out = Message<Out>;
    type FrameOut = Frame<Out>;

    fn is_amid_message(&self) -> bool {
        self.inlet.is_some()
    }

    fn is_read(&self) -> bool {
        self.inlet.as_ref().is_some_and(|inlet| inlet.is_read())
    }

    fn parts(&self) -> u64 {
        self.parts
    }

    fn has_room(&self) -> bool {
        self.inlet.as_ref().is_none_or(|inlet| inlet.has_room())
    }

    fn poll_room(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.inlet.is_none() {
            return Poll::Ready(());
        }
        // Registered before the look, so that whoever reads from now on wakes the connection.
        self.bell.register(cx.waker());
        if self.has_room() { Poll::Ready(()) } else { Poll::Pending }
    }

    fn handle_frame(&mut self, frame: Frame<In>) -> Result<Option<Message<In>>, &'static str> {
        match (frame, &self.inlet) {
            (Frame::Head { head, more: false }, None) => Ok(Some(Message::new(head))),
            (Frame::Head { head, more: true }, None) => {
                // A reader who goes is told of at both ends, as one of a reply is.
                let inlet = Inlet::new(0, Whose::Reply, self.window_bytes, self.bell.clone());
                let inlet = self.inlet.insert(Rc::new(inlet));
                Ok(Some(Message::with_body(head, Body::coming(inlet.clone()))))
            }
            (Frame::Chunk(bytes), Some(inlet)) => {
                self.parts += 1;
                if inlet.is_read() {
                    inlet.handle_chunk(bytes)?.into_iter().for_each(Waker::wake);
                }
                Ok(None)
            }
            (Frame::End, Some(_)) => {
                self.parts += 1;
                let ended = self.inlet.take().and_then(|inlet| inlet.handle_end());
                ended.into_iter().for_each(Waker::wake);
                Ok(None)
            }
            (Frame::Head { .. }, Some(_)) => Err("a message within the body of another"),
            (Frame::Chunk(_) | Frame::End, None) => Err("a part of a body, and no body has begun"),
        }
    }

    fn handle_lost(&mut self, error: &Error) -> Option<Waker> {
        self.inlet.take()?.fail(error.clone())
    }

    fn is_sending(&self) -> bool {
        self.sending.is_some()
    }

    fn begin(&mut self, message: Message<Out>) -> Frame<Out> {
        let Message { head, body } = message;
        let more = !body.is_empty();
        self.sending = more.then_some(body);
        Frame::Head { head, more }
    }

    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame<Out>, BoxError>> {
        let Some(body) = &mut self.sending else { unreachable!("nothing is being sent") };
        Poll::Ready(match ready!(body.poll_chunk(cx)) {
            Some(Ok(bytes)) => Ok(Frame::Chunk(bytes)),
            Some(Err(error)) => Err(error),
            None => {
                self.stop_sending();
                Ok(Frame::End)
            }
        })
    }

    fn stop_sending(&mut self) {
        drop(mem::take(&mut self.sending));
    }
}

/// Whether there is room, or nobody reads any more, is seen at the body.
impl Reading for Bell {
    fn handle_taken(&self, _id: u32, _bytes: u32) {
        self.ring();
    }

    fn handle_abandoned(&self, _id: u32) {
        self.ring();
    }
}

impl<In, Out> Drop for Streamed<In, Out> {
    fn drop(&mut self) {
        // Whoever reads would wait for ever.
        let error = Error::lost(Cause::Dropped.into(), Begun::Yes);
        self.handle_lost(&error).into_iter().for_each(Waker::wake);
    }
}

#[cfg(test)]
mod tests;
