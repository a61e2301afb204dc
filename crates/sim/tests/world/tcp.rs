//! TCP in the world, while all goes well and when an end goes.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::driver::{ConnectOptions, ListenOptions};
use ekiden_reactor::net::{TcpListener, TcpStream, UdpSocket, UnixDatagram};
use ekiden_reactor::{process, sleep, spawn, timeout};
use ekiden_sim::{Config, check, check_with};

use super::{echo, hears_itself, read_to_end};

#[test]
fn bytes_come_back_in_order_whatever_the_pieces() {
    check(|sim| {
        sim.host("server", echo);
        sim.run(async |_sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = Rc::new(TcpStream::connect("server:7").await.unwrap());
            hears_itself(&stream).await;
        });
    });
}

#[test]
fn reads_and_writes_are_short_at_times_and_whole_at_times() {
    let seen = [Cell::new(0), Cell::new(0)];
    let seen = Rc::new(seen);
    check(|sim| {
        sim.host("server", echo);
        let seen = seen.clone();
        sim.run(async move |_sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("server:7").await.unwrap();
            let n = stream.write(&[1; 100]).await.unwrap();
            let is_short = usize::from(n < 100);
            seen[is_short].set(seen[is_short].get() + 1);
        });
    });
    assert!(seen[0].get() > 20 && seen[1].get() > 20, "{seen:?}");
}

#[test]
fn who_does_not_read_holds_up_who_writes() {
    let mut config = Config::default();
    config.window_bytes = 1000..=1000;
    check_with(&config, |sim| {
        sim.host("silent", async || {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let (stream, _peer) = listener.accept().await?;
            sleep(Duration::from_secs(60)).await;
            assert_eq!(read_to_end(&stream).await?.len(), 3000);
            io::Result::Ok(())
        });
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("silent:7").await.unwrap();
            assert!(timeout(Duration::from_secs(30), stream.write_all(&[1; 1001])).await.is_err());
            stream.write_all(&[1; 2000]).await.unwrap();
            assert!(sim.now() >= Duration::from_secs(60));
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        });
    });
}

#[test]
fn an_end_of_one_direction_leaves_the_other() {
    check(|sim| {
        sim.host("server", async || {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let (stream, _peer) = listener.accept().await?;
            let heard = read_to_end(&stream).await?;
            stream.write_all(&heard).await
        });
        sim.run(async |_sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("server:7").await.unwrap();
            stream.write_all(b"all of it").await.unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(stream.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            assert_eq!(read_to_end(&stream).await.unwrap(), b"all of it");
        });
    });
}

#[test]
fn nobody_listens_and_it_is_refused() {
    check(|sim| {
        sim.host("server", async || std::future::pending::<()>().await);
        sim.host("ended", async || {});
        sim.run(async |_sim| {
            for name in ["server:7", "ended:7", "localhost:7"] {
                let error = TcpStream::connect(name).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::ConnectionRefused, "{name}");
            }
        });
    });
}

#[test]
fn one_that_closes_on_what_it_did_not_read_resets() {
    check(|sim| {
        sim.host("rude", async || {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let (stream, _peer) = listener.accept().await?;
            sleep(Duration::from_secs(1)).await;
            drop(stream);
            std::future::pending::<io::Result<()>>().await
        });
        sim.run(async |_sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("rude:7").await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            let mut hangup = stream.hangup();
            assert!(timeout(Duration::from_millis(500), &mut hangup).await.is_err());
            assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
            assert_eq!(stream.write(b"more").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            hangup.await;
        });
    });
}

#[test]
fn one_that_speaks_to_who_has_gone_is_reset() {
    check(|sim| {
        sim.host("brief", async || {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            drop(listener.accept().await?);
            std::future::pending::<io::Result<()>>().await
        });
        sim.run(async |_sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("brief:7").await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0, "it said its end");
            stream.write_all(b"are you there?").await.unwrap();
            sleep(Duration::from_secs(1)).await;
            assert_eq!(stream.write(b"hello?").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        });
    });
}

/// Accepts whoever comes, from ten seconds on, and says a byte to each. Two, and one more, may wait for that.
async fn slow() -> io::Result<()> {
    let mut options = ListenOptions::default();
    options.backlog = 2;
    let listener = TcpListener::listen("0.0.0.0:7".parse().unwrap(), &options)?;
    sleep(Duration::from_secs(10)).await;
    let mut taken = Vec::new();
    loop {
        let (stream, _peer) = listener.accept().await?;
        stream.write_all(&[7]).await?;
        taken.push(stream);
    }
}

#[test]
fn a_full_backlog_lets_who_comes_wait() {
    check(|sim| {
        sim.host("slow", slow);
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let mut streams = Vec::new();
            for _ in 0..3 {
                streams.push(TcpStream::connect("slow:7").await.unwrap());
                sleep(Duration::from_millis(20)).await;
            }
            let fourth = spawn(TcpStream::connect("slow:7"));
            sleep(Duration::from_secs(9)).await;
            assert!(!fourth.is_finished());
            drop(fourth.await.unwrap().unwrap());
            // It has asked after one, three, seven and fifteen seconds.
            assert_eq!(sim.now().as_secs(), 15);
        });
    });
}

