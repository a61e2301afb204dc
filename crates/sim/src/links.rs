//! What scripts do to the links between hosts.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::config::nanos;
use crate::sim::Sim;
use crate::world::Long;

/// # Links
///
/// What is sent over a link that is cut is lost, a refusal as well as a byte. TCP sends it again, later and later, and gives up
/// in the end: after a quarter of an hour ([`Config::give_up`](crate::Config::give_up)), or, if it is to open a
/// connection, after 127 seconds, as Linux does.
impl Sim {
    /// How long what is sent between two hosts takes, one way, from now on.
    ///
    /// # Panics
    ///
    /// If the range ends before it begins, or there is no host of one of the names.
    #[track_caller]
    pub fn latency(&self, a: &str, b: &str, latency: RangeInclusive<Duration>) {
        assert!(!latency.is_empty(), "a range of times ends after it begins");
        let (a, b) = (self.id(a), self.id(b));
        let mut world = self.0.world.lock();
        world.set_latency(a, b, nanos(&latency));
        world.set_latency(b, a, nanos(&latency));
    }

    /// Once in so many times, what is sent between two hosts takes many times as long as was drawn, from now on: the heavy
    /// tail of latencies. Zero for never.
    ///
    /// What was sent behind it on the same connection waits for it; datagrams overtake it.
    ///
    /// # Panics
    ///
    /// If the range ends before it begins, or there is no host of one of the names.
    #[track_caller]
    pub fn long_latency(&self, a: &str, b: &str, one_in: u32, times: RangeInclusive<u32>) {
        assert!(!times.is_empty(), "a range of times ends after it begins");
        let long = Long { one_in, times: (*times.start(), *times.end()) };
        let (a, b) = (self.id(a), self.id(b));
        let mut world = self.0.world.lock();
        world.set_long_latency(a, b, long);
        world.set_long_latency(b, a, long);
    }

    /// Once in so many times, what is sent between two hosts is lost, from now on: datagrams and segments of TCP alike,
    /// whatever [`Config`](crate::Config) says of them. Zero for never; one loses all, and is no partition only in that
    /// nobody is told so.
    ///
    /// To who uses TCP a loss is a delay, of what was sent behind it too; enough of it is a time-out.
    ///
    /// # Panics
    ///
    /// If there is no host of one of the names.
    #[track_caller]
    pub fn loss(&self, a: &str, b: &str, one_in: u32) {
        let (a, b) = (self.id(a), self.id(b));
        let mut world = self.0.world.lock();
        world.set_loss(a, b, one_in);
        world.set_loss(b, a, one_in);
    }

    /// What is sent between two hosts is lost as [`Config`](crate::Config) says again, whatever was said by
    /// [`loss`](Self::loss).
    ///
    /// # Panics
    ///
    /// If there is no host of one of the names.
    #[track_caller]
    pub fn usual_loss(&self, a: &str, b: &str) {
        let (a, b) = (self.id(a), self.id(b));
        let mut world = self.0.world.lock();
        world.forget_loss(a, b);
        world.forget_loss(b, a);
    }

    /// How many bytes a second go from one of two hosts to the other, in each direction, from now on; `u64::MAX` for as many
    /// as there are. What is on its way already comes as it would have.
    ///
    /// All that goes one way is sent one after the other. See
    /// [`Config::bytes_per_second`](crate::Config::bytes_per_second) for what counts, and
    /// [`Config::queue_bytes_max`](crate::Config::queue_bytes_max) for what is lost.
    ///
    /// # Panics
    ///
    /// If it is zero: that is a [partition](Self::partition). If there is no host of one of the names.
    #[track_caller]
    pub fn bandwidth(&self, a: &str, b: &str, bytes_per_second: u64) {
        assert!(bytes_per_second > 0, "a link that carries nothing is one that is cut");
        let (a, b) = (self.id(a), self.id(b));
        let mut world = self.0.world.lock();
        world.set_bandwidth(a, b, bytes_per_second);
        world.set_bandwidth(b, a, bytes_per_second);
    }

