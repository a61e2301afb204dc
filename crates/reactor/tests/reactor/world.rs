//! A driver that is not the system's: a world of memory, whose clock jumps to the next moment that matters.
//!
//! It is small, and proves the boundary: the loop, the sockets and the timers ask nothing of anybody else, so a
//! simulated world can stand in without a change above it.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use ekiden_reactor::driver::{
    ConnectOptions, Driver, Event, Job, ListenOptions, LookupDone, OtherTcpListener, OtherTcpStream,
    Overloaded, Park, Readiness, Signal, TcpListener, TcpStream, Token, Unpark,
};
use ekiden_reactor::net::{self, lookup_host};
use ekiden_reactor::{
    Config, Handle, Instant, Reactor, Source, blocking, entropy, shutdown, sleep, spawn, timeout, wall_clock,
};

/// What happened and was not told yet.
type Events = Arc<Mutex<VecDeque<Event>>>;

#[derive(Default)]
struct World {
    nanos: Cell<u64>,
    events: Events,
    listeners: RefCell<HashMap<SocketAddr, Arc<Mutex<Backlog>>>>,
    ports: Cell<u16>,
}

#[derive(Debug)]
struct Backlog {
    token: Token,
    waiting: VecDeque<End>,
}

#[derive(Debug)]
struct Listening(SocketAddr, Arc<Mutex<Backlog>>);

/// One direction of a connection: a few bytes at a time, so that writers must wait.
#[derive(Debug, Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    closed: bool,
    reader: Option<Token>,
    writer: Option<Token>,
}

#[derive(Debug)]
struct End {
    incoming: Arc<Mutex<Pipe>>,
    outgoing: Arc<Mutex<Pipe>>,
    local: SocketAddr,
    peer: SocketAddr,
    events: Events,
}

impl End {
    fn pair(client: SocketAddr, server: SocketAddr, events: &Events) -> (Self, Self) {
        let (there, back) = (Arc::<Mutex<Pipe>>::default(), Arc::<Mutex<Pipe>>::default());
        let end = |incoming: &Arc<Mutex<Pipe>>, outgoing: &Arc<Mutex<Pipe>>, local, peer| Self {
            incoming: incoming.clone(),
            outgoing: outgoing.clone(),
            local,
            peer,
            events: events.clone(),
        };
        (end(&back, &there, client, server), end(&there, &back, server, client))
    }
}

fn tell(events: &Events, token: Option<Token>, readiness: Readiness) {
    if let Some(token) = token {
        events.lock().unwrap().push_back(Event::Ready(token, readiness));
    }
}

impl OtherTcpStream for End {
    fn register(&mut self, token: Token) -> io::Result<()> {
        self.incoming.lock().unwrap().reader = Some(token);
        self.outgoing.lock().unwrap().writer = Some(token);
        tell(&self.events, Some(token), Readiness::new(true, true));
        Ok(())
    }

    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        let mut pipe = self.incoming.lock().unwrap();
        if pipe.bytes.is_empty() {
            return if pipe.closed { Ok(0) } else { Err(io::ErrorKind::WouldBlock.into()) };
        }
        let n = buf.len().min(pipe.bytes.len());
        buf[..n].iter_mut().zip(pipe.bytes.drain(..n)).for_each(|(to, from)| *to = from);
        tell(&self.events, pipe.writer, Readiness::new(false, true));
        Ok(n)
    }

    fn write(&self, buf: &[u8]) -> io::Result<usize> {
        let mut pipe = self.outgoing.lock().unwrap();
        let room = 7 - pipe.bytes.len();
        if room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = buf.len().min(room);
        pipe.bytes.extend(&buf[..n]);
        tell(&self.events, pipe.reader, Readiness::new(true, false));
        Ok(n)
    }

    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        self.write(bufs.first().map_or(&[], |buf| buf))
    }

    fn shutdown(&self, _how: Shutdown) -> io::Result<()> {
        let mut pipe = self.outgoing.lock().unwrap();
        pipe.closed = true;
        tell(&self.events, pipe.reader, Readiness::new(true, false).read_on());
        Ok(())
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }

    fn set_nodelay(&self, _nodelay: bool) -> io::Result<()> {
        Ok(())
    }

    fn nodelay(&self) -> io::Result<bool> {
        Ok(true)
    }

    fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(None)
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.shutdown(Shutdown::Both).unwrap();
    }
}

impl OtherTcpListener for Listening {
    fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let end = self.1.lock().unwrap().waiting.pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        let peer = end.peer;
        Ok((TcpStream::Other(Box::new(end)), peer))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0)
    }
}

struct Nobody;

impl Unpark for Nobody {
    fn unpark(&self) {}
}

impl Driver for World {
    fn now(&self) -> Instant {
        Instant::from_nanos(self.nanos.get())
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_nanos(self.nanos.get())
    }

    fn entropy(&self, buf: &mut [u8]) -> io::Result<()> {
        buf.fill(4); // chosen by fair dice roll
        Ok(())
    }

    fn park(&self, park: Park, happened: &mut dyn FnMut(Event)) -> io::Result<()> {
        let events = std::mem::take(&mut *self.events.lock().unwrap());
        if events.is_empty() {
            let Some(until) = park.until else { return Err(io::Error::other("nothing can ever happen")) };
            self.nanos.set(self.nanos.get().max(until.as_nanos()));
        }
        events.into_iter().for_each(happened);
        Ok(())
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        Arc::new(Nobody)
    }

