//! Codecs: bytes to frames and back.
//!
//! ```text
//!   wire ── bytes ──► Decoder ── frames ──► dispatcher ── frames ──► Encoder ── bytes ──► wire
//! ```
//!
//! A codec is the first half of a protocol, and often all that has to be written of one. It is given bytes and
//! gives frames; it never reads, never writes, and never waits. [`Lines`] and [`LengthDelimited`] serve as they
//! are and as examples.

use bytes::{Buf, BytesMut};

mod lines;
mod length_delimited;

pub use length_delimited::{Endian, LengthDelimited, LengthDelimitedError, Width};
pub use lines::{ByteLines, Lines, LinesError};

/// Takes frames off the front of a buffer.
///
/// # What a decoder must see to
///
/// - A peer can send anything. Check every length before you allocate for it, answer an error as soon as a frame
///   cannot become one, and have a maximum: as long as you answer [`Incomplete`](Decoded::Incomplete) the buffer
///   grows.
/// - Between two calls the buffer only grows at its end, so a decoder may remember how far it has looked.
/// - A frame that keeps a part of the buffer (by [`split_to`](BytesMut::split_to)) keeps all that was read with
///   it. That is right for long frames; short ones are better copied.
///
/// ```
/// use bytes::{Buf, BytesMut};
/// use ekiden_proto::codec::{Decoded, Decoder};
///
/// /// Numbers of one byte each, ended by a zero.
/// struct Numbers;
///
/// impl Decoder for Numbers {
///     type Item = u8;
///     type Error = std::convert::Infallible;
///
///     fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<u8>, Self::Error> {
///         Ok(match buf.try_get_u8() {
///             Err(_) => Decoded::Incomplete,
///             Ok(0) => Decoded::Hold(0), // What follows is another protocol's.
///             Ok(number) => Decoded::Frame(number),
///         })
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not turn bytes into frames",
    label = "this must be a `Decoder`",
    note = "implement `Decoder` for your codec, or take one from `ekiden_proto::codec`, such as `Lines`"
)]
pub trait Decoder {
    /// What is sent.
    type Item;
    /// Why the bytes are no frame. It ends the connection.
    type Error;

    /// Takes the next frame off the front of `buf`, if it is all there.
    ///
    /// # Errors
    ///
    /// If what is there can never become a frame. The decoder is not asked again after that.
    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Self::Item>, Self::Error>;
}

/// What a [`Decoder`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded<T> {
    /// Not all of a frame: ask again when there is more.
    Incomplete,
    /// A frame, taken off the buffer.
    Frame(T),
    /// A frame, and who knows what follows: nothing behind it is decoded until the dispatcher says so, or takes
    /// the rest away (an upgrade, CONNECT, a change of the protocol's version).
    Hold(T),
}

/// Puts frames at the end of a buffer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not turn a `{T}` into bytes",
    label = "this must be an `Encoder<{T}>`",
    note = "implement `Encoder<{T}>` for your codec, or give it what it does encode"
)]
pub trait Encoder<T> {
    /// Why there are no bytes for this item.
    type Error;

    /// Appends `item` to `buf`, and leaves alone what is in it.
    ///
    /// # Errors
    ///
    /// If there are no bytes for this item. What was appended by then is thrown away by the caller, so nobody is
    /// sent half a frame.
    fn encode(&mut self, item: T, buf: &mut BytesMut) -> Result<(), Self::Error>;
}

/// Takes bytes off the front, at the least cost: a buffer that is emptied is whole again.
#[inline]
pub(crate) fn skip(buf: &mut BytesMut, bytes: usize) {
    if bytes == buf.len() { buf.clear() } else { buf.advance(bytes) }
}
