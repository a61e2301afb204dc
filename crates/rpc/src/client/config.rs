//! The knobs of a client.

use std::time::Duration;

use ekiden_proto::multiplex;

use crate::format::{Format, MessagePack};
use crate::knobs::{self, FRAME_BYTES_MAX, HANDSHAKE_TIMEOUT};
use crate::wire::Settings;

/// How a client treats its connection.
///
/// ```
/// use std::time::Duration;
///
/// let mut config = ekiden_rpc::client::Config::default();
/// config.connect_timeout = Duration::from_secs(2);
/// config.dispatch.queue_max = 0;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What is the same for every protocol with ids: how many calls may be open, how many may wait, how much of a stream may
    /// be under way, and when a server that says nothing is taken for lost. Of calls (`in_flight_max`) and of a stream's bytes
    /// (`window_bytes`) one is the least.
    pub dispatch: multiplex::ClientConfig,
    /// Most bytes of a frame that the server may send: of a result, and of one item of a stream. 4 MiB, as the other way.
    /// The server is told, and fails what is longer by itself. Least is 1 KiB.
    pub frame_bytes_max: u32,
    /// How long connecting may take. 10 s: a segment that begins a connection and is lost is sent again after one second,
    /// three and seven, so three may be lost; and callers have time-outs of their own. `Reconnect` of ekiden-middleware gives
    /// an attempt less by itself: see [`Connector`](super::Connector).
    pub connect_timeout: Duration,
    /// How long the server may take to say who it is, from when it is connected. 10 s: it has nothing to wait for but the
    /// network.
    pub handshake_timeout: Duration,
    /// Whether frames have checksums, if the server would have them too: CRC-32, of each frame. A frame that was changed on its
    /// way ends the connection then, and no caller has the answer of another. Off: TLS has a far better one, and TCP one of
    /// 16 bits, which is enough where links have theirs. On if bytes go far without TLS, through machines that are not yours.
    /// By callgrind a frame costs either end some 200 instructions more if it is short, and 700 if it is a KiB.
    pub checksums: bool,
    /// The [code](Format::CODE) of the format that calls have their arguments and results in. That of [`MessagePack`].
    pub format: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dispatch: multiplex::ClientConfig::default(),
            frame_bytes_max: FRAME_BYTES_MAX,
            connect_timeout: Duration::from_secs(10),
            handshake_timeout: HANDSHAKE_TIMEOUT,
            checksums: false,
            format: MessagePack::CODE,
        }
    }
}

impl Config {
    /// Panics if no server would speak with it.
    pub(super) fn assert_sound(&self) {
        self.settings().assert_sound();
    }

    pub(super) fn settings(&self) -> Settings {
        let dispatch = &self.dispatch;
        knobs::settings(
            self.frame_bytes_max,
            dispatch.in_flight_max,
            dispatch.window_bytes,
            self.format,
            self.checksums,
        )
    }
}
