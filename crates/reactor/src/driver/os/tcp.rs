//! The system's TCP sockets.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};

use socket2::{Domain, SockRef, Socket, Type};

use super::options::{prepare_to_connect, prepare_to_listen};
use super::transfer;
use crate::driver::{self, ConnectOptions, ListenOptions};

/// A TCP connection of the system.
#[derive(Debug)]
pub struct TcpStream(mio::net::TcpStream);

/// A TCP listener of the system.
#[derive(Debug)]
pub struct TcpListener(mio::net::TcpListener);

/// Opens a listening socket.
pub(super) fn listen(addr: SocketAddr, options: &ListenOptions) -> io::Result<mio::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    prepare_to_listen(&socket, options)?;
    socket.bind(&addr.into())?;
    socket.listen(i32::try_from(options.backlog).unwrap_or(i32::MAX))?;
    Ok(mio::net::TcpListener::from_std(socket.into()))
}

/// Begins to connect.
pub(super) fn connect(addr: SocketAddr, options: &ConnectOptions) -> io::Result<mio::net::TcpStream> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    prepare_to_connect(&socket, options)?;
    if let Some(local) = options.local_addr {
        socket.bind(&local.into())?;
    }
    match socket.connect(&addr.into()) {
        Err(error) if error.raw_os_error() != Some(EINPROGRESS) => Err(error),
        _ => Ok(mio::net::TcpStream::from_std(socket.into())),
    }
}

impl TcpListener {
    pub(super) fn new(listener: mio::net::TcpListener) -> Self {
        Self(listener)
    }

    /// Another socket of the same queue of connections, which is not registered.
    pub(crate) fn share(&self) -> io::Result<Self> {
        let socket = SockRef::from(&self.0).try_clone()?;
        Ok(Self(mio::net::TcpListener::from_std(socket.into())))
    }

    pub(super) fn as_mio(&mut self) -> &mut mio::net::TcpListener {
        &mut self.0
    }

    pub(crate) fn accept(&self) -> io::Result<(driver::TcpStream, SocketAddr)> {
        let (stream, peer) = self.0.accept()?;
        Ok((driver::TcpStream::Os(TcpStream(stream)), peer))
    }

    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl TcpStream {
    pub(super) fn new(stream: mio::net::TcpStream) -> Self {
        Self(stream)
    }

    pub(super) fn options(&self) -> SockRef<'_> {
        SockRef::from(&self.0)
    }

    pub(super) fn as_mio(&mut self) -> &mut mio::net::TcpStream {
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

    pub(crate) fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.0.set_nodelay(nodelay)
    }

    pub(crate) fn nodelay(&self) -> io::Result<bool> {
        self.0.nodelay()
    }

    pub(crate) fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.0.take_error()
    }
}

/// Says that connecting has begun; std has no name for it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const EINPROGRESS: i32 = 115;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const EINPROGRESS: i32 = 36;
