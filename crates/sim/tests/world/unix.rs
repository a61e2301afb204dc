//! Unix sockets, which never leave their host.

use std::cell::Cell;
use std::io::{self, ErrorKind};
use std::net::Shutdown;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::net::{Spread, UnixDatagram, UnixListener, UnixStream};
use ekiden_reactor::{sleep, spawn, timeout};
use ekiden_sim::{Config, Sim, check, check_with};

const PATH: &str = "/run/world.sock";
const SECOND: Duration = Duration::from_secs(1);

async fn read_to_end(stream: &UnixStream) -> io::Result<Vec<u8>> {
    let (mut all, mut buf) = (Vec::new(), [0; 700]);
    loop {
        match stream.read(&mut buf).await? {
            0 => return Ok(all),
            n => all.extend_from_slice(&buf[..n]),
        }
    }
}

fn kind<T>(result: io::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

#[test]
fn bytes_go_both_ways_at_once_in_order_and_an_end_of_one_direction_leaves_the_other() {
    check(|sim| {
        sim.run(async |sim| {
            let listener = UnixListener::bind(PATH).unwrap();
            let client = UnixStream::connect(PATH).await.unwrap();
            let (server, peer) = listener.accept().await.unwrap();
            assert!(peer.is_unnamed() && client.local_addr().unwrap().is_unnamed());
            assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(Path::new(PATH)));
            assert_eq!(server.local_addr().unwrap().as_pathname(), Some(Path::new(PATH)));
            let (client, server) = (Rc::new(client), Rc::new(server));
            // More than fits, so that whoever writes has to wait.
            let data: Rc<Vec<u8>> = Rc::new((0..200_000u32).map(|n| (n % 251) as u8).collect());
            let mut tasks = Vec::new();
            for (from, to) in [(client.clone(), server.clone()), (server, client)] {
                let (sent, expected) = (data.clone(), data.clone());
                tasks.push(spawn(async move {
                    from.write_all(&sent).await.unwrap();
                    from.shutdown(Shutdown::Write).unwrap();
                    assert_eq!(kind(from.write(b"more").await), Some(ErrorKind::BrokenPipe));
                }));
                tasks.push(spawn(async move { assert!(read_to_end(&to).await.unwrap() == *expected) }));
            }
            for task in tasks {
                timeout(SECOND * 60, task).await.unwrap().unwrap();
            }
            assert!(sim.now() < SECOND);
        });
    });
}

#[test]
fn who_does_not_read_holds_up_who_writes() {
    let mut config = Config::default();
    config.window_bytes = 1000..=1000;
    check_with(&config, |sim| {
        sim.run(async |_sim| {
            let (here, there) = UnixStream::pair().unwrap();
            let written = Rc::new(Cell::new(0));
            let count = written.clone();
            drop(spawn(async move {
                loop {
                    count.set(count.get() + there.write(&[7; 300]).await.unwrap());
                }
            }));
            sleep(SECOND).await;
            assert_eq!(written.get(), 1000);
            let mut read = 0;
            while read < 500 {
                let rest = 500 - read;
                read += here.read(&mut [0; 500][..rest]).await.unwrap();
            }
            sleep(SECOND).await;
            assert_eq!(written.get(), 1500);
        });
    });
}

#[test]
fn reads_and_writes_are_short_at_times_and_whole_at_times() {
    let seen = Rc::new([Cell::new(0), Cell::new(0), Cell::new(0), Cell::new(0)]);
    check(|sim| {
        let seen = seen.clone();
        sim.run(async move |_sim| {
            let (here, there) = UnixStream::pair().unwrap();
            let written = here.write(&[1; 100]).await.unwrap();
            let read = there.read(&mut [0; 100]).await.unwrap();
            for at in [usize::from(written < 100), 2 + usize::from(read < written)] {
                seen[at].set(seen[at].get() + 1);
            }
        });
    });
    assert!(seen.iter().all(|count| count.get() > 10), "{seen:?}");
}

