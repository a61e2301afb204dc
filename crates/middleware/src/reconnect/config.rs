//! The knobs of a [`Reconnect`](super::Reconnect).

use std::time::Duration;

use ekiden_reactor::entropy;

use crate::Backoff;

/// How a [`Reconnect`](super::Reconnect) behaves while there is no connection.
///
/// ```
/// use ekiden_middleware::{ReconnectConfig, WhileApart};
/// use std::time::Duration;
///
/// let mut config = ReconnectConfig::default();
/// config.connect_timeout = Duration::from_secs(1);
/// config.while_apart = WhileApart::Refuse;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ReconnectConfig {
    /// Longest that one attempt to connect may take, with all that the connector does in it: look-up, connect,
    /// handshake. 5 s: a segment that begins a connection and is lost is sent again after one second and after three, so
    /// two may be lost.
    pub connect_timeout: Duration,
    /// The pauses between attempts. From 100 ms to 10 s, each up to twice as long as the one before; [`Backoff`] has the
    /// reasons.
    pub backoff: Backoff,
    /// Most calls that wait for a connection; further ones are refused, not begun. 1,024, as wait in the queue of a
    /// connection: a burst is smoothed, and when the peer is back it does not meet all that was asked meanwhile.
    pub waiting_max: usize,
    /// Longest that a call waits for a connection, whatever time its caller has. 10 s: the restart of a peer is not
    /// noticed, and who has the wrong address is told so.
    pub wait_timeout: Duration,
    /// What becomes of calls while attempts fail. To wait, since behind this there is one peer and nobody else to ask: a
    /// refusal would make an outage of each restart. An attempt that failed by the fault of this end is told at once
    /// anyway.
    pub while_apart: WhileApart,
}

/// What becomes of calls when an attempt to connect has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhileApart {
    /// They wait, through pauses and further attempts, until there is a connection or their time is over.
    Wait,
    /// They fail with what the attempt failed with; until the pause is over, further ones fail with the same, at once.
    ///
    /// For one of several peers behind a balancer, and where a late answer is worth no more than none.
    Refuse,
}

impl ReconnectConfig {
    /// How long to wait after so many failures in a row: that of [`backoff`](Self::backoff), with its chance drawn.
    ///
    /// For whoever connects anew in a way of his own, such as on behalf of a stream.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    #[must_use]
    pub fn pause(&self, failures: u32) -> Duration {
        let mut chance = [0; 8];
        let drawn = entropy(&mut chance).map(|()| u64::from_ne_bytes(chance));
        // Without chance the longest pause: it is those who come too soon who do harm.
        self.backoff.pause(failures, drawn.unwrap_or(u64::MAX))
    }
}

impl Default for ReconnectConfig {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            backoff: Backoff::default(),
            waiting_max: 1024,
            wait_timeout: Duration::from_secs(10),
            while_apart: WhileApart::Wait,
        }
    }
}
