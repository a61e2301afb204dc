//! What can be chosen of a TCP socket, on loopback.

use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::time::Duration;

use ekiden_reactor::driver::{ConnectOptions, Keepalive, ListenOptions};
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{run, yield_now};
use futures_util::poll;

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

/// A server that is restarted listens while connections of the last one are not over, unless it is told not to.
#[test]
fn a_restarted_server_need_not_wait_for_the_connections_it_had() {
    run(async {
        let listener = TcpListener::bind(somewhere()).await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = TcpStream::connect(addr).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        drop(listener);
        let mut patient = ListenOptions::default();
        patient.reuse_address = false;
        let error = TcpListener::listen(addr, &patient).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        TcpListener::bind(addr).await.unwrap();
        drop((client, server));
    });
}

#[test]
fn one_port_connects_to_several_servers_if_it_may() {
    run(async {
        let servers =
            [TcpListener::bind(somewhere()).await.unwrap(), TcpListener::bind(somewhere()).await.unwrap()];
        let [one, other] = servers.each_ref().map(|server| server.local_addr().unwrap());
        let (mut own, mut addresses, mut ports) =
            (ConnectOptions::default(), ConnectOptions::default(), ConnectOptions::default());
        addresses.reuse_address = true;
        ports.reuse_port = true;
        own.local_addr = Some(somewhere());
        let first = TcpStream::connect_with(one, &own).await.unwrap();
        own.local_addr = Some(first.local_addr().unwrap());
        let error = TcpStream::connect_with(other, &own).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        for mut shared in [addresses, ports] {
            shared.local_addr = Some(somewhere());
            let first = TcpStream::connect_with(one, &shared).await.unwrap();
            shared.local_addr = Some(first.local_addr().unwrap());
            let second = TcpStream::connect_with(other, &shared).await.unwrap();
            assert_eq!(first.local_addr().unwrap(), second.local_addr().unwrap());
        }
    });
}

/// Linux holds one more than it was asked to, and leaves the others without an answer.
#[test]
fn more_clients_than_the_backlog_has_room_for_wait_to_be_connected() {
    run(async {
        let mut small = ListenOptions::default();
        small.backlog = 1;
        let listener = TcpListener::listen(somewhere(), &small).unwrap();
        let addr = listener.local_addr().unwrap();
        let mut clients: Vec<_> = (0..8).map(|_| Box::pin(TcpStream::connect(addr))).collect();
        let mut connected = Vec::new();
        for _ in 0..10 {
            let mut waiting = Vec::new();
            for mut client in clients {
                match poll!(&mut client) {
                    Poll::Ready(stream) => connected.push(stream.unwrap()),
                    Poll::Pending => waiting.push(client),
                }
            }
            clients = waiting;
            yield_now().await;
        }
        assert!((1..=2).contains(&connected.len()), "{} are connected", connected.len());
    });
}
