//! What requests and replies say of themselves, before what is said in them: [`RequestHead`], [`ReplyHead`].

use bytes::{BufMut, BytesMut};

use super::codec::WireError;
use crate::short::Payload;

/// A request, as it is on the wire: who is called, until when, for whom, with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestHead {
    pub(crate) method: u64,
    /// How much time is left for the call.
    pub(crate) deadline_ms: Option<u32>,
    pub(crate) trace: Option<TraceContext>,
    /// In the format that both sides have agreed upon.
    pub(crate) arguments: Payload,
}

/// The parts of a `traceparent` of W3C's Trace Context, as they are on the wire: a head is moved often, and mostly has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TraceContext([u8; TRACE_BYTES]);

/// A reply, as it is on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReplyHead {
    pub(crate) status: Status,
    /// If the status is [`Done`](Status::Done), the result, in the format that both sides have agreed upon. Otherwise a
    /// text for people, or nothing.
    pub(crate) result: Payload,
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
    /// All of it but its data.
    type Fields;
    /// How many bytes it takes.
    fn encoded_bytes(&self) -> usize;
    fn encode(&self, more: bool, buf: &mut BytesMut);
    /// Reads what comes before the data.
    fn decode(payload: &[u8]) -> Result<Decoded<Self::Fields>, WireError>;
    fn with_data(fields: Self::Fields, data: Payload) -> Self;
}

/// What comes before the data of a head.
pub(crate) struct Decoded<Fields> {
    pub(crate) fields: Fields,
    /// Where in the payload the data begins.
    pub(crate) data_at: usize,
    /// Whether a body follows.
    pub(crate) more: bool,
}

impl Head for RequestHead {
    const KIND: u8 = REQUEST;
    type Fields = (u64, Option<u32>, Option<TraceContext>);

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
            buf.put_slice(&trace.0);
        }
        buf.put_slice(&self.arguments);
    }

    fn decode(payload: &[u8]) -> Result<Decoded<Self::Fields>, WireError> {
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
            trace = Some(TraceContext(context));
            rest = after;
        }
        let fields = (u64::from_le_bytes(method), deadline_ms, trace);
        Ok(Decoded { fields, data_at: payload.len() - rest.len(), more: flags & MORE != 0 })
    }

    fn with_data((method, deadline_ms, trace): Self::Fields, arguments: Payload) -> Self {
        Self { method, deadline_ms, trace, arguments }
    }
}

impl Head for ReplyHead {
    const KIND: u8 = REPLY;
    type Fields = Status;

    fn encoded_bytes(&self) -> usize {
        2 + self.result.len()
    }

    fn encode(&self, more: bool, buf: &mut BytesMut) {
        buf.put_slice(&[if more { MORE } else { 0 }, self.status.code()]);
        buf.put_slice(&self.result);
    }

    fn decode(payload: &[u8]) -> Result<Decoded<Self::Fields>, WireError> {
        let &[flags, status, ..] = payload else { return Err(WireError::Truncated { kind: REPLY }) };
        if flags & !MORE != 0 {
            return Err(WireError::Flags { kind: REPLY, flags });
        }
        let status = Status::from_code(status).ok_or(WireError::Status { status })?;
        Ok(Decoded { fields: status, data_at: 2, more: flags & MORE != 0 })
    }

    fn with_data(status: Status, result: Payload) -> Self {
        Self { status, result }
    }
}

impl TraceContext {
    /// As the digits of a traceparent are read, so the first is the most significant.
    pub(crate) fn new(trace_id: u128, span_id: u64, flags: u8) -> Self {
        let mut bytes = [0; TRACE_BYTES];
        bytes[..16].copy_from_slice(&trace_id.to_be_bytes());
        bytes[16..24].copy_from_slice(&span_id.to_be_bytes());
        bytes[24] = flags;
        Self(bytes)
    }

    /// The id of the trace, that of the span, and flags.
    pub(crate) fn parts(&self) -> (u128, u64, u8) {
        let (trace_id, rest) = self.0.split_first_chunk().expect("it is that long");
        let (span_id, flags) = rest.split_first_chunk().expect("it is that long");
        (u128::from_be_bytes(*trace_id), u64::from_be_bytes(*span_id), flags[0])
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
