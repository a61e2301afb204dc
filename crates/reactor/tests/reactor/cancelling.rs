//! What a wait that is dropped loses: nothing, wherever its docs say so. Files, standard streams, the ends of children, signals
//! and the driver's UDP have such tests beside their others, channels and groups of tasks have schedules.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::net::{
    Spread, TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, lookup_host,
};
use ekiden_reactor::process::{Command, Stdio};
use ekiden_reactor::{Config, Reactor, Source, process, yield_now};
use futures_util::poll;

/// Runs a test, which fails when it waits for ever.
fn run(test: impl Future<Output = ()>) {
    Reactor::with_driver(Config::default(), Hand::new().unwrap().0).run(test);
}

/// Waits in three ways: one gives up before anything comes, one when it has come, and one takes it.
async fn taken_by_the_last<T>(wait: impl AsyncFn() -> T, come: impl AsyncFnOnce()) -> T {
    assert!(poll!(pin!(wait())).is_pending());
    let (mut lost, mut kept) = (Box::pin(wait()), pin!(wait()));
    assert!(poll!(&mut lost).is_pending() && poll!(&mut kept).is_pending());
    come().await;
    drop(lost);
    kept.await
}

/// One that is asked once more when it has come, and then given up, has it or has left it to the next.
async fn had_or_left<T>(wait: impl AsyncFn() -> T, come: impl AsyncFnOnce()) -> T {
    let mut impatient = Box::pin(wait());
    assert!(poll!(&mut impatient).is_pending());
    come().await;
    for _ in 0..10 {
        yield_now().await; // the reactor hears of it
    }
    let asked = poll!(&mut impatient);
    drop(impatient);
    match asked {
        Poll::Ready(value) => value,
        Poll::Pending => wait().await,
    }
}

/// Writes until there is no room; how much that was.
async fn fill(write: impl AsyncFn(&[u8]) -> io::Result<usize>) -> usize {
    let mut count = 0;
    while let Poll::Ready(n) = poll!(pin!(write(&[7; 65_536]))) {
        count += n.unwrap();
    }
    count
}

/// Reads to the end; how much that was.
async fn drain(read: impl AsyncFn(&mut [u8]) -> io::Result<usize>) -> usize {
    let (mut buf, mut count) = (vec![0; 65_536], 0);
    loop {
        match read(&mut buf).await.unwrap() {
            0 => return count,
            n => count += n,
        }
    }
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

/// Reads what somebody else writes.
macro_rules! check_reading {
    ($reader:expr, $come:expr) => {{
        let (reader, come) = (&$reader, $come);
        let read = async || {
            let mut buf = [0; 64];
            let n = reader.read(&mut buf).await.unwrap();
            buf[..n].to_vec()
        };
        assert_eq!(taken_by_the_last(read, come).await, b"hello");
        assert_eq!(had_or_left(read, come).await, b"hello");
    }};
}

/// Writes while there is room, and one byte more: no more than that comes over, and no less.
async fn check_writing(
    write: impl AsyncFn(&[u8]) -> io::Result<usize>,
    read: impl AsyncFn(&mut [u8]) -> io::Result<usize>,
) {
    for is_impatient in [false, true] {
        let filled = fill(&write).await;
        let come = async || {
            let (mut buf, mut count) = (vec![0; filled], 0);
            while count < filled {
                count += read(&mut buf[count..]).await.unwrap();
            }
            assert!(buf.iter().all(|byte| *byte == 7));
        };
        let wait = async || write(b"x").await.unwrap();
        let written = match is_impatient {
            true => had_or_left(wait, come).await,
            false => taken_by_the_last(wait, come).await,
        };
        let mut buf = [0; 64];
        assert_eq!((written, read(&mut buf).await.unwrap(), buf[0]), (1, 1, b'x'));
        assert!(poll!(pin!(read(&mut buf))).is_pending(), "it was written once");
    }
}

/// Sends datagrams while there is room, and one more: no more than that come over, and no fewer. To say that there is room
/// may take something `more` than that they are received.
async fn check_sending(
    send: impl AsyncFn(&[u8]) -> io::Result<usize>,
    receiver: &UnixDatagram,
    more: impl AsyncFn(),
) {
    for is_impatient in [false, true] {
        let mut filled = 0;
        while poll!(pin!(send(b"filling"))).is_ready() {
            filled += 1;
        }
        let come = async || {
            for _ in 0..filled {
                assert_eq!(receiver.recv(&mut [0; 64]).await.unwrap(), 7);
            }
            more().await;
        };
        let wait = async || send(b"last").await.unwrap();
        let sent = match is_impatient {
            true => had_or_left(wait, come).await,
            false => taken_by_the_last(wait, come).await,
        };
        assert_eq!((sent, receiver.recv(&mut [0; 64]).await.unwrap()), (4, 4));
        assert!(poll!(pin!(receiver.recv(&mut [0; 64]))).is_pending(), "it was sent once");
    }
}

fn split(buf: &[u8]) -> [IoSlice<'_>; 2] {
    let (first, second) = buf.split_at(buf.len() / 2);
    [IoSlice::new(first), IoSlice::new(second)]
}

/// Accepts a connection by the last of those who wait, and one more by whoever has it or finds it left; both, the latter with
/// its client.
async fn check_accepting<S>(
    addr: SocketAddr,
    accept: impl AsyncFn() -> (S, SocketAddr),
) -> (S, (S, TcpStream)) {
    let mut client = None;
    let come = async || client = Some(TcpStream::connect(addr).await.unwrap());
    let (first, peer) = taken_by_the_last(&accept, come).await;
    assert_eq!(peer, client.take().unwrap().local_addr().unwrap());
    let come = async || client = Some(TcpStream::connect(addr).await.unwrap());
    let (second, peer) = had_or_left(&accept, come).await;
    let client = client.unwrap();
    assert_eq!(peer, client.local_addr().unwrap());
    (first, (second, client))
}

#[test]
fn of_tcp() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (_first, (server, client)) =
            check_accepting(addr, async || listener.accept().await.unwrap()).await;
        check_reading!(server, async || client.write_all(b"hello").await.unwrap());
        let (writer, reader) = tcp_pair().await;
        let read = async |buf: &mut [u8]| reader.read(buf).await;
        check_writing(async |buf| writer.write(buf).await, read).await;
        check_writing(async |buf| writer.write_vectored(&split(buf)).await, read).await;
    });
}

