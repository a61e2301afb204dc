//! A reply on its way out, whose body comes in pieces.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ekiden_proto::server::{Panic, Seat};
use http::HeaderMap;
use http_body::Body as _;

use crate::body::Body;
use crate::error::Error;
use crate::h1::encode::Outgoing;
use crate::h1::outbox::Outbox;

/// A body, and how it goes out.
pub(super) struct Sending {
    body: Body,
    outgoing: Outgoing,
}

/// How far it got.
pub(super) enum Sent {
    Piece,
    All,
}

impl Sending {
    pub(super) fn new(body: Body, outgoing: Outgoing) -> Self {
        Self { body, outgoing }
    }

    /// Puts the next piece into the outbox.
    ///
    /// An error means that the response cannot be ended as it was begun: the connection must be cut, so that the
    /// client notices.
    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
        seat: &Seat,
        outbox: &mut Outbox,
    ) -> Poll<Result<Sent, Error>> {
        // The body may be the application's code, as the call was.
        let frame = match Panic::catch(|| Pin::new(&mut self.body).poll_frame(cx)) {
            Ok(frame) => ready!(frame).transpose(),
            Err(panic) => {
                seat.count_panic();
                Err(Error::body(panic.to_string()))
            }
        };
        Poll::Ready(match frame {
            Ok(Some(frame)) => match frame.into_data() {
                Ok(piece) => self.outgoing.put(outbox, piece).map(|()| Sent::Piece).map_err(Error::body),
                Err(frame) => self.end(outbox, frame.into_trailers().ok().as_ref()),
            },
            Ok(None) => self.end(outbox, None),
            Err(error) => Err(error),
        })
    }

    fn end(&mut self, outbox: &mut Outbox, trailers: Option<&HeaderMap>) -> Result<Sent, Error> {
        let outgoing = std::mem::replace(&mut self.outgoing, Outgoing::Nothing);
        outgoing.end(outbox, trailers).map(|()| Sent::All).map_err(Error::body)
    }
}
