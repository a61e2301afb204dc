//! Peers take turns in rounds (A B C, A B C, …), so that whatever the machine does meanwhile meets all alike.

use anyhow::{Result, anyhow};

use crate::counts::Counter;
use crate::load::Measured;
use crate::peers::Peer;
use crate::results::{Figures, Sample};

/// A scenario while it runs: how long, with whom, and what came out so far.
pub(crate) struct Rounds {
    pub(crate) pace: Pace,
    pub(crate) peers: Vec<Peer>,
    pub(crate) counter_of_instructions: Counter,
    pub(crate) samples: Vec<Sample>,
}

/// How much time a figure gets.
#[derive(Clone, Copy)]
pub(crate) struct Pace {
    pub(crate) rounds: u32,
    pub(crate) warm_up_seconds: f64,
    pub(crate) counted_seconds: f64,
    /// Few and many: the difference is what counts.
    pub(crate) counted_requests: [u64; 2],
    pub(crate) is_quick: bool,
}

impl Pace {
    pub(crate) const FULL: Self = Self {
        rounds: 5,
        warm_up_seconds: 0.2,
        counted_seconds: 1.0,
        counted_requests: [2_000, 12_000],
        is_quick: false,
    };
    /// For a look: the kernel's tick is coarse against so short a round, and two rounds have no middle.
    pub(crate) const QUICK: Self = Self {
        rounds: 2,
        warm_up_seconds: 0.1,
        counted_seconds: 0.3,
        counted_requests: [1_000, 3_000],
        is_quick: true,
    };
}

impl Rounds {
    pub(crate) fn of_kind(&self, kind: &str) -> Vec<Peer> {
        self.peers.iter().filter(|peer| peer.kind == kind).cloned().collect()
    }

    /// Measures each peer once a round. Who fails is asked no more, and the reason kept.
    pub(crate) fn take_turns(
        &mut self,
        case: &str,
        peers: &[Peer],
        mut measure: impl FnMut(&Peer) -> Result<Measured>,
    ) {
        let mut peers: Vec<_> = peers.iter().collect();
        for round in 1..=self.pace.rounds {
            eprintln!("{case}: round {round} of {}", self.pace.rounds);
            peers.retain(|peer| {
                let measured = measure(peer);
                let is_well = measured.is_ok();
                self.samples.push(sample(case, peer, Some(round), measured));
                is_well
            });
        }
    }

    /// What one request costs each peer, counted.
    pub(crate) fn count(
        &mut self,
        case: &str,
        peers: &[Peer],
        mut count: impl FnMut(&Peer, Counter) -> Result<f64>,
    ) {
        let counters = [self.counter_of_instructions, Counter::Strace, Counter::Dhat];
        // The first is what a look is for.
        let counters = if self.pace.is_quick { &counters[..1] } else { &counters };
        let mut unable = Vec::new();
        for &counter in counters {
            let program = counter.program();
            eprintln!("{case}: {} by {program}", counter.figure().title());
            for peer in peers {
                // Who cannot be watched by it for one figure cannot for another, and may take long to say so.
                if unable.contains(&(program, &peer.name)) {
                    continue;
                }
                let counted = match counter.refusal(peer) {
                    Some(reason) => Err(anyhow!("{reason}")),
                    None => count(peer, counter).map(|value| [(counter.figure(), value)].into()),
                };
                if counted.is_err() {
                    unable.push((program, &peer.name));
                }
                let counted = counted.map_err(|error| error.context(format!("not counted by {program}")));
                self.samples.push(sample(case, peer, None, counted.map(Measured::of)));
            }
        }
    }
}

fn sample(case: &str, peer: &Peer, round: Option<u32>, measured: Result<Measured>) -> Sample {
    let failure = measured.as_ref().err().map(|error| format!("{error:#}"));
    if let Some(failure) = &failure {
        eprintln!("   {}: {failure}", peer.name);
    }
    let measured = measured.unwrap_or_else(|_| Measured::of(Figures::new()));
    Sample {
        case: case.into(),
        peer: peer.name.clone(),
        round,
        figures: measured.figures,
        load_saturated: measured.has_saturated,
        failure,
    }
}
