//! Whoever always finds something to do lets the others have their turn, after so many uses and no more.
//!
//! Bounds are in uses and polls, never in time: 128 uses of sources in one poll, 256 polls and uses in one turn of the
//! loop, in which 1,024 timers fire. What each source costs of that is its own to say; an accept costs sixteen (`accepting`).

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::{join_all, select};

use ekiden_reactor::channel::{Notify, Semaphore, broadcast, mpsc, watch};
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::net::{Spread, TcpListener, TcpStream, UdpSocket, UnixStream, lookup_host};
use ekiden_reactor::{
    Config, Instant, Latch, Reactor, TaskGroup, process, request_shutdown, run, shutdown, sleep, sleep_until,
    spawn, sync, timeout, yield_now,
};

/// How often somebody did something.
#[derive(Clone, Default)]
struct Uses(Rc<Cell<u32>>);

impl Uses {
    fn count(&self) {
        self.0.set(self.0.get() + 1);
    }

    fn get(&self) -> u32 {
        self.0.get()
    }
}

/// Runs what is busy beside a task that does nothing but take its turns: the most uses between two of them, and all.
async fn most_between_turns<F: Future + 'static>(busy: impl FnOnce(Uses) -> F) -> (u32, u32) {
    let uses = Uses::default();
    let busy = spawn(busy(uses.clone()));
    let (mut most, mut before) = (0, 0);
    while !busy.is_finished() && uses.get() < ENOUGH {
        yield_now().await;
        most = most.max(uses.get() - before);
        before = uses.get();
    }
    busy.abort();
    (most, uses.get())
}

/// A good many times what is done in one turn.
const ENOUGH: u32 = 3_000;

#[track_caller]
fn check((most, all): (u32, u32), what: &str) {
    assert!(all >= ENOUGH, "{what}: it was to be busy, and did {all}");
    assert!((1..=128).contains(&most), "{what}: {most} between two turns of another");
}

async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let client = TcpStream::connect(addr).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

#[test]
fn a_socket_that_always_has_something() {
    run(async {
        let (flood, sink) = pair().await;
        let flood = spawn(async move { while flood.write(&[0; 4096]).await.is_ok() {} });
        let read = most_between_turns(|uses| async move {
            while sink.read(&mut [0; 1]).await.unwrap() > 0 {
                uses.count();
            }
        });
        check(read.await, "tcp read");
        flood.abort();
        let (near, far) = UnixStream::pair().unwrap();
        let flood = spawn(async move { while near.write(&[0; 4096]).await.is_ok() {} });
        let read = most_between_turns(|uses| async move {
            while far.read(&mut [0; 1]).await.unwrap() > 0 {
                uses.count();
            }
        });
        check(read.await, "unix read");
        flood.abort();
    });
}

