//! UDP on loopback, and on a driver whose socket is a script.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use ekiden_reactor::driver::{self, OtherUdpSocket, UdpOptions};
use ekiden_reactor::net::UdpSocket;
use ekiden_reactor::{Task, Tick, run, schedule, spawn, yield_now};
use futures_util::{FutureExt, poll};

use crate::stand_in::{self, Stage, StandIn};

async fn on_loopback() -> UdpSocket {
    UdpSocket::bind("127.0.0.1:0").await.unwrap()
}

async fn pair() -> (UdpSocket, UdpSocket) {
    let (a, b) = (on_loopback().await, on_loopback().await);
    a.connect(b.local_addr().unwrap()).await.unwrap();
    b.connect(a.local_addr().unwrap()).await.unwrap();
    (a, b)
}

#[test]
fn datagrams_come_one_by_one_and_say_whose_they_are() {
    run(async {
        let (server, client) = (on_loopback().await, on_loopback().await);
        let addr = server.local_addr().unwrap();
        for message in [&b"one"[..], b"", b"three"] {
            assert_eq!(client.send_to(message, addr).await.unwrap(), message.len());
        }
        let mut buf = [0; 100];
        for (message, cut) in [("one", "on"), ("", ""), ("three", "th")] {
            // Seeing one leaves it where it is.
            let seen = server.peek_from(&mut buf[..2]).await.unwrap();
            assert_eq!(seen, (cut.len(), client.local_addr().unwrap()));
            let (n, peer) = server.recv_from(&mut buf).await.unwrap();
            assert_eq!((&buf[..n], peer), (message.as_bytes(), client.local_addr().unwrap()));
        }
        assert!(server.try_recv_from(&mut buf).unwrap().is_none());
        assert!(server.try_peek_from(&mut buf).unwrap().is_none());
    });
}

#[test]
fn who_is_connected_hears_only_his_peer() {
    run(async {
        let (a, b) = pair().await;
        let stranger = on_loopback().await;
        stranger.send_to(b"psst", b.local_addr().unwrap()).await.unwrap();
        a.send(b"hello").await.unwrap();
        let mut buf = [0; 100];
        assert_eq!(b.recv(&mut buf).await.unwrap(), 5);
        assert!(b.recv(&mut buf).now_or_never().is_none());
        assert_eq!(a.peer_addr().unwrap(), b.local_addr().unwrap());
        assert_eq!(stranger.peer_addr().unwrap_err().kind(), io::ErrorKind::NotConnected);
    });
}

#[test]
fn what_is_longer_than_the_buffer_is_cut_off_and_the_next_is_whole() {
    run(async {
        let (a, b) = pair().await;
        a.send(&[1; 100]).await.unwrap();
        a.send(&[2; 10]).await.unwrap();
        let mut buf = [0; 50];
        assert_eq!(b.recv(&mut buf).await.unwrap(), 50);
        assert_eq!((b.recv(&mut buf).await.unwrap(), buf[0]), (10, 2));
        // And the longest of all fits into what is lent.
        a.send(&[3; 65_507]).await.unwrap();
        b.peek_from(&mut []).await.unwrap();
        let n = ekiden_reactor::buffer::lend(|buf| b.try_recv(buf)).unwrap();
        assert_eq!(n, Some(65_507));
    });
}

#[test]
fn a_burst_is_received_to_its_end_though_it_was_told_once() {
    run(async {
        let (a, b) = pair().await;
        let receiver = spawn(async move {
            let mut buf = [0; 1000];
            for n in 0..100 {
                assert_eq!(b.recv(&mut buf).await.unwrap(), n);
            }
        });
        yield_now().await;
        for n in 0..100 {
            a.send(&[0; 100][..n]).await.unwrap();
        }
        receiver.await.unwrap();
    });
}

#[test]
fn nobody_there_is_an_error_that_passes() {
    run(async {
        let (a, b) = pair().await;
        let addr = b.local_addr().unwrap();
        drop(b);
        a.send(b"anybody?").await.unwrap();
        let error = a.recv(&mut [0; 10]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        let b = UdpSocket::bind(addr).await.unwrap();
        a.send(b"anybody?").await.unwrap();
        assert_eq!(b.recv_from(&mut [0; 10]).await.unwrap().0, 8);
    });
}

/// Sends back what it gets, until that is nothing.
struct Echo(UdpSocket);

impl Task for Echo {
    fn tick(&mut self) -> io::Result<Tick> {
        let mut buf = [0; 100];
        while let Some((n, peer)) = self.0.try_recv_from(&mut buf)? {
            if n == 0 {
                return Ok(Tick::Final);
            }
            assert_eq!(self.0.try_send_to(&buf[..n], peer)?, Some(n));
        }
        Ok(Tick::WouldBlock)
    }
}

#[test]
fn a_socket_ticks_and_polls() {
    run(async {
        let (server, client) = (on_loopback().await, on_loopback().await);
        client.connect(server.local_addr().unwrap()).await.unwrap();
        let echo = schedule(Echo(server));
        for round in 1..10 {
            yield_now().await;
            poll_fn(|cx| client.poll_send(cx, &[0; 10][..round])).await.unwrap();
            assert_eq!(poll_fn(|cx| client.poll_recv(cx, &mut [0; 10])).await.unwrap(), round);
        }
        client.send(b"").await.unwrap();
        echo.await.unwrap().unwrap();
    });
}

#[test]
fn an_address_in_use_is_an_error_that_names_it_unless_it_is_shared() {
    run(async {
        let first = on_loopback().await;
        let addr = first.local_addr().unwrap();
        let error = UdpSocket::bind(addr).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&format!("cannot open a UDP socket on {addr}: ")), "{error}");
        let mut ports = UdpOptions::default();
        ports.reuse_port = true;
        let mut addresses = UdpOptions::default();
        addresses.reuse_address = true;
        for shared in [ports, addresses] {
            let first = UdpSocket::open(([127, 0, 0, 1], 0).into(), &shared).unwrap();
            UdpSocket::open(first.local_addr().unwrap(), &shared).unwrap();
        }
    });
}

