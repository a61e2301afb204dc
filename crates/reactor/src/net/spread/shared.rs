//! What the cores share of a listener that was spread: a queue for each core, and the socket of which they have clones.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::kind::Spread;
use super::places::{Place, Places};
use crate::driver::{Driver, Token};
use crate::time::Instant;

/// What the cores share of a listener.
pub(super) struct Shared<L: Spread> {
    pub(super) places: Arc<Places>,
    queues: Box<[Queue<L>]>,
    /// What the cores that accept have clones of. Gone when all cores have left, so that nobody waits in vain for them.
    socket: Mutex<Option<L::Socket>>,
    pub(super) local_addr: L::Addr,
}

/// Connections that were accepted for a core, and that it has not taken up yet.
struct Queue<L: Spread> {
    /// How many there are: all that is looked at when there are none.
    len: AtomicUsize,
    waiting: Mutex<VecDeque<Accepted<L>>>,
}

/// A connection before it is taken up, and its place.
pub(super) struct Accepted<L: Spread> {
    pub(super) socket: L::Accepted,
    pub(super) peer: L::Addr,
    pub(super) place: Place,
}

impl<L: Spread> Shared<L> {
    pub(super) fn new(places: Arc<Places>, socket: L::Socket, local_addr: L::Addr) -> Self {
        let queues = (0..places.len()).map(|_| Queue::default()).collect();
        Self { places, queues, socket: Mutex::new(Some(socket)), local_addr }
    }

    /// What was accepted for a core elsewhere.
    pub(super) fn pop(&self, seat: usize) -> Option<Accepted<L>> {
        self.queues[seat].pop()
    }

    /// A clone of the listening socket, for the core that runs on this thread.
    pub(super) fn open_socket(&self, driver: &dyn Driver, token: Token) -> io::Result<L::Socket> {
        let shared = lock(&self.socket);
        let closed = || io::Error::new(io::ErrorKind::NotConnected, "the listener was closed on all cores");
        let mut socket = L::share(shared.as_ref().ok_or_else(closed)?)?;
        drop(shared);
        L::register(&mut socket, driver, token)?;
        Ok(socket)
    }

    /// Puts a connection into the queue of its core, and tells that core.
    pub(super) fn send(&self, accepted: Accepted<L>) {
        let seat = accepted.place.seat();
        self.queues[seat].push(accepted);
        self.places.ring(seat);
    }

    /// Finds new places for what waits on cores that are stuck, or gone, or never came; says how many still wait somewhere
    /// else than here.
    pub(super) fn place_anew(&self, this: usize, now: Instant) -> usize {
        let mut waiting = 0;
        for (seat, queue) in self.queues.iter().enumerate().filter(|(seat, _)| *seat != this) {
            if queue.is_empty() {
                continue;
            }
            if self.places.keeps(seat, now) {
                waiting += queue.len.load(Ordering::Relaxed);
                continue;
            }
            for mut accepted in queue.take_all() {
                accepted.place.find_anew(this, now);
                self.send(accepted);
            }
        }
        waiting
    }

    /// Whether anything waits in a queue, and whether it does on a core that is stuck.
    pub(super) fn waits_on(&self, now: Instant) -> (bool, bool) {
        let waiting = || self.queues.iter().enumerate().filter(|(_, queue)| !queue.is_empty());
        (waiting().next().is_some(), waiting().any(|(seat, _)| self.places.is_stuck(seat, now)))
    }

    /// A core does not accept any more.
    pub(super) fn leave(&self, seat: usize) {
        if self.places.leave(seat) {
            // It was the last.
            let socket = lock(&self.socket).take();
            drop(socket);
            for queue in &self.queues {
                drop(queue.take_all());
            }
            return;
        }
        for accepted in self.queues[seat].take_all() {
            self.pass_on(accepted);
        }
    }

    /// What was placed on a core that accepts no more goes to another, if there is one.
    pub(super) fn pass_on(&self, mut accepted: Accepted<L>) {
        if self.places.find_another(&mut accepted.place) {
            self.send(accepted);
        }
    }
}

impl<L: Spread> Queue<L> {
    fn is_empty(&self) -> bool {
        self.len.load(Ordering::Acquire) == 0
    }

    fn push(&self, accepted: Accepted<L>) {
        let mut waiting = lock(&self.waiting);
        waiting.push_back(accepted);
        self.len.store(waiting.len(), Ordering::Release);
    }

    fn pop(&self) -> Option<Accepted<L>> {
        if self.is_empty() {
            return None;
        }
        let mut waiting = lock(&self.waiting);
        let accepted = waiting.pop_front();
        self.len.store(waiting.len(), Ordering::Release);
        accepted
    }

    fn take_all(&self) -> VecDeque<Accepted<L>> {
        let mut waiting = lock(&self.waiting);
        self.len.store(0, Ordering::Release);
        std::mem::take(&mut *waiting)
    }
}

impl<L: Spread> Default for Queue<L> {
    fn default() -> Self {
        Self { len: AtomicUsize::new(0), waiting: Mutex::default() }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that can panic runs under these locks.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
