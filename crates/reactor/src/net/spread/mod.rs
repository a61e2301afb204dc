//! A listener whose connections go to all cores of the runtime: each to the core that has the fewest of them open.
//!
//! ```text
//!   core 0:  its door ── accepts ──► place: who has the fewest, and is not stuck?
//!                                         │              │
//!            SpreadListener ◄── it itself ┘              │ its queue, and a letter
//!   core 1:  SpreadListener ◄────────────────────────────┘
//! ```
//!
//! What was accepted belongs to no reactor until it is taken up on its core, so it may travel. A connection that waits in
//! the queue of a core that turns out to be stuck is placed anew.
//!
//! In reading order: [`Share`] is a core's part of the listener before it is there, and becomes a [`SpreadListener`];
//! `kind` is what the kinds of sockets differ in; [`Placed`] is a connection on its core; `places` counts them and says where
//! the next one goes, by what `room` there is; `shared` has the queues by which they get there, `door` accepts, and `relief` is
//! for when all who accept are stuck.

mod kind;
mod placed;
mod room;
mod places;
mod shared;
mod door;
mod relief;
#[cfg(test)]
mod tests;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{Incoming, Setbacks};
use crate::about::About;
use crate::core;
use crate::interest::Way;
use crate::pauses::Pause;
use crate::registration::Registration;
use crate::runtime::{CoreId, cores};
use crate::task::budget::ACCEPT_COST;
use crate::watchdog;

pub use kind::Spread;
pub use placed::Placed;
pub use places::Connections;
pub(crate) use relief::relieve;

use door::Door;
use places::Places;
use shared::{Accepted, Shared};

/// A core's part of a listener that was spread; it becomes a [`SpreadListener`] there.
///
/// Connections are placed on that core from the beginning, on the word that they will be accepted there soon. When it is
/// dropped instead, they go to the others.
pub struct Share<L: Spread> {
    /// `None` only while it is opened or dropped.
    shared: Option<Arc<Shared<L>>>,
    seat: usize,
}

/// Accepts the connections that were placed on this core, of a listener that was spread over all of them.
///
/// All that is said of a [`TcpListener`](super::TcpListener) holds here, for the errors that pass and for eight in one turn.
///
/// A core that is held by a task gets no new connections, and if it is one that accepts, another accepts instead: at once
/// as long as one of those that accept (four, if there are so many) is not held. When all of them are, another takes over
/// when the watchdog looks, within some 50 ms; so on more than four cores that takes a reactor that is
/// [watched](crate::Config::held_max).
///
/// ```
/// use ekiden_reactor::net::{Spread, TcpListener, TcpStream};
/// use ekiden_reactor::{run, spawn_on};
///
/// run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await?;
///     let addr = listener.local_addr()?;
///     for share in listener.spread(1024)? {
///         spawn_on(share.core(), move || async move {
///             let listener = share.open()?;
///             loop {
///                 let (stream, _peer) = listener.accept().await?;
///                 ekiden_reactor::spawn(async move { stream.write_all(b"hello").await });
///             }
///             # #[expect(unreachable_code, reason = "what it would return")]
///             std::io::Result::Ok(())
///         });
///     }
///     let client = TcpStream::connect(addr).await?;
///     assert_eq!(client.read(&mut [0; 9]).await?, 5);
///     std::io::Result::Ok(())
/// })
/// # .unwrap();
/// ```
pub struct SpreadListener<L: Spread> {
    /// Ready when a connection was placed here, or when it may have to open its door.
    registration: Registration,
    /// On those cores that accept from the system.
    door: RefCell<Option<Rc<Door<L>>>>,
    shared: Arc<Shared<L>>,
    seat: usize,
    /// What was met with what others accepted for this core, and when its door was opened.
    setbacks: Cell<Setbacks>,
    /// When no file was left for the door.
    pause: Pause,
}

/// A connection on its core, and its peer's address.
pub type Arrival<L> = (Placed<<L as Spread>::Stream>, <L as Spread>::Addr);

