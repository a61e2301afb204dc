//! Ports that the world chooses, and what becomes of who finds none left.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::time::Duration;

use ekiden_reactor::net::{TcpListener, TcpStream, UdpSocket};
use ekiden_reactor::{sleep, spawn};
use ekiden_sim::{Config, check, check_with};

use super::echo;

#[test]
fn who_connects_has_a_port_to_whom_he_connects_until_none_is_left() {
    let mut config = Config::default();
    config.ephemeral_ports = 40_000..=40_003;
    check_with(&config, |sim| {
        sim.host("one", echo);
        sim.host("two", echo);
        sim.run(async |_sim| {
            sleep(Duration::from_millis(1)).await;
            // Nobody who connects gets the port of a listener.
            let _listener = TcpListener::bind("0.0.0.0:40002").await.unwrap();
            let mut streams = Vec::new();
            for host in ["one:7", "two:7"] {
                let mut ports = BTreeSet::new();
                for _ in 0..3 {
                    let stream = TcpStream::connect(host).await.unwrap();
                    ports.insert(stream.local_addr().unwrap().port());
                    streams.push(stream);
                }
                assert_eq!(ports, [40_000, 40_001, 40_003].into());
                let error = TcpStream::connect(host).await.unwrap_err();
                assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
            }
            // Whoever closes first keeps his for a minute.
            drop(streams.remove(0));
            sleep(Duration::from_secs(59)).await;
            let error = TcpStream::connect("one:7").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
            sleep(Duration::from_secs(2)).await;
            drop(TcpStream::connect("one:7").await.unwrap());
        });
    });
}

#[test]
fn who_closes_last_has_his_port_no_more() {
    let mut config = Config::default();
    config.ephemeral_ports = 40_000..=40_000;
    check_with(&config, |sim| {
        sim.host("brief", async || {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            loop {
                drop(listener.accept().await?);
            }
            #[expect(unreachable_code, reason = "what it would return")]
            std::io::Result::Ok(())
        });
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            for _ in 0..3 {
                let stream = TcpStream::connect("brief:7").await.unwrap();
                assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
                drop(stream);
                sleep(Duration::from_millis(50)).await;
            }
            // Nor has who never was answered, or was reset.
            assert_eq!(TcpStream::connect("brief:8").await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
            sim.partition("main", "brief");
            let mut tried = spawn(TcpStream::connect("brief:7"));
            sleep(Duration::from_secs(1)).await;
            tried.abort();
            assert!((&mut tried).await.is_err());
            sim.heal("main", "brief");
            drop(TcpStream::connect("brief:7").await.unwrap());
        });
    });
}

/// One that was reset has none, though a program still holds it; one whose other end never closes has his for a minute.
#[test]
fn who_has_closed_or_was_reset_does_not_keep_his_port_for_ever() {
    let mut config = Config::default();
    config.ephemeral_ports = 40_000..=40_000;
    check_with(&config, |sim| {
        sim.host("server", async || {
            let listener = TcpListener::bind("0.0.0.0:7").await?;
            let mut streams = Vec::new();
            loop {
                streams.push(listener.accept().await?);
            }
            #[expect(unreachable_code, reason = "what it would return")]
            std::io::Result::Ok(())
        });
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let reset = TcpStream::connect("server:7").await.unwrap();
            sim.reset("main", "server");
            drop(TcpStream::connect("server:7").await.unwrap());
            drop(reset);
            sleep(Duration::from_secs(59)).await;
            let error = TcpStream::connect("server:7").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
            sleep(Duration::from_secs(2)).await;
            drop(TcpStream::connect("server:7").await.unwrap());
        });
    });
}

#[test]
fn ports_that_are_bound_run_out_too() {
    let mut config = Config::default();
    config.ephemeral_ports = 40_000..=40_002;
    check_with(&config, |sim| {
        sim.run(async |_sim| {
            let (mut listeners, mut sockets) = (Vec::new(), Vec::new());
            for _ in 0..3 {
                listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
                sockets.push(UdpSocket::bind("127.0.0.1:0").await.unwrap());
            }
            let error = TcpListener::bind("127.0.0.1:0").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AddrInUse);
            assert_eq!(UdpSocket::bind("127.0.0.1:0").await.unwrap_err().kind(), ErrorKind::AddrInUse);
            drop((listeners.pop(), sockets.pop()));
            drop(TcpListener::bind("127.0.0.1:0").await.unwrap());
            drop(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        });
    });
}

#[test]
fn a_port_is_drawn() {
    let drawn = RefCell::new(BTreeSet::new());
    check(|sim| {
        let port = sim.run(async |_sim| {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            listener.local_addr().unwrap().port()
        });
        assert!((32_768..=60_999).contains(&port));
        drawn.borrow_mut().insert(port);
    });
    assert!(drawn.borrow().len() > 90, "{drawn:?}");
}
