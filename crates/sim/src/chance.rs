//! Chance: numbers that look drawn and are not, since the same seed gives the same ones.
//!
//! Everything that the world leaves open is asked of the one generator of a run, so a run is a function of its seed and of
//! what the program does. It is SplitMix64 (Steele, Lea, Flood, 2014): one addition and two multiplications a number, and
//! no state that is bad. It is no source of secrets.

use std::fmt;

/// The numbers of one seed.
#[derive(Clone, Debug)]
pub(crate) struct Chance {
    state: u64,
    /// What was drawn since somebody asked, if anybody does.
    drawn: Option<Vec<Drawn>>,
}

/// A number that was drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drawn {
    /// Any.
    Any(u64),
    /// One below another.
    Below(u64, u64),
}

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, drawn: None }
    }

    /// From now on it remembers what is drawn, for [`drawn`](Self::drawn).
    pub(crate) fn remember(&mut self) {
        self.drawn = Some(Vec::new());
    }

    /// What was drawn since this was asked last, in order.
    pub(crate) fn drawn(&mut self) -> Vec<Drawn> {
        self.drawn.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The next number, any as likely as another.
    pub(crate) fn next(&mut self) -> u64 {
        let number = self.step();
        self.drawn.iter_mut().for_each(|drawn| drawn.push(Drawn::Any(number)));
        number
    }

    fn step(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, which is not zero.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        // The upper half of a product: no division, and as even as the numbers are many more than `end`.
        let number = ((u128::from(self.step()) * u128::from(end)) >> 64) as u64;
        self.drawn.iter_mut().for_each(|drawn| drawn.push(Drawn::Below(end, number)));
        number
    }

    /// The same for an index.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A number of a range, its end included.
    pub(crate) fn within(&mut self, (least, most): (u64, u64)) -> u64 {
        least + self.below((most.saturating_sub(least)).saturating_add(1))
    }

    /// True once in so many times, and never for zero.
    pub(crate) fn one_in(&mut self, times: u32) -> bool {
        times > 0 && self.below(times.into()) == 0
    }

    /// All of so many, or once in so many times only a part of them, and at least one.
    pub(crate) fn part_of(&mut self, all: usize, one_in: u32) -> usize {
        if all > 1 && self.one_in(one_in) { 1 + self.index(all) } else { all }
    }

    /// Puts things into any order.
    pub(crate) fn shuffle<T>(&mut self, things: &mut [T]) {
        for end in (2..=things.len()).rev() {
            let chosen = self.index(end);
            things.swap(chosen, end - 1);
        }
    }

    pub(crate) fn fill(&mut self, buf: &mut [u8]) {
        for chunk in buf.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}

/// `3 of 10`, or sixteen digits.
impl fmt::Display for Drawn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any(number) => write!(f, "{number:016x}"),
            Self::Below(end, number) => write!(f, "{number} of {end}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_what_it_was() {
        // From the reference implementation.
        let mut chance = Chance::new(1_234_567);
        let drawn = [chance.next(), chance.next(), chance.next()];
        assert_eq!(drawn, [6457827717110365317, 3203168211198807973, 9817491932198370423]);
    }

    #[test]
    fn what_is_drawn_is_within_its_bounds_and_reaches_them() {
        let mut chance = Chance::new(7);
        let drawn: Vec<u64> = (0..1000).map(|_| chance.within((3, 5))).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&3), Some(&5)));
        assert_eq!((0..9).filter(|_| chance.one_in(0)).count(), 0);
        let hits = (0..10_000).filter(|_| chance.one_in(10)).count();
        assert!((900..1100).contains(&hits), "{hits}");
    }

    #[test]
    fn what_is_drawn_can_be_had_again_and_is_the_same() {
        let (mut chance, mut other) = (Chance::new(7), Chance::new(7));
        chance.remember();
        let (any, below) = (chance.next(), chance.below(10));
        assert_eq!((other.next(), other.below(10)), (any, below));
        assert_eq!(chance.drawn(), [Drawn::Any(any), Drawn::Below(10, below)]);
        assert!(chance.drawn().is_empty() && other.drawn().is_empty());
    }

    #[test]
    fn a_shuffle_keeps_all_and_moves_them() {
        let mut cards: Vec<u32> = (0..52).collect();
        Chance::new(7).shuffle(&mut cards);
        assert_ne!(cards, (0..52).collect::<Vec<_>>());
        cards.sort();
        assert_eq!(cards, (0..52).collect::<Vec<_>>());
    }
}
