//! TCP on loopback.

use std::io::{self, IoSlice};
use std::net::Shutdown;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use ekiden_reactor::net::{TcpListener, TcpStream, lookup_host};
use ekiden_reactor::{run, spawn, yield_now};
use futures_util::{AsyncReadExt, AsyncWriteExt, FutureExt};

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    (client, server)
}

#[test]
fn who_waits_for_a_socket_of_a_reactor_that_has_ended_is_told() {
    let (near, _far) = run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    });
    run(async {
        let error = near.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(error.to_string(), "the reactor on which this was opened has ended");
    });
}

#[test]
fn ten_megabytes_arrive_whole_in_both_directions_at_once() {
    run(async {
        let (client, server) = pair().await;
        let (client, server) = (Rc::new(client), Rc::new(server));
        let data: Rc<Vec<u8>> = Rc::new((0..10_000_000u32).map(|n| (n % 251) as u8).collect());
        let mut tasks = Vec::new();
        for (from, to) in [(client.clone(), server.clone()), (server, client)] {
            let sent = data.clone();
            tasks.push(spawn(async move {
                from.write_all(&sent).await.unwrap();
                from.shutdown(Shutdown::Write).unwrap();
            }));
            let expected = data.clone();
            tasks.push(spawn(async move {
                let mut got = Vec::new();
                let mut buf = vec![0; 70_000];
                loop {
                    match to.read(&mut buf).await.unwrap() {
                        0 => break,
                        n => got.extend_from_slice(&buf[..n]),
                    }
                }
                assert!(got == *expected, "{} bytes came", got.len());
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
    });
}

#[test]
fn the_traits_of_futures_io_work_on_sockets_and_references() {
    run(async {
        let (mut client, server) = pair().await;
        AsyncWriteExt::write_all(&mut &server, b"hello").await.unwrap();
        let bufs = [IoSlice::new(b", "), IoSlice::new(b"world")];
        assert_eq!(server.write_vectored(&bufs).await.unwrap(), 7);
        assert_eq!(server.try_write_vectored(&bufs).unwrap(), Some(7));
        (&server).close().await.unwrap();
        let mut text = String::new();
        client.read_to_string(&mut text).await.unwrap();
        assert_eq!(text, "hello, world, world");
    });
}

#[test]
fn two_tasks_may_wait_for_one_socket() {
    run(async {
        let (client, server) = pair().await;
        let server = Rc::new(server);
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let server = server.clone();
                spawn(async move { server.read(&mut [0; 1]).await.unwrap() })
            })
            .collect();
        yield_now().await;
        client.write_all(b"ab").await.unwrap();
        for reader in readers {
            assert_eq!(reader.await.unwrap(), 1);
        }
    });
}

#[test]
fn a_lost_race_steals_no_wake_up() {
    run(async {
        let (client, server) = pair().await;
        for _ in 0..3 {
            let (mut lost, mut kept) = ([0; 1], [0; 1]);
            let mut loser = Box::pin(server.read(&mut lost));
            let mut winner = Box::pin(server.read(&mut kept));
            assert!((&mut loser).now_or_never().is_none());
            assert!((&mut winner).now_or_never().is_none());
            drop(loser);
            client.write_all(b"x").await.unwrap();
            assert_eq!(winner.await.unwrap(), 1);
        }
    });
}

#[test]
fn the_end_comes_after_all_bytes_even_if_reads_are_short() {
    run(async {
        let (client, server) = pair().await;
        client.write_all(&[7; 1000]).await.unwrap();
        drop(client);
        let mut got = 0;
        loop {
            // Larger than what is left at last, so that the last read is a short one.
            match server.read(&mut [0; 300]).await.unwrap() {
                0 => break,
                n => got += n,
            }
        }
        assert_eq!(got, 1000);
        assert_eq!(server.read(&mut [0; 300]).await.unwrap(), 0, "the end stays the end");
    });
}

#[test]
fn a_used_port_is_an_error_that_names_the_address() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let error = TcpListener::bind(addr).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert!(error.to_string().starts_with(&format!("cannot listen on {addr}: ")), "{error}");
    });
}

#[test]
fn a_refused_connection_is_an_error_that_names_the_address() {
    run(async {
        let addr = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = TcpStream::connect(addr).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        assert!(error.to_string().starts_with(&format!("cannot connect to {addr}: ")), "{error}");
    });
}

#[test]
fn names_are_looked_up() {
    run(async {
        let addrs = lookup_host("localhost:80").await.unwrap();
        assert!(addrs.iter().all(|addr| addr.ip().is_loopback() && addr.port() == 80), "{addrs:?}");
        let error = lookup_host("no-such-host.invalid:80").await.unwrap_err();
        assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
    });
}

