//! What is no RESP, or too much of it: [`RespError`].

use std::fmt;

/// Why bytes are no reply or request. It ends the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RespError {
    /// A frame begins with a byte that names no type.
    Type(u8),
    /// A length or number is none.
    Number,
    /// A line, or the bytes of a string, do not end with CRLF.
    LineEnd,
    /// A line is longer than 64 KiB.
    LongLine,
    /// A boolean, double, big number, null or verbatim string is none.
    Content,
    /// A streamed string or aggregate, which no Redis sends.
    Streamed,
    /// More bytes in a frame than [`frame_bytes_max`](super::Limits::frame_bytes_max).
    TooLarge {
        /// The most there may be.
        max: usize,
    },
    /// More values in a frame than [`values_max`](super::Limits::values_max).
    TooMany {
        /// The most there may be.
        max: usize,
    },
    /// Values nested deeper than [`depth_max`](super::Limits::depth_max).
    TooDeep {
        /// The deepest there may be.
        max: usize,
    },
    /// An HTTP request: a page of the web tries to speak to this server by the browser of one of its users.
    Http,
}

impl fmt::Display for RespError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Type(byte) => write!(f, "a frame that begins with '{}'", byte.escape_ascii()),
            Self::Number => f.write_str("a length or number that is none"),
            Self::LineEnd => f.write_str("no CRLF where there must be one"),
            Self::LongLine => f.write_str("a line of more than 64 KiB"),
            Self::Content => f.write_str("a value that is not of its type"),
            Self::Streamed => f.write_str("a streamed value, which this end does not take"),
            Self::TooLarge { max } => write!(f, "a frame of more than {max} bytes"),
            Self::TooMany { max } => write!(f, "a frame of more than {max} values"),
            Self::TooDeep { max } => write!(f, "a frame nested deeper than {max}"),
            Self::Http => f.write_str("an HTTP request"),
        }
    }
}

impl std::error::Error for RespError {}
