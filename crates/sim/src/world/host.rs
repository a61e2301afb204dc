//! What a host's machine knows: its program's open ports, what it has to tell it, and when its next turn is.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use ekiden_reactor::Signal;
use ekiden_reactor::driver::Event as News;

use super::clock::Clock;
use super::tcp::ListenerId;

/// A host, without its program.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) ip: Ipv4Addr,
    /// Whether its program runs.
    pub(crate) is_up: bool,
    pub(crate) is_paused: bool,
    /// How often its program has begun.
    life: u32,
    /// Its machine's: they go on when its program does not.
    pub(crate) clock: Clock,
    /// When its next turn is, and a drawn number for several at the same time.
    pub(crate) due: Option<(u64, u64)>,
    /// Until when its last turn takes.
    pub(crate) busy_until: u64,
    /// How many times as long a turn of it takes.
    pub(crate) slowness: u64,
    /// How many turns it has taken since it last had nothing to do.
    pub(crate) turns_busy: u32,
    pub(crate) news: Vec<News>,
    pub(crate) listeners: BTreeMap<u16, ListenerId>,
    port: u16,
    watches_shutdown: bool,
    pub(crate) watched: BTreeSet<Signal>,
}

impl Host {
    pub(crate) fn new(name: &str, ip: Ipv4Addr) -> Self {
        Self {
            name: name.to_owned(),
            ip,
            is_up: false,
            is_paused: false,
            life: 0,
            clock: Clock::new(),
            due: None,
            busy_until: 0,
            slowness: 1,
            turns_busy: 0,
            news: Vec::new(),
            listeners: BTreeMap::new(),
            port: FIRST_PORT,
            watches_shutdown: false,
            watched: BTreeSet::new(),
        }
    }

    pub(crate) fn begin(&mut self) {
        self.is_up = true;
        self.life += 1;
        self.turns_busy = 0;
    }

    pub(crate) fn end(&mut self) {
        self.is_up = false;
        self.news.clear();
        self.watches_shutdown = false;
        self.watched.clear();
    }

    /// Whether it takes turns.
    pub(crate) fn runs(&self) -> bool {
        self.is_up && !self.is_paused
    }

    pub(crate) fn life(&self) -> u32 {
        self.life
    }

    /// Whether its program is still that one.
    pub(crate) fn is_in(&self, life: u32) -> bool {
        self.is_up && self.life == life
    }

    /// Whether an address is one of its own.
    pub(crate) fn has_addr(&self, ip: IpAddr) -> bool {
        ip.is_loopback() || ip == self.ip
    }

    /// A port that nobody listens on. They go round, as a system's do.
    pub(crate) fn free_port(&mut self) -> u16 {
        loop {
            let port = self.port;
            self.port = port.checked_add(1).unwrap_or(FIRST_PORT);
            if !self.listeners.contains_key(&port) {
                return port;
            }
        }
    }

    pub(crate) fn watch_shutdown(&mut self) {
        self.watches_shutdown = true;
    }

    pub(crate) fn watches(&self, signal: Signal) -> bool {
        let ends = matches!(signal, Signal::Interrupt | Signal::Terminate);
        self.watched.contains(&signal) || self.watches_shutdown && ends
    }
}

/// From here on a system chooses ports by itself (RFC 6335).
const FIRST_PORT: u16 = 49_152;
