//! Unix streams, and who listens for them.
//!
//! An end that goes takes both directions with it, as on Linux: the other reads what has come, and then the end, or that it
//! was reset, if there was something that the one which went had not read.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;

use ekiden_reactor::driver::{Readiness, Token};

use super::{Bound, Name, digest, unnamed, wrong_kind};
use crate::journal::{Digest, EndId, HostId, What};
use crate::world::World;
use crate::world::errno::Errno;

#[derive(Debug)]
pub(super) struct Listener {
    pub(super) host: HostId,
    addr: SocketAddr,
    name: Name,
    /// Of those who hold it and have taken it up: more than one where it is shared.
    tokens: Vec<Token>,
    holders: usize,
    /// Those that can be accepted.
    queue: VecDeque<EndId>,
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) host: HostId,
    /// `None` until it is taken up.
    token: Option<Token>,
    local: SocketAddr,
    peer: SocketAddr,
    /// `None` when the other end is gone.
    other: Option<EndId>,
    /// What has come and was not read, up to so many bytes.
    received: VecDeque<u8>,
    window: usize,
    /// Whether more can come, and whether more can be said.
    hears: bool,
    speaks: bool,
    /// The other end went without reading everything, and the program was not told yet.
    is_reset: bool,
}

impl World {
    pub(crate) fn listen_unix(&mut self, host: HostId, addr: &SocketAddr, token: Token) -> io::Result<EndId> {
        let id = self.tcp.next_end();
        let name = self.bind_name(host, addr, Bound::Listener(id))?;
        let (addr, tokens) = (addr.clone(), vec![token]);
        self.tell(host, What::ListensOnPath(digest(&addr)));
        let listener = Listener { host, addr, name, tokens, holders: 1, queue: VecDeque::new() };
        self.unix.listeners.insert(id, listener);
        Ok(id)
    }

    /// A stream to who listens there: it stands at once, whether it is accepted or not.
    pub(crate) fn connect_unix(&mut self, host: HostId, addr: &SocketAddr) -> io::Result<EndId> {
        let Bound::Listener(listener_id) = self.find_name(host, addr)? else { return Err(wrong_kind()) };
        let listener = self.unix.listeners.get(&listener_id).ok_or(Errno::ConnectionRefused)?;
        let (addr, tokens) = (listener.addr.clone(), listener.tokens.clone());
        if listener.queue.len() >= BACKLOG {
            self.tell(host, What::HasNoRoom(digest(&addr)));
            return Err(Errno::WouldBlock.into());
        }
        let (here, there) = self.stream_pair(host, unnamed(), addr.clone());
        self.tell(host, What::ConnectsToPath(here, digest(&addr)));
        if let Some(listener) = self.unix.listeners.get_mut(&listener_id) {
            listener.queue.push_back(there);
        }
        for token in tokens {
            self.tell_ready(host, Some(token), Readiness::new(true, false));
        }
        Ok(here)
    }

    /// Two streams that are connected to each other, of those addresses.
    pub(crate) fn stream_pair(&mut self, host: HostId, one: SocketAddr, two: SocketAddr) -> (EndId, EndId) {
        let (here, there) = (self.tcp.next_end(), self.tcp.next_end());
        for (id, other, local, peer) in [(here, there, &one, &two), (there, here, &two, &one)] {
            let stream = Stream {
                host,
                token: None,
                local: local.clone(),
                peer: peer.clone(),
                other: Some(other),
                received: VecDeque::new(),
                window: self.draw_window(),
                hears: true,
                speaks: true,
                is_reset: false,
            };
            self.unix.streams.insert(id, stream);
        }
        (here, there)
    }

    pub(crate) fn unix_pair(&mut self, host: HostId) -> (EndId, EndId) {
        self.stream_pair(host, unnamed(), unnamed())
    }

    /// The next stream that a listener has, and its peer.
    pub(crate) fn accept_unix(&mut self, id: EndId) -> io::Result<(EndId, SocketAddr)> {
        let listener = self.unix.listeners.get_mut(&id).ok_or(Errno::NotConnected)?;
        let accepted = listener.queue.pop_front().ok_or(Errno::WouldBlock)?;
        let host = listener.host;
        let stream = self.unix.streams.get(&accepted).ok_or(Errno::ConnectionAborted)?;
        let peer = stream.peer.clone();
        self.tell(host, What::AcceptsOnPath(accepted));
        Ok((accepted, peer))
    }

    /// Another holds a listener too.
    pub(crate) fn share_unix_listener(&mut self, id: EndId) -> io::Result<()> {
        let listener = self.unix.listeners.get_mut(&id).ok_or(Errno::NotConnected)?;
        listener.holders += 1;
        Ok(())
    }

    /// Whoever holds a listener is told from now on that somebody has come.
    pub(crate) fn take_up_unix_listener(&mut self, id: EndId, token: Token) {
        let Some(listener) = self.unix.listeners.get_mut(&id) else { return };
        listener.tokens.push(token);
        let (host, has_any) = (listener.host, !listener.queue.is_empty());
        if has_any {
            self.tell_ready(host, Some(token), Readiness::new(true, false));
        }
    }

    /// One of those who hold a listener lets it go. With the last of them all who wait there are reset.
    pub(crate) fn release_unix_listener(&mut self, id: EndId, token: Option<Token>) {
        let Some(listener) = self.unix.listeners.get_mut(&id) else { return };
        listener.holders -= 1;
        listener.tokens.retain(|known| Some(*known) != token);
        let (host, is_held) = (listener.host, listener.holders > 0);
        self.silence(host, token);
        if is_held {
            return;
        }
        let Some(Listener { host, name, queue, .. }) = self.unix.listeners.remove(&id) else { return };
        self.release_name(host, name, Bound::Listener(id));
        for waiting in queue {
            self.close_unix_stream(waiting, Left::InAnyCase);
        }
    }

