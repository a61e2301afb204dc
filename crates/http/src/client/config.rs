//! The knobs of a client connection.

use std::time::Duration;

use http::uri::Authority;

use crate::head::Limits;

/// How a [`Client`](super::Client) behaves.
///
/// There is no limit on the time of a call as a whole: put a `Timeout` around the client for that. What is here
/// keeps a peer that has gone silent from holding a connection, and its callers, for ever.
///
/// ```
/// use ekiden_http::client::Config;
///
/// let mut config = Config::default();
/// config.queue_max = 8;
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// The host, and the port if it is not the usual one, that requests are meant for which name none: neither
    /// in their URI nor in a `Host` header. `Client::connect` sets it to the address it connects to, if it is
    /// not set; a client over a stream that was made elsewhere has none.
    pub authority: Option<Authority>,
    /// How the target of a request is written: `Origin`, for servers, unless this connection leads to a proxy.
    pub target_form: TargetForm,
    /// How many calls wait for the connection besides the one that is on it. One more is refused. 64: at a
    /// millisecond a call, the last one waits for less than a tenth of a second.
    pub queue_max: usize,
    /// How large a response's head may be, and how many fields it may have. More than servers accept of
    /// requests, since one chooses whom one calls: 60 KiB and 200 fields.
    pub head: Limits,
    /// Longest that `Client::connect` may take. 10 seconds: a lost SYN is sent again after one, three and seven.
    pub connect_timeout: Duration,
    /// Longest from the last byte of the request to the head of the response. 5 minutes: longer than any proxy
    /// between here and there would wait, so this finds connections that are dead, and not calls that are slow.
    /// `None` if they may take longer still.
    pub answer_timeout: Option<Duration>,
    /// Longest between two pieces of a response's body, while we want to read. 30 seconds: as long as TCP needs to
    /// get over a handful of losses in a row.
    pub body_timeout: Duration,
    /// Longest that the peer may take no byte of what we have for it. 30 seconds, as for reading.
    pub write_timeout: Duration,
    /// Longest to wait for `100 Continue` before the body is sent all the same, since not every server knows of
    /// it. One second, as curl does.
    pub continue_timeout: Duration,
    /// How much of a response's body that nobody reads any more is read and thrown away to keep the connection.
    /// 64 KiB: about what is on its way already; more costs more than a new connection.
    pub unread_bytes_max: u64,
}

/// How the target of a request is written (RFC 9112, section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TargetForm {
    /// `GET /path?query`, for servers.
    Origin,
    /// `GET http://host/path?query`, for proxies.
    Absolute,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            authority: None,
            target_form: TargetForm::Origin,
            queue_max: 64,
            head: Limits { head_bytes_max: 60 * 1024, headers_max: 200 },
            connect_timeout: Duration::from_secs(10),
            answer_timeout: Some(Duration::from_secs(5 * 60)),
            body_timeout: Duration::from_secs(30),
            write_timeout: Duration::from_secs(30),
            continue_timeout: Duration::from_secs(1),
            unread_bytes_max: 64 * 1024,
        }
    }
}
