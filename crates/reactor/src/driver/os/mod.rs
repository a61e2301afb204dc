//! The system's driver, on mio: the only place that names it, and the only one that reads the system's clocks.
//!
//! In reading order: the sockets are in `tcp`, `udp` and `unix`, with what can be set of them in `options` (of which `user_timeout`
//! is one system's), and `transfer` moves the bytes of connections; any other thing that mio can poll is a [`Source`]; a `batch`
//! is how many events are asked for at once; `signals` come by a pipe; the ends of
//! child processes are told by files of theirs, in `process`; a `pool` has threads for what blocks, `open_files` have a
//! limit, `stderr` is where the operator is told by default, `threads` are those of the cores, with `pinning`, and a listener
//! may be `shared` by them; a `parker` is where a thread sleeps that is no core's, and the `clock` is one for all.

mod tcp;
mod udp;
mod unix;
mod options;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod user_timeout;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[path = "user_timeout_elsewhere.rs"]
mod user_timeout;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod transfer;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[path = "transfer_elsewhere.rs"]
mod transfer;
mod source;
mod batch;
mod signals;
mod process;
mod pool;
pub(crate) mod open_files;
pub(crate) mod stderr;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod shared;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[path = "shared_elsewhere.rs"]
mod shared;
pub(crate) mod threads;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod pinning;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
#[path = "pinning_elsewhere.rs"]
mod pinning;
pub(crate) mod parker;
mod clock;

use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::unix::net::SocketAddr as UnixAddr;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::{
    ConnectOptions, Driver, Event, Job, JoinCore, ListenOptions, LookupDone, Overloaded, Park, Readiness,
    Signal, StandardStream, Token, UdpOptions, Unpark,
};
use crate::pulse::PoolGauges;
use crate::runtime::CoreSeat;
use crate::time::Instant;
use batch::Batch;
use pool::{Limits, Pool};
use process::Unlisted;
use signals::{Reason, Signals};

pub(crate) use clock::{now, origin};
pub(crate) use signals::SignalBell;

pub use process::{Child, Pipe};
pub use source::Source;
pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixDatagram, UnixListener, UnixStream};

/// The system: sockets by mio (epoll on Linux), its clocks, its entropy, its resolver on threads of its own.
pub struct Os {
    selector: RefCell<Selector>,
    registry: mio::Registry,
    unparker: Arc<mio::Waker>,
    /// What our instants count from. Kept here, as to ask [`origin`] each time would cost an atomic load.
    origin: std::time::Instant,
    signals: OnceCell<Signals>,
    /// Of all cores of a runtime, as are the look-ups': that there are more cores makes no disk faster.
    jobs: Arc<Pool>,
    lookups: Arc<Pool>,
    /// Child processes that have no file to tell their end.
    unlisted: Arc<Unlisted>,
}

impl Os {
    /// Opens the system's selector.
    ///
    /// # Errors
    ///
    /// As the system's: too many open files.
    pub fn new() -> io::Result<Self> {
        Self::with_pools(Arc::new(Pool::new(Limits::of_jobs())), Arc::new(Pool::new(Limits::of_lookups())))
    }

    /// A driver for another core of the same runtime.
    pub(super) fn sibling(&self) -> io::Result<Self> {
        Self::with_pools(self.jobs.clone(), self.lookups.clone())
    }

    fn with_pools(jobs: Arc<Pool>, lookups: Arc<Pool>) -> io::Result<Self> {
        let poll = mio::Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let unparker = Arc::new(mio::Waker::new(&registry, UNPARK)?);
        Ok(Self {
            selector: RefCell::new(Selector::new(poll)),
            registry,
            unparker,
            origin: origin(),
            signals: OnceCell::new(),
            jobs,
            lookups,
            unlisted: Arc::default(),
        })
    }

    /// What can be seen of its pools from any thread.
    pub(crate) fn pools(&self) -> PoolGauges {
        PoolGauges { blocking: self.jobs.gauge(), lookups: self.lookups.gauge() }
    }

    /// Takes up a connection that was accepted.
    pub(super) fn register_tcp(&self, stream: &mut TcpStream, token: Token) -> io::Result<()> {
        self.register(stream.as_mio(), token)
    }

    /// Takes up a Unix stream that was accepted or connected.
    pub(super) fn register_unix(&self, stream: &mut UnixStream, token: Token) -> io::Result<()> {
        self.register(stream.as_mio(), token)
    }

    /// Takes up a Unix datagram socket that was opened.
    pub(super) fn register_unix_datagram(&self, socket: &mut UnixDatagram, token: Token) -> io::Result<()> {
        self.register(socket.as_mio(), token)
    }

