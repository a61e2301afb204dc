//! What a client sends and a server answers, between the methods of a trait and the wire: [`Request`], [`Response`].
//!
//! Both are encoded already, so what is around them (a client's connection, a [`Router`](crate::Router), a middleware) knows
//! no types of the application. A request that came over a wire can be sent on over another one as it is.

use ekiden_proto::multiplex::Body;

use crate::method::Method;
use crate::short::Payload;

/// A call of a method.
///
/// Deadline and trace are not in it: they go along by the [context](ekiden_reactor::context), which the connection of a client
/// puts on the wire, and that of a server into effect.
#[derive(Debug)]
pub struct Request {
    pub(crate) method: Method,
    /// The [code](crate::Format::CODE) of the format that the rest is in.
    pub(crate) format: u32,
    /// Of all that are no stream.
    pub(crate) arguments: Payload,
    /// A chunk for each item of the argument that is one.
    pub(crate) items: Body,
}

/// What a method has returned.
#[derive(Debug)]
pub struct Response {
    /// Encoded, in the format of the request.
    pub(crate) result: Payload,
    /// A chunk for each item, if the result is a stream.
    pub(crate) items: Body,
}

impl Request {
    /// Which method is called.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// The arguments as they are on the wire, without the items of a stream.
    #[must_use]
    pub fn arguments(&self) -> &[u8] {
        &self.arguments
    }

    /// Whether a stream of items goes with it.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        !self.items.is_empty()
    }
}

impl Response {
    /// The result as it is on the wire, without the items of a stream.
    #[must_use]
    pub fn result(&self) -> &[u8] {
        &self.result
    }

    /// Whether a stream of items goes with it.
    #[must_use]
    pub fn is_streaming(&self) -> bool {
        !self.items.is_empty()
    }
}