#[test]
fn a_socket_that_always_takes_something() {
    run(async {
        let (near, far) = pair().await;
        let written = most_between_turns(|uses| async move {
            loop {
                near.write(&[0; 1]).await.unwrap();
                uses.count();
            }
        });
        check(written.await, "tcp write");
        drop(far);
        // Nobody reads it: what finds no room is dropped by the kernel.
        let (socket, sink) =
            (UdpSocket::bind("127.0.0.1:0").await.unwrap(), UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let addr = sink.local_addr().unwrap();
        let sent = most_between_turns(|uses| async move {
            loop {
                socket.send_to(b"x", addr).await.unwrap();
                uses.count();
            }
        });
        check(sent.await, "udp send");
    });
}

#[test]
fn a_channel_that_is_never_empty() {
    run(async {
        let (sender, mut receiver) = mpsc::unbounded();
        (0..2 * ENOUGH).for_each(|number| sender.try_send(number).unwrap());
        let received = most_between_turns(|uses| async move {
            while receiver.recv().await.is_some() {
                uses.count();
            }
        });
        check(received.await, "mpsc recv");
        let (sender, mut receiver) = sync::mpsc::unbounded();
        (0..2 * ENOUGH).for_each(|number| sender.try_send(number).unwrap());
        let received = most_between_turns(|uses| async move {
            while receiver.recv().await.is_some() {
                uses.count();
            }
        });
        check(received.await, "sync mpsc recv");
    });
}

#[test]
fn a_channel_that_is_never_full() {
    run(async {
        let (sender, receiver) = mpsc::unbounded();
        let sent = most_between_turns(|uses| async move {
            while sender.send(()).await.is_ok() {
                uses.count();
            }
        });
        check(sent.await, "mpsc send");
        drop(receiver);
        let (sender, receiver) = sync::mpsc::unbounded();
        let sent = most_between_turns(|uses| async move {
            while sender.send(()).await.is_ok() {
                uses.count();
            }
        });
        check(sent.await, "sync mpsc send");
        drop(receiver);
    });
}

#[test]
fn what_tasks_share_and_nobody_else_wants() {
    run(async {
        let permits = most_between_turns(|uses| async move {
            let semaphore = Semaphore::new(1);
            loop {
                drop(semaphore.acquire(1).await);
                uses.count();
            }
        });
        check(permits.await, "permits");
        let words = most_between_turns(|uses| async move {
            let notify = Notify::new();
            loop {
                notify.notify_one();
                notify.notified().await;
                uses.count();
            }
        });
        check(words.await, "notifications");
        let changes = most_between_turns(|uses| async move {
            let (sender, mut receiver) = watch::channel(0);
            for number in 0.. {
                sender.send(number);
                receiver.changed().await.unwrap();
                uses.count();
            }
        });
        check(changes.await, "changes");
        let values = most_between_turns(|uses| async move {
            let (sender, mut receiver) = broadcast::channel(1);
            for number in 0.. {
                sender.send(number).unwrap();
                receiver.recv().await.unwrap();
                uses.count();
            }
        });
        check(values.await, "values");
    });
}

/// An accept costs as much as sixteen reads, also of a listener that is spread, where the loop itself accepts.
#[test]
fn clients_that_have_all_come() {
    const CLIENTS: u32 = 100;
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let share = listener.spread(2 * CLIENTS as usize).unwrap().remove(0);
        let clients: Vec<_> = join_all((0..CLIENTS).map(|_| TcpStream::connect(addr))).await;
        let listener = share.open().unwrap();
        let connections = listener.connections();
        let taken = Uses::default();
        let taking = taken.clone();
        let server = spawn(async move {
            let mut streams = Vec::new();
            while streams.len() < CLIENTS as usize {
                streams.push(listener.accept().await.unwrap());
                taking.count();
            }
            streams
        });
        let ((mut most_taken, mut most_accepted), mut before) = ((0, 0), (0, connections.open()));
        while !server.is_finished() {
            yield_now().await;
            let now = (taken.get(), connections.open());
            most_taken = most_taken.max(now.0 - before.0);
            most_accepted = most_accepted.max(now.1 - before.1);
            before = now;
        }
        assert!((1..=8).contains(&most_taken), "{most_taken} taken up between two turns of another");
        assert!((1..=16).contains(&most_accepted), "{most_accepted} accepted between two turns of another");
        assert!(clients.iter().all(Result::is_ok));
    });
}

#[test]
fn children_that_have_all_ended() {
    run(async {
        let mut group = TaskGroup::new(2 * ENOUGH as usize);
        (0..2 * ENOUGH).for_each(|_| assert!(group.try_spawn(async {}).is_ok()));
        for _ in 0..100 {
            yield_now().await;
        }
        let joined = most_between_turns(|uses| async move {
            while group.join_next().await.is_some() {
                uses.count();
            }
        });
        check(joined.await, "children joined");
    });
}

