//! How connections begin: who listens, who connects, who is accepted, and what becomes of who is not.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ekiden_reactor::driver::{ListenOptions, Readiness, Token};

use super::{End, Line, Listener, ListenerId, Segment, Stands};
use crate::journal::{EndId, HostId, What};
use crate::world::traffic::TCP_HEADER_BYTES;
use crate::world::{Happening, World};

impl World {
    pub(crate) fn listen(
        &mut self,
        host: HostId,
        addr: SocketAddr,
        options: &ListenOptions,
        token: Token,
    ) -> io::Result<(ListenerId, SocketAddr)> {
        let machine = self.host(host);
        if !addr.ip().is_unspecified() && !machine.has_addr(addr.ip()) {
            return Err(io::ErrorKind::AddrNotAvailable.into());
        }
        let port = if addr.port() == 0 { machine.free_port() } else { addr.port() };
        if machine.listeners.contains_key(&port) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (id, addr) = (self.tcp.next_listener(), SocketAddr::new(addr.ip(), port));
        self.host(host).listeners.insert(port, id);
        let (backlog, keepalive) = (options.backlog.max(1) as usize, options.keepalive.clone());
        let tokens = vec![token];
        let listener = Listener {
            host,
            tokens,
            holders: 1,
            addr,
            backlog,
            keepalive,
            queue: Default::default(),
            begun: Vec::new(),
        };
        self.tcp.listeners.insert(id, listener);
        self.tell(host, What::Listens(addr));
        Ok((id, addr))
    }

    /// The next connection that a listener has, and its peer.
    pub(crate) fn accept(&mut self, id: ListenerId) -> io::Result<(EndId, SocketAddr)> {
        let listener = self.tcp.listeners.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        let accepted = listener.queue.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        let (host, keepalive) = (listener.host, listener.keepalive.clone());
        let end = self.tcp.get_mut(accepted).ok_or(io::ErrorKind::ConnectionAborted)?;
        end.listener = None;
        let peer = end.peer;
        self.tell(host, What::Accepts(accepted, peer));
        if keepalive.is_some() {
            self.set_keepalive(accepted, keepalive);
        }
        Ok((accepted, peer))
    }

    /// Another holds a listener too.
    pub(crate) fn share_listener(&mut self, id: ListenerId) -> io::Result<()> {
        let listener = self.tcp.listeners.get_mut(&id).ok_or(io::ErrorKind::NotConnected)?;
        listener.holders += 1;
        Ok(())
    }

    /// Whoever holds a listener is told from now on that somebody has come.
    pub(crate) fn take_up_listener(&mut self, id: ListenerId, token: Token) {
        let Some(listener) = self.tcp.listeners.get_mut(&id) else { return };
        listener.tokens.push(token);
        let (host, has_any) = (listener.host, !listener.queue.is_empty());
        if has_any {
            self.tell_ready(host, Some(token), Readiness::new(true, false));
        }
    }

    /// One of those who hold a listener lets it go.
    pub(crate) fn release_listener(&mut self, id: ListenerId, token: Option<Token>) {
        let Some(listener) = self.tcp.listeners.get_mut(&id) else { return };
        listener.holders -= 1;
        listener.tokens.retain(|known| Some(*known) != token);
        let (host, is_left) = (listener.host, listener.holders == 0);
        self.silence(host, token);
        if is_left {
            self.close_listener(id);
        }
    }

    /// A listener goes: who waits there is reset.
    pub(super) fn close_listener(&mut self, id: ListenerId) {
        let Some(listener) = self.tcp.listeners.remove(&id) else { return };
        self.host(listener.host).listeners.remove(&listener.addr.port());
        for end in listener.queue.into_iter().chain(listener.begun) {
            self.abort(end);
        }
    }

    /// A program begins to connect.
    pub(crate) fn connect(&mut self, host: HostId, to: SocketAddr, token: Token) -> EndId {
        let other_host = self.host_of(host, to.ip());
        let machine = self.host(host);
        let ip = if to.ip().is_loopback() { Ipv4Addr::LOCALHOST } else { machine.ip };
        let local = SocketAddr::from((ip, machine.free_port()));
        // To whom nobody has, one speaks in vain, as to one who is cut off.
        let mut end = self.new_end(host, other_host.unwrap_or(NOBODY), local, to);
        end.token = Some(token);
        let id = self.tcp.next_end();
        self.tcp.ends.insert(id, end);
        self.tell(host, What::Connects(id, to));
        self.send_syn(id, 0);
        id
    }

    fn send_syn(&mut self, from: EndId, attempt: u32) {
        let Some(end) = self.tcp.get(from) else { return };
        let (host, other) = (end.host, end.other_host);
        if other == NOBODY || self.links.is_cut(host, other) {
            return self.lose_syn(from, attempt);
        }
        let time = self.travel(host, other, TCP_HEADER_BYTES);
        self.happen_in(time, Happening::Syn { from, attempt });
    }

    /// Nobody answers: it is tried again after one second, two, four and so on, seven times in all, as Linux does.
    fn lose_syn(&mut self, from: EndId, attempt: u32) {
        let Some(end) = self.tcp.get(from) else { return };
        let host = end.host;
        self.tell(host, What::IsLost(from));
        let wait = SECOND << attempt;
        self.happen_in(wait, Happening::Syn { from, attempt: attempt + 1 });
    }

