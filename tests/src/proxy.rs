//! A TCP proxy that does to a connection what networks do: ends it, holds its bytes back, changes them.
//!
//! ```text
//!   client ◄── Way to the client ── Proxy ── Way to the server ──► server
//!                                     ▲
//!                 cut, release, another server: whenever the test says so
//! ```
//!
//! What happens by itself happens at a byte, counted from the beginning of the connection, and never at a time: so the
//! same bytes meet the same fate. What is held is held until the test says otherwise. It runs on a thread and a reactor
//! of its own, and lives as long as its handle.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use ekiden::net::{TcpListener, TcpStream};
use ekiden::{TaskGroup, spawn, sync, timeout};

/// A running proxy.
#[derive(Debug)]
pub struct Proxy {
    addr: SocketAddr,
    control: Arc<Control>,
    thread: Option<JoinHandle<()>>,
}

/// What is to happen to a connection, by itself.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// To what the client sends.
    pub to_server: Way,
    /// To what the server sends.
    pub to_client: Way,
}

/// One direction of a connection: by default everything passes.
#[derive(Clone, Debug)]
pub struct Way {
    /// By the byte before which they happen.
    events: Vec<(u64, Event)>,
    piece_bytes_max: usize,
}

/// What happens before a byte passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It waits, and all that is behind it, for [`Proxy::release`].
    Hold,
    /// These bits of it are turned over.
    Corrupt(u8),
    /// Both ends of the connection are reset.
    Reset,
    /// The receiver is told that there are no more, and the rest is thrown away. The other direction goes on.
    End,
}

/// What a proxy has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that have ended.
    pub ended: u64,
    /// Directions that are held now.
    pub held: u64,
    /// Bytes that were passed to servers.
    pub to_server: u64,
    /// Bytes that were passed to clients.
    pub to_client: u64,
}

impl Way {
    /// Has that happen before the byte of that number; the first is 0.
    #[must_use]
    pub fn at(mut self, byte: u64, event: Event) -> Self {
        self.events.push((byte, event));
        self.events.sort_by_key(|(byte, _)| *byte);
        self
    }

    /// Passes at most so many bytes at once.
    #[must_use]
    pub fn in_pieces_of(mut self, bytes_max: usize) -> Self {
        self.piece_bytes_max = bytes_max;
        self
    }
}

impl Default for Way {
    fn default() -> Self {
        Self { events: Vec::new(), piece_bytes_max: BUFFER_BYTES }
    }
}

impl Proxy {
    /// Starts a proxy for this server, on a port of its own on loopback. Everything passes until it has a [`plan`](Self::plan).
    ///
    /// # Panics
    ///
    /// If loopback has no free port.
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "it runs beside the test, which may be on a reactor itself"
    )]
    pub fn start(server: SocketAddr) -> Self {
        let control = Arc::new(Control::new(server));
        let (sender, addr) = mpsc::channel();
        let shared = Arc::clone(&control);
        let thread = std::thread::spawn(move || {
            ekiden::run(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
                sender.send(listener.local_addr().expect("it is bound")).expect("the test waits");
                spawn(accept(listener, Arc::clone(&shared)));
                shared.until(|state| state.is_over).await;
            });
        });
        let addr = addr.recv().expect("the proxy says where it listens");
        Self { addr, control, thread: Some(thread) }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What happens to connections that begin from now on.
    pub fn plan(&self, plan: Plan) {
        self.control.change(|state| state.plan = plan);
    }

    /// Where connections go to that begin from now on; with `None` they are reset.
    pub fn set_server(&self, server: Option<SocketAddr>) {
        self.control.change(|state| state.server = server);
    }

    /// Lets everything go on that is held now.
    pub fn release(&self) {
        self.control.change(|state| state.releases += 1);
    }

    /// Resets all connections that there are.
    pub fn cut(&self) {
        self.control.change(|state| state.cuts += 1);
    }

    /// What it has done so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.control.lock().counts
    }

    /// Waits until what it has done is as wanted. A program that is no task runs this on a reactor of its own.
    ///
    /// # Panics
    ///
    /// If that is not so within a minute, which only a test meets that fails.
    pub async fn until(&self, is_so: impl Fn(Counts) -> bool) {
        let waited = timeout(PATIENCE, self.control.until(|state| is_so(state.counts))).await;
        assert!(waited.is_ok(), "it never came to that: {:?}", self.counts());
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.control.change(|state| state.is_over = true);
        // If it panicked it has said so.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

/// What the test and the proxy share.
#[derive(Debug)]
struct Control {
    state: Mutex<State>,
    /// That the state is another.
    news: sync::Notify,
}

#[derive(Debug)]
struct State {
    server: Option<SocketAddr>,
    plan: Plan,
    releases: u64,
    cuts: u64,
    is_over: bool,
    counts: Counts,
}

#[derive(Clone, Copy)]
enum Direction {
    ToServer,
    ToClient,
}

/// What became of a part of a connection.
#[derive(PartialEq, Eq)]
enum Outcome {
    /// One direction has come to its end, in order.
    Ended,
    /// The connection is to be reset.
    Reset,
}

impl Control {
    fn new(server: SocketAddr) -> Self {
        let (plan, counts) = (Plan::default(), Counts::default());
        let state = State { server: Some(server), plan, releases: 0, cuts: 0, is_over: false, counts };
        Self { state: Mutex::new(state), news: sync::Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.lock());
        self.news.notify_waiters();
        changed
    }

    async fn until(&self, is_so: impl Fn(&State) -> bool) {
        loop {
            let news = self.news.notified();
            if is_so(&self.lock()) {
                return;
            }
            news.await;
        }
    }

    /// Waits until the test releases what is held.
    async fn hold(&self) {
        let seen = self.change(|state| {
            state.counts.held += 1;
            state.releases
        });
        let _held = Held(self);
        self.until(|state| state.releases > seen).await;
    }
}

/// A direction that is held, counted until it is released or its connection has ended.
struct Held<'a>(&'a Control);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.change(|state| state.counts.held -= 1);
    }
}

