//! The byte stream under a client: TCP or a Unix socket. [`Socket`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ekiden_reactor::net::{Keepalive, TcpStream, UnixStream};
use futures_io::{AsyncRead, AsyncWrite};

use super::address::Address;

#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Socket {
    pub(crate) async fn connect(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(addr) => {
                let stream = TcpStream::connect(&addr[..]).await?;
                // A subscriber, and a call that blocks, may rightly hear nothing for hours, so no time-out of ours says that
                // the server is gone: the system does, after two minutes without an answer to its probes, or to what was
                // sent, while it does not probe.
                unless_absent(stream.set_keepalive(Some(&Keepalive::default())))?;
                unless_absent(stream.set_user_timeout(Some(UNACKNOWLEDGED_MAX)))?;
                Ok(Self::Tcp(stream))
            }
            Address::Unix(path) => Ok(Self::Unix(UnixStream::connect(path).await?)),
        }
    }
}

/// As long as the probes take by default.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(120);

/// Another system, or a world that a test has made up, may not have an option.
fn unless_absent(set: io::Result<()>) -> io::Result<()> {
    set.or_else(|error| if error.kind() == io::ErrorKind::Unsupported { Ok(()) } else { Err(error) })
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => TcpStream::poll_read(stream, cx, buf),
            Self::Unix(stream) => UnixStream::poll_read(stream, cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => TcpStream::poll_write(stream, cx, buf),
            Self::Unix(stream) => UnixStream::poll_write(stream, cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_close(cx),
            Self::Unix(stream) => Pin::new(stream).poll_close(cx),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekiden_reactor::net::TcpListener;

    #[test]
    fn a_server_that_vanishes_is_missed_whether_or_not_something_is_under_way() {
        ekiden_reactor::run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap().into();
            let Socket::Tcp(stream) = Socket::connect(&address).await.unwrap() else { panic!("it is TCP") };
            assert_eq!(stream.keepalive().unwrap(), Some(Keepalive::default()));
            let Keepalive { idle, interval, probes, .. } = Keepalive::default();
            assert_eq!(idle + interval * probes, UNACKNOWLEDGED_MAX);
            if cfg!(target_os = "linux") {
                assert_eq!(stream.user_timeout().unwrap(), Some(UNACKNOWLEDGED_MAX));
            }
        });
    }
}
