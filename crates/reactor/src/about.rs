//! What a source is, for whoever lists who waits for it.
//!
//! Every idle connection has one, so it is no text, and costs no system call and no allocation where that can be: the
//! address of an IPv4 peer is kept as its six bytes, what is seldom or long is in a box.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::interest::Way;

/// What a source is.
#[derive(Debug, Default)]
pub(crate) enum About {
    /// Whatever its user made it of.
    #[default]
    Custom,
    /// A TCP connection, and its peer.
    TcpV4(Ipv4Addr, u16),
    TcpV6(Box<SocketAddrV6>),
    /// A Unix stream. Its peer seldom has a name.
    Unix,
    /// What accepts connections, and where. The text is in a box of its own, as that is seldom and this is often.
    Listener(Box<Box<str>>),
    /// What receives and sends datagrams, and where.
    Datagrams(Box<Box<str>>),
    /// A child process, by its number.
    Child(u32),
    /// A pipe to or from one.
    Pipe(u32),
}

impl About {
    pub(crate) fn tcp(peer: SocketAddr) -> Self {
        match peer {
            SocketAddr::V4(peer) => Self::TcpV4(*peer.ip(), peer.port()),
            SocketAddr::V6(peer) => match peer.ip().to_ipv4_mapped() {
                Some(ip) => Self::TcpV4(ip, peer.port()),
                None => Self::TcpV6(Box::new(peer)),
            },
        }
    }

    pub(crate) fn listener(what: fmt::Arguments<'_>) -> Self {
        Self::Listener(Box::new(what.to_string().into()))
    }

    pub(crate) fn datagrams(what: fmt::Arguments<'_>) -> Self {
        Self::Datagrams(Box::new(what.to_string().into()))
    }

    pub(crate) fn is_connection(&self) -> bool {
        matches!(self, Self::TcpV4(..) | Self::TcpV6(_) | Self::Unix)
    }

    /// What one who waits for it does.
    pub(crate) fn verb(&self, wait: Wanted) -> &'static str {
        match (self, wait) {
            (Self::Listener(_), Wanted::Use(Way::Read)) => "accept",
            (Self::Datagrams(_), Wanted::Use(Way::Read)) => "recv",
            (Self::Datagrams(_), Wanted::Use(Way::Write)) => "send",
            (Self::Child(_), Wanted::Use(_)) => "wait",
            (_, Wanted::Use(Way::Read)) => "read",
            (_, Wanted::Use(Way::Write)) => "write",
            (_, Wanted::Hangup) => "hangup",
        }
    }
}

/// What somebody waits for at a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Use(Way),
    Hangup,
}

/// `tcp 10.0.0.7:5432`
impl fmt::Display for About {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Custom => write!(f, "source"),
            Self::TcpV4(ip, port) => write!(f, "tcp {}", SocketAddrV4::new(*ip, *port)),
            Self::TcpV6(peer) => write!(f, "tcp {peer}"),
            Self::Unix => write!(f, "unix"),
            Self::Child(id) => write!(f, "process {id}"),
            Self::Pipe(id) => write!(f, "pipe of process {id}"),
            Self::Listener(what) | Self::Datagrams(what) => f.write_str(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_is_said_as_everywhere() {
        for (peer, said) in [
            ("10.0.0.7:5432", "tcp 10.0.0.7:5432"),
            ("[::ffff:10.0.0.7]:5432", "tcp 10.0.0.7:5432"),
            ("[2001:db8::7]:5432", "tcp [2001:db8::7]:5432"),
        ] {
            assert_eq!(About::tcp(peer.parse().unwrap()).to_string(), said);
        }
    }

    #[test]
    fn it_is_small() {
        assert!(size_of::<About>() <= 16);
    }
}
