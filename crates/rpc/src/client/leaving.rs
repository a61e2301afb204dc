//! Requests as they leave: [`Leaving`] tells of each how much time it has then.
//!
//! A call may wait for its turn, and the codec reads no clock.

use bytes::BytesMut;
use ekiden_proto::codec::{Decoded, Decoder, Encoder};
use ekiden_proto::multiplex::Frame;
use ekiden_reactor::Instant;

use crate::wire::{ClientCodec, ReplyHead, RequestHead};

/// A request that has not left.
#[derive(Debug)]
pub(super) struct Unsent {
    /// Its deadline is still to be told.
    pub(super) head: RequestHead,
    pub(super) deadline: Option<Instant>,
}

/// The codec of a client, which looks at the clock.
#[derive(Debug)]
pub(super) struct Leaving(pub(super) ClientCodec);

impl Unsent {
    fn leave(self) -> RequestHead {
        let Self { mut head, deadline } = self;
        head.deadline_ms = deadline.and_then(milliseconds_until);
        head
    }
}

/// Rounded up, so that what is sent with a moment left is begun. What is longer than seven weeks is no deadline.
fn milliseconds_until(deadline: Instant) -> Option<u32> {
    let left = deadline.duration_since(Instant::now());
    u32::try_from(left.as_nanos().div_ceil(1_000_000)).ok()
}

impl Decoder for Leaving {
    type Item = Frame<ReplyHead>;
    type Error = <ClientCodec as Decoder>::Error;

    #[inline]
    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Frame<ReplyHead>>, Self::Error> {
        self.0.decode(buf)
    }
}

impl Encoder<Frame<Unsent>> for Leaving {
    type Error = <ClientCodec as Encoder<Frame<RequestHead>>>::Error;

    #[inline]
    fn encode(&mut self, frame: Frame<Unsent>, buf: &mut BytesMut) -> Result<(), Self::Error> {
        let frame = match frame {
            Frame::Open { id, head, more } => Frame::Open { id, head: head.leave(), more },
            Frame::Reply { id, head, more } => Frame::Reply { id, head: head.leave(), more },
            Frame::Chunk { id, bytes } => Frame::Chunk { id, bytes },
            Frame::End { id } => Frame::End { id },
            Frame::Credit { id, bytes } => Frame::Credit { id, bytes },
            Frame::Cancel { id } => Frame::Cancel { id },
            Frame::Reset { id, reason } => Frame::Reset { id, reason },
            Frame::Ping { token } => Frame::Ping { token },
            Frame::Pong { token } => Frame::Pong { token },
            Frame::Drain => Frame::Drain,
        };
        self.0.encode(frame, buf)
    }
}
