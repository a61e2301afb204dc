//! The knobs of a server: [`Config`].

use ekiden_proto::pipeline::ServerConfig;

use crate::resp::Limits;

/// How a server treats its connections.
///
/// ```
/// let mut config = ekiden_redis::server::Config::default();
/// config.limits.frame_bytes_max = 1024 * 1024;
/// config.dispatch.in_flight_max = 64; // a proxy, whose calls wait for somebody else
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What is the same for every protocol whose replies keep their order: how connections are accepted, how many there may
    /// be, and their times and limits. Its defaults are explained there,
    /// but for one: commands of a connection are served one after the other, as clients of Redis expect, so
    /// `in_flight_max` is 1. Raise it for a service that waits for others and whose commands may overtake each other; the
    /// replies keep their order all the same, and `in_flight_bytes_max` holds for their arguments together.
    pub dispatch: ServerConfig,
    /// How large requests may be.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        let mut dispatch = ServerConfig::default();
        dispatch.in_flight_max = 1;
        Self { dispatch, limits: Limits::of_requests() }
    }
}
