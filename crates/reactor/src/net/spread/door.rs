//! The door of a core that accepts from the system: its clone of the listening socket, and what becomes of who comes.
//!
//! It is a reflex: the loop accepts, as soon as it hears of a connection, and before any task can hold the core. The
//! kernel wakes one core that sleeps for a connection; if that had a task accept, another task that runs before it
//! could hold the connection back, and nobody else would know.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use super::super::accepting::Accepting;
use super::kind::Spread;
use super::places::STUCK_AFTER;
use super::shared::{Accepted, Shared};
use crate::core::{self, ReactorId, Reflex};
use crate::driver::{Readiness, Token};
use crate::interest::Way;
use crate::notice::{Level, Seldom, notice};
use crate::registration::Registration;
use crate::time::{Instant, Sleep, sleep_until};

/// A core's door.
pub(super) struct Door<L: Spread> {
    /// `None` once it is closed.
    socket: RefCell<Option<L::Socket>>,
    accepting: Accepting,
    shared: Arc<Shared<L>>,
    seat: usize,
    /// Where this core's listener is known, which takes up what comes for it.
    listener: Token,
    /// What came for this core.
    mine: RefCell<VecDeque<Accepted<L>>>,
    recheck: Cell<Option<Recheck>>,
    /// Calls the reflex. One for all times: another would be another who waits.
    bell: Waker,
    /// Of the news that there may be more to accept, what was seen.
    seen: Cell<usize>,
    told_full: Cell<Seldom>,
}

impl<L: Spread> Door<L> {
    /// Opens the door of the core that runs on this thread.
    pub(super) fn open(shared: &Arc<Shared<L>>, seat: usize, listener: Token) -> io::Result<Rc<Self>> {
        let opened = Registration::new(|core, token| shared.open_socket(&*core.driver, token));
        let (registration, socket) = opened?;
        let (core, token) = (registration.core_rc(), registration.token());
        let seen = shared.places.news();
        // There may be connections already.
        registration.assume_ready(Way::Read);
        let door = Rc::new(Self {
            socket: RefCell::new(Some(socket)),
            accepting: Accepting::new(registration),
            shared: shared.clone(),
            seat,
            listener,
            mine: RefCell::default(),
            recheck: Cell::default(),
            bell: Waker::from(Arc::new(Bell { reactor: core.id, door: token })),
            seen: Cell::new(seen),
            told_full: Cell::default(),
        });
        core.reflexes.borrow_mut().push((token, door.clone()));
        door.react();
        Ok(door)
    }

    /// Closes the door; what came for this core goes to the others.
    pub(super) fn close(&self) {
        let (core, token) = (self.registration().core(), self.registration().token());
        core.reflexes.borrow_mut().retain(|(other, _)| *other != token);
        if let Some(mut socket) = self.socket.take() {
            // Clones of a socket are one thing to the selector, which forgets it only with the last of them.
            L::deregister(&mut socket, &*core.driver);
        }
        drop(self.recheck.take());
    }

    /// What came for this core by this door.
    pub(super) fn pop(&self) -> Option<Accepted<L>> {
        self.mine.borrow_mut().pop_front()
    }

    /// Accepts one more, if there may be one: for a task, when more came than the loop takes at once. `None` if that was for
    /// another core.
    ///
    /// # Errors
    ///
    /// [`WouldBlock`](io::ErrorKind::WouldBlock) if there is none; others only when the listener has ended.
    pub(super) fn accept(&self) -> io::Result<Option<Accepted<L>>> {
        let accepted =
            self.registration().try_now(Way::Read, || self.accepting.accept_now(&|| self.accept_one()));
        accepted.unwrap_or_else(|| Err(io::ErrorKind::WouldBlock.into()))
    }

