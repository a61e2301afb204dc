//! How connections begin: who listens, who connects, who is accepted, and what becomes of who is not.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ekiden_reactor::driver::{ListenOptions, Readiness, Token};

use super::ear::Ear;
use super::line::Line;
use super::wire::Kind;
use super::{End, Listener, ListenerId, State};
use crate::journal::{EndId, HostId, What};
use crate::world::World;
use crate::world::errno::Errno;
use crate::world::packets::NOBODY;
use crate::world::ports::reached_at;

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
            return Err(Errno::AddrNotAvailable.into());
        }
        let at = |port| SocketAddr::new(addr.ip(), port);
        let port = match addr.port() {
            0 => self.draw_port(|world, port| world.ports.is_used(host, at(port))),
            port => Some(port).filter(|_| !self.is_port_used(host, addr, options)),
        };
        let addr = at(port.ok_or(Errno::AddrInUse)?);
        let id = self.tcp.next_listener();
        self.ports.listen(host, addr, id);
        let (backlog, keepalive) = (options.backlog.min(SOMAXCONN) as usize, options.keepalive.clone());
        let tokens = vec![token];
        let listener = Listener {
            host,
            tokens,
            holders: 1,
            addr,
            backlog,
            keepalive,
            nodelay: options.nodelay,
            queue: Default::default(),
            begun: Vec::new(),
        };
        self.tcp.listeners.insert(id, listener);
        self.tell(host, What::Listens(addr));
        Ok((id, addr))
    }

    /// Whether a listener cannot have an address. One that does not reuse addresses cannot where any connection is.
    fn is_port_used(&mut self, host: HostId, addr: SocketAddr, options: &ListenOptions) -> bool {
        self.end_time_waits();
        let is_at = |end: &End| end.host == host && end.local.port() == addr.port() && !end.is_over();
        let is_had = |world: &Self| {
            world.tcp.ends.iter().any(|(_, end)| is_at(end)) || world.has_time_wait_at(host, addr.port())
        };
        self.ports.is_used(host, addr) || !options.reuse_address && is_had(self)
    }

    /// The next connection that a listener has, and its peer.
    pub(crate) fn accept(&mut self, id: ListenerId) -> io::Result<(EndId, SocketAddr)> {
        let listener = self.tcp.listeners.get_mut(&id).ok_or(Errno::NotConnected)?;
        let accepted = listener.queue.pop_front().ok_or(Errno::WouldBlock)?;
        let (host, keepalive, nodelay) = (listener.host, listener.keepalive.clone(), listener.nodelay);
        let end = self.tcp.get_mut(accepted).ok_or(Errno::ConnectionAborted)?;
        (end.listener, end.nodelay) = (None, nodelay);
        let peer = end.peer;
        self.tell(host, What::Accepts(accepted, peer));
        if keepalive.is_some() {
            self.set_keepalive(accepted, keepalive);
        }
        Ok((accepted, peer))
    }

    /// Another holds a listener too.
    pub(crate) fn share_listener(&mut self, id: ListenerId) -> io::Result<()> {
        let listener = self.tcp.listeners.get_mut(&id).ok_or(Errno::NotConnected)?;
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

    /// A listener goes: who waits there is reset. Who has not yet completed a handshake will be once he does.
    pub(super) fn close_listener(&mut self, id: ListenerId) {
        let Some(listener) = self.tcp.listeners.remove(&id) else { return };
        let addr = listener.addr;
        self.ports.end_listening(listener.host, addr);
        listener.queue.into_iter().for_each(|end| self.abort(end));
        listener.begun.into_iter().for_each(|end| self.forget(end));
    }

    /// A program begins to connect.
    pub(crate) fn connect(&mut self, host: HostId, to: SocketAddr, token: Token) -> io::Result<EndId> {
        self.end_time_waits();
        let to = reached_at(to);
        if to.ip() == Ipv4Addr::BROADCAST || to.ip().is_multicast() {
            return Err(Errno::NetworkUnreachable.into());
        }
        let other_host = self.host_of(host, to.ip());
        let ip = if to.ip().is_loopback() { Ipv4Addr::LOCALHOST } else { self.host(host).ip };
        let port = self.draw_client_port(host, to).ok_or(Errno::AddrNotAvailable)?;
        self.ports.take(host, port, to);
        let mut end = self.new_end(host, other_host.unwrap_or(NOBODY), (ip, port).into(), to);
        (end.token, end.has_port) = (Some(token), true);
        let (id, syn) = (self.tcp.next_end(), Kind::Syn(Box::new((end.local, to))));
        self.tcp.ends.insert(id, end);
        self.tell(host, What::Connects(id, to));
        self.transmit(id, syn);
        self.wait_for_answer(id);
        Ok(id)
    }

    /// A wish to connect arrives.
    pub(super) fn handle_syn(
        &mut self,
        from: EndId,
        (client, client_addr): (HostId, SocketAddr),
        (server, to): (HostId, SocketAddr),
        edge: u64,
    ) {
        // What is late, as another was answered or the client has gone, would come to nothing in any case.
        if self.tcp.get(from).is_none_or(|end| end.state != State::SynSent) {
            return;
        }
        let listener = self.ports.listener(server, to);
        let Some((id, listener)) = listener.and_then(|id| Some((id, self.tcp.listeners.get(&id)?))) else {
            self.tell(server, What::Refuses(to));
            return self.answer_by_reset(server, client, None, from);
        };
        let is_of_it = |id: &&EndId| self.tcp.get(**id).is_some_and(|end| end.other == Some(from));
        if let Some(begun) = listener.begun.iter().find(is_of_it).copied() {
            self.transmit(begun, Kind::SynAck);
            return self.wait_anew(begun);
        }
        if listener.is_full() {
            return self.tell(server, What::IsFull(to));
        }
        let mut end = self.new_end(server, client, to, client_addr);
        (end.state, end.other, end.listener) = (State::SynReceived, Some(from), Some(id));
        end.line.set_window(edge);
        let there = self.tcp.next_end();
        self.tcp.ends.insert(there, end);
        if let Some(listener) = self.tcp.listeners.get_mut(&id) {
            listener.begun.push(there);
        }
        self.transmit(there, Kind::SynAck);
        self.wait_for_answer(there);
    }

    /// The client hears that its connection is taken.
    pub(super) fn handle_syn_ack(&mut self, id: EndId, from: EndId, edge: u64) {
        self.handle_handshake(id);
        let now = self.now;
        let Some(end) = self.tcp.get_mut(id) else { return };
        (end.state, end.other, end.ear.heard_last) = (State::Established, Some(from), now);
        end.line.set_window(edge);
        let (host, token) = (end.host, end.token);
        self.tell(host, What::Connected(id));
        self.transmit(id, Kind::Ack);
        self.begin_probes(id);
        self.tell_ready(host, token, Readiness::new(false, true));
    }

    /// The listener's machine hears from the client that it has heard: the connection can be accepted, if there is room.
    pub(super) fn establish(&mut self, id: EndId) -> bool {
        let Some(listener_id) = self.tcp.get(id).and_then(|end| end.listener) else { return false };
        let Some(listener) = self.tcp.listeners.get_mut(&listener_id) else { return false };
        let (host, addr) = (listener.host, listener.addr);
        if listener.is_full() {
            self.tell(host, What::IsFull(addr));
            return false;
        }
        listener.begun.retain(|begun| *begun != id);
        listener.queue.push_back(id);
        let tokens = listener.tokens.clone();
        self.handle_handshake(id);
        if let Some(end) = self.tcp.get_mut(id) {
            end.state = State::Established;
        }
        for token in tokens {
            self.tell_ready(host, Some(token), Readiness::new(true, false));
        }
        true
    }

    fn new_end(&mut self, host: HostId, other_host: HostId, local: SocketAddr, peer: SocketAddr) -> End {
        let window = self.draw_window() as u64;
        End {
            host,
            local,
            peer,
            other: None,
            other_host,
            state: State::SynSent,
            token: None,
            listener: None,
            has_port: false,
            is_closed: false,
            resets_when_closed: false,
            nodelay: true,
            line: Line::default(),
            ear: Ear::new(self.now, window),
            timer: None,
            probes: None,
        }
    }

    /// How many bytes an end holds that its program has not read.
    pub(in crate::world) fn draw_window(&mut self) -> usize {
        let range = &self.config.window_bytes;
        let bytes = |bytes: usize| (bytes as u64).clamp(1, WINDOW_BYTES_MAX);
        self.chance.within((bytes(*range.start()), bytes(*range.end()))) as usize
    }

    /// Whose address that is, as seen from a host.
    pub(in crate::world) fn host_of(&self, from: HostId, ip: IpAddr) -> Option<HostId> {
        if ip.is_loopback() {
            return Some(from);
        }
        self.hosts.iter().zip(0..).find(|(host, _)| host.ip == ip).map(|(_, id)| HostId(id))
    }
}

impl Listener {
    /// Whether nobody more can wait to be accepted: one more can than the backlog says, as on Linux.
    fn is_full(&self) -> bool {
        self.queue.len() > self.backlog
    }
}

/// No window of TCP can be larger (RFC 7323).
const WINDOW_BYTES_MAX: u64 = 1 << 30;

/// Longer than that no backlog is, on Linux.
const SOMAXCONN: u32 = 4096;
