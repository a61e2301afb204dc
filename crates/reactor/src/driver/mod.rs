//! The driver: everything that a reactor asks of the world.
//!
//! The loop and the sources ask it for sockets, the clocks, entropy, names, blocking jobs, signals, and to park until
//! something happens. [`os`] is the system, on mio. [`hand`] is the system with a clock that a test sets by hand.
//! Others may stand in, such as a world made up for a test: the reactor above does not change.
//!
//! ```text
//!   loop, sockets, timers
//!          │ Driver
//!    ┌─────┴──────┬──────────────┐
//!    os          hand          yours
//!    mio      os + a clock    anything
//! ```
//!
//! A socket of `tcp`, `udp` or `unix` is the system's or a boxed other ([`TcpStream`], [`UdpSocket`] and so on), so the
//! system's sockets cost one predictable branch and no indirect call. What can be chosen of one is in `options`. The
//! names of signals are in `signal`, child processes in `process`.

pub mod os;
pub mod hand;
mod signal;
mod process;
mod tcp;
mod options;
mod udp;
mod unix;

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::SystemTime;

use crate::runtime::CoreSeat;
use crate::time::Instant;

pub use crate::turns::run_in_line;
pub use options::{ConnectOptions, Keepalive, ListenOptions, TcpOptions};
pub use process::{Child, OtherChild, OtherPipe, Pipe, Spawned};
pub use signal::Signal;
pub use tcp::{OtherTcpListener, OtherTcpStream, TcpListener, TcpStream};
pub use udp::{OtherUdpSocket, UdpOptions, UdpSocket};
pub use unix::{
    OtherUnixDatagram, OtherUnixListener, OtherUnixStream, UnixDatagram, UnixListener, UnixStream,
};

