//! What accepting meets besides connections: errors of one connection, shortages, and its end, on a clock set by hand.
//!
//! The listener is of a driver whose answers are a script. Each test runs by each face of accepting: the program of
//! ticks that the documentation shows, the future, the poll, and the stream.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use ekiden_reactor::driver::hand::{Clock, Hand};
use ekiden_reactor::driver::{
    Driver, Event, Job, ListenOptions, LookupDone, OtherTcpListener, OtherTcpStream, Overloaded, Park,
    Readiness, TcpListener as Listening, TcpStream as Stream, Token, Unpark,
};
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{Config, Instant, JoinHandle, Reactor, Task, Tick, schedule, spawn, yield_now};
use futures_util::StreamExt;

/// A world whose only listener plays a script: `ok` is a connection, `full` one that cannot be watched, a number an
/// error of the system's, and behind the last word nobody is there.
struct World {
    hand: Hand,
    queue: Arc<Mutex<Queue>>,
}

#[derive(Debug, Default)]
struct Queue {
    words: VecDeque<&'static str>,
    token: Option<Token>,
    /// Somebody came, and the reactor was not told yet.
    is_news: bool,
    /// How often the listener was asked.
    asked: usize,
}

#[derive(Debug)]
struct Script(Arc<Mutex<Queue>>);

impl OtherTcpListener for Script {
    fn accept(&self) -> io::Result<(Stream, SocketAddr)> {
        let mut queue = self.0.lock().unwrap();
        queue.asked += 1;
        let stream = match queue.words.pop_front() {
            None => return Err(io::ErrorKind::WouldBlock.into()),
            Some("ok") => Silent { is_full: false },
            Some("full") => Silent { is_full: true },
            Some("unsupported") => return Err(io::ErrorKind::Unsupported.into()),
            Some(number) => return Err(io::Error::from_raw_os_error(number.parse().unwrap())),
        };
        Ok((Stream::Other(Box::new(stream)), nowhere()))
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(nowhere())
    }
}

fn nowhere() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 80))
}

/// A connection on which nothing ever comes.
#[derive(Debug)]
struct Silent {
    is_full: bool,
}

impl OtherTcpStream for Silent {
    fn register(&mut self, _token: Token) -> io::Result<()> {
        if self.is_full { Err(io::Error::from_raw_os_error(ENOSPC)) } else { Ok(()) }
    }

