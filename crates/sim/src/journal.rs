//! The journal: everything that happens in a world, as a running hash and as lines.
//!
//! Two runs of one seed are the same when their hashes are. When they are not, something came in that is not of the seed,
//! and the first event that differs says where to look.

use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::SocketAddr;
use std::time::Duration;

use ekiden_reactor::Signal;

use crate::trace::Trace;

/// Names a host, in the order in which they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct HostId(pub(crate) u32);

impl HostId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Names an end of a connection, in the order in which they were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct EndId(pub(crate) u32);

impl fmt::Display for EndId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// Something that happened, on which host and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Event {
    pub(crate) nanos: u64,
    pub(crate) host: HostId,
    pub(crate) what: What,
}

/// What happened. Bytes are told by their number and a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum What {
    Starts,
    Ends,
    Crashes,
    Pauses,
    Resumes,
    /// So many nanoseconds ahead of the world's.
    SetsClock(i64),
    /// So many millionths.
    Drifts(i32),
    Signal(Signal),
    Listens(SocketAddr),
    Connects(EndId, SocketAddr),
    Connected(EndId),
    Refuses(SocketAddr),
    IsFull(SocketAddr),
    Accepts(EndId, SocketAddr),
    /// Paths and abstract names are told by a digest.
    ListensOnPath(u32),
    ConnectsToPath(EndId, u32),
    HasNoRoom(u32),
    AcceptsOnPath(EndId),
    Writes(EndId, usize, u32),
    Arrives(EndId, usize),
    Reads(EndId, usize, u32),
    SaysEnd(EndId),
    EndArrives(EndId),
    Closes(EndId),
    ResetArrives(EndId),
    IsLost(EndId),
    AnswerIsLost(EndId),
    SendsAgain(EndId, usize),
    TimesOut(EndId),
    CutTo(HostId),
    HealedTo(HostId),
    FlapsTo(HostId),
    /// So many bytes.
    ResetsAfter(HostId, usize),
    /// So many times.
    IsSlow(u32),
    /// So many bytes a second.
    Carries(HostId, u64),
    FindsNoRoom(EndId),
    /// So many nanoseconds.
    TakesLong(HostId, u64),
    LooksUp(u32),
    RunsJob,
    FindsNoNames,
    FindsNames,
    /// So many nanoseconds at most.
    LooksUpIn(u64),
    Draws(usize),
    Notice(u32),
}

/// All that happened in a run.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    hash: Digest,
    count: u64,
    /// The first ones, for the comparison of two runs.
    first: Vec<Event>,
    last: VecDeque<Event>,
    /// The hosts', in their order.
    names: Vec<String>,
    trace: Option<Trace>,
}

impl Journal {
    /// Writes an event down.
    pub(crate) fn tell(&mut self, event: Event) {
        event.hash(&mut self.hash);
        self.count += 1;
        if let Some(trace) = &mut self.trace {
            trace.line(format_args!("{}", Line(&event, &self.names)));
        }
        if self.first.len() < FIRST_MAX {
            self.first.push(event);
        }
        if self.last.len() == LAST_MAX {
            self.last.pop_front();
        }
        self.last.push_back(event);
    }

    /// Takes note of what is too small to be an event: it shows in the hash, and in no line but of a trace.
    pub(crate) fn mix(&mut self, number: u64) {
        self.hash.write_u64(number);
    }

