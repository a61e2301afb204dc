//! The state of an mpsc channel: values in order, places, and who waits for which.
//!
//! It calls nobody's code and drops nobody's values: wakers and values leave as results.
//!
//! ```text
//!   places:   items │ promised │ free            items + promised ≤ max
//! ```
//!
//! Senders that wait are served in the order they came: when a place becomes free while one waits, it is
//! promised to the oldest and to nobody else. So as long as one waits no place is free, and a sender that has
//! just arrived cannot overtake. A promise is kept in the sender's turn ([`Progress::Chosen`]), and ends when the
//! sender takes the place or gives it up, which promises it to the next. A sink, which says that it is ready before
//! it has a value, has a promise without a turn until then.
//!
//! A tick that found the channel full is woken in its turn as well, but no place can be promised to it, since
//! nobody would know if it lost interest; so whoever waits behind it is served in the same step.

use std::collections::VecDeque;
use std::task::Waker;

use super::Step;
use crate::channel::{Closed, SendError, TrySendError};
use crate::waiters::{Key, Progress, Taken, Waiter, Waiters, wake_each};

pub(crate) struct Queue<T> {
    items: VecDeque<T>,
    max: usize,
    /// Places that belong to senders whose turn has come.
    promised: usize,
    senders: usize,
    /// The receiver wants no more: it is gone, or has closed the channel.
    is_closed: bool,
    receiver: Waiter,
    /// Sends that wait for a place. While one with a key does, no place is free.
    places: Waiters,
    /// Senders that wait for the channel to be closed.
    closing: Waiters,
}

/// Those to wake since their turn has come: one as a rule, and ticks.
#[must_use = "they must be woken"]
#[derive(Default)]
pub(super) struct Turns {
    first: Option<Waker>,
    more: Vec<Waker>,
}

/// Those to wake since the channel was closed.
#[must_use = "they must be woken"]
pub(super) struct Ended {
    places: Taken,
    closing: Taken,
}

/// The steps of senders.
impl<T> Queue<T> {
    /// A queue with one sender.
    pub(super) fn new(max: usize) -> Self {
        Self {
            items: VecDeque::new(),
            max,
            promised: 0,
            senders: 1,
            is_closed: false,
            receiver: Waiter::default(),
            places: Waiters::default(),
            closing: Waiters::default(),
        }
    }

    pub(super) fn add_sender(&mut self) {
        self.senders += 1;
    }

