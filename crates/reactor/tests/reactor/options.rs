//! What can be chosen of a TCP socket, on loopback.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use ekiden_reactor::driver::{ConnectOptions, Keepalive, ListenOptions};
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::run;

fn somewhere() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

fn keepalive() -> Keepalive {
    let mut keepalive = Keepalive::default();
    keepalive.idle = Duration::from_secs(7);
    keepalive.interval = Duration::from_secs(3);
    keepalive.probes = 2;
    keepalive
}

/// Far below the system's, so that it is seen whether they were set; Linux tells the double.
const SMALL: usize = 8 * 1024;

#[test]
fn what_is_accepted_and_what_connects_has_the_options_that_were_asked_for() {
    run(async {
        let mut listening = ListenOptions::default();
        listening.keepalive = Some(keepalive());
        listening.nodelay = false;
        (listening.recv_buffer_bytes, listening.send_buffer_bytes) = (Some(SMALL), Some(SMALL));
        let listener = TcpListener::listen(somewhere(), &listening).unwrap();
        let mut connecting = ConnectOptions::default();
        connecting.keepalive = Some(keepalive());
        connecting.nodelay = false;
        connecting.local_addr = Some(SocketAddr::from(([127, 0, 0, 9], 0)));
        (connecting.recv_buffer_bytes, connecting.send_buffer_bytes) = (Some(SMALL), Some(SMALL));
        let addr = listener.local_addr().unwrap();
        let client = TcpStream::connect_with(addr, &connecting).await.unwrap();
        let (server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.ip(), connecting.local_addr.unwrap().ip());
        for stream in [client, server] {
            assert_eq!(stream.keepalive().unwrap(), Some(keepalive()));
            assert!(!stream.nodelay().unwrap());
            assert!((SMALL..=2 * SMALL).contains(&stream.recv_buffer_bytes().unwrap()));
            assert!((SMALL..=2 * SMALL).contains(&stream.send_buffer_bytes().unwrap()));
        }
    });
}

#[test]
fn a_connection_that_stands_can_still_be_changed() {
    run(async {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let listener = match TcpListener::bind(host).await {
                Ok(listener) => listener,
                // Not every machine has IPv6.
                Err(_) if host.starts_with('[') => continue,
                Err(error) => panic!("{error}"),
            };
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            assert_eq!(stream.keepalive().unwrap(), None);
            stream.set_keepalive(Some(&keepalive())).unwrap();
            assert_eq!(stream.keepalive().unwrap(), Some(keepalive()));
            stream.set_keepalive(None).unwrap();
            assert_eq!(stream.keepalive().unwrap(), None);
            if cfg!(target_os = "linux") {
                assert_eq!(stream.user_timeout().unwrap(), None);
                for (timeout, expect) in [(7_000_000, 7), (1, 1)] {
                    stream.set_user_timeout(Some(Duration::from_nanos(timeout))).unwrap();
                    assert_eq!(stream.user_timeout().unwrap(), Some(Duration::from_millis(expect)));
                }
                stream.set_user_timeout(None).unwrap();
                assert_eq!(stream.user_timeout().unwrap(), None);
            }
            stream.set_ttl(9).unwrap();
            assert_eq!(stream.ttl().unwrap(), 9);
            stream.set_recv_buffer_bytes(SMALL).unwrap();
            stream.set_send_buffer_bytes(SMALL).unwrap();
            assert!(stream.recv_buffer_bytes().unwrap() <= 2 * SMALL);
            assert!(stream.send_buffer_bytes().unwrap() <= 2 * SMALL);
        }
    });
}

#[test]
fn zero_linger_ends_a_connection_by_a_reset() {
    run(async {
        let listener = TcpListener::bind(somewhere()).await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        client.set_zero_linger().unwrap();
        drop(client);
        let error = server.read(&mut [0; 1]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_port_is_shared_by_who_asks_for_it() {
    run(async {
        let mut shared = ListenOptions::default();
        shared.reuse_port = true;
        let first = TcpListener::listen(somewhere(), &shared).unwrap();
        let addr = first.local_addr().unwrap();
        TcpListener::listen(addr, &shared).unwrap();
        let error = TcpListener::listen(addr, &ListenOptions::default()).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    });
}
