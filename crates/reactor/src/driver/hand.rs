//! The system, with a clock that only moves when a test says so.
//!
//! Sockets are real, and readiness comes as it comes; but time stands still until [`Clock::advance`]. So a test of a
//! time-out of a minute neither waits a minute nor races with one.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::pin::Pin;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::os::{Os, threads};
use super::{
    ConnectOptions, Driver, Event, Job, JoinCore, ListenOptions, LookupDone, Overloaded, Park, Signal,
    Spawned, StandardStream, TcpListener, TcpStream, Token, UdpOptions, UdpSocket, UnixDatagram,
    UnixListener, UnixStream, Unpark,
};
use crate::runtime::CoreSeat;
use crate::time::{Instant, sleep_until};

/// The system's driver with a clock set by hand.
///
/// ```
/// use ekiden_reactor::{Config, Instant, Reactor, driver::hand::Hand, sleep, spawn, yield_now};
/// use std::time::Duration;
///
/// let (hand, clock) = Hand::new()?;
/// Reactor::with_driver(Config::default(), hand).run(async move {
///     let an_hour = spawn(sleep(Duration::from_secs(3600)));
///     yield_now().await;
///     clock.pass(Duration::from_secs(3600)).await;
///     assert!(an_hour.is_finished());
/// });
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Hand {
    os: Os,
    clock: Clock,
}

impl Hand {
    /// The driver, and the clock that sets it.
    ///
    /// # Errors
    ///
    /// As the system's: too many open files.
    pub fn new() -> io::Result<(Self, Clock)> {
        let os = Os::new()?;
        let clock = Clock { nanos: Arc::default(), unparkers: Arc::new(Mutex::new(vec![os.unparker()])) };
        Ok((Self { os, clock: clock.clone() }, clock))
    }
}

/// Sets the time of a [`Hand`], and of the other cores of its runtime; from any thread.
#[derive(Clone)]
pub struct Clock {
    nanos: Arc<AtomicU64>,
    unparkers: Arc<Mutex<Vec<Arc<dyn Unpark>>>>,
}

impl Clock {
    /// Moves the time forward. Timers that are due fire at the reactor's next turn.
    ///
    /// The clock ends after 584 years, and stays at its end.
    pub fn advance(&self, by: Duration) {
        let nanos = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let later = |now: u64| Some(now.saturating_add(nanos));
        self.nanos.fetch_update(Ordering::SeqCst, Ordering::SeqCst, later).expect("it is moved in any case");
        for unparker in self.unparkers.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            unparker.unpark();
        }
    }

    /// Moves the time forward, and waits until whatever was due has been woken: for tests on the reactor itself.
    ///
    /// # Cancel safety
    ///
    /// Once polled, the time has moved; dropping the future only forgets to wait.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn pass(&self, by: Duration) {
        let mut passed = sleep_until(self.now() + by);
        let mut moved = false;
        poll_fn(|cx| {
            let poll = Pin::new(&mut passed).poll(cx);
            // Only now that it is in the wheel, behind all that is due before it.
            if !std::mem::replace(&mut moved, true) {
                self.advance(by);
            }
            poll
        })
        .await;
    }

    /// What the clock shows.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.nanos.load(Ordering::SeqCst))
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

impl Driver for Hand {
    fn now(&self) -> Instant {
        self.clock.now()
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + WALL_ORIGIN + Duration::from_nanos(self.clock.now().as_nanos())
    }

    fn entropy(&self, buf: &mut [u8]) -> io::Result<()> {
        self.os.entropy(buf)
    }

    fn park(&self, park: Park, happened: &mut dyn FnMut(Event)) -> io::Result<()> {
        if park.until.is_some_and(|until| until <= self.clock.now()) {
            return self.os.park(Park::look(), happened);
        }
        let mut any = false;
        let patience = Park::until(Some(self.os.now() + PATIENCE));
        self.os.park(patience, &mut |event| {
            any = true;
            happened(event);
        })?;
        // Whoever moved the clock woke us too; so did a letter from another thread.
        if !any && self.os.now() >= patience.until.unwrap_or(Instant::ORIGIN) {
            let waits = match park.until {
                Some(until) => format!("the next timer is due in {:?}", until - self.clock.now()),
                None => "no timer is set".to_owned(),
            };
            return Err(io::Error::other(format!(
                "nothing has happened for {PATIENCE:?} of real time, and {waits}"
            )));
        }
        Ok(())
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        self.os.unparker()
    }

    fn tcp_listen(&self, addr: SocketAddr, options: &ListenOptions, token: Token) -> io::Result<TcpListener> {
        self.os.tcp_listen(addr, options, token)
    }

    fn tcp_connect(&self, addr: SocketAddr, token: Token) -> io::Result<TcpStream> {
        self.os.tcp_connect(addr, token)
    }

    fn tcp_connect_with(
        &self,
        addr: SocketAddr,
        options: &ConnectOptions,
        token: Token,
    ) -> io::Result<TcpStream> {
        self.os.tcp_connect_with(addr, options, token)
    }

    fn udp_bind(&self, addr: SocketAddr, options: &UdpOptions, token: Token) -> io::Result<UdpSocket> {
        self.os.udp_bind(addr, options, token)
    }

    fn unix_listen(&self, addr: &UnixAddr, token: Token) -> io::Result<UnixListener> {
        self.os.unix_listen(addr, token)
    }

    fn unix_connect(&self, addr: &UnixAddr) -> io::Result<UnixStream> {
        self.os.unix_connect(addr)
    }

    fn unix_pair(&self) -> io::Result<(UnixStream, UnixStream)> {
        self.os.unix_pair()
    }

    fn unix_datagram(&self, addr: Option<&UnixAddr>) -> io::Result<UnixDatagram> {
        self.os.unix_datagram(addr)
    }

    fn unix_datagram_pair(&self) -> io::Result<(UnixDatagram, UnixDatagram)> {
        self.os.unix_datagram_pair()
    }

    fn lookup(&self, host: String, port: u16, done: LookupDone) {
        self.os.lookup(host, port, done);
    }

    fn blocking(&self, job: Job) -> Result<(), Overloaded> {
        self.os.blocking(job)
    }

    fn watch_signals(&self) -> io::Result<()> {
        self.os.watch_signals()
    }

    fn watch_signal(&self, signal: Signal) -> io::Result<()> {
        self.os.watch_signal(signal)
    }

    fn unwatch_signal(&self, signal: Signal) {
        self.os.unwatch_signal(signal);
    }

    fn start_core(&self, seat: CoreSeat) -> io::Result<JoinCore> {
        let hand = Self { os: self.os.sibling()?, clock: self.clock.clone() };
        let mut unparkers = self.clock.unparkers.lock().unwrap_or_else(PoisonError::into_inner);
        unparkers.push(hand.unparker());
        threads::start(seat.take(hand.unparker()), hand)
    }

    fn standard_stream(&self, stream: StandardStream, job: Job) -> io::Result<()> {
        self.os.standard_stream(stream, job)
    }

    fn spawn(&self, command: &mut Command) -> io::Result<Spawned> {
        self.os.spawn(command)
    }

    fn os(&self) -> Option<&Os> {
        Some(&self.os)
    }
}

/// How far past 1970 the wall clock stands at first: 2030-01-01, which no test takes for the present.
const WALL_ORIGIN: Duration = Duration::from_secs(1_893_456_000);

/// How long a test may wait for real sockets before it is taken for stuck, and fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(30);