/// The world below a reactor.
///
/// A driver belongs to one reactor and is used on its thread only; what it hands out to others says so by `Send`.
pub trait Driver: 'static {
    /// Reads the monotonic clock.
    fn now(&self) -> Instant;

    /// Reads the wall clock.
    fn wall_clock(&self) -> SystemTime;

    /// Fills the buffer with random bytes, fit for secrets on the system's driver.
    ///
    /// # Errors
    ///
    /// When the source of entropy fails.
    fn entropy(&self, buf: &mut [u8]) -> io::Result<()>;

    /// Waits until something happens, and tells what.
    ///
    /// Returns early at any time, with or without events, and waits no more once it has told one. With nothing that has
    /// happened and `park.until` in the past it returns at once.
    ///
    /// # Errors
    ///
    /// When the world can no longer be asked. The reactor ends by it.
    fn park(&self, park: Park, happened: &mut dyn FnMut(Event)) -> io::Result<()>;

    /// Whether time passes by itself, as the system's does, be the reactor in a turn or parked: not by the hand of a test, nor
    /// only when all have nothing to do. By default it does not.
    ///
    /// Only where it does:
    ///
    /// - the reactor looks again and again for a moment before it parks ([`Config::spin_max`](crate::Config::spin_max)),
    ///   as there something may come meanwhile;
    /// - the watchdog looks at it ([`Config::held_max`](crate::Config::held_max)), and another core takes over from one that
    ///   accepts and is held ([`Spread`](crate::net::Spread));
    /// - `SIGQUIT` prints the table of tasks ([`Config::dump_on_quit`](crate::Config::dump_on_quit)), and who makes one from
    ///   another thread or core asks this one for its tasks and waits ([`inspect::dump`](crate::inspect::dump()));
    /// - the counters show how long the turn has gone on that is not over ([`CoreStats`](crate::inspect::CoreStats)).
    ///
    /// For how long a turn has gone on that is not over is reckoned by the system's monotonic clock, so [`now`](Self::now) should
    /// be that one.
    fn time_passes(&self) -> bool {
        false
    }

    /// What makes `park` return early, from any thread. A call before `park` makes the next one return at once.
    fn unparker(&self) -> Arc<dyn Unpark>;

    /// Listens for TCP connections; readiness is reported under `token`.
    ///
    /// # Errors
    ///
    /// As the system's: the address is used, or not ours, or not permitted.
    fn tcp_listen(&self, addr: SocketAddr, options: &ListenOptions, token: Token) -> io::Result<TcpListener>;

    /// Begins a TCP connection, with the [default options](ConnectOptions). It stands, or has failed, when `token` becomes writable.
    ///
    /// # Errors
    ///
    /// Those that show at once; the others when the connection is asked for its error (`SO_ERROR`).
    fn tcp_connect(&self, addr: SocketAddr, token: Token) -> io::Result<TcpStream>;

    /// Begins a TCP connection with options, as [`tcp_connect`](Self::tcp_connect) does without.
    ///
    /// By default they are left aside, as they mean nothing where there is no kernel to be told; but for the local
    /// address, which is refused.
    ///
    /// # Errors
    ///
    /// As for [`tcp_connect`](Self::tcp_connect), and those of the options.
    fn tcp_connect_with(
        &self,
        addr: SocketAddr,
        options: &ConnectOptions,
        token: Token,
    ) -> io::Result<TcpStream> {
        match options.local_addr {
            Some(_) => Err(absent("choice of the local address")),
            None => self.tcp_connect(addr, token),
        }
    }

    /// Opens a UDP socket; readiness is reported under `token`. By default there are none in this world.
    ///
    /// # Errors
    ///
    /// As the system's: the address is used, or not ours, or not permitted.
    fn udp_bind(&self, addr: SocketAddr, options: &UdpOptions, token: Token) -> io::Result<UdpSocket> {
        let _ = (addr, options, token);
        Err(absent("UDP sockets"))
    }

    /// Listens for Unix streams; readiness is reported under `token`. By default there are none in this world.
    ///
    /// # Errors
    ///
    /// As the system's: the path exists, or is not permitted.
    fn unix_listen(&self, addr: &UnixAddr, token: Token) -> io::Result<UnixListener> {
        let _ = (addr, token);
        Err(absent("Unix sockets"))
    }

    /// Connects a Unix stream at once; it is registered later. By default there are none in this world.
    ///
    /// # Errors
    ///
    /// As the system's; [`WouldBlock`](io::ErrorKind::WouldBlock) if the listener has no room, now.
    fn unix_connect(&self, addr: &UnixAddr) -> io::Result<UnixStream> {
        let _ = addr;
        Err(absent("Unix sockets"))
    }

    /// Makes two Unix streams that are connected to each other; they are registered later. By default there are none.
    ///
    /// # Errors
    ///
    /// As the system's: too many open files.
    fn unix_pair(&self) -> io::Result<(UnixStream, UnixStream)> {
        Err(absent("Unix sockets"))
    }

    /// Opens a Unix datagram socket, on an address or on none; it is registered later. By default there are none.
    ///
    /// # Errors
    ///
    /// As the system's: the path exists, or is not permitted.
    fn unix_datagram(&self, addr: Option<&UnixAddr>) -> io::Result<UnixDatagram> {
        let _ = addr;
        Err(absent("Unix sockets"))
    }

    /// Makes two Unix datagram sockets that are connected to each other; they are registered later. By default there
    /// are none.
    ///
    /// # Errors
    ///
    /// As the system's: too many open files.
    fn unix_datagram_pair(&self) -> io::Result<(UnixDatagram, UnixDatagram)> {
        Err(absent("Unix sockets"))
    }

    /// Looks up a name's addresses, and calls `done` on any thread when they are known.
    ///
    /// The answer is in the order of preference. At most some hundred are kept.
    fn lookup(&self, host: String, port: u16, done: LookupDone);

    /// Runs a job that blocks, off the core.
    ///
    /// # Errors
    ///
    /// Too many wait already: the job was not begun, and is dropped.
    fn blocking(&self, job: Job) -> Result<(), Overloaded>;

    /// Reports the signals that ask a program to end, [`Signal::Interrupt`] and [`Signal::Terminate`], as
    /// [`Event::Signal`] from now on.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    fn watch_signals(&self) -> io::Result<()>;

    /// Reports a signal that the program listens for as [`Event::Signal`] from now on, also when it came several times
    /// only once. By default there are none in this world.
    ///
    /// It is asked for each signal once, however many listen here. What was asked for here is the listeners' alone, in
    /// the whole program: it is reported to no reactor for its shutdown.
    ///
    /// # Errors
    ///
    /// When the system refuses.
    fn watch_signal(&self, signal: Signal) -> io::Result<()> {
        let _ = signal;
        Err(absent("signals to listen for"))
    }

    /// Nobody listens here any more for a signal that was asked for by [`watch_signal`](Self::watch_signal).
    fn unwatch_signal(&self, signal: Signal) {
        let _ = signal;
    }

    /// How many cores this world has: so many reactors a [`Runtime`](crate::Runtime) has that is told nothing else. By
    /// default one.
    fn cores(&self) -> usize {
        1
    }

    /// Begins another core of the runtime: takes its seat, has its reactor run on a driver of the same world, and returns
    /// what waits until that has ended. By default there is no other.
    ///
    /// On a thread of its own a core needs no more than [`NewCore::run`](crate::NewCore::run), with a driver that was made
    /// here or there.
    ///
    /// # Errors
    ///
    /// As the system's: too many threads, or open files.
    fn start_core(&self, seat: CoreSeat) -> io::Result<JoinCore> {
        drop(seat);
        Err(absent("other cores"))
    }

    /// Runs a job that uses a standard stream of the process, behind the jobs of that stream that came before. It may
    /// block for as long as the stream does, and holds up no other job. By default there are none in this world.
    ///
    /// # Errors
    ///
    /// Too many wait already ([`ResourceBusy`](io::ErrorKind::ResourceBusy)): the job was not begun, and is dropped.
    fn standard_stream(&self, stream: StandardStream, job: Job) -> io::Result<()> {
        let _ = stream;
        drop(job);
        Err(absent("standard streams"))
    }

    /// Whether this world has files, which are asked for before a job of [`fs`](mod@crate::fs) is handed to
    /// [`blocking`](Self::blocking). By default it has: those of the machine.
    ///
    /// # Errors
    ///
    /// There are none ([`Unsupported`](io::ErrorKind::Unsupported)).
    fn files(&self) -> io::Result<()> {
        Ok(())
    }

    /// Starts a child process; it and its pipes are registered later. By default there are none in this world.
    ///
    /// # Errors
    ///
    /// As the system's: there is no such program, or it is not permitted.
    fn spawn(&self, command: &mut Command) -> io::Result<Spawned> {
        let _ = command;
        Err(absent("child processes"))
    }

    /// The system's driver, for a [`Source`](os::Source) of what only it can poll; `None` in a world without one.
    fn os(&self) -> Option<&os::Os> {
        None
    }
}

