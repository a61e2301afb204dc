//! What the server says of keys that have changed: [`Invalidations`], for whoever keeps copies of values.
//!
//! It is told what was pushed and that the connection is lost, and wakes who reads. It knows no connection.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use futures_core::Stream;

use crate::convert::FromValue;
use crate::value::Value;

/// What is to be forgotten of what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Invalidation {
    /// The value of this key.
    Key(Bytes),
    /// All values: the data base was emptied, or the connection was lost, and nobody has told what changed since; or more
    /// keys have changed than may wait to be told ([`Config::invalidations_max`](super::Config::invalidations_max)).
    All,
}

/// A stream of what is to be forgotten, from [`Client::invalidations`](super::Client::invalidations).
///
/// What was read before it was made may have changed before, so make it first. A value that was read while its key was told as
/// changed may be the one from before: keep an answer only if its key was not told while the call was under way.
///
/// What was read by a command that blocks, or over a [`Dedicated`](super::Dedicated) connection, is not told about.
pub struct Invalidations {
    queue: Rc<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: RefCell<VecDeque<Invalidation>>,
    reader: Cell<Option<Waker>>,
    is_ended: Cell<bool>,
}

/// All streams of a client.
pub(super) struct Readers {
    queues: RefCell<Vec<Weak<Queue>>>,
    keys_max: usize,
}

impl Readers {
    pub(super) fn new(keys_max: usize) -> Self {
        Self { queues: RefCell::default(), keys_max }
    }

    pub(super) fn add(&self) -> Invalidations {
        let queue = Rc::new(Queue::default());
        let mut queues = self.queues.borrow_mut();
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(Rc::downgrade(&queue));
        Invalidations { queue }
    }

    /// `["invalidate", [key, …]]`, or nil for all keys. Other pushes are for nobody.
    pub(super) fn handle_push(&self, push: Vec<Value>) {
        let mut push = push.into_iter();
        let is_ours = push.next().is_some_and(|kind| kind.as_bytes() == Some(b"invalidate"));
        let (true, Some(keys)) = (is_ours, push.next()) else { return };
        match Option::<Vec<Bytes>>::from_value(keys) {
            Ok(Some(keys)) => keys.into_iter().for_each(|key| self.tell(&Invalidation::Key(key))),
            // What cannot be read may be about any key.
            Ok(None) | Err(_) => self.tell(&Invalidation::All),
        }
    }

    pub(super) fn handle_lost(&self) {
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
}

impl Invalidations {
    /// Waits for the next. `None` when the last client was dropped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    #[expect(
        clippy::should_implement_trait,
        reason = "the name is that of `StreamExt`, and an iterator it is not"
    )]
    pub fn next(&mut self) -> impl Future<Output = Option<Invalidation>> {
        std::future::poll_fn(|cx| self.poll_next(cx))
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Invalidation>> {
        if let Some(what) = self.queue.waiting.borrow_mut().pop_front() {
            return Poll::Ready(Some(what));
        }
        if self.queue.is_ended.get() {
            return Poll::Ready(None);
        }
        self.queue.reader.set(Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Stream for Invalidations {
    type Item = Invalidation;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Invalidation>> {
        Self::poll_next(self.get_mut(), cx)
    }
}

impl fmt::Debug for Invalidations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invalidations").field("waiting", &self.queue.waiting.borrow().len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays what is pushed, of which three may wait, and says what is read, "-" if nothing is there.
    fn check(script: &str, expect: &str) {
        let readers = Readers::new(3);
        let mut stream = readers.add();
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
                "read" => log.push(match stream.poll_next(&mut cx) {
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
