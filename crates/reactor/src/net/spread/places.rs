//! How many connections each core has, and where the next one goes. Atomics only: whoever asks may be on any core.
//!
//! How many there may be, and who has the fewest, is `room`'s to say; this file knows the cores and rings them.

use std::fmt;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use super::room::{Limit, add_to_lowest};
use crate::driver::Token;
use crate::inbox::Inbox;
use crate::presence::Life;
use crate::runtime::CoreId;
use crate::time::Instant;

/// A core that has been in one turn for so long is stuck. A turn of 256 polls takes a millisecond or less, and whoever
/// holds the core ten times as long makes its connections wait; a new client should not be among them.
///
/// It is not the limit of the watchdog ([`Config::held_max`](crate::Config::held_max), 100 ms), by which a person is told:
/// to place a connection elsewhere harms nobody if the core turns out to be well, so it may be done sooner; and what a
/// program calls too long for a task says nothing of how long a new client should wait.
pub(super) const STUCK_AFTER: Duration = Duration::from_millis(10);

/// So many cores accept from the system, if there are so many. One that is stuck is passed over by the kernel, and replaced
/// with the next accept; so all of them would have to get stuck between two connections before a new one had to wait, and
/// then it waits only until the watchdog looks (`relief`). Each more of them costs a look in vain, when it is awake and
/// another was quicker.
const ACCEPTING: usize = 4;

/// The places of all cores for the connections of one listener.
pub(super) struct Places {
    seats: Box<[Seat]>,
    limit: Limit,
}

/// A core's. On a cache line of its own, since each core counts its own connections most of the time.
#[repr(align(128))]
struct Seat {
    core: CoreId,
    inbox: Arc<Inbox>,
    /// Connections that were placed here and are open.
    open: AtomicUsize,
    state: AtomicU8,
    /// Whether it accepts from the system, or should.
    accepts: AtomicBool,
    /// Under which its listener is known there, once it is.
    token: OnceLock<Token>,
}

/// Its listener is on its way there.
const EXPECTED: u8 = 0;
/// Its listener did not come in time, and nobody relies on that any more.
const LATE: u8 = 1;
const OPEN: u8 = 2;
const GONE: u8 = 3;

impl Places {
    pub(super) fn new(cores: impl Iterator<Item = (CoreId, Arc<Inbox>)>, connections_max: usize) -> Self {
        let seat = |(index, (core, inbox))| Seat {
            core,
            inbox,
            open: AtomicUsize::new(0),
            state: AtomicU8::new(EXPECTED),
            accepts: AtomicBool::new(index < ACCEPTING),
            token: OnceLock::new(),
        };
        let seats = cores.enumerate().map(seat).collect();
        Self { seats, limit: Limit::new(connections_max) }
    }

    pub(super) fn len(&self) -> usize {
        self.seats.len()
    }

    pub(super) fn core(&self, seat: usize) -> CoreId {
        self.seats[seat].core
    }

    pub(super) fn connections_max(&self) -> usize {
        self.limit.max()
    }

    pub(super) fn open(&self, seat: usize, token: Token) {
        let seat = &self.seats[seat];
        seat.token.get_or_init(|| token);
        seat.state.store(OPEN, Ordering::SeqCst);
    }

    /// A core takes no more. True if it was the last that did.
    pub(super) fn leave(&self, seat: usize) -> bool {
        self.seats[seat].state.store(GONE, Ordering::SeqCst);
        if self.seats.iter().all(|seat| seat.state.load(Ordering::SeqCst) == GONE) {
            return true;
        }
        if self.seats[seat].accepts.swap(false, Ordering::SeqCst) {
            self.recruit_one(|_| true);
            // It may have heard of connections that it did not accept.
            self.tell_news();
        }
        false
    }

    /// Whether a core accepts from the system, or should.
    pub(super) fn accepts(&self, seat: usize) -> bool {
        // In the one order of all: who tells news rings each core that could have looked for room before.
        self.seats[seat].accepts.load(Ordering::SeqCst)
    }

    /// Finds another core to accept if one that does is stuck; true if so.
    pub(super) fn recruit(&self, this: usize, now: Instant) -> bool {
        let accept = self.seats.iter().filter(|seat| seat.accepts.load(Ordering::Relaxed));
        let able = accept.filter(|seat| !seat.is_stuck(now) || seat.core == self.seats[this].core).count();
        let are_too_few = able < ACCEPTING.min(self.seats.len());
        if are_too_few {
            self.recruit_one(|seat| seat.takes(now));
        }
        are_too_few
    }

    /// Has another core accept if all that do are stuck, so that none of them finds another; says whether that may be needed
    /// from now on.
    pub(super) fn relieve(&self, now: Instant) -> Reserve {
        // Whose listener is not there accepts nothing, whatever it should.
        let accept =
            || self.seats.iter().filter(|seat| seat.accepts.load(Ordering::SeqCst) && seat.is_open());
        if accept().all(|seat| seat.is_stuck(now)) {
            self.recruit_one(|seat| seat.is_open() && !seat.is_stuck(now));
        }
        let is_reserve = |seat: &Seat| seat.is_open() && !seat.accepts.load(Ordering::SeqCst);
        match self.seats.iter().any(is_reserve) {
            true if accept().all(|seat| seat.inbox.life() == Life::Running) => Reserve::Near,
            true => Reserve::Far,
            false => Reserve::None,
        }
    }

    /// A core whose listener is there, and that is not stuck.
    pub(super) fn able(&self, now: Instant) -> Option<usize> {
        self.seats.iter().position(|seat| seat.is_open() && !seat.is_stuck(now))
    }

    pub(super) fn is_stuck(&self, seat: usize, now: Instant) -> bool {
        self.seats[seat].is_stuck(now)
    }

