//! The world's Unix sockets, as a reactor holds them.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::Path;

use ekiden_reactor::driver::{
    OtherUnixDatagram, OtherUnixListener, OtherUnixStream, Token, UnixDatagram, UnixListener, UnixStream,
};

use crate::journal::{EndId, HostId};
use crate::world::Shared;
use crate::world::errno::Errno;
use crate::world::unix::Left;

pub(super) fn listen(
    world: &Shared,
    host: HostId,
    addr: &SocketAddr,
    token: Token,
) -> io::Result<UnixListener> {
    let id = world.lock().listen_unix(host, addr, token)?;
    let listener = Listener { world: world.clone(), id, addr: addr.clone(), token: Some(token) };
    Ok(UnixListener::Other(Box::new(listener)))
}

pub(super) fn connect(world: &Shared, host: HostId, addr: &SocketAddr) -> io::Result<UnixStream> {
    let id = world.lock().connect_unix(host, addr)?;
    Ok(stream(world, id))
}

pub(super) fn pair(world: &Shared, host: HostId) -> (UnixStream, UnixStream) {
    let (one, two) = world.lock().unix_pair(host);
    (stream(world, one), stream(world, two))
}

pub(super) fn datagrams(world: &Shared, host: HostId, addr: Option<&SocketAddr>) -> io::Result<UnixDatagram> {
    let id = world.lock().open_unix_datagrams(host, addr)?;
    Ok(socket(world, id))
}

pub(super) fn datagram_pair(world: &Shared, host: HostId) -> io::Result<(UnixDatagram, UnixDatagram)> {
    let (one, two) = world.lock().unix_datagram_pair(host)?;
    Ok((socket(world, one), socket(world, two)))
}

fn stream(world: &Shared, id: EndId) -> UnixStream {
    UnixStream::Other(Box::new(Stream { world: world.clone(), id }))
}

fn socket(world: &Shared, id: EndId) -> UnixDatagram {
    UnixDatagram::Other(Box::new(Socket { world: world.clone(), id }))
}

#[derive(Debug)]
struct Listener {
    world: Shared,
    id: EndId,
    addr: SocketAddr,
    /// From when it is taken up, if it was shared.
    token: Option<Token>,
}

impl OtherUnixListener for Listener {
    fn accept(&self) -> io::Result<(UnixStream, SocketAddr)> {
        let (id, peer) = self.world.lock().accept_unix(self.id)?;
        Ok((stream(&self.world, id), peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr.clone())
    }

    fn share(&self) -> io::Result<Box<dyn OtherUnixListener>> {
        self.world.lock().share_unix_listener(self.id)?;
        Ok(Box::new(Self { world: self.world.clone(), id: self.id, addr: self.addr.clone(), token: None }))
    }

    fn register(&mut self, token: Token) -> io::Result<()> {
        let token = self.world.lock().token_here(token);
        self.token = Some(token);
        self.world.lock().take_up_unix_listener(self.id, token);
        Ok(())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.world.lock().release_unix_listener(self.id, self.token);
    }
}

#[derive(Debug)]
struct Stream {
    world: Shared,
    id: EndId,
}

impl OtherUnixStream for Stream {
    fn register(&mut self, token: Token) -> io::Result<()> {
        let token = self.world.lock().token_here(token);
        self.world.lock().take_up_unix(self.id, token);
        Ok(())
    }

    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.world.lock().read_unix(self.id, buf)
    }

    fn write(&self, buf: &[u8]) -> io::Result<usize> {
        self.world.lock().write_unix(self.id, &[IoSlice::new(buf)])
    }

    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.world.lock().write_unix(self.id, bufs)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.world.lock().shut_unix(self.id, how)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.world.lock().unix_addrs(self.id).map(|(_, peer)| peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.world.lock().unix_addrs(self.id).map(|(local, _)| local)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.world.lock().close_unix_stream(self.id, Left::Unread);
    }
}

#[derive(Debug)]
struct Socket {
    world: Shared,
    id: EndId,
}

impl OtherUnixDatagram for Socket {
    fn register(&mut self, token: Token) -> io::Result<()> {
        let token = self.world.lock().token_here(token);
        self.world.lock().take_up_unix_datagrams(self.id, token);
        Ok(())
    }

    fn connect(&self, path: &Path) -> io::Result<()> {
        let addr = SocketAddr::from_pathname(path)?;
        self.world.lock().connect_unix_datagrams(self.id, &addr)
    }

    fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.recv_from(buf).map(|(n, _)| n)
    }

    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.world.lock().receive_unix(self.id, buf)
    }

    fn send(&self, buf: &[u8]) -> io::Result<usize> {
        self.world.lock().send_unix(self.id, buf, None)
    }

    fn send_to(&self, buf: &[u8], path: &Path) -> io::Result<usize> {
        let addr = SocketAddr::from_pathname(path)?;
        self.world.lock().send_unix(self.id, buf, Some(&addr))
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.world.lock().shut_unix_datagrams(self.id, how)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.world.lock().unix_datagram_addrs(self.id)?.1.ok_or_else(|| Errno::NotConnected.into())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.world.lock().unix_datagram_addrs(self.id).map(|(local, _)| local)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.world.lock().close_unix_datagrams(self.id);
    }
}
