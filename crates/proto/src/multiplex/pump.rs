//! What moves a body from the application to its connection: [`Pump`].

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use ekiden_reactor::task::poll_proceed;

use super::outlet::{Closed, Outlet};
use crate::body::Body;

/// Fills an outlet from a body. Ready when there is no more, or when no more is wanted.
///
/// One that is dropped before, because whoever made the body has panicked or was ended, has the peer learn that the rest
/// does not come.
#[derive(Debug)]
pub(super) struct Pump {
    /// `None` at the end.
    body: Option<Body>,
    outlet: Rc<Outlet>,
}

impl Pump {
    pub(super) const fn new(body: Body, outlet: Rc<Outlet>) -> Self {
        Self { body: Some(body), outlet }
    }
}

impl Future for Pump {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(body) = &mut this.body else { return Poll::Ready(()) };
        let mut has_more = false;
        loop {
            let room = this.outlet.poll_room(cx);
            if has_more && room.is_pending() {
                this.outlet.wake_connection();
            }
            if room.is_pending()
                && let Poll::Ready(error) = body.poll_end(cx)
            {
                this.outlet.fail(error);
                this.outlet.wake_connection();
                break;
            }
            if let Err(Closed) = ready!(room) {
                break;
            }
            // Before it is made: the application is asked for no more than its share of a turn.
            if poll_proceed(cx, 1).is_pending() {
                if has_more {
                    this.outlet.wake_connection();
                }
                return Poll::Pending;
            }
            match body.poll_chunk(cx) {
                Poll::Ready(Some(Ok(bytes))) => {
                    this.outlet.push(bytes);
                    has_more = true;
                }
                Poll::Ready(Some(Err(error))) => {
                    this.outlet.fail(error);
                    this.outlet.wake_connection();
                    break;
                }
                Poll::Ready(None) => {
                    this.outlet.finish();
                    this.outlet.wake_connection();
                    break;
                }
                Poll::Pending => {
                    if has_more {
                        this.outlet.wake_connection();
                    }
                    return Poll::Pending;
                }
            }
        }
        this.body = None;
        Poll::Ready(())
    }
}

impl Drop for Pump {
    fn drop(&mut self) {
        if self.body.is_some() {
            self.outlet.fail(Dropped.into());
            self.outlet.wake_connection();
        }
    }
}

/// Why a body has no rest that nobody makes any more. At a server that is a panic, of which the operator is told by itself.
#[derive(Debug)]
pub(super) struct Dropped;

impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("whoever made the body was dropped before its end")
    }
}

impl std::error::Error for Dropped {}