    /// Has the system asked again if there is news: also where this door left nobody waiting, as whoever did may be held
    /// by a task, or gone. If there is no room any more, asking for it sees to it that the next news comes here too.
    pub(super) fn look_at_news(&self) {
        let news = self.shared.places.news();
        if self.seen.replace(news) != news {
            self.registration().assume_ready(Way::Read);
        }
    }

    /// Accepts from the system, and places what came; `None` if that is on another core.
    fn accept_one(&self) -> io::Result<Option<Accepted<L>>> {
        let socket = self.socket.borrow();
        let Some(socket) = &*socket else { return Err(io::ErrorKind::WouldBlock.into()) };
        let (room, (socket, peer)) = loop {
            let Some(room) = self.shared.places.reserve() else {
                self.tell_full();
                return Err(io::ErrorKind::WouldBlock.into());
            };
            match L::accept(socket) {
                Ok(accepted) => break (room, accepted),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !room.give_back() {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        };
        let now = self.now();
        if self.shared.places.recruit(self.seat, now) {
            self.shared.place_anew(self.seat, now);
        }
        let accepted = Accepted { socket, peer, place: room.place(self.seat, now) };
        if accepted.place.seat() == self.seat {
            return Ok(Some(accepted));
        }
        self.shared.send(accepted);
        self.recheck_later();
        Ok(None)
    }

    fn tell_full(&self) {
        let mut told = self.told_full.get();
        if told.is_due() {
            let max = self.shared.places.connections_max();
            let what = "connections are open, the most allowed; new ones wait";
            notice(Level::Warning, "accept", format_args!("{max} {what}"));
        }
        self.told_full.set(told);
    }

    /// Has the queues looked at when a core that a connection was placed on should long have taken it up.
    fn recheck_later(&self) {
        let recheck = self.recheck.take();
        self.recheck.set(Some(recheck.unwrap_or_else(|| Recheck::begin(&self.bell, self.now()))));
    }

    fn recheck_if_due(&self) {
        match self.recheck.take() {
            Some(recheck) if recheck.due <= Instant::recent() => {
                if self.shared.place_anew(self.seat, self.now()) > 0 {
                    self.recheck_later();
                }
            }
            not_due => self.recheck.set(not_due),
        }
    }

    /// Has the task that accepts look.
    fn tell_listener(&self) {
        self.registration().core().handle_ready(self.listener, Readiness::new(true, false));
    }

    pub(super) fn registration(&self) -> &Registration {
        self.accepting.registration()
    }

    fn now(&self) -> Instant {
        self.registration().core().driver.now()
    }
}

impl<L: Spread> Reflex for Door<L> {
    fn react(&self) {
        self.recheck_if_due();
        for _ in 0..ACCEPTS_AT_ONCE {
            match self.accept() {
                Ok(Some(accepted)) => self.mine.borrow_mut().push_back(accepted),
                Ok(None) => {}
                // That the listener has ended is its task's to find.
                Err(_) => break,
            }
        }
        if !self.mine.borrow().is_empty() || self.registration().interest().is_ready(Way::Read).get() {
            self.tell_listener();
        }
        self.registration().interest().register(Way::Read, &self.bell);
    }
}

/// As many as a task accepts in a turn; the others are its to accept.
const ACCEPTS_AT_ONCE: usize = 8;

/// A look at the queues that is due.
struct Recheck {
    due: Instant,
    /// Kept only to be dropped.
    _timer: Sleep,
}

impl Recheck {
    fn begin(bell: &Waker, now: Instant) -> Self {
        let due = now + STUCK_AFTER;
        let mut timer = sleep_until(due);
        // It is not over yet, and if it were, the next to accept would see it.
        let _ = Pin::new(&mut timer).poll(&mut Context::from_waker(bell));
        Self { due, _timer: timer }
    }
}

/// Calls a reflex. Ids only, as a waker may be anywhere.
struct Bell {
    reactor: ReactorId,
    door: Token,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if let Some(core) = core::try_current().filter(|core| core.id == self.reactor) {
            core.call_reflex(self.door);
        }
    }
}