#[test]
fn a_group_is_heard_from_joining_to_leaving() {
    run(async {
        let group = Ipv4Addr::new(239, 7, 7, 7);
        let receiver = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        let to = SocketAddr::from((group, receiver.local_addr().unwrap().port()));
        // Bound to no address, as that would choose the interface too.
        let sender = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        sender.set_multicast_interface_v4(Ipv4Addr::LOCALHOST).unwrap();
        receiver.join_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap();
        sender.send_to(b"to all", to).await.unwrap();
        let mut buf = [0; 10];
        let port = sender.local_addr().unwrap().port();
        assert_eq!(receiver.recv_from(&mut buf).await.unwrap(), (6, (Ipv4Addr::LOCALHOST, port).into()));
        // One that is not heard, and one that is, so that nobody need wait for nothing.
        receiver.leave_multicast_v4(group, Ipv4Addr::LOCALHOST).unwrap();
        sender.send_to(b"too late", to).await.unwrap();
        sender.send_to(b"you", (Ipv4Addr::LOCALHOST, to.port()).into()).await.unwrap();
        assert_eq!(receiver.recv_from(&mut buf).await.unwrap().0, 3);
    });
}

/// Whether it is a member is seen by what the kernel says to who joins twice, as few machines have a way for such groups by the
/// loopback interface.
#[test]
fn a_group_of_the_sixth_version_is_joined_once_and_left_once() {
    run(async {
        let (group, loopback) = (Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 7, 7), 1);
        let Ok(socket) = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await else { return };
        socket.join_multicast_v6(group, loopback).unwrap();
        let twice = socket.join_multicast_v6(group, loopback).unwrap_err();
        assert_eq!(twice.kind(), io::ErrorKind::AddrInUse);
        socket.leave_multicast_v6(group, loopback).unwrap();
        let twice = socket.leave_multicast_v6(group, loopback).unwrap_err();
        assert_eq!(twice.kind(), io::ErrorKind::AddrNotAvailable);
    });
}

#[test]
fn sizes_of_buffers_are_those_that_were_asked_for() {
    // Far below the system's; Linux tells the double.
    const SMALL: usize = 8 * 1024;
    run(async {
        let mut options = UdpOptions::default();
        (options.recv_buffer_bytes, options.send_buffer_bytes) = (Some(SMALL), Some(SMALL));
        let opened = UdpSocket::open(([127, 0, 0, 1], 0).into(), &options).unwrap();
        let changed = on_loopback().await;
        changed.set_recv_buffer_bytes(SMALL).unwrap();
        changed.set_send_buffer_bytes(SMALL).unwrap();
        for socket in [opened, changed] {
            assert!((SMALL..=2 * SMALL).contains(&socket.recv_buffer_bytes().unwrap()));
            assert!((SMALL..=2 * SMALL).contains(&socket.send_buffer_bytes().unwrap()));
        }
    });
}

#[test]
fn options_hold_in_both_families() {
    run(async {
        let v4 = on_loopback().await;
        let everybody = SocketAddr::from((Ipv4Addr::BROADCAST, 9));
        assert_eq!(v4.try_send_to(b"x", everybody).unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        v4.set_broadcast(true).unwrap();
        let sent = v4.try_send_to(b"x", everybody);
        assert!(!sent.is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied));
        let Ok(v6) = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).await else { return };
        for socket in [v4, v6] {
            assert_eq!(socket.multicast_ttl().unwrap(), 1);
            socket.set_multicast_ttl(3).unwrap();
            socket.set_ttl(7).unwrap();
            assert_eq!((socket.multicast_ttl().unwrap(), socket.ttl().unwrap()), (3, 7));
            assert!(socket.multicast_loop().unwrap());
            socket.set_multicast_loop(false).unwrap();
            assert!(!socket.multicast_loop().unwrap());
        }
    });
}

/// A socket that takes two datagrams, then is full until it is told to go on; what it took comes back.
#[derive(Debug, Default)]
struct Narrow {
    sent: Mutex<VecDeque<Vec<u8>>>,
    /// Those with whom it was connected.
    peers: Mutex<Vec<SocketAddr>>,
}

