//! The two ends of an mpsc channel, for one core and between threads: they ask the [`Queue`], and wake and drop
//! what it hands out.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use super::queue::Queue;
use super::{Shared, Sharing};
use crate::channel::{Closed, SendError, TrySendError};
use crate::task::waits::Asked;
use crate::task::{poll_budget, try_budget};
use crate::waiters::Key;

pub(crate) struct Sender<T, F: Sharing> {
    queue: F::Of<Queue<T>>,
}

pub(crate) struct Receiver<T, F: Sharing> {
    queue: F::Of<Queue<T>>,
}

pub(crate) fn channel<T, F: Sharing>(max: usize) -> (Sender<T, F>, Receiver<T, F>) {
    assert!(max > 0, "a channel needs room for one value: the maximum is at least 1");
    let queue = F::Of::new(Queue::new(max));
    (Sender { queue: queue.clone() }, Receiver { queue })
}

impl<T, F: Sharing> Sender<T, F> {
    pub(crate) fn send(&self, value: T) -> impl Future<Output = Result<(), SendError<T>>> {
        Sending { sender: self, value: Some(value), wait: None }
    }

    /// Asks `tick` for a waker when the channel is full.
    pub(crate) fn try_send(
        &self,
        value: T,
        tick: impl FnOnce() -> Option<Waker>,
    ) -> Result<(), TrySendError<T>> {
        let mut sent = self.queue.with(|queue| queue.try_push(value));
        if let Err(TrySendError::Full(value)) = sent {
            let may_try_again = tick().is_some_and(|waker| {
                self.queue.with(|queue| queue.await_place(&waker)).into_wait::<F>(Asked::MpscSend).is_ready()
            });
            // Between threads a place may have become free since.
            sent = match may_try_again {
                true => self.queue.with(|queue| queue.try_push(value)),
                false => Err(TrySendError::Full(value)),
            };
        }
        wake(sent?);
        Ok(())
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.queue.with(|queue| queue.is_closed())
    }

    pub(crate) fn closed(&self) -> impl Future<Output = ()> {
        Closing { sender: self, wait: None }
    }

    /// One who waited for a place wants none any more.
    fn give_up_wait(&self, wait: Key) {
        let (turns, own) = self.queue.with(|queue| queue.handle_send_dropped(wait));
        if let Some(turns) = turns {
            turns.wake();
        }
        drop(own);
    }
}

impl<T, F: Sharing> Clone for Sender<T, F> {
    fn clone(&self) -> Self {
        self.queue.with(Queue::add_sender);
        Self { queue: self.queue.clone() }
    }
}

impl<T, F: Sharing> Drop for Sender<T, F> {
    fn drop(&mut self) {
        wake(self.queue.with(Queue::remove_sender));
    }
}

struct Sending<'a, T, F: Sharing> {
    sender: &'a Sender<T, F>,
    /// `None` once it was sent.
    value: Option<T>,
    wait: Option<Key>,
}

// The value is never pinned: it is moved into the queue.
impl<T, F: Sharing> Unpin for Sending<'_, T, F> {}

impl<T, F: Sharing> Future for Sending<'_, T, F> {
    type Output = Result<(), SendError<T>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { sender, value, wait } = self.get_mut();
        ready!(poll_budget(cx));
        let sent = sender.queue.with(|queue| queue.poll_push(value, wait, cx.waker()));
        let sent = sent.into_wait::<F>(Asked::MpscSend);
        sent.map_ok(wake)
    }
}

impl<T, F: Sharing> Drop for Sending<'_, T, F> {
    fn drop(&mut self) {
        if let Some(wait) = self.wait {
            self.sender.give_up_wait(wait);
        }
    }
}

/// A sender that reserves a place before it has a value: what a sink is made of.
pub(crate) struct Sink<T, F: Sharing> {
    /// `None` once it was closed.
    sender: Option<Sender<T, F>>,
    place: Place,
}

/// How far a sink has come with a place for its next value.
enum Place {
    Unasked,
    Awaited(Key),
    Reserved,
}

impl<T, F: Sharing> Sink<T, F> {
    pub(crate) fn new(sender: Sender<T, F>) -> Self {
        Self { sender: Some(sender), place: Place::Unasked }
    }

