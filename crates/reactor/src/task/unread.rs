//! Panics in handles: of tasks that have ended, whose handles are there, and nobody has asked them.
//!
//! Each is the handle's to tell, who gives it away or tells the operator when it is dropped. The core keeps a list
//! beside that, for whoever asks what there is at the moment, and for the handles that are there when the reactor is not.

use std::cell::RefCell;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Weak};

use super::origin::Origin;

/// A panic in a handle. It lives as long as it is there.
pub(super) struct Unread {
    origin: Origin,
    message: Option<String>,
    at: At,
    is_told: AtomicBool,
}

/// Where the handle is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum At {
    /// On the task's core, which it does not leave.
    Home,
    /// Anywhere, also after that core has ended.
    Large,
}

/// Those of the tasks of one core, oldest first, some that are no more among them.
#[derive(Default)]
pub(crate) struct UnreadPanics(RefCell<Vec<Weak<Unread>>>);

impl UnreadPanics {
    #[cold]
    pub(super) fn add(&self, origin: Origin, message: Option<String>, at: At) -> Arc<Unread> {
        let unread = Arc::new(Unread { origin, message, at, is_told: AtomicBool::new(false) });
        let mut all = self.0.borrow_mut();
        if all.len() == all.capacity() {
            all.retain(|unread| unread.strong_count() > 0);
            // So that this is done seldom: as many more come first as there are.
            let room = all.len().max(1);
            all.reserve(room);
        }
        all.push(Arc::downgrade(&unread));
        unread
    }

    /// What each says.
    pub(crate) fn list(&self) -> Vec<String> {
        self.0.borrow().iter().filter_map(Weak::upgrade).map(|unread| unread.to_string()).collect()
    }

    /// The reactor has ended. A handle of this core that is there even so is nobody's who could ask it in time, or was
    /// forgotten; one that is elsewhere is its owner's business.
    pub(crate) fn tell_left(&self) {
        let all = self.0.take();
        let left = all.iter().filter_map(Weak::upgrade).filter(|unread| unread.at == At::Home);
        left.for_each(|unread| unread.tell());
    }
}

impl Unread {
    /// Tells the operator, who is told once.
    pub(super) fn tell(&self) {
        if !self.is_told.swap(true, Relaxed) {
            self.origin.report_panic("", self.message.as_deref());
        }
    }
}

/// `clerk, spawned at src/office.rs:7:9, panicked: lost`
impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, panicked: {}", self.origin, self.message.as_deref().unwrap_or("no message"))
    }
}

#[cfg(test)]
mod tests {
    use std::panic::Location;

    use super::*;

    #[test]
    fn those_that_are_no_more_take_no_room_for_long() {
        let (panics, origin) = (UnreadPanics::default(), Origin { name: None, place: Location::caller() });
        let add = |message: &str| panics.add(origin, Some(message.to_owned()), At::Home);
        let first = add("first");
        for _ in 0..1000 {
            drop(add("read at once"));
        }
        let last = add("last");
        assert!(panics.0.borrow().capacity() < 20);
        let said = panics.list();
        assert!(said.len() == 2 && said[0].ends_with(": first") && said[1].ends_with(": last"), "{said:?}");
        drop((first, last));
        assert_eq!(panics.list(), [""; 0]);
    }
}