    /// A program takes a stream up, and is told from now on what it is ready for.
    pub(crate) fn take_up_unix(&mut self, id: EndId, token: Token) {
        if let Some(stream) = self.unix.streams.get_mut(&id) {
            stream.token = Some(token);
            self.tell_all_unix(id);
        }
    }

    pub(crate) fn read_unix(&mut self, id: EndId, buf: &mut [u8]) -> io::Result<usize> {
        let stream = self.unix.streams.get_mut(&id).ok_or(Errno::NotConnected)?;
        if stream.received.is_empty() {
            return match (std::mem::take(&mut stream.is_reset), stream.hears) {
                (true, _) => Err(Errno::ConnectionReset.into()),
                (false, true) => Err(Errno::WouldBlock.into()),
                (false, false) => Ok(0),
            };
        }
        let was_full = stream.received.len() >= stream.window;
        let n = self.chance.part_of(buf.len().min(stream.received.len()), self.config.short_one_in);
        buf[..n].iter_mut().zip(stream.received.drain(..n)).for_each(|(to, from)| *to = from);
        let (host, other) = (stream.host, stream.other);
        self.tell(host, What::Reads(id, n, Digest::of(&buf[..n])));
        let writer = other.filter(|_| was_full).and_then(|other| self.unix.streams.get(&other));
        if let Some(token) = writer.map(|writer| writer.token) {
            self.tell_ready(host, token, Readiness::new(false, true));
        }
        Ok(n)
    }

    pub(crate) fn write_unix(&mut self, id: EndId, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let stream = self.unix.streams.get(&id).ok_or(Errno::NotConnected)?;
        let (host, token, other) = (stream.host, stream.token, stream.other.filter(|_| stream.speaks));
        let other = other.and_then(|other| self.unix.streams.get_mut(&other));
        let other = other.ok_or(Errno::BrokenPipe)?;
        let len = bufs.iter().map(|buf| buf.len()).sum::<usize>();
        if len == 0 {
            return Ok(0);
        }
        let room = other.window - other.received.len();
        if room == 0 {
            return Err(Errno::WouldBlock.into());
        }
        let n = self.chance.part_of(len.min(room), self.config.short_one_in);
        let bytes: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter()).take(n).copied().collect();
        other.received.extend(&bytes);
        let reader = other.token;
        self.tell(host, What::Writes(id, n, Digest::of(&bytes)));
        self.tell_ready(host, reader, Readiness::new(true, false));
        if n < len && n < room {
            self.tell_ready(host, token, Readiness::new(false, true));
        }
        Ok(n)
    }

    pub(crate) fn shut_unix(&mut self, id: EndId, how: Shutdown) -> io::Result<()> {
        let stream = self.unix.streams.get_mut(&id).ok_or(Errno::NotConnected)?;
        let (reads_no_more, writes_no_more) = (how != Shutdown::Write, how != Shutdown::Read);
        stream.hears &= !reads_no_more;
        stream.speaks &= !writes_no_more;
        let (host, other) = (stream.host, stream.other);
        if writes_no_more {
            self.tell(host, What::SaysEnd(id));
        }
        if let Some(stream) = other.and_then(|other| self.unix.streams.get_mut(&other)) {
            stream.hears &= !writes_no_more;
            stream.speaks &= !reads_no_more;
        }
        self.tell_all_unix(id);
        other.into_iter().for_each(|other| self.tell_all_unix(other));
        Ok(())
    }

    /// An end goes. What it had not read, or that nobody accepted it, makes it a reset.
    pub(crate) fn close_unix_stream(&mut self, id: EndId, left: Left) {
        let Some(stream) = self.unix.streams.remove(&id) else { return };
        self.silence(stream.host, stream.token);
        self.tell(stream.host, What::Closes(id));
        let Some(other) = stream.other else { return };
        if let Some(end) = self.unix.streams.get_mut(&other) {
            (end.other, end.hears, end.speaks) = (None, false, false);
            end.is_reset = left == Left::InAnyCase || !stream.received.is_empty();
        }
        self.tell_all_unix(other);
    }

    /// This end's address, and the other's.
    pub(crate) fn unix_addrs(&self, id: EndId) -> io::Result<(SocketAddr, SocketAddr)> {
        let stream = self.unix.streams.get(&id).ok_or(Errno::NotConnected)?;
        Ok((stream.local.clone(), stream.peer.clone()))
    }

    /// Tells a program everything that its end is ready for.
    fn tell_all_unix(&mut self, id: EndId) {
        let Some(stream) = self.unix.streams.get(&id) else { return };
        let other = stream.other.and_then(|other| self.unix.streams.get(&other));
        let has_room = other.is_none_or(|other| other.received.len() < other.window);
        let mut readiness =
            Readiness::new(!stream.received.is_empty() || !stream.hears, has_room || !stream.speaks);
        if !stream.hears {
            readiness = readiness.read_closed();
        }
        if !stream.hears && !stream.speaks {
            readiness = readiness.gone();
        }
        let (host, token) = (stream.host, stream.token);
        self.tell_ready(host, token, readiness);
    }
}

/// When an end that goes resets the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// If it has left something unread.
    Unread,
    InAnyCase,
}

/// How many streams wait to be accepted: what Linux's `somaxconn` was for long. Now it is 4,096; fewer show sooner what
/// becomes of who finds no room.
const BACKLOG: usize = 128;
