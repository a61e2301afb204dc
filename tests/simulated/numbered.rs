//! A multiplexed protocol for the scenarios: lines such as `7 hello`, without bodies and without signs of life.

use bytes::BytesMut;
use ekiden::proto::codec::{Decoded, Decoder, Encoder, Lines};
use ekiden::proto::multiplex::{Frame, Reset};

/// At the server a line is a request; at the client it is a reply.
#[derive(Clone, Default)]
pub(crate) struct Numbered<const IS_SERVER: bool>(Lines);

type Error = Box<dyn std::error::Error + Send + Sync>;

impl<const IS_SERVER: bool> Decoder for Numbered<IS_SERVER> {
    type Item = Frame<String>;
    type Error = Error;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Self::Item>, Error> {
        let Decoded::Frame(line) = self.0.decode(buf)? else { return Ok(Decoded::Incomplete) };
        let (id, text) = line.split_once(' ').ok_or("a line without a number")?;
        let (id, head) = (id.parse()?, text.to_owned());
        Ok(Decoded::Frame(match text {
            "cancel" => Frame::Cancel { id },
            "refused" => Frame::Reset { id, reason: Reset::Refused },
            "failed" => Frame::Reset { id, reason: Reset::Failed },
            _ if IS_SERVER => Frame::Open { id, head, more: false },
            _ => Frame::Reply { id, head, more: false },
        }))
    }
}

impl<const IS_SERVER: bool> Encoder<Frame<String>> for Numbered<IS_SERVER> {
    type Error = Error;

    fn encode(&mut self, frame: Frame<String>, buf: &mut BytesMut) -> Result<(), Error> {
        let line = match frame {
            Frame::Open { id, head, more: false } | Frame::Reply { id, head, more: false } => {
                format!("{id} {head}")
            }
            Frame::Cancel { id } => format!("{id} cancel"),
            Frame::Reset { id, reason: Reset::Refused } => format!("{id} refused"),
            Frame::Reset { id, .. } => format!("{id} failed"),
            // Calls that come too late are refused, which is enough.
            Frame::Drain => return Ok(()),
            _ => return Err("this protocol has no such frame".into()),
        };
        Ok(self.0.encode(line, buf)?)
    }
}
