//! What a server serves: [`Answers`], a name for services of calls that says what is amiss with what is none.

use ekiden_service::Service;

use crate::error::Error;
use crate::message::{Request, Response};

/// A service of calls: whatever is a [`Service`] from [`Request`] to [`Response`] that fails with an [`Error`].
///
/// There is nothing to implement. What `#[ekiden::rpc]` makes of a trait `Library` is one, `LibraryServer::new(it)`, with any
/// middleware around it; so is a [`Router`](crate::Router).
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not answer calls",
    label = "this must be what `#[rpc]` makes of a trait, or a service around it",
    note = "if it implements a trait with `#[rpc]`, such as `Library`, serve `LibraryServer::new(it)`",
    note = "whatever else is a `Service<Req = rpc::Request, Resp = rpc::Response, Error = rpc::Error>` can be served, too"
)]
pub trait Answers: Service<Req = Request, Resp = Response, Error = Error> {}

impl<S: Service<Req = Request, Resp = Response, Error = Error>> Answers for S {}
