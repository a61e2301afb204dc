//! The options of the system's sockets.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{SockRef, Socket, TcpKeepalive};

use super::{TcpStream, user_timeout};
use crate::driver::{ConnectOptions, Keepalive, ListenOptions, TcpOptions};

/// Sets what has to be set before a socket listens; what is accepted inherits it, which saves calls per connection.
pub(super) fn prepare_to_listen(socket: &Socket, options: &ListenOptions) -> io::Result<()> {
    reuse(socket, options.reuse_address, options.reuse_port)?;
    buffers(socket, options.recv_buffer_bytes, options.send_buffer_bytes)?;
    tcp(socket, options.nodelay, options.keepalive.as_ref())
}

/// Sets what has to be set before a socket connects.
pub(super) fn prepare_to_connect(socket: &Socket, options: &ConnectOptions) -> io::Result<()> {
    reuse(socket, options.reuse_address, options.reuse_port)?;
    buffers(socket, options.recv_buffer_bytes, options.send_buffer_bytes)?;
    tcp(socket, options.nodelay, options.keepalive.as_ref())
}

fn tcp(socket: &Socket, nodelay: bool, keepalive: Option<&Keepalive>) -> io::Result<()> {
    if let Some(keepalive) = keepalive {
        socket.set_tcp_keepalive(&parameters(keepalive))?;
    }
    socket.set_tcp_nodelay(nodelay)
}

pub(super) fn reuse(socket: &Socket, address: bool, port: bool) -> io::Result<()> {
    if address {
        socket.set_reuse_address(true)?;
    }
    if port {
        socket.set_reuse_port(true)?;
    }
    Ok(())
}

pub(super) fn buffers(socket: &Socket, recv: Option<usize>, send: Option<usize>) -> io::Result<()> {
    if let Some(bytes) = recv {
        socket.set_recv_buffer_size(bytes)?;
    }
    if let Some(bytes) = send {
        socket.set_send_buffer_size(bytes)?;
    }
    Ok(())
}

/// How many routers what is sent may pass: options go by other names in each family of addresses.
pub(super) fn set_ttl(socket: &Socket, local: SocketAddr, hops: u32) -> io::Result<()> {
    if local.is_ipv6() { socket.set_unicast_hops_v6(hops) } else { socket.set_ttl_v4(hops) }
}

pub(super) fn ttl(socket: &Socket, local: SocketAddr) -> io::Result<u32> {
    if local.is_ipv6() { socket.unicast_hops_v6() } else { socket.ttl_v4() }
}

fn parameters(keepalive: &Keepalive) -> TcpKeepalive {
    TcpKeepalive::new()
        .with_time(keepalive.idle)
        .with_interval(keepalive.interval)
        .with_retries(keepalive.probes)
}

impl TcpOptions for TcpStream {
    fn set_keepalive(&self, keepalive: Option<&Keepalive>) -> io::Result<()> {
        match keepalive {
            Some(keepalive) => self.options().set_tcp_keepalive(&parameters(keepalive)),
            None => self.options().set_keepalive(false),
        }
    }

    fn keepalive(&self) -> io::Result<Option<Keepalive>> {
        let socket: SockRef<'_> = self.options();
        if !socket.keepalive()? {
            return Ok(None);
        }
        Ok(Some(Keepalive {
            idle: socket.tcp_keepalive_time()?,
            interval: socket.tcp_keepalive_interval()?,
            probes: socket.tcp_keepalive_retries()?,
        }))
    }

    fn set_user_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        user_timeout::set(&self.options(), timeout)
    }

    fn user_timeout(&self) -> io::Result<Option<Duration>> {
        user_timeout::get(&self.options())
    }

    fn set_recv_buffer_bytes(&self, bytes: usize) -> io::Result<()> {
        self.options().set_recv_buffer_size(bytes)
    }

    fn recv_buffer_bytes(&self) -> io::Result<usize> {
        self.options().recv_buffer_size()
    }

    fn set_send_buffer_bytes(&self, bytes: usize) -> io::Result<()> {
        self.options().set_send_buffer_size(bytes)
    }

    fn send_buffer_bytes(&self) -> io::Result<usize> {
        self.options().send_buffer_size()
    }

    fn set_ttl(&self, hops: u32) -> io::Result<()> {
        set_ttl(&self.options(), self.local_addr()?, hops)
    }

    fn ttl(&self) -> io::Result<u32> {
        ttl(&self.options(), self.local_addr()?)
    }

    fn set_zero_linger(&self) -> io::Result<()> {
        self.options().set_linger(Some(Duration::ZERO))
    }
}