    /// The receiver may be to wake.
    pub(super) fn remove_sender(&mut self) -> Option<Waker> {
        self.senders -= 1;
        if self.senders == 0 { self.receiver.take() } else { None }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Puts a value in if a place is free. The receiver may be to wake.
    pub(super) fn try_push(&mut self, value: T) -> Result<Option<Waker>, TrySendError<T>> {
        if self.is_closed {
            return Err(TrySendError::Closed(value));
        }
        if !self.has_place() {
            return Err(TrySendError::Full(value));
        }
        Ok(self.push(value))
    }

    /// Has a tick that found no place woken in its turn.
    pub(super) fn await_place(&mut self, tick: &Waker) -> Step<()> {
        if self.is_closed || self.has_place() {
            return Step::Now(());
        }
        self.places.register(tick);
        Step::Wait { replaced: None }
    }

    /// Puts the value in when its turn has come, or says that the channel is closed. Before that it stays where
    /// it is. The receiver may be to wake.
    ///
    /// # Panics
    ///
    /// If the value has already been taken.
    pub(super) fn poll_push(
        &mut self,
        value: &mut Option<T>,
        wait: &mut Option<Key>,
        waker: &Waker,
    ) -> Step<Result<Option<Waker>, SendError<T>>> {
        if !self.has_turn(*wait) {
            return Step::Wait { replaced: self.places.poll(wait, waker) };
        }
        if let Some(key) = wait.take() {
            self.end_wait(key);
        }
        let value = value.take().expect("a send that has ended is not polled again");
        Step::Now(if self.is_closed { Err(SendError(value)) } else { Ok(self.push(value)) })
    }

    /// Promises a place to whoever waits, when its turn has come, or says that the channel is closed. It is kept until a
    /// value [fills](Self::fill) it or it is [given up](Self::give_up).
    pub(super) fn poll_reserve(&mut self, wait: &mut Option<Key>, waker: &Waker) -> Step<Result<(), Closed>> {
        if !self.has_turn(*wait) {
            return Step::Wait { replaced: self.places.poll(wait, waker) };
        }
        if let Some(key) = wait.take() {
            self.end_wait(key);
        }
        if self.is_closed {
            return Step::Now(Err(Closed));
        }
        self.promised += 1;
        Step::Now(Ok(()))
    }

    /// Puts a value into the place that was reserved for it. The receiver may be to wake.
    pub(super) fn fill(&mut self, value: T) -> Result<Option<Waker>, SendError<T>> {
        if self.is_closed {
            return Err(SendError(value));
        }
        self.promised -= 1;
        Ok(self.push(value))
    }

    /// The place that was reserved is not needed: it goes to the next.
    pub(super) fn give_up(&mut self) -> Option<Turns> {
        if !self.is_closed {
            self.promised -= 1;
        }
        self.promise_places()
    }

    /// A send was dropped before it ended: it sent nothing, and a place that was promised to it goes to the
    /// next. The other waker is the send's own, to be dropped.
    pub(super) fn handle_send_dropped(&mut self, wait: Key) -> (Option<Turns>, Option<Waker>) {
        let own = self.end_wait(wait);
        (self.promise_places(), own)
    }

    pub(super) fn await_closing(&mut self, wait: &mut Option<Key>, waker: &Waker) -> Step<()> {
        if self.is_closed {
            return Step::Now(());
        }
        Step::Wait { replaced: self.closing.poll(wait, waker) }
    }

    /// Returns the wait's own waker, to be dropped.
    pub(super) fn handle_closing_dropped(&mut self, wait: Key) -> Option<Waker> {
        self.closing.remove(wait).1
    }

    /// Whether one who waits by this key, or has just come, may take a place, or hear that there is none any more.
    fn has_turn(&mut self, wait: Option<Key>) -> bool {
        let is_free = self.is_closed || self.has_place();
        match wait.map(|key| self.places.progress(key)) {
            None | Some(Progress::Gone) => is_free,
            Some(Progress::Chosen) => true,
            Some(Progress::Waiting) => false,
        }
    }

    fn has_place(&self) -> bool {
        self.items.len() + self.promised < self.max
    }

    fn push(&mut self, value: T) -> Option<Waker> {
        self.items.push_back(value);
        self.receiver.take()
    }

    fn end_wait(&mut self, wait: Key) -> Option<Waker> {
        let (turn, own) = self.places.remove(wait);
        if turn == Progress::Chosen {
            self.promised -= 1;
        }
        own
    }
}

/// The steps of the receiver.
impl<T> Queue<T> {
    /// The next value, and who may send since its place is free; `None` when no more will come. If there is
    /// nothing yet, a wait for it if there is somebody to wake.
    pub(super) fn pop(&mut self, waker: Option<&Waker>) -> Step<Option<(T, Option<Turns>)>> {
        match self.items.pop_front() {
            Some(value) => Step::Now(Some((value, self.promise_places()))),
            None if self.senders == 0 || self.is_closed => Step::Now(None),
            None => Step::Wait { replaced: waker.and_then(|waker| self.receiver.register(waker)) },
        }
    }

    /// The receiver waits no longer. Its waker is to be dropped.
    pub(super) fn handle_receive_dropped(&mut self) -> Option<Waker> {
        self.receiver.take()
    }

    /// Lets nothing more in. What is inside can still be taken out.
    pub(super) fn close(&mut self) -> Ended {
        self.is_closed = true;
        self.promised = 0;
        Ended { places: self.places.take_all(), closing: self.closing.take_all() }
    }

    /// Closes, and returns what nobody will take out, and the receiver's own waker, to be dropped.
    pub(super) fn handle_receiver_gone(&mut self) -> (Ended, VecDeque<T>, Option<Waker>) {
        (self.close(), std::mem::take(&mut self.items), self.receiver.take())
    }

    /// Gives the free places to those who have waited longest.
    fn promise_places(&mut self) -> Option<Turns> {
        // Nobody, as a rule; then this is two comparisons.
        if self.places.is_empty() { None } else { Some(self.find_turns()) }
    }

    #[inline]
    fn find_turns(&mut self) -> Turns {
        let mut turns = Turns::default();
        while self.has_place()
            && let Some((waker, wait)) = self.places.take_one()
        {
            self.promised += usize::from(wait.is_some());
            turns.push(waker);
        }
        turns
    }
}

impl Turns {
    pub(super) fn push(&mut self, waker: Waker) {
        match self.first {
            None => self.first = Some(waker),
            Some(_) => self.more.push(waker),
        }
    }

    #[inline]
    pub(super) fn wake(self) {
        let Self { first, more } = self;
        if !more.is_empty() {
            Self::wake_all(first, more);
        } else if let Some(first) = first {
            first.wake();
        }
    }

    #[cold]
    fn wake_all(first: Option<Waker>, more: Vec<Waker>) {
        wake_each(first.into_iter().chain(more));
    }
}

impl Ended {
    pub(super) fn wake(self) {
        self.places.wake();
        self.closing.wake();
    }
}
