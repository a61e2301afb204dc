//! Why a frame does not come, or does not go.

use std::fmt;
use std::io;

/// Why there is no next frame.
#[derive(Debug)]
#[non_exhaustive]
pub enum ReadError<E> {
    /// Reading failed.
    Io(io::Error),
    /// The byte stream ended in the middle of a frame.
    Truncated {
        /// How much of the frame there is.
        bytes: usize,
    },
    /// The bytes are no frame, in the decoder's words.
    Frame(E),
}

/// Why an item was not sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendError<E> {
    /// Writing failed.
    Io(io::Error),
    /// There are no bytes for this item, in the encoder's words. Nothing of it was sent.
    Encode(E),
}

impl<E> fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("reading failed"),
            Self::Truncated { bytes } => write!(f, "the connection ended {bytes} bytes into a frame"),
            Self::Frame(_) => f.write_str("the peer sent what is no frame"),
        }
    }
}

impl<E> fmt::Display for SendError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(_) => f.write_str("writing failed"),
            Self::Encode(_) => f.write_str("the item cannot be encoded"),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for ReadError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Truncated { .. } => None,
            Self::Frame(error) => Some(error),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for SendError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Encode(error) => Some(error),
        }
    }
}
