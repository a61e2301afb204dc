//! What a message is to a service: a [`Message`], whose head is followed by a [`Body`] in pieces.
//!
//! ```text
//!   connection ── chunks ──► Inlet ──► Body ──► service
//!              ◄── Reading: taken, abandoned ───┘
//!   connection ◄── chunks ── Body ◄── the service's stream
//! ```
//!
//! Both dispatchers have the same ones. How a body that goes is sent is the dispatcher's affair; one that comes waits in an
//! `inlet`, and the connection is told what became of it.

mod message;
pub(crate) mod inlet;

use std::fmt;
use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use ekiden_service::Begun;
use futures_core::Stream;
use pin_project_lite::pin_project;

pub use message::Message;

use crate::dispatch::error::{BoxError, Error};
use crate::dispatch::reset::Reset;
use inlet::Inlet;

/// The chunks of a message: none, those of a stream of yours, or those that come from the peer.
///
/// One that is sent is polled by a task of its own at the client, by the connection's at the server, as far as the peer has
/// room for it. One that comes holds at most its window (`window_bytes` of the configuration) and one chunk, where each counts
/// its length and [`CHUNK_COST`]; a reader that stops stops its writer, and nobody else.
///
/// Dropping the body of a reply before its end gives up the call. Dropping that of a request does not: the service may
/// answer without reading all of it.
///
/// It is a [`Stream`] of chunks.
#[derive(Default)]
pub struct Body(Kind);

#[derive(Default)]
enum Kind {
    #[default]
    Empty,
    Made(Pin<Box<dyn Chunks>>),
    Coming(Coming),
}

/// Gone from its connection when it is dropped.
struct Coming(Rc<Inlet>);

impl Body {
    /// No chunks at all: a message that is whole with its head.
    pub const fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// The chunks of a stream. Each is one frame on the wire, so it must not be longer than the protocol has frames; one that
    /// is ends the body as an error of the stream does.
    ///
    /// An error ends it: of a request's body it gives up the call, of a reply's it is told to the operator, and the peer
    /// learns that the rest does not come. One that is [`Reset::Expired`] or `Unreadable` of a reply's is told to
    /// the peer as such, and not to the operator, since it is no failure of ours.
    pub fn new<St, E>(chunks: St) -> Self
    where
        St: Stream<Item = Result<Bytes, E>> + 'static,
        E: Into<BoxError>,
    {
        Self::until(chunks, pending::<BoxError>())
    }

    /// The same until `end` is ready, whose error then ends it as one of the stream does, also while the peer has no room for
    /// any chunk: for a body that has a time limit.
    pub fn until<St, E, End>(chunks: St, end: End) -> Self
    where
        St: Stream<Item = Result<Bytes, E>> + 'static,
        E: Into<BoxError>,
        End: Future<Output: Into<BoxError>> + 'static,
    {
        Self(Kind::Made(Box::pin(Until { chunks, end })))
    }

    pub(crate) fn coming(inlet: Rc<Inlet>) -> Self {
        Self(Kind::Coming(Coming(inlet)))
    }

    /// Whether there is certainly nothing in it: it was made empty, or all of it has come and was read.
    pub fn is_empty(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Made(_) => false,
            Kind::Coming(coming) => coming.0.is_finished(),
        }
    }

    /// Waits for the next chunk. `None` at the end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a chunk leaves only in the same poll that returns it.
    ///
    /// # Errors
    ///
    /// If the rest does not come: the connection was lost, the peer gave it up, or the stream that it is made of failed.
    /// After an error there is only `None`.
    #[expect(
        clippy::should_implement_trait,
        reason = "the name is that of `StreamExt`, and an iterator it is not"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<Result<Bytes, Error>>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx))
    }

    /// The next chunk to send, with the error of whoever made it as it is.
    pub(crate) fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        match &mut self.0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Made(chunks) => chunks.as_mut().poll_next(cx),
            Kind::Coming(coming) => coming.0.poll_next(cx).map_err(BoxError::from),
        }
    }

    /// Why the rest does not come, where that is known without asking for it.
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<BoxError> {
        match &mut self.0 {
            Kind::Made(chunks) => chunks.as_mut().poll_end(cx),
            Kind::Empty | Kind::Coming(_) => Poll::Pending,
        }
    }
}

impl Stream for Body {
    type Item = Result<Bytes, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = match &mut self.0 {
            Kind::Empty => return Poll::Ready(None),
            Kind::Made(chunks) => {
                chunks.as_mut().poll_next(cx).map_err(|error| match Reset::of_body(&*error) {
                    Reset::Failed => Error::body(error, Begun::Unknown),
                    // As a peer would hear it.
                    reset => Error::broken_off(reset),
                })
            }
            Kind::Coming(coming) => return coming.0.poll_next(cx),
        };
        if let Poll::Ready(None | Some(Err(_))) = polled {
            self.0 = Kind::Empty;
        }
        polled
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Empty => "Body(empty)",
            Kind::Made(_) => "Body(made)",
            Kind::Coming(_) => "Body(coming)",
        })
    }
}

impl Drop for Coming {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// A stream of chunks that may end before it does.
trait Chunks: Stream<Item = Result<Bytes, BoxError>> {
    fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BoxError>;
}

pin_project! {
    /// A stream until a moment, with its errors in a box.
    struct Until<St, End> {
        #[pin]
        chunks: St,
        #[pin]
        end: End,
    }
}

impl<St, E, End> Stream for Until<St, End>
where
    St: Stream<Item = Result<Bytes, E>>,
    E: Into<BoxError>,
    End: Future<Output: Into<BoxError>>,
{
    type Item = Result<Bytes, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Poll::Ready(error) = self.as_mut().poll_end(cx) {
            return Poll::Ready(Some(Err(error)));
        }
        self.project().chunks.poll_next(cx).map_err(Into::into)
    }
}

impl<St, E, End> Chunks for Until<St, End>
where
    St: Stream<Item = Result<Bytes, E>>,
    E: Into<BoxError>,
    End: Future<Output: Into<BoxError>>,
{
    fn poll_end(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BoxError> {
        self.project().end.poll(cx).map(Into::into)
    }
}

/// What a chunk costs of its body's credit besides its length, in bytes: so that a million empty chunks are not free. It is
/// about what a frame has around them, and so what they cost the wire.
///
/// To hold a short one costs more: a handle of 32 bytes, in a list that has room for up to twice as many, and what an
/// allocation takes. The smallest take up to four times their credit, so a window of 64 KiB up to 256 KiB.
pub const CHUNK_COST: u32 = 16;

/// What a chunk costs.
pub(crate) fn cost(bytes: &Bytes) -> i64 {
    // A length is far below the half of an i64.
    bytes.len() as i64 + i64::from(CHUNK_COST)
}
