//! What is lost of TCP, by chance or on a link that is cut, and when it is said again or given up.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::driver::{ConnectOptions, Keepalive, ListenOptions};
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{Signal, sleep, spawn, timeout};
use ekiden_sim::{Config, Sim, check, check_with};

use super::{echo, hears_itself, read_to_end};

const SECOND: Duration = Duration::from_secs(1);

/// One way, of everything: so that what is cut meanwhile is cut between two segments.
fn slow(sim: &Sim) {
    sim.latency("main", "server", SECOND / 10..=SECOND / 10);
}

#[test]
fn segments_that_are_lost_come_later_and_in_order() {
    let mut config = Config::default();
    config.segment_lost_one_in = 5;
    let (lost, runs) = (Cell::new(0), Cell::new(0));
    check_with(&config, |sim| {
        sim.host("server", echo);
        let took = sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("server:7").await.unwrap();
            for n in 0..50 {
                stream.write_all(&[n]).await.unwrap();
                let mut buf = [0];
                assert_eq!((stream.read(&mut buf).await.unwrap(), buf), (1, [n]));
            }
            sim.now().as_secs()
        });
        // Of a hundred that carry bytes a fifth is lost, and each costs 200 ms; and more if it is lost again.
        assert!((1..90).contains(&took), "{took} s");
        lost.set(lost.get() + took);
        runs.set(runs.get() + 1);
    });
    let mean = lost.get() / runs.get();
    assert!((4..10).contains(&mean), "{mean} s");
}

#[test]
fn a_stream_under_loss_is_whole_and_ends_in_good_order() {
    let mut config = Config::default();
    config.segment_lost_one_in = 10;
    (config.window_bytes, config.time_max) = (500..=5000, Duration::from_secs(36_000));
    check_with(&config, |sim| {
        sim.host("server", echo);
        sim.run(async |_sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = Rc::new(TcpStream::connect("server:7").await.unwrap());
            hears_itself(&stream).await;
            stream.hangup().await;
            // Whatever of its ending was lost: it has not become a reset.
            sleep(200 * SECOND).await;
            assert_eq!(stream.write(&[1]).await.unwrap_err().kind(), ErrorKind::BrokenPipe);
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
        });
    });
}

#[test]
fn loss_is_of_a_link_and_takes_connections_and_refusals_too() {
    let (slow, runs) = (Rc::new(Cell::new((0, 0))), Cell::new(0));
    check(|sim| {
        runs.set(runs.get() + 1);
        sim.host("near", echo);
        sim.host("far", echo);
        let slow = slow.clone();
        sim.run(async move |sim| {
            sleep(Duration::from_millis(1)).await;
            sim.loss("main", "far", 3);
            let asked = sim.now();
            drop(TcpStream::connect("near:7").await.unwrap());
            assert!(sim.now() - asked < SECOND / 2);
            let asked = sim.now();
            // All seven attempts may be lost.
            if let Err(error) = TcpStream::connect("far:7").await {
                assert_eq!(error.kind(), ErrorKind::TimedOut);
            }
            let connects_late = sim.now() - asked >= SECOND;
            let asked = sim.now();
            let error = TcpStream::connect("far:8").await.unwrap_err().kind();
            assert!([ErrorKind::ConnectionRefused, ErrorKind::TimedOut].contains(&error), "{error}");
            let is_refused_late = sim.now() - asked >= SECOND;
            let (connected, refused) = slow.get();
            slow.set((connected + u32::from(connects_late), refused + u32::from(is_refused_late)));
            // Of all that is sent nothing comes.
            sim.loss("main", "far", 1);
            let asked = sim.now();
            let error = TcpStream::connect("far:7").await.unwrap_err();
            assert_eq!((error.kind(), (sim.now() - asked).as_secs()), (ErrorKind::TimedOut, 127));
            sim.loss("main", "far", 0);
            let asked = sim.now();
            drop(TcpStream::connect("far:7").await.unwrap());
            assert!(sim.now() - asked < SECOND / 2);
        });
    });
    // One way or the other, five times of nine something is lost.
    let (connected, refused) = slow.get();
    let is_usual = |times: u32| (40..70).contains(&(times * 100 / runs.get()));
    assert!(is_usual(connected) && is_usual(refused), "{slow:?} of {runs:?}");
}

#[test]
fn an_attempt_to_connect_is_answered_when_it_is_next_made_after_the_link_is_whole() {
    for (from, to) in [("main", "server"), ("server", "main")] {
        for (whole_at, made_at) in [(2, 3), (5, 7), (10, 15), (40, 63)] {
            check(|sim| {
                sim.host("server", echo);
                sim.run(async move |sim| {
                    sim.partition_one_way(from, to);
                    let world = sim.clone();
                    drop(spawn(async move {
                        sleep(whole_at * SECOND).await;
                        world.heal("main", "server");
                    }));
                    let stream = TcpStream::connect("server:7").await.unwrap();
                    let took = sim.now().as_secs();
                    // The server repeats its own part too, so one that was heard may be answered before.
                    assert!(took == made_at || from == "server" && took < made_at, "{took} s");
                    stream.write_all(&[1]).await.unwrap();
                    assert_eq!(stream.read(&mut [0]).await.unwrap(), 1);
                });
            });
        }
    }
}

