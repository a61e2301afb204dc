//! Traces: whose work something is, across machines, in the form of W3C's Trace Context.
//!
//! A [`Trace`] is what a `traceparent` says. Where one comes from and where it is sent to is for protocols to know;
//! what is done and how long it took is for whoever collects it. Here are only the names.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

use crate::core;

/// Names a piece of work: which trace it belongs to, and which span of it this is.
///
/// In text it is the [`traceparent`](https://www.w3.org/TR/trace-context/) of the W3C, which is how it travels:
///
/// ```
/// use ekiden_reactor::context::Trace;
///
/// let trace: Trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse()?;
/// assert_eq!(trace.trace_id(), 0x4bf92f3577b34da6a3ce929d0e0e4736);
/// assert!(trace.is_sampled());
///
/// # ekiden_reactor::run(async move {
/// let child = trace.child();
/// assert_eq!(child.trace_id(), trace.trace_id());
/// assert_ne!(child.span_id(), trace.span_id());
/// # });
/// # Ok::<(), ekiden_reactor::context::TraceError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Trace {
    // In halves, since a whole one would have every context aligned to sixteen bytes.
    trace_high: u64,
    trace_low: u64,
    span: u64,
    flags: u8,
}

impl Trace {
    /// A trace that begins here, with new ids. It is sampled, unless you [say otherwise](Self::with_sampled).
    ///
    /// Ids are drawn from a generator that begins with the driver's entropy: not fit for secrets, and a simulated world
    /// repeats them.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread, or if the system has no entropy to begin with.
    #[must_use]
    #[track_caller]
    pub fn root() -> Self {
        let (trace_high, trace_low, span) = core::with(|core| {
            let next = || core.trace_ids.next(|seed| core.driver.entropy(seed));
            (next(), next(), next())
        });
        Self { trace_high, trace_low, span, flags: SAMPLED }
    }

    /// A new span of the same trace: what is sent along with a request.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread, or if the system has no entropy to begin with.
    #[must_use]
    #[track_caller]
    pub fn child(self) -> Self {
        let span = core::with(|core| core.trace_ids.next(|seed| core.driver.entropy(seed)));
        Self { span, ..self }
    }

    /// A trace of ids that come from elsewhere, not sampled; `None` if either is zero, which is no id.
    #[must_use]
    pub const fn new(trace_id: u128, span_id: u64) -> Option<Self> {
        if trace_id == 0 || span_id == 0 {
            return None;
        }
        let (trace_high, trace_low) = ((trace_id >> 64) as u64, trace_id as u64);
        Some(Self { trace_high, trace_low, span: span_id, flags: 0 })
    }

    /// Which trace.
    #[must_use]
    pub const fn trace_id(self) -> u128 {
        (self.trace_high as u128) << 64 | self.trace_low as u128
    }

    /// Which span of it.
    #[must_use]
    pub const fn span_id(self) -> u64 {
        self.span
    }

    /// Whether whoever began the trace records it, and wishes others to.
    #[must_use]
    pub const fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    /// The same, recorded or not.
    #[must_use]
    pub const fn with_sampled(mut self, is_sampled: bool) -> Self {
        self.flags = self.flags & !SAMPLED | if is_sampled { SAMPLED } else { 0 };
        self
    }

    /// What a `traceparent` says, as it came from a peer.
    ///
    /// Of a later version than ours what we know is read, as the standard has it.
    ///
    /// # Errors
    ///
    /// If it is not valid; then a trace begins here, and the peer's is forgotten.
    pub const fn parse(text: &[u8]) -> Result<Self, TraceError> {
        let fits = match text {
            [b'0', b'0', b'-', ..] => text.len() == LENGTH,
            [b'f', b'f', ..] => false,
            _ => text.len() == LENGTH || text.len() > LENGTH && text[LENGTH] == b'-',
        };
        if !fits || text[2] != b'-' || text[35] != b'-' || text[52] != b'-' {
            return Err(TraceError);
        }
        let (Some(_version), Some(high), Some(low), Some(span), Some(flags)) =
            (hex(text, 0, 2), hex(text, 3, 19), hex(text, 19, 35), hex(text, 36, 52), hex(text, 53, 55))
        else {
            return Err(TraceError);
        };
        if high | low == 0 || span == 0 {
            return Err(TraceError);
        }
        Ok(Self { trace_high: high, trace_low: low, span, flags: flags as u8 & KNOWN })
    }
}