#[test]
fn who_goes_takes_both_directions_along_and_resets_if_it_left_something_unread() {
    check(|sim| {
        sim.run(async |_sim| {
            let (here, there) = UnixStream::pair().unwrap();
            there.write_all(b"last words").await.unwrap();
            drop(there);
            assert_eq!(kind(here.write(b"and?").await), Some(ErrorKind::BrokenPipe));
            assert_eq!(read_to_end(&here).await.unwrap(), b"last words");
            here.hangup().await;

            let (here, there) = UnixStream::pair().unwrap();
            here.write_all(b"unread").await.unwrap();
            there.write_all(b"last words").await.unwrap();
            let reading = spawn(async move {
                let mut heard = Vec::new();
                let error = loop {
                    let mut buf = [0; 3];
                    match here.read(&mut buf).await {
                        Ok(n) => heard.extend_from_slice(&buf[..n]),
                        Err(error) => break error,
                    }
                };
                assert_eq!((error.kind(), &*heard), (ErrorKind::ConnectionReset, &b"last words"[..]));
                // Once.
                assert_eq!(here.read(&mut [0]).await.unwrap(), 0);
            });
            sleep(SECOND).await;
            assert!(!reading.is_finished());
            drop(there);
            timeout(SECOND, reading).await.unwrap().unwrap();
        });
    });
}

#[test]
fn a_name_is_used_once_and_says_who_is_there() {
    check(|sim| {
        sim.run(async |_sim| {
            assert_eq!(kind(UnixStream::connect(PATH).await), Some(ErrorKind::NotFound));
            let listener = UnixListener::bind(PATH).unwrap();
            assert_eq!(kind(UnixListener::bind(PATH)), Some(ErrorKind::AddrInUse));
            assert_eq!(kind(UnixDatagram::bind(PATH)), Some(ErrorKind::AddrInUse));
            let socket = UnixDatagram::unbound().unwrap();
            assert_eq!(socket.send_to(b"x", PATH).await.unwrap_err().raw_os_error(), Some(91), "EPROTOTYPE");
            drop(listener);
            assert_eq!(kind(UnixStream::connect(PATH).await), Some(ErrorKind::ConnectionRefused));
            let listener = UnixListener::bind(PATH).unwrap();
            drop(UnixStream::connect(PATH).await.unwrap());
            drop(listener.accept().await.unwrap());
        });
    });
}

#[test]
#[cfg(target_os = "linux")]
fn an_abstract_name_is_gone_with_its_socket() {
    use std::os::linux::net::SocketAddrExt;

    check(|sim| {
        sim.run(async |_sim| {
            let addr = SocketAddr::from_abstract_name("world").unwrap();
            let refused = Some(ErrorKind::ConnectionRefused);
            assert_eq!(kind(UnixStream::connect_addr(&addr).await), refused);
            let listener = UnixListener::bind_addr(&addr).unwrap();
            assert_eq!(kind(UnixListener::bind_addr(&addr)), Some(ErrorKind::AddrInUse));
            let client = UnixStream::connect_addr(&addr).await.unwrap();
            assert_eq!(client.peer_addr().unwrap().as_abstract_name(), Some(&b"world"[..]));
            drop(listener);
            assert_eq!(kind(client.read(&mut [0]).await), Some(ErrorKind::ConnectionReset));
            assert_eq!(kind(UnixStream::connect_addr(&addr).await), refused);
        });
    });
}

#[test]
fn a_host_has_its_own_names() {
    check(|sim| {
        sim.host("other", async || {
            let _listener = UnixListener::bind(PATH)?;
            std::future::pending::<io::Result<()>>().await
        });
        sim.run(async |_sim| {
            sleep(SECOND).await;
            assert_eq!(kind(UnixStream::connect(PATH).await), Some(ErrorKind::NotFound));
            drop(UnixListener::bind(PATH).unwrap());
        });
    });
}

/// A program that listens on a path without a thought for what was there before.
fn listens(sim: &Sim) {
    sim.host("server", async || {
        let listener = UnixListener::bind(PATH)?;
        loop {
            drop(listener.accept().await?);
        }
        #[expect(unreachable_code, reason = "what it would return")]
        io::Result::Ok(())
    });
}

