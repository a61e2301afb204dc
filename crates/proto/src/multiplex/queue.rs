//! What one connection has to send: [`Queue`].
//!
//! Bodies, read and written by whichever task, put in what is to be said of them; the connection takes it out, in order: so
//! what is said of a call never comes after its last word, when its id may be another's. Bodies with chunks to send take
//! turns behind that, a chunk each, so that a long one does not hold back the others; when much was said one has its turn
//! before the rest, so that a busy line does not hold them back for ever.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Waker;

use super::frame::Frame;
use super::outlet::Outlet;
use crate::body::inlet::Reading;
use crate::dispatch::bell::Bell;
use crate::dispatch::reset::Reset;

/// What waits to be sent on a connection, and whom to wake for it.
#[derive(Default)]
pub(super) struct Queue {
    controls: RefCell<VecDeque<Control>>,
    /// How many of them the peer has asked for, each by a frame of its own.
    asked_for: Cell<usize>,
    /// The bodies that have something to send and may, each once.
    ready: RefCell<VecDeque<Rc<Outlet>>>,
    /// How many frames were sent since the last one of a body.
    said: Cell<u32>,
    /// How many controls were taken out, ever.
    controls_out: Cell<u64>,
    /// How many of them come before the end of the body whose turn it is.
    end_at: Cell<Option<u64>>,
    connection: Bell,
    /// Whether the connection runs and will look before it waits.
    will_look: Cell<bool>,
    /// Whether the connection has ended, so that nothing is sent any more.
    has_ended: Cell<bool>,
}

/// A frame that is no chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Control {
    /// The head is the next of those that the server keeps.
    Reply {
        id: u32,
        more: bool,
    },
    Credit {
        id: u32,
        bytes: u32,
    },
    Cancel {
        id: u32,
    },
    Reset {
        id: u32,
        reason: Reset,
    },
    Ping {
        token: u64,
    },
    Pong {
        token: u64,
    },
    Drain,
}

impl Control {
    /// Whether it is said because of a frame of the peer's. What is said of bodies and of calls that were given up is
    /// not: of that there is no more than there are calls, whatever the peer does.
    const fn is_asked_for(self) -> bool {
        matches!(self, Self::Reply { .. } | Self::Reset { .. } | Self::Pong { .. })
    }

    /// As it is sent; `next_head` has the head of a reply.
    pub(super) fn into_frame<T>(self, next_head: impl FnOnce() -> T) -> Frame<T> {
        match self {
            Self::Reply { id, more } => Frame::Reply { id, head: next_head(), more },
            Self::Credit { id, bytes } => Frame::Credit { id, bytes },
            Self::Cancel { id } => Frame::Cancel { id },
            Self::Reset { id, reason } => Frame::Reset { id, reason },
            Self::Ping { token } => Frame::Ping { token },
            Self::Pong { token } => Frame::Pong { token },
            Self::Drain => Frame::Drain,
        }
    }
}

impl Queue {
    pub(super) fn push(&self, control: Control) {
        if self.has_ended.get() {
            return;
        }
        if control.is_asked_for() {
            self.asked_for.update(|count| count + 1);
        }
        self.controls.borrow_mut().push_back(control);
    }

    pub(super) fn next_control(&self) -> Option<Control> {
        let control = self.controls.borrow_mut().pop_front()?;
        if control.is_asked_for() {
            self.asked_for.update(|count| count - 1);
        }
        self.controls_out.update(|count| count + 1);
        self.count_before_bodies();
        Some(control)
    }

    /// Whether there is nothing to be said before what comes next.
    pub(super) fn is_said(&self) -> bool {
        self.controls.borrow().is_empty()
    }

    /// Whether so much waits that the peer has asked for that it must take some of it before it is heard again, where it may
    /// have so many calls open.
    ///
    /// One that keeps to that never comes there, as each call has one last word: it is always heard. And only what it has asked
    /// for counts: of two ends that both wait to be read, since each has much to say, neither would ever read.
    pub(super) fn is_full(&self, calls_max: usize) -> bool {
        self.asked_for.get() >= calls_max.saturating_add(CONTROLS_MAX)
    }

    /// A body has something to send. Whoever says so sees to it that each is here once.
    pub(super) fn push_ready(&self, outlet: Rc<Outlet>) {
        if self.has_ended.get() {
            return;
        }
        self.ready.borrow_mut().push_back(outlet);
    }

