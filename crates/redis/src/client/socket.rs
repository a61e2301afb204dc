//! The byte stream under a client: TCP or a Unix socket. [`Socket`].

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

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
                // the server is gone: the system does, after two minutes without an answer to its probes.
                match stream.set_keepalive(Some(&Keepalive::default())) {
                    // A world that a test has made up may have none.
                    Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
                    _ => Ok(Self::Tcp(stream)),
                }
            }
            Address::Unix(path) => Ok(Self::Unix(UnixStream::connect(path).await?)),
        }
    }
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
