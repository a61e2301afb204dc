//! TCP: connections are made of two ends, and of listeners that take them. What Linux does, it does.
//!
//! ```text
//!   client                                  server
//!     │ ───────────── SYN ────────────────► │  silence where the queue is full, a reset where nobody listens
//!     │ ◄─────────── SYN-ACK ────────────── │
//!     │ ──────────────  ACK ──────────────► │  now it can be accepted
//!     │ ════ bytes · FIN · reset ═════════► │
//!     │ ◄══ ACK: heard so far, and room ═══ │
//! ```
//!
//! Any segment may be lost. An end has one timer, for whatever it waits for an answer to; when that is up it says again what
//! was not answered, and in the end gives up. There is nothing else that makes up for a loss, and nothing that cannot be lost.
//!
//! Here is what an end is. In reading order: `ends` is what a program does with it, `line` what it says, `ear` what it
//! hears, `wire` where segments come to, `timer` when it says something again, `opening` how a connection begins,
//! `ending` how it ends, `time_wait` what is left of it then, `keepalive` how an end notices
//! that the other is gone, `load` how much there is of it, and `slots`
//! where it is kept.

mod ends;
mod line;
mod ear;
mod wire;
mod timer;
mod opening;
mod ending;
mod time_wait;
mod keepalive;
mod load;
mod slots;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;

use ekiden_reactor::driver::{Keepalive, Token};

use crate::journal::{EndId, HostId};
use crate::world::errno::Errno;

pub(crate) use wire::Segment;

use ear::Ear;
use line::Line;
use slots::Slots;

/// All connections and listeners.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    ends: Slots<End>,
    listeners: BTreeMap<ListenerId, Listener>,
    time_waits: time_wait::TimeWaits,
    count: u32,
}

/// Names a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ListenerId(u32);

#[derive(Debug)]
struct Listener {
    host: HostId,
    /// Of those who hold it and have taken it up: more than one where it is shared.
    tokens: Vec<Token>,
    holders: usize,
    addr: SocketAddr,
    backlog: usize,
    keepalive: Option<Keepalive>,
    nodelay: bool,
    /// Those that can be accepted.
    queue: VecDeque<EndId>,
    /// Those whose handshake goes on.
    begun: Vec<EndId>,
}

/// One end of a connection.
#[derive(Debug)]
struct End {
    host: HostId,
    local: SocketAddr,
    peer: SocketAddr,
    /// The other end and its host. Who connects does not know it before it is answered.
    other: Option<EndId>,
    other_host: HostId,
    state: State,
    /// `None` until it is accepted and taken up.
    token: Option<Token>,
    /// Where it is accepted, if it has not been yet.
    listener: Option<ListenerId>,
    /// It has connected, and has a port that was chosen for it.
    has_port: bool,
    /// The program has let it go.
    is_closed: bool,
    resets_when_closed: bool,
    nodelay: bool,
    line: Line,
    ear: Ear,
    timer: Option<timer::Timer>,
    probes: Option<keepalive::Probes>,
}

/// How far a connection is, to one of its ends. How far its closing is, its line and its ear know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    SynSent,
    SynReceived,
    Established,
    /// It is over, and this is why, if the program was not told yet and it is a failure.
    Closed(Option<Errno>),
}

impl Connections {
    pub(in crate::world) fn next_end(&mut self) -> EndId {
        self.count += 1;
        EndId(self.count)
    }

    fn next_listener(&mut self) -> ListenerId {
        self.count += 1;
        ListenerId(self.count)
    }

    fn get(&self, id: EndId) -> Option<&End> {
        self.ends.get(id)
    }

    fn get_mut(&mut self, id: EndId) -> Option<&mut End> {
        self.ends.get_mut(id)
    }

    /// An end that its program has not let go. What its tasks still hold when it was killed is nothing any more, though the
    /// machine may have to say more of it.
    fn held(&mut self, id: EndId) -> Option<&mut End> {
        self.get_mut(id).filter(|end| !end.is_closed)
    }
}

impl End {
    fn is_over(&self) -> bool {
        matches!(self.state, State::Closed(_))
    }

    /// The failure that the program is to be told, once.
    fn take_failure(&mut self) -> Option<io::Error> {
        match &mut self.state {
            State::Closed(why) => why.take().map(io::Error::from),
            _ => None,
        }
    }
}
