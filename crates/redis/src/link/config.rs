//! The knobs of a client: [`Config`].

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use ekiden_middleware::ReconnectConfig;
use ekiden_proto::pipeline::ClientConfig;

use crate::resp::Limits;

/// How a client connects and behaves. It holds for all of its connections: the shared one, and those that commands,
/// callers and subscribers have to themselves.
///
/// ```
/// use ekiden_redis::client::Config;
///
/// let mut config = Config::default();
/// config.password = Some("hunter2".into());
/// config.database = 3;
/// config.client_name = Some("billing".into());
/// assert!(!format!("{config:?}").contains("hunter2"));
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct Config {
    /// Whom to log in as. `None`: as the `default` user.
    pub username: Option<String>,
    /// The password of that user. `None`: with an empty one if there is a user, who may have none (`nopass`); else without logging
    /// in, as a server that nobody has closed expects.
    pub password: Option<String>,
    /// Which data base is selected. 0, as everywhere.
    pub database: u32,
    /// What the connections are called, in `CLIENT LIST` of the server. `None`: nothing.
    pub client_name: Option<String>,
    /// The version of RESP to speak. 3, and 2 with a server that does not know 3.
    pub protocol: Protocol,
    /// Have the server say which keys have changed that were read over the shared connection: see
    /// [`Client::invalidations`](crate::Client::invalidations). `None`: it costs the server memory for each key that is read.
    pub tracking: Option<Tracking>,
    /// How long an attempt to connect may take, with look-up, connect and greeting; how long is waited between two;
    /// and how long and how many calls wait for it. Its defaults are explained there, but for the number of calls that wait:
    /// 16 Ki, as in the queue of [`dispatch`](Self::dispatch).
    pub reconnect: ReconnectConfig,
    /// How many calls may be in flight on a connection and how many may wait for that. Its defaults are explained there, but
    /// for the queue: 16 Ki. A burst of ten thousand tasks that ask at once is usual for a cache, whose server answers them all
    /// in some tens of milliseconds, and the commands take a few megabytes while they wait. Further calls are refused, not
    /// begun.
    pub dispatch: ClientConfig,
    /// Longest that the server may owe answers on the shared connection and send nothing, nor take anything of what it is sent,
    /// where it has to take something before more can be; then the connection is given up,
    /// its calls fail, and the next one makes another. 60 s: longer than what a server should do in one piece, and a server
    /// that has vanished is noticed, which the system takes a quarter of an hour for. `None` where scripts or the like take
    /// longer, or ask them of a [`Dedicated`](crate::Dedicated) connection: those, and commands that block, know no such limit.
    pub silence_max: Option<Duration>,
    /// How large replies may be, in one piece and in depth. One beyond it ends the connection that it comes on, and all the calls
    /// that wait there are lost with it.
    pub limits: Limits,
    /// Most connections that commands which block may have at the same time, each one; further calls are refused, not
    /// begun. 256: a worker has one or two, and a server takes 10,000 clients by default.
    pub blocking_max: usize,
    /// Most connections that are kept for the next command that blocks. 8: as many workers as wait in turn find one, and
    /// no crowd is kept after a burst.
    pub blocking_idle_max: usize,
    /// Most messages that are kept while a subscriber waits for its subscription to be confirmed; beyond it the oldest are
    /// given up, and [`Missed`](crate::Event::Missed) stands in their place. 1,024. While a subscriber is asked for
    /// messages it keeps none: what it does not take stays with the server, which hangs up on those who fall back too far
    /// (`client-output-buffer-limit`).
    pub messages_max: usize,
    /// Most keys that wait to be told as changed; beyond it they are given up, and
    /// [`All`](crate::Invalidation::All) stands in their place. 16 Ki: about a megabyte.
    pub invalidations_max: usize,
}

/// The version of RESP that a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// Version 3 with a server that knows it (Redis 6 and later), else version 2.
    #[default]
    Resp3,
    /// Version 2: for what stands between and does not know version 3.
    Resp2,
}

/// Which keys the server tells about. See
/// <https://redis.io/docs/latest/develop/reference/client-side-caching/>.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tracking {
    /// Tell about all keys that begin with one of these, whoever has read them; while somebody listens, the shared connection
    /// is then made, and made anew when it is lost, though nobody calls. None: about those that were read over the shared
    /// connection, for which the next call makes one.
    pub prefixes: Vec<Bytes>,
    /// Do not tell about what was changed over the shared connection itself. `false`: it was changed by another task, maybe.
    pub no_loop: bool,
}

/// Most calls that wait, for a connection or behind others.
const QUEUE_MAX: usize = 16 * 1024;

impl Default for Config {
    fn default() -> Self {
        let (mut reconnect, mut dispatch) = (ReconnectConfig::default(), ClientConfig::default());
        (reconnect.waiting_max, dispatch.queue_max) = (QUEUE_MAX, QUEUE_MAX);
        Self {
            username: None,
            password: None,
            database: 0,
            client_name: None,
            protocol: Protocol::Resp3,
            tracking: None,
            reconnect,
            dispatch,
            silence_max: Some(Duration::from_secs(60)),
            limits: Limits::of_replies(),
            blocking_max: 256,
            blocking_idle_max: 8,
            messages_max: 1024,
            invalidations_max: 16 * 1024,
        }
    }
}

impl Config {
    /// Whether keys are told about that were read over whatever connection.
    pub(crate) fn tells_whoever_reads(&self) -> bool {
        self.tracking.as_ref().is_some_and(|tracking| !tracking.prefixes.is_empty())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("username", &self.username)
            .field("password", &self.password.as_ref().map(|_| "…"))
            .field("database", &self.database)
            .field("client_name", &self.client_name)
            .field("protocol", &self.protocol)
            .field("tracking", &self.tracking)
            .finish_non_exhaustive()
    }
}