    fn recruit_one(&self, is_able: impl Fn(&Seat) -> bool) {
        let mut idle = self.seats.iter().enumerate().filter(|(_, seat)| {
            seat.state.load(Ordering::SeqCst) != GONE && !seat.accepts.load(Ordering::SeqCst) && is_able(seat)
        });
        if let Some((index, seat)) = idle.next() {
            seat.accepts.store(true, Ordering::SeqCst);
            self.ring(index);
        }
    }

    /// Has a core look at its listener.
    pub(super) fn ring(&self, seat: usize) {
        let seat = &self.seats[seat];
        if let Some(&token) = seat.token.get() {
            seat.inbox.make_ready(token);
        }
    }

    /// Room for one more connection; `None` if there is none, and then whoever accepts is told when there is.
    pub(super) fn reserve(self: &Arc<Self>) -> Option<Room> {
        self.limit.reserve().then(|| Room { places: self.clone(), is_given_back: false })
    }

    /// Has all cores that accept ask the system again. All, since the one that left connections waiting may be held by a
    /// task, and nobody else has heard of them.
    fn tell_news(&self) {
        self.limit.add_news();
        for seat in (0..self.seats.len()).filter(|&seat| self.accepts(seat)) {
            self.ring(seat);
        }
    }

    /// Changes whenever the system should be asked again.
    pub(super) fn news(&self) -> usize {
        self.limit.news()
    }

    /// Takes a place on the core with the fewest connections of those that can take one; at the same count on `this`.
    fn take_one(&self, this: usize, now: Option<Instant>) -> usize {
        let may_have = |index: usize| match now {
            // It accepts just now, so it is not stuck.
            Some(now) if index != this => self.seats[index].takes(now),
            _ => self.seats[index].is_there(),
        };
        add_to_lowest(self.seats.len(), |index| &self.seats[index].open, this, may_have)
    }

    /// Has a place on a core that takes no more become one on another. False if there is none.
    pub(super) fn find_another(&self, place: &mut Place) -> bool {
        let is_any = self.seats.iter().any(Seat::is_there);
        if is_any {
            place.leave();
            place.seat = self.take_one(place.seat, None);
        }
        is_any
    }

    /// Whether what waits for a core may go on to wait there.
    pub(super) fn keeps(&self, seat: usize, now: Instant) -> bool {
        let seat = &self.seats[seat];
        // It had its time.
        let expected = seat.state.compare_exchange(EXPECTED, LATE, Ordering::SeqCst, Ordering::SeqCst);
        expected.is_err() && seat.takes(now)
    }
}

/// Whether there are cores that do not accept, to take over from those that do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reserve {
    /// There are none.
    None,
    /// There are, and not all that accept are in a turn.
    Far,
    /// There are, and all that accept may get stuck before one of them accepts again.
    Near,
}

impl Seat {
    /// Whether its listener is there, or is going to be.
    fn is_there(&self) -> bool {
        matches!(self.state.load(Ordering::SeqCst), EXPECTED | OPEN)
    }

    fn is_open(&self) -> bool {
        self.state.load(Ordering::SeqCst) == OPEN
    }

    fn takes(&self, now: Instant) -> bool {
        self.is_there() && !self.is_stuck(now)
    }

    fn is_stuck(&self, now: Instant) -> bool {
        let beat = self.inbox.beat();
        beat.life == Life::Running && now.duration_since(beat.turn_began) > STUCK_AFTER
    }
}

/// Room for one connection.
pub(super) struct Room {
    places: Arc<Places>,
    is_given_back: bool,
}

impl Room {
    /// Uses it on the core with the fewest connections of those that can take one; at the same count on `this`.
    pub(super) fn place(self, this: usize, now: Instant) -> Place {
        let seat = self.places.take_one(this, Some(now));
        Place { room: self, seat }
    }

    /// Gives it back, as there is no connection to use it for. True if somebody has found no room meanwhile: then whoever
    /// gives it back is to ask the system once more. To tell that one instead would have him look, and by that keep the
    /// next from finding room, and so on while nobody comes.
    #[must_use = "somebody may have left a connection waiting for want of this room"]
    pub(super) fn give_back(mut self) -> bool {
        self.is_given_back = true;
        self.places.limit.release()
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if !self.is_given_back && self.places.limit.release() {
            self.places.tell_news();
        }
    }
}

/// A connection's place on a core.
pub(super) struct Place {
    room: Room,
    seat: usize,
}

impl Place {
    pub(super) fn seat(&self) -> usize {
        self.seat
    }

    /// Leaves the core for another, which may be `this`.
    pub(super) fn find_anew(&mut self, this: usize, now: Instant) {
        self.leave();
        self.seat = self.room.places.take_one(this, Some(now));
    }

    fn leave(&self) {
        self.room.places.seats[self.seat].open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.leave();
    }
}

/// How many connections of a spread listener are open; asked from any thread.
#[derive(Clone)]
pub struct Connections(pub(super) Arc<Places>);

impl Connections {
    /// On all cores.
    #[must_use]
    pub fn open(&self) -> usize {
        self.0.seats.iter().map(|seat| seat.open.load(Ordering::Relaxed)).sum()
    }

    /// On one core; those included that wait to be taken up there.
    #[must_use]
    pub fn open_on(&self, core: CoreId) -> usize {
        let seat = self.0.seats.iter().find(|seat| seat.core == core);
        seat.map_or(0, |seat| seat.open.load(Ordering::Relaxed))
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = self.0.seats.iter().map(|seat| (seat.core, seat.open.load(Ordering::Relaxed)));
        f.debug_map().entries(counts).finish()
    }
}