#[test]
fn small_writes_leave_at_once_on_both_ends() {
    run(async {
        let (client, server) = pair().await;
        assert!(client.nodelay().unwrap() && server.nodelay().unwrap());
        server.set_nodelay(false).unwrap();
        assert!(!server.nodelay().unwrap());
    });
}

#[test]
fn polls_that_were_given_up_leave_nothing_behind() {
    run(async {
        let (mut client, server) = pair().await;
        let (mut byte, counted) = ([0; 1], Arc::new(()));
        for _ in 0..1000 {
            // Each has a waker of its own, as the futures in a `select` or a set have.
            let waker = Waker::from(Arc::new(Counted(counted.clone())));
            let mut read = pin!(AsyncReadExt::read(&mut client, &mut byte));
            assert!(read.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        }
        assert!(Arc::strong_count(&counted) <= 2, "the last one waits, and this test holds one");
        server.write_all(b"x").await.unwrap();
        assert_eq!(AsyncReadExt::read(&mut client, &mut byte).await.unwrap(), 1);
    });
}

#[test]
fn a_read_and_a_write_that_are_dropped_leave_nothing_behind() {
    run(async {
        let (client, _server) = pair().await;
        let counted = Arc::new(Counted(Arc::default()));
        let waker = Waker::from(counted.clone());
        let mut cx = Context::from_waker(&waker);
        // More than the system takes at once, whatever its buffers are.
        let (mut byte, much) = ([0; 1], vec![0; 16 << 20]);
        let mut read = Box::pin(client.read(&mut byte));
        let mut write = Box::pin(client.write_all(&much));
        assert!(read.as_mut().poll(&mut cx).is_pending() && write.as_mut().poll(&mut cx).is_pending());
        assert_eq!(Arc::strong_count(&counted), 4, "both wait; the others are this test's");
        drop(read);
        assert_eq!(Arc::strong_count(&counted), 3);
        drop(write);
        assert_eq!(Arc::strong_count(&counted), 2);
    });
}

/// A waker whose copies can be counted.
struct Counted(#[expect(dead_code, reason = "it is only counted")] Arc<()>);

impl Wake for Counted {
    fn wake(self: Arc<Self>) {}
}

#[test]
fn a_reset_is_noticed_by_who_neither_reads_nor_writes() {
    run(async {
        let (client, server) = pair().await;
        let mut hangup = server.hangup();
        // Bytes that nobody reads, and the end of one direction, are no hang-up.
        client.write_all(b"unread").await.unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        server.write_all(b"unread, so that closing resets").await.unwrap();
        yield_now().await;
        assert!((&mut hangup).now_or_never().is_none());
        drop(client);
        hangup.await;
        server.hangup().await;
    });
}

#[test]
fn the_end_of_what_a_peer_sends_is_noticed_by_who_does_not_read() {
    run(async {
        let (client, server) = pair().await;
        let mut ends: Vec<_> = (0..3).map(|_| server.hangup().read_closed()).collect();
        for end in &mut ends {
            assert!(end.now_or_never().is_none());
        }
        // Bytes are no end, and those that nobody reads do not hide it.
        client.write_all(b"abc").await.unwrap();
        assert_eq!(server.read(&mut [0]).await.unwrap(), 1);
        for end in &mut ends {
            assert!(end.now_or_never().is_none());
        }
        drop(ends.remove(1));
        let waiting: Vec<_> = ends.into_iter().map(|end| spawn(end)).collect();
        yield_now().await;
        client.shutdown(Shutdown::Write).unwrap();
        for end in waiting {
            end.await.unwrap();
        }
        server.hangup().read_closed().await;
        assert!(server.hangup().now_or_never().is_none(), "it may still read");
        server.write_all(b"answer").await.unwrap();
        let mut buf = [0; 9];
        assert_eq!(server.read(&mut buf).await.unwrap(), 2);
        assert_eq!(client.read(&mut buf).await.unwrap(), 6);
    });
}

#[test]
fn a_connection_that_is_gone_is_read_to_its_end_and_then_dropped() {
    run(async {
        let (client, server) = pair().await;
        // More than one read brings, and then a reset, as something is left unread at the other end.
        server.write_all(b"unread").await.unwrap();
        client.write_all(&[7; 1000]).await.unwrap();
        drop(client);
        server.hangup().await;
        let got = std::cell::Cell::new(0);
        let outcome = server.hangup().guard(async {
            for _ in 0..10 {
                got.set(got.get() + server.read(&mut [0; 100]).await.unwrap());
                yield_now().await;
            }
            std::future::pending::<()>().await
        });
        assert_eq!(outcome.await, None);
        assert_eq!(got.get(), 1000);
    });
}