/// What a driver says that was asked for what its world does not have.
fn absent(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, format!("this reactor's driver has no {what}"))
}

/// The system's driver, for a socket of the system's.
fn os_of(driver: &dyn Driver) -> io::Result<&os::Os> {
    driver.os().ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "the system's socket elsewhere"))
}

/// A job for [`Driver::blocking`]. Where there is no other thread for it, [`run_in_line`] runs it.
pub type Job = Box<dyn FnOnce() + Send>;

/// Waits until a core that was told to end has done so; see [`Driver::start_core`].
pub type JoinCore = Box<dyn FnOnce() + Send>;

/// A stream that the process was given; see [`Driver::standard_stream`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandardStream {
    /// Standard input.
    Input,
    /// Standard output.
    Output,
    /// Standard error.
    Error,
}

/// Told the addresses of a name; see [`Driver::lookup`].
pub type LookupDone = Box<dyn FnOnce(io::Result<Vec<SocketAddr>>) + Send>;

/// Wakes a parked driver.
pub trait Unpark: Send + Sync {
    /// Makes the driver's `park`, now or next, return.
    fn unpark(&self);
}

/// How to park.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Park {
    /// When to return at the latest; `None` for no time limit.
    pub until: Option<Instant>,
    /// What the driver's clock showed a moment ago, if the reactor has just read it: to wait for so long needs no
    /// second reading.
    pub now: Option<Instant>,
}

impl Park {
    /// Returns at once with what has happened already.
    pub(crate) fn look() -> Self {
        Self { until: Some(Instant::ORIGIN), now: None }
    }

    pub(crate) fn until(until: Option<Instant>) -> Self {
        Self { until, now: None }
    }

    /// The same, said at this moment.
    pub(crate) fn at(self, now: Instant) -> Self {
        Self { now: Some(now), ..self }
    }
}

/// Names a source, between the reactor and its driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub usize);

/// What happened while a driver was parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A source became ready.
    Ready(Token, Readiness),
    /// A signal came that the driver was asked to watch for.
    Signal(Signal),
}

/// What a source is ready for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Readiness {
    /// Reading, or accepting.
    pub readable: bool,
    /// Writing, or an end of connecting.
    pub writable: bool,
    /// The peer will send no more, the connection failed, or there is something out of band: a short read is not
    /// the last word, so read on until the source says that it would block.
    pub read_on: bool,
    /// The peer will send no more, or the connection failed: behind what can still be read is the end.
    pub read_closed: bool,
    /// The connection is gone: reset, failed, or closed in both directions.
    pub gone: bool,
}

impl Readiness {
    /// Ready for what is named, with nothing out of the ordinary.
    #[must_use]
    pub fn new(readable: bool, writable: bool) -> Self {
        Self { readable, writable, read_on: false, read_closed: false, gone: false }
    }

    /// The same, and a short read is not the last word.
    #[must_use]
    pub fn read_on(self) -> Self {
        Self { read_on: true, ..self }
    }

    /// The same, and the peer will send no more: whoever reads will come to the end.
    #[must_use]
    pub fn read_closed(self) -> Self {
        Self { readable: true, read_on: true, read_closed: true, ..self }
    }

    /// The same, and the connection is gone: whoever reads or writes will see how.
    #[must_use]
    pub fn gone(self) -> Self {
        Self { readable: true, writable: true, read_on: true, read_closed: true, gone: true }
    }
}

/// Too many blocking jobs wait: this one was not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overloaded;

impl fmt::Display for Overloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "too many blocking jobs wait, this one was not begun")
    }
}

impl std::error::Error for Overloaded {}
