//! Sockets: TCP, UDP and Unix, and the names of hosts.
//!
//! Each method of an open socket that may wait has two faces over one mechanism: `async fn read` for futures, and
//! `try_read` for tasks that tick, where `Ok(None)` is the registration of interest. Outside a tick a `try_` method is now
//! or never. What takes several steps is a future only: `connect` and `bind`, [`lookup_host`], `write_all`, [`copy`](fn@copy). A
//! task that ticks spawns it and asks its handle ([`try_join`](crate::JoinHandle::try_join)).
//! Methods take `&self`, so a socket is read and written at once without splitting it.
//!
//! In reading order: `addrs` finds the addresses of a name, [`TcpListener`] is a listener, `accepting` what all
//! listeners share, which know from their [`Setbacks`] what to do when that fails, and [`Incoming`] a stream of what they
//! accept; [`TcpStream`] is a connection, `race` how it chooses among addresses, `stream` what all connections share, and a
//! [`Hangup`] sees the end of one for whoever neither reads nor writes. A [`UdpSocket`] sends and receives datagrams. On
//! one machine a [`UnixListener`], a [`UnixStream`] and a [`UnixDatagram`] do the same. [`copy`](fn@copy) takes bytes from
//! one connection to another, and `spread` the connections of one listener to all cores.

mod addrs;
mod tcp_listener;
mod accepting;
mod incoming;
mod setbacks;
mod tcp_stream;
pub(crate) mod stream;
mod race;
mod hangup;
mod udp_socket;
mod unix_listener;
mod unix_stream;
mod unix_datagram;
mod copy;
mod spread;

pub use crate::driver::{ConnectOptions, Keepalive, ListenOptions, UdpOptions};
pub use addrs::{ToAddrs, lookup_host};
pub use copy::{copy, copy_bidirectional};
pub use hangup::{Hangup, ReadClosed};
pub use incoming::Incoming;
pub use setbacks::Setbacks;
pub(crate) use spread::relieve;
pub use spread::{Arrival, Connections, Placed, Share, Spread, SpreadListener};
pub use tcp_listener::TcpListener;
pub use tcp_stream::TcpStream;
pub use udp_socket::UdpSocket;
pub use unix_datagram::UnixDatagram;
pub use unix_listener::UnixListener;
pub use unix_stream::UnixStream;