#[test]
fn a_file_that_a_crash_left_is_taken_for_removed() {
    check(|sim| {
        listens(&sim);
        sim.run(async |sim| {
            for _ in 0..3 {
                sleep(SECOND).await;
                assert!(sim.is_up("server"));
                sim.restart("server");
            }
        });
    });
}

#[test]
fn a_file_that_a_crash_left_is_in_the_way_if_it_is_to_stay() {
    let mut config = Config::default();
    config.socket_files_stay = true;
    check_with(&config, |sim| {
        listens(&sim);
        sim.run(async |sim| {
            sleep(SECOND).await;
            sim.crash("server");
            sleep(SECOND).await;
            assert!(sim.remove_file("server", PATH));
            assert!(!sim.remove_file("server", PATH));
            sim.restart("server");
            sleep(SECOND).await;
            assert!(sim.is_up("server"));
        });
        let failure = sim.try_run(async |sim| {
            sim.restart("server");
            sleep(SECOND).await;
        });
        let text = failure.unwrap_err().to_string();
        assert!(text.contains("the program of `server` ended by an error: cannot listen on"), "{text}");
    });
}

#[test]
fn what_a_program_had_open_is_gone_when_it_begins_again() {
    check(|sim| {
        let lives = Rc::new(Cell::new(0));
        let count = lives.clone();
        sim.host("server", async move || {
            count.set(count.get() + 1);
            let listener = UnixListener::bind(PATH)?;
            // Nobody has come, though somebody had before the crash.
            assert!(timeout(SECOND, listener.accept()).await.is_err());
            // Never dropped, as what lives as long as a process need not be.
            std::mem::forget(UnixStream::connect(PATH).await?);
            std::mem::forget(UnixDatagram::bind("/run/datagrams.sock")?);
            std::mem::forget(listener);
            std::future::pending::<io::Result<()>>().await
        });
        sim.run(async move |sim| {
            for life in 1..4 {
                sleep(2 * SECOND).await;
                assert_eq!(lives.get(), life);
                sim.restart("server");
            }
        });
    });
}

#[test]
fn who_waits_at_a_listener_that_goes_is_reset() {
    check(|sim| {
        sim.run(async |_sim| {
            let listener = UnixListener::bind(PATH).unwrap();
            let stream = UnixStream::connect(PATH).await.unwrap();
            stream.write_all(b"hello").await.unwrap();
            drop(listener);
            assert_eq!(kind(stream.read(&mut [0]).await), Some(ErrorKind::ConnectionReset));
        });
    });
}

#[test]
fn a_listener_without_room_lets_who_comes_wait() {
    check(|sim| {
        sim.run(async |_sim| {
            let listener = UnixListener::bind(PATH).unwrap();
            let mut streams = Vec::new();
            while let Ok(connected) = timeout(SECOND, UnixStream::connect(PATH)).await {
                streams.push(connected.unwrap());
            }
            assert_eq!(streams.len(), 128);
            let late = spawn(UnixStream::connect(PATH));
            sleep(SECOND).await;
            assert!(!late.is_finished());
            drop(listener.accept().await.unwrap());
            drop(timeout(SECOND, late).await.unwrap().unwrap().unwrap());
        });
    });
}

