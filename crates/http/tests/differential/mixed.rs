//! Inputs that nobody thought of: the cases, mixed and mutated by chance, from a seed.
//!
//! `PROPTEST_CASES` and `PROPTEST_RNG_SEED` in the environment make it look for longer, and elsewhere.

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::{Config, RngSeed, TestCaseError, TestRunner};

use crate::cases;
use crate::known::reconciled;
use crate::outcome::Verdict;
use crate::{both, world};

#[test]
fn what_nobody_thought_of_is_read_alike_or_refused() {
    let wires: Vec<_> = cases::all().into_iter().map(|case| case.wire).collect();
    let wires: Vec<_> = wires.into_iter().filter(|wire| wire.len() < 1000).collect();
    let inputs = (any::<Index>(), prop::collection::vec(mutation(), 1..6), any::<Index>());
    let result = TestRunner::new(config()).run(&inputs, |(first, mutations, cut)| {
        let mut wire = first.get(&wires).clone();
        for mutation in &mutations {
            mutation.apply(&mut wire, &wires);
        }
        let (first, second) = wire.split_at(cut.index(wire.len() + 1));
        let (ours, hypers) = world::run(async |world| both(&world, &[first, second]).await);
        let (plain_ours, plain_hypers) = reconciled(&ours, &hypers);
        if plain_ours.compare(&plain_hypers) == Verdict::Different {
            let told = format!("{}\n\n  ours {ours}\n  hyper {hypers}", wire.escape_ascii());
            return Err(TestCaseError::fail(told));
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

fn config() -> Config {
    let mut config = Config { failure_persistence: None, ..Config::default() };
    if config.rng_seed == RngSeed::Random {
        config.rng_seed = RngSeed::Fixed(20_261_123);
    }
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = 3000;
    }
    config
}

/// What is done to a case.
#[derive(Clone, Debug)]
enum Mutation {
    /// Another case follows.
    Append(Index),
    /// A line of another case is put in before a line.
    Line {
        of: Index,
        line: Index,
        before: Index,
    },
    /// A piece of another case is put in anywhere.
    Splice {
        of: Index,
        from: Index,
        length: usize,
        at: Index,
    },
    Remove {
        at: Index,
        length: usize,
    },
    Repeat {
        at: Index,
        length: usize,
    },
    Byte {
        at: Index,
        byte: u8,
    },
    Word {
        at: Index,
        word: Index,
    },
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let (index, length) = (any::<Index>, 1..20usize);
    prop_oneof![
        1 => index().prop_map(Mutation::Append),
        4 => (index(), index(), index()).prop_map(|(of, line, before)| Mutation::Line { of, line, before }),
        1 => (index(), index(), length.clone(), index())
            .prop_map(|(of, from, length, at)| Mutation::Splice { of, from, length, at }),
        1 => (index(), length.clone()).prop_map(|(at, length)| Mutation::Remove { at, length }),
        1 => (index(), length).prop_map(|(at, length)| Mutation::Repeat { at, length }),
        1 => (index(), any::<u8>()).prop_map(|(at, byte)| Mutation::Byte { at, byte }),
        2 => (index(), index()).prop_map(|(at, word)| Mutation::Word { at, word }),
    ]
}

/// What means something to somebody who reads HTTP.
const WORDS: [&str; 24] = [
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    " ",
    "\t",
    ":",
    ",",
    ";",
    "\0",
    "\u{7f}",
    "0",
    "1",
    "-",
    "+",
    "0x",
    "chunked",
    "\r\nContent-Length: 1",
    "\r\nTransfer-Encoding: chunked",
    "\r\nConnection: close",
    "\r\n0\r\n\r\n",
    "HTTP/1.0",
    "\r\nExpect: 100-continue",
    "\r\n ",
];

impl Mutation {
    fn apply(&self, wire: &mut Vec<u8>, wires: &[Vec<u8>]) {
        let length = wire.len();
        let place = |at: &Index| at.index(length + 1);
        let range = |at: &Index, count: usize| {
            let at = place(at);
            at..(at + count).min(length)
        };
        match self {
            Self::Append(case) => wire.extend_from_slice(case.get(wires).as_slice()),
            Self::Line { of, line, before } => {
                let lines: Vec<_> = of.get(wires).split_inclusive(|&byte| byte == b'\n').collect();
                let Some(line) = lines.get(line.index(lines.len().max(1))) else { return };
                let starts =
                    wire.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1);
                let starts: Vec<_> = std::iter::once(0).chain(starts).collect();
                insert(wire, *before.get(&starts), line);
            }
            Self::Splice { of, from, length, at } => {
                let piece: Vec<_> = {
                    let of = of.get(wires);
                    of.iter().copied().skip(from.index(of.len() + 1)).take(*length).collect()
                };
                insert(wire, place(at), &piece);
            }
            Self::Remove { at, length } => drop(wire.drain(range(at, *length))),
            Self::Repeat { at, length } => {
                let piece = wire[range(at, *length)].to_vec();
                insert(wire, place(at), &piece);
            }
            Self::Byte { at, byte } => {
                if let Some(there) = wire.get_mut(place(at)) {
                    *there = *byte;
                }
            }
            Self::Word { at, word } => insert(wire, place(at), word.get(&WORDS).as_bytes()),
        }
    }
}

fn insert(wire: &mut Vec<u8>, at: usize, piece: &[u8]) {
    wire.splice(at..at, piece.iter().copied());
}