async fn accept(listener: TcpListener, control: Arc<Control>) {
    loop {
        let (client, _) = listener.accept().await.expect("a listener on loopback goes on");
        let control = Arc::clone(&control);
        let cuts = control.change(|state| {
            state.counts.accepted += 1;
            state.cuts
        });
        spawn(async move {
            connection(client, &control, cuts).await;
            control.change(|state| state.counts.ended += 1);
        });
    }
}

/// Passes everything between the two until both directions have ended, or something ends the connection.
async fn connection(client: TcpStream, control: &Arc<Control>, cuts: u64) {
    let (server, Plan { to_server, to_client }) = {
        let state = control.lock();
        (state.server, state.plan.clone())
    };
    let server = match server {
        Some(server) => TcpStream::connect(server).await,
        None => Err(io::ErrorKind::NotFound.into()),
    };
    let Ok(server) = server else {
        // Nobody listens there, and by a proxy that is a reset.
        return client.set_zero_linger().expect("it is a socket");
    };
    let ends = Rc::new((client, server));
    for end in [&ends.0, &ends.1] {
        end.set_nodelay(true).expect("it is a socket");
    }
    let mut parts = TaskGroup::new(3);
    let passing = |direction, way| {
        let (ends, control) = (Rc::clone(&ends), Arc::clone(control));
        async move { pass(&ends, direction, way, &control).await.unwrap_or(Outcome::Reset) }
    };
    let is_spawned = parts.try_spawn(passing(Direction::ToServer, to_server)).is_ok()
        && parts.try_spawn(passing(Direction::ToClient, to_client)).is_ok();
    assert!(is_spawned, "there is room for three");
    let cutting = Arc::clone(control);
    let cut = parts.spawn(async move {
        cutting.until(|state| state.cuts > cuts).await;
        Outcome::Reset
    });
    cut.await.expect("there is room for three");
    for _ in 0..2 {
        let part = parts.join_next().await.expect("there are three").expect("none panics");
        if part == Outcome::Reset {
            for end in [&ends.0, &ends.1] {
                end.set_zero_linger().expect("it is a socket");
            }
            break;
        }
    }
    // Not before its tasks have let go of the sockets are these closed.
    parts.abort();
    drop(parts.join_all().await);
}

async fn pass(
    ends: &(TcpStream, TcpStream),
    direction: Direction,
    way: Way,
    control: &Control,
) -> io::Result<Outcome> {
    let (from, to) = match direction {
        Direction::ToServer => (&ends.0, &ends.1),
        Direction::ToClient => (&ends.1, &ends.0),
    };
    let (mut at, mut events) = (0, way.events.into_iter().peekable());
    let mut buf = vec![0; way.piece_bytes_max];
    loop {
        let mut turned = 0;
        while let Some((_, event)) = events.next_if(|(byte, _)| *byte == at) {
            match event {
                Event::Hold => control.hold().await,
                Event::Corrupt(bits) => turned = bits,
                Event::Reset => return Ok(Outcome::Reset),
                Event::End => {
                    to.shutdown(Shutdown::Write)?;
                    while from.read(&mut buf).await? > 0 {}
                    return Ok(Outcome::Ended);
                }
            }
        }
        let room =
            events.peek().map_or(usize::MAX, |(byte, _)| usize::try_from(byte - at).unwrap_or(usize::MAX));
        let room = room.min(buf.len());
        let length = from.read(&mut buf[..room]).await?;
        if length == 0 {
            to.shutdown(Shutdown::Write)?;
            return Ok(Outcome::Ended);
        }
        buf[0] ^= turned;
        to.write_all(&buf[..length]).await?;
        at += length as u64;
        control.change(|state| match direction {
            Direction::ToServer => state.counts.to_server += length as u64,
            Direction::ToClient => state.counts.to_client += length as u64,
        });
    }
}

