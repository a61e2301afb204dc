//! What a wait that is dropped loses: nothing, wherever its docs say so. Files, standard streams, children and signals have
//! such tests beside their others, channels have schedules.

use std::io;
use std::pin::pin;

use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::net::{
    TcpListener, TcpStream, UdpSocket, UnixDatagram, UnixListener, UnixStream, lookup_host,
};
use ekiden_reactor::{Config, Reactor, Source};
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

/// Writes until there is no room; how much that was.
async fn fill(write: impl AsyncFn(&[u8]) -> io::Result<usize>) -> usize {
    let mut count = 0;
    while let std::task::Poll::Ready(n) = poll!(pin!(write(&[7; 65_536]))) {
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
        let reader = &$reader;
        let read = async || {
            let mut buf = [0; 64];
            let n = reader.read(&mut buf).await.unwrap();
            buf[..n].to_vec()
        };
        assert_eq!(taken_by_the_last(read, $come).await, b"hello");
    }};
}

/// Writes while there is room, and one byte more: no more than that comes over, and no less.
macro_rules! check_writing {
    ($writer:expr, $reader:expr) => {{
        let (writer, reader) = ($writer, $reader);
        let filled = fill(async |buf| writer.write(buf).await).await;
        let mut early = 0;
        let come = async || {
            let mut buf = vec![0; filled];
            while early < filled {
                early += reader.read(&mut buf).await.unwrap();
            }
        };
        let written = taken_by_the_last(async || writer.write(b"x").await.unwrap(), come).await;
        drop(writer);
        let late = drain(async |buf| reader.read(buf).await).await;
        assert_eq!((written, early + late), (1, filled + 1));
    }};
}

#[test]
fn of_tcp() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let mut client = None;
        let accept = async || listener.accept().await.unwrap();
        let (server, peer) =
            taken_by_the_last(accept, async || client = Some(TcpStream::connect(addr).await.unwrap())).await;
        let client = client.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        check_reading!(server, async || client.write_all(b"hello").await.unwrap());
        let (writer, reader) = tcp_pair().await;
        check_writing!(writer, reader);
    });
}

#[test]
fn of_udp() {
    run(async {
        let (here, there) =
            (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let (to, from) = (here.local_addr().unwrap(), there.local_addr().unwrap());
        let recv = async || {
            let mut buf = [0; 64];
            let (n, from) = here.recv_from(&mut buf).await.unwrap();
            (buf[..n].to_vec(), from)
        };
        let come = async || {
            there.send_to(b"hello", to).await.unwrap();
        };
        assert_eq!(taken_by_the_last(recv, come).await, (b"hello".to_vec(), from));
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
        check_writing!(writer, reader);
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
