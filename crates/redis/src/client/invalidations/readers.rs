//! What waits to be read of keys that have changed: [`Readers`], a queue for each stream.
//!
//! It is told what was pushed and that the connection is lost, and wakes who reads. It knows no connection, and waits for
//! nothing.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::Invalidation;
use crate::convert::FromValue;
use crate::value::Value;

/// What waits for one stream.
#[derive(Default)]
pub(super) struct Queue {
    waiting: RefCell<VecDeque<Invalidation>>,
    reader: Cell<Option<Waker>>,
    is_ended: Cell<bool>,
}

/// All streams of a client.
pub(crate) struct Readers {
    queues: RefCell<Vec<Weak<Queue>>>,
    keys_max: usize,
}

impl Readers {
    pub(crate) fn new(keys_max: usize) -> Self {
        Self { queues: RefCell::default(), keys_max }
    }

    /// One more, of what is told from now on.
    pub(super) fn add(&self) -> Rc<Queue> {
        let queue = Rc::new(Queue::default());
        let mut queues = self.queues.borrow_mut();
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(Rc::downgrade(&queue));
        queue
    }

    /// Whether there is a stream still.
    pub(crate) fn is_heard(&self) -> bool {
        self.queues.borrow().iter().any(|queue| queue.strong_count() > 0)
    }

    /// `["invalidate", [key, …]]`, or nil for all keys. Other pushes are for nobody.
    pub(crate) fn handle_push(&self, push: Vec<Value>) {
        let mut push = push.into_iter();
        let is_ours = push.next().is_some_and(|kind| kind.as_bytes() == Some(b"invalidate"));
        let (true, Some(keys)) = (is_ours, push.next()) else { return };
        match Option::<Vec<Bytes>>::from_value(keys) {
            Ok(Some(keys)) => keys.into_iter().for_each(|key| self.tell(&Invalidation::Key(key))),
            // What cannot be read may be about any key.
            Ok(None) | Err(_) => self.tell(&Invalidation::All),
        }
    }

    pub(crate) fn handle_lost(&self) {
        self.tell(&Invalidation::All);
    }

    fn tell(&self, what: &Invalidation) {
        let queues: Vec<_> = self.queues.borrow().iter().filter_map(Weak::upgrade).collect();
        for queue in queues {
            queue.push(what.clone(), self.keys_max);
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        for queue in self.queues.take().iter().filter_map(Weak::upgrade) {
            queue.is_ended.set(true);
            queue.wake();
        }
    }
}

impl Queue {
    fn push(&self, what: Invalidation, keys_max: usize) {
        {
            let mut waiting = self.waiting.borrow_mut();
            if what == Invalidation::All || waiting.len() >= keys_max {
                // It says all that the others say.
                waiting.clear();
                waiting.push_back(Invalidation::All);
            } else if waiting.front() != Some(&Invalidation::All) {
                waiting.push_back(what);
            }
        }
        self.wake();
    }

    fn wake(&self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// What is next. Who is told that nothing waits is woken when something does, or at the end.
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Invalidation>> {
        if let Some(what) = self.waiting.borrow_mut().pop_front() {
            return Poll::Ready(Some(what));
        }
        if self.is_ended.get() {
            return Poll::Ready(None);
        }
        self.reader.set(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiting.borrow().len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays what is pushed, of which three may wait, and says what is read, "-" if nothing is there.
    fn check(script: &str, expect: &str) {
        let readers = Readers::new(3);
        let queue = readers.add();
        let mut readers = Some(readers);
        let mut log = Vec::new();
        let mut cx = Context::from_waker(Waker::noop());
        for step in script.split(", ") {
            let (verb, what) = step.split_once(' ').unwrap_or((step, ""));
            let tell = |keys| {
                let push = vec![Value::from("invalidate"), keys];
                readers.as_ref().unwrap().handle_push(push);
            };
            match verb {
                "keys" => {
                    let keys = what.split(' ').map(|key| Value::from(key.to_owned())).collect();
                    tell(Value::Array(keys));
                }
                "all" => tell(Value::Nil),
                "odd" => tell(Value::from(1)),
                "other" => readers.as_ref().unwrap().handle_push(vec!["message".into(), "a".into()]),
                "lost" => readers.as_ref().unwrap().handle_lost(),
                "drop" => readers = None,
                "read" => log.push(match queue.poll_next(&mut cx) {
                    Poll::Ready(Some(Invalidation::Key(key))) => String::from_utf8(key.into()).unwrap(),
                    Poll::Ready(Some(Invalidation::All)) => "all".to_owned(),
                    Poll::Ready(None) => "end".to_owned(),
                    Poll::Pending => "-".to_owned(),
                }),
                _ => panic!("no such step: {step}"),
            }
        }
        assert_eq!(log.join(" "), expect, "{script}");
    }

    #[test]
    fn keys_are_told_in_order() {
        check("read, keys a b, keys c, read, read, read, read", "- a b c -");
        check("other, read", "-");
    }

    #[test]
    fn all_says_what_the_keys_before_and_behind_it_would() {
        check("keys a b, all, keys c, read, read", "all -");
        check("lost, read, keys c, read", "all c");
        check("odd, read", "all");
    }

    #[test]
    fn too_many_keys_are_all() {
        check("keys a b c, read, read, read, read", "a b c -");
        check("keys a b c d, read, read", "all -");
    }

    #[test]
    fn the_end_comes_behind_what_waits() {
        check("keys a, drop, read, read", "a end");
    }
}