    /// Reserves a place, unless there is one.
    pub(crate) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let Self { sender, place } = self;
        let Some(sender) = sender else { return Poll::Ready(Err(Closed)) };
        let mut wait = match *place {
            Place::Reserved if sender.is_closed() => return Poll::Ready(Err(Closed)),
            Place::Reserved => return Poll::Ready(Ok(())),
            Place::Awaited(key) => Some(key),
            Place::Unasked => None,
        };
        ready!(poll_budget(cx));
        let reserved = sender.queue.with(|queue| queue.poll_reserve(&mut wait, cx.waker()));
        let reserved = reserved.into_wait::<F>(Asked::MpscSend);
        *place = match (&reserved, wait) {
            (Poll::Ready(Ok(())), _) => Place::Reserved,
            (_, Some(key)) => Place::Awaited(key),
            (_, None) => Place::Unasked,
        };
        reserved
    }

    /// Puts a value into the place that is reserved.
    pub(crate) fn send(&mut self, value: T) -> Result<(), Closed> {
        let Some(sender) = &self.sender else { return Err(Closed) };
        assert!(
            matches!(self.place, Place::Reserved),
            "a sink takes a value after `poll_ready` said that it is"
        );
        self.place = Place::Unasked;
        match sender.queue.with(|queue| queue.fill(value)) {
            Ok(receiver) => {
                wake(receiver);
                Ok(())
            }
            // The value is dropped out here.
            Err(SendError(_value)) => Err(Closed),
        }
    }

    /// Gives up the place and sends no more.
    pub(crate) fn close(&mut self) {
        let Some(sender) = self.sender.take() else { return };
        match std::mem::replace(&mut self.place, Place::Unasked) {
            Place::Unasked => {}
            Place::Awaited(key) => sender.give_up_wait(key),
            Place::Reserved => {
                if let Some(turns) = sender.queue.with(Queue::give_up) {
                    turns.wake();
                }
            }
        }
    }
}

impl<T, F: Sharing> Drop for Sink<T, F> {
    fn drop(&mut self) {
        self.close();
    }
}

struct Closing<'a, T, F: Sharing> {
    sender: &'a Sender<T, F>,
    wait: Option<Key>,
}

impl<T, F: Sharing> Future for Closing<'_, T, F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { sender, wait } = self.get_mut();
        sender.queue.with(|queue| queue.await_closing(wait, cx.waker())).into_wait::<F>(Asked::MpscClosed)
    }
}

impl<T, F: Sharing> Drop for Closing<'_, T, F> {
    fn drop(&mut self) {
        if let Some(wait) = self.wait {
            let own = self.sender.queue.with(|queue| queue.handle_closing_dropped(wait));
            drop(own);
        }
    }
}

impl<T, F: Sharing> Receiver<T, F> {
    pub(crate) fn recv(&mut self) -> impl Future<Output = Option<T>> {
        Receiving { receiver: self, is_waiting: false }
    }

    pub(crate) fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
        ready!(poll_budget(cx));
        self.pop(Some(cx.waker()))
    }

    /// Asks `tick` for a waker when there is nothing yet.
    pub(crate) fn try_recv(&mut self, tick: impl FnOnce() -> Option<Waker>) -> Result<Option<T>, Closed> {
        if !try_budget() {
            return Ok(None);
        }
        let mut popped = self.pop(None);
        if popped.is_pending()
            && let Some(waker) = tick()
        {
            // Between threads a value may have come since.
            popped = self.pop(Some(&waker));
        }
        match popped {
            Poll::Ready(value) => value.map(Some).ok_or(Closed),
            Poll::Pending => Ok(None),
        }
    }

    pub(crate) fn close(&mut self) {
        self.queue.with(Queue::close).wake();
    }

    fn pop(&mut self, waker: Option<&Waker>) -> Poll<Option<T>> {
        let popped = self.queue.with(|queue| queue.pop(waker));
        let popped =
            if waker.is_some() { popped.into_wait::<F>(Asked::MpscRecv) } else { popped.into_poll() };
        popped.map(|popped| {
            let (value, turns) = popped?;
            if let Some(turns) = turns {
                turns.wake();
            }
            Some(value)
        })
    }
}

impl<T, F: Sharing> Drop for Receiver<T, F> {
    fn drop(&mut self) {
        let (ended, items, own) = self.queue.with(Queue::handle_receiver_gone);
        ended.wake();
        drop((items, own));
    }
}

struct Receiving<'a, T, F: Sharing> {
    receiver: &'a mut Receiver<T, F>,
    is_waiting: bool,
}

impl<T, F: Sharing> Future for Receiving<'_, T, F> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let Self { receiver, is_waiting } = self.get_mut();
        let received = receiver.poll_recv(cx);
        *is_waiting = received.is_pending();
        received
    }
}

impl<T, F: Sharing> Drop for Receiving<'_, T, F> {
    fn drop(&mut self) {
        if self.is_waiting {
            let own = self.receiver.queue.with(Queue::handle_receive_dropped);
            drop(own);
        }
    }
}

fn wake(waiting: Option<Waker>) {
    if let Some(waker) = waiting {
        waker.wake();
    }
}
