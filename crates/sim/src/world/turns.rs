//! When cores take their turns, and what they hear in them.

use ekiden_reactor::driver::{Event as News, Readiness, Token};

use super::{Seat, World};
use crate::config::nanos;
use crate::journal::HostId;

/// When a core takes its next turn, by its host's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Again {
    AtOnce,
    At(Option<u64>),
}

impl World {
    /// Whose turn is next, and when. Of two at once the one that was drawn to be first is.
    pub(super) fn next_turn(&self) -> Option<(u64, Seat)> {
        self.turns.first().map(|(at, _, seat)| (*at, *seat))
    }

    /// When a core takes its next turn, with a drawn number, if its host runs then.
    pub(super) fn schedule(&mut self, seat: Seat, due: Option<(u64, u64)>) {
        let host = &mut self.hosts[seat.host.index()];
        if let Some((at, tie)) = std::mem::replace(&mut host.core(seat.core).due, due) {
            self.turns.remove(&(at, tie, seat));
        }
        if let Some((at, tie)) = due.filter(|_| host.runs()) {
            self.turns.insert((at, tie, seat));
        }
    }

    /// A core has reason for a turn, as soon as it can.
    pub(crate) fn wake(&mut self, seat: Seat) {
        let at = self.now;
        self.wake_at(seat, at);
    }

    fn wake_at(&mut self, seat: Seat, at: u64) {
        let tie = self.chance.next();
        let core = self.host(seat.host).core(seat.core);
        let at = at.max(core.busy_until);
        if core.due.is_none_or(|(due, _)| at < due) {
            self.schedule(seat, Some((at, tie)));
        }
    }

    /// A core has had a turn: it was busy for a moment, and has to do again at once, or then, or not. How many turns it has
    /// taken without a rest.
    pub(crate) fn end_turn(&mut self, seat: Seat, again: Again) -> u32 {
        let cost = self.chance.within(nanos(&self.config.turn));
        let now = self.now;
        let host = self.host(seat.host);
        let slowness = host.slowness;
        let core = host.core(seat.core);
        core.busy_until = now.saturating_add(cost.saturating_mul(slowness));
        // Where turns take no time it may have nothing to do any more, and yet not have rested.
        let rests = matches!(again, Again::At(_)) && now > core.last_turn;
        core.turns_busy = if rests { 0 } else { core.turns_busy + 1 };
        core.last_turn = now;
        let (turns_busy, has_news) = (core.turns_busy, !core.news.is_empty());
        let number = u64::from(seat.host.0) | u64::from(seat.core) << u32::BITS;
        self.note(seat.host, number, || format!("ends its turn on core {}: {again:?}", seat.core));
        match again {
            Again::AtOnce => self.wake(seat),
            Again::At(_) if has_news => self.wake(seat),
            Again::At(Some(at)) => {
                let at = self.host(seat.host).clock.when_it_shows(at);
                self.wake_at(seat, at);
            }
            Again::At(None) => {}
        }
        turns_busy
    }

    /// A core of a host is to be told something.
    pub(super) fn news(&mut self, seat: Seat, news: News) {
        if self.host(seat.host).is_up {
            self.host(seat.host).core(seat.core).news.push(news);
            self.wake(seat);
        }
    }

    /// The core on which a socket is registered is to hear that it is ready for something.
    pub(crate) fn tell_ready(&mut self, host: HostId, token: Option<Token>, readiness: Readiness) {
        if let Some(token) = token {
            let (seat, token) = Seat::local(host, token);
            self.news(seat, News::Ready(token, readiness));
        }
    }

    /// A token of the core whose turn it is, as the world keeps it. If it is nobody's the socket is opened by what is dropped at
    /// the end of a program: nothing is heard on it, whatever its token.
    pub(crate) fn token_here(&self, token: Token) -> Token {
        self.running.map_or(token, |seat| seat.global(token))
    }

    /// A program lets a socket go, and is not to hear of it any more: the next that it opens may be told under the same token.
    pub(crate) fn silence(&mut self, id: HostId, token: Option<Token>) {
        let Some((seat, token)) = token.map(|token| Seat::local(id, token)) else { return };
        let is_of = |news: &News| matches!(news, News::Ready(of, _) if *of == token);
        self.host(id).core(seat.core).news.retain(|news| !is_of(news));
    }

    /// What a core is to hear, in any order.
    pub(crate) fn take_news(&mut self, seat: Seat) -> Vec<News> {
        let mut news = std::mem::take(&mut self.host(seat.host).core(seat.core).news);
        self.chance.shuffle(&mut news);
        self.note(seat.host, news.len() as u64, || format!("hears: {news:?}"));
        news
    }

    /// Does something for each core of a host, those that have not begun included.
    pub(super) fn each_core(&mut self, host: HostId, does: impl Fn(&mut Self, Seat)) {
        (0..self.host(host).cores()).for_each(|core| does(self, Seat { host, core }));
    }
}