/// Spreads the listener over the cores that can begin; of connections there may be so many in all.
pub(super) fn spread<L: Spread>(
    socket: L::Socket,
    local_addr: L::Addr,
    connections_max: usize,
) -> Vec<Share<L>> {
    let here = core::current();
    let inboxes = cores().filter_map(|core| Some((core, here.runtime.handle_of(core)?.inbox)));
    let places = Arc::new(Places::new(inboxes, connections_max));
    let shares = 0..places.len();
    let shared = Arc::new(Shared::new(places, socket, local_addr));
    if here.inbox.time_passes() {
        relief::add(shared.clone());
    }
    shares.map(|seat| Share { shared: Some(shared.clone()), seat }).collect()
}

impl<L: Spread> Share<L> {
    /// The core whose part it is.
    #[must_use]
    pub fn core(&self) -> CoreId {
        self.shared().places.core(self.seat)
    }

    /// How many connections of the listener are open, for whoever wants to know it from any thread.
    #[must_use]
    pub fn connections(&self) -> Connections {
        Connections(self.shared().places.clone())
    }

    /// Begins to accept, on its core.
    ///
    /// # Errors
    ///
    /// As the system's: too many open files. The connections that were placed here go to the other cores.
    ///
    /// # Panics
    ///
    /// If this is not its core.
    pub fn open(mut self) -> io::Result<SpreadListener<L>> {
        assert_eq!(CoreId::current(), self.core(), "a share of a listener is opened on its own core");
        let shared = self.shared();
        let (registration, token) = Registration::new(|_core, token| Ok(token))?;
        shared.places.open(self.seat, token);
        registration.describe(About::listener(format_args!("{}", L::describe(&shared.local_addr))));
        // There may be connections already.
        registration.assume_ready(Way::Read);
        let door = match shared.places.accepts(self.seat) {
            true => Some(Door::open(shared, self.seat, token)?),
            false => {
                // From now on somebody may take over; the thread that sees to it may have nothing else to look at for long.
                if registration.core().inbox.time_passes() {
                    watchdog::look_now();
                }
                None
            }
        };
        let shared = self.shared.take().expect("it is taken only here and by drop, which comes later");
        Ok(SpreadListener {
            registration,
            door: RefCell::new(door),
            shared,
            seat: self.seat,
            setbacks: Cell::default(),
            pause: Pause::default(),
        })
    }

    fn shared(&self) -> &Arc<Shared<L>> {
        self.shared.as_ref().expect("it is taken only when the share ends")
    }
}

impl<L: Spread> Drop for Share<L> {
    fn drop(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.leave(self.seat);
        }
    }
}

impl<L: Spread> SpreadListener<L> {
    /// Waits for the next connection that is placed on this core.
    ///
    /// # Errors
    ///
    /// As the system's, and only those by which the listener has ended: there will be no connection any more. What
    /// passes, and what concerns only one connection, is no error here.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses no connection: one leaves its queue only in the poll that returns it.
    pub async fn accept(&self) -> io::Result<Arrival<L>> {
        loop {
            let next = self.registration.use_by(Way::Read, ACCEPT_COST, || self.next()).await?;
            if let Some(accepted) = next {
                return Ok(accepted);
            }
        }
    }

