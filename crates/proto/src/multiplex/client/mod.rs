//! The client's end of a multiplexed connection: [`Client`], which is a service. Behind it is a [`Connection`].
//!
//! ```text
//!   Client ── req ──►┌───────┐── next_request ──►┌────────────┐
//!   Client ── req ──►│ Calls │                   │ Connection │◄──► Transport ◄──► the peer
//!   Client ◄─ resp ──└───────┘◄── handle_reply ──└────────────┘
//!   Body ◄── Inlet ◄── chunks ◄─────────────────────────┘ │
//!   Body ──► Pump ──► Outlet ──► chunks ──────────────────┘
//! ```
//!
//! Everything that callers ask in one turn of the loop leaves by one write. `calls` decides what becomes of each, `connection`
//! moves it.

mod calls;
mod connection;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use ekiden_reactor::{context, spawn_named};
use ekiden_service::{Expired, Service, Status};
use futures_io::{AsyncRead, AsyncWrite};

use crate::body::Message;
use crate::codec::{Decoder, Encoder};
use crate::dispatch::error::{BoxError, Error};
use crate::multiplex::config::ClientConfig;
use crate::multiplex::frame::Frame;
use crate::multiplex::pump::Pump;
use crate::multiplex::queue::Queue;
use crate::transport::Transport;
use calls::{Call, Calls, Limits};

pub use connection::Connection;

/// A service at the other end of one multiplexed connection.
///
/// Clones are cheap and share the connection; any number of calls may be under way, and answers come in any order.
///
/// A caller that drops its call has it cancelled at the peer, and its id is not used again before the peer has ended it.
/// So is a call whose reply's [`Body`](super::Body) is dropped before its end. When the last client is dropped, and the
/// last body, the connection is closed.
///
/// When the connection breaks, each call under way fails with an [`Error`] that says whether its request can have been begun,
/// [`status`](Service::status) is [`Closed`](Status::Closed), and later calls fail without being begun. So it is when
/// the peer drains, except that the calls under way go on. It does not connect again by itself.
///
/// The example is that of the [module](super).
pub struct Client<Req, Resp> {
    owner: Rc<Owner<Req, Resp>>,
}

/// What all clones of a client are: when it is dropped, the last of them was.
struct Owner<Req, Resp>(Rc<Shared<Req, Resp>>);

#[cfg(test)]
impl<Req, Resp> Client<Req, Resp> {
    /// What its connection has to send.
    pub(super) fn queue(&self) -> &Rc<Queue> {
        &self.owner.0.queue
    }
}

/// What a client and its connection share.
pub(super) struct Shared<Req, Resp> {
    calls: RefCell<Calls<Req, Resp>>,
    pub(super) queue: Rc<Queue>,
    /// Whether there is no client any more.
    pub(super) is_orphan: Cell<bool>,
}

/// A call under way.
struct Asked<'a, Req, Resp> {
    shared: &'a Shared<Req, Resp>,
    /// `None` once it is answered.
    call: Option<Call>,
}

impl<Req, Resp> Client<Req, Resp> {
    /// A client over `io`, with its connection in a task of its own on the current reactor.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn new<Io, Codec>(io: Io, codec: Codec) -> Self
    where
        Io: AsyncRead + AsyncWrite + Unpin + 'static,
        Codec: Decoder<Item = Frame<Resp>, Error: Into<BoxError>>
            + Encoder<Frame<Req>, Error: Into<BoxError>>
            + 'static,
        Req: 'static,
        Resp: 'static,
    {
        let (client, connection) = Self::with_config(io, codec, ClientConfig::default());
        // It serves whoever calls later, too. Its end concerns the callers, and each of them is told.
        context::Context::none().sync_scope(|| drop(spawn_named("multiplex client", connection)));
        client
    }

