//! When each request is due.
//!
//! In a closed loop the next request of a connection is due when the last is answered, so a server that stalls is
//! asked less and its stall counts once. At a fixed pace requests are due whatever the server does, and latency counts
//! from then: every request that a stall held up counts (no coordinated omission).

use std::time::{Duration, Instant};

pub(crate) struct Schedule {
    begun: Instant,
    /// Between two requests, of all connections together; none in a closed loop.
    gap: Option<Duration>,
    connections: u64,
    /// The first request of the pace that was not yet looked at.
    cursor: u64,
    /// The next request of each connection.
    next: Vec<u64>,
}

impl Schedule {
    pub(crate) fn new(begun: Instant, pace: Option<f64>, connections: usize) -> Self {
        let gap = pace.map(|per_second| Duration::from_secs_f64(1.0 / per_second));
        Self {
            begun,
            gap,
            connections: connections as u64,
            cursor: 0,
            next: (0..connections as u64).collect(),
        }
    }

    pub(crate) fn is_paced(&self) -> bool {
        self.gap.is_some()
    }

    /// When the connection's next request is due, if that is not after `now`. Each answer begins that request.
    pub(crate) fn next_of(&mut self, connection: usize, now: Instant) -> Option<Instant> {
        let Some(gap) = self.gap else { return Some(now) };
        let due = self.begun + gap.mul_f64(self.next[connection] as f64);
        (due <= now).then(|| {
            self.next[connection] += self.connections;
            due
        })
    }

    /// When the next turn by the pace comes.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        Some(self.begun + self.gap?.mul_f64(self.cursor as f64))
    }

    /// The next connection whose turn has come by the pace; it may be busy still.
    pub(crate) fn next_turn(&mut self, now: Instant) -> Option<usize> {
        let due = self.begun + self.gap?.mul_f64(self.cursor as f64);
        (due <= now).then(|| {
            self.cursor += 1;
            ((self.cursor - 1) % self.connections) as usize
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_counts_from_when_it_was_due() {
        let begun = Instant::now();
        let at = |millis| begun + Duration::from_millis(millis);
        let mut schedule = Schedule::new(begun, Some(100.0), 2);
        assert_eq!(schedule.next_turn(at(0)), Some(0));
        assert_eq!(schedule.next_of(0, at(0)), Some(at(0)));
        assert_eq!(schedule.next_turn(at(9)), None);
        assert_eq!(schedule.next_of(0, at(19)), None);
        assert_eq!(schedule.next_of(0, at(35)), Some(at(20)));
        assert_eq!([schedule.next_turn(at(35)), schedule.next_turn(at(35))], [Some(1), Some(0)]);
    }
}
