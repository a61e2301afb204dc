//! How long what is sent is on its way, and whether it gets lost there: it waits until the wire is free, is put on it byte by
//! byte, and travels.
//!
//! ```text
//!   sent ──► queue, in order ──► wire, so many bytes a second ──► latency, drawn ──► arrives
//!            of so many bytes
//! ```
//!
//! Each direction between two hosts has a wire of its own, which all that goes that way shares. Without a bandwidth the wire
//! is always free, and there is no queue.

use std::collections::BTreeMap;

use super::World;
use crate::config::{Config, nanos};
use crate::journal::{HostId, What};

/// What is not as the configuration says, or was drawn by it: by who sends and who should hear.
#[derive(Debug, Default)]
pub(crate) struct Traffic(BTreeMap<(HostId, HostId), Way>);

#[derive(Debug, Default)]
struct Way {
    latency: Option<(u64, u64)>,
    long: Option<Long>,
    /// One in so many is lost, of whatever kind.
    loss: Option<u32>,
    /// Bytes a second, as a script says.
    bandwidth: Option<u64>,
    /// The same, as was drawn of the configuration's range.
    bandwidth_drawn: Option<u64>,
    /// When the last byte of what was sent so far is on the wire.
    free_at: u64,
}

/// How often something takes longer, and how many times as long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Long {
    pub(crate) one_in: u32,
    pub(crate) times: (u32, u32),
}

impl World {
    pub(crate) fn set_latency(&mut self, from: HostId, to: HostId, latency: (u64, u64)) {
        self.traffic.way(from, to).latency = Some(latency);
    }

    pub(crate) fn set_long_latency(&mut self, from: HostId, to: HostId, long: Long) {
        self.traffic.way(from, to).long = Some(long);
    }

    pub(crate) fn set_loss(&mut self, from: HostId, to: HostId, one_in: u32) {
        self.traffic.way(from, to).loss = Some(one_in);
    }

    /// As much is lost as the configuration says.
    pub(crate) fn forget_loss(&mut self, from: HostId, to: HostId) {
        self.traffic.way(from, to).loss = None;
    }

    /// What a script says of it, if it does.
    pub(crate) fn said_loss(&self, from: HostId, to: HostId) -> Option<u32> {
        self.traffic.0.get(&(from, to))?.loss
    }

    pub(crate) fn set_bandwidth(&mut self, from: HostId, to: HostId, bytes_per_second: u64) {
        self.traffic.way(from, to).bandwidth = Some(bytes_per_second);
        self.tell(from, What::Carries(to, bytes_per_second));
    }

    /// As much is carried as the configuration says.
    pub(crate) fn forget_bandwidth(&mut self, from: HostId, to: HostId) {
        let way = self.traffic.way(from, to);
        way.bandwidth = None;
        let carries = way.bandwidth_drawn.unwrap_or(u64::MAX);
        self.tell(from, What::Carries(to, carries));
    }

    /// What a script says of it, if it does.
    pub(crate) fn said_bandwidth(&self, from: HostId, to: HostId) -> Option<u64> {
        self.traffic.0.get(&(from, to))?.bandwidth
    }

    /// After how long what is sent now arrives. It has the wire for as long as it needs it.
    pub(crate) fn travel(&mut self, from: HostId, to: HostId, bytes: usize) -> u64 {
        let until_sent = self.put_on_the_wire(from, to, bytes);
        until_sent.saturating_add(self.draw_latency(from, to))
    }

    /// Whether what is sent now is lost. Within a host nothing is.
    pub(super) fn draw_loss(&mut self, from: HostId, to: HostId, is_segment: bool) -> bool {
        let said = self.traffic.0.get(&(from, to)).and_then(|way| way.loss);
        let by_config = match is_segment {
            true => self.config.segment_lost_one_in,
            false => self.config.datagram_lost_one_in,
        };
        from != to && self.chance.one_in(said.unwrap_or(by_config))
    }

    /// After how long what was sent so far is on the wire.
    pub(super) fn until_sent(&self, from: HostId, to: HostId) -> u64 {
        self.traffic.0.get(&(from, to)).map_or(0, |way| way.free_at.saturating_sub(self.now))
    }

