//! The world's TCP sockets, as a reactor holds them: names of what is in the world.

use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};

use ekiden_reactor::driver::{
    ConnectOptions, Keepalive, ListenOptions, OtherTcpListener, OtherTcpStream, TcpListener, TcpOptions,
    TcpStream, Token,
};

use crate::journal::{EndId, HostId};
use crate::world::Shared;
use crate::world::errno::Errno;
use crate::world::tcp::ListenerId;

pub(super) fn listen(
    world: &Shared,
    host: HostId,
    addr: SocketAddr,
    options: &ListenOptions,
    token: Token,
) -> io::Result<TcpListener> {
    let (id, addr) = world.lock().listen(host, addr, options, token)?;
    Ok(TcpListener::Other(Box::new(Listener { world: world.clone(), id, addr, token: Some(token) })))
}

pub(super) fn connect(
    world: &Shared,
    host: HostId,
    addr: SocketAddr,
    options: &ConnectOptions,
    token: Token,
) -> io::Result<TcpStream> {
    let id = world.lock().connect(host, addr, token)?;
    world.lock().set_nodelay(id, options.nodelay)?;
    if options.keepalive.is_some() {
        world.lock().set_keepalive(id, options.keepalive.clone());
    }
    Ok(TcpStream::Other(Box::new(Stream { world: world.clone(), id })))
}

#[derive(Debug)]
struct Listener {
    world: Shared,
    id: ListenerId,
    addr: SocketAddr,
    /// From when it is taken up, if it was shared.
    token: Option<Token>,
}

impl OtherTcpListener for Listener {
    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (id, peer) = self.world.lock().accept(self.id)?;
        Ok((TcpStream::Other(Box::new(Stream { world: self.world.clone(), id })), peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
    }

    fn share(&self) -> io::Result<Box<dyn OtherTcpListener>> {
        self.world.lock().share_listener(self.id)?;
        Ok(Box::new(Self { world: self.world.clone(), id: self.id, addr: self.addr, token: None }))
    }

    fn register(&mut self, token: Token) -> io::Result<()> {
        let token = self.world.lock().token_here(token);
        self.token = Some(token);
        self.world.lock().take_up_listener(self.id, token);
        Ok(())
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.world.lock().release_listener(self.id, self.token);
    }
}

#[derive(Debug)]
struct Stream {
    world: Shared,
    id: EndId,
}

impl OtherTcpStream for Stream {
    fn register(&mut self, token: Token) -> io::Result<()> {
        let token = self.world.lock().token_here(token);
        self.world.lock().take_up(self.id, token);
        Ok(())
    }

    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        self.world.lock().read(self.id, buf)
    }

    fn write(&self, buf: &[u8]) -> io::Result<usize> {
        self.world.lock().write(self.id, &[IoSlice::new(buf)])
    }

    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.world.lock().write(self.id, bufs)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.world.lock().shut(self.id, how)
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.world.lock().addrs(self.id).1.ok_or_else(|| Errno::NotConnected.into())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.world.lock().addrs(self.id).0.ok_or_else(|| Errno::NotConnected.into())
    }

    fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.world.lock().set_nodelay(self.id, nodelay)
    }

    fn nodelay(&self) -> io::Result<bool> {
        self.world.lock().nodelay(self.id)
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(self.world.lock().take_error(self.id))
    }

    fn options(&self) -> &dyn TcpOptions {
        self
    }
}

/// The others are the driver's own error.
impl TcpOptions for Stream {
    fn set_keepalive(&self, keepalive: Option<&Keepalive>) -> io::Result<()> {
        self.world.lock().set_keepalive(self.id, keepalive.cloned());
        Ok(())
    }

    fn keepalive(&self) -> io::Result<Option<Keepalive>> {
        Ok(self.world.lock().keepalive(self.id))
    }

    fn set_zero_linger(&self) -> io::Result<()> {
        self.world.lock().set_reset_when_closed(self.id);
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.world.lock().close(self.id);
    }
}
