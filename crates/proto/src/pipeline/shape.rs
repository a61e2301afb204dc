//! What messages are made of on the wire: [`Whole`], of one frame each; or, [streamed](super::streamed), of a head and a
//! body that comes in pieces.
//!
//! Both ends ask it the same: it makes messages of the frames that come, and frames of the messages that go. It knows
//! nothing of order, and owns no socket. For messages that are whole it is nothing at all, so they cost nothing.

use std::marker::PhantomData;
use std::task::{Context, Poll, Waker};

use crate::dispatch::error::{BoxError, Error};

/// How messages come, which are `In`, and how they go, which are `Out`.
pub(super) trait Shape {
    /// What a frame that comes is.
    type FrameIn;
    /// What is made of such frames.
    type In;
    /// What is made into frames.
    type Out;
    /// What a frame that goes is.
    type FrameOut;

    /// Whether the next frame belongs to a message that has come in part.
    fn is_amid_message(&self) -> bool;

    /// Whether somebody reads the message that has come in part.
    fn is_read(&self) -> bool;

    /// How many frames have come that were not the first of a message.
    fn parts(&self) -> u64;

    /// Whether there is room for the next frame.
    fn has_room(&self) -> bool;

    /// Polls for room for the next frame.
    fn poll_room(&mut self, cx: &Context<'_>) -> Poll<()>;

    /// A frame came. Says whether it begins a message.
    fn handle_frame(&mut self, frame: Self::FrameIn) -> Result<Option<Self::In>, &'static str>;

    /// The rest of a message that has come in part does not come. Says whom to wake.
    #[must_use = "whoever waits must be woken"]
    fn handle_lost(&mut self, error: &Error) -> Option<Waker>;

    /// Whether the next frame to go belongs to a message that has gone in part.
    fn is_sending(&self) -> bool;

    /// The first frame of a message.
    fn begin(&mut self, message: Self::Out) -> Self::FrameOut;

    /// Polls for the next frame of the message that has gone in part.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Result<Self::FrameOut, BoxError>>;

    /// The rest of the message that has gone in part is not sent.
    fn stop_sending(&mut self);
}

/// Every message is one frame.
pub(super) struct Whole<In, Out>(PhantomData<fn(Out) -> In>);

impl<In, Out> Whole<In, Out> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<In, Out> Shape for Whole<In, Out> {
    type FrameIn = In;
    type In = In;
    type Out = Out;
    type FrameOut = Out;

    #[inline]
    fn is_amid_message(&self) -> bool {
        false
    }

    #[inline]
    fn is_read(&self) -> bool {
        false
    }

    #[inline]
    fn parts(&self) -> u64 {
        0
    }

    #[inline]
    fn has_room(&self) -> bool {
        true
    }

    #[inline]
    fn poll_room(&mut self, _: &Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    #[inline]
    fn handle_frame(&mut self, frame: In) -> Result<Option<In>, &'static str> {
        Ok(Some(frame))
    }

    #[inline]
    fn handle_lost(&mut self, _: &Error) -> Option<Waker> {
        None
    }

    #[inline]
    fn is_sending(&self) -> bool {
        false
    }

    #[inline]
    fn begin(&mut self, message: Out) -> Out {
        message
    }

    fn poll_part(&mut self, _: &mut Context<'_>) -> Poll<Result<Out, BoxError>> {
        unreachable!("a whole message has no parts")
    }

    fn stop_sending(&mut self) {}
}
