//! Servers over a listener that plays a script, on a clock set by hand.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, pending};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::context::Context;
use ekiden_reactor::driver::hand::{Clock, Hand};
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{Instant, Latch, Reactor, request_shutdown, spawn, yield_now};
use futures_util::FutureExt as _;
use futures_util::io::Cursor;

use super::{Config, Drain, Drained, KeptSeat, Listener, Seat, Server};

/// Runs a test on a clock set by hand, and returns what the operator was told.
fn by_hand<F: Future<Output = ()>>(test: impl FnOnce(Clock) -> F) -> Vec<String> {
    let told = Rc::new(RefCell::new(Vec::new()));
    let log = told.clone();
    let mut config = ekiden_reactor::Config::default();
    config.on_notice = Rc::new(move |notice| log.borrow_mut().push(notice.to_string()));
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(config, hand).run(test(clock));
    told.take()
}

/// Lets all tasks do what they can without time passing.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

/// Answers each accept with the next word: `ok` connects, `panic` does so, a number is an error of the system's, and at the
/// end of the script nobody comes any more.
#[derive(Clone, Default)]
struct Script {
    words: Rc<RefCell<VecDeque<&'static str>>>,
    accepts: Rc<Cell<usize>>,
}

impl Script {
    fn new(words: &'static str) -> Self {
        Self { words: Rc::new(RefCell::new(words.split_whitespace().collect())), accepts: Rc::default() }
    }
}

impl Listener for Script {
    type Io = Cursor<Vec<u8>>;
    type Addr = &'static str;

    async fn accept(&self) -> io::Result<(Self::Io, Self::Addr)> {
        let word = self.words.borrow_mut().pop_front();
        match word {
            None => pending().await,
            Some("ok") => {
                self.accepts.set(self.accepts.get() + 1);
                Ok((Cursor::default(), "peer"))
            }
            Some("panic") => panic!("the listener of the test panics"),
            Some(number) => Err(io::Error::from_raw_os_error(number.parse().unwrap())),
        }
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok("script")
    }
}

const EMFILE: &str = "24 ";

#[test]
fn a_shortage_of_files_is_told_waited_out_and_told_to_be_over() {
    let told = by_hand(async |clock| {
        let script = Script::new("ok 24 24 24 ok");
        let server = Config::default().serve(script.clone(), async |_, _, seat| seat.drain().begun().await);
        settle().await;
        assert_eq!(script.accepts.get(), 1);
        for pause in [10, 20, 40] {
            clock.pass(Duration::from_millis(pause - 1)).await;
            settle().await;
            assert_eq!(script.accepts.get(), 1, "after a pause of less than {pause} ms");
            clock.pass(Duration::from_millis(1)).await;
            settle().await;
        }
        assert_eq!((script.accepts.get(), server.connections()), (2, 2));
    });
    assert_eq!(told.len(), 2);
    assert!(told[0].starts_with("warning: accept: cannot accept connections, will try again: "), "{told:?}");
    assert_eq!(told[1], "info: accept: connections are accepted again");
}

#[test]
fn a_listener_that_panics_ends_its_server_in_order() {
    let told = by_hand(async |_clock| {
        let script = Script::new("ok ok panic");
        let mut server = Config::default().serve(script, async |_, _, seat| seat.drain().begun().await);
        settle().await;
        assert_eq!(server.connections(), 0);
        assert_eq!(
            server.drain(Duration::from_secs(1)).now_or_never().map(|drained| drained.finished),
            Some(2)
        );
        assert!((&mut server).await.unwrap_err().to_string().contains("the listener of the test panics"));
    });
    assert_eq!(told, [""; 0], "who has the handle was told");
}

#[test]
fn a_listener_that_fails_for_good_is_told_also_where_nobody_waits_for_its_server() {
    let told = by_hand(async |_clock| {
        drop(Config::default().serve(Script::new("ok 9"), async |_, _, seat| seat.drain().begun().await));
        settle().await;
    });
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("error: accept: the listener has failed for good"), "{told:?}");
}