    fn tcp_listen(
        &self,
        addr: SocketAddr,
        _options: &ListenOptions,
        token: Token,
    ) -> io::Result<TcpListener> {
        let backlog = Arc::new(Mutex::new(Backlog { token, waiting: VecDeque::new() }));
        self.listeners.borrow_mut().insert(addr, backlog.clone());
        Ok(TcpListener::Other(Box::new(Listening(addr, backlog))))
    }

    fn tcp_connect(&self, addr: SocketAddr, token: Token) -> io::Result<TcpStream> {
        let listeners = self.listeners.borrow();
        let mut backlog = listeners.get(&addr).ok_or(io::ErrorKind::ConnectionRefused)?.lock().unwrap();
        self.ports.set(self.ports.get() + 1);
        let local = SocketAddr::from(([10, 0, 0, 2], self.ports.get()));
        let (mut client, server) = End::pair(local, addr, &self.events);
        client.register(token)?;
        backlog.waiting.push_back(server);
        tell(&self.events, Some(backlog.token), Readiness::new(true, false));
        Ok(TcpStream::Other(Box::new(client)))
    }

    fn lookup(&self, _host: String, port: u16, done: LookupDone) {
        done(Ok(vec![SocketAddr::from(([10, 0, 0, 1], port))]));
    }

    fn blocking(&self, job: Job) -> Result<(), Overloaded> {
        job();
        Ok(())
    }

    fn watch_signals(&self) -> io::Result<()> {
        self.events.lock().unwrap().push_back(Event::Signal(Signal::Interrupt));
        Ok(())
    }
}

fn run<F: Future>(test: F) -> F::Output {
    Reactor::with_driver(Config::default(), World::default()).run(test)
}

#[test]
fn a_program_runs_in_another_world_unchanged() {
    run(async {
        let listener = net::TcpListener::bind("server:80").await.unwrap();
        let server = spawn(async move {
            let (stream, _peer) = listener.accept().await.unwrap();
            let mut got = Vec::new();
            let mut buf = [0; 5];
            loop {
                match stream.read(&mut buf).await.unwrap() {
                    0 => return got,
                    n => got.extend_from_slice(&buf[..n]),
                }
            }
        });
        let client = net::TcpStream::connect("server:80").await.unwrap();
        // More than the world's pipe holds, so that both sides wait for each other.
        let data: Vec<u8> = (0..100).collect();
        client.write_all(&data).await.unwrap();
        drop(client);
        assert_eq!(server.await.unwrap(), data);
    });
}

#[test]
fn time_there_is_the_worlds_own() {
    run(async {
        let day = Duration::from_secs(24 * 60 * 60);
        sleep(day).await;
        assert_eq!(Instant::now() - Instant::ORIGIN, day);
        assert_eq!(wall_clock(), SystemTime::UNIX_EPOCH + day);
        assert!(timeout(day, std::future::pending::<()>()).await.is_err());
    });
}

#[test]
fn a_core_that_sleeps_is_idle_and_the_others_can_tell() {
    let day = Duration::from_secs(24 * 60 * 60);
    let stats = run(async {
        let before = Handle::current().stats();
        sleep(day).await;
        let after = Handle::current().stats();
        assert_eq!(after.busy_share_since(&before), Some(0.0));
        [before, after]
    });
    let [before, after] = stats;
    assert_eq!((after.busy - before.busy, after.idle - before.idle), (Duration::ZERO, day));
    assert_eq!(after.turn_began - before.turn_began, day);
    assert_eq!((after.wakeups - before.wakeups, after.timers_fired - before.timers_fired), (1, 1));
}

#[test]
fn names_entropy_jobs_and_signals_come_from_there_too() {
    run(async {
        assert_eq!(lookup_host("anything:1").await.unwrap(), [SocketAddr::from(([10, 0, 0, 1], 1))]);
        let mut bytes = [0; 2];
        entropy(&mut bytes).unwrap();
        assert_eq!(bytes, [4, 4]);
        assert_eq!(blocking(|| 5).await.unwrap(), 5);
        shutdown().await;
    });
}

#[test]
fn what_only_the_system_can_poll_is_refused_there() {
    let (_sender, receiver) = mio::unix::pipe::new().unwrap();
    let error = run(async { Source::new(receiver).unwrap_err() });
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
}

#[test]
fn what_a_world_does_not_have_is_an_error_that_says_so() {
    let error = run(net::UdpSocket::bind("server:53")).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::Unsupported);
    assert!(error.to_string().ends_with("this reactor's driver has no UDP sockets"), "{error}");
    let error = run(async { net::UnixDatagram::unbound().unwrap_err() });
    assert_eq!(error.to_string(), "this reactor's driver has no Unix sockets");
    let error = run(async {
        let _listener = net::TcpListener::bind("server:80").await.unwrap();
        let addr = SocketAddr::from(([10, 0, 0, 1], 80));
        let mut options = ConnectOptions::default();
        let stream = net::TcpStream::connect_with(addr, &options).await.unwrap();
        assert_eq!(stream.set_ttl(1).unwrap_err().kind(), io::ErrorKind::Unsupported);
        options.local_addr = Some(addr);
        net::TcpStream::connect_with(addr, &options).await.unwrap_err()
    });
    assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{error}");
}