    /// Takes up an end of a pipe.
    pub(super) fn register_pipe(&self, pipe: &mut Pipe, token: Token) -> io::Result<()> {
        self.registry.register(pipe.as_mio(), mio::Token(token.0), interest())
    }

    /// Takes up a child process.
    pub(super) fn register_child(&self, child: &mut Child, token: Token) -> io::Result<()> {
        let watch = || match self.unlisted.is_watched() {
            true => Ok(()),
            false => self.signals()?.watch(Signal::Child, Reason::Exits),
        };
        child.register(token, &self.unlisted, |pidfd| self.register(pidfd, token), watch)
    }

    /// Takes up a listener that was shared.
    pub(super) fn register_tcp_listener(&self, listener: &mut TcpListener, token: Token) -> io::Result<()> {
        shared::register(&self.registry, listener.as_mio(), token)
    }

    /// Takes up a Unix listener that was shared.
    pub(super) fn register_unix_listener(&self, listener: &mut UnixListener, token: Token) -> io::Result<()> {
        shared::register(&self.registry, listener.as_mio(), token)
    }

    pub(super) fn deregister_tcp_listener(&self, listener: &mut TcpListener) {
        // It is closed next, whatever the selector says.
        drop(shared::deregister(&self.registry, listener.as_mio()));
    }

    pub(super) fn deregister_unix_listener(&self, listener: &mut UnixListener) {
        drop(shared::deregister(&self.registry, listener.as_mio()));
    }

    /// Registers once, for both directions, edge-triggered: from then on readiness comes without further calls.
    fn register(&self, source: &mut impl mio::event::Source, token: Token) -> io::Result<()> {
        self.registry.register(source, mio::Token(token.0), interest())
    }

    fn deregister(&self, source: &mut impl mio::event::Source) -> io::Result<()> {
        self.registry.deregister(source)
    }

    /// Some child has ended: any of those of whom there is no other news.
    fn handle_exits(&self, happened: &mut dyn FnMut(Event)) {
        for token in self.unlisted.tokens() {
            happened(Event::Ready(token, Readiness::new(true, false)));
        }
    }

    /// Where signals arrive, from the first time that somebody asks for one.
    fn signals(&self) -> io::Result<&Signals> {
        if self.signals.get().is_none() {
            let mut signals = Signals::new()?;
            self.registry.register(signals.source(), SIGNALS, mio::Interest::READABLE)?;
            // Nobody else can have set it in between: there is one thread.
            drop(self.signals.set(signals));
        }
        Ok(self.signals.get().expect("it was just set"))
    }

    /// Signals have come.
    #[cold]
    fn handle_signals(&self, happened: &mut dyn FnMut(Event)) {
        let Some(signals) = self.signals.get() else { return };
        signals.take(|signal, reason| match reason {
            Reason::Exits => self.handle_exits(happened),
            Reason::Shutdown | Reason::Listener => happened(Event::Signal(signal)),
            // Whoever prints the dump has a pipe of its own.
            Reason::Dump => {}
        });
    }
}

/// What is asked for events, and where it puts them.
struct Selector {
    poll: mio::Poll,
    events: mio::Events,
    batch: Batch,
}

/// What became of asking for events.
enum Asked {
    Answered,
    /// A signal's handler ran, or the process was stopped.
    Interrupted,
}

impl Selector {
    fn new(poll: mio::Poll) -> Self {
        let batch = Batch::new();
        Self { poll, events: mio::Events::with_capacity(batch.room()), batch }
    }

    /// So many events have come, and were told of.
    #[inline]
    fn handle_look(&mut self, came: usize) {
        if self.batch.handle_look(came) {
            self.events = mio::Events::with_capacity(self.batch.room());
        }
    }

    /// Asks once, waiting for so long. Inlined where nothing is waited for, as there the conversion of the time is nothing.
    #[inline(always)]
    fn ask(&mut self, timeout: Option<Duration>) -> io::Result<Asked> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                self.events.clear();
                Ok(Asked::Interrupted)
            }
            asked => asked.map(|()| Asked::Answered),
        }
    }
}

impl Driver for Os {
    fn now(&self) -> Instant {
        #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
        let since = self.origin.elapsed();
        // Fewer nanoseconds than a number holds for 584 years, so not by way of a wider one.
        Instant::from_nanos(since.as_secs() * 1_000_000_000 + u64::from(since.subsec_nanos()))
    }

    fn wall_clock(&self) -> SystemTime {
        #[expect(clippy::disallowed_methods, reason = "this is where time comes from")]
        SystemTime::now()
    }

    fn entropy(&self, buf: &mut [u8]) -> io::Result<()> {
        #[expect(clippy::disallowed_methods, reason = "this is where entropy comes from")]
        getrandom::fill(buf).map_err(io::Error::from)
    }

