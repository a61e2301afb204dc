//! A driver on a clock set by hand, some of whose sockets are a test's own.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::SocketAddr as UnixAddr;
use std::process::Command;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use ekiden_reactor::driver::hand::{Clock, Hand};
use ekiden_reactor::driver::os::Os;
use ekiden_reactor::driver::{
    Driver, Event, Job, ListenOptions, LookupDone, Overloaded, Park, Readiness, Signal, Spawned,
    StandardStream, TcpListener, TcpStream, Token, UdpOptions, UdpSocket, UnixDatagram, UnixListener,
    UnixStream, Unpark,
};
use ekiden_reactor::{Config, Instant, Reactor, yield_now};

/// The driver. What is not set is absent from its world, or the system's.
pub(crate) struct StandIn {
    hand: Hand,
    stage: Stage,
    /// What each name stands for.
    pub(crate) addrs: Option<Vec<SocketAddr>>,
    /// Where look-ups are left, which the test then answers.
    pub(crate) lookups: Option<Rc<RefCell<Vec<LookupDone>>>>,
    pub(crate) tcp_connect: Option<Box<TcpConnect>>,
    pub(crate) udp: Option<Box<dyn Fn() -> UdpSocket>>,
    pub(crate) unix_listener: Option<Box<dyn Fn() -> UnixListener>>,
    pub(crate) unix_datagram: Option<Box<dyn Fn() -> UnixDatagram>>,
    pub(crate) unix_connect: Option<Box<dyn Fn() -> io::Result<UnixStream>>>,
    pub(crate) spawn: Option<Box<Spawn>>,
    pub(crate) blocking: Option<Box<Blocking>>,
    pub(crate) has_no_standard_streams: bool,
}

type Blocking = dyn Fn(Job) -> Result<(), Overloaded>;

type Spawn = dyn Fn(&Command) -> Spawned;

type TcpConnect = dyn Fn(SocketAddr, Token) -> io::Result<TcpStream>;

/// The test's hand on the driver.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) clock: Clock,
    /// What has happened and was not told yet.
    news: Arc<Mutex<Vec<Event>>>,
    /// The socket that was opened last.
    token: Rc<Cell<Option<Token>>>,
    /// What the driver was asked to watch for, in order, and no more.
    pub(crate) watched: Rc<RefCell<Vec<Signal>>>,
}

/// Runs a test in that world.
pub(crate) fn run<F: Future>(world: StandIn, test: impl FnOnce(Stage) -> F) -> F::Output {
    let test = test(world.stage.clone());
    Reactor::with_driver(Config::default(), world).run(test)
}

impl StandIn {
    pub(crate) fn new() -> Self {
        let (hand, clock) = Hand::new().unwrap();
        let stage = Stage { clock, news: Arc::default(), token: Rc::default(), watched: Rc::default() };
        Self {
            hand,
            stage,
            addrs: None,
            lookups: None,
            tcp_connect: None,
            udp: None,
            unix_listener: None,
            unix_datagram: None,
            unix_connect: None,
            spawn: None,
            blocking: None,
            has_no_standard_streams: false,
        }
    }
}

impl Stage {
    /// Says that the socket that was opened last became ready.
    pub(crate) fn tell(&self, readable: bool, writable: bool) {
        self.tell_of(self.token.get().expect("a socket was opened"), readable, writable);
    }

    /// Says that a socket became ready.
    pub(crate) fn tell_of(&self, token: Token, readable: bool, writable: bool) {
        self.news.lock().unwrap().push(Event::Ready(token, Readiness::new(readable, writable)));
    }

    /// Says that a signal came.
    pub(crate) fn tell_signal(&self, signal: Signal) {
        self.news.lock().unwrap().push(Event::Signal(signal));
    }

    /// Lets every task that can go on do so.
    pub(crate) async fn settle(&self) {
        for _ in 0..10 {
            yield_now().await;
        }
    }
}

impl Driver for StandIn {
    fn park(&self, mut park: Park, happened: &mut dyn FnMut(Event)) -> io::Result<()> {
        let news = std::mem::take(&mut *self.stage.news.lock().unwrap());
        if !news.is_empty() {
            news.into_iter().for_each(&mut *happened);
            park.until = Some(Instant::ORIGIN);
        }
        self.hand.park(park, happened)
    }

    fn udp_bind(&self, _: SocketAddr, _: &UdpOptions, token: Token) -> io::Result<UdpSocket> {
        let udp = self.udp.as_ref().expect("the test opens one");
        self.stage.token.set(Some(token));
        Ok(udp())
    }

    fn unix_listen(&self, _: &UnixAddr, token: Token) -> io::Result<UnixListener> {
        let listener = self.unix_listener.as_ref().expect("the test opens one");
        self.stage.token.set(Some(token));
        Ok(listener())
    }

    fn unix_connect(&self, _: &UnixAddr) -> io::Result<UnixStream> {
        self.unix_connect.as_ref().expect("the test opens one")()
    }

    fn unix_datagram(&self, addr: Option<&UnixAddr>) -> io::Result<UnixDatagram> {
        self.unix_datagram.as_ref().map_or_else(|| self.hand.unix_datagram(addr), |open| Ok(open()))
    }

    fn spawn(&self, command: &mut Command) -> io::Result<Spawned> {
        Ok(self.spawn.as_ref().expect("the test starts one")(command))
    }

    fn os(&self) -> Option<&Os> {
        self.hand.os()
    }

    fn tcp_listen(&self, addr: SocketAddr, options: &ListenOptions, token: Token) -> io::Result<TcpListener> {
        self.hand.tcp_listen(addr, options, token)
    }

    fn tcp_connect(&self, addr: SocketAddr, token: Token) -> io::Result<TcpStream> {
        self.tcp_connect.as_ref().map_or_else(|| self.hand.tcp_connect(addr, token), |open| open(addr, token))
    }

    fn now(&self) -> Instant {
        self.hand.now()
    }

    fn wall_clock(&self) -> SystemTime {
        self.hand.wall_clock()
    }

    fn entropy(&self, buf: &mut [u8]) -> io::Result<()> {
        self.hand.entropy(buf)
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        self.hand.unparker()
    }

    fn lookup(&self, host: String, port: u16, done: LookupDone) {
        match (&self.lookups, &self.addrs) {
            (Some(lookups), _) => lookups.borrow_mut().push(done),
            (None, Some(addrs)) => done(Ok(addrs.clone())),
            (None, None) => self.hand.lookup(host, port, done),
        }
    }

    fn blocking(&self, job: Job) -> Result<(), Overloaded> {
        match &self.blocking {
            Some(submit) => submit(job),
            None => self.hand.blocking(job),
        }
    }

    fn standard_stream(&self, stream: StandardStream, job: Job) -> io::Result<()> {
        match self.has_no_standard_streams {
            true => Err(io::ErrorKind::Unsupported.into()),
            false => self.hand.standard_stream(stream, job),
        }
    }

    fn watch_signals(&self) -> io::Result<()> {
        self.hand.watch_signals()
    }

    fn watch_signal(&self, signal: Signal) -> io::Result<()> {
        if signal == Signal::Io {
            return Err(io::Error::other("not this one"));
        }
        self.stage.watched.borrow_mut().push(signal);
        Ok(())
    }

    fn unwatch_signal(&self, signal: Signal) {
        self.stage.watched.borrow_mut().retain(|watched| *watched != signal);
    }
}