    /// There is one more host.
    pub(crate) fn add_host(&mut self, name: &str) {
        self.names.push(name.to_owned());
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Everything from now on is written to a file, too.
    pub(crate) fn trace_to(&mut self, trace: Trace) {
        self.trace = Some(trace);
    }

    /// The last line of the trace is written.
    pub(crate) fn end_trace(&mut self) -> Result<(), String> {
        self.trace.take().map_or(Ok(()), Trace::finish)
    }

    pub(crate) fn is_traced(&self) -> bool {
        self.trace.is_some()
    }

    /// A line of the trace that is no event.
    pub(crate) fn trace(&mut self, nanos: u64, host: HostId, what: fmt::Arguments<'_>) {
        if let Some(trace) = &mut self.trace {
            let name = self.names.get(host.index()).map_or("", String::as_str);
            trace.line(format_args!("{:>16} {name:<10} {what}", At(nanos).to_string()));
        }
    }

    pub(crate) fn hash(&self) -> u64 {
        self.hash.0
    }

    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    pub(crate) fn last(&self) -> impl Iterator<Item = &Event> {
        self.last.iter()
    }

    /// The first ones, with the hosts' names.
    pub(crate) fn into_first(self) -> (Vec<Event>, Vec<String>) {
        (self.first, self.names)
    }
}

/// One line, with the hosts' names.
pub(crate) struct Line<'a>(pub(crate) &'a Event, pub(crate) &'a [String]);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Event { nanos, host, what }, names) = self;
        let name = |host: HostId| names.get(host.index()).map_or("?", String::as_str);
        write!(f, "{:>16} {:<10} ", At(*nanos).to_string(), name(*host))?;
        match what {
            What::Starts => write!(f, "starts"),
            What::Ends => write!(f, "ends"),
            What::Crashes => write!(f, "crashes"),
            What::Pauses => write!(f, "pauses"),
            What::Resumes => write!(f, "resumes"),
            What::SetsClock(ahead) => write!(f, "has its wall clock set to {ahead} ns ahead of the world's"),
            What::Drifts(ppm) => write!(f, "has clocks that are {ppm} ppm faster than the world's"),
            What::Signal(signal) => write!(f, "gets the signal {signal:?}"),
            What::Listens(addr) => write!(f, "listens on {addr}"),
            What::Connects(end, to) => write!(f, "{end} connects to {to}"),
            What::Connected(end) => write!(f, "{end} is connected"),
            What::Refuses(addr) => write!(f, "refuses what comes to {addr}"),
            What::IsFull(addr) => write!(f, "has no room for a connection to {addr}"),
            What::Accepts(end, peer) => write!(f, "accepts {end} from {peer}"),
            What::ListensOnPath(path) => write!(f, "listens on a path ({path:08x})"),
            What::ConnectsToPath(end, path) => write!(f, "{end} connects to a path ({path:08x})"),
            What::HasNoRoom(path) => write!(f, "has no room for a connection to a path ({path:08x})"),
            What::AcceptsOnPath(end) => write!(f, "accepts {end}"),
            What::Writes(end, bytes, digest) => write!(f, "{end} writes {bytes} bytes ({digest:08x})"),
            What::Arrives(end, bytes) => write!(f, "{bytes} bytes arrive at {end}"),
            What::Reads(end, bytes, digest) => write!(f, "{end} reads {bytes} bytes ({digest:08x})"),
            What::SaysEnd(end) => write!(f, "{end} says that it has said everything"),
            What::EndArrives(end) => write!(f, "the end of what is said arrives at {end}"),
            What::Closes(end) => write!(f, "{end} is closed"),
            What::ResetArrives(end) => write!(f, "{end} is reset"),
            What::IsLost(end) => write!(f, "what {end} sent is lost"),
            What::AnswerIsLost(end) => write!(f, "what was answered to {end} is lost"),
            What::SendsAgain(end, segments) => write!(f, "{end} sends again: {segments} segments"),
            What::TimesOut(end) => write!(f, "{end} times out"),
            What::CutTo(to) => write!(f, "can no longer be heard by {}", name(*to)),
            What::HealedTo(to) => write!(f, "can be heard by {} again", name(*to)),
            What::Carries(to, u64::MAX) => write!(f, "has a wire without limit to {}", name(*to)),
            What::Carries(to, bytes) => write!(f, "has a wire of {bytes} bytes a second to {}", name(*to)),
            What::FindsNoRoom(end) => write!(f, "what {end} sent finds no room on its way"),
            What::TakesLong(to, nanos) => {
                write!(f, "sends to {} what is {:?} on its way", name(*to), Duration::from_nanos(*nanos))
            }
            What::FlapsTo(to) => write!(f, "has a link to {} that comes and goes", name(*to)),
            What::ResetsAfter(to, bytes) => {
                write!(f, "has its connections to {} reset after {bytes} bytes", name(*to))
            }
            What::IsSlow(times) => write!(f, "takes {times} times as long"),
            What::LooksUp(digest) => write!(f, "looks up a name ({digest:08x})"),
            What::FindsNoNames => write!(f, "finds no names"),
            What::FindsNames => write!(f, "finds names again"),
            What::LooksUpIn(nanos) => {
                write!(f, "takes up to {:?} to find a name", Duration::from_nanos(*nanos))
            }
            What::RunsJob => write!(f, "runs a job that blocks"),
            What::Draws(bytes) => write!(f, "draws {bytes} bytes of entropy"),
            What::Notice(digest) => write!(f, "tells its operator something ({digest:08x})"),
        }
    }
}

/// A moment of the world's clock, to the nanosecond.
pub(crate) struct At(pub(crate) u64);

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = Duration::from_nanos(self.0);
        write!(f, "{}.{:09} s", time.as_secs(), time.subsec_nanos())
    }
}

/// FNV-1a, with what is left of it mixed at the end of each number: it must be the same in every process, which is what
/// std's hashers do not promise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Digest {
    /// Of some bytes, for a line.
    pub(crate) fn of(bytes: &[u8]) -> u32 {
        let mut digest = Self::default();
        digest.write(bytes);
        (digest.0 ^ (digest.0 >> 32)) as u32
    }
}

impl Hasher for Digest {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A quarter of a million: some seconds of a busy world, in twenty megabytes. What comes later is in the hash only.
const FIRST_MAX: usize = 1 << 18;

/// As many as one reads.
const LAST_MAX: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    fn event(nanos: u64) -> Event {
        Event { nanos, host: HostId(0), what: What::Starts }
    }

    #[test]
    fn the_hash_sees_every_event_and_their_order() {
        let hash = |events: &[u64]| {
            let mut journal = Journal::default();
            events.iter().for_each(|nanos| journal.tell(event(*nanos)));
            journal.hash()
        };
        assert_eq!(hash(&[1, 2]), hash(&[1, 2]));
        assert_ne!(hash(&[1, 2]), hash(&[2, 1]));
        assert_ne!(hash(&[1, 2]), hash(&[1]));
    }

    #[test]
    fn the_last_ones_are_kept() {
        let mut journal = Journal::default();
        (0..100).for_each(|nanos| journal.tell(event(nanos)));
        assert_eq!(
            journal.last().map(|event| event.nanos).collect::<Vec<_>>(),
            (60..100).collect::<Vec<_>>()
        );
        assert_eq!(journal.count(), 100);
    }

    #[test]
    fn a_line_says_when_who_and_what() {
        let line = Line(&event(1_500_000_000), &["ship".to_owned()]).to_string();
        assert_eq!(line.split_whitespace().collect::<Vec<_>>(), ["1.500000000", "s", "ship", "starts"]);
    }
}