#[test]
fn of_a_listener_that_was_spread() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let listener = listener.spread(8).unwrap().remove(0).open().unwrap();
        let (first, (server, _client)) =
            check_accepting(addr, async || listener.accept().await.unwrap()).await;
        assert_eq!((listener.connections().open(), listener.try_accept().unwrap().is_none()), (2, true));
        drop((first, server));
        assert_eq!(listener.connections().open(), 0);
    });
}

#[test]
fn of_udp() {
    run(async {
        let (here, there) =
            (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let (to, from) = (here.local_addr().unwrap(), there.local_addr().unwrap());
        let come = async || {
            there.send_to(b"hello", to).await.unwrap();
        };
        let got = |(n, from): (usize, _), buf: [u8; 64]| (buf[..n].to_vec(), from);
        let peek = async || {
            let mut buf = [0; 64];
            got(here.peek_from(&mut buf).await.unwrap(), buf)
        };
        let recv_from = async || {
            let mut buf = [0; 64];
            got(here.recv_from(&mut buf).await.unwrap(), buf)
        };
        let recv = async || {
            let mut buf = [0; 64];
            got((here.recv(&mut buf).await.unwrap(), from), buf)
        };
        let hello = (b"hello".to_vec(), from);
        assert_eq!(taken_by_the_last(peek, come).await, hello);
        assert_eq!(recv_from().await, hello);
        assert_eq!(taken_by_the_last(recv_from, come).await, hello);
        assert_eq!(had_or_left(recv_from, come).await, hello);
        here.connect(from).await.unwrap();
        assert_eq!(taken_by_the_last(recv, come).await, hello);
        assert_eq!(had_or_left(recv, come).await, hello);
    });
}

#[test]
fn of_unix_sockets() {
    let path = std::env::temp_dir().join(format!("ekiden-cancelling-{}", std::process::id()));
    run(async {
        let listener = UnixListener::bind(&path).unwrap();
        let mut client = None;
        let accept = async || listener.accept().await.unwrap().0;
        let server =
            taken_by_the_last(accept, async || client = Some(UnixStream::connect(&path).await.unwrap()))
                .await;
        let client = client.unwrap();
        check_reading!(server, async || client.write_all(b"hello").await.unwrap());
        let (writer, reader) = UnixStream::pair().unwrap();
        let read = async |buf: &mut [u8]| reader.read(buf).await;
        check_writing(async |buf| writer.write(buf).await, read).await;
        check_writing(async |buf| writer.write_vectored(&split(buf)).await, read).await;
        let (here, there) = UnixDatagram::pair().unwrap();
        let recv = async || {
            let mut buf = [0; 64];
            let n = here.recv(&mut buf).await.unwrap();
            buf[..n].to_vec()
        };
        let come = async || {
            there.send(b"hello").await.unwrap();
        };
        assert_eq!(taken_by_the_last(recv, come).await, b"hello");
        assert_eq!(had_or_left(recv, come).await, b"hello");
        let recv_from = async || {
            let mut buf = [0; 64];
            let (n, _unnamed) = here.recv_from(&mut buf).await.unwrap();
            buf[..n].to_vec()
        };
        assert_eq!(taken_by_the_last(recv_from, come).await, b"hello");
        assert_eq!(had_or_left(recv_from, come).await, b"hello");
        check_sending(async |buf| there.send(buf).await, &here, async || ()).await;
    });
    drop(std::fs::remove_file(&path));
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let (here, there) = (UnixDatagram::bind(&path).unwrap(), UnixDatagram::unbound().unwrap());
        // The system does not say when there is room for one who is not connected, so that is asked from time to time.
        let later = async || clock.pass(Duration::from_secs(1)).await;
        check_sending(async |buf| there.send_to(buf, &path).await, &here, later).await;
    });
    drop(std::fs::remove_file(path));
}

