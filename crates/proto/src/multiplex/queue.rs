//! What one connection has to send: [`Queue`].
//!
//! Bodies, read and written by whichever task, put in what is to be said of them; the connection takes it out, in order: so
//! what is said of a call never comes after its last word, when its id may be another's. Bodies with chunks to send take
//! turns behind that, a chunk each, so that a long one does not hold back the others.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Waker;

use super::frame::Frame;
use super::outlet::Outlet;
use crate::dispatch::bell::Bell;
use crate::dispatch::reset::Reset;

/// What waits to be sent on a connection, and whom to wake for it.
#[derive(Default)]
pub(crate) struct Queue {
    controls: RefCell<VecDeque<Control>>,
    /// The bodies that have something to send and may, each once.
    ready: RefCell<VecDeque<Rc<Outlet>>>,
    connection: Bell,
    /// Whether the connection runs and will look before it waits.
    will_look: Cell<bool>,
    /// Whether the connection has ended, so that nothing is sent any more.
    has_ended: Cell<bool>,
}

/// A frame that is no chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
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
        self.controls.borrow_mut().push_back(control);
    }

    pub(crate) fn next_control(&self) -> Option<Control> {
        self.controls.borrow_mut().pop_front()
    }

    /// Whether there is nothing to be said before what comes next.
    pub(super) fn is_said(&self) -> bool {
        self.controls.borrow().is_empty()
    }

    /// Whether so much waits that the peer must take some of it before it is heard again: each thing that it says can
    /// make us say one more.
    pub(super) fn is_full(&self) -> bool {
        self.controls.borrow().len() >= CONTROLS_MAX
    }

    /// A body has something to send. Whoever says so sees to it that each is here once.
    pub(super) fn push_ready(&self, outlet: Rc<Outlet>) {
        if self.has_ended.get() {
            return;
        }
        self.ready.borrow_mut().push_back(outlet);
    }

    pub(super) fn next_ready(&self) -> Option<Rc<Outlet>> {
        self.ready.borrow_mut().pop_front()
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
    pub(crate) fn register(&self, waker: &Waker) {
        self.will_look.set(true);
        self.connection.register(waker);
    }

    /// The connection looks now at what there is to send, and is woken for whatever comes from here on.
    pub(crate) fn look(&self) {
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

/// So many things to say: a reply or a refusal for each of a burst of calls, and credit for each of many bodies. Some
/// kilobytes besides the replies.
const CONTROLS_MAX: usize = 1024;

/// As many places are kept while there is nothing to say.
const KEPT_MAX: usize = 16;
