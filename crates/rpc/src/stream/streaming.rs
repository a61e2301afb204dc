//! The items that a client reads: [`Streaming`].

use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ekiden_proto::multiplex::Body;
use futures_core::Stream;

use crate::error::{Error, ErrorKind};
use crate::format::{Data, Format, MessagePack};
use crate::method::Method;

/// The items of a method that returns a stream, as its caller reads them.
///
/// An item is a `Result`, since the rest may not come: the connection is lost, or the server fails. The end is an end only
/// if it is `None` without an error before: then the server's stream has ended. After an error there is only `None`.
///
/// The server makes items ahead of who reads them, as far as there is room: one window
/// ([`window_bytes`](ekiden_proto::multiplex::ClientConfig::window_bytes), 64 KiB) and 16 KiB that wait at the server, where each
/// item counts its bytes and 16 more. That is one or two of some size, and thousands of the shortest, which are lost when it
/// is dropped. Who reads no more has the server make no more. For items that are made one by one as they are asked for, let
/// each be a call.
///
/// If the call has a [deadline](ekiden_reactor::context::deadline), that is the stream's, too: when it has passed the server
/// ends it by an [`Expired`](ErrorKind::Expired), and drops its stream.
///
/// Dropping it before its end gives up the call, and the server drops its stream.
///
/// It is a [`Stream`], and [`next`](Self::next) is there for who has no other use for `StreamExt`.
pub struct Streaming<T, F = MessagePack> {
    items: Body,
    method: Method,
    reads: PhantomData<fn(F) -> T>,
}

impl<T, F> Streaming<T, F> {
    pub(crate) fn new(items: Body, method: Method) -> Self {
        Self { items, method, reads: PhantomData }
    }
}

impl<T: Data, F: Format> Streaming<T, F> {
    /// Waits for the next item. `None` at the end.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: an item leaves only in the same poll that returns it.
    ///
    /// # Errors
    ///
    /// If the rest does not come.
    #[expect(
        clippy::should_implement_trait,
        reason = "the name is that of `StreamExt`, and an iterator it is not"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<Result<T, Error>>> {
        poll_fn(|cx| Pin::new(&mut *self).poll_next(cx))
    }
}

impl<T: Data, F: Format> Stream for Streaming<T, F> {
    type Item = Result<T, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = match ready!(Pin::new(&mut self.items).poll_next(cx)) {
            Some(Ok(chunk)) => F::decode(&chunk)
                .map_err(|source| Error::of_method(ErrorKind::BadAnswer, self.method, Some(source))),
            Some(Err(error)) => Err(Error::dispatch(error, self.method)),
            None => return Poll::Ready(None),
        };
        if item.is_err() {
            self.items = Body::empty();
        }
        Poll::Ready(Some(item))
    }
}

impl<T, F> fmt::Debug for Streaming<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming").field("method", &self.method).finish_non_exhaustive()
    }
}