    /// Accepts a connection if there is one for this core; inside a tick, `Ok(None)` registers interest in the next.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub fn try_accept(&self) -> io::Result<Option<Arrival<L>>> {
        loop {
            match self.registration.try_use(Way::Read, ACCEPT_COST, || self.next())? {
                None => return Ok(None),
                Some(None) => {}
                Some(accepted) => return Ok(accepted),
            }
        }
    }

    /// The next connection, or the task is woken when there is one, unless another polls after it.
    ///
    /// # Errors
    ///
    /// As for [`accept`](Self::accept).
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<Arrival<L>>> {
        loop {
            match self.registration.poll_use(Way::Read, ACCEPT_COST, cx, || self.next()) {
                Poll::Ready(Ok(Some(accepted))) => return Poll::Ready(Ok(accepted)),
                Poll::Ready(Ok(None)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// The connections to come on this core, as a [`Stream`](futures_core::Stream) of what [`accept`](Self::accept) returns.
    ///
    /// As a [`TcpListener`](super::TcpListener::incoming)'s.
    ///
    /// ```
    /// use ekiden_reactor::net::{Spread, TcpListener, TcpStream};
    /// use ekiden_reactor::{run, spawn_on};
    /// use futures_util::StreamExt;
    ///
    /// run(async {
    ///     let listener = TcpListener::bind("127.0.0.1:0").await?;
    ///     let addr = listener.local_addr()?;
    ///     for share in listener.spread(1024)? {
    ///         spawn_on(share.core(), move || async move {
    ///             let listener = share.open()?;
    ///             let mut incoming = listener.incoming();
    ///             while let Some(accepted) = incoming.next().await {
    ///                 let (stream, _peer) = accepted?;
    ///                 ekiden_reactor::spawn(async move { stream.write_all(b"hello").await });
    ///             }
    ///             std::io::Result::Ok(())
    ///         });
    ///     }
    ///     let client = TcpStream::connect(addr).await?;
    ///     assert_eq!(client.read(&mut [0; 9]).await?, 5);
    ///     std::io::Result::Ok(())
    /// })
    /// # .unwrap();
    /// ```
    pub fn incoming(&self) -> Incoming<'_, Arrival<L>> {
        Incoming::new(&self.registration, || self.next())
    }

    /// The address that it listens on.
    pub fn local_addr(&self) -> L::Addr {
        self.shared.local_addr.clone()
    }

    /// How many connections of the listener are open, on all cores and on each.
    #[must_use]
    pub fn connections(&self) -> Connections {
        Connections(self.shared.places.clone())
    }

    /// The next connection for this core, `None` if there was one for another or none that is well, or `WouldBlock`.
    fn next(&self) -> io::Result<Option<Arrival<L>>> {
        let door = self.door()?;
        let waiting = door.as_ref().and_then(|door| door.pop()).or_else(|| self.shared.pop(self.seat));
        let accepted = match (waiting, door) {
            (Some(accepted), _) => Some(accepted),
            (None, Some(door)) => {
                door.look_at_news();
                door.accept()?
            }
            (None, None) => return Err(io::ErrorKind::WouldBlock.into()),
        };
        accepted.map_or(Ok(None), |accepted| self.take_up(accepted))
    }

    /// The connection, or `None` if it cannot be had here: then it is closed.
    fn take_up(&self, accepted: Accepted<L>) -> io::Result<Option<Arrival<L>>> {
        let Accepted { socket, peer, place } = accepted;
        match L::take_up(socket, &peer) {
            Ok(stream) => {
                Setbacks::among(&self.setbacks, Setbacks::handle_success);
                Ok(Some((Placed::new(stream, place), peer)))
            }
            Err(error) => {
                Setbacks::among(&self.setbacks, |setbacks| setbacks.handle_error(error)).map(|_pause| None)
            }
        }
    }

    /// The door of this core, if it accepts; it opens it if it was asked to, and a little later if there is no file for it.
    fn door(&self) -> io::Result<Option<Rc<Door<L>>>> {
        let is_asked_to = self.door.borrow().is_none() && self.shared.places.accepts(self.seat);
        if is_asked_to && !self.pause.is_on(&self.registration) {
            match Door::open(&self.shared, self.seat, self.registration.token()) {
                Ok(door) => drop(self.door.replace(Some(door))),
                Err(error) => {
                    let pause = Setbacks::among(&self.setbacks, |setbacks| setbacks.handle_error(error))?;
                    self.pause.begin(&self.registration, pause);
                }
            }
        }
        Ok(self.door.borrow().clone())
    }
}

impl<L: Spread> Drop for SpreadListener<L> {
    fn drop(&mut self) {
        let door = self.door.take();
        if let Some(door) = &door {
            door.close();
        }
        self.shared.leave(self.seat);
        while let Some(accepted) = door.as_ref().and_then(|door| door.pop()) {
            self.shared.pass_on(accepted);
        }
    }
}

impl<L: Spread> fmt::Debug for Share<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share").field("core", &self.core()).finish_non_exhaustive()
    }
}

impl<L: Spread> fmt::Debug for SpreadListener<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpreadListener").field("connections", &self.connections()).finish_non_exhaustive()
    }
}