/// Each is ready at once, however often it is waited for.
#[test]
fn what_has_happened_already() {
    macro_rules! check_ready {
        ($what:literal, $make:expr, $wait:expr) => {
            let made = $make;
            let waited = most_between_turns(|uses| async move {
                let mut made = made;
                // The bound is for the test to fail, and not to hang, when nobody else has a turn.
                while uses.get() < 10 * ENOUGH {
                    $wait(&mut made).await;
                    uses.count();
                }
            });
            check(waited.await, $what);
        };
    }
    let (hand, _clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        check_ready!("sleep", (), async |_: &mut ()| sleep(Duration::ZERO).await);
        let past = sleep(Duration::ZERO).deadline();
        check_ready!("sleep_until", past, async |past: &mut Instant| sleep_until(*past).await);
        check_ready!("timeout", (), async |_: &mut ()| assert!(
            timeout(Duration::ZERO, pending::<()>()).await.is_err()
        ));
        let latch = Latch::new();
        latch.open();
        check_ready!("latch", latch, async |latch: &mut Latch| latch.wait().await);
        check_ready!("lookup_host", (), async |_: &mut ()| drop(lookup_host("127.0.0.1:1").await));
        let mut child = process::spawn(process::Command::new("true").stdin(process::Stdio::null())).unwrap();
        child.wait().await.unwrap();
        check_ready!("child", child, async |child: &mut process::Child| drop(child.wait().await));
        request_shutdown();
        check_ready!("shutdown", (), async |_: &mut ()| shutdown().await);
    });
}

/// What never waits spends all of each poll before the limit around it is asked.
#[test]
fn a_limit_ends_what_never_waits() {
    async fn flood() {
        let notify = Notify::new();
        loop {
            notify.notify_one();
            notify.notified().await;
        }
    }
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let second = Duration::from_secs(1);
        let latch = Latch::new();
        let mut limited = [
            spawn(async move { drop(select(pin!(flood()), sleep(second)).await) }),
            spawn(async move { assert!(timeout(second, flood()).await.is_err()) }),
            spawn({
                let latch = latch.clone();
                async move { drop(select(pin!(flood()), latch.wait()).await) }
            }),
            spawn(async move { drop(select(pin!(flood()), shutdown()).await) }),
        ];
        yield_now().await;
        assert!(limited.iter().all(|limited| !limited.is_finished()));
        clock.advance(second);
        latch.open();
        request_shutdown();
        for _ in 0..10 {
            yield_now().await;
        }
        assert!(limited.iter_mut().all(|limited| limited.try_join().unwrap().is_some()));
    });
}

/// However many are due at once: a thousand or so fire, and then the tasks have their turn.
#[test]
fn timers_that_are_all_due_at_once() {
    #[derive(Default)]
    struct Fired(AtomicU32);
    impl Wake for Fired {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let fired = Arc::new(Fired::default());
        let (waker, second) = (Waker::from(fired.clone()), Duration::from_secs(1));
        let mut timers: Vec<_> = (0..2 * ENOUGH).map(|_| sleep(second)).collect();
        for timer in &mut timers {
            assert!(Pin::new(timer).poll(&mut Context::from_waker(&waker)).is_pending());
        }
        clock.advance(second);
        let (mut most, mut before) = (0, 0);
        while before < 2 * ENOUGH {
            yield_now().await;
            let all = fired.0.load(Ordering::Relaxed);
            most = most.max(all - before);
            before = all;
        }
        assert!((1..=1024).contains(&most), "{most} between two turns of another");
    });
}

/// They never let go of the turn: only the loop's own bound lets time pass.
#[test]
fn tasks_that_wake_each_other_for_ever_hold_up_no_timer() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let (polls, wakers) = (Uses::default(), Rc::new(RefCell::new([const { None::<Waker> }; 2])));
        for me in 0..2 {
            let (polls, wakers) = (polls.clone(), wakers.clone());
            drop(spawn(poll_fn::<(), _>(move |cx| {
                polls.count();
                wakers.borrow_mut()[me] = Some(cx.waker().clone());
                let other = wakers.borrow()[1 - me].clone();
                other.unwrap_or_else(|| cx.waker().clone()).wake();
                Poll::Pending
            })));
        }
        let second = Duration::from_secs(1);
        for _ in 0..10 {
            let (timer, before) = (spawn(sleep(second)), polls.get());
            yield_now().await;
            clock.advance(second);
            let advanced = polls.get();
            timer.await.unwrap();
            assert!(advanced > before, "they were to be busy");
            assert!(polls.get() - advanced <= 2 * 256, "{} polls after it was due", polls.get() - advanced);
        }
    });
}
