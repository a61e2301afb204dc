//! What can be seen of a reactor from outside, and from inside.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::inspect::{self, CoreState};
use ekiden_reactor::{Config, Handle, Reactor, notice::Notice, sleep, spawn, spawn_named, yield_now};

/// Runs a test on a clock set by hand, which stands still but for what the test does.
fn run<F: Future>(test: F) -> F::Output {
    let (hand, _clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(test)
}

#[test]
fn a_core_that_is_held_shows_by_whom_to_other_threads() {
    let (tell, told) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let reactor = Reactor::new(Config::default()).unwrap();
            let handle = reactor.handle();
            reactor.run(async move {
                let hold = spawn_named("holder", async move {
                    tell.send(handle).unwrap();
                    released.recv().unwrap();
                });
                hold.await.unwrap();
            });
        });
        let handle: Handle = told.recv().unwrap();
        let held = handle.stats();
        let running = held.running.expect("a task runs");
        assert_eq!((held.state, running.name), (CoreState::Running, Some("holder")));
        assert_eq!(running.at.file(), file!());
        assert_eq!(handle.stats().polls, held.polls, "it is the same poll");
        assert!(inspect::stats().iter().any(|stats| stats.reactor == held.reactor), "it is one of all");
        release.send(()).unwrap();
    });
}

#[test]
fn a_reactor_that_nobody_runs_is_out_and_one_that_has_ended_is_gone() {
    let reactor = Reactor::new(Config::default()).unwrap();
    let handle = reactor.handle();
    assert_eq!(handle.stats().state, CoreState::Out);
    let (number, running) = reactor.run(async { (handle.stats().reactor, handle.stats().running) });
    assert_eq!(running.and_then(|running| running.name), Some("main"));
    assert_eq!((handle.stats().state, handle.stats().running), (CoreState::Out, None));
    let is_listed = || inspect::stats().iter().any(|stats| stats.reactor == number);
    assert!(is_listed());
    drop(reactor);
    assert!(!is_listed());
}

#[test]
fn turns_polls_and_what_a_core_has_are_counted() {
    run(async {
        let handle = Handle::current();
        let before = handle.stats();
        let timer = spawn(sleep(Duration::from_secs(1)));
        let other = spawn(std::future::pending::<()>());
        let socket = ekiden_reactor::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
        yield_now().await;
        yield_now().await;
        let after = handle.stats();
        assert_eq!(
            (after.turns - before.turns, after.polls - before.polls),
            (2, 4),
            "main's and one of each"
        );
        assert_eq!((after.tasks, after.timers, after.sources, after.ready), (2, 1, 1, 1));
        drop((timer, other, socket));
    });
}

#[test]
fn time_that_passes_in_a_turn_is_busy_time() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let before = Handle::current().stats();
        clock.advance(Duration::from_millis(7));
        yield_now().await;
        let after = Handle::current().stats();
        assert_eq!(
            (after.busy - before.busy, after.idle - before.idle),
            (Duration::from_millis(7), Duration::ZERO)
        );
    });
}

#[test]
fn a_panic_that_nobody_received_is_counted() {
    let mut config = Config::default();
    config.on_notice = std::rc::Rc::new(|_: &Notice<'_>| ());
    Reactor::new(config).unwrap().run(async {
        assert!(spawn(async { panic!("seen") }).await.is_err());
        assert_eq!(Handle::current().stats().panics, 0);
        drop(spawn(async { panic!("lost") }));
        yield_now().await;
        assert_eq!(Handle::current().stats().panics, 1);
    });
}
