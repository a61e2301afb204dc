//! Which ports of a host are in use, and which it chooses by itself.
//!
//! As on Linux a listener may have a port that connections accepted there still have, over ones in `TIME_WAIT` too, as it
//! sets `SO_REUSEADDR` unless it is told not to; it may not have one that another listener has at the same address, or
//! that was chosen for somebody who connects. Who connects may have a port that others have who connect to somewhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::World;
use super::tcp::ListenerId;
use crate::journal::HostId;

/// The ports of all hosts, of TCP.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    listeners: BTreeMap<(HostId, u16, Ip), ListenerId>,
    /// Of those who connect, or did and are in `TIME_WAIT`: each with whom they connect to.
    clients: BTreeSet<(HostId, u16, Ip, u16)>,
}

/// An address as a number.
type Ip = u32;

impl Ports {
    pub(super) fn listen(&mut self, host: HostId, addr: SocketAddr, id: ListenerId) {
        self.listeners.insert((host, addr.port(), number(addr.ip())), id);
    }

    pub(super) fn end_listening(&mut self, host: HostId, addr: SocketAddr) {
        self.listeners.remove(&(host, addr.port(), number(addr.ip())));
    }

    /// Somebody connects to that peer from a port.
    pub(super) fn take(&mut self, host: HostId, port: u16, peer: SocketAddr) {
        self.clients.insert((host, port, number(peer.ip()), peer.port()));
    }

    pub(super) fn release(&mut self, host: HostId, port: u16, peer: SocketAddr) {
        self.clients.remove(&(host, port, number(peer.ip()), peer.port()));
    }

    /// Who listens on a port, at that address or at all.
    pub(super) fn listener(&self, host: HostId, to: SocketAddr) -> Option<ListenerId> {
        let mut at_port = self.listeners.range((host, to.port(), 0)..=(host, to.port(), Ip::MAX));
        let (wanted, any) = (number(to.ip()), 0);
        at_port.find(|((.., ip), _)| *ip == wanted || *ip == any || wanted == any).map(|(_, id)| *id)
    }

    /// Whether a listener cannot have an address.
    pub(super) fn is_used(&self, host: HostId, addr: SocketAddr) -> bool {
        let least = (host, addr.port(), 0, 0);
        let mut clients = self.clients.range(least..=(host, addr.port(), Ip::MAX, u16::MAX));
        // Who connects to a loopback address does so from one.
        let is_loopback = |ip: Ip| IpAddr::from(ip.to_be_bytes()).is_loopback();
        let is_at = |peer| addr.ip().is_unspecified() || addr.ip().is_loopback() == is_loopback(peer);
        self.listener(host, addr).is_some() || clients.any(|(_, _, peer, _)| is_at(*peer))
    }

    /// Whether who connects to that peer cannot have a port.
    fn is_used_to(&self, host: HostId, port: u16, peer: SocketAddr) -> bool {
        let any = SocketAddr::from(([0; 4], port));
        let is_had = self.clients.contains(&(host, port, number(peer.ip()), peer.port()));
        is_had || self.listener(host, any).is_some()
    }
}

impl World {
    /// A port for who connects to that peer.
    pub(super) fn draw_client_port(&mut self, host: HostId, peer: SocketAddr) -> Option<u16> {
        self.draw_port(|world, port| world.ports.is_used_to(host, port, peer))
    }

    /// A port that is not used: any that is drawn, and if it is used the next that is not. `None` if all are.
    pub(super) fn draw_port(&mut self, is_used: impl Fn(&Self, u16) -> bool) -> Option<u16> {
        let range = &self.config.ephemeral_ports;
        let (least, most) = (*range.start(), *range.end());
        let drawn = self.chance.within((least.into(), most.into())) as u16;
        (drawn..=most).chain(least..drawn).find(|port| !is_used(self, *port))
    }
}

/// There is no IPv6 in the world.
fn number(ip: IpAddr) -> Ip {
    match ip {
        IpAddr::V4(ip) => ip.into(),
        IpAddr::V6(_) => 0,
    }
}

/// Who speaks to the address that is none speaks to his own machine.
pub(super) fn reached_at(addr: SocketAddr) -> SocketAddr {
    match addr.ip().is_unspecified() {
        true => (Ipv4Addr::LOCALHOST, addr.port()).into(),
        false => addr,
    }
}

/// Whether two addresses can be the same one.
pub(super) fn overlap(a: IpAddr, b: IpAddr) -> bool {
    a == b || a.is_unspecified() || b.is_unspecified()
}