    fn park(&self, park: Park, happened: &mut dyn FnMut(Event)) -> io::Result<()> {
        let selector = &mut *self.selector.borrow_mut();
        match park.until {
            // What is past needs no clock.
            Some(Instant::ORIGIN) => selector.ask(Some(Duration::ZERO))?,
            Some(until) => {
                selector.ask(Some(until.duration_since(park.now.unwrap_or_else(|| self.now()))))?
            }
            // Where no time is up, an interruption is no reason to wake: who stops a process and lets it go on, or looks into
            // it, has nothing to tell. What a signal's handler did, it told by a pipe.
            None => loop {
                match selector.ask(None)? {
                    Asked::Interrupted => {}
                    answered @ Asked::Answered => break answered,
                }
            },
        };
        let mut came = 0;
        for event in selector.events.iter() {
            came += 1;
            match event.token() {
                UNPARK => {}
                SIGNALS => self.handle_signals(happened),
                mio::Token(token) => happened(Event::Ready(Token(token), readiness(event))),
            }
        }
        selector.handle_look(came);
        Ok(())
    }

    fn time_passes(&self) -> bool {
        true
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        Arc::new(Unparker(self.unparker.clone()))
    }

    fn tcp_listen(
        &self,
        addr: SocketAddr,
        options: &ListenOptions,
        token: Token,
    ) -> io::Result<super::TcpListener> {
        let mut listener = tcp::listen(addr, options)?;
        self.register(&mut listener, token)?;
        Ok(super::TcpListener::Os(TcpListener::new(listener)))
    }

    fn tcp_connect(&self, addr: SocketAddr, token: Token) -> io::Result<super::TcpStream> {
        self.tcp_connect_with(addr, &ConnectOptions::default(), token)
    }

    fn tcp_connect_with(
        &self,
        addr: SocketAddr,
        options: &ConnectOptions,
        token: Token,
    ) -> io::Result<super::TcpStream> {
        let mut stream = tcp::connect(addr, options)?;
        self.register(&mut stream, token)?;
        Ok(super::TcpStream::Os(TcpStream::new(stream)))
    }

    fn udp_bind(&self, addr: SocketAddr, options: &UdpOptions, token: Token) -> io::Result<super::UdpSocket> {
        let mut socket = udp::bind(addr, options)?;
        self.register(&mut socket, token)?;
        Ok(super::UdpSocket::Os(UdpSocket::new(socket)))
    }

    fn unix_listen(&self, addr: &UnixAddr, token: Token) -> io::Result<super::UnixListener> {
        let mut listener = mio::net::UnixListener::bind_addr(addr)?;
        self.register(&mut listener, token)?;
        Ok(super::UnixListener::Os(UnixListener::new(listener)))
    }

    fn unix_connect(&self, addr: &UnixAddr) -> io::Result<super::UnixStream> {
        let stream = mio::net::UnixStream::connect_addr(addr)?;
        Ok(super::UnixStream::Os(UnixStream::new(stream)))
    }

    fn unix_pair(&self) -> io::Result<(super::UnixStream, super::UnixStream)> {
        let (a, b) = mio::net::UnixStream::pair()?;
        let stream = |stream| super::UnixStream::Os(UnixStream::new(stream));
        Ok((stream(a), stream(b)))
    }

    fn unix_datagram(&self, addr: Option<&UnixAddr>) -> io::Result<super::UnixDatagram> {
        let socket = match addr {
            Some(addr) => mio::net::UnixDatagram::bind_addr(addr)?,
            None => mio::net::UnixDatagram::unbound()?,
        };
        Ok(super::UnixDatagram::Os(UnixDatagram::new(socket)))
    }

    fn unix_datagram_pair(&self) -> io::Result<(super::UnixDatagram, super::UnixDatagram)> {
        let (a, b) = mio::net::UnixDatagram::pair()?;
        let socket = |socket| super::UnixDatagram::Os(UnixDatagram::new(socket));
        Ok((socket(a), socket(b)))
    }

    fn lookup(&self, host: String, port: u16, done: LookupDone) {
        // Handed in by a cell, so that it is still here to be told when the pool refuses the job.
        let done = Arc::new(std::sync::Mutex::new(Some(done)));
        let in_job = done.clone();
        let answer = move |done: &std::sync::Mutex<Option<LookupDone>>, found| {
            let done = done.lock().ok().and_then(|mut done| done.take());
            if let Some(done) = done {
                done(found);
            }
        };
        let job = Box::new(move || {
            #[expect(clippy::disallowed_methods, reason = "on a thread that may block")]
            let found = (host.as_str(), port).to_socket_addrs();
            answer(&in_job, found.map(|addrs| addrs.take(ADDRS_MAX).collect()));
        });
        if let Err(overloaded) = self.lookups.submit(job) {
            answer(&done, Err(io::Error::other(overloaded)));
        }
    }

