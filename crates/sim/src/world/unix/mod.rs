//! Unix sockets: between the tasks of one host's program, and never to another host.
//!
//! ```text
//!   path, or abstract name ──► what is bound there: a listener, a datagram socket, or nothing any more
//!
//!   stream ════ bytes ════► the buffer of the other      at once, as they never leave the machine's memory:
//!   socket ─── datagram ──► the queue of the other       nothing is lost, and nothing overtakes another
//! ```
//!
//! Here is what a name leads to; `streams` has the listeners and connections, `datagrams` the others. What came is there at
//! once; the program is told of it at the host's next turn.

mod datagrams;
mod streams;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::os::unix::net::SocketAddr;
use std::path::PathBuf;

use super::World;
use crate::journal::{Digest, EndId, HostId};
use crate::world::errno::Errno;

pub(crate) use streams::Left;

/// All sockets, and the names of those that have one.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    names: BTreeMap<(HostId, Name), Bound>,
    listeners: BTreeMap<EndId, streams::Listener>,
    streams: BTreeMap<EndId, streams::Stream>,
    datagrams: BTreeMap<EndId, datagrams::Socket>,
}

/// What a socket is called on its host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name {
    Path(PathBuf),
    /// One that has no file, as std shows it.
    Abstract(String),
}

/// What a name leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bound {
    Listener(EndId),
    Datagrams(EndId),
    /// The socket is gone, and its file was left.
    Nobody,
}

impl Name {
    /// `None` for an address without a name.
    fn of(addr: &SocketAddr) -> Option<Self> {
        match addr.as_pathname() {
            Some(path) => Some(Self::Path(path.to_owned())),
            None if addr.is_unnamed() => None,
            None => Some(Self::Abstract(format!("{addr:?}"))),
        }
    }
}

impl World {
    /// Gives a socket its name, if no other has it.
    fn bind_name(&mut self, host: HostId, addr: &SocketAddr, bound: Bound) -> io::Result<Name> {
        let Some(name) = Name::of(addr) else {
            let what = "the simulation has no names of Unix sockets that the system chooses";
            return Err(io::Error::new(io::ErrorKind::Unsupported, what));
        };
        let key = (host, name);
        match self.unix.names.get(&key) {
            None => {}
            // Nothing asks the world to remove a file, so it takes it for removed: see the configuration.
            Some(Bound::Nobody) if !self.config.socket_files_stay => {}
            Some(_) => return Err(Errno::AddrInUse.into()),
        }
        self.unix.names.insert(key.clone(), bound);
        Ok(key.1)
    }

    /// A socket is gone. The file of its path stays.
    fn release_name(&mut self, host: HostId, name: Name, bound: Bound) {
        let key = (host, name);
        // Its file may have been removed before, and another socket may have the path.
        if self.unix.names.get(&key) != Some(&bound) {
            return;
        }
        match key.1 {
            Name::Path(_) => self.unix.names.insert(key, Bound::Nobody),
            Name::Abstract(_) => self.unix.names.remove(&key),
        };
    }

    /// What is bound to an address.
    fn find_name(&self, host: HostId, addr: &SocketAddr) -> io::Result<Bound> {
        let name = Name::of(addr).ok_or(Errno::InvalidInput)?;
        let has_no_file = matches!(name, Name::Abstract(_));
        match self.unix.names.get(&(host, name)) {
            Some(Bound::Nobody) => Err(Errno::ConnectionRefused.into()),
            Some(bound) => Ok(*bound),
            None if has_no_file => Err(Errno::ConnectionRefused.into()),
            None => Err(Errno::NotFound.into()),
        }
    }

    /// Removes the file of a path. What is open stays so, and can no longer be found. False if there is none.
    pub(crate) fn remove_socket_file(&mut self, host: HostId, path: PathBuf) -> bool {
        self.unix.names.remove(&(host, Name::Path(path))).is_some()
    }

    /// Everything that a host's program had open is gone, at both ends, as both were its own.
    pub(super) fn forget_unix_sockets(&mut self, host: HostId) {
        let Sockets { names, listeners, streams, datagrams } = &mut self.unix;
        listeners.retain(|_, listener| listener.host != host);
        streams.retain(|_, stream| stream.host != host);
        datagrams.retain(|_, socket| socket.host != host);
        names.retain(|(of, name), _| *of != host || matches!(name, Name::Path(_)));
        let left = names.iter_mut().filter(|((of, _), _)| *of == host);
        left.for_each(|(_, bound)| *bound = Bound::Nobody);
    }
}

/// A digest of a name, for the journal.
fn digest(addr: &impl fmt::Debug) -> u32 {
    Digest::of(format!("{addr:?}").as_bytes())
}

/// The address of a socket that has none.
fn unnamed() -> SocketAddr {
    SocketAddr::from_pathname("").expect("an empty path is the address without a name")
}

/// There is a socket of that name, of another kind.
fn wrong_kind() -> io::Error {
    Errno::WrongKind.into()
}
