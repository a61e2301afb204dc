//! A host's driver: what its reactor asks of the world, passed on to that.
//!
//! It never waits: time goes by between the turns of the reactor. Its sockets are in `tcp`, `udp` and `unix`. What the world does not have
//! is an error that says so.

mod tcp;
mod udp;
mod unix;

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use ekiden_reactor::driver::{
    ConnectOptions, Driver, Event, Job, JoinCore, ListenOptions, LookupDone, Overloaded, Park, TcpListener,
    TcpStream, Token, UdpOptions, UdpSocket, UnixDatagram, UnixListener, UnixStream, Unpark,
};
use ekiden_reactor::{CoreSeat, Instant, Signal};

use crate::journal::{Digest, HostId, What};
use crate::world::{Happening, Seat, Shared, World};

/// The driver of a host's program, from its beginning to its end.
pub(crate) struct HostDriver {
    world: Shared,
    host: HostId,
    seat: Seat,
    life: u32,
    unparked: Unparked,
}

/// The cores whose reactors somebody else has left a letter, each with the life of its host: the program that is started next
/// is not the one for which it was.
#[derive(Clone, Debug, Default)]
pub(crate) struct Unparked(Arc<Mutex<BTreeSet<(Seat, u32)>>>);

impl Unparked {
    pub(crate) fn take(&self) -> BTreeSet<(Seat, u32)> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

struct Unparker((Seat, u32), Unparked);

impl Unpark for Unparker {
    fn unpark(&self) {
        let Unparked(seats) = &self.1;
        seats.lock().unwrap_or_else(PoisonError::into_inner).insert(self.0);
    }
}

impl HostDriver {
    /// Of a core of the program that has just begun on that host.
    pub(crate) fn new(world: Shared, seat: Seat, unparked: Unparked) -> Self {
        let life = world.lock().host(seat.host).life();
        Self { world, host: seat.host, seat, life, unparked }
    }

    /// A program that has crashed does nothing to the world any more, while it is dropped.
    fn alive(&self) -> io::Result<MutexGuard<'_, World>> {
        let mut world = self.world.lock();
        match world.host(self.host).is_in(self.life) {
            true => Ok(world),
            false => Err(io::Error::other("its host has crashed")),
        }
    }

    fn happen(&self, world: &mut World, time: (u64, u64), happening: Happening) {
        let (at, tie) = (world.now.saturating_add(world.chance.within(time)), world.chance.next());
        world.queue.push(at, tie, happening);
    }
}

impl Driver for HostDriver {
    fn now(&self) -> Instant {
        let mut world = self.world.lock();
        let now = world.now;
        Instant::from_nanos(world.host(self.host).clock.monotonic(now))
    }

    fn wall_clock(&self) -> SystemTime {
        let mut world = self.world.lock();
        let now = world.now;
        world.host(self.host).clock.wall(now)
    }

    fn entropy(&self, buf: &mut [u8]) -> io::Result<()> {
        let mut world = self.alive()?;
        world.chance.fill(buf);
        world.tell(self.host, What::Draws(buf.len()));
        Ok(())
    }

    fn park(&self, _park: Park, happened: &mut dyn FnMut(Event)) -> io::Result<()> {
        let news = self.world.lock().take_news(self.seat);
        news.into_iter().for_each(happened);
        Ok(())
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        Arc::new(Unparker((self.seat, self.life), self.unparked.clone()))
    }

    fn tcp_listen(&self, addr: SocketAddr, options: &ListenOptions, token: Token) -> io::Result<TcpListener> {
        drop(self.alive()?);
        refuse(options.reuse_port, "listeners that share a port")?;
        let sizes = options.recv_buffer_bytes.or(options.send_buffer_bytes);
        refuse(sizes.is_some(), "sizes of buffers but those of its configuration")?;
        refuse(addr.is_ipv6(), "IPv6")?;
        tcp::listen(&self.world, self.host, addr, options, self.seat.global(token))
    }

    fn tcp_connect(&self, addr: SocketAddr, token: Token) -> io::Result<TcpStream> {
        self.tcp_connect_with(addr, &ConnectOptions::default(), token)
    }

