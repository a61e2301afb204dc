//! UDP in the world.

use std::cell::Cell;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use ekiden_reactor::net::UdpSocket;
use ekiden_reactor::{sleep, timeout};
use ekiden_sim::{Config, Sim, check, check_with};

/// Sends back what it receives.
async fn echo() -> std::io::Result<()> {
    let socket = UdpSocket::bind("0.0.0.0:7").await?;
    let mut buf = [0; 100];
    loop {
        let (n, from) = socket.recv_from(&mut buf).await?;
        socket.send_to(&buf[..n], from).await?;
    }
}

/// Sends so many datagrams, and returns what comes back.
fn ask(sim: &Sim, count: u8) -> Vec<u8> {
    sim.host("server", echo);
    sim.run(async move |_sim| {
        sleep(Duration::from_millis(1)).await;
        let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
        socket.connect("server:7").await.unwrap();
        for n in 0..count {
            assert_eq!(socket.send(&[n, n]).await.unwrap(), 2);
        }
        let (mut heard, mut buf) = (Vec::new(), [0; 1]);
        while let Ok(received) = timeout(Duration::from_secs(5), socket.recv(&mut buf)).await {
            assert_eq!(received.unwrap(), 1, "the rest is cut off");
            heard.push(buf[0]);
        }
        heard
    })
}

#[test]
fn datagrams_are_lost_come_twice_and_in_any_order() {
    let (lost, twice, disordered) = (Cell::new(0), Cell::new(0), Cell::new(0));
    check(|sim| {
        let heard = ask(&sim, 20);
        let times = |n: u8| heard.iter().filter(|heard| **heard == n).count();
        lost.set(lost.get() + (0..20).filter(|n| times(*n) == 0).count());
        twice.set(twice.get() + (0..20).filter(|n| times(*n) > 1).count());
        disordered.set(disordered.get() + usize::from(!heard.is_sorted()));
    });
    // Of 5,500 that go and come, one in twenty is lost each way, and one in fifty comes twice.
    assert!((250..1000).contains(&lost.get()), "{lost:?}");
    assert!((50..500).contains(&twice.get()), "{twice:?}");
    assert!(disordered.get() > 225, "{disordered:?}");
}

#[test]
fn a_world_without_loss_loses_none_but_those_of_a_link_that_is_cut() {
    let mut config = Config::default();
    (config.datagram_lost_one_in, config.datagram_twice_one_in) = (0, 0);
    check_with(&config, |sim| {
        let mut heard = ask(&sim, 20);
        heard.sort();
        assert_eq!(heard, (0..20).collect::<Vec<_>>());
        sim.run(async |sim| {
            let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
            sim.partition_one_way("server", "main");
            let server = SocketAddr::from((sim.addr("server"), 7));
            socket.send_to(&[1], server).await.unwrap();
            assert!(timeout(Duration::from_secs(5), socket.recv(&mut [0])).await.is_err());
            sim.heal("main", "server");
            // What was sent while it was cut does not come when it is whole again.
            sim.partition("main", "server");
            socket.send_to(&[3], server).await.unwrap();
            sim.heal("main", "server");
            assert!(timeout(Duration::from_secs(5), socket.recv(&mut [0])).await.is_err());
            socket.send_to(&[2], server).await.unwrap();
            let mut buf = [0];
            let (_, from) = socket.peek_from(&mut buf).await.unwrap();
            assert_eq!((from.ip(), from.port(), buf), (sim.addr("server").into(), 7, [2]));
            assert_eq!(socket.recv_from(&mut buf).await.unwrap(), (1, from));
        });
    });
}

#[test]
fn a_connected_socket_hears_nobody_else() {
    check(|sim| {
        sim.run(async |_sim| {
            let [one, two, three] = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0"));
            let (one, two, three) = (one.await.unwrap(), two.await.unwrap(), three.await.unwrap());
            one.connect(two.local_addr().unwrap()).await.unwrap();
            three.send_to(b"three", one.local_addr().unwrap()).await.unwrap();
            two.send_to(b"two", one.local_addr().unwrap()).await.unwrap();
            let mut buf = [0; 9];
            assert_eq!(one.recv(&mut buf).await.unwrap(), 3);
            assert!(timeout(Duration::from_secs(1), one.recv(&mut buf)).await.is_err());
            assert_eq!(three.send(b"to whom?").await.unwrap_err().raw_os_error(), Some(89), "EDESTADDRREQ");
            let taken = UdpSocket::bind(one.local_addr().unwrap()).await.unwrap_err();
            assert_eq!(taken.kind(), ErrorKind::AddrInUse);
        });
    });
}

#[test]
fn what_nobody_receives_is_lost_at_last() {
    check(|sim| {
        sim.run(async |_sim| {
            let lazy = UdpSocket::bind("127.0.0.1:9").await.unwrap();
            let eager = UdpSocket::bind("127.0.0.1:0").await.unwrap();
            for _ in 0..200 {
                eager.send_to(&[0], lazy.local_addr().unwrap()).await.unwrap();
            }
            sleep(Duration::from_secs(1)).await;
            let mut count = 0;
            while timeout(Duration::from_secs(1), lazy.recv(&mut [0])).await.is_ok() {
                count += 1;
            }
            assert_eq!(count, 128);
        });
    });
}

/// Nobody receives it, and says so, if he can be heard.
#[test]
fn a_refusal_of_datagrams_does_not_pass_a_link_that_is_cut() {
    let mut config = Config::default();
    config.datagram_lost_one_in = 0;
    check_with(&config, |sim| {
        sim.host("server", async || std::future::pending::<()>().await);
        sim.run(async |sim| {
            let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
            socket.connect("server:7").await.unwrap();
            sim.partition_one_way("server", "main");
            socket.send(&[1]).await.unwrap();
            assert!(timeout(Duration::from_secs(5), socket.recv(&mut [0])).await.is_err());
            sim.heal("main", "server");
            socket.send(&[1]).await.unwrap();
            let refused = timeout(Duration::from_secs(5), socket.recv(&mut [0])).await.unwrap();
            assert_eq!(refused.unwrap_err().kind(), ErrorKind::ConnectionRefused);
            // And it is lost like anything else.
            sim.loss("main", "server", 1);
            socket.send(&[1]).await.unwrap();
            sleep(Duration::from_secs(5)).await;
            socket.send(&[1]).await.unwrap();
        });
    });
}

#[test]
fn nobody_speaks_to_all() {
    let sim = Sim::new(7);
    sim.run(async |_sim| {
        let socket = UdpSocket::bind("0.0.0.0:9").await.unwrap();
        // Linux says so to who has not asked for broadcast, and here nobody can.
        let all = "255.255.255.255:9".parse().unwrap();
        assert_eq!(socket.send_to(&[1], all).await.unwrap_err().raw_os_error(), Some(13));
        assert_eq!(socket.connect(all).await.unwrap_err().kind(), ErrorKind::PermissionDenied);
        let error = socket.send_to(&[1], "224.0.0.1:9".parse().unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("multicast"), "{error}");
    });
}