#[test]
fn a_pause_is_never_longer_than_a_second() {
    by_hand(async |clock| {
        let script = Script::new(Box::leak((EMFILE.repeat(30) + "ok").into_boxed_str()));
        let _server = Config::default().serve(script.clone(), async |_, _, seat| seat.drain().begun().await);
        for _ in 0..30 {
            settle().await;
            clock.pass(Duration::from_secs(1)).await;
        }
        settle().await;
        assert_eq!(script.accepts.get(), 1);
    });
}

#[test]
fn a_connection_that_closes_ends_the_pause_and_is_not_told_each_time() {
    let told = by_hand(async |clock| {
        let (script, closing) =
            (Script::new("ok ok 24 ok 24 24 ok 24"), Rc::new(RefCell::new(Vec::<Latch>::new())));
        let latches = closing.clone();
        let _server = Config::default().serve(script.clone(), move |_, _, _| {
            let latch = Latch::new();
            latches.borrow_mut().push(latch.clone());
            async move { latch.wait().await }
        });
        for (connection, accepts) in [(0, 3), (1, 3), (2, 4)] {
            settle().await;
            closing.borrow()[connection].open();
            settle().await;
            assert_eq!(script.accepts.get(), accepts, "when {connection} has closed");
        }
        script.words.borrow_mut().extend(["24", "ok"]);
        clock.pass(Duration::from_secs(60)).await;
        settle().await;
        clock.pass(Duration::from_secs(1)).await;
        settle().await;
    });
    let trouble =
        "warning: accept: cannot accept connections, will try again: Too many open files (os error 24)";
    let over = "info: accept: connections are accepted again";
    assert_eq!(told, [trouble, over, trouble, over]);
}

#[test]
fn a_storm_of_connections_leaves_the_others_their_turn() {
    by_hand(async |_clock| {
        let script = Script::new(Box::leak("ok ".repeat(100).into_boxed_str()));
        let _server = Config::default().serve(script.clone(), async |_, _, seat| seat.drain().begun().await);
        for turn in 1..=10 {
            yield_now().await;
            assert_eq!(script.accepts.get(), 8 * turn);
        }
    });
}

#[test]
fn an_error_of_one_connection_is_passed_over_without_a_word() {
    let told = by_hand(async |_clock| {
        let script = Script::new("103 ok 104 ok 113 ok"); // aborted, reset, no route
        let _server = Config::default().serve(script.clone(), async |_, _, seat| seat.drain().begun().await);
        settle().await;
        assert_eq!(script.accepts.get(), 3);
    });
    assert_eq!(told, [""; 0]);
}

#[test]
fn errors_without_an_end_do_not_spin() {
    let told = by_hand(async |clock| {
        let script = Script::new(Box::leak(("103 ".repeat(66) + "ok").into_boxed_str()));
        let _server = Config::default().serve(script.clone(), async |_, _, seat| seat.drain().begun().await);
        settle().await;
        assert_eq!(script.accepts.get(), 0);
        for _ in 0..2 {
            clock.pass(Duration::from_secs(1)).await;
            settle().await;
        }
        assert_eq!(script.accepts.get(), 1);
    });
    assert_eq!(told.len(), 2);
}

#[test]
fn what_is_no_listener_ends_the_server_with_the_error_and_drains_it() {
    by_hand(async |_clock| {
        let script = Script::new("ok 22");
        let mut server = Config::default().serve(script, async |_, _, seat| seat.drain().begun().await);
        let error = (&mut server).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(22));
        assert_eq!(server.connections(), 0);
    });
}