    fn tcp_connect_with(
        &self,
        addr: SocketAddr,
        options: &ConnectOptions,
        token: Token,
    ) -> io::Result<TcpStream> {
        drop(self.alive()?);
        refuse(options.local_addr.is_some(), "choice of the local address")?;
        let sizes = options.recv_buffer_bytes.or(options.send_buffer_bytes);
        refuse(sizes.is_some(), "sizes of buffers but those of its configuration")?;
        refuse(addr.is_ipv6(), "IPv6")?;
        tcp::connect(&self.world, self.host, addr, options, self.seat.global(token))
    }

    fn udp_bind(&self, addr: SocketAddr, options: &UdpOptions, token: Token) -> io::Result<UdpSocket> {
        drop(self.alive()?);
        refuse(options.reuse_port || options.reuse_address, "sockets that share a port")?;
        let sizes = options.recv_buffer_bytes.or(options.send_buffer_bytes);
        refuse(sizes.is_some(), "sizes of buffers but those of its configuration")?;
        refuse(addr.is_ipv6(), "IPv6")?;
        udp::bind(&self.world, self.host, addr, self.seat.global(token))
    }

    fn unix_listen(&self, addr: &UnixAddr, token: Token) -> io::Result<UnixListener> {
        drop(self.alive()?);
        unix::listen(&self.world, self.host, addr, self.seat.global(token))
    }

    fn unix_connect(&self, addr: &UnixAddr) -> io::Result<UnixStream> {
        drop(self.alive()?);
        unix::connect(&self.world, self.host, addr)
    }

    fn unix_pair(&self) -> io::Result<(UnixStream, UnixStream)> {
        drop(self.alive()?);
        Ok(unix::pair(&self.world, self.host))
    }

    fn unix_datagram(&self, addr: Option<&UnixAddr>) -> io::Result<UnixDatagram> {
        drop(self.alive()?);
        unix::datagrams(&self.world, self.host, addr)
    }

    fn unix_datagram_pair(&self) -> io::Result<(UnixDatagram, UnixDatagram)> {
        drop(self.alive()?);
        unix::datagram_pair(&self.world, self.host)
    }

    fn lookup(&self, host: String, port: u16, done: LookupDone) {
        let mut world = match self.alive() {
            Ok(world) => world,
            Err(error) => return done(Err(error)),
        };
        world.tell(self.host, What::LooksUp(Digest::of(host.as_bytes())));
        let found = world.look_up(self.host, &host, port);
        let time = world.lookup_time(self.host);
        self.happen(&mut world, time, Happening::Answer { host: self.host, life: self.life, done, found });
    }

    fn blocking(&self, job: Job) -> Result<(), Overloaded> {
        self.alive().map_err(|_| Overloaded)?.begin_job(self.host, job)
    }

    fn files(&self) -> io::Result<()> {
        refuse(true, "files")
    }

    fn watch_signals(&self) -> io::Result<()> {
        self.alive()?.host(self.host).watch_shutdown(self.seat.core);
        Ok(())
    }

    fn watch_signal(&self, signal: Signal) -> io::Result<()> {
        self.alive()?.host(self.host).watched.insert((signal, self.seat.core));
        Ok(())
    }

    fn unwatch_signal(&self, signal: Signal) {
        self.world.lock().host(self.host).watched.remove(&(signal, self.seat.core));
    }

    fn cores(&self) -> usize {
        self.world.lock().host(self.host).cores().into()
    }

    /// It begins when this turn has ended, on the thread that all cores of the world are on, so there is nothing to wait for
    /// when it is told to end: whoever takes its turns ends it.
    fn start_core(&self, seat: CoreSeat) -> io::Result<JoinCore> {
        let at = Seat { host: self.host, core: seat.id().index() as u16 };
        if at.core >= self.alive()?.host(self.host).cores() {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this host has no such core (`Sim::set_cores`)",
            ));
        }
        let core = seat.take(Arc::new(Unparker((at, self.life), self.unparked.clone())));
        self.world.lock().new_cores.push((at, core));
        Ok(Box::new(|| {}))
    }
}

/// What the world does not have is an error, never a thing that is left aside.
fn refuse(is_asked: bool, what: &str) -> io::Result<()> {
    match is_asked {
        true => Err(io::Error::new(io::ErrorKind::Unsupported, format!("the simulation has no {what}"))),
        false => Ok(()),
    }
}
