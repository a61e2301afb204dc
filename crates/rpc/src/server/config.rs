//! The knobs of a server.

use std::time::Duration;

use ekiden_proto::multiplex;

use crate::format::{Format, MessagePack};
use crate::knobs::{self, FRAME_BYTES_MAX, HANDSHAKE_TIMEOUT};
use crate::wire::Settings;

/// How a server treats its connections.
///
/// ```
/// use std::time::Duration;
///
/// let mut config = ekiden_rpc::server::Config::default();
/// config.frame_bytes_max = 16 << 20;
/// config.dispatch.idle_timeout = Some(Duration::from_secs(60));
/// config.dispatch.accept.connections_max = 1_000;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What is the same for every protocol with ids: how connections are accepted and drained, how many calls may be open
    /// on one, how much of a stream may be under way, all time-outs but that of the handshake, and the counters. Of calls
    /// (`in_flight_max`) and of a stream's bytes (`window_bytes`) one is the least.
    pub dispatch: multiplex::ServerConfig,
    /// Most bytes of a frame that a client may send: of a call's arguments, and of one item of a stream. 4 MiB: what
    /// is longer is better a stream. A client is told, and fails what is longer by itself. Least is 1 KiB.
    pub frame_bytes_max: u32,
    /// How long a client may take to say who it is. 10 s: it has nothing to wait for but the network.
    pub handshake_timeout: Duration,
    /// Whether frames have checksums, if the client would have them too: CRC-32, of each frame. A frame that was changed on its
    /// way ends the connection then, and nothing is begun of what was not asked. Off: TLS has a far better one, and TCP one of
    /// 16 bits, which is enough where links have theirs. On if bytes go far without TLS, through machines that are not yours.
    /// By callgrind a frame costs either end some 200 instructions more if it is short, and 700 if it is a KiB.
    pub checksums: bool,
    /// The [code](Format::CODE) of the format that the service has its arguments and results in. That of
    /// [`MessagePack`]. Clients of another are told so, and turned away.
    pub format: u32,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dispatch: multiplex::ServerConfig::default(),
            frame_bytes_max: FRAME_BYTES_MAX,
            handshake_timeout: HANDSHAKE_TIMEOUT,
            checksums: false,
            format: MessagePack::CODE,
        }
    }
}

impl Config {
    /// Panics if no client could speak with it.
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
