//! The knobs of a server.

use std::time::Duration;

/// How a server accepts, and how it ends.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// How many connections may be open at once, those included that were [given away](super::Seat::keep); beyond it new ones
    /// wait in the kernel's queue until one closes, and the operator is told.
    /// 16,384: more than a busy core serves, and few enough that idle ones fit into some megabytes. The limit on
    /// open files is often lower, and is met with patience too.
    pub connections_max: usize,
    /// Whether the server drains by itself when the [shutdown](ekiden_reactor::shutdown) begins. On: a program then
    /// ends well on ctrl-c and on `SIGTERM` with no further line.
    pub drain_on_shutdown: bool,
    /// How long such a drain may take before what is left is dropped, as far as that is the server's to drop. 30 s, as
    /// long as service managers wait before they kill. It includes the seconds that peers have to close, two or three: see
    /// [`Server::drain`](super::Server::drain).
    pub drain_timeout: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self { connections_max: 16_384, drain_on_shutdown: true, drain_timeout: Duration::from_secs(30) }
    }
}