/// Those who come at once find room before any has completed a handshake. One of them then finds none, and does not know.
#[test]
fn who_finds_no_room_after_the_handshake_is_connected_and_not_heard() {
    check(|sim| {
        sim.host("slow", slow);
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let latency = Duration::from_millis(50);
            sim.latency("main", "slow", latency..=latency);
            let clients: Vec<_> = (0..4).map(|_| spawn(TcpStream::connect("slow:7"))).collect();
            sleep(Duration::from_secs(1)).await;
            let mut times = Vec::new();
            for client in clients {
                assert!(client.is_finished());
                let stream = client.await.unwrap().unwrap();
                assert_eq!(stream.read(&mut [0]).await.unwrap(), 1);
                times.push(sim.now().as_secs());
            }
            // It is told again that it may, after one second, three, seven and fifteen.
            assert_eq!(times.iter().max(), Some(&15));
        });
    });
}

#[test]
fn who_waits_at_a_listener_that_goes_is_reset() {
    check(|sim| {
        sim.host("fickle", async || {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            sleep(Duration::from_secs(1)).await;
            drop(listener);
            std::future::pending::<io::Result<()>>().await
        });
        sim.run(async |_sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("fickle:7").await.unwrap();
            assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
            let error = TcpStream::connect("fickle:7").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
        });
    });
}

#[test]
fn a_port_is_used_once_and_only_ones_own_address_is() {
    check(|sim| {
        sim.run(async |_sim| {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            assert_eq!(TcpListener::bind(addr).await.unwrap_err().kind(), ErrorKind::AddrInUse);
            let error = TcpListener::bind("10.9.9.9:7").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
            let client = TcpStream::connect(addr).await.unwrap();
            let (server, peer) = listener.accept().await.unwrap();
            assert_eq!((peer, server.peer_addr().unwrap()), (client.local_addr().unwrap(), peer));
            drop(listener);
            drop(TcpListener::bind(addr).await.unwrap());
        });
    });
}

#[test]
fn what_the_world_does_not_have_is_an_error_that_says_so() {
    check(|sim| {
        sim.run(async |_sim| {
            let error = process::spawn(&mut Command::new("true")).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            let unnamed = UnixDatagram::unbound().unwrap().local_addr().unwrap();
            assert_eq!(UnixDatagram::bind_addr(&unnamed).unwrap_err().kind(), ErrorKind::Unsupported);
            let socket = UdpSocket::bind("0.0.0.0:53").await.unwrap();
            assert_eq!(socket.set_broadcast(true).unwrap_err().kind(), ErrorKind::Unsupported);
            let error = TcpListener::bind("[::1]:80").await.unwrap_err();
            assert!(error.to_string().ends_with("the simulation has no IPv6"), "{error}");
            let mut options = ConnectOptions::default();
            options.recv_buffer_bytes = Some(7);
            let error = TcpStream::connect_with("127.0.0.1:80", &options).await.unwrap_err();
            assert!(error.to_string().contains("the simulation has no sizes of buffers"), "{error}");
        });
    });
}

/// The next socket may be told under the same token.
#[test]
fn what_was_to_be_told_of_a_socket_is_not_told_of_the_next() {
    check(|sim| {
        sim.host("server", async || {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let (first, _) = listener.accept().await?;
            assert_eq!(first.read(&mut [0]).await?, 0);
            let (other, _) = listener.accept().await?;
            assert_eq!(other.read(&mut [0]).await?, 1);
            sleep(Duration::from_secs(1)).await; // until the third waits
            // It is over in both directions, which its program would be told of.
            first.shutdown(Shutdown::Write)?;
            drop(first);
            let (third, _) = listener.accept().await?;
            assert!(timeout(Duration::from_secs(1), third.hangup()).await.is_err(), "nobody has hung up");
            std::future::pending::<io::Result<()>>().await
        });
        sim.run(async |_sim| {
            sleep(Duration::from_millis(1)).await;
            let first = TcpStream::connect("server:7").await.unwrap();
            first.shutdown(Shutdown::Write).unwrap();
            // Until it was accepted, as it is to be the first.
            sleep(Duration::from_millis(50)).await;
            let other = TcpStream::connect("server:7").await.unwrap();
            other.write_all(&[1]).await.unwrap();
            sleep(Duration::from_millis(50)).await;
            let third = TcpStream::connect("server:7").await.unwrap();
            sleep(Duration::from_secs(5)).await;
            drop((first, other, third));
        });
    });
}

#[test]
fn a_window_without_limit_holds_all() {
    let mut config = Config::default();
    config.window_bytes = usize::MAX..=usize::MAX;
    check_with(&config, |sim| {
        sim.host("server", echo);
        sim.run(async |_sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("server:7").await.unwrap();
            for _ in 0..3 {
                stream.write_all(&[1; 100_000]).await.unwrap();
                let mut back = Vec::new();
                while back.len() < 100_000 {
                    let mut buf = [0; 9000];
                    let n = stream.read(&mut buf).await.unwrap();
                    back.extend_from_slice(&buf[..n]);
                }
                assert_eq!(back, [1; 100_000]);
            }
        });
    });
}