    fn blocking(&self, job: Job) -> Result<(), Overloaded> {
        self.jobs.submit(job)
    }

    fn watch_signals(&self) -> io::Result<()> {
        let signals = self.signals()?;
        [Signal::Interrupt, Signal::Terminate]
            .into_iter()
            .try_for_each(|signal| signals.watch(signal, Reason::Shutdown))
    }

    fn watch_signal(&self, signal: Signal) -> io::Result<()> {
        self.signals()?.watch(signal, Reason::Listener)
    }

    fn unwatch_signal(&self, signal: Signal) {
        if let Some(signals) = self.signals.get() {
            signals.unwatch(signal, Reason::Listener);
        }
    }

    fn cores(&self) -> usize {
        threads::available()
    }

    fn start_core(&self, seat: CoreSeat) -> io::Result<JoinCore> {
        let os = self.sibling()?;
        threads::start(seat.take(os.unparker()), os)
    }

    fn standard_stream(&self, stream: StandardStream, job: Job) -> io::Result<()> {
        let submitted = pool::of_stream(stream).submit(job);
        submitted.map_err(|overloaded| io::Error::new(io::ErrorKind::ResourceBusy, overloaded))
    }

    fn spawn(&self, command: &mut Command) -> io::Result<super::Spawned> {
        process::spawn(command)
    }

    fn os(&self) -> Option<&Os> {
        Some(self)
    }
}

impl fmt::Debug for Os {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Os").finish_non_exhaustive()
    }
}

struct Unparker(Arc<mio::Waker>);

impl Unpark for Unparker {
    fn unpark(&self) {
        // Writing to an eventfd of our own fails only when it is closed, and then nobody is parked.
        drop(self.0.wake());
    }
}

/// Both directions, so that nothing is ever registered again, and what is out of band, so that it is not missed.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn interest() -> mio::Interest {
    mio::Interest::READABLE | mio::Interest::WRITABLE | mio::Interest::PRIORITY
}

/// Elsewhere nothing tells of what is out of band.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn interest() -> mio::Interest {
    mio::Interest::READABLE | mio::Interest::WRITABLE
}

fn readiness(event: &mio::event::Event) -> Readiness {
    let readiness = Readiness::new(event.is_readable(), event.is_writable());
    if event.is_error() || event.is_write_closed() {
        readiness.gone()
    } else if event.is_read_closed() {
        readiness.read_closed()
    } else if event.is_priority() {
        readiness.read_on()
    } else {
        readiness
    }
}

const UNPARK: mio::Token = mio::Token(usize::MAX);
const SIGNALS: mio::Token = mio::Token(usize::MAX - 1);

/// A name with more addresses than this is somebody's mistake or malice.
const ADDRS_MAX: usize = 256;

#[cfg(test)]
mod tests {
    use std::sync::RwLock;
    use std::sync::mpsc::channel;

    use super::*;

    /// Met only by a test that fails.
    const PATIENCE: Duration = Duration::from_secs(60);

    /// Jobs that hang, as many as are taken, while `test` runs.
    fn while_all_hang(submit: impl Fn(Job) -> Result<(), Overloaded>, test: impl FnOnce()) {
        let door = Arc::new(RwLock::new(()));
        let closed = door.write();
        let hang = || -> Job {
            let door = door.clone();
            Box::new(move || drop(door.read()))
        };
        while submit(hang()).is_ok() {}
        test();
        drop(closed);
    }

    #[test]
    fn names_are_looked_up_on_another_thread() {
        let os = Os::new().unwrap();
        let (done, found) = channel();
        os.lookup("localhost".into(), 80, Box::new(move |_| done.send(std::thread::current().id()).unwrap()));
        assert_ne!(found.recv_timeout(PATIENCE).unwrap(), std::thread::current().id());
    }

    #[test]
    fn jobs_that_hang_hold_up_no_lookup() {
        let os = Os::new().unwrap();
        while_all_hang(
            |job| os.blocking(job),
            || {
                let (done, found) = channel();
                os.lookup("127.0.0.1".into(), 80, Box::new(move |addrs| done.send(addrs.unwrap()).unwrap()));
                assert_eq!(found.recv_timeout(PATIENCE), Ok(vec![SocketAddr::from(([127, 0, 0, 1], 80))]));
            },
        );
    }

    #[test]
    fn lookups_that_hang_hold_up_no_job() {
        let os = Os::new().unwrap();
        while_all_hang(
            |job| os.lookups.submit(job),
            || {
                let (done, ran) = channel();
                assert_eq!(os.blocking(Box::new(move || done.send("it ran").unwrap())), Ok(()));
                assert_eq!(ran.recv_timeout(PATIENCE), Ok("it ran"));
            },
        );
    }
}
