//! What can be chosen of a TCP socket: before it is opened, and after.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::absent;

/// How to listen.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ListenOptions {
    /// How many connections the kernel holds that were not accepted yet. 1,024: a burst of new clients waits instead
    /// of being turned away; the system may have a lower limit of its own (`net.core.somaxconn` on Linux).
    pub backlog: u32,
    /// `SO_REUSEADDR`. On: a restarted server need not wait for the last minute's connections to be forgotten.
    pub reuse_address: bool,
    /// `SO_REUSEPORT`. Off: that another program listens on the port is an error that somebody should see. Several
    /// listeners that all set it share the port, and the kernel deals out the connections.
    pub reuse_port: bool,
    /// `TCP_NODELAY` on what is accepted. On: small answers leave at once, as each protocol here writes all that it
    /// has by one call and gains nothing by waiting.
    pub nodelay: bool,
    /// Probes on what is accepted, so that a client that vanished is noticed. `None`: what is served has time-outs of
    /// its own, which notice sooner.
    pub keepalive: Option<Keepalive>,
    /// `SO_RCVBUF` of what is accepted. `None`: the system's, which grows by itself on Linux until a size is set.
    pub recv_buffer_bytes: Option<usize>,
    /// `SO_SNDBUF` of what is accepted. `None`: as above.
    pub send_buffer_bytes: Option<usize>,
}

impl Default for ListenOptions {
    fn default() -> Self {
        Self {
            backlog: 1024,
            reuse_address: true,
            reuse_port: false,
            nodelay: true,
            keepalive: None,
            recv_buffer_bytes: None,
            send_buffer_bytes: None,
        }
    }
}

/// How to connect.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectOptions {
    /// This end's address; port 0 lets the system choose the port. `None`: the system chooses both.
    pub local_addr: Option<SocketAddr>,
    /// `SO_REUSEADDR`. Off; only of use with a `local_addr` that names a port.
    pub reuse_address: bool,
    /// `SO_REUSEPORT`. Off; only of use with a `local_addr` that names a port.
    pub reuse_port: bool,
    /// `TCP_NODELAY`. On: small requests leave at once, as each protocol here writes all that it has by one call.
    pub nodelay: bool,
    /// How long an address may not answer before the next one is tried beside it, where a name stands for several. 250
    /// ms, as RFC 8305 recommends: longer than most round trips, and a delay that a user hardly feels.
    pub attempt_delay: Duration,
    /// Probes, so that a server that vanished is noticed. `None`: calls have time-outs, which notice sooner.
    pub keepalive: Option<Keepalive>,
    /// `SO_RCVBUF`. `None`: the system's, which grows by itself on Linux until a size is set.
    pub recv_buffer_bytes: Option<usize>,
    /// `SO_SNDBUF`. `None`: as above.
    pub send_buffer_bytes: Option<usize>,
}

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            local_addr: None,
            attempt_delay: Duration::from_millis(250),
            reuse_address: false,
            reuse_port: false,
            nodelay: true,
            keepalive: None,
            recv_buffer_bytes: None,
            send_buffer_bytes: None,
        }
    }
}

/// Probes on a connection on which nothing comes, so that a peer is missed that went without a word.
///
/// None is sent while something is under way to the peer: then it is what the system sends again that finds nobody, for a
/// quarter of an hour on Linux, unless [`set_user_timeout`](crate::net::TcpStream::set_user_timeout) says otherwise.
///
/// By default that takes two minutes. The system's own is two hours on Linux: most boxes in between forget a silent
/// connection long before that.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Keepalive {
    /// How long nothing comes before the first probe, in whole seconds. A minute.
    pub idle: Duration,
    /// How long to the next probe, in whole seconds. Ten seconds.
    pub interval: Duration,
    /// After so many without an answer the connection is given up. Six.
    pub probes: u32,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { idle: Duration::from_secs(60), interval: Duration::from_secs(10), probes: 6 }
    }
}

/// What can be set of a TCP connection that stands; see [`OtherTcpStream`](super::OtherTcpStream).
///
/// Each is `Unsupported` where a world does not say otherwise.
#[expect(missing_docs, reason = "each is explained where net::TcpStream has it")]
pub trait TcpOptions {
    fn set_keepalive(&self, _keepalive: Option<&Keepalive>) -> io::Result<()> {
        Err(absent("keepalive"))
    }
    fn keepalive(&self) -> io::Result<Option<Keepalive>> {
        Err(absent("keepalive"))
    }
    fn set_user_timeout(&self, _timeout: Option<Duration>) -> io::Result<()> {
        Err(absent("time-out of what is unacknowledged"))
    }
    fn user_timeout(&self) -> io::Result<Option<Duration>> {
        Err(absent("time-out of what is unacknowledged"))
    }
    fn set_recv_buffer_bytes(&self, _bytes: usize) -> io::Result<()> {
        Err(absent("sizes of buffers"))
    }
    fn recv_buffer_bytes(&self) -> io::Result<usize> {
        Err(absent("sizes of buffers"))
    }
    fn set_send_buffer_bytes(&self, _bytes: usize) -> io::Result<()> {
        Err(absent("sizes of buffers"))
    }
    fn send_buffer_bytes(&self) -> io::Result<usize> {
        Err(absent("sizes of buffers"))
    }
    fn set_ttl(&self, _hops: u32) -> io::Result<()> {
        Err(absent("limit of hops"))
    }
    fn ttl(&self) -> io::Result<u32> {
        Err(absent("limit of hops"))
    }
    fn set_zero_linger(&self) -> io::Result<()> {
        Err(absent("resets"))
    }
}

/// Those of a world that has none.
pub(super) struct NoOptions;

impl TcpOptions for NoOptions {}
