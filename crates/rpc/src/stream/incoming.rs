//! The items that a server's method reads: [`Incoming`].
//!
//! The trait says that they are a stream of `T`, and says nothing of errors, so this must not lie: a stream that ends has
//! ended at the caller's side, too. If the rest does not come there is nothing to be done for anybody, and the call is
//! dropped: by dispatch if the caller gave up or was lost, and by a [`Guard`] if an item cannot be read.

use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use ekiden_proto::multiplex::Body;
use futures_core::Stream;

use crate::error::{Error, ErrorKind};
use crate::format::{Data, Format, MessagePack};
use crate::method::Method;

/// The items of a stream that is an argument, as the method reads them.
///
/// The caller's stream is polled ahead of who reads here, as far as a [`Streaming`](super::Streaming) is. A method may answer before the end; then the caller is
/// told to stop. If an item cannot be read, or the caller is gone, there is no next item, and the call ends.
pub struct Incoming<T, F = MessagePack> {
    items: Body,
    method: Method,
    broken: Rc<Broken>,
    reads: PhantomData<fn(F) -> T>,
}

/// Ends a call whose items do not come.
#[derive(Debug)]
pub struct Guard(Rc<Broken>);

/// Why the rest of the items does not come, for whoever waits for the call.
#[derive(Default)]
pub(super) struct Broken {
    error: Cell<Option<Error>>,
    waker: Cell<Option<Waker>>,
}

impl<T: Data, F: Format> Incoming<T, F> {
    pub(crate) fn new(items: Body, method: Method) -> (Self, Guard) {
        let broken = Rc::<Broken>::default();
        (Self { items, method, broken: broken.clone(), reads: PhantomData }, Guard(broken))
    }
}

impl<T: Data, F: Format> Stream for Incoming<T, F> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let error = match Pin::new(&mut self.items).poll_next(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) if self.broken.is_told() => return Poll::Pending,
            Poll::Ready(None) => return Poll::Ready(None),
            Poll::Ready(Some(Ok(chunk))) => match F::decode(&chunk) {
                Ok(item) => return Poll::Ready(Some(item)),
                Err(source) => Error::of_method(ErrorKind::BadItem, self.method, Some(source)),
            },
            Poll::Ready(Some(Err(error))) => error.into(),
        };
        self.items = Body::empty();
        self.broken.tell(error);
        Poll::Pending
    }
}

impl<T, F> fmt::Debug for Incoming<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Guard {
    /// Waits for a call, unless its items break.
    ///
    /// # Cancel safety
    ///
    /// That of the call.
    ///
    /// # Errors
    ///
    /// Why the items do not come.
    pub async fn wait<C: Future>(&self, call: C) -> Result<C::Output, Error> {
        let mut call = pin!(call);
        poll_fn(|cx| match call.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => self.0.poll_broken(cx).map(Err),
        })
        .await
    }

    pub(super) fn broken(&self) -> Rc<Broken> {
        self.0.clone()
    }
}

impl Broken {
    fn tell(&self, error: Error) {
        self.error.set(Some(error));
        // Whoever reads the items may do so in another task.
        self.waker.take().into_iter().for_each(Waker::wake);
    }

    fn is_told(&self) -> bool {
        let error = self.error.take();
        let is_told = error.is_some();
        self.error.set(error);
        is_told
    }

    /// It stays told.
    pub(super) fn poll_broken(&self, cx: &Context<'_>) -> Poll<Error> {
        let error = self.error.take();
        self.error.set(error.clone());
        match error {
            Some(error) => Poll::Ready(error),
            None => {
                self.waker.set(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl fmt::Debug for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broken").field("is_told", &self.is_told()).finish()
    }
}
