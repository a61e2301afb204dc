//! Where a server is: [`Address`].

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Where a Redis server is: a host and a port, or a Unix socket.
///
/// ```
/// use ekiden_redis::client::Address;
///
/// assert_eq!(Address::from("localhost:6379").to_string(), "localhost:6379");
/// assert_eq!(Address::from("/run/redis.sock"), Address::Unix("/run/redis.sock".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A host, by name or number, and a port: `localhost:6379`, `[::1]:6379`.
    Tcp(String),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

/// A text with a slash in it is a path. A URL is none, and no address either: nothing connects to it. It says more than where
/// a server is, so give it to [`Config::from_url`](crate::client::Config::from_url).
impl From<&str> for Address {
    fn from(text: &str) -> Self {
        let is_path = text.contains('/') && !text.contains("://");
        if is_path { Self::Unix(text.into()) } else { Self::Tcp(text.to_owned()) }
    }
}

impl Address {
    /// What is wrong with it, as far as it can be seen.
    pub(super) fn objection(&self) -> Option<&'static str> {
        let Self::Tcp(text) = self else { return None };
        if text.contains("://") {
            return Some(
                "a URL is no address: `Config::from_url` makes an address and a configuration of it",
            );
        }
        let port =
            text.rsplit_once(':').filter(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        port.is_none().then_some("an address is a host and a port, as `localhost:6379`")
    }
}

impl From<String> for Address {
    fn from(text: String) -> Self {
        Self::from(&text[..])
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Self::Tcp(addr.to_string())
    }
}

impl From<&Path> for Address {
    fn from(path: &Path) -> Self {
        Self::Unix(path.to_owned())
    }
}

impl From<PathBuf> for Address {
    fn from(path: PathBuf) -> Self {
        Self::Unix(path)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(addr) => f.write_str(addr),
            Self::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_seen() {
        for text in ["localhost:6379", "10.0.0.7:1", "[::1]:6379", "/run/redis.sock", "./redis.sock"] {
            assert_eq!(Address::from(text).objection(), None, "{text}");
        }
        for text in [
            "redis://localhost:6379",
            "redis+unix:///run/redis.sock",
            "localhost",
            "localhost:redis",
            ":1",
            "",
        ] {
            assert!(Address::from(text).objection().is_some(), "{text}");
        }
    }
}
