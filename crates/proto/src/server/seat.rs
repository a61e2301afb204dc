//! A connection's place at its server: what it is told there, and what it has to tell.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use ekiden_reactor::net::Hangup;

use super::drain::Drain;
use super::state::State;

/// A connection's place at its server.
///
/// Each connection is given one. What a connection needs at least is the [`Drain`]; a protocol that catches the panics
/// of a service, or gives its stream away, has something to tell as well.
///
/// One that is served by itself, without a server, has the seat that is made [from](From) a drain.
pub struct Seat {
    state: Rc<State>,
    hangup: Option<Hangup>,
}

impl Seat {
    pub(super) fn new(state: Rc<State>, hangup: Option<Hangup>) -> Self {
        Self { state, hangup }
    }

    /// The same place for a connection whose end this tells: for one that is served by itself, by a service that
    /// asks for [it](Self::hangup).
    #[must_use]
    pub fn with_hangup(self, hangup: Hangup) -> Self {
        Self { hangup: Some(hangup), ..self }
    }

    /// What tells that the peer has left, where the [listener](super::Listener::hangup) knows. A server ends a connection that
    /// is gone by itself; a service that waits on purpose may want to know, too, that its peer
    /// [sends no more](Hangup::read_closed).
    #[must_use]
    pub fn hangup(&self) -> Option<&Hangup> {
        self.hangup.as_ref()
    }

    /// Tells when to finish what is owed and close.
    #[must_use]
    pub fn drain(&self) -> &Drain {
        &self.state.drain
    }

    /// Counts a panic that was caught, so that [`Server::panics`](super::Server::panics) is all that there were, and
    /// says how many that is now. A panic that is not caught ends the connection's task, and counts by itself.
    ///
    /// To tell the operator of it is left to whoever caught it.
    pub fn count_panic(&self) -> u64 {
        self.state.count_panic()
    }

    /// Keeps a place at the server for as long as the returned value lives: for a stream that outlives its
    /// connection's task, because it was given to somebody else.
    ///
    /// It counts towards `connections_max`, since it holds a file as any other, and a drain waits for it. But nobody can
    /// end what was given away: what is still kept at the deadline goes on without the server.
    ///
    /// Keep a place as the last thing that the connection's task does: until it ends, both count.
    #[must_use = "the place is given back when this is dropped"]
    pub fn keep(&self) -> KeptSeat {
        self.state.kept.update(|kept| kept + 1);
        KeptSeat(self.state.clone())
    }
}

impl From<Drain> for Seat {
    fn from(drain: Drain) -> Self {
        Self::new(Rc::new(State::new(drain, Arc::default())), None)
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("drain", self.drain()).finish_non_exhaustive()
    }
}

/// A place at a server that outlives its connection's task; see [`Seat::keep`].
pub struct KeptSeat(Rc<State>);

impl KeptSeat {
    /// Tells when to finish what is owed and close.
    #[must_use]
    pub fn drain(&self) -> &Drain {
        &self.0.drain
    }
}

impl Drop for KeptSeat {
    fn drop(&mut self) {
        self.0.kept.update(|kept| kept - 1);
        self.0.wake();
    }
}

impl fmt::Debug for KeptSeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptSeat").field("drain", self.drain()).finish_non_exhaustive()
    }
}
