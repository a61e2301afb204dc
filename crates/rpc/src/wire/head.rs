//! What requests and replies say of themselves, before what is said in them: [`RequestHead`], [`ReplyHead`].

use bytes::{BufMut, Bytes, BytesMut};

use super::codec::WireError;

/// A request, as it is on the wire: who is called, until when, for whom, with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestHead {
    pub(crate) method: u64,
    /// How much time is left for the call.
    pub(crate) deadline_ms: Option<u32>,
    pub(crate) trace: Option<TraceContext>,
    /// In the format that both sides have agreed upon.
    pub(crate) arguments: Bytes,
}

/// The parts of a `traceparent` of W3C's Trace Context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceContext {
    pub(crate) trace_id: u128,
    pub(crate) span_id: u64,
    pub(crate) flags: u8,
}

/// A reply, as it is on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReplyHead {
    pub(crate) status: Status,
    /// If the status is [`Done`](Status::Done), the result, in the format that both sides have agreed upon. Otherwise a
    /// text for people, or nothing.
    pub(crate) result: Bytes,
}

/// What has become of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// It was done, and this is the result.
    Done,
    /// Not begun: there is no such method.
    UnknownMethod,
    /// Not begun: the arguments are not what the method takes.
    BadArguments,
    /// Begun, and ended by an item of the caller's stream that is not what the method takes.
    BadItem,
    /// Done, and its result cannot be sent: it cannot be encoded, or is longer than the caller takes.
    BadResult,
    /// Not begun: its time had run out.
    Late,
}

/// One of the two heads: each side sends the one and receives the other.
pub(crate) trait Head: Sized {
    /// The number of the frames that begin with it.
    const KIND: u8;
    /// How many bytes it takes.
    fn encoded_bytes(&self) -> usize;
    fn encode(&self, more: bool, buf: &mut BytesMut);
    /// Reads what comes before the data: of it the rest is made, and whether a body follows.
    fn decode(payload: &[u8]) -> Result<(Fields<Self>, bool), WireError>;
}

/// A head whose data is yet to be taken from the buffer: it begins so many bytes into the payload.
pub(crate) struct Fields<H> {
    pub(crate) head: H,
    pub(crate) data_at: usize,
}

impl<H> Fields<H> {
    fn new(head: H, data_at: usize) -> Self {
        Self { head, data_at }
    }
}

/// Where the data of a head goes.
pub(crate) trait WithData {
    fn set_data(&mut self, data: Bytes);
}

impl Head for RequestHead {
    const KIND: u8 = REQUEST;

    fn encoded_bytes(&self) -> usize {
        let deadline = if self.deadline_ms.is_some() { DEADLINE_BYTES } else { 0 };
        let trace = if self.trace.is_some() { TRACE_BYTES } else { 0 };
        1 + METHOD_BYTES + deadline + trace + self.arguments.len()
    }

    fn encode(&self, more: bool, buf: &mut BytesMut) {
        let mut flags = if more { MORE } else { 0 };
        flags |= if self.deadline_ms.is_some() { DEADLINE } else { 0 };
        flags |= if self.trace.is_some() { TRACE } else { 0 };
        buf.put_u8(flags);
        buf.put_u64_le(self.method);
        if let Some(deadline_ms) = self.deadline_ms {
            buf.put_u32_le(deadline_ms);
        }
        if let Some(trace) = self.trace {
            // As the digits of a traceparent are read, so the first is the most significant.
            buf.put_u128(trace.trace_id);
            buf.put_u64(trace.span_id);
            buf.put_u8(trace.flags);
        }
        buf.put_slice(&self.arguments);
    }

    fn decode(payload: &[u8]) -> Result<(Fields<Self>, bool), WireError> {
        let truncated = || WireError::Truncated { kind: REQUEST };
        let (&flags, rest) = payload.split_first().ok_or_else(truncated)?;
        if flags & !(MORE | DEADLINE | TRACE) != 0 {
            return Err(WireError::Flags { kind: REQUEST, flags });
        }
        let (&method, mut rest) = rest.split_first_chunk::<METHOD_BYTES>().ok_or_else(truncated)?;
        let (mut deadline_ms, mut trace) = (None, None);
        if flags & DEADLINE != 0 {
            let (&deadline, after) = rest.split_first_chunk::<DEADLINE_BYTES>().ok_or_else(truncated)?;
            deadline_ms = Some(u32::from_le_bytes(deadline));
            rest = after;
        }
        if flags & TRACE != 0 {
            let (&context, after) = rest.split_first_chunk::<TRACE_BYTES>().ok_or_else(truncated)?;
            trace = Some(TraceContext::decode(context));
            rest = after;
        }
        let head = Self { method: u64::from_le_bytes(method), deadline_ms, trace, arguments: Bytes::new() };
        Ok((Fields::new(head, payload.len() - rest.len()), flags & MORE != 0))
    }
}

impl WithData for RequestHead {
    fn set_data(&mut self, data: Bytes) {
        self.arguments = data;
    }
}

impl Head for ReplyHead {
    const KIND: u8 = REPLY;

    fn encoded_bytes(&self) -> usize {
        2 + self.result.len()
    }

    fn encode(&self, more: bool, buf: &mut BytesMut) {
        buf.put_u8(if more { MORE } else { 0 });
        buf.put_u8(self.status.code());
        buf.put_slice(&self.result);
    }

    fn decode(payload: &[u8]) -> Result<(Fields<Self>, bool), WireError> {
        let &[flags, status, ..] = payload else { return Err(WireError::Truncated { kind: REPLY }) };
        if flags & !MORE != 0 {
            return Err(WireError::Flags { kind: REPLY, flags });
        }
        let status = Status::from_code(status).ok_or(WireError::Status { status })?;
        Ok((Fields::new(Self { status, result: Bytes::new() }, 2), flags & MORE != 0))
    }
}

impl WithData for ReplyHead {
    fn set_data(&mut self, data: Bytes) {
        self.result = data;
    }
}

impl TraceContext {
    fn decode(bytes: [u8; TRACE_BYTES]) -> Self {
        let (trace_id, rest) = bytes.split_first_chunk::<16>().expect("it is that long");
        let (span_id, flags) = rest.split_first_chunk::<8>().expect("it is that long");
        Self {
            trace_id: u128::from_be_bytes(*trace_id),
            span_id: u64::from_be_bytes(*span_id),
            flags: flags[0],
        }
    }
}

impl Status {
    const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::UnknownMethod => 1,
            Self::BadArguments => 2,
            Self::BadItem => 3,
            Self::BadResult => 4,
            Self::Late => 5,
        }
    }

    const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Done,
            1 => Self::UnknownMethod,
            2 => Self::BadArguments,
            3 => Self::BadItem,
            4 => Self::BadResult,
            5 => Self::Late,
            _ => return None,
        })
    }
}

pub(super) const REQUEST: u8 = 1;
pub(super) const REPLY: u8 = 2;

/// A body follows.
const MORE: u8 = 0b001;
/// There is a deadline.
const DEADLINE: u8 = 0b010;
/// There is a trace.
const TRACE: u8 = 0b100;

const METHOD_BYTES: usize = 8;
const DEADLINE_BYTES: usize = 4;
/// Of a trace's id, of a span's, and of flags.
const TRACE_BYTES: usize = 16 + 8 + 1;