    /// A wish to connect arrives, or is to be sent again: the attempts after the first begin here.
    pub(crate) fn handle_syn(&mut self, from: EndId, attempt: u32) {
        let Some(end) = self.tcp.get(from) else { return };
        if end.stands != Stands::NotYet || end.other.is_some() {
            return;
        }
        let (client, server, to) = (end.host, end.other_host, end.peer);
        if attempt >= SYNS_MAX {
            return self.time_out(from);
        }
        if server == NOBODY || self.links.is_cut(client, server) {
            return self.lose_syn(from, attempt);
        }
        let machine = self.host(server);
        let listener = machine.listeners.get(&to.port()).copied().filter(|_| machine.is_up);
        let listener = listener.and_then(|id| Some((id, self.tcp.listeners.get(&id)?)));
        let takes =
            |listener: &Listener| listener.addr.ip().is_unspecified() || listener.addr.ip() == to.ip();
        let Some((id, listener)) = listener.filter(|(_, listener)| takes(listener)) else {
            return self.refuse(from, attempt);
        };
        if listener.queue.len() + listener.begun.len() >= listener.backlog {
            self.tell(server, What::IsFull(to));
            return self.lose_syn(from, attempt);
        }
        let Some(peer) = self.tcp.get(from).map(|end| end.local) else { return };
        let mut end = self.new_end(server, client, to, peer);
        (end.stands, end.other, end.listener) = (Stands::Yes, Some(from), Some(id));
        let there = self.tcp.next_end();
        self.tcp.ends.insert(there, end);
        if let Some(listener) = self.tcp.listeners.get_mut(&id) {
            listener.begun.push(there);
        }
        if let Some(end) = self.tcp.get_mut(from) {
            end.other = Some(there);
        }
        self.send(there, Segment::SynAck);
    }

    /// Nobody listens there. The machine says so, if it can be heard.
    fn refuse(&mut self, from: EndId, attempt: u32) {
        let Some(end) = self.tcp.get(from) else { return };
        let (client, server, to) = (end.host, end.other_host, end.peer);
        self.tell(server, What::Refuses(to));
        if self.links.is_cut(server, client) {
            return self.lose_syn(from, attempt);
        }
        let time = self.travel(server, client, TCP_HEADER_BYTES);
        self.happen_in(time, Happening::Refused { end: from });
    }

    pub(crate) fn handle_refusal(&mut self, id: EndId) {
        self.fail(id, io::ErrorKind::ConnectionRefused);
    }

    /// The client has heard that its connection was taken.
    pub(super) fn handle_syn_ack(&mut self, id: EndId) {
        let Some(end) = self.tcp.get_mut(id) else { return };
        end.stands = Stands::Yes;
        let (host, token) = (end.host, end.token);
        self.tell(host, What::Connected(id));
        self.send(id, Segment::Ack);
        self.tell_ready(host, token, Readiness::new(false, true));
    }

    /// The listener's machine has heard that of the client: the connection can be accepted.
    pub(super) fn handle_ack(&mut self, id: EndId) {
        let Some(listener_id) = self.tcp.get(id).and_then(|end| end.listener) else { return };
        let Some(listener) = self.tcp.listeners.get_mut(&listener_id) else { return };
        listener.begun.retain(|begun| *begun != id);
        listener.queue.push_back(id);
        let (host, tokens) = (listener.host, listener.tokens.clone());
        for token in tokens {
            self.tell_ready(host, Some(token), Readiness::new(true, false));
        }
    }

    fn new_end(&mut self, host: HostId, other_host: HostId, local: SocketAddr, peer: SocketAddr) -> End {
        let window = self.draw_window();
        End {
            host,
            local,
            peer,
            other: None,
            other_host,
            token: None,
            stands: Stands::NotYet,
            listener: None,
            is_closed: false,
            resets_when_closed: false,
            received: Default::default(),
            has_heard_end: false,
            reads_no_more: false,
            unreturned: 0,
            expected: 0,
            heard_last: self.now,
            probes: None,
            room: window,
            window,
            has_said_end: false,
            line: Line::default(),
        }
    }

    /// How many bytes an end holds that its program has not read.
    pub(in crate::world) fn draw_window(&mut self) -> usize {
        let range = &self.config.window_bytes;
        let (least, most) = (*range.start() as u64, *range.end() as u64);
        self.chance.within((least.max(1), most.max(1))) as usize
    }

    /// Whose address that is, as seen from a host.
    pub(in crate::world) fn host_of(&self, from: HostId, ip: IpAddr) -> Option<HostId> {
        if ip.is_loopback() || ip.is_unspecified() {
            return Some(from);
        }
        self.hosts.iter().zip(0..).find(|(host, _)| host.ip == ip).map(|(_, id)| HostId(id))
    }

    pub(in crate::world) fn happen_in(&mut self, nanos: u64, happening: Happening) {
        let (at, tie) = (self.now.saturating_add(nanos), self.chance.next());
        self.queue.push(at, tie, happening);
    }
}

/// The host of an address that none has.
const NOBODY: HostId = HostId(u32::MAX);

const SECOND: u64 = 1_000_000_000;

/// The first and six more, which are over after 127 seconds.
const SYNS_MAX: u32 = 7;
