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

/// A text with a slash in it is a path.
impl From<&str> for Address {
    fn from(text: &str) -> Self {
        if text.contains('/') { Self::Unix(text.into()) } else { Self::Tcp(text.to_owned()) }
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
