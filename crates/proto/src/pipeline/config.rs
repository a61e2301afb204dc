//! The knobs of both ends.

use std::time::Duration;

use crate::server;

/// How a server treats its pipelined connections.
///
/// ```
/// use std::time::Duration;
///
/// let mut config = ekiden_proto::pipeline::ServerConfig::default();
/// config.idle_timeout = Some(Duration::from_secs(60));
/// config.accept.connections_max = 1_000;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ServerConfig {
    /// How connections are accepted, how many there may be, and how long a drain may take.
    pub accept: server::Config,
    /// Most requests of one connection that are begun and whose replies have not left. Beyond it nothing is read, and
    /// the peer feels it. 64: plenty to keep a core busy, and one peer cannot have all of a service to itself. With
    /// 1, requests are served strictly one after the other. 0 counts as 1.
    pub in_flight_max: usize,
    /// Most bytes that the requests of one connection may have taken on the wire that are begun and not done; beyond it nothing
    /// is read, and the peer feels it. One request may go beyond it, so how long one may be remains the codec's to say. 16 MiB:
    /// a quarter of a megabyte for each that may be in flight. Without it one peer could have as many in memory, each as long as
    /// the codec lets one be, which for RESP is 4 GiB. Of a message with a body only the head counts;
    /// [`body_bytes_max`](Self::body_bytes_max) is for the rest.
    pub in_flight_bytes_max: usize,
    /// Most bytes of replies that wait for the peer to take them; beyond it, further replies wait in their order and
    /// soon nothing is read. 64 KiB, about what one write can hand to a socket. One reply may go beyond it.
    pub write_bytes_max: usize,
    /// Longest that the peer may take nothing of what waits for it. 30 s: a network that recovers does so by then,
    /// and whoever has stopped reading does not hold a connection for ever.
    pub write_timeout: Duration,
    /// Longest from the first byte of a request to its last, while we wait for it. 30 s, as for the other direction: a
    /// request is made before it is sent, so it takes as long as the network does. Raise it for frames of many
    /// megabytes over slow lines.
    pub frame_timeout: Duration,
    /// Longest that a connection may have nothing under way and bring no request. Only requests count, not what a decoder
    /// passes over; a frame that is just coming when the time is over is waited for. `None`, for ever: peers of such
    /// protocols are mostly programs that keep their connections, and the number of connections has a limit of its
    /// own. Set it where strangers connect.
    pub idle_timeout: Option<Duration>,
    /// Most bytes of a request's body that wait for the service to read them, and one chunk more; then nothing is read, and
    /// the peer feels it. 64 KiB: enough to fill a pipe of half a millisecond at 128 MB a second. 0 counts as 1. For
    /// messages that are one frame it means nothing.
    pub body_bytes_max: u32,
}

/// How a [`Client`](super::Client) behaves.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ClientConfig {
    /// Most requests that are sent and not answered. 1,024: one connection hides a round trip of a millisecond at
    /// a million calls a second; what is beyond it would only wait in the peer's buffers, where it cannot be taken
    /// back. 0 counts as 1.
    pub in_flight_max: usize,
    /// Most calls that wait for a place among those in flight; further ones are refused, not begun. 1,024: as many again
    /// as are in flight, so that a burst is smoothed and a peer that has stopped is noticed. With 0 none ever waits.
    pub queue_max: usize,
    /// Most bytes that are encoded and not taken by the peer. 64 KiB, about what one write can hand to a socket.
    /// One request may go beyond it.
    pub write_bytes_max: usize,
    /// Most bytes of a reply's body that wait for the caller to read them, and one chunk more; then nothing is read, and
    /// the replies behind it wait too. 64 KiB, as at the server.
    pub body_bytes_max: u32,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            accept: server::Config::default(),
            in_flight_max: 64,
            in_flight_bytes_max: 16 * 1024 * 1024,
            write_bytes_max: 64 * 1024,
            write_timeout: Duration::from_secs(30),
            frame_timeout: Duration::from_secs(30),
            idle_timeout: None,
            body_bytes_max: 64 * 1024,
        }
    }
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self { in_flight_max: 1024, queue_max: 1024, write_bytes_max: 64 * 1024, body_bytes_max: 64 * 1024 }
    }
}
