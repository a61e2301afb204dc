//! How a world behaves, where the seed leaves something to choose.

use std::ops::RangeInclusive;
use std::time::Duration;

/// How a world behaves. What is a range is drawn anew each time.
///
/// ```
/// use ekiden_sim::{Config, Sim};
/// use std::time::Duration;
///
/// let mut config = Config::default();
/// config.latency = Duration::from_millis(40)..=Duration::from_millis(60);
/// let sim = Sim::with_config(7, config);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How long something takes from one host to another, one way, unless it is said of a link
    /// ([`Sim::latency`](crate::Sim::latency)). 0.2 to 5 ms: a data centre on a bad day, so that what is sent by two hosts
    /// at once arrives in any order.
    pub latency: RangeInclusive<Duration>,
    /// Once in so many times something takes many times as long from one host to another as was drawn, unless it is said of a
    /// link ([`Sim::long_latency`](crate::Sim::long_latency)); zero for never, which it is: a queue somewhere that is full
    /// for a moment is a fault like a lost segment.
    pub latency_long_one_in: u32,
    /// How many times as long. Ten to a hundred: from what is noticed to what one takes for a failure.
    pub latency_long_times: RangeInclusive<u32>,
    /// How long something takes within a host: 5 to 50 µs.
    pub latency_within: RangeInclusive<Duration>,
    /// How many bytes a second go from one host to another, drawn for each direction when something is first sent that way,
    /// unless it is said of a link ([`Sim::bandwidth`](crate::Sim::bandwidth)); `None`, the default, for no limit, as a
    /// scenario that is not about that need not think of it. Headers count: 40 bytes of a segment of TCP, 28 of a datagram.
    pub bytes_per_second: Option<RangeInclusive<u64>>,
    /// How many bytes wait on their way where there is such a limit. A datagram that finds no room there is lost; TCP is
    /// held up by its windows and not by this. 128 KiB: a second or so of a slow line, as routers have it.
    pub queue_bytes_max: usize,
    /// How many bytes of one direction of a connection are under way or not yet read before writing has to wait, drawn for
    /// each direction. 512 B to 64 KiB: the small ones show who forgets that a write may wait. A GiB is the most that it is, as
    /// TCP can tell of no more.
    pub window_bytes: RangeInclusive<usize>,
    /// Once in so many times a read takes, or a write leaves, less than it could; zero for never. Once in four.
    pub short_one_in: u32,
    /// Once in so many times a segment of TCP to another host is lost, whatever it is, unless it is said of a link
    /// ([`Sim::loss`](crate::Sim::loss)); zero for never, which it is: a lost segment is a fault like a link that is cut, and a
    /// scenario says that it wants it. It is sent again after 200 ms and the time that an answer takes, and after a
    /// second if it was to open the connection; and twice as late each time that it is lost again.
    pub segment_lost_one_in: u32,
    /// Once in so many times a datagram to another host is lost, unless it is said of a link ([`Sim::loss`](crate::Sim::loss));
    /// zero for never. Once in twenty.
    pub datagram_lost_one_in: u32,
    /// Once in so many times one comes twice; zero for never. Once in fifty.
    pub datagram_twice_one_in: u32,
    /// Whether the file of a Unix socket that is gone, by a crash too, is in the way of who binds its path again, as it is on
    /// Linux. By default it is not: a program removes it by asking the system, of which the world hears nothing, so
    /// one that does would fail here and nowhere else. With it, who removes the file is the script
    /// ([`Sim::remove_file`](crate::Sim::remove_file)).
    pub socket_files_stay: bool,
    /// Once in so many turns of a host a task is woken for nothing; zero for never. Once in sixteen.
    pub spurious_one_in: u32,
    /// How much of the virtual time a turn of a host takes. 1 to 20 µs.
    pub turn: RangeInclusive<Duration>,
    /// How far the wall clocks of hosts are ahead of the world's or behind it, at most: it is drawn for each when it is made,
    /// and a script may set it ([`Sim::skew`](crate::Sim::skew)). Zero, as machines that ask a time server have it nearly.
    pub skew_max: Duration,
    /// By how many millionths the clocks of hosts are faster than the world's or slower, at most: drawn likewise, or said by
    /// [`Sim::drift`](crate::Sim::drift). Zero; 500,000 is the most.
    pub drift_ppm_max: u32,
    /// How long a job of [`blocking`](fn@ekiden_reactor::blocking) takes. 20 µs to 10 ms.
    ///
    /// It is run when that is over, at one moment of the world's and on its one thread: on a machine it could wait meanwhile
    /// for a task, by a channel of `std`'s or a lock, and here it holds the world for ever, and nobody is told. Such a job is
    /// to be handed what it waits for, or to be a task.
    pub blocking: RangeInclusive<Duration>,
    /// How many such jobs of a host run at once; more wait for one to end. 64, as the system's driver has threads.
    pub blocking_threads_max: usize,
    /// How many wait, beyond which a job is refused. 1,024, as on the system's driver.
    pub blocking_waiting_max: usize,
    /// How long it takes to look up a name, unless it is said of a host ([`Sim::lookups`](crate::Sim::lookups)). 50 µs to 5 ms.
    pub lookup: RangeInclusive<Duration>,
    /// Once in so many times a name is not found, for the time being; zero for never, which it is: a fault that a scenario
    /// says it wants. See [`Sim::fail_lookups`](crate::Sim::fail_lookups), too.
    pub lookup_failed_one_in: u32,
    /// From these a port is drawn for who connects, and for who listens on port 0. 32,768 to 60,999, as on Linux
    /// (`ip_local_port_range`); of fewer it shows what becomes of who finds none left.
    pub ephemeral_ports: RangeInclusive<u16>,
    /// How long a host says something again that is not acknowledged, or asks in vain for room, before it gives its connection
    /// up. 924 s, as Linux does (`tcp_retries2`).
    pub give_up: Duration,
    /// When the world must have done what it was to do. An hour of virtual time, beyond which something turns in circles, and the
    /// failure names the tasks that have run most; and
    /// where nothing can happen any more but probes, of a connection's keepalive or of who wants room to write and gets none, it
    /// is found by this.
    pub time_max: Duration,
    /// How many steps a world may take, in all of its runs: turns of cores, and what else happens, such as a segment that arrives. Ten million, a
    /// minute or some of a machine: a thousand hosts that ask each other a request a second for a minute take 1.5 million, the
    /// heaviest of our own scenarios that are run for many seeds some thousand. Beyond that the failure names the tasks that
    /// have run most. Thus is found who turns in circles by way of the world: two tasks that send each other the same byte for
    /// ever, or who connects again at once whenever he is refused. Each of them waits, if only for a moment, and there are a
    /// great many such moments in [`time_max`](Self::time_max). A scenario that has more than that to do says so here.
    pub steps_max: u64,
    /// So many turns may a host take one after the other without ever having nothing to do. 100,000: a second or so of its
    /// time. Beyond that it works and gets nowhere. Who sleeps in between, be it for a nanosecond, or waits for what comes at
    /// once, lets time go by, and is found by [`time_max`](Self::time_max) or [`steps_max`](Self::steps_max). Where
    /// [turns](Self::turn) take no time it has had nothing to do only if some has gone by.
    pub busy_turns_max: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            latency: Duration::from_micros(200)..=Duration::from_millis(5),
            latency_long_one_in: 0,
            latency_long_times: 10..=100,
            latency_within: Duration::from_micros(5)..=Duration::from_micros(50),
            bytes_per_second: None,
            queue_bytes_max: 128 * 1024,
            window_bytes: 512..=64 * 1024,
            short_one_in: 4,
            segment_lost_one_in: 0,
            datagram_lost_one_in: 20,
            datagram_twice_one_in: 50,
            socket_files_stay: false,
            spurious_one_in: 16,
            turn: Duration::from_micros(1)..=Duration::from_micros(20),
            skew_max: Duration::ZERO,
            drift_ppm_max: 0,
            blocking: Duration::from_micros(20)..=Duration::from_millis(10),
            blocking_threads_max: 64,
            blocking_waiting_max: 1024,
            lookup: Duration::from_micros(50)..=Duration::from_millis(5),
            lookup_failed_one_in: 0,
            ephemeral_ports: 32_768..=60_999,
            give_up: Duration::from_secs(924),
            time_max: Duration::from_secs(3600),
            steps_max: 10_000_000,
            busy_turns_max: 100_000,
        }
    }
}

impl Config {
    #[track_caller]
    pub(crate) fn assert_possible(&self) {
        let times = [&self.latency, &self.latency_within, &self.turn, &self.blocking, &self.lookup];
        let is_backwards = times.iter().any(|range| range.is_empty())
            || self.latency_long_times.is_empty()
            || self.window_bytes.is_empty()
            || self.ephemeral_ports.is_empty()
            || self.bytes_per_second.as_ref().is_some_and(RangeInclusive::is_empty);
        assert!(!is_backwards, "a range of the configuration ends before it begins");
        let is_shut = self.bytes_per_second.as_ref().is_some_and(|range| *range.start() == 0);
        assert!(!is_shut, "a link that carries nothing, 0 B/s, is one that is cut");
    }
}

/// A range of durations as the world counts.
pub(crate) fn nanos(range: &RangeInclusive<Duration>) -> (u64, u64) {
    (to_nanos(*range.start()), to_nanos(*range.end()))
}

pub(crate) fn to_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