#[test]
fn beyond_the_maximum_new_connections_wait_until_one_closes() {
    let told = by_hand(async |_clock| {
        let script = Script::new("ok ok ok ok");
        let closing = Rc::new(RefCell::new(Vec::<Latch>::new()));
        let (latches, mut config) = (closing.clone(), Config::default());
        config.connections_max = 2;
        let server = config.serve(script.clone(), move |_, _, _| {
            let latch = Latch::new();
            latches.borrow_mut().push(latch.clone());
            async move { latch.wait().await }
        });
        settle().await;
        assert_eq!((script.accepts.get(), server.connections()), (2, 2));
        for closed in [0, 1] {
            closing.borrow()[closed].open();
            settle().await;
            assert_eq!((script.accepts.get(), server.connections()), (3 + closed, 2));
        }
    });
    assert_eq!(told, ["warning: accept: 2 connections are open, the most allowed; new ones wait"]);
}

#[test]
fn a_connection_that_panics_is_told_and_harms_no_other() {
    let told = by_hand(async |_clock| {
        let nth = Cell::new(0);
        let server = Config::default().serve(Script::new("ok ok ok"), move |_, _, seat| {
            nth.set(nth.get() + 1);
            let panics = nth.get() == 2;
            async move {
                assert!(!panics, "in a connection");
                seat.drain().begun().await;
            }
        });
        settle().await;
        assert_eq!((server.connections(), server.panics()), (2, 1));
    });
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("panicked: in a connection"), "{told:?}");
}

#[test]
fn a_function_that_panics_instead_of_serving_harms_no_other() {
    let told = by_hand(async |_clock| {
        let nth = Cell::new(0);
        let server = Config::default().serve(Script::new("ok ok ok"), move |_, _, seat| {
            nth.set(nth.get() + 1);
            assert!(nth.get() != 2, "before a connection");
            async move { seat.drain().begun().await }
        });
        settle().await;
        assert_eq!((server.connections(), server.panics()), (2, 1));
    });
    assert_eq!(told.len(), 1);
    assert!(told[0].contains("panicked: before a connection"), "{told:?}");
}

#[test]
fn a_drain_stops_accepting_and_waits_for_what_is_owed() {
    by_hand(async |_clock| {
        let (script, owed) = (Script::new("ok ok"), Latch::new());
        let until = owed.clone();
        let server = Config::default().serve(script.clone(), move |_, _, seat| {
            let until = until.clone();
            async move {
                seat.drain().begun().await;
                until.wait().await;
            }
        });
        settle().await;
        let drained = spawn(server.drain(Duration::from_secs(1)));
        script.words.borrow_mut().push_back("ok");
        settle().await;
        assert!(!drained.is_finished());
        owed.open();
        assert_eq!(drained.await.unwrap(), Drained { finished: 2, ..Drained::default() });
        assert_eq!(script.accepts.get(), 2);
        assert_eq!(server.await.unwrap(), Drained { finished: 2, ..Drained::default() });
    });
}

#[test]
fn connections_know_nothing_of_whoever_started_the_server() {
    by_hand(async |_clock| {
        let (script, served) = (Script::new("ok ok"), Rc::new(Cell::new(0)));
        let count = served.clone();
        let serve_connection = move |_, _, _| {
            assert!(Context::current().is_none());
            count.set(count.get() + 1);
            async { assert!(Context::current().is_none()) }
        };
        let context = Context::current().with_deadline(Instant::ORIGIN);
        let server = context.sync_scope(|| Config::default().serve(script, serve_connection));
        settle().await;
        assert_eq!((served.get(), server.panics()), (2, 0));
    });
}

#[test]
fn a_drain_gives_up_at_the_earliest_deadline_and_says_so() {
    let told = by_hand(async |clock| {
        let server = Config::default().serve(Script::new("ok ok"), async |_, _, _| pending().await);
        settle().await;
        let long = spawn(server.drain(Duration::from_secs(60)));
        settle().await;
        let short = spawn(server.drain(Duration::from_secs(5)));
        settle().await;
        clock.pass(Duration::from_secs(5)).await;
        for drained in [long, short] {
            assert_eq!(drained.await.unwrap(), Drained { dropped: 2, ..Drained::default() });
        }
        assert_eq!((server.connections(), server.panics()), (0, 0));
    });
    assert_eq!(told, ["warning: drain: 2 connections had not finished in time and are dropped"]);
}

