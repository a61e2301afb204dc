//! Unix sockets, and drivers whose own are a script.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ekiden_reactor::driver::{self, OtherUnixDatagram, OtherUnixListener, OtherUnixStream, Token};
use ekiden_reactor::net::{UnixDatagram, UnixListener, UnixStream};
use ekiden_reactor::{Task, Tick, run, schedule, spawn, yield_now};
use futures_util::{AsyncReadExt, AsyncWriteExt, FutureExt, StreamExt};

use crate::stand_in::{self, StandIn};

/// A path that nobody else uses, and that is gone with the value.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        Self(std::env::temp_dir().join(format!("ekiden-{}-{name}", std::process::id())))
    }
}

impl AsRef<Path> for Place {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

#[test]
fn a_megabyte_arrives_whole_through_a_path_in_both_directions_at_once() {
    run(async {
        let place = Place::new("megabyte");
        let listener = UnixListener::bind(&place).unwrap();
        let client = UnixStream::connect(&place).await.unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        assert!(peer.is_unnamed());
        assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(place.as_ref()));
        assert_eq!(server.local_addr().unwrap().as_pathname(), Some(place.as_ref()));
        let (client, server) = (Rc::new(client), Rc::new(server));
        let data: Rc<Vec<u8>> = Rc::new((0..1_000_000u32).map(|n| (n % 251) as u8).collect());
        let mut tasks = Vec::new();
        for (from, to) in [(client.clone(), server.clone()), (server, client)] {
            let (sent, expected) = (data.clone(), data.clone());
            tasks.push(spawn(async move {
                from.write_all(&sent).await.unwrap();
                from.shutdown(Shutdown::Write).unwrap();
            }));
            tasks.push(spawn(async move {
                let mut got = Vec::new();
                (&*to).read_to_end(&mut got).await.unwrap();
                assert!(got == *expected, "{} bytes came", got.len());
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn the_traits_of_futures_io_work_on_a_pair_and_its_references() {
    run(async {
        let (mut here, there) = UnixStream::pair().unwrap();
        AsyncWriteExt::write_all(&mut &there, b"hello").await.unwrap();
        let bufs = [IoSlice::new(b", "), IoSlice::new(b"world")];
        assert_eq!(there.write_vectored(&bufs).await.unwrap(), 7);
        (&there).close().await.unwrap();
        let mut text = String::new();
        here.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello, world");
        here.write_all(b"unread").await.unwrap();
        let hangup = there.hangup();
        drop(here);
        hangup.await;
    });
}

#[test]
#[cfg(target_os = "linux")]
fn an_abstract_address_has_no_file() {
    use std::os::linux::net::SocketAddrExt;

    run(async {
        let name = format!("ekiden-{}-abstract", std::process::id());
        let addr = SocketAddr::from_abstract_name(&name).unwrap();
        let listener = UnixListener::bind_addr(&addr).unwrap();
        let client = UnixStream::connect_addr(&addr).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        assert_eq!(client.peer_addr().unwrap().as_abstract_name(), Some(name.as_bytes()));
        server.write_all(b"hello").await.unwrap();
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 5);
        // Gone with the listener, so that it can be taken again.
        drop(listener);
        UnixListener::bind_addr(&addr).unwrap();
    });
}

/// Sends each of its clients one byte.
struct Greeter {
    listener: UnixListener,
    left: usize,
}

impl Task for Greeter {
    fn tick(&mut self) -> io::Result<Tick> {
        while let Some((stream, _peer)) = self.listener.try_accept()? {
            assert_eq!(stream.try_write(b"!")?, Some(1));
            self.left -= 1;
            if self.left == 0 {
                return Ok(Tick::Final);
            }
        }
        Ok(Tick::WouldBlock)
    }
}

#[test]
fn a_listener_ticks_and_polls() {
    run(async {
        let place = Place::new("ticks");
        let listener = UnixListener::bind(&place).unwrap();
        // More than an accept budget, so the listener must come back by itself.
        let greeter = schedule(Greeter { listener, left: 30 });
        for _ in 0..30 {
            let client = UnixStream::connect(&place).await.unwrap();
            assert_eq!(poll_fn(|cx| client.poll_read(cx, &mut [0; 9])).await.unwrap(), 1);
        }
        greeter.await.unwrap().unwrap();
        let again = Place::new("polls");
        let listener = UnixListener::bind(&again).unwrap();
        let _client = UnixStream::connect(&again).await.unwrap();
        poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        assert!(listener.try_accept().unwrap().is_none());
    });
}

#[test]
fn a_listener_has_a_stream_of_those_who_come() {
    run(async {
        let place = Place::new("incoming");
        let listener = UnixListener::bind(&place).unwrap();
        let mut incoming = listener.incoming();
        assert!(incoming.next().now_or_never().is_none());
        for _ in 0..2 {
            let client = UnixStream::connect(&place).await.unwrap();
            let (server, _peer) = incoming.next().await.unwrap().unwrap();
            client.write_all(b"hello").await.unwrap();
            assert_eq!(server.read(&mut [0; 64]).await.unwrap(), 5);
        }
    });
}

#[test]
fn a_path_stays_and_errors_name_it() {
    run(async {
        let place = Place::new("stays");
        let check = |error: io::Error, kind, start: &str| {
            assert_eq!(error.kind(), kind, "{error}");
            let start = format!("cannot {start} {}: ", place.as_ref().display());
            assert!(error.to_string().starts_with(&start), "{error}");
        };
        check(UnixStream::connect(&place).await.unwrap_err(), io::ErrorKind::NotFound, "connect to");
        drop(UnixListener::bind(&place).unwrap());
        check(UnixStream::connect(&place).await.unwrap_err(), io::ErrorKind::ConnectionRefused, "connect to");
        check(UnixListener::bind(&place).unwrap_err(), io::ErrorKind::AddrInUse, "listen on");
        check(UnixDatagram::bind(&place).unwrap_err(), io::ErrorKind::AddrInUse, "open a datagram socket on");
        std::fs::remove_file(&place).unwrap();
        drop(UnixDatagram::bind(&place).unwrap());
        assert!(place.as_ref().exists());
    });
}

#[test]
fn datagrams_come_one_by_one_between_paths_and_in_pairs() {
    run(async {
        let (a, b) = (Place::new("dgram-a"), Place::new("dgram-b"));
        let (here, there) = (UnixDatagram::bind(&a).unwrap(), UnixDatagram::bind(&b).unwrap());
        here.send_to(b"one", &b).await.unwrap();
        here.send_to(b"", &b).await.unwrap();
        let mut buf = [0; 2];
        let (n, peer) = there.recv_from(&mut buf).await.unwrap();
        assert_eq!((n, peer.as_pathname()), (2, Some(a.as_ref())), "cut off");
        assert_eq!(poll_fn(|cx| there.poll_recv_from(cx, &mut buf)).await.unwrap().0, 0);
        there.connect(&a).unwrap();
        assert_eq!(there.try_send(b"two").unwrap(), Some(3));
        assert_eq!(here.recv(&mut [0; 9]).await.unwrap(), 3);

        let (here, there) = UnixDatagram::pair().unwrap();
        poll_fn(|cx| here.poll_send(cx, b"three")).await.unwrap();
        assert_eq!(there.recv(&mut [0; 9]).await.unwrap(), 5);
        assert_eq!(there.try_recv(&mut [0; 9]).unwrap(), None);
        let error = UnixDatagram::unbound().unwrap().peer_addr().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotConnected);
    });
}

#[test]
fn who_is_connected_waits_for_room_and_loses_nothing() {
    run(async {
        let (here, there) = UnixDatagram::pair().unwrap();
        let sender = spawn(async move {
            for n in 0..1000u32 {
                here.send(&n.to_le_bytes()).await.unwrap();
            }
        });
        yield_now().await;
        for n in 0..1000u32 {
            let mut buf = [0; 4];
            assert_eq!(there.recv(&mut buf).await.unwrap(), 4);
            assert_eq!(u32::from_le_bytes(buf), n);
        }
        sender.await.unwrap();
    });
}

/// Sends ten datagrams to a path, as there is room.
struct Sender {
    socket: UnixDatagram,
    to: Rc<Place>,
    sent: Rc<Cell<usize>>,
}

impl Task for Sender {
    fn tick(&mut self) -> io::Result<Tick> {
        while self.sent.get() < 10 {
            if self.socket.try_send_to(b"x", &*self.to)?.is_none() {
                return Ok(Tick::WouldBlock);
            }
            self.sent.set(self.sent.get() + 1);
        }
        Ok(Tick::Final)
    }
}

#[test]
fn who_is_not_connected_tries_again_when_there_may_be_room() {
    stand_in::run(StandIn::new(), async |stage| {
        let to = Rc::new(Place::new("full"));
        let receiver = UnixDatagram::bind(&*to).unwrap();
        let filler = UnixDatagram::unbound().unwrap();
        let mut room = 0;
        while filler.try_send_to(b"x", &*to).unwrap().is_some() {
            room += 1;
        }
        let sent = Rc::new(Cell::new(0));
        let ticks =
            schedule(Sender { socket: UnixDatagram::unbound().unwrap(), to: to.clone(), sent: sent.clone() });
        let another = to.clone();
        let future = spawn(async move {
            let socket = UnixDatagram::unbound().unwrap();
            socket.send_to(b"y", &*another).await.unwrap();
        });
        stage.settle().await;
        for round in 0..10 {
            // Each time there is room for all that is left, and nobody tells but the clock.
            for _ in 0..room {
                receiver.try_recv(&mut [0; 9]).unwrap();
            }
            assert!(round > 0 || (sent.get() == 0 && !future.is_finished()));
            stage.clock.pass(Duration::from_millis(5)).await;
            stage.settle().await;
        }
        assert_eq!(sent.get(), 10);
        ticks.await.unwrap().unwrap();
        future.await.unwrap();
    });
}

/// A datagram socket whose peer has room for what is sent at the third attempt.
#[derive(Debug, Default)]
struct Late {
    token: Option<Token>,
    asked: usize,
}

#[derive(Debug)]
struct LateSocket(Arc<Mutex<Late>>);

impl OtherUnixDatagram for LateSocket {
    fn register(&mut self, token: Token) -> io::Result<()> {
        self.0.lock().unwrap().token = Some(token);
        Ok(())
    }

    fn send_to(&self, buf: &[u8], _path: &Path) -> io::Result<usize> {
        let mut late = self.0.lock().unwrap();
        late.asked += 1;
        if late.asked < 3 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(buf.len()) }
    }

    fn connect(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn recv(&self, _buf: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn recv_from(&self, _buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn send(&self, _buf: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn shutdown(&self, _how: Shutdown) -> io::Result<()> {
        Ok(())
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        SocketAddr::from_pathname("")
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        SocketAddr::from_pathname("")
    }
}

#[test]
fn a_peer_without_room_is_tried_by_the_clock_and_not_at_each_wake() {
    let late = Arc::<Mutex<Late>>::default();
    let mut world = StandIn::new();
    let of_world = late.clone();
    world.unix_datagram =
        Some(Box::new(move || driver::UnixDatagram::Other(Box::new(LateSocket(of_world.clone())))));
    stand_in::run(world, async move |stage| {
        let sending = spawn(async { UnixDatagram::unbound()?.send_to(b"x", "/anywhere").await });
        for asked in 1..3 {
            for _ in 0..3 {
                stage.settle().await;
                assert_eq!(late.lock().unwrap().asked, asked);
                // As Linux does each time.
                stage.tell_of(late.lock().unwrap().token.unwrap(), false, true);
            }
            stage.clock.pass(Duration::from_millis(5)).await;
        }
        assert_eq!(sending.await.unwrap().unwrap(), 1);
    });
}

/// A stream that gives a byte at a time, and says only once that it can be read.
#[derive(Debug)]
struct ByteByByte(Mutex<VecDeque<u8>>);

fn byte_by_byte(bytes: &[u8]) -> driver::UnixStream {
    driver::UnixStream::Other(Box::new(ByteByByte(Mutex::new(bytes.iter().copied().collect()))))
}

impl OtherUnixStream for ByteByByte {
    fn register(&mut self, _token: Token) -> io::Result<()> {
        Ok(())
    }

    fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        buf[0] = self.0.lock().unwrap().pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        Ok(1)
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
        SocketAddr::from_pathname("")
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        SocketAddr::from_pathname("")
    }
}

#[test]
fn a_short_read_is_not_taken_for_the_last() {
    let mut world = StandIn::new();
    world.unix_connect = Some(Box::new(|| Ok(byte_by_byte(b"abc"))));
    stand_in::run(world, async |_stage| {
        let stream = UnixStream::connect("/anywhere").await.unwrap();
        let mut buf = [0; 9];
        for byte in b"abc" {
            assert_eq!(stream.try_read(&mut buf).unwrap(), Some(1));
            assert_eq!(buf[0], *byte);
        }
        assert_eq!(stream.try_read(&mut buf).unwrap(), None);
    });
}

#[test]
fn a_listener_without_room_is_asked_again_and_less_often_each_time() {
    let asked = Rc::new(Cell::new(0));
    let mut world = StandIn::new();
    world.unix_connect = Some(Box::new({
        let asked = asked.clone();
        move || {
            asked.set(asked.get() + 1);
            if asked.get() <= 9 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(byte_by_byte(b"")) }
        }
    }));
    stand_in::run(world, async move |stage| {
        let connecting = spawn(UnixStream::connect("/anywhere"));
        stage.settle().await;
        for (millis, expected) in [(1, 2), (2, 3), (4, 4), (8, 5), (16, 6), (32, 7), (64, 8), (100, 9)] {
            stage.clock.pass(Duration::from_millis(millis - 1)).await;
            stage.settle().await;
            assert_eq!(asked.get(), expected - 1, "before {millis} ms");
            stage.clock.pass(Duration::from_millis(1)).await;
            stage.settle().await;
            assert_eq!(asked.get(), expected, "after {millis} ms");
        }
        assert!(!connecting.is_finished());
        stage.clock.pass(Duration::from_millis(100)).await;
        connecting.await.unwrap().unwrap();
    });
}

/// A listener whose answers are a script: an error's number, or a stream for 0.
#[derive(Debug)]
struct Script(Arc<Mutex<VecDeque<i32>>>);

impl OtherUnixListener for Script {
    fn accept(&self) -> io::Result<(driver::UnixStream, SocketAddr)> {
        match self.0.lock().unwrap().pop_front() {
            None => Err(io::ErrorKind::WouldBlock.into()),
            Some(0) => Ok((byte_by_byte(b""), SocketAddr::from_pathname("")?)),
            Some(number) => Err(io::Error::from_raw_os_error(number)),
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        SocketAddr::from_pathname("")
    }
}

#[test]
fn accepting_goes_on_as_for_tcp_after_what_passes() {
    const ECONNABORTED: i32 = 103;
    const EMFILE: i32 = 24;
    const EBADF: i32 = 9;
    let script = Arc::new(Mutex::new(VecDeque::from([ECONNABORTED, 0, EMFILE, 0, EBADF])));
    let mut world = StandIn::new();
    let of_world = script.clone();
    world.unix_listener =
        Some(Box::new(move || driver::UnixListener::Other(Box::new(Script(of_world.clone())))));
    stand_in::run(world, async move |stage| {
        let listener = UnixListener::bind("/anywhere").unwrap();
        stage.tell(true, false);
        listener.accept().await.unwrap();
        // No file left: a pause.
        assert!(listener.accept().now_or_never().is_none());
        assert_eq!(script.lock().unwrap().len(), 2);
        stage.clock.pass(Duration::from_millis(10)).await;
        listener.accept().await.unwrap();
        assert_eq!(listener.accept().await.unwrap_err().raw_os_error(), Some(EBADF));
    });
}