/// What is cut is cut for an answer too: that nobody listens, that somebody does, that a program has crashed.
#[test]
fn who_is_not_heard_by_the_client_leaves_its_attempt_to_time_out() {
    for (port, crashes) in [(7, false), (8, false), (7, true)] {
        check(|sim| {
            sim.host("server", echo);
            sim.run(async move |sim| {
                sleep(Duration::from_millis(1)).await;
                slow(&sim);
                let (world, asked) = (sim.clone(), sim.now());
                drop(spawn(async move {
                    // By then the server has heard of it, and its answer is on its way.
                    sleep(SECOND * 3 / 20).await;
                    world.partition_one_way("server", "main");
                    if crashes {
                        world.crash("server");
                    }
                }));
                let error = TcpStream::connect((sim.addr("server"), port)).await.unwrap_err();
                assert_eq!((error.kind(), (sim.now() - asked).as_secs()), (ErrorKind::TimedOut, 127));
            });
        });
    }
}

#[test]
fn probes_of_a_keepalive_do_not_end_an_attempt_to_connect() {
    check(|sim| {
        sim.host("server", echo);
        sim.run(async |sim| {
            sim.partition("main", "server");
            let mut options = ConnectOptions::default();
            let mut keepalive = Keepalive::default();
            (keepalive.idle, keepalive.interval, keepalive.probes) = (SECOND, SECOND, 1);
            options.keepalive = Some(keepalive);
            let error = TcpStream::connect_with("server:7", &options).await.unwrap_err();
            assert_eq!((error.kind(), sim.now().as_secs()), (ErrorKind::TimedOut, 127));
            sim.heal("main", "server");
            // They begin when it stands, and rest while it is for something else to find out.
            let stream = TcpStream::connect_with("server:7", &options).await.unwrap();
            sleep(10 * SECOND).await;
            sim.partition("main", "server");
            let cut = sim.now();
            assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::TimedOut);
            assert!((sim.now() - cut) < 4 * SECOND);
        });
    });
}

/// What is not acknowledged is for the timer to see to, which is more patient.
#[test]
fn probes_of_a_keepalive_rest_while_something_is_not_acknowledged() {
    check(|sim| {
        sim.host("server", echo);
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let mut options = ConnectOptions::default();
            let mut keepalive = Keepalive::default();
            (keepalive.idle, keepalive.interval, keepalive.probes) = (SECOND, SECOND, 1);
            options.keepalive = Some(keepalive);
            let stream = TcpStream::connect_with("server:7", &options).await.unwrap();
            sleep(SECOND).await;
            sim.partition("main", "server");
            stream.write_all(&[1]).await.unwrap();
            let cut = sim.now();
            assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::TimedOut);
            assert!((924..924 + 121).contains(&(sim.now() - cut).as_secs()));
        });
    });
}

/// Those who have half a connection to a listener leave no trace there after a minute.
#[test]
fn handshakes_that_are_never_completed_take_no_place() {
    check(|sim| {
        sim.host("server", async || {
            let mut options = ListenOptions::default();
            options.backlog = 1;
            let listener = TcpListener::listen("0.0.0.0:7".parse().unwrap(), &options)?;
            let mut streams = Vec::new();
            loop {
                streams.push(listener.accept().await?);
                assert_eq!(streams.len(), 1, "the others have given up");
            }
            #[expect(unreachable_code, reason = "what it would return")]
            io::Result::Ok(())
        });
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            sim.partition_one_way("server", "main");
            let clients: Vec<_> = (0..10).map(|_| spawn(TcpStream::connect("server:7"))).collect();
            for client in clients {
                let error = client.await.unwrap().unwrap_err();
                assert_eq!(error.kind(), ErrorKind::TimedOut);
            }
            sim.heal("main", "server");
            let asked = sim.now();
            let stream = TcpStream::connect("server:7").await.unwrap();
            assert!(sim.now() - asked < SECOND / 2);
            assert!(timeout(100 * SECOND, stream.hangup()).await.is_err());
        });
    });
}

/// The last of three is lost: the server repeats the second for a minute, and then knows nothing of it.
#[test]
fn who_completes_a_handshake_too_late_is_reset() {
    for (whole_after, stands) in [(20, true), (64, false)] {
        check(|sim| {
            sim.host("server", echo);
            sim.run(async move |sim| {
                sleep(Duration::from_millis(1)).await;
                slow(&sim);
                let stream = TcpStream::connect("server:7").await.unwrap();
                sim.partition_one_way("main", "server");
                sleep(whole_after * SECOND).await;
                sim.heal("main", "server");
                sleep(20 * SECOND).await;
                stream.write_all(&[1]).await.unwrap();
                let read = stream.read(&mut [0]).await.map_err(|error| error.kind());
                assert_eq!(read, if stands { Ok(1) } else { Err(ErrorKind::ConnectionReset) });
            });
        });
    }
}

