//! The knobs of both ends.

use std::time::Duration;

use super::stats::Stats;
use crate::server;

/// How a server treats its multiplexed connections.
///
/// ```
/// use std::time::Duration;
///
/// let mut config = ekiden_proto::multiplex::ServerConfig::default();
/// config.idle_timeout = Some(Duration::from_secs(60));
/// config.accept.connections_max = 1_000;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// How connections are accepted, how many there may be, and how long a drain may take.
    pub accept: server::Config,
    /// Most calls of one connection that are open. Further ones are refused, not begun, so that the cancels and the bodies of
    /// others still get through. Where the peer leaves 64 answers waiting, calls wait to begin, open all the same, and it is
    /// heard; but no more when a thousand refusals wait beyond an answer for each of these calls, which nobody comes to who keeps
    /// to the limit. 1,024, as many as a client sends by default: one connection often carries the calls of a whole machine. What
    /// they may hold together is this many windows, and this many heads in either direction, which are as long as the protocol
    /// lets a frame be: where strangers connect, lower one of the two. 0 counts as 1.
    pub in_flight_max: usize,
    /// Credit that each body begins with, in bytes, in both directions; both ends must have the same, by agreement of
    /// the protocol, and 0 counts as 1. 64 KiB: at a round trip of half a millisecond that is 128 MB a second for one stream.
    pub window_bytes: u32,
    /// Most bytes that wait for the peer to take them; beyond it, further replies and chunks wait in their order.
    /// 64 KiB, about what one write can hand to a socket. One reply may go beyond it.
    pub write_bytes_max: usize,
    /// Longest that the peer may take nothing of what waits for it. 30 s: a network that recovers does so by then,
    /// and whoever has stopped reading the connection does not hold it for ever. Of a stream that the peer grants no credit
    /// nothing waits in this sense, nor of one that it sends no more of: streams may rightly be silent for hours, so none has
    /// a time limit here. A peer that answers pings may hold `in_flight_max` calls in this way for as long as it likes, each
    /// with its head, `window_bytes` and a frame of what comes, and 16 KiB and a frame of what goes. A `Timeout` around the
    /// service ends a call that waits for what comes, as long as its reply has not begun.
    pub write_timeout: Duration,
    /// Longest from the first byte of a frame to its last, while we wait for it. 30 s, as for the other direction.
    pub frame_timeout: Duration,
    /// Longest that a connection may have nothing under way and bring no call. Only calls count, as for HTTP/2 servers
    /// and gRPC's `MAX_CONNECTION_IDLE`: not pings, nor what else is said. A frame that is just coming when the time is over
    /// is waited for; then the connection is drained. `None`, for ever: peers of such protocols are mostly programs that keep their connections, and the
    /// number of connections has a limit of its own. Set it where strangers connect.
    pub idle_timeout: Option<Duration>,
    /// After so long without a sign of life of the peer, while calls are open, it is asked for one. A word of it is one, and
    /// so is each byte that it takes while more wait. 20 s: soon enough to notice that a machine is gone before its
    /// callers' usual time limits of a minute. `None` asks never, which protocols without pings need.
    pub ping_interval: Option<Duration>,
    /// How long it may take for a sign of life to come. 10 s: a peer that is stopped for a moment survives it. At the end of
    /// a drain it is how long the peer may take to read what it was told last.
    pub ping_timeout: Duration,
    /// Counts the calls of all connections that are served with a clone of it.
    pub stats: Stats,
}

/// How a [`Client`](super::Client) behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Most calls that are open at the peer. 1,024: one connection hides a round trip of a millisecond at a million calls
    /// a second; what is beyond it would only wait in the peer's buffers, where it costs a cancel to take it back. No
    /// more than the server serves, or it refuses them. 0 counts as 1.
    pub in_flight_max: usize,
    /// Most calls that wait for a place among those in flight; further ones are refused, not begun. 1,024: as many again
    /// as are in flight, so that a burst is smoothed and a peer that has stopped is noticed. With 0 none ever waits.
    pub queue_max: usize,
    /// Credit that each body begins with, in bytes, in both directions; both ends must have the same, by agreement of
    /// the protocol, and 0 counts as 1. 64 KiB.
    pub window_bytes: u32,
    /// Most bytes that are encoded and not taken by the peer. 64 KiB, about what one write can hand to a socket.
    /// One request may go beyond it.
    pub write_bytes_max: usize,
    /// After so long without a sign of life of the peer, while calls are open, it is asked for one. A word of it is one, and
    /// so is each byte that it takes while more wait. 20 s: soon enough to notice that a machine is gone before its
    /// callers' usual time limits of a minute. `None` asks never, which protocols without pings need.
    pub ping_interval: Option<Duration>,
    /// How long it may take for a sign of life to come; then the connection is lost. 10 s: a peer that is stopped for a
    /// moment survives it.
    pub ping_timeout: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            accept: server::Config::default(),
            in_flight_max: 1024,
            window_bytes: WINDOW_BYTES,
            write_bytes_max: 64 * 1024,
            write_timeout: Duration::from_secs(30),
            frame_timeout: Duration::from_secs(30),
            idle_timeout: None,
            ping_interval: Some(PING_INTERVAL),
            ping_timeout: PING_TIMEOUT,
            stats: Stats::default(),
        }
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            in_flight_max: 1024,
            queue_max: 1024,
            window_bytes: WINDOW_BYTES,
            write_bytes_max: 64 * 1024,
            ping_interval: Some(PING_INTERVAL),
            ping_timeout: PING_TIMEOUT,
        }
    }
}

// The reasons are at the fields.
const WINDOW_BYTES: u32 = 64 * 1024;
const PING_INTERVAL: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);
