//! TCP as programs see it: connections are made of two ends, and of listeners that take them.
//!
//! ```text
//!   client                                  server
//!     │ ───────────── syn ────────────────► │  a place in the listener's backlog, or silence, or a refusal
//!     │ ◄─────── acknowledgement ────────── │
//!     │ ──── acknowledgement of that ─────► │  now it can be accepted
//!     │ ════ bytes · end · reset ═════════► │
//!     │ ◄═══════════ room ═════════════════ │  so many bytes were read: as many more may come
//! ```
//!
//! Here is what each end is, and what a program does with it, in `ends`; how it gets to the other end, or does not, is in
//! `wire`; how a connection begins in `opening`, how an end notices that the other is gone in
//! `keepalive`, and how much there is of it in `load`.

mod ends;
mod opening;
mod wire;
mod keepalive;
mod load;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;

use ekiden_reactor::driver::{Keepalive, Token};

use super::traffic::TCP_HEADER_BYTES;
use crate::journal::{EndId, HostId};

pub(crate) use wire::Arrival;

/// All connections and listeners.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    ends: BTreeMap<EndId, End>,
    listeners: BTreeMap<ListenerId, Listener>,
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
    /// Those that can be accepted.
    queue: VecDeque<EndId>,
    /// Those whose handshake goes on. They have their place in the backlog.
    begun: Vec<EndId>,
}

/// One end of a connection.
#[derive(Debug)]
struct End {
    host: HostId,
    local: SocketAddr,
    peer: SocketAddr,
    /// The other end and its host. It may be gone, or, for who connects, not be there yet.
    other: Option<EndId>,
    other_host: HostId,
    /// `None` until it is accepted and taken up.
    token: Option<Token>,
    stands: Stands,
    /// Where it is accepted, if it has not been yet.
    listener: Option<ListenerId>,
    /// The program has let it go.
    is_closed: bool,
    resets_when_closed: bool,

    /// What has come and was not read.
    received: VecDeque<u8>,
    /// The other end will say no more.
    has_heard_end: bool,
    reads_no_more: bool,
    /// How many bytes were read of which the other end has not been told.
    unreturned: usize,
    /// The number of the segment that is the next to arrive.
    expected: u64,
    /// When something last came.
    heard_last: u64,
    probes: Option<keepalive::Probes>,

    /// How much may be written, and could be at first.
    room: usize,
    window: usize,
    has_said_end: bool,
    line: Line,
}

/// Whether a connection stands, to one of its ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    NotYet,
    Yes,
    /// No more, and this is why, if the program was not told yet.
    NoMore(Option<io::ErrorKind>),
}

/// The way out of an end.
#[derive(Debug, Default)]
struct Line {
    /// The number of the segment that is the next to be sent.
    next: u64,
    /// When the last one arrives: none overtakes another.
    arrives_last: u64,
    /// What was lost, by its number: to be sent again.
    lost: BTreeMap<u64, Segment>,
    /// Something arrived, and its acknowledgement did not.
    is_unacknowledged: bool,
    /// Since when either is so, and how long the next try waits.
    trouble: Option<Trouble>,
}

#[derive(Clone, Copy, Debug)]
struct Trouble {
    since: u64,
    delay: u64,
}

/// What travels on a connection.
#[derive(Clone, Debug)]
enum Segment {
    /// The listener's machine has taken the connection.
    SynAck,
    /// The client has heard that.
    Ack,
    Data(Vec<u8>),
    End,
    /// So many bytes were read.
    Room(usize),
    Reset,
}

impl Segment {
    fn bytes_on_wire(&self) -> usize {
        let bytes = if let Self::Data(bytes) = self { bytes.len() } else { 0 };
        TCP_HEADER_BYTES + bytes
    }
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
        self.ends.get(&id)
    }

    fn get_mut(&mut self, id: EndId) -> Option<&mut End> {
        self.ends.get_mut(&id)
    }
}

impl End {
    fn is_gone(&self) -> bool {
        matches!(self.stands, Stands::NoMore(_))
    }

    /// The failure that the program is to be told, once.
    fn take_failure(&mut self) -> Option<io::Error> {
        match &mut self.stands {
            Stands::NoMore(why) => why.take().map(io::Error::from),
            _ => None,
        }
    }
}