#[derive(Debug)]
struct End(Arc<Narrow>);

impl OtherUdpSocket for End {
    fn connect(&self, addr: SocketAddr) -> io::Result<()> {
        self.0.peers.lock().unwrap().push(addr);
        Ok(())
    }

    fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        let datagram = self.0.sent.lock().unwrap().pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        let n = datagram.len().min(buf.len());
        buf[..n].copy_from_slice(&datagram[..n]);
        Ok(n)
    }

    fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        Ok((self.recv(buf)?, nowhere()))
    }

    fn peek_from(&self, _buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    fn send(&self, buf: &[u8]) -> io::Result<usize> {
        let mut queue = self.0.sent.lock().unwrap();
        if queue.len() == 2 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        queue.push_back(buf.to_vec());
        Ok(buf.len())
    }

    fn send_to(&self, buf: &[u8], _to: SocketAddr) -> io::Result<usize> {
        self.send(buf)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(nowhere())
    }

    fn peer_addr(&self) -> io::Result<SocketAddr> {
        Ok(nowhere())
    }
}

fn nowhere() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 53))
}

#[test]
fn who_finds_no_room_waits_for_it() {
    let queue = Arc::new(Narrow::default());
    stand_in::run(world_of(&queue), async move |stage| {
        let socket = Rc::new(UdpSocket::bind(nowhere()).await.unwrap());
        let sender = spawn({
            let socket = socket.clone();
            async move {
                for n in 0..4 {
                    socket.send(&[n]).await.unwrap();
                }
            }
        });
        stage.settle().await;
        assert!(!sender.is_finished() && queue.sent.lock().unwrap().len() == 2);
        let mut buf = [9; 3];
        assert!(
            socket.recv(&mut buf).now_or_never().is_none(),
            "nobody has said that it can be received from"
        );
        stage.tell(true, false);
        assert_eq!((socket.recv(&mut buf).await.unwrap(), buf[0]), (1, 0));
        assert_eq!((socket.recv(&mut buf).await.unwrap(), buf[0]), (1, 1));
        stage.tell(false, true);
        sender.await.unwrap();
        // What a world does not say is an error, and no panic.
        assert_eq!(socket.set_broadcast(true).unwrap_err().kind(), io::ErrorKind::Unsupported);
    });
}

#[test]
fn a_send_that_is_dropped_has_sent_nothing() {
    async fn check(stage: &Stage, queue: &Narrow, send: impl AsyncFn(&'static [u8]) -> io::Result<usize>) {
        for sent in [b"1", b"2"] {
            send(sent).await.unwrap();
        }
        // One is given up while there is no room, one when there is, and one is asked once more before that.
        assert!(send(b"lost").now_or_never().is_none());
        let mut waits = [&b"3"[..], b"lost"].map(|text| Box::pin(send(text)));
        for wait in &mut waits {
            assert!(poll!(wait).is_pending());
        }
        let [mut impatient, late] = waits;
        queue.sent.lock().unwrap().clear();
        stage.tell(false, true);
        stage.settle().await;
        drop(late);
        if poll!(&mut impatient).is_pending() {
            drop(impatient);
            send(b"3").await.unwrap();
        }
        assert_eq!(std::mem::take(&mut *queue.sent.lock().unwrap()), [b"3"]);
    }
    let queue = Arc::new(Narrow::default());
    stand_in::run(world_of(&queue), async move |stage| {
        let socket = UdpSocket::bind(nowhere()).await.unwrap();
        check(&stage, &queue, async |buf| socket.send(buf).await).await;
        check(&stage, &queue, async |buf| socket.send_to(buf, nowhere()).await).await;
    });
}

#[test]
fn to_connect_that_is_dropped_has_connected_nobody() {
    let socket = Arc::new(Narrow::default());
    let (mut world, lookups) = (world_of(&socket), Rc::default());
    world.lookups = Some(Rc::clone(&lookups));
    stand_in::run(world, async move |stage| {
        let here = UdpSocket::bind(nowhere()).await.unwrap();
        assert!(here.connect("there:53").now_or_never().is_none());
        let (mut kept, addrs) = (pin!(here.connect("there:53")), ["10.0.0.2:53", "10.0.0.3:53"]);
        assert!(poll!(&mut kept).is_pending());
        // Also when the name is found.
        for (lookup, addr) in lookups.take().into_iter().zip(addrs) {
            lookup(Ok(vec![addr.parse().unwrap()]));
            stage.settle().await;
        }
        assert!(socket.peers.lock().unwrap().is_empty());
        kept.await.unwrap();
        assert_eq!(*socket.peers.lock().unwrap(), [addrs[1].parse().unwrap()]);
    });
}

fn world_of(socket: &Arc<Narrow>) -> StandIn {
    let (mut world, end) = (StandIn::new(), socket.clone());
    world.udp = Some(Box::new(move || driver::UdpSocket::Other(Box::new(End(end.clone())))));
    world
}
