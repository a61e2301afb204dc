//! A body as it comes in, however it is framed.

use super::chunked::{Decoder, Piece};
use super::framing::Framing;
use crate::refusal::Refusal;

/// Takes one body off the bytes that are received.
#[derive(Debug)]
pub(crate) enum Content {
    /// So many bytes are still to come.
    Length(u64),
    Chunked(Box<Decoder>),
    ToClose,
    /// It is complete.
    Done,
}

impl Content {
    pub(crate) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Empty => Self::Done,
            Framing::Length(length) => Self::Length(length),
            // Boxed, so that the many connections without one do not carry its room.
            Framing::Chunked => Self::Chunked(Box::default()),
            Framing::ToClose => Self::ToClose,
        }
    }

    /// Takes what belongs to the body off `input`. `None` if more is needed, or the end was told before.
    pub(crate) fn read<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Piece<'a>>, Refusal> {
        match self {
            Self::Length(0) => {
                *self = Self::Done;
                Ok(Some(Piece::End(None)))
            }
            Self::Length(_) | Self::ToClose if input.is_empty() => Ok(None),
            Self::Length(left) => {
                let length = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                let (data, rest) = input.split_at(length);
                *input = rest;
                *left -= length as u64;
                Ok(Some(Piece::Data(data)))
            }
            Self::Chunked(decoder) => {
                let piece = decoder.read(input)?;
                if matches!(piece, Some(Piece::End(_))) {
                    *self = Self::Done;
                }
                Ok(piece)
            }
            Self::ToClose => Ok(Some(Piece::Data(std::mem::take(input)))),
            Self::Done => Ok(None),
        }
    }

    /// The peer sends nothing more.
    pub(crate) fn handle_end(&mut self) -> Result<(), Refusal> {
        match self {
            Self::Length(0) | Self::ToClose | Self::Done => {
                *self = Self::Done;
                Ok(())
            }
            Self::Length(_) | Self::Chunked(_) => Err(Refusal::Unfinished),
        }
    }

    /// How many bytes are still to come, if that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match self {
            Self::Length(left) => Some(*left),
            Self::Done => Some(0),
            Self::Chunked(_) | Self::ToClose => None,
        }
    }
}
