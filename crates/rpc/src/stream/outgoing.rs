//! The items that a server's method returns: [`Sender`], behind which a [`Producer`] makes the chunks of a body.
//!
//! A method's stream borrows from what implements the trait (`&self`), so it cannot be handed to a connection by itself.
//! Its whole call is, in a box: a future that owns a share of the implementor, calls the method, and puts one item after the
//! other into a place where the body finds it.
//!
//! ```text
//!   Body ── poll ──► Producer ── poll ──► the call { service.method(..).await, then its stream }
//!        ◄─ chunk ─                  Place ◄─ item ─┘
//! ```

use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use ekiden_proto::multiplex::{Body, Reset, Unsendable};
use ekiden_reactor::{context, sleep_until};
use futures_core::Stream;

use super::incoming::{Broken, Guard};
use crate::error::{Error, ErrorKind};
use crate::format::{Data, Format};
use crate::message::Response;
use crate::method::Method;
use crate::short::{Payload, Pieces};

/// Takes what a method returns that returns a stream.
pub struct Sender<F> {
    place: Rc<Place>,
    method: Method,
    /// The call's.
    context: context::Context,
    writes: PhantomData<fn(F)>,
}

/// Between the call and the body.
#[derive(Default)]
struct Place {
    head: Cell<Option<Result<Payload, Error>>>,
    item: Cell<Option<Result<Bytes, Error>>>,
}

/// The chunks of a body, as a call makes them.
struct Producer<C> {
    place: Rc<Place>,
    /// `None` once it is over.
    call: Option<Pin<Box<C>>>,
    /// If the items that the method reads break, so does what it makes of them.
    broken: Option<Rc<Broken>>,
}

/// Runs a call that sends what its method returns, until the method has returned; the items follow in the body.
pub(crate) async fn respond<F, C>(
    method: Method,
    guard: Option<Guard>,
    call: impl FnOnce(Sender<F>) -> C,
) -> Result<Response, Error>
where
    F: Format,
    C: Future<Output = ()> + 'static,
{
    let place = Rc::<Place>::default();
    let context = context::Context::current();
    let sender = Sender { place: place.clone(), method, context, writes: PhantomData };
    let broken = guard.map(|guard| guard.broken());
    let mut producer = Producer { place, call: Some(Box::pin(call(sender))), broken };
    let result = poll_fn(|cx| producer.poll_head(cx)).await?;
    let items = match context::deadline() {
        _ if producer.is_over() => Body::empty(),
        // The time of a call is that of all of it. Whoever gave it that waits for no item that comes later.
        Some(deadline) => Body::until(producer, async move {
            sleep_until(deadline).await;
            Reset::Expired
        }),
        None => Body::new(producer),
    };
    Ok(Response { result, items })
}

impl<F: Format> Sender<F> {
    /// Sends the items of a method that returns a stream.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the stream without its end: the caller is told that the rest does not come.
    pub async fn send<T: Data>(self, items: impl Stream<Item = T>) {
        self.place.set_head(self.told(Payload::encode::<F, _>(&())));
        self.pump(items).await;
    }

    /// Sends the items of a method that returns a stream or an error.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub async fn try_send<T: Data, E: Data>(self, result: Result<impl Stream<Item = T>, E>) {
        match result {
            Ok(items) => {
                self.place.set_head(self.told(Payload::encode::<F, _>(&Ok::<(), E>(()))));
                self.pump(items).await;
            }
            Err(error) => self.place.set_head(self.told(Payload::encode::<F, _>(&Err::<(), E>(error)))),
        }
    }

    async fn pump<T: Data>(self, items: impl Stream<Item = T>) {
        let (mut items, mut pieces) = (pin!(items), Pieces::default());
        let pump = poll_fn(|cx| {
            // While an item waits to be taken no other is made; the body that takes it polls again.
            if self.place.is_taken() {
                let Some(item) = ready!(items.as_mut().poll_next(cx)) else { return Poll::Ready(()) };
                self.place.item.set(Some(self.told(pieces.item::<F, _>(&item))));
            }
            Poll::Pending
        });
        self.context.clone().scope(pump).await;
    }

    /// What was encoded, or why it cannot be.
    fn told<T>(&self, encoded: Result<T, Box<dyn std::error::Error + Send + Sync>>) -> Result<T, Error> {
        encoded.map_err(|source| Error::of_method(ErrorKind::BadResult, self.method, Some(source)))
    }
}

impl<F> fmt::Debug for Sender<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Place {
    fn set_head(&self, head: Result<Payload, Error>) {
        self.head.set(Some(head));
    }

    fn is_taken(&self) -> bool {
        let item = self.item.take();
        let is_taken = item.is_none();
        self.item.set(item);
        is_taken
    }
}

impl<C: Future<Output = ()>> Producer<C> {
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<Payload, Error>> {
        let is_waiting = self.poll_call(cx).is_pending();
        match self.place.head.take() {
            Some(head) => Poll::Ready(head),
            None if is_waiting => self.poll_broken(cx).map(Err),
            None => unreachable!("a call that sends what its method returns has a head"),
        }
    }

    fn poll_call(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(call) = &mut self.call {
            ready!(call.as_mut().poll(cx));
            self.call = None;
        }
        Poll::Ready(())
    }

    fn poll_broken(&self, cx: &Context<'_>) -> Poll<Error> {
        match &self.broken {
            Some(broken) => broken.poll_broken(cx),
            None => Poll::Pending,
        }
    }

    /// Whether there is nothing to come.
    fn is_over(&self) -> bool {
        self.call.is_none() && self.place.is_taken()
    }
}

impl<C: Future<Output = ()>> Stream for Producer<C> {
    type Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_item(cx).map_err(|error| match error.kind() {
            // An item of the caller's, which is told what it was, and the operator is not.
            ErrorKind::BadItem => Reset::Unreadable.into(),
            // One of the method's. The caller is told that, and the operator why.
            ErrorKind::BadResult => Unsendable::new(error).into(),
            _ => error.into(),
        })
    }
}

impl<C: Future<Output = ()>> Producer<C> {
    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        // One may be left of the poll that gave the head.
        if let Some(item) = self.place.item.take() {
            return Poll::Ready(Some(item));
        }
        let is_waiting = self.poll_call(cx).is_pending();
        match self.place.item.take() {
            Some(item) => Poll::Ready(Some(item)),
            None if is_waiting => self.poll_broken(cx).map(|error| Some(Err(error))),
            None => Poll::Ready(None),
        }
    }
}