/// What is read at once, unless a plan says less.
const BUFFER_BYTES: usize = 16 * 1024;

/// Nothing on loopback takes this long: only a test that fails meets it.
const PATIENCE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::ErrorKind;

    /// Sends `hello` through a proxy to an echo, and then an end; what came back, if that ended in order.
    async fn echo(proxy: &Proxy) -> io::Result<String> {
        let stream = TcpStream::connect(proxy.addr()).await?;
        stream.write_all(b"hello").await?;
        stream.shutdown(Shutdown::Write)?;
        let (mut said, mut buf) = (Vec::new(), [0; 64]);
        loop {
            match stream.read(&mut buf).await? {
                0 => return Ok(String::from_utf8_lossy(&said).into_owned()),
                length => said.extend_from_slice(&buf[..length]),
            }
        }
    }

    /// What comes back by these ways; `None` for a reset.
    fn check(to_server: Way, to_client: Way, expect: Option<&str>) {
        run(async |proxy| {
            proxy.plan(Plan { to_server, to_client });
            assert_eq!(echo(&proxy).await.ok().as_deref(), expect);
            proxy.until(|counts| counts.ended == 1).await;
        });
    }

    fn run(test: impl AsyncFnOnce(Proxy)) {
        ekiden::run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let server = listener.local_addr().unwrap();
            spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    spawn(async move {
                        let mut buf = [0; 64];
                        while let Ok(length @ 1..) = stream.read(&mut buf).await {
                            if stream.write_all(&buf[..length]).await.is_err() {
                                return;
                            }
                        }
                    });
                }
            });
            test(Proxy::start(server)).await;
        });
    }

    #[test]
    fn everything_passes() {
        check(Way::default(), Way::default(), Some("hello"));
        check(Way::default().in_pieces_of(1), Way::default().in_pieces_of(2), Some("hello"));
    }

    #[test]
    fn a_byte_is_changed() {
        check(Way::default().at(1, Event::Corrupt(0x20)), Way::default(), Some("hEllo"));
        check(Way::default(), Way::default().at(4, Event::Corrupt(0x20)), Some("hellO"));
    }

    #[test]
    fn one_direction_ends_and_the_other_goes_on() {
        check(Way::default().at(3, Event::End), Way::default(), Some("hel"));
        check(Way::default(), Way::default().at(3, Event::End), Some("hel"));
    }

    #[test]
    fn a_connection_is_reset_at_its_byte() {
        check(Way::default().at(3, Event::Reset), Way::default(), None);
        check(Way::default(), Way::default().at(3, Event::Reset), None);
    }

    #[test]
    fn what_is_held_comes_when_it_is_released() {
        run(async |proxy| {
            proxy.plan(Plan { to_client: Way::default().at(2, Event::Hold), ..Plan::default() });
            let stream = TcpStream::connect(proxy.addr()).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            proxy.until(|counts| counts.held == 1).await;
            assert_eq!((proxy.counts().to_server, proxy.counts().to_client), (5, 2));
            proxy.release();
            proxy.until(|counts| counts.to_client == 5 && counts.held == 0).await;
        });
    }

    #[test]
    fn a_connection_that_ends_holds_nothing() {
        run(async |proxy| {
            proxy.plan(Plan { to_client: Way::default().at(2, Event::Hold), ..Plan::default() });
            let stream = TcpStream::connect(proxy.addr()).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            proxy.until(|counts| counts.held == 1).await;
            proxy.cut();
            proxy.until(|counts| counts.ended == 1 && counts.held == 0).await;
        });
    }

    #[test]
    fn a_test_cuts_whenever_it_likes() {
        run(async |proxy| {
            let stream = TcpStream::connect(proxy.addr()).await.unwrap();
            proxy.until(|counts| counts.accepted == 1).await;
            proxy.cut();
            let read = stream.read(&mut [0; 8]).await;
            assert_eq!(read.unwrap_err().kind(), ErrorKind::ConnectionReset);
            // Whoever comes later is not meant.
            assert_eq!(echo(&proxy).await.unwrap(), "hello");
        });
    }

    #[test]
    fn without_a_server_connections_are_reset() {
        run(async |proxy| {
            proxy.set_server(None);
            assert!(echo(&proxy).await.is_err());
        });
    }
}
