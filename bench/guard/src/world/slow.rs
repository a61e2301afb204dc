//! The system on a clock that goes slower, as the program does while it is counted.
//!
//! The loop times polls one by one when they take long, and under callgrind any poll may: it is some fifty times slower, and
//! the more so the more the machine has to do besides. On this clock no poll takes long. All else is the system's.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use ekiden::driver::os::Os;
use ekiden::driver::{
    Driver, Event, Job, ListenOptions, LookupDone, Overloaded, Park, TcpListener, TcpStream, Token, Unpark,
};
use ekiden::{Config, Instant, Reactor};

/// Runs a scenario on the system, on this clock. Nobody looks whether it is held: that would be by the clock of the system.
pub(crate) fn run<F: Future>(scenario: F) -> F::Output {
    let mut config = Config::default();
    config.held_max = None;
    Reactor::with_driver(config, Slow(Os::new().expect("a selector"))).run(scenario)
}

struct Slow(Os);

impl Driver for Slow {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.0.now().as_nanos() / SLOWER)
    }

    fn park(&self, mut park: Park, happened: &mut dyn FnMut(Event)) -> io::Result<()> {
        let real = |moment: Instant| Instant::from_nanos(moment.as_nanos() * SLOWER);
        (park.until, park.now) = (park.until.map(real), park.now.map(real));
        self.0.park(park, happened)
    }

    fn time_passes(&self) -> bool {
        self.0.time_passes()
    }

    fn os(&self) -> Option<&Os> {
        Some(&self.0)
    }

    fn wall_clock(&self) -> SystemTime {
        self.0.wall_clock()
    }

    fn entropy(&self, buf: &mut [u8]) -> io::Result<()> {
        self.0.entropy(buf)
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        self.0.unparker()
    }

    fn tcp_listen(&self, addr: SocketAddr, options: &ListenOptions, token: Token) -> io::Result<TcpListener> {
        self.0.tcp_listen(addr, options, token)
    }

    fn tcp_connect(&self, addr: SocketAddr, token: Token) -> io::Result<TcpStream> {
        self.0.tcp_connect(addr, token)
    }

    fn lookup(&self, host: String, port: u16, done: LookupDone) {
        self.0.lookup(host, port, done);
    }

    fn blocking(&self, job: Job) -> Result<(), Overloaded> {
        self.0.blocking(job)
    }

    fn watch_signals(&self) -> io::Result<()> {
        self.0.watch_signals()
    }
}

/// Enough for a machine that is twenty times too busy.
const SLOWER: u64 = 1_000;