/// A server whose connections keep their places and end, and the places.
fn give_away(config: Config, listener: Script) -> (Server, Rc<RefCell<Vec<KeptSeat>>>) {
    let kept = Rc::new(RefCell::new(Vec::new()));
    let keeping = kept.clone();
    let server = config.serve(listener, move |_, _, seat| {
        let keeping = keeping.clone();
        async move { keeping.borrow_mut().push(seat.keep()) }
    });
    (server, kept)
}

#[test]
fn what_was_given_away_keeps_its_place_until_it_is_dropped() {
    by_hand(async |_clock| {
        let (script, mut config) = (Script::new("ok ok ok"), Config::default());
        config.connections_max = 2;
        let (server, kept) = give_away(config, script.clone());
        settle().await;
        assert_eq!((script.accepts.get(), server.connections()), (2, 2));
        drop(kept.borrow_mut().pop());
        settle().await;
        assert_eq!((script.accepts.get(), server.connections()), (3, 2));
        kept.borrow_mut().clear();
        assert_eq!(server.connections(), 0);
    });
}

#[test]
fn a_drain_waits_for_what_was_given_away() {
    let told = by_hand(async |_clock| {
        let (server, kept) = give_away(Config::default(), Script::new("ok ok"));
        settle().await;
        let drained = spawn(server.drain(Duration::from_secs(1)));
        for _ in 0..2 {
            settle().await;
            assert!(!drained.is_finished());
            let kept = kept.borrow_mut().pop().unwrap();
            assert!(kept.drain().has_begun());
        }
        assert_eq!(drained.await.unwrap(), Drained { finished: 2, ..Drained::default() });
    });
    assert_eq!(told, [""; 0]);
}

#[test]
fn a_drain_leaves_what_was_given_away_at_the_deadline_and_says_so() {
    let told = by_hand(async |clock| {
        let (server, kept) = give_away(Config::default(), Script::new("ok ok ok"));
        settle().await;
        let drained = spawn(server.drain(Duration::from_secs(5)));
        settle().await;
        kept.borrow_mut().truncate(2);
        clock.pass(Duration::from_secs(5)).await;
        assert_eq!(drained.await.unwrap(), Drained { finished: 1, dropped: 0, left: 2 });
        assert_eq!(server.connections(), 2);
        kept.borrow_mut().clear();
        assert_eq!(server.connections(), 0);
    });
    assert_eq!(told, ["warning: drain: 2 connections were given away, had not ended in time and go on"]);
}

#[test]
fn panics_that_a_connection_catches_are_counted_with_the_others() {
    by_hand(async |_clock| {
        let server = Config::default().serve(Script::new("ok ok"), async |_, _, seat| {
            assert!(seat.count_panic() < 3, "the second's");
        });
        settle().await;
        assert_eq!(server.panics(), 2);
        let seat = Seat::from(Drain::new());
        assert_eq!((seat.count_panic(), seat.count_panic()), (1, 2), "without a server");
    });
}

#[test]
fn the_shutdown_of_the_program_drains_a_server() {
    by_hand(async |_clock| {
        let server =
            Config::default().serve(Script::new("ok"), async |_, _, seat| seat.drain().begun().await);
        settle().await;
        request_shutdown();
        let mut server = server;
        assert_eq!((&mut server).await.unwrap(), Drained { finished: 1, ..Drained::default() });
        assert_eq!(server.panics(), 0);
    });
}

#[test]
fn a_server_whose_handle_is_dropped_goes_on() {
    ekiden_reactor::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        drop(Config::default().serve(listener, async |stream: TcpStream, _, _| {
            stream.write_all(b"hello").await.unwrap();
        }));
        let client = TcpStream::connect(addr).await.unwrap();
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 5);
    });
}