/// Reads nothing for ten seconds, and then everything; and says a byte when that was so much.
async fn reads_late(bytes: usize) -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    let (stream, _peer) = listener.accept().await?;
    sleep(10 * SECOND).await;
    let (mut heard, mut buf) = (0, [0; 700]);
    while heard < bytes {
        heard += stream.read(&mut buf).await?;
    }
    stream.write_all(&[7]).await?;
    std::future::pending().await
}

#[test]
fn who_waits_for_room_asks_for_it() {
    let mut config = Config::default();
    config.window_bytes = 1000..=1000;
    check_with(&config, |sim| {
        sim.host("server", async || reads_late(3000).await);
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("server:7").await.unwrap();
            let world = sim.clone();
            drop(spawn(async move {
                // What was read while it was cut was told in vain.
                sleep(5 * SECOND).await;
                world.partition_one_way("server", "main");
                sleep(10 * SECOND).await;
                world.heal("main", "server");
            }));
            stream.write_all(&[7; 3000]).await.unwrap();
            assert!((15..31).contains(&sim.now().as_secs()), "{:?}", sim.now());
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 1);
        });
    });
}

#[test]
fn who_waits_for_room_of_one_who_never_answers_gives_up_and_else_waits_on() {
    let mut config = Config::default();
    (config.window_bytes, config.time_max) = (1000..=1000, Duration::from_secs(10_000));
    for (from, to) in [("main", "server"), ("server", "main")] {
        check_with(&config, |sim| {
            sim.host("server", async || {
                let listener = TcpListener::bind("0.0.0.0:7").await?;
                let _stream = listener.accept().await?;
                std::future::pending::<io::Result<()>>().await
            });
            sim.run(async move |sim| {
                sleep(Duration::from_millis(1)).await;
                let stream = TcpStream::connect("server:7").await.unwrap();
                stream.write_all(&[7; 1000]).await.unwrap();
                let mut more = Box::pin(stream.write_all(&[7]));
                assert!(timeout(3000 * SECOND, &mut more).await.is_err());
                let cut = sim.now();
                sim.partition_one_way(from, to);
                assert_eq!(more.await.unwrap_err().kind(), ErrorKind::TimedOut);
                let took = (sim.now() - cut).as_secs();
                assert!((924 - 120..924 + 121).contains(&took), "{took} s");
            });
        });
    }
}

#[test]
fn who_waits_for_room_of_one_who_has_crashed_unheard_is_reset() {
    let mut config = Config::default();
    config.window_bytes = 1000..=1000;
    check_with(&config, |sim| {
        sim.host("server", async || reads_late(3000).await);
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("server:7").await.unwrap();
            let world = sim.clone();
            drop(spawn(async move {
                sleep(5 * SECOND).await;
                world.partition("server", "main");
                world.crash("server");
                sleep(SECOND).await;
                world.heal("main", "server");
            }));
            let error = stream.write_all(&[7; 3000]).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        });
    });
}

/// Who has closed while he was cut off, or was killed then, tries to be heard for a hundred seconds; whoever speaks to him
/// later is reset.
#[test]
fn what_a_program_that_has_gone_has_said_is_given_up_sooner() {
    for (whole_after, is_heard, is_killed) in
        [(50, true, false), (300, false, false), (50, true, true), (300, false, true)]
    {
        check(|sim| {
            let world = sim.clone();
            sim.host("server", async move || {
                let listener = TcpListener::bind("0.0.0.0:7").await?;
                let (stream, _peer) = listener.accept().await?;
                assert_eq!(stream.read(&mut [0]).await?, 1);
                sleep(SECOND).await;
                world.partition("server", "main");
                stream.write_all(b"farewell").await?;
                if is_killed {
                    world.signal("server", Signal::Terminate);
                    std::future::pending::<()>().await;
                }
                io::Result::Ok(())
            });
            sim.run(async move |sim| {
                sleep(Duration::from_millis(1)).await;
                let stream = TcpStream::connect("server:7").await.unwrap();
                stream.write_all(&[1]).await.unwrap();
                sleep(whole_after * SECOND).await;
                sim.heal("main", "server");
                let told = timeout(200 * SECOND, read_to_end(&stream)).await;
                match is_heard {
                    true => assert_eq!(told.unwrap().unwrap(), b"farewell"),
                    false => {
                        assert!(told.is_err());
                        stream.write_all(&[1]).await.unwrap();
                        let error = stream.read(&mut [0]).await.unwrap_err();
                        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                    }
                }
            });
        });
    }
}
