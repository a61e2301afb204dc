//! Links that are slow, cut, or come and go, and connections that are reset.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::driver::{ConnectOptions, Keepalive};
use ekiden_reactor::net::{TcpListener, TcpStream, UdpSocket};
use ekiden_reactor::{Latch, sleep, spawn, timeout};
use ekiden_sim::{Config, check, check_with};

use super::echo;

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn a_slow_link_takes_its_time_each_way() {
    check(|sim| {
        sim.host("server", echo);
        sim.run(async |sim| {
            let second = Duration::from_secs(1);
            sim.latency("main", "server", second..=second);
            sleep(Duration::from_millis(1)).await;
            let before = sim.now();
            let stream = TcpStream::connect("server:7").await.unwrap();
            let connected = sim.now() - before;
            assert!((2000..2100).contains(&connected.as_millis()), "{connected:?}");
            stream.write_all(&[1]).await.unwrap();
            stream.read(&mut [0]).await.unwrap();
            let answered = sim.now() - before - connected;
            assert!((2000..2100).contains(&answered.as_millis()), "{answered:?}");
        });
    });
}

#[test]
fn who_is_cut_off_hears_nothing_until_the_link_is_whole() {
    check(|sim| {
        sim.host("server", echo);
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("server:7").await.unwrap();
            sleep(Duration::from_secs(1)).await;
            sim.partition("main", "server");
            stream.write_all(b"hello").await.unwrap();
            let mut buf = [0; 5];
            assert!(timeout(MINUTE, stream.read(&mut buf)).await.is_err());
            sim.heal("main", "server");
            let n = timeout(2 * MINUTE, stream.read(&mut buf)).await.unwrap().unwrap();
            assert_eq!(buf[..n], b"hello"[..n]);
        });
    });
}

#[test]
fn an_attempt_to_connect_to_who_is_cut_off_ends_after_two_minutes() {
    check(|sim| {
        sim.host("server", echo);
        sim.run(async |sim| {
            sim.partition_one_way("main", "server");
            let error = TcpStream::connect("server:7").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
            assert_eq!(sim.now().as_secs(), 127);
            let error = TcpStream::connect("10.1.2.3:7").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut, "there is no such host");
        });
    });
}

#[test]
fn who_is_not_acknowledged_gives_up_at_last() {
    for (from, to) in [("main", "server"), ("server", "main")] {
        check(|sim| {
            sim.host("server", echo);
            sim.run(async move |sim| {
                sleep(Duration::from_millis(1)).await;
                let stream = TcpStream::connect("server:7").await.unwrap();
                sleep(Duration::from_secs(1)).await;
                sim.partition_one_way(from, to);
                stream.write_all(b"hello").await.unwrap();
                assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::TimedOut);
                let took = sim.now().as_secs();
                assert!((924..924 + 121).contains(&took), "{took} s");
            });
        });
    }
}

#[test]
fn segments_that_were_lost_keep_their_order() {
    check(|sim| {
        sim.host("server", echo);
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let latency = Duration::from_millis(20);
            sim.latency("main", "server", latency..=latency);
            let stream = std::rc::Rc::new(TcpStream::connect("server:7").await.unwrap());
            let sent: Vec<u8> = (0..3000u32).map(|n| (n % 251) as u8).collect();
            let (writer, data, flapping) = (stream.clone(), sent.clone(), sim.clone());
            let writes = spawn(async move {
                for piece in data.chunks(10) {
                    writer.write_all(piece).await?;
                    sleep(Duration::from_millis(1)).await;
                }
                std::io::Result::Ok(())
            });
            let flaps = spawn(async move {
                // So briefly that of what is on its way only some is lost.
                for _ in 0..40 {
                    sleep(Duration::from_millis(flapping.draw(1..=60))).await;
                    flapping.partition("main", "server");
                    sleep(Duration::from_millis(flapping.draw(1..=3))).await;
                    flapping.heal("main", "server");
                }
            });
            let (mut heard, mut buf) = (Vec::new(), [0; 100]);
            while heard.len() < sent.len() {
                let n = timeout(10 * MINUTE, stream.read(&mut buf)).await.unwrap().unwrap();
                heard.extend_from_slice(&buf[..n]);
            }
            assert!(heard == sent);
            writes.await.unwrap().unwrap();
            flaps.await.unwrap();
        });
    });
}

#[test]
fn probes_notice_who_is_gone_without_a_word() {
    for is_cut in [true, false] {
        check(|sim| {
            sim.host("server", echo);
            sim.run(async move |sim| {
                sleep(Duration::from_millis(1)).await;
                let mut options = ConnectOptions::default();
                options.keepalive = Some(Keepalive::default());
                let stream = TcpStream::connect_with("server:7", &options).await.unwrap();
                assert_eq!(stream.keepalive().unwrap(), options.keepalive);
                // As long as it is there, nothing happens.
                assert!(timeout(21 * MINUTE / 2, stream.read(&mut [0])).await.is_err());
                stream.write_all(&[7]).await.unwrap();
                assert_eq!(stream.read(&mut [0]).await.unwrap(), 1);
                // What it has not read makes its end a reset, which is said once only.
                sim.pause("server");
                stream.write_all(&[7]).await.unwrap();
                sleep(Duration::from_secs(1)).await;
                let before = sim.now();
                sim.partition("main", "server");
                sim.restart("server");
                sleep(Duration::from_secs(1)).await;
                if !is_cut {
                    sim.heal("main", "server");
                }
                let error = stream.read(&mut [0]).await.unwrap_err();
                let took = (sim.now() - before).as_secs();
                match is_cut {
                    // A minute, and then six probes, ten seconds each; the first minute may have begun before.
                    true => assert!(
                        error.kind() == ErrorKind::TimedOut && (118..=120).contains(&took),
                        "{error}, {took} s"
                    ),
                    false => {
                        assert!(error.kind() == ErrorKind::ConnectionReset && took <= 60, "{error}, {took} s")
                    }
                }
            });
        });
    }
}

