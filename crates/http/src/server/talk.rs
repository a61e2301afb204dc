//! Everything that a connection has on its mind while it is busy.
//!
//! Nearly all connections of a server are idle at any moment. So what only a busy one needs is apart from it, and
//! goes back to a place that the connections of a core share as soon as it is idle: a request seldom allocates it,
//! and an idle connection is small.

use std::cell::Cell;

use bytes::Bytes;
use http::Response;

use super::config::Config;
use super::sending::Sending;
use crate::body::{Body, Feed, UpgradeSlot};
use crate::h1::outbox::Outbox;
use crate::h1::server::{Conversation, Reader};

/// What is being received, answered and sent.
pub(super) struct Talk {
    pub(super) conversation: Conversation<Box<Response<Body>>>,
    /// Leads to whoever reads the body that is being received.
    pub(super) feed: Option<Feed>,
    /// Leads to whoever waits for the connection to become another protocol's.
    pub(super) upgrade: Option<UpgradeSlot>,
    /// The reply that is being written, if its body comes in pieces.
    pub(super) sending: Option<Sending>,
    pub(super) outbox: Outbox,
    pub(super) is_flushed: bool,
    /// What was read and cannot be taken yet.
    pub(super) leftover: Bytes,
}

impl Talk {
    fn new(config: &Config) -> Self {
        Self {
            conversation: Conversation::new(config.head, config.in_flight_max, config.unread_bytes_max),
            feed: None,
            upgrade: None,
            sending: None,
            outbox: Outbox::default(),
            is_flushed: true,
            leftover: Bytes::new(),
        }
    }

    /// Whether it is as if nothing had been said yet.
    #[inline]
    pub(super) fn is_at_rest(&self) -> bool {
        self.conversation.is_at_rest() && self.is_written() && self.leftover.is_empty()
    }

    /// Whether somebody reads the body that is being received.
    #[inline]
    pub(super) fn reader(&self) -> Reader {
        match &self.feed {
            Some(feed) if !feed.is_dropped() => Reader::Present,
            _ => Reader::Gone,
        }
    }

    /// Whether a read could bring something that can be taken.
    #[inline]
    pub(super) fn wants_read(&self) -> bool {
        self.wants_input() && self.feed.as_ref().is_none_or(Feed::has_room)
    }

    /// Whether something that was read could be taken.
    #[inline]
    pub(super) fn wants_input(&self) -> bool {
        self.conversation.wants_input() && self.outbox.has_room()
    }

    /// Whether everything that was to be said has left.
    #[inline]
    pub(super) fn is_written(&self) -> bool {
        self.outbox.is_empty() && self.is_flushed
    }

    /// Whether nothing is owed to the client, and everything that was said has left.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        self.is_written() && !self.conversation.is_busy()
    }
}

/// A talk that is at rest, for the next connection that has something to say. One is enough: nearly every request is
/// answered in the same poll that read it.
#[derive(Default)]
pub(super) struct SpareTalk(Cell<Option<Box<Talk>>>);

impl SpareTalk {
    #[inline]
    pub(super) fn take(&self, config: &Config) -> Box<Talk> {
        self.0.take().unwrap_or_else(|| Box::new(Talk::new(config)))
    }

    /// Takes one back that is at rest. What was large in it is not kept.
    #[inline]
    pub(super) fn give(&self, mut talk: Box<Talk>) {
        talk.upgrade = None;
        talk.outbox.trim();
        self.0.set(Some(talk));
    }
}
