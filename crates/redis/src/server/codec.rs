//! What a server speaks: requests in, replies out. [`Codec`], one for each connection.

use std::convert::Infallible;

use bytes::BytesMut;
use ekiden_proto::codec::{Decoded, Decoder, Encoder};

use super::shape::Shape;
use crate::command::Command;
use crate::resp::{Limits, RequestDecoder, RespError, Version, answer};
use crate::value::Value;

/// Bytes to requests, and replies to bytes in the version that was agreed upon.
#[derive(Debug)]
pub(super) struct Codec {
    requests: RequestDecoder,
    version: Version,
    /// Whether nothing is read any more by our wish, so that it is for us to close the connection.
    pub(super) is_over: bool,
}

/// What came.
#[derive(Debug)]
pub(super) enum Request {
    Command(Command),
    /// Something that is no request. The connection ends behind its reply.
    Broken(RespError),
}

/// What goes.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) value: Value,
    /// How it is said in RESP2.
    pub(super) shape: Shape,
    /// The version in which it, and whatever follows it, is written, if that changes here.
    pub(super) version: Option<Version>,
}

impl Codec {
    pub(super) fn new(limits: Limits) -> Self {
        Self { requests: RequestDecoder::new(limits), version: Version::default(), is_over: false }
    }
}

impl Decoder for Codec {
    type Item = Request;
    type Error = Infallible;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Request>, Infallible> {
        // Nothing behind these is read: the connection ends with their replies.
        let last = match self.requests.decode(buf) {
            Ok(Decoded::Incomplete) => return Ok(Decoded::Incomplete),
            Ok(Decoded::Frame(command) | Decoded::Hold(command)) => {
                if !command.name().eq_ignore_ascii_case(b"QUIT") {
                    return Ok(Decoded::Frame(Request::Command(command)));
                }
                Request::Command(command)
            }
            Err(error) => Request::Broken(error),
        };
        self.is_over = true;
        Ok(Decoded::Hold(last))
    }
}

impl Encoder<Reply> for Codec {
    type Error = Infallible;

    fn encode(&mut self, reply: Reply, buf: &mut BytesMut) -> Result<(), Infallible> {
        self.version = reply.version.unwrap_or(self.version);
        match self.version {
            Version::Resp2 => reply.shape.encode(&reply.value, buf),
            Version::Resp3 => answer(&reply.value, Version::Resp3, buf),
        }
        Ok(())
    }
}

impl From<Value> for Reply {
    fn from(value: Value) -> Self {
        Self { value, shape: Shape::Same, version: None }
    }
}