    pub(super) fn next_ready(&self) -> Option<Rc<Outlet>> {
        self.handle_turn();
        self.ready.borrow_mut().pop_front()
    }

    /// A body whose turn it is although something is still to be said, since much was said before it.
    ///
    /// A chunk may go at once. The end of a body can be the last word of its call, so it lets go first what was to be said
    /// when its turn had come.
    pub(super) fn next_overdue(&self) -> Option<Rc<Outlet>> {
        if self.said.get() < SAID_MAX {
            return None;
        }
        let mut ready = self.ready.borrow_mut();
        if !ready.front()?.has_chunk() {
            let end_at = self
                .end_at
                .get()
                .unwrap_or_else(|| self.controls_out.get() + self.controls.borrow().len() as u64);
            self.end_at.set(Some(end_at));
            if self.controls_out.get() < end_at {
                return None;
            }
        }
        self.handle_turn();
        ready.pop_front()
    }

    /// A body has its turn.
    fn handle_turn(&self) {
        self.said.set(0);
        self.end_at.set(None);
    }

    /// Something was said before the bodies that is none of the controls.
    pub(super) fn count_before_bodies(&self) {
        self.said.update(|said| said.saturating_add(1));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.controls.borrow().is_empty() && self.ready.borrow().is_empty()
    }

    /// Gives back what a burst took.
    pub(super) fn settle(&self) {
        let (mut controls, mut ready) = (self.controls.borrow_mut(), self.ready.borrow_mut());
        if controls.is_empty() && controls.capacity() > KEPT_MAX {
            *controls = VecDeque::new();
        }
        if ready.is_empty() && ready.capacity() > KEPT_MAX {
            *ready = VecDeque::new();
        }
    }

    /// Keeps what wakes the connection, which runs now: until it says that it [looks](Self::look), nobody need wake it.
    pub(super) fn register(&self, waker: &Waker) {
        self.will_look.set(true);
        self.connection.register(waker);
    }

    /// The connection looks now at what there is to send, and is woken for whatever comes from here on.
    pub(super) fn look(&self) {
        self.will_look.set(false);
    }

    /// The connection has ended. What waited is dropped: the bodies that are here keep this queue, too.
    pub(super) fn end(&self) {
        self.has_ended.set(true);
        self.connection.unregister();
        drop(self.controls.take());
        let ready = self.ready.take();
        drop(ready); // With nothing borrowed, as it can run anything.
    }

    pub(super) fn wake(&self) {
        if self.will_look.get() {
            return;
        }
        self.connection.ring();
    }
}

impl Reading for Queue {
    fn handle_taken(&self, id: u32, bytes: u32) {
        self.push(Control::Credit { id, bytes });
        self.wake();
    }

    fn handle_abandoned(&self, id: u32) {
        self.push(Control::Cancel { id });
        self.wake();
    }
}

/// So many things to say beyond a last word for each call: answers to pings, and refusals of a burst of calls. Some kilobytes.
const CONTROLS_MAX: usize = 1024;

/// So many frames are sent before a chunk that waits: on a line that is never idle bodies go on, and little waits for them.
const SAID_MAX: u32 = 16;

/// As many places are kept while there is nothing to say.
const KEPT_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is sent next: the body of call 1, or a control.
    fn next(queue: &Queue) -> String {
        if let Some(outlet) = queue.next_overdue() {
            return format!("{:?}, early", outlet.next().0);
        }
        queue.next_control().map_or_else(String::new, |control| format!("{control:?}"))
    }

    #[test]
    fn the_end_of_a_body_that_had_to_wait_comes_behind_what_was_said_of_its_call_and_before_the_rest() {
        let queue = Rc::<Queue>::default();
        let outlet = Rc::new(Outlet::new(1, 40, queue.clone()));
        outlet.begin();
        (0..u64::from(SAID_MAX)).for_each(|token| queue.push(Control::Pong { token }));
        queue.push(Control::Credit { id: 1, bytes: 7 });
        outlet.finish();
        for token in 0..SAID_MAX {
            assert_eq!(next(&queue), format!("Pong {{ token: {token} }}"));
        }
        queue.push(Control::Pong { token: 99 });
        // It is overdue now, and its id may be another's as soon as it has left.
        assert_eq!(next(&queue), "Credit { id: 1, bytes: 7 }");
        queue.push(Control::Pong { token: 100 });
        assert_eq!(next(&queue), "Pong { token: 99 }");
        assert_eq!(next(&queue), "End, early");
        assert_eq!(next(&queue), "Pong { token: 100 }");
    }
}
