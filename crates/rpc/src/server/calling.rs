//! A call of the service under way, in what context came over the wire: [`Calling`].
//!
//! Written by hand, and no async function: that would keep room for its arguments beside what becomes of them, and for each
//! of its ways by itself. A connection moves the future of each of its calls into its place, so its size counts.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ekiden_reactor::Elapsed;
use ekiden_reactor::context::Scope;
use ekiden_service::Expired;
use pin_project_lite::pin_project;

use crate::error::Error;
use crate::message::Response;

pin_project! {
    /// The call `C`, or the same within a time limit, which is `L`.
    #[project = Now]
    pub(super) enum Calling<C, L> {
        /// Nothing came along. Nothing is in effect in a connection's task, so there is nothing to change.
        Plain { #[pin] call: C },
        /// A trace did.
        Traced { #[pin] call: Scope<C> },
        /// A deadline did. Whoever called waits no longer then, so the call is dropped, however far it has come.
        Limited { #[pin] call: Scope<L>, left: Duration },
        /// A deadline that has passed.
        Late,
    }
}

impl<C, L> Future for Calling<C, L>
where
    C: Future<Output = Result<Response, Error>>,
    L: Future<Output = Result<C::Output, Elapsed>>,
{
    type Output = Result<Response, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project() {
            Now::Plain { call } => call.poll(cx),
            Now::Traced { call } => call.poll(cx),
            Now::Limited { call, left } => {
                let in_time = ready!(call.poll(cx));
                Poll::Ready(in_time.unwrap_or_else(|_elapsed| Err(Expired::new(*left).into())))
            }
            Now::Late => Poll::Ready(Err(Expired::unbegun().into())),
        }
    }
}
