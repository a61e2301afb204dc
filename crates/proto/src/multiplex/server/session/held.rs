//! Requests that came and were not begun yet, since too many answers wait: [`Held`].

use std::collections::VecDeque;

use crate::body::Message;

/// Requests, in the order in which they came. Their calls are open, so that there are no more of them than of those.
///
/// In a box, as nearly all connections have none.
pub(super) struct Held<Asked>(Option<Box<Requests<Asked>>>);

/// Each with the id of its call.
type Requests<Asked> = VecDeque<(u32, Message<Asked>)>;

impl<Asked> Held<Asked> {
    pub(super) const fn new() -> Self {
        Self(None)
    }

    pub(super) fn push(&mut self, id: u32, request: Message<Asked>) {
        self.0.get_or_insert_default().push_back((id, request));
    }

    /// The one that came first.
    pub(super) fn pop(&mut self) -> Option<(u32, Message<Asked>)> {
        let first = self.0.as_mut()?.pop_front();
        if self.is_empty() {
            self.0 = None;
        }
        first
    }

    /// Its caller gave up, if it is here. To be dropped when nothing is borrowed.
    pub(super) fn remove(&mut self, id: u32) -> Option<Message<Asked>> {
        let held = self.0.as_mut()?;
        let at = held.iter().position(|(held, _)| *held == id)?;
        held.remove(at).map(|(_, request)| request)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |held| held.len())
    }
}
