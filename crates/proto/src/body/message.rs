//! A request or a reply as a service sees it: [`Message`].

use super::Body;

/// A head, and a body that is mostly empty.
///
/// ```
/// use bytes::Bytes;
/// use ekiden_proto::multiplex::{Body, Message};
/// use std::convert::Infallible;
///
/// let ping = Message::new("ping");
/// assert!(ping.body.is_empty());
///
/// let lines = [Bytes::from("one"), Bytes::from("two")];
/// let upload = Message::with_body("upload", Body::new(futures_util::stream::iter(lines.map(Ok::<_, Infallible>))));
/// assert!(!upload.body.is_empty());
/// ```
#[derive(Debug, Default)]
pub struct Message<T> {
    /// What is asked or answered.
    pub head: T,
    /// What follows it in pieces.
    pub body: Body,
}

impl<T> Message<T> {
    /// One without a body.
    pub const fn new(head: T) -> Self {
        Self { head, body: Body::empty() }
    }

    /// One with a body.
    pub const fn with_body(head: T, body: Body) -> Self {
        Self { head, body }
    }
}

impl<T> From<T> for Message<T> {
    fn from(head: T) -> Self {
        Self::new(head)
    }
}