    /// Whether the queue before the wire holds so many bytes more. An empty one holds anything.
    pub(crate) fn is_room_in_queue(&mut self, from: HostId, to: HostId, bytes: usize) -> bool {
        let Some(bandwidth) = self.bandwidth(from, to) else { return true };
        let waits = self.traffic.way(from, to).free_at.saturating_sub(self.now);
        let queued = u128::from(waits) * u128::from(bandwidth) / SECOND;
        queued == 0 || queued + bytes as u128 <= self.config.queue_bytes_max as u128
    }

    /// How many bytes of a connection go as one: what is not limited is not cut to size.
    pub(crate) fn segment_bytes_max(&mut self, from: HostId, to: HostId) -> usize {
        if self.bandwidth(from, to).is_some() { SEGMENT_BYTES_MAX } else { usize::MAX }
    }

    fn put_on_the_wire(&mut self, from: HostId, to: HostId, bytes: usize) -> u64 {
        let Some(bandwidth) = self.bandwidth(from, to) else { return 0 };
        let takes = (bytes as u128 * SECOND).div_ceil(u128::from(bandwidth));
        let (now, way) = (self.now, self.traffic.way(from, to));
        way.free_at = way.free_at.max(now).saturating_add(u64::try_from(takes).unwrap_or(u64::MAX));
        way.free_at - now
    }

    /// Bytes a second, if there is a limit. What the configuration leaves open is drawn when it is first asked for.
    fn bandwidth(&mut self, from: HostId, to: HostId) -> Option<u64> {
        let known = self.traffic.0.get(&(from, to));
        let bandwidth = known.and_then(|way| way.bandwidth.or(way.bandwidth_drawn));
        let bandwidth = bandwidth.or_else(|| {
            let range = self.config.bytes_per_second.as_ref().filter(|_| from != to)?;
            let drawn = self.chance.within((*range.start(), *range.end()));
            self.traffic.way(from, to).bandwidth_drawn = Some(drawn);
            self.tell(from, What::Carries(to, drawn));
            Some(drawn)
        });
        bandwidth.filter(|bandwidth| *bandwidth != u64::MAX)
    }

    /// How long what is sent travels.
    pub(crate) fn latency(&self, from: HostId, to: HostId) -> (u64, u64) {
        let by_config = match from == to {
            true => &self.config.latency_within,
            false => &self.config.latency,
        };
        let said = self.traffic.0.get(&(from, to)).and_then(|way| way.latency);
        said.unwrap_or_else(|| nanos(by_config))
    }

    /// How often that takes longer.
    pub(crate) fn long_latency(&self, from: HostId, to: HostId) -> Long {
        let said = self.traffic.0.get(&(from, to)).and_then(|way| way.long);
        said.unwrap_or_else(|| Long::by_config(&self.config, from == to))
    }

    fn draw_latency(&mut self, from: HostId, to: HostId) -> u64 {
        let (range, long) = (self.latency(from, to), self.long_latency(from, to));
        let latency = self.chance.within(range);
        if !self.chance.one_in(long.one_in) {
            return latency;
        }
        let (least, most) = long.times;
        let latency = latency.saturating_mul(self.chance.within((least.into(), most.into())));
        self.tell(from, What::TakesLong(to, latency));
        latency
    }
}

impl Long {
    /// Within a host nothing takes long.
    fn by_config(config: &Config, is_within: bool) -> Self {
        let times = &config.latency_long_times;
        let one_in = if is_within { 0 } else { config.latency_long_one_in };
        Self { one_in, times: (*times.start(), *times.end()) }
    }
}

impl Traffic {
    fn way(&mut self, from: HostId, to: HostId) -> &mut Way {
        self.0.entry((from, to)).or_default()
    }
}

/// What is on the wire besides the bytes of a segment, or of a datagram: the headers of IPv4 and of TCP or UDP, without
/// options.
pub(crate) const TCP_HEADER_BYTES: usize = 40;
pub(crate) const UDP_HEADER_BYTES: usize = 28;

/// What fits with its header into a frame of Ethernet.
const SEGMENT_BYTES_MAX: usize = 1460;

const SECOND: u128 = 1_000_000_000;