#[test]
fn of_sources_of_ones_own() {
    use std::io::{Read as _, Write as _};
    run(async {
        let (sender, receiver) = mio::unix::pipe::new().unwrap();
        let (sender, receiver) = (Source::new(sender).unwrap(), Source::new(receiver).unwrap());
        let read = async || {
            let mut buf = [0; 64];
            let n = receiver.read_with(|mut pipe| pipe.read(&mut buf)).await.unwrap();
            buf[..n].to_vec()
        };
        let come = async || {
            sender.write_with(|mut pipe| pipe.write(b"hello")).await.unwrap();
        };
        assert_eq!(taken_by_the_last(read, come).await, b"hello");
        assert_eq!(had_or_left(read, come).await, b"hello");

        let write = async |buf: &[u8]| sender.write_with(|mut pipe| pipe.write(buf)).await;
        let read = async |buf: &mut [u8]| receiver.read_with(|mut pipe| pipe.read(buf)).await;
        check_writing(write, read).await;
    });
}

#[test]
fn of_pipes_of_children() {
    const FIRST: usize = 1_000_000;
    ekiden_reactor::run(async {
        let mut cat = Command::new("cat");
        let mut child = process::spawn(cat.stdin(Stdio::piped()).stdout(Stdio::piped())).unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let read = async || {
            let mut buf = [0; 64];
            let n = stdout.read(&mut buf).await.unwrap();
            buf[..n].to_vec()
        };
        let come = async || stdin.write_all(b"hello").await.unwrap();
        assert_eq!(taken_by_the_last(read, come).await, b"hello");
        // When the child has ended, all has come.
        let come = async || {
            stdin.write_all(b"bye").await.unwrap();
            drop(stdin);
            assert!(child.wait().await.unwrap().success());
        };
        assert_eq!(had_or_left(read, come).await, b"bye");

        // It reads nothing before somebody has taken all that it says first.
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("head -c {FIRST} /dev/zero && exec cat")]);
        let mut child = process::spawn(shell.stdin(Stdio::piped()).stdout(Stdio::piped())).unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let filled = fill(async |buf| stdin.write(buf).await).await;
        // With the first byte that comes back it has read, and there is room.
        let come = async || {
            let (mut buf, mut left) = (vec![0; FIRST + 1], FIRST + 1);
            while left > 0 {
                left -= stdout.read(&mut buf[..left]).await.unwrap();
            }
        };
        assert_eq!(had_or_left(async || stdin.write(b"x").await.unwrap(), come).await, 1);
        drop(stdin);
        assert_eq!(drain(async |buf| stdout.read(buf).await).await, filled - 1 + 1);
        assert!(child.wait().await.unwrap().success());
    });
}

#[test]
fn of_names() {
    run(async {
        for _ in 0..3 {
            drop(poll!(pin!(lookup_host("localhost:80"))));
        }
        let found = lookup_host("localhost:80").await.unwrap();
        assert!(found.into_iter().all(|addr| addr.ip().is_loopback()));
    });
}