#[test]
fn a_reset_is_told_to_both_ends() {
    check(|sim| {
        sim.host("server", echo);
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("server:7").await.unwrap();
            sim.reset("server", "main");
            assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
            drop(TcpStream::connect("server:7").await.unwrap());
        });
    });
}

#[test]
fn a_link_that_flaps_is_whole_and_cut_in_turn_until_it_is_said_otherwise() {
    let mut config = Config::default();
    (config.datagram_lost_one_in, config.datagram_twice_one_in) = (0, 0);
    config.latency = Duration::from_micros(1)..=Duration::from_micros(1);
    check_with(&config, |sim| {
        let heard = Rc::new(RefCell::new(Vec::new()));
        let (of_host, clock) = (heard.clone(), sim.clone());
        sim.host("server", async move || {
            let socket = UdpSocket::bind("0.0.0.0:7").await?;
            loop {
                socket.recv(&mut [0; 9]).await?;
                of_host.borrow_mut().push(clock.now().as_secs_f64());
            }
            #[expect(unreachable_code, reason = "what it would return")]
            std::io::Result::Ok(())
        });
        sim.run(async move |sim| {
            let socket = UdpSocket::bind("0.0.0.0:0").await.unwrap();
            let server = (sim.addr("server"), 7).into();
            let sends = spawn(async move {
                for _ in 0..u64::MAX {
                    sleep(Duration::from_millis(10)).await;
                    socket.send_to(&[0], server).await.unwrap();
                }
            });
            let millis = Duration::from_millis;
            sim.flap("server", "main", millis(300)..=millis(500), millis(100)..=millis(200));
            sleep(millis(10_000)).await;
            let gaps = |heard: &[f64]| -> Vec<f64> {
                heard.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > 0.05).collect()
            };
            let cuts = gaps(&heard.take());
            // Every 0.55 s or so.
            assert!((14..=20).contains(&cuts.len()), "{} cuts", cuts.len());
            assert!(cuts.iter().all(|cut| (0.095..0.215).contains(cut)), "{cuts:?}");
            sim.heal("main", "server");
            sleep(millis(10_000)).await;
            assert_eq!(gaps(&heard.take()), []);
            sim.flap("server", "main", millis(300)..=millis(500), millis(100)..=millis(200));
            sim.partition("main", "server");
            sleep(millis(10_000)).await;
            assert!(heard.take().len() < 2);
            sends.abort();
        });
    });
}

#[test]
fn connections_are_reset_after_so_many_bytes_and_not_one_more() {
    check(|sim| {
        sim.host("server", echo);
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("server:7").await.unwrap();
            // Asked and answered before, and the other direction, do not count.
            stream.write_all(&[7; 50]).await.unwrap();
            let mut before = 0;
            while before < 50 {
                before += stream.read(&mut [0; 50]).await.unwrap();
            }
            sim.reset_after("server", "main", 100);
            stream.write_all(&[7; 300]).await.unwrap();
            let (mut heard, mut buf) = (0, [0; 300]);
            loop {
                match stream.read(&mut buf).await {
                    Ok(n) => heard += n,
                    Err(error) => break assert_eq!(error.kind(), ErrorKind::ConnectionReset),
                }
            }
            assert_eq!(heard, 100);
            // Once.
            let stream = TcpStream::connect("server:7").await.unwrap();
            stream.write_all(&[7; 300]).await.unwrap();
            let mut after = 0;
            while after < 300 {
                after += stream.read(&mut buf).await.unwrap();
            }
        });
    });
}

/// Whoever speaks to an end that is gone is told so, also if he was not heard or did not hear it at first.
#[test]
fn one_that_speaks_to_who_has_gone_is_reset_once_it_can_be_told() {
    for is_cut_before in [true, false] {
        check(|sim| {
            let (world, told) = (sim.clone(), Latch::new());
            let is_told = told.clone();
            sim.host("server", async move || {
                let listener = TcpListener::bind("0.0.0.0:7").await?;
                let (stream, _peer) = listener.accept().await?;
                sleep(Duration::from_secs(1)).await;
                stream.write_all(b"are you there?").await?;
                // By then it was answered.
                sleep(Duration::from_millis(150)).await;
                world.partition_one_way("main", "server");
                sleep(Duration::from_secs(1)).await;
                world.heal("main", "server");
                stream.hangup().await;
                told.open();
                io::Result::Ok(())
            });
            sim.run(async move |sim| {
                let latency = Duration::from_millis(100);
                sim.latency("main", "server", latency..=latency);
                sleep(Duration::from_millis(1)).await;
                let stream = TcpStream::connect("server:7").await.unwrap();
                sleep(Duration::from_millis(500)).await;
                if is_cut_before {
                    sim.partition_one_way("main", "server");
                }
                drop(stream);
                timeout(MINUTE, is_told.wait()).await.expect("it waits for ever");
            });
        });
    }
}
