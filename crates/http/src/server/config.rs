//! The knobs of a server.

use std::time::Duration;

use crate::head::Limits;

/// How a server treats its connections.
///
/// There is no limit on the time a call may take: put a `Timeout` around the service for that. What is here keeps
/// clients from holding connections, memory or files for nothing.
///
/// ```
/// use std::time::Duration;
///
/// let mut config = ekiden_http::server::Config::default();
/// config.idle_timeout = Duration::from_secs(5);
/// config.accept.connections_max = 1_000;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How connections are accepted, how many there may be, and how long a drain may take.
    pub accept: ekiden_proto::server::Config,
    /// How large a request's head may be, and how many fields it may have. 16 KiB and 100. Beyond it the client is
    /// told 431, or 414 if not even the first line fits.
    pub head: Limits,
    /// How many requests of one connection run at once. 16: clients that pipeline seldom go further, and it bounds
    /// what one connection can make a server do. Only requests with safe methods run side by side (RFC 9112,
    /// 9.3.2); any other waits for the answers to those before it. What is more waits in the kernel.
    pub in_flight_max: usize,
    /// How much of a request's body that the service left unread is passed over to keep the connection. 64 KiB:
    /// about what is on its way already; to take more costs more than a new connection.
    pub unread_bytes_max: u64,
    /// Longest from the first byte of a head to its last; then the client is told 408. 30 seconds: a head fits into
    /// a few packets, so this allows for some losses on a bad line, and no more for one who sends a byte a second.
    pub head_timeout: Duration,
    /// Longest that a connection may sit without a request. One minute: as long as the common load balancers keep
    /// one, so most hang up first and no request is lost in the race; raise it if yours keeps them for longer.
    pub idle_timeout: Duration,
    /// Longest between two pieces of a request's body, while there is room for it, whatever comes of their frames; then the service finds its body
    /// broken. 30 seconds: as long as TCP needs to get over a handful of losses in a row.
    pub body_timeout: Duration,
    /// Longest that the client may take no byte of what we have for it; then the connection is dropped. 30 seconds,
    /// as for reading.
    pub write_timeout: Duration,
    /// Longest that a connection is kept, closed for writing, after an answer that the client may not have seen yet
    /// while it is still sending. 2 seconds: some round trips on a bad line; a client that reads the answer closes
    /// at once. What it sends meanwhile is passed over.
    pub linger_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            accept: ekiden_proto::server::Config::default(),
            head: Limits::default(),
            in_flight_max: 16,
            unread_bytes_max: 64 * 1024,
            head_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            linger_timeout: Duration::from_secs(2),
        }
    }
}
