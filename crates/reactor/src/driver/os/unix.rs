//! The system's Unix sockets.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use socket2::SockRef;

use super::transfer;
use crate::driver;

/// A Unix stream of the system.
#[derive(Debug)]
pub struct UnixStream(mio::net::UnixStream);

/// A Unix listener of the system.
#[derive(Debug)]
pub struct UnixListener(mio::net::UnixListener);

/// A Unix datagram socket of the system.
#[derive(Debug)]
pub struct UnixDatagram(mio::net::UnixDatagram);

impl UnixListener {
    pub(super) fn new(listener: mio::net::UnixListener) -> Self {
        Self(listener)
    }

    /// Another socket of the same queue of streams, which is not registered.
    pub(crate) fn share(&self) -> io::Result<Self> {
        let socket = SockRef::from(&self.0).try_clone()?;
        Ok(Self(mio::net::UnixListener::from_std(socket.into())))
    }

    pub(super) fn as_mio(&mut self) -> &mut mio::net::UnixListener {
        &mut self.0
    }

    pub(crate) fn accept(&self) -> io::Result<(driver::UnixStream, SocketAddr)> {
        let (stream, peer) = self.0.accept()?;
        Ok((driver::UnixStream::Os(UnixStream(stream)), peer))
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl UnixStream {
    pub(super) fn new(stream: mio::net::UnixStream) -> Self {
        Self(stream)
    }

    pub(super) fn as_mio(&mut self) -> &mut mio::net::UnixStream {
        &mut self.0
    }

    pub(crate) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        transfer::read(&self.0, buf)
    }

    pub(crate) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        transfer::write(&self.0, buf)
    }

    pub(crate) fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        transfer::write_vectored(&self.0, bufs)
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl UnixDatagram {
    pub(super) fn new(socket: mio::net::UnixDatagram) -> Self {
        Self(socket)
    }

    pub(super) fn as_mio(&mut self) -> &mut mio::net::UnixDatagram {
        &mut self.0
    }

    pub(crate) fn connect(&self, path: &Path) -> io::Result<()> {
        self.0.connect(path)
    }

    pub(crate) fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.recv(buf)
    }

    pub(crate) fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.0.recv_from(buf)
    }

    pub(crate) fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.0.send(buf)
    }

    pub(crate) fn send_to(&self, buf: &[u8], path: &Path) -> io::Result<usize> {
        self.0.send_to(buf, path)
    }

    pub(crate) fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }

    pub(crate) fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}
