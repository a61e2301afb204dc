//! What a source is, for whoever lists who waits for it.
//!
//! Every idle connection has one, so it is no text, and costs no system call and no allocation where that can be: what is
//! brief is kept as a [`Brief`], the address of an IPv4 peer as its six bytes; what is seldom or long is in a box.

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
    TcpV6(SocketAddrV6),
    /// A Unix stream. Its peer seldom has a name.
    Unix,
    /// What accepts connections, and where.
    Listener(Box<str>),
    /// What receives and sends datagrams, and where.
    Datagrams(Box<str>),
    /// A child process, by its number.
    Child(u32),
    /// A pipe to or from one.
    Pipe(u32),
}

/// What is brief of it, in seven bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Brief {
    /// What is to be said is elsewhere, as it is not brief.
    Long,
    #[default]
    Custom,
    TcpV4([u8; 4], [u8; 2]),
    Unix,
    Child([u8; 4]),
    Pipe([u8; 4]),
}

impl Brief {
    /// `None` for what is long.
    pub(crate) fn about(self) -> Option<About> {
        Some(match self {
            Self::Long => return None,
            Self::Custom => About::Custom,
            Self::TcpV4(ip, port) => About::TcpV4(ip.into(), u16::from_ne_bytes(port)),
            Self::Unix => About::Unix,
            Self::Child(id) => About::Child(u32::from_ne_bytes(id)),
            Self::Pipe(id) => About::Pipe(u32::from_ne_bytes(id)),
        })
    }
}

impl From<&About> for Brief {
    fn from(about: &About) -> Self {
        match about {
            About::TcpV6(_) | About::Listener(_) | About::Datagrams(_) => Self::Long,
            About::Custom => Self::Custom,
            About::TcpV4(ip, port) => Self::TcpV4(ip.octets(), port.to_ne_bytes()),
            About::Unix => Self::Unix,
            About::Child(id) => Self::Child(id.to_ne_bytes()),
            About::Pipe(id) => Self::Pipe(id.to_ne_bytes()),
        }
    }
}

impl About {
    pub(crate) fn tcp(peer: SocketAddr) -> Self {
        match peer {
            SocketAddr::V4(peer) => Self::TcpV4(*peer.ip(), peer.port()),
            SocketAddr::V6(peer) => match peer.ip().to_ipv4_mapped() {
                Some(ip) => Self::TcpV4(ip, peer.port()),
                None => Self::TcpV6(peer),
            },
        }
    }

    pub(crate) fn listener(what: fmt::Arguments<'_>) -> Self {
        Self::Listener(what.to_string().into())
    }

    pub(crate) fn datagrams(what: fmt::Arguments<'_>) -> Self {
        Self::Datagrams(what.to_string().into())
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
    fn what_is_brief_is_kept_whole() {
        let tcp = About::tcp("10.0.0.7:5432".parse().unwrap());
        for about in [About::Custom, tcp, About::Unix, About::Child(70_000), About::Pipe(70_001)] {
            let kept = Brief::from(&about).about().expect("it is brief");
            assert_eq!(kept.to_string(), about.to_string());
        }
        assert!(Brief::from(&About::tcp("[2001:db8::7]:5432".parse().unwrap())).about().is_none());
    }

    #[test]
    fn it_is_small() {
        assert_eq!((size_of::<Brief>(), align_of::<Brief>()), (7, 1));
    }
}
