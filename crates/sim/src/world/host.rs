//! What a host's machine knows: whether its program runs, on which cores, and which signals its program asked for.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use ekiden_reactor::Signal;

use super::clock::Clock;
use super::seat::Pace;

/// A host, without its program.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) ip: Ipv4Addr,
    /// Whether its program runs.
    pub(crate) is_up: bool,
    pub(crate) is_paused: bool,
    /// A signal that ends it came while it was paused: that waits until it goes on.
    pub(crate) ends_when_resumed: bool,
    /// How often its program has begun.
    life: u32,
    /// Its machine's: they go on when its program does not.
    pub(crate) clock: Clock,
    /// How many cores its program has from its next beginning on.
    pub(crate) cores_max: u16,
    /// The cores of its program, those that have not begun included.
    cores: Vec<Pace>,
    /// How many times as long a turn of it takes.
    pub(crate) slowness: u64,
    /// The core that watches for what asks the program to end.
    watches_shutdown: Option<u16>,
    /// Which core asked for which signal.
    pub(crate) watched: BTreeSet<(Signal, u16)>,
}

impl Host {
    pub(crate) fn new(name: &str, ip: Ipv4Addr) -> Self {
        Self {
            name: name.to_owned(),
            ip,
            is_up: false,
            is_paused: false,
            ends_when_resumed: false,
            life: 0,
            clock: Clock::new(),
            cores_max: 1,
            cores: vec![Pace::default()],
            slowness: 1,
            watches_shutdown: None,
            watched: BTreeSet::new(),
        }
    }

    pub(crate) fn begin(&mut self) {
        self.is_up = true;
        self.life += 1;
        self.cores.truncate(1);
        self.cores.resize_with(self.cores_max.into(), Pace::default);
        self.core(0).turns_busy = 0;
    }

    pub(crate) fn end(&mut self) {
        self.is_up = false;
        self.is_paused = false;
        self.ends_when_resumed = false;
        self.cores.iter_mut().for_each(|core| core.news.clear());
        self.watches_shutdown = None;
        self.watched.clear();
    }

    pub(crate) fn core(&mut self, core: u16) -> &mut Pace {
        &mut self.cores[usize::from(core)]
    }

    pub(crate) fn cores(&self) -> u16 {
        self.cores.len() as u16
    }

    /// Whether its program has run, and does no more.
    pub(crate) fn has_ended(&self) -> bool {
        self.life > 0 && !self.is_up
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

    pub(crate) fn watch_shutdown(&mut self, core: u16) {
        self.watches_shutdown = Some(core);
    }

    /// The cores that are told of a signal.
    pub(crate) fn watchers(&self, signal: Signal) -> Vec<u16> {
        let asked: Vec<_> =
            self.watched.iter().filter(|(of, _)| *of == signal).map(|(_, core)| *core).collect();
        let ends = matches!(signal, Signal::Interrupt | Signal::Terminate);
        if asked.is_empty() && ends { self.watches_shutdown.into_iter().collect() } else { asked }
    }
}
