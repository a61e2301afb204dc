//! For tests: frames as lines that one can read, such as `open 1 a`, `reply+ 1 b` with more to come, `reset 1 refused`.

use bytes::{Bytes, BytesMut};

use super::frame::Frame;
use crate::codec::{Decoded, Decoder, Encoder, Lines};
use crate::dispatch::error::BoxError;
use crate::dispatch::reset::Reset;

/// The codec of both ends.
#[derive(Clone, Debug)]
pub(super) struct Text(Lines);

impl Text {
    /// Lines of so many bytes at most.
    pub(super) fn new(line_bytes_max: usize) -> Self {
        Self(Lines::new(line_bytes_max))
    }
}

const RESETS: [(&str, Reset); 6] = [
    ("refused", Reset::Refused),
    ("expired", Reset::Expired),
    ("failed", Reset::Failed),
    ("cancelled", Reset::Cancelled),
    ("unreadable", Reset::Unreadable),
    ("unsendable", Reset::Unsendable),
];

impl Decoder for Text {
    type Item = Frame<String>;
    type Error = BoxError;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Self::Item>, BoxError> {
        let Decoded::Frame(line) = self.0.decode(buf)? else { return Ok(Decoded::Incomplete) };
        let mut words = line.splitn(3, ' ');
        let verb = words.next().unwrap_or_default();
        let mut number = || words.next().unwrap_or_default().parse::<u32>();
        let frame = match verb {
            "ping" => Frame::Ping { token: number()?.into() },
            "pong" => Frame::Pong { token: number()?.into() },
            "drain" => Frame::Drain,
            _ => {
                let id = number()?;
                let rest = words.next().unwrap_or_default();
                let head = rest.to_owned();
                match verb {
                    "open" => Frame::Open { id, head, more: false },
                    "open+" => Frame::Open { id, head, more: true },
                    "reply" => Frame::Reply { id, head, more: false },
                    "reply+" => Frame::Reply { id, head, more: true },
                    "chunk" => Frame::Chunk { id, bytes: Bytes::from(head) },
                    "end" => Frame::End { id },
                    "credit" => Frame::Credit { id, bytes: rest.parse()? },
                    "cancel" => Frame::Cancel { id },
                    "reset" => {
                        let reset = RESETS.into_iter().find(|(name, _)| *name == rest);
                        Frame::Reset { id, reason: reset.ok_or("no such reason")?.1 }
                    }
                    _ => return Err("no such frame".into()),
                }
            }
        };
        Ok(Decoded::Frame(frame))
    }
}

impl Encoder<Frame<String>> for Text {
    type Error = BoxError;

    fn encode(&mut self, frame: Frame<String>, buf: &mut BytesMut) -> Result<(), BoxError> {
        let plus = |more| if more { "+" } else { "" };
        let line = match frame {
            Frame::Open { id, head, more } => format!("open{} {id} {head}", plus(more)),
            Frame::Reply { id, head, more } => format!("reply{} {id} {head}", plus(more)),
            Frame::Chunk { id, bytes } => format!("chunk {id} {}", String::from_utf8_lossy(&bytes)),
            Frame::End { id } => format!("end {id}"),
            Frame::Credit { id, bytes } => format!("credit {id} {bytes}"),
            Frame::Cancel { id } => format!("cancel {id}"),
            Frame::Reset { id, reason } => {
                let name = RESETS.into_iter().find(|(_, reset)| *reset == reason).map(|(name, _)| name);
                format!("reset {id} {}", name.unwrap_or_default())
            }
            Frame::Ping { token } => format!("ping {token}"),
            Frame::Pong { token } => format!("pong {token}"),
            Frame::Drain => "drain".to_owned(),
        };
        Ok(self.0.encode(line, buf)?)
    }
}