    /// A client over `io`, and its connection, to be polled by whoever likes to.
    pub fn with_config<Io, Codec>(
        io: Io,
        codec: Codec,
        config: ClientConfig,
    ) -> (Self, Connection<Io, Codec, Req, Resp>)
    where
        Codec: Decoder<Item = Frame<Resp>>,
    {
        let queue = Rc::<Queue>::default();
        let limits = Limits {
            in_flight_max: config.in_flight_max.max(1),
            queue_max: config.queue_max,
            window_bytes: config.window_bytes.max(1),
        };
        let calls = RefCell::new(Calls::new(limits, queue.clone()));
        let shared = Rc::new(Shared { calls, queue, is_orphan: Cell::default() });
        let mut transport = Transport::new(io, codec);
        transport.set_write_bytes_max(config.write_bytes_max);
        let owner = Rc::new(Owner(Rc::clone(&shared)));
        (Self { owner }, Connection::new(transport, shared, &config))
    }
}

impl<Req, Resp> Service for Client<Req, Resp> {
    type Req = Message<Req>;
    type Resp = Message<Resp>;
    type Error = Error;

    /// Sends a request and waits for its answer, or for the head of it.
    ///
    /// Beyond [`in_flight_max`](ClientConfig::in_flight_max) it waits in a queue, in order, to be sent; beyond
    /// [`queue_max`](ClientConfig::queue_max) it is refused. A request's body is sent by a task of its own, which inherits
    /// the caller's context, and which ends with the call.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes the request back if no byte of it was encoded yet, else the peer is told to give it up.
    /// Other calls do not notice.
    ///
    /// # Errors
    ///
    /// If the call is refused, here or by the peer, if the request cannot be encoded or its body made, if the peer fails,
    /// or if the connection is lost. See [`Error`]. If the [deadline](context::deadline) of the caller has passed, nothing
    /// is sent; that it may pass while the call is under way is for a `Timeout` around the client to see.
    ///
    /// # Panics
    ///
    /// If the request has a body, and no reactor runs on this thread.
    async fn call(&self, req: Message<Req>) -> Result<Message<Resp>, Error> {
        if context::is_expired() {
            return Err(Expired::unbegun().into());
        }
        let Message { head, body } = req;
        let shared = &*self.owner.0;
        let asked = shared.calls.borrow_mut().ask(head, !body.is_empty());
        match asked {
            Ok((call, outlet)) => {
                let asked = Asked { shared, call: Some(call) };
                if let Some(outlet) = outlet {
                    drop(spawn_named("body of a request", Pump::new(body, outlet)));
                }
                shared.queue.wake();
                asked.await
            }
            Err((error, _head)) => Err(error),
        }
    }

    fn status(&self) -> Status {
        let calls = self.owner.0.calls.borrow();
        match () {
            () if calls.is_lost() => Status::Closed,
            () if calls.is_busy() => Status::Busy,
            () => Status::Open,
        }
    }
}

impl<Req, Resp> Clone for Client<Req, Resp> {
    fn clone(&self) -> Self {
        Self { owner: Rc::clone(&self.owner) }
    }
}

impl<Req, Resp> fmt::Debug for Client<Req, Resp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("status", &self.status()).finish()
    }
}

impl<Req, Resp> Drop for Owner<Req, Resp> {
    fn drop(&mut self) {
        self.0.is_orphan.set(true);
        self.0.queue.wake();
    }
}

impl<Req, Resp> Future for Asked<'_, Req, Resp> {
    type Output = Result<Message<Resp>, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(call) = self.call else { unreachable!("it was answered") };
        let answer = self.shared.calls.borrow_mut().poll_answer(call, cx.waker());
        match answer {
            Ok(answer) => {
                self.call = None;
                Poll::Ready(answer)
            }
            Err(_replaced) => Poll::Pending,
        }
    }
}

impl<Req, Resp> Drop for Asked<'_, Req, Resp> {
    fn drop(&mut self) {
        if let Some(call) = self.call {
            let (req, told) = self.shared.calls.borrow_mut().give_up(call);
            drop(req);
            told.settle();
            // The peer is to be told, or there is room for another.
            self.shared.queue.wake();
        }
    }
}