    fn read(&self, _buf: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write(&self, _buf: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn write_vectored(&self, _bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn shutdown(&self, _how: Shutdown) -> io::Result<()> {
        Ok(())
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(nowhere())
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(nowhere())
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

impl Driver for World {
    fn tcp_listen(&self, _: SocketAddr, _: &ListenOptions, token: Token) -> io::Result<Listening> {
        self.queue.lock().unwrap().token = Some(token);
        Ok(Listening::Other(Box::new(Script(self.queue.clone()))))
    }

    fn tcp_connect(&self, _: SocketAddr, _: Token) -> io::Result<Stream> {
        Err(io::Error::from_raw_os_error(EMFILE))
    }

    fn park(&self, mut park: Park, happened: &mut dyn FnMut(Event)) -> io::Result<()> {
        let mut queue = self.queue.lock().unwrap();
        if std::mem::take(&mut queue.is_news)
            && let Some(token) = queue.token
        {
            happened(Event::Ready(token, Readiness::new(true, false)));
            park.until = Some(Instant::ORIGIN);
        }
        drop(queue);
        self.hand.park(park, happened)
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
        self.hand.lookup(host, port, done);
    }

    fn blocking(&self, job: Job) -> Result<(), Overloaded> {
        self.hand.blocking(job)
    }

    fn watch_signals(&self) -> io::Result<()> {
        self.hand.watch_signals()
    }
}

/// The program of the documentation.
struct Ticks {
    socket: Rc<TcpListener>,
    accepted: Accepted,
}

type Accepted = Rc<RefCell<Vec<TcpStream>>>;

impl Task for Ticks {
    fn tick(&mut self) -> io::Result<Tick> {
        while let Some((stream, _peer)) = self.socket.try_accept()? {
            self.accepted.borrow_mut().push(stream);
        }
        Ok(Tick::WouldBlock)
    }
}

#[derive(Clone, Copy, Debug)]
enum Face {
    Tick,
    Future,
    Poll,
    Stream,
}

impl Face {
    /// Accepts until it fails.
    fn begin(self, socket: Rc<TcpListener>, accepted: Accepted) -> JoinHandle<io::Result<()>> {
        match self {
            Self::Tick => schedule(Ticks { socket, accepted }),
            Self::Future => spawn(async move {
                loop {
                    let (stream, _peer) = socket.accept().await?;
                    accepted.borrow_mut().push(stream);
                }
            }),
            Self::Poll => spawn(async move {
                loop {
                    let (stream, _peer) = poll_fn(|cx| socket.poll_accept(cx)).await?;
                    accepted.borrow_mut().push(stream);
                }
            }),
            Self::Stream => spawn(async move {
                let mut incoming = socket.incoming();
                while let Some(stream) = incoming.next().await {
                    match stream {
                        Ok((stream, _peer)) => accepted.borrow_mut().push(stream),
                        Err(error) => {
                            assert!(incoming.next().await.is_none(), "it ends behind an error");
                            return Err(error);
                        }
                    }
                }
                unreachable!("it ends behind an error, and not before")
            }),
        }
    }
}

/// Plays each line of a script, and holds what can be seen against what is expected of it.
///
/// `come` is somebody, or an error, that waits to be accepted; `pass` are milliseconds; `close` closes a connection.
/// Then `accepted` is how many were, `asked` how often the system was asked since the last time, `told` what the
/// operator was told since then, and `ended` by which error, if accepting has.
#[track_caller]
fn check(script: &'static str) {
    for face in [Face::Tick, Face::Future, Face::Poll, Face::Stream] {
        stage(async |mut stage| {
            let socket = Rc::new(TcpListener::listen(nowhere(), &ListenOptions::default()).unwrap());
            let mut accepting = face.begin(socket, stage.accepted.clone());
            for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
                let (step, expected) = line.split_once(" =>").unwrap_or((line, ""));
                let seen = match step {
                    "ended" if accepting.is_finished() => {
                        (&mut accepting).await.unwrap().unwrap_err().to_string()
                    }
                    "ended" => "…".to_owned(),
                    step => stage.step(step).await,
                };
                assert_eq!(seen, expected.trim(), "at `{step}`, by {face:?}, in {script}");
            }
        });
    }
}

struct Stage {
    clock: Clock,
    queue: Arc<Mutex<Queue>>,
    told: Rc<RefCell<Vec<String>>>,
    accepted: Accepted,
}

fn stage(test: impl AsyncFnOnce(Stage)) {
    let (told, queue) = (Rc::new(RefCell::new(Vec::new())), Arc::<Mutex<Queue>>::default());
    let mut config = Config::default();
    let log = told.clone();
    config.on_notice = Rc::new(move |notice| log.borrow_mut().push(notice.to_string()));
    let (hand, clock) = Hand::new().unwrap();
    let stage = Stage { clock, queue: queue.clone(), told, accepted: Accepted::default() };
    Reactor::with_driver(config, World { hand, queue }).run(test(stage));
}

impl Stage {
    async fn step(&mut self, step: &'static str) -> String {
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        match verb {
            "come" => self.come(rest.split_whitespace()),
            "pass" => self.clock.pass(Duration::from_millis(rest.parse().unwrap())).await,
            "close" => drop(self.accepted.borrow_mut().remove(0)),
            "accepted" => return self.accepted.borrow().len().to_string(),
            "asked" => return std::mem::take(&mut self.queue.lock().unwrap().asked).to_string(),
            "told" => return self.told.borrow_mut().drain(..).collect::<Vec<_>>().join("; "),
            verb => panic!("no step is called `{verb}`"),
        }
        settle().await;
        String::new()
    }

    fn come(&self, words: impl Iterator<Item = &'static str>) {
        let mut queue = self.queue.lock().unwrap();
        queue.words.extend(words);
        queue.is_news = true;
    }
}

/// Lets all tasks do what they can without time passing.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

#[test]
fn an_error_of_one_connection_is_passed_over_without_a_word() {
    // All that accept(2) says may be reported of the network, and what was never heard of.
    check(
        "
        come 103 ok 104 ok 100 71 92 112 64 113 95 101 ok 1 110 999 ok 4 ok
        accepted => 5
        ended => …
        told =>
        ",
    );
}

#[test]
fn a_shortage_is_told_waited_out_and_told_to_be_over() {
    check(
        "
        come ok 24 24 24 ok ok
        accepted => 1
        told => warning: accept: cannot accept connections, will try again: Too many open files (os error 24)
        asked => 2
        pass 9
        asked => 0
        pass 1
        asked => 1
        pass 19
        asked => 0
        pass 1
        asked => 1
        pass 39
        asked => 0
        accepted => 1
        pass 1
        accepted => 3
        told => info: accept: connections are accepted again
        ended => …
        ",
    );
}

#[test]
fn each_kind_of_shortage_is_waited_out() {
    // Files of the system, buffers, memory, and what can be watched.
    for script in ["come 23 ok", "come 105 ok", "come 12 ok", "come full ok"] {
        let script = format!("{script}\nasked => 1\naccepted => 0\npass 10\naccepted => 1\nended => …");
        check(script.leak());
    }
}

#[test]
fn a_pause_is_never_longer_than_a_second_and_begins_small_again() {
    check(
        "
        come 24 24 24 24 24 24 24 24 24 24 24 ok 24 ok
        pass 10
        pass 20
        pass 40
        pass 80
        pass 160
        pass 320
        pass 640
        asked => 8
        pass 999
        asked => 0
        pass 1
        asked => 1
        pass 1000
        pass 1000
        accepted => 0
        pass 1000
        accepted => 1
        pass 10
        accepted => 2
        ",
    );
}

#[test]
fn who_comes_during_a_pause_does_not_end_it() {
    check("come 24\nasked => 1\ncome ok\ncome ok\nasked => 0\npass 10\naccepted => 2");
}

#[test]
fn a_file_that_is_given_back_ends_the_pause() {
    check(
        "
        come ok ok 24 24 ok
        accepted => 2
        asked => 3
        close
        asked => 1
        accepted => 1
        close
        accepted => 1
        told => warning: accept: cannot accept connections, will try again: Too many open files (os error 24); \
             info: accept: connections are accepted again
        asked => 2
        pass 60
        asked => 0
        ",
    );
}

#[test]
fn what_never_had_a_file_gives_none_back() {
    stage(async |stage| {
        let socket = TcpListener::listen(nowhere(), &ListenOptions::default()).unwrap();
        stage.come(["24", "ok"].into_iter());
        settle().await;
        assert!(socket.try_accept().unwrap().is_none());
        TcpStream::connect(nowhere()).await.unwrap_err();
        settle().await;
        assert!(socket.try_accept().unwrap().is_none());
        assert_eq!(stage.queue.lock().unwrap().asked, 1);
        stage.clock.pass(Duration::from_millis(10)).await;
        assert!(socket.try_accept().unwrap().is_some());
    });
}

#[test]
fn a_shortage_is_over_when_nobody_is_left_to_be_accepted() {
    check(
        "
        come 24
        told => warning: accept: cannot accept connections, will try again: Too many open files (os error 24)
        pass 10
        asked => 2
        told => info: accept: connections are accepted again
        ",
    );
}

#[test]
fn shortages_that_follow_on_one_another_are_told_once_a_minute() {
    check(
        "
        come 24 ok 24 ok 24 ok 24
        pass 10
        told => warning: accept: cannot accept connections, will try again: Too many open files (os error 24); \
             info: accept: connections are accepted again
        pass 10
        pass 10
        told =>
        pass 59969
        come 24 ok
        told =>
        pass 10
        come 24
        told => warning: accept: cannot accept connections, will try again: Too many open files (os error 24)
        pass 10
        told => info: accept: connections are accepted again
        ",
    );
}

#[test]
fn errors_of_connections_without_an_end_do_not_spin() {
    let script = format!("come {}ok\nasked => 65\naccepted => 0\npass 10\nasked => 1\n", "103 ".repeat(66));
    let told = "cannot accept connections, will try again: Software caused connection abort (os error 103)";
    let end = format!("told => warning: accept: {told}\npass 20\naccepted => 1\nended => …");
    check((script + &end).leak());
}

#[test]
fn what_is_no_listener_ends_accepting_with_the_error() {
    for (word, error) in [
        ("9", "Bad file descriptor (os error 9)"),
        ("22", "Invalid argument (os error 22)"),
        ("88", "Socket operation on non-socket (os error 88)"),
        ("unsupported", "unsupported"),
    ] {
        let script = format!("come ok {word} ok\naccepted => 1\nended => {error}\ntold =>");
        check(script.leak());
    }
}

#[test]
fn all_who_wait_are_woken_when_the_pause_ends() {
    stage(async |stage| {
        let socket = Rc::new(TcpListener::listen(nowhere(), &ListenOptions::default()).unwrap());
        stage.come(["24"].into_iter());
        let accepted = [Face::Tick, Face::Future, Face::Poll].map(|face| {
            let accepted = Accepted::default();
            drop(face.begin(socket.clone(), accepted.clone()));
            accepted
        });
        settle().await;
        stage.queue.lock().unwrap().words.extend(["ok"; 100]);
        let asked = std::mem::take(&mut stage.queue.lock().unwrap().asked);
        assert_eq!(asked, 1, "the others have seen that there is a pause");
        stage.clock.pass(Duration::from_millis(10)).await;
        settle().await;
        let accepted = accepted.map(|accepted| accepted.borrow().len());
        assert!(accepted.iter().all(|&count| count > 0), "{accepted:?}");
        assert_eq!(accepted.iter().sum::<usize>(), 100);
    });
}

#[test]
fn a_listener_that_is_dropped_in_a_pause_is_forgotten() {
    stage(async |stage| {
        let socket = TcpListener::listen(nowhere(), &ListenOptions::default()).unwrap();
        stage.come(["ok", "24"].into_iter());
        settle().await;
        let (stream, _peer) = socket.try_accept().unwrap().unwrap();
        assert!(socket.try_accept().unwrap().is_none());
        drop(socket);
        let another = TcpListener::listen(nowhere(), &ListenOptions::default()).unwrap();
        stage.come(["ok"].into_iter());
        settle().await;
        assert!(another.try_accept().unwrap().is_some(), "it has the other's place, and not its pause");
        drop(stream);
        stage.clock.pass(Duration::from_millis(10)).await;
    });
}

#[test]
fn a_storm_of_connections_leaves_the_others_their_turn() {
    for face in [Face::Tick, Face::Future, Face::Poll, Face::Stream] {
        stage(async |stage| {
            let socket = Rc::new(TcpListener::listen(nowhere(), &ListenOptions::default()).unwrap());
            drop(face.begin(socket, stage.accepted.clone()));
            settle().await;
            stage.come(["ok"; 100].into_iter());
            let (mut before, most) = (0, Cell::new(0));
            while stage.accepted.borrow().len() < 100 {
                yield_now().await;
                let accepted = stage.accepted.borrow().len();
                most.set(most.get().max(accepted - before));
                before = accepted;
            }
            assert_eq!(most.get(), 8, "by {face:?}");
        });
    }
}

const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;

#[test]
fn streams_of_one_listener_each_have_a_place_among_those_who_wait() {
    stage(async |stage| {
        let socket = Rc::new(TcpListener::listen(nowhere(), &ListenOptions::default()).unwrap());
        let [gone, first, second] = [(); 3].map(|()| {
            let (socket, accepted) = (socket.clone(), stage.accepted.clone());
            spawn(async move {
                let (stream, _peer) = socket.incoming().next().await.unwrap().unwrap();
                accepted.borrow_mut().push(stream);
            })
        });
        settle().await;
        gone.abort();
        settle().await;
        for so_many in 1..=2 {
            stage.come(["ok"].into_iter());
            settle().await;
            assert_eq!(stage.accepted.borrow().len(), so_many);
        }
        first.await.unwrap();
        second.await.unwrap();
    });
}
