//! Bodies made in this process: a stream of bytes, or somebody else's body, as frames of ours.
//!
//! A stream keeps the promise of its length, because a receiver takes what comes after it for the next
//! message. What promises others make is checked where the bytes are framed.
//!
//! Pieces without bytes are passed over: one would say "the end" in the chunked coding, and says nothing anywhere else.
//! Whoever gives such for ever leaves turns to others.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use ekiden_reactor::task::poll_proceed;
use futures_core::Stream;
use http_body::{Frame, SizeHint};

use crate::error::Error;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A stream of bytes, of a known length or not.
pub(super) struct Streamed {
    stream: Pin<Box<dyn Chunks>>,
    left: Option<u64>,
}

/// Somebody else's body. One allocation for each body, none for each frame.
pub(super) type Wrapped = Pin<Box<dyn Frames>>;

/// A stream whose errors have become ours.
trait Chunks {
    fn poll_chunk(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>>;
}

/// A body whose data have become `Bytes` (without a copy if they were) and whose errors have become ours.
pub(super) trait Frames {
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>>;
    fn is_end(&self) -> bool;
    fn size_hint(&self) -> SizeHint;
}

impl Streamed {
    pub(super) fn new<S, E>(stream: S, length: Option<u64>) -> Self
    where
        S: Stream<Item = Result<Bytes, E>> + 'static,
        E: Into<BoxError>,
    {
        Self { stream: Box::pin(stream), left: length }
    }

    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            if self.is_end() {
                return Poll::Ready(None);
            }
            let Some(chunk) = ready!(self.stream.as_mut().poll_chunk(cx)) else {
                let short = self.left.map(|_| Err(Error::body("the stream ended before its length")));
                return Poll::Ready(short);
            };
            let chunk = chunk?;
            if chunk.is_empty() {
                ready!(poll_proceed(cx, 1));
                continue;
            }
            if let Some(left) = self.left {
                let Some(left) = left.checked_sub(chunk.len() as u64) else {
                    return Poll::Ready(Some(Err(Error::body("the stream went on past its length"))));
                };
                self.left = Some(left);
            }
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
    }

    pub(super) fn is_end(&self) -> bool {
        self.left == Some(0)
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        self.left.map(SizeHint::with_exact).unwrap_or_default()
    }
}

impl<S, E> Chunks for S
where
    S: Stream<Item = Result<Bytes, E>>,
    E: Into<BoxError>,
{
    fn poll_chunk(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        self.poll_next(cx).map(|chunk| chunk.map(|chunk| chunk.map_err(Error::body)))
    }
}

impl<B> Frames for B
where
    B: http_body::Body,
    B::Error: Into<BoxError>,
{
    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        loop {
            let Some(frame) = ready!(http_body::Body::poll_frame(self.as_mut(), cx)) else {
                return Poll::Ready(None);
            };
            let frame = frame.map_err(Error::body)?;
            let frame = frame.map_data(|mut data| data.copy_to_bytes(data.remaining()));
            if !frame.data_ref().is_some_and(Bytes::is_empty) {
                return Poll::Ready(Some(Ok(frame)));
            }
            ready!(poll_proceed(cx, 1));
        }
    }

    fn is_end(&self) -> bool {
        http_body::Body::is_end_stream(self)
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(self)
    }
}