/// A number of lower-case digits, as the standard demands them.
const fn hex(text: &[u8], from: usize, to: usize) -> Option<u64> {
    let (mut number, mut at) = (0, from);
    while at < to {
        let digit = match text[at] {
            digit @ b'0'..=b'9' => digit - b'0',
            digit @ b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        number = number << 4 | digit as u64;
        at += 1;
    }
    Some(number)
}

impl FromStr for Trace {
    type Err = TraceError;

    fn from_str(text: &str) -> Result<Self, TraceError> {
        Self::parse(text.as_bytes())
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { trace_high, trace_low, span, flags } = self;
        write!(f, "00-{trace_high:016x}{trace_low:016x}-{span:016x}-{flags:02x}")
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trace({self})")
    }
}

/// A `traceparent` was not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceError;

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this is no traceparent: expected 00-<32 hex digits>-<16 hex digits>-<2 hex digits>")
    }
}

impl Error for TraceError {}

/// Where a core's ids come from: SplitMix64, which gives each number once before it gives any again.
#[derive(Default)]
pub(crate) struct TraceIds(Cell<Option<u64>>);

impl TraceIds {
    /// The next id, which is not zero.
    #[track_caller]
    fn next(&self, seed: impl Fn(&mut [u8]) -> std::io::Result<()>) -> u64 {
        let mut state = self.0.get().unwrap_or_else(|| {
            let mut bytes = [0; 8];
            match seed(&mut bytes) {
                Ok(()) => u64::from_ne_bytes(bytes),
                Err(error) => panic!("the system has no entropy to draw ids of traces from: {error}"),
            }
        });
        loop {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.0.set(Some(state));
            let mut id = state;
            id = (id ^ (id >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            id = (id ^ (id >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            id ^= id >> 31;
            if id != 0 {
                return id;
            }
        }
    }
}

/// Of a traceparent, of the version that we write.
const LENGTH: usize = 55;

/// The flag of a trace that is recorded.
const SAMPLED: u8 = 0b01;

/// The flags that are passed on: the one above, and that the id of the trace is random. The others have no meaning yet,
/// and the standard has them set to zero.
const KNOWN: u8 = 0b11;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What a text reads as, written again.
    fn check(text: &str, expect: Option<&str>) {
        assert_eq!(text.parse::<Trace>().ok().map(|trace| trace.to_string()).as_deref(), expect, "{text}");
    }

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn what_is_valid_is_read_and_written_alike() {
        for flags in ["00", "01", "02", "03"] {
            let text = format!("00-{TRACE}-{SPAN}-{flags}");
            check(&text, Some(&text));
        }
        check(&format!("00-{TRACE}-{SPAN}-ff"), Some(&format!("00-{TRACE}-{SPAN}-03")));
    }

    #[test]
    fn of_a_later_version_what_we_know_is_read() {
        let ours = format!("00-{TRACE}-{SPAN}-01");
        check(&format!("cc-{TRACE}-{SPAN}-01"), Some(&ours));
        check(&format!("cc-{TRACE}-{SPAN}-01-what-the-future-brings"), Some(&ours));
        check(&format!("cc-{TRACE}-{SPAN}-01."), None);
    }

    #[test]
    fn what_is_not_valid_is_refused() {
        let zero = |digits| "0".repeat(digits);
        for text in [
            String::new(),
            "00".to_owned(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-001"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("0x-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", zero(32)),
            format!("00-{TRACE}-{}-01", zero(16)),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{TRACE}-{SPAN}-0g"),
            format!("00_{TRACE}_{SPAN}_01"),
            format!("00-{TRACE}{SPAN}--01"),
            format!(" 00-{TRACE}-{SPAN}-01"),
        ] {
            check(&text, None);
        }
    }

    #[test]
    fn ids_are_drawn_from_what_the_driver_gives() {
        let ids = TraceIds::default();
        let seed = |bytes: &mut [u8]| {
            bytes.fill(0);
            Ok(())
        };
        // The first numbers of SplitMix64 from zero, as its authors publish them.
        assert_eq!(ids.next(seed), 0xe220_a839_7b1d_cdaf);
        assert_eq!(ids.next(|_| unreachable!("it is asked once")), 0x6e78_9e6a_a1b9_65f4);
        // The state before the one that would give zero.
        let ids = TraceIds(Cell::new(Some(0_u64.wrapping_sub(0x9e37_79b9_7f4a_7c15))));
        assert_ne!(ids.next(seed), 0);
    }

    proptest! {
        #[test]
        fn whatever_a_peer_sends_is_read_or_refused(text in prop::collection::vec(any::<u8>(), 0..70)) {
            let _ = Trace::parse(&text);
        }

        #[test]
        fn every_trace_survives_the_wire(trace in 1_u128.., span in 1_u64.., sampled: bool) {
            let trace = Trace::new(trace, span).unwrap().with_sampled(sampled);
            prop_assert_eq!(trace.to_string().parse(), Ok(trace));
        }

        #[test]
        fn a_traceparent_with_one_byte_changed_never_panics(at in 0_usize..55, byte: u8) {
            let mut text = format!("00-{TRACE}-{SPAN}-01").into_bytes();
            text[at] = byte;
            let _ = Trace::parse(&text);
        }
    }
}
