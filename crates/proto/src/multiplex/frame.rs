//! What a multiplexed protocol says on the wire: [`Frame`].

use bytes::Bytes;

use crate::dispatch::reset::Reset;

/// One frame of a multiplexed protocol. `T` is the head of a message: of a request on the way to the server, of a reply
/// on the way back.
///
/// This is all that a protocol has to put into bytes and back; what the frames mean is the same for all of them:
///
/// - Every `Open` is answered by one terminal frame: a `Reply` without `more`, the `End` of a reply with `more`, or a
///   `Reset`. From then on, and not before, the client may use the id for another call; so the late answer to a call that
///   was given up never reaches another.
/// - The terminal frame also ends the request's own body: no more of it is sent.
/// - `Cancel` asks the server to drop the call. It answers `Reset` unless its terminal frame has left already.
/// - What is said of an id that is not open is passed over, since it was on its way when the call ended. An `Open` of an id
///   that is open breaks the protocol, and ends the connection.
/// - Each body begins with the credit that both ends have agreed upon (`window_bytes`). A chunk costs its length and
///   [`CHUNK_COST`](super::CHUNK_COST) more, and may be sent as long as there is any credit, so the last one may go below zero. `Credit` adds
///   to it as the other side takes what it has. To send without credit breaks the protocol.
/// - `Ping` is answered by a `Pong` with the same token.
/// - After `Drain` every `Open` is answered by `Reset(Refused)`; what was open is served to its end.
///
/// A protocol without one of them, such as `Ping`, has an encoder that answers an error for it, and leaves the matching
/// part of the configuration off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame<T> {
    /// A request. With `more`, chunks and an `End` follow.
    Open {
        /// The call's.
        id: u32,
        /// What is asked.
        head: T,
        /// Whether a body follows.
        more: bool,
    },
    /// The reply to a request. With `more`, chunks and an `End` follow.
    Reply {
        /// The call's.
        id: u32,
        /// What is answered.
        head: T,
        /// Whether a body follows.
        more: bool,
    },
    /// A piece of a body, of a request or of a reply.
    Chunk {
        /// The call's.
        id: u32,
        /// The piece. Its boundaries are kept: who sends three chunks is read as three.
        bytes: Bytes,
    },
    /// The body is complete.
    End {
        /// The call's.
        id: u32,
    },
    /// So much more of a body may be sent.
    Credit {
        /// The call's.
        id: u32,
        /// By so much the credit grows.
        bytes: u32,
    },
    /// The caller gives up.
    Cancel {
        /// The call's.
        id: u32,
    },
    /// There is no reply, or no rest of one.
    Reset {
        /// The call's.
        id: u32,
        /// Why.
        reason: Reset,
    },
    /// Asks for a sign of life.
    Ping {
        /// Comes back.
        token: u64,
    },
    /// A sign of life.
    Pong {
        /// What was asked with.
        token: u64,
    },
    /// The server takes no more calls on this connection.
    Drain,
}
