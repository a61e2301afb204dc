//! A codec for the multiplexed protocol of these tests. A head is a number; a chunk is filled with the low byte of its
//! call's, so that it can be told from another's.
//!
//! ```text
//!   kind (1) │ id (4) │ flag (1) │ number, or length of what follows (4) │ bytes of a chunk
//! ```

use bytes::{Buf, BufMut, Bytes, BytesMut};
use ekiden_proto::codec::{Decoded, Decoder, Encoder};
use ekiden_proto::multiplex::{Frame, Reset};

pub(crate) type Numbered = Frame<u32>;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Binary;

const HEAD_BYTES: usize = 10;

/// No chunk of these tests is longer.
const CHUNK_BYTES_MAX: usize = 4096;

const RESETS: [Reset; 6] =
    [Reset::Refused, Reset::Expired, Reset::Failed, Reset::Cancelled, Reset::Unreadable, Reset::Unsendable];

impl Decoder for Binary {
    type Item = Numbered;
    type Error = String;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Numbered>, String> {
        let Some(mut head) = buf.get(..HEAD_BYTES) else { return Ok(Decoded::Incomplete) };
        let (kind, id, flag, number) = (head.get_u8(), head.get_u32(), head.get_u8(), head.get_u32());
        let is_chunk = kind == 2;
        let length = if is_chunk { number as usize } else { 0 };
        if length > CHUNK_BYTES_MAX {
            return Err(format!("a chunk of {length} bytes"));
        }
        if buf.len() < HEAD_BYTES + length {
            return Ok(Decoded::Incomplete);
        }
        buf.advance(HEAD_BYTES);
        let more = flag == 1;
        Ok(Decoded::Frame(match kind {
            0 => Frame::Open { id, head: number, more },
            1 => Frame::Reply { id, head: number, more },
            2 => Frame::Chunk { id, bytes: buf.split_to(length).freeze() },
            3 => Frame::End { id },
            4 => Frame::Credit { id, bytes: number },
            5 => Frame::Cancel { id },
            6 => Frame::Reset { id, reason: *RESETS.get(usize::from(flag)).ok_or("no such reason")? },
            7 => Frame::Ping { token: number.into() },
            8 => Frame::Pong { token: number.into() },
            9 => Frame::Drain,
            _ => return Err("no such frame".to_owned()),
        }))
    }
}

impl Encoder<Numbered> for Binary {
    type Error = String;

    fn encode(&mut self, frame: Numbered, buf: &mut BytesMut) -> Result<(), String> {
        let mut put = |kind, id, flag, number| {
            buf.put_u8(kind);
            buf.put_u32(id);
            buf.put_u8(flag);
            buf.put_u32(number);
        };
        match frame {
            Frame::Open { id, head, more } => put(0, id, more.into(), head),
            Frame::Reply { id, head, more } => put(1, id, more.into(), head),
            Frame::Chunk { id, bytes } => {
                put(2, id, 0, bytes.len() as u32);
                buf.put(bytes);
            }
            Frame::End { id } => put(3, id, 0, 0),
            Frame::Credit { id, bytes } => put(4, id, 0, bytes),
            Frame::Cancel { id } => put(5, id, 0, 0),
            Frame::Reset { id, reason } => {
                let flag = RESETS.iter().position(|reset| *reset == reason).ok_or("no such reason")?;
                put(6, id, flag as u8, 0);
            }
            Frame::Ping { token } => put(7, 0, 0, token as u32),
            Frame::Pong { token } => put(8, 0, 0, token as u32),
            Frame::Drain => put(9, 0, 0, 0),
        }
        Ok(())
    }
}

pub(crate) fn encoded(frame: Numbered) -> BytesMut {
    let mut buf = BytesMut::new();
    Binary.encode(frame, &mut buf).expect("it can be encoded");
    buf
}

/// A chunk of a call.
pub(crate) fn chunk(serial: u32, length: usize) -> Bytes {
    vec![serial as u8; length.min(CHUNK_BYTES_MAX)].into()
}

/// Whether a chunk can be of that call.
pub(crate) fn is_of(serial: u32, bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == serial as u8)
}
