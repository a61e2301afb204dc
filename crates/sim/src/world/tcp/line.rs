//! What an end says: pieces that are kept until they are acknowledged, within the room that the other has.
//!
//! ```text
//!        acknowledged        said, kept        room         no room
//!   ──────────────────┼──────────────────┼────────────┼──────────────►  numbers of bytes
//!                   acked               said         edge
//! ```
//!
//! The end of what is said has a number too, like one byte more. It knows neither world nor clock.

use std::collections::VecDeque;
use std::sync::Arc;

/// The way out of an end.
#[derive(Debug, Default)]
pub(super) struct Line {
    pieces: VecDeque<Piece>,
    /// The number of the byte that is said next.
    pub(super) said: u64,
    /// Up to where the other has room, and how much that was at first.
    pub(super) edge: u64,
    pub(super) window: u64,
    pub(super) has_said_end: bool,
    /// It did so before the other did.
    pub(super) is_first_to_end: bool,
    /// The program wants to say more than there is room for.
    pub(super) is_held_up: bool,
    /// What was said up to here, and is not acknowledged, is to be said again.
    again_until: u64,
    /// What is acknowledged when this is was said at that time, and not again since.
    timed: Option<(u64, u64)>,
    pub(super) round_trip: RoundTrip,
    /// When the last segment arrives: none overtakes another.
    pub(super) arrives_last: u64,
}

/// What was said at once, from that number on.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub(super) first: u64,
    pub(super) said: Said,
}

#[derive(Clone, Debug)]
pub(super) enum Said {
    Bytes(Arc<[u8]>),
    End,
}

impl Piece {
    /// The number behind it.
    pub(super) fn end(&self) -> u64 {
        self.first + self.said.len()
    }
}

impl Said {
    pub(super) fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::End => 1,
        }
    }
}

impl Line {
    /// How much room the other has at first.
    pub(super) fn set_window(&mut self, bytes: u64) {
        (self.window, self.edge) = (bytes, bytes);
    }

    /// How many bytes there is room for.
    pub(super) fn room(&self) -> usize {
        self.edge.saturating_sub(self.said) as usize
    }

    pub(super) fn has_unacknowledged(&self) -> bool {
        !self.pieces.is_empty()
    }

    /// The other has heard the end too.
    pub(super) fn is_end_acknowledged(&self) -> bool {
        self.has_said_end && self.pieces.is_empty()
    }

    /// What is said now is kept, and to be sent.
    pub(super) fn say(&mut self, now: u64, said: Said) -> Piece {
        self.has_said_end |= matches!(said, Said::End);
        let piece = Piece { first: self.said, said };
        self.said = piece.end();
        self.timed.get_or_insert((self.said, now));
        self.pieces.push_back(piece.clone());
        piece
    }

    /// Everything before that number was heard. False if that is nothing new.
    pub(super) fn handle_acknowledged(&mut self, now: u64, acked: u64) -> bool {
        let before = self.pieces.len();
        while self.pieces.front().is_some_and(|piece| piece.end() <= acked) {
            self.pieces.pop_front();
        }
        if let Some((_, at)) = self.timed.take_if(|(timed, _)| *timed <= acked) {
            self.round_trip.handle_sample(now - at);
        }
        self.pieces.len() < before
    }

    /// What was said first of that which is not acknowledged, when nobody has answered for too long; and whatever is said
    /// first then, up to what has been said by now.
    pub(super) fn repeat(&mut self) -> Option<Piece> {
        self.again_until = self.said;
        // What is acknowledged from now on may be the one or the other time (Karn's rule).
        self.timed = None;
        self.pieces.front().cloned()
    }

    /// What is to be said again next, once a part of it has been acknowledged.
    pub(super) fn next_repeated(&self) -> Option<Piece> {
        self.pieces.front().filter(|piece| piece.first < self.again_until).cloned()
    }
}

/// How long one waits for an answer: by how long they took (RFC 6298).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RoundTrip(Option<Smoothed>);

#[derive(Clone, Copy, Debug)]
struct Smoothed {
    mean: u64,
    deviation: u64,
}

impl RoundTrip {
    pub(super) fn handle_sample(&mut self, sample: u64) {
        self.0 = Some(match self.0 {
            None => Smoothed { mean: sample, deviation: sample / 2 },
            Some(Smoothed { mean, deviation }) => Smoothed {
                mean: mean - mean / 8 + sample / 8,
                deviation: deviation - deviation / 4 + mean.abs_diff(sample) / 4,
            },
        });
    }

    pub(super) fn timeout(&self) -> u64 {
        self.0.map_or(TIMEOUT_FIRST, |Smoothed { mean, deviation }| mean + (4 * deviation).max(TIMEOUT_LEAST))
    }
}

/// Before anything was answered, in nanoseconds; and Linux's least.
pub(super) const TIMEOUT_FIRST: u64 = 1_000_000_000;
const TIMEOUT_LEAST: u64 = 200_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: u64 = 1_000_000;

    #[test]
    fn the_timeout_goes_by_how_long_answers_take_and_is_never_short() {
        let mut round_trip = RoundTrip::default();
        assert_eq!(round_trip.timeout(), 1000 * MILLI);
        (0..100).for_each(|_| round_trip.handle_sample(8 * MILLI));
        assert!((207 * MILLI..=208 * MILLI).contains(&round_trip.timeout()), "{}", round_trip.timeout());
        (0..10).for_each(|n| round_trip.handle_sample(if n % 2 == 0 { 1000 } else { 3000 } * MILLI));
        assert!(round_trip.timeout() > 3000 * MILLI, "{}", round_trip.timeout());
    }

    #[test]
    fn what_is_repeated_is_what_was_said_before_it_was_not_answered() {
        let mut line = Line::default();
        for _ in 0..3 {
            line.say(0, Said::Bytes([7; 10].into()));
        }
        assert!(line.next_repeated().is_none(), "nothing is missed yet");
        assert_eq!(line.repeat().unwrap().first, 0);
        line.say(0, Said::End);
        assert!(line.handle_acknowledged(5, 10) && !line.handle_acknowledged(5, 10));
        assert_eq!(line.next_repeated().unwrap().first, 10);
        assert!(line.handle_acknowledged(5, 30) && line.next_repeated().is_none());
        assert!(!line.is_end_acknowledged());
        assert!(line.handle_acknowledged(5, 31) && line.is_end_acknowledged());
    }
}