    /// As many go from one of two hosts to the other as [`Config`](crate::Config::bytes_per_second) says again, whatever was
    /// said by [`bandwidth`](Self::bandwidth). What is on its way already comes as it would have.
    ///
    /// # Panics
    ///
    /// If there is no host of one of the names.
    #[track_caller]
    pub fn usual_bandwidth(&self, a: &str, b: &str) {
        let (a, b) = (self.id(a), self.id(b));
        let mut world = self.0.world.lock();
        world.forget_bandwidth(a, b);
        world.forget_bandwidth(b, a);
    }

    /// Two hosts do not hear each other any more.
    ///
    /// # Panics
    ///
    /// If there is no host of one of the names.
    #[track_caller]
    pub fn partition(&self, a: &str, b: &str) {
        self.partition_one_way(a, b);
        self.partition_one_way(b, a);
    }

    /// What one host sends is not heard by the other any more; it hears that other still.
    ///
    /// # Panics
    ///
    /// If there is no host of one of the names.
    #[track_caller]
    pub fn partition_one_way(&self, from: &str, to: &str) {
        let (from, to) = (self.id(from), self.id(to));
        let mut world = self.0.world.lock();
        world.end_flapping(from, to);
        world.cut(from, to);
    }

    /// Two hosts hear each other for a time, then do not for a time, and so on, until the link is
    /// [cut](Self::partition) or [healed](Self::heal); each time is drawn from the range.
    ///
    /// As something always happens where a link flaps, a world in which all wait for ever is found by its
    /// [time](crate::Config::time_max) only.
    ///
    /// # Panics
    ///
    /// If a range ends before it begins; if both times together may be less than 100 µs: hardly any time would pass. If there is
    /// no host of one of the names.
    #[track_caller]
    pub fn flap(&self, a: &str, b: &str, whole: RangeInclusive<Duration>, cut: RangeInclusive<Duration>) {
        assert!(!whole.is_empty() && !cut.is_empty(), "a range of times ends after it begins");
        assert!(!flaps_too_fast(&whole, &cut), "{FLAPS_TOO_FAST}");
        let (a, b) = (self.id(a), self.id(b));
        self.0.world.lock().flap(a, b, nanos(&whole), nanos(&cut));
    }

    /// Two hosts hear each other again, and no reset is due between them [after so many bytes](Self::reset_after).
    ///
    /// # Panics
    ///
    /// If there is no host of one of the names.
    #[track_caller]
    pub fn heal(&self, a: &str, b: &str) {
        let (a, b) = (self.id(a), self.id(b));
        let mut world = self.0.world.lock();
        world.end_flapping(a, b);
        world.forget_resets(a, b);
        world.heal(a, b);
        world.heal(b, a);
    }

    /// Resets all connections between two hosts, at once and to both: as a box in between does that has forgotten them.
    ///
    /// # Panics
    ///
    /// If there is no host of one of the names.
    #[track_caller]
    pub fn reset(&self, a: &str, b: &str) {
        let (a, b) = (self.id(a), self.id(b));
        self.0.world.lock().reset_between(a, b);
    }

    /// [Resets](Self::reset) all connections between two hosts once so many bytes more have arrived of what one sends to the
    /// other, over whichever connections: in the middle of a message, if that is where it is. Once, unless
    /// the link is [healed](Self::heal) before, and instead of what was said before of the same two.
    ///
    /// The receiver reads as many, as a reset takes nothing of what has arrived.
    #[track_caller]
    pub fn reset_after(&self, from: &str, to: &str, bytes: usize) {
        let (from, to) = (self.id(from), self.id(to));
        self.0.world.lock().set_reset_after(from, to, bytes);
    }
}

/// Whether a link would come and go so often that the world has no time for anything else.
pub(crate) fn flaps_too_fast(whole: &RangeInclusive<Duration>, cut: &RangeInclusive<Duration>) -> bool {
    whole.start().saturating_add(*cut.start()) < FLAP_MIN
}

pub(crate) const FLAPS_TOO_FAST: &str = "a link that flaps takes time for that, 100 µs at least";

/// The shortest time in which a link is whole and cut once. To come and go takes no turn of anybody's, so nothing else would
/// find that the world does nothing but that; and a segment of the fastest networks is on its way for as long.
pub(crate) const FLAP_MIN: Duration = Duration::from_micros(100);