#[test]
fn datagrams_come_whole_in_order_and_say_whose_they_are() {
    check(|sim| {
        sim.run(async |_sim| {
            let receiver = UnixDatagram::bind(PATH).unwrap();
            let named = UnixDatagram::bind("/run/named.sock").unwrap();
            named.send_to(b"one", PATH).await.unwrap();
            named.send_to(b"", PATH).await.unwrap();
            UnixDatagram::unbound().unwrap().send_to(b"two", PATH).await.unwrap();
            let mut buf = [0; 2];
            let (n, from) = receiver.recv_from(&mut buf).await.unwrap();
            assert_eq!((n, from.as_pathname(), &buf), (2, Some(Path::new("/run/named.sock")), b"on"));
            assert_eq!(receiver.recv_from(&mut buf).await.unwrap().0, 0);
            let (n, from) = receiver.recv_from(&mut buf).await.unwrap();
            assert!(n == 2 && from.is_unnamed());
            assert!(receiver.try_recv(&mut buf).unwrap().is_none());

            named.connect(PATH).unwrap();
            receiver.connect("/run/named.sock").unwrap();
            named.send(b"three").await.unwrap();
            assert_eq!(receiver.recv(&mut [0; 9]).await.unwrap(), 5);
            let stranger = UnixDatagram::unbound().unwrap();
            assert_eq!(kind(stranger.send_to(b"x", PATH).await), Some(ErrorKind::PermissionDenied));
            assert_eq!(kind(stranger.connect(PATH)), Some(ErrorKind::PermissionDenied));
            assert_eq!(kind(stranger.send(b"x").await), Some(ErrorKind::NotConnected));
            assert_eq!(kind(stranger.send_to(b"x", "/run/nobody.sock").await), Some(ErrorKind::NotFound));
            drop(receiver);
            assert_eq!(kind(named.send(b"x").await), Some(ErrorKind::ConnectionRefused));
            assert_eq!(kind(named.send(b"x").await), Some(ErrorKind::NotConnected));
            assert_eq!(kind(named.send_to(b"x", PATH).await), Some(ErrorKind::ConnectionRefused));
            named.shutdown(Shutdown::Write).unwrap();
            assert_eq!(kind(named.send_to(b"x", PATH).await), Some(ErrorKind::BrokenPipe));
        });
    });
}

#[test]
fn who_sends_datagrams_waits_for_room_and_none_is_lost() {
    check(|sim| {
        sim.run(async |_sim| {
            let receiver = UnixDatagram::bind(PATH).unwrap();
            let (paired, pair) = UnixDatagram::pair().unwrap();
            let connected = UnixDatagram::unbound().unwrap();
            connected.connect(PATH).unwrap();
            let to_path = UnixDatagram::unbound().unwrap();
            let senders = [
                spawn(async move {
                    for n in 0..100 {
                        connected.send(&[0, n]).await.unwrap();
                    }
                }),
                spawn(async move {
                    for n in 0..100 {
                        to_path.send_to(&[1, n], PATH).await.unwrap();
                    }
                }),
                spawn(async move {
                    for n in 0..100 {
                        paired.send(&[2, n]).await.unwrap();
                    }
                }),
            ];
            sleep(SECOND).await;
            assert!(senders.iter().all(|sender| !sender.is_finished()));
            let mut next = [0; 3];
            for count in 0..300 {
                let mut buf = [0; 2];
                let from = if count < 200 { &receiver } else { &pair };
                assert_eq!(timeout(SECOND, from.recv(&mut buf)).await.unwrap().unwrap(), 2);
                assert_eq!(buf[1], next[usize::from(buf[0])]);
                next[usize::from(buf[0])] += 1;
            }
            for sender in senders {
                sender.await.unwrap();
            }
        });
    });
}

#[test]
fn a_listener_can_be_spread_over_the_one_core_there_is() {
    check(|sim| {
        sim.run(async |_sim| {
            let listener = UnixListener::bind(PATH).unwrap();
            // It waits in the queue when the socket is shared.
            let early = UnixStream::connect(PATH).await.unwrap();
            let mut shares = listener.spread(16).unwrap();
            let spread = shares.pop().unwrap().open().unwrap();
            assert!(shares.is_empty());
            let late = UnixStream::connect(PATH).await.unwrap();
            for client in [early, late] {
                let (server, _peer) = timeout(SECOND, spread.accept()).await.unwrap().unwrap();
                server.write_all(b"!").await.unwrap();
                assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 1);
            }
            drop(spread);
            sleep(SECOND).await;
            assert_eq!(kind(UnixStream::connect(PATH).await), Some(ErrorKind::ConnectionRefused));
        });
    });
}
