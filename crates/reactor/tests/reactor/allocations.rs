//! What a warmed-up reactor allocates for the work that it does all day: nothing.

use std::future::poll_fn;
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::channel::{Notify, mpsc};
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{Config, Reactor, sleep, spawn, sync, yield_now};
use futures_util::poll;

/// Makes the parts and does the work some times, so that all that grows has grown; and then, to do it again allocates nothing.
fn check<T>(make: impl AsyncFnOnce() -> T, work: impl AsyncFn(&T)) {
    check_on(&Reactor::new(config()).unwrap(), make, work);
}

fn config() -> Config {
    let mut config = Config::default();
    config.dump_on_quit = false; // which allocates when the first reactor of the process begins to run
    config
}

fn check_on<T>(reactor: &Reactor, make: impl AsyncFnOnce() -> T, work: impl AsyncFn(&T)) {
    let parts = reactor.run(make());
    let work = async || {
        for _ in 0..ROUNDS {
            work(&parts).await;
        }
    };
    // From one place: those that spawn are listed, all of the process, when they first do. And by one function, as the same line
    // may be two places of the program if it is called in two ways.
    let run = || allocation_counter::measure(|| reactor.run(work()));
    run();
    let counted = run();
    assert_eq!((counted.count_total, counted.bytes_total), (0, 0), "in {ROUNDS} rounds");
}

/// More than fit into one turn of the loop, and than a table that doubles has free.
const ROUNDS: usize = 1_000;

#[test]
fn an_echo_round_trip_allocates_nothing() {
    let make = async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _peer) = listener.accept().await.unwrap();
        spawn(async move {
            let mut buf = [0; 64];
            loop {
                match server.read(&mut buf).await.unwrap() {
                    0 => break,
                    n => server.write_all(&buf[..n]).await.unwrap(),
                }
            }
        });
        client
    };
    check(make, async |client| {
        client.write_all(b"hello").await.unwrap();
        let mut answer = [0; 5];
        let mut len = 0;
        while len < answer.len() {
            len += client.read(&mut answer[len..]).await.unwrap();
        }
        assert_eq!(&answer, b"hello");
    });
}

#[test]
fn a_round_trip_by_channels_allocates_nothing() {
    macro_rules! check_channel {
        ($mpsc:ident) => {{
            let make = async || {
                let (sender, mut requests) = $mpsc::channel(1);
                let (replies, receiver) = $mpsc::channel(1);
                spawn(async move {
                    while let Some(request) = requests.recv().await {
                        replies.send(request + 1).await.unwrap();
                    }
                });
                (sender, std::cell::RefCell::new(receiver))
            };
            check(make, async |(sender, receiver)| {
                sender.send(6).await.unwrap();
                let reply = poll_fn(|cx| receiver.borrow_mut().poll_recv(cx)).await;
                assert_eq!(reply, Some(7));
            });
        }};
    }
    use sync::mpsc as between_threads;
    check_channel!(mpsc);
    check_channel!(between_threads);
}

#[test]
fn a_timer_that_is_set_and_cancelled_allocates_nothing() {
    check(
        async || (),
        async |()| {
            let (mut soon, mut late) = (sleep(Duration::from_secs(1)), sleep(Duration::from_secs(10_000)));
            assert!(poll!(&mut soon).is_pending() && poll!(&mut late).is_pending());
        },
    );
}

#[test]
fn a_timer_that_fires_allocates_nothing() {
    let (hand, clock) = Hand::new().unwrap();
    let reactor = Reactor::with_driver(config(), hand);
    check_on(
        &reactor,
        async || clock,
        async |clock| {
            let mut timer = sleep(Duration::from_millis(1));
            assert!(poll!(&mut timer).is_pending());
            clock.pass(Duration::from_millis(1)).await;
            timer.await;
        },
    );
}

#[test]
fn to_wake_another_task_allocates_nothing() {
    let make = async || {
        let (ask, answer) = (Rc::new(Notify::new()), Rc::new(Notify::new()));
        let (its_ask, its_answer) = (ask.clone(), answer.clone());
        spawn(async move {
            loop {
                its_ask.notified().await;
                its_answer.notify_one();
            }
        });
        (ask, answer)
    };
    check(make, async |(ask, answer)| {
        ask.notify_one();
        answer.notified().await;
        yield_now().await;
    });
}
