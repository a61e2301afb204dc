//! From samples to what is shown: medians with least and most, and the ratios of each round.
//!
//! A ratio is taken within its round, where both peers met the same weather, and only then its median.

use std::collections::BTreeMap;

use super::{Figure, Sample};

/// The middle of what was seen, and its ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    /// None if nothing was seen.
    pub(crate) fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (least, most) = (*values.first()?, *values.last()?);
        let middle = values.len() / 2;
        let median = match values.len() % 2 {
            0 => f64::midpoint(values[middle - 1], values[middle]),
            _ => values[middle],
        };
        Some(Self { median, least, most })
    }
}

/// All of a case.
pub(crate) struct Summary<'a> {
    samples: Vec<&'a Sample>,
}

impl<'a> Summary<'a> {
    pub(crate) fn of(case: &str, samples: &'a [Sample]) -> Self {
        Self { samples: samples.iter().filter(|sample| sample.case == case).collect() }
    }

    /// The cases, in the order in which they were measured.
    pub(crate) fn cases(samples: &[Sample]) -> Vec<&str> {
        let mut cases = Vec::new();
        for sample in samples {
            if !cases.contains(&sample.case.as_str()) {
                cases.push(&sample.case);
            }
        }
        cases
    }

    /// The peers, the best of the first figure that all rank by first.
    pub(crate) fn peers(&self) -> Vec<&'a str> {
        let mut peers: Vec<&str> = self.samples.iter().map(|sample| sample.peer.as_str()).collect();
        peers.sort();
        peers.dedup();
        let rank = self.ranked_by();
        let place = |peer: &str| {
            rank.and_then(|figure| self.spread(peer, figure)).map_or(f64::MAX, |spread| spread.median)
        };
        peers.sort_by(|a, b| place(a).total_cmp(&place(b)));
        peers
    }

    /// The first figure that was taken in rounds, which every peer has.
    pub(crate) fn ranked_by(&self) -> Option<Figure> {
        let figures = self.figures();
        let in_rounds = |figure: &Figure| {
            self.samples.iter().any(|sample| sample.round.is_some() && sample.figures.contains_key(figure))
        };
        figures.iter().copied().find(in_rounds).or(figures.first().copied())
    }

    pub(crate) fn figures(&self) -> Vec<Figure> {
        let all: BTreeMap<_, _> = self.samples.iter().flat_map(|sample| &sample.figures).collect();
        all.into_keys().copied().collect()
    }

    pub(crate) fn spread(&self, peer: &str, figure: Figure) -> Option<Spread> {
        let own = self.samples.iter().filter(|sample| sample.peer == peer);
        Spread::of(own.filter_map(|sample| sample.figures.get(&figure)).copied().collect())
    }

    /// How many times as much as another peer in the same round.
    pub(crate) fn ratio(&self, peer: &str, other: &str, figure: Figure) -> Option<Spread> {
        let values = |peer: &str| -> BTreeMap<Option<u32>, f64> {
            let own = self.samples.iter().filter(|sample| sample.peer == peer);
            own.filter_map(|sample| Some((sample.round, *sample.figures.get(&figure)?))).collect()
        };
        let others = values(other);
        let ratios = values(peer).into_iter().filter_map(|(round, value)| Some(value / others.get(&round)?));
        Spread::of(ratios.collect())
    }

    /// How many of the peer's rounds the load could not keep up with, of how many.
    pub(crate) fn saturated(&self, peer: &str) -> (usize, usize) {
        let rounds: Vec<_> =
            self.samples.iter().filter(|sample| sample.peer == peer && sample.round.is_some()).collect();
        (rounds.iter().filter(|sample| sample.load_saturated).count(), rounds.len())
    }

    pub(crate) fn failures(&self, peer: &str) -> Vec<&'a str> {
        let own = self.samples.iter().filter(|sample| sample.peer == peer);
        own.filter_map(|sample| sample.failure.as_deref()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(peer: &str, round: u32, nanos: f64) -> Sample {
        let figures = [(Figure::Nanos, nanos)].into();
        Sample {
            case: "a".into(),
            peer: peer.into(),
            round: Some(round),
            figures,
            load_saturated: false,
            failure: None,
        }
    }

    #[test]
    fn a_ratio_is_taken_within_its_round() {
        // In the second round the machine was four times as slow for both.
        let samples =
            [sample("x", 1, 10.0), sample("y", 1, 20.0), sample("x", 2, 40.0), sample("y", 2, 80.0)];
        let summary = Summary::of("a", &samples);
        let ratio = summary.ratio("y", "x", Figure::Nanos);
        assert_eq!(ratio, Some(Spread { median: 2.0, least: 2.0, most: 2.0 }));
        assert_eq!(summary.peers(), ["x", "y"]);
    }

    #[test]
    fn the_median_is_the_middle() {
        let check =
            |values: &[f64], want| assert_eq!(Spread::of(values.to_vec()).map(|spread| spread.median), want);
        check(&[], None);
        check(&[3.0, 1.0, 2.0], Some(2.0));
        check(&[4.0, 1.0, 2.0, 3.0], Some(2.5));
    }
}
