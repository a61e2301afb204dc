//! What a subscriber hears: [`Event`] and [`Message`].

use bytes::Bytes;

use super::topics::{Change, Kind};
use crate::convert::FromValue;
use crate::value::{ServerError, Value};

/// What a [`Subscriber`](super::Subscriber) hears.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// Something was published.
    Message(Message),
    /// Something may have been published here that does not come: the connection was lost and made anew, or too many messages
    /// came while a subscription was confirmed.
    Missed,
}

/// Something that was published.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// Where.
    pub channel: Bytes,
    /// The pattern that the channel fits, if that is why it is heard. Who is subscribed to the channel too hears it twice.
    pub pattern: Option<Bytes>,
    /// What.
    pub payload: Bytes,
}

/// What a value on a subscriber's connection is.
pub(super) enum Heard {
    Event(Event),
    /// A name is subscribed to, or is not any more.
    Said(Kind, Change, Bytes),
    Error(ServerError),
    /// Nothing that matters.
    Other,
}

/// RESP3 sends all of it as pushes, RESP2 as arrays.
pub(super) fn heard(value: Value) -> Heard {
    let values = match value {
        Value::Push(values) | Value::Array(values) => values,
        Value::Error(error) => return Heard::Error(error),
        _ => return Heard::Other,
    };
    let kind = values.first().and_then(Value::as_bytes).unwrap_or_default();
    match kind {
        b"message" | b"smessage" => message(values, |[_, channel, payload]| (channel, None, payload)),
        b"pmessage" => message(values, |[_, pattern, channel, payload]| (channel, Some(pattern), payload)),
        b"subscribe" => said(values, Kind::Channel, Change::Begin),
        b"psubscribe" => said(values, Kind::Pattern, Change::Begin),
        b"ssubscribe" => said(values, Kind::Shard, Change::Begin),
        b"unsubscribe" => said(values, Kind::Channel, Change::End),
        b"punsubscribe" => said(values, Kind::Pattern, Change::End),
        b"sunsubscribe" => said(values, Kind::Shard, Change::End),
        _ => Heard::Other,
    }
}

fn message<const N: usize>(
    values: Vec<Value>,
    apart: impl FnOnce([Bytes; N]) -> (Bytes, Option<Bytes>, Bytes),
) -> Heard {
    let values = Bytes::from_list(values).ok();
    match values.and_then(|values| values.try_into().ok()).map(apart) {
        Some((channel, pattern, payload)) => {
            Heard::Event(Event::Message(Message { channel, pattern, payload }))
        }
        None => Heard::Other,
    }
}

/// `["subscribe", name, count]`.
fn said(values: Vec<Value>, kind: Kind, change: Change) -> Heard {
    match values.into_iter().nth(1).map(Bytes::from_value) {
        Some(Ok(name)) => Heard::Said(kind, change, name),
        _ => Heard::Other,
    }
}
