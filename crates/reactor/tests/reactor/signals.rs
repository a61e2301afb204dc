//! Signals: what they do to a process, in a process of its own,
//! and what listeners see, told by a driver that stands in.

use std::cell::RefCell;
use std::fs;
use std::future::{pending, poll_fn};
use std::io::{self, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::rc::Rc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use ekiden_reactor::inspect;
use ekiden_reactor::stdio::{stdin, stdout};
use ekiden_reactor::{
    Signal, Signals, Task, Tick, is_shutting_down, run, schedule, shutdown, signals, spawn, timeout,
};
use futures_util::StreamExt as _;

use crate::own_process;
use crate::stand_in::{self, StandIn};

/// How long a process waits for the signal that is to end it. Only one that is not ended waits for so long.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// How often a process is stopped.
const STOPS: u64 = 10;

/// Returns when the signal is on its way: it may be another thread that takes it.
pub(crate) fn signal_self(name: &str) {
    let sent = Command::new("kill").args(["-s", name, &std::process::id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()));
}

#[test]
fn a_signal_begins_the_shutdown() {
    let status = own_process::run("signals::a_signal_begins_the_shutdown", || {
        run(async {
            let shutdown = shutdown();
            signal_self("TERM");
            shutdown.await;
        });
    });
    assert!(status.is_none_or(|status| status.success()), "{status:?}");
}

/// Waits for the signal that is to end this process.
async fn ended() {
    let never = timeout(LONG, pending::<()>()).await;
    assert!(never.is_err());
}

#[test]
fn a_second_signal_ends_the_process() {
    let status = own_process::run("signals::a_second_signal_ends_the_process", || {
        run(async {
            let shutdown = shutdown();
            signal_self("TERM");
            shutdown.await;
            signal_self("INT");
            ended().await;
        });
    });
    assert!(status.is_none_or(|status| status.signal() == Some(2)), "{status:?}");
}

#[test]
fn behind_a_reactor_signals_do_what_they_did_before() {
    let status = own_process::run("signals::behind_a_reactor_signals_do_what_they_did_before", || {
        for _ in 0..2 {
            run(async { drop(shutdown()) });
        }
        signal_self("TERM");
        run(ended());
    });
    assert!(status.is_none_or(|status| status.signal() == Some(15)), "{status:?}");
}

#[test]
fn every_listener_on_every_reactor_sees_a_signal() {
    let status = own_process::run("signals::every_listener_on_every_reactor_sees_a_signal", || {
        let listening = Barrier::new(2);
        let listen = || {
            run(async {
                let kinds = [Signal::User1, Signal::WindowChange];
                let (mut one, mut other) = (signals(kinds).unwrap(), signals(kinds).unwrap());
                if listening.wait().is_leader() {
                    signal_self("USR1");
                }
                assert_eq!((one.recv().await, other.recv().await), (Signal::User1, Signal::User1));
                listening.wait();
            });
        };
        std::thread::scope(|scope| {
            scope.spawn(listen);
            listen();
        });
    });
    assert!(status.is_none_or(|status| status.success()), "{status:?}");
}

#[test]
fn what_nobody_listens_for_any_more_does_what_it_did_before() {
    let status =
        own_process::run("signals::what_nobody_listens_for_any_more_does_what_it_did_before", || {
            run(async {
                let mut one = signals([Signal::User1]).unwrap();
                drop(signals([Signal::User1]).unwrap());
                signal_self("USR1");
                assert_eq!(one.recv().await, Signal::User1);
                drop(one);
                signal_self("USR1");
                ended().await;
            });
        });
    assert!(status.is_none_or(|status| status.signal() == Some(10)), "{status:?}");
}

#[test]
fn what_was_ignored_before_is_ignored_behind_its_listeners() {
    let status = own_process::run("signals::what_was_ignored_before_is_ignored_behind_its_listeners", || {
        run(async {
            let mut pipe = signals([Signal::Pipe]).unwrap();
            signal_self("PIPE");
            assert_eq!(pipe.recv().await, Signal::Pipe);
            drop(pipe);
            let mut next = signals([Signal::User2]).unwrap();
            signal_self("PIPE");
            signal_self("USR2");
            assert_eq!(next.recv().await, Signal::User2);
        });
    });
    assert!(status.is_none_or(|status| status.success()), "{status:?}");
}

#[test]
fn ctrl_c_is_its_listeners_while_there_is_one() {
    let status = own_process::run("signals::ctrl_c_is_its_listeners_while_there_is_one", || {
        // Another reactor waits for the shutdown, and must not be told either.
        let (both, was_told) = (Barrier::new(2), AtomicBool::new(false));
        let elsewhere = || {
            run(async {
                let shutdown = shutdown();
                both.wait();
                both.wait();
                ekiden_reactor::yield_now().await;
                was_told.store(is_shutting_down(), Ordering::SeqCst);
                drop(shutdown);
                both.wait();
            });
        };
        let here = || {
            run(async {
                let shutdown = shutdown();
                both.wait();
                let mut ctrl_c = signals([Signal::Interrupt]).unwrap();
                for _ in 0..3 {
                    signal_self("INT");
                    assert_eq!(ctrl_c.recv().await, Signal::Interrupt);
                }
                assert!(!is_shutting_down());
                both.wait();
                both.wait();
                assert!(!was_told.load(Ordering::SeqCst));
                drop(ctrl_c);
                signal_self("INT");
                shutdown.await;
                signal_self("TERM");
                ended().await;
            });
        };
        std::thread::scope(|scope| {
            scope.spawn(elsewhere);
            here();
        });
    });
    assert!(status.is_none_or(|status| status.signal() == Some(15)), "{status:?}");
}

#[test]
fn signals_that_nobody_has_looked_at_are_one() {
    stand_in::run(StandIn::new(), async |stage| {
        let (mut one, mut other) =
            (signals([Signal::User1, Signal::Hangup]).unwrap(), signals([Signal::User1]).unwrap());
        for signal in [Signal::User1, Signal::Child, Signal::User1, Signal::Hangup] {
            stage.tell_signal(signal);
        }
        assert_eq!(other.recv().await, Signal::User1);
        assert_eq!(other.try_recv(), None);
        assert_eq!((one.recv().await, one.recv().await), (Signal::Hangup, Signal::User1));
        assert_eq!(one.try_recv(), None);
    });
}

#[test]
fn a_wait_that_is_dropped_loses_no_signal() {
    stand_in::run(StandIn::new(), async |stage| {
        let mut listener = signals([Signal::User1]).unwrap();
        for _ in 0..2 {
            assert!(timeout(Duration::ZERO, listener.recv()).await.is_err());
            stage.tell_signal(Signal::User1);
            stage.settle().await;
            assert_eq!(timeout(Duration::ZERO, listener.recv()).await, Ok(Signal::User1));
        }
    });
}

#[test]
fn a_signal_can_be_polled_for_streamed_and_ticked_for() {
    /// Writes down what it sees.
    struct Sees(Signals, Rc<RefCell<Vec<Signal>>>);
    impl Task for Sees {
        fn tick(&mut self) -> io::Result<Tick> {
            while let Some(signal) = self.0.try_recv() {
                self.1.borrow_mut().push(signal);
                if signal == Signal::Alarm {
                    return Ok(Tick::Final);
                }
            }
            Ok(Tick::WouldBlock)
        }
    }
    stand_in::run(StandIn::new(), async |stage| {
        let listen = || signals(Signal::ALL.into_iter().filter(|signal| *signal != Signal::Io)).unwrap();
        let seen = Rc::new(RefCell::new(Vec::new()));
        let ticking = schedule(Sees(listen(), seen.clone()));
        let streaming = spawn(listen().take(2).collect::<Vec<_>>());
        let mut listener = listen();
        for signal in [Signal::User2, Signal::Alarm] {
            stage.settle().await;
            stage.tell_signal(signal);
            assert_eq!(poll_fn(|cx| listener.poll_recv(cx)).await, signal);
        }
        ticking.await.unwrap().unwrap();
        assert_eq!(streaming.await.unwrap(), [Signal::User2, Signal::Alarm]);
        assert_eq!(*seen.borrow(), [Signal::User2, Signal::Alarm]);
    });
}

#[test]
fn the_driver_is_asked_for_each_signal_once() {
    stand_in::run(StandIn::new(), async |stage| {
        let watched = |expected: &[Signal]| assert_eq!(*stage.watched.borrow(), expected);
        let one = signals([Signal::Hangup, Signal::User1, Signal::Hangup]).unwrap();
        let other = signals([Signal::User1, Signal::User2]).unwrap();
        watched(&[Signal::Hangup, Signal::User1, Signal::User2]);
        drop(one);
        watched(&[Signal::User1, Signal::User2]);
        assert_eq!(signals([Signal::Quit, Signal::Io]).unwrap_err().to_string(), "not this one");
        watched(&[Signal::User1, Signal::User2]);
        drop(other);
        watched(&[]);
    });
}

#[test]
fn a_listener_keeps_the_shutdown_from_its_signals_only() {
    stand_in::run(StandIn::new(), async |stage| {
        let mut listener = signals([Signal::Interrupt]).unwrap();
        stage.tell_signal(Signal::Interrupt);
        assert_eq!(listener.recv().await, Signal::Interrupt);
        stage.tell_signal(Signal::Hangup);
        stage.settle().await;
        assert!(!is_shutting_down());
        stage.tell_signal(Signal::Terminate);
        stage.settle().await;
        assert!(is_shutting_down());
    });
}

#[test]
fn a_core_that_sleeps_is_not_woken_by_a_process_that_is_stopped_and_goes_on() {
    let test = "signals::a_core_that_sleeps_is_not_woken_by_a_process_that_is_stopped_and_goes_on";
    if own_process::is_inside() {
        return run(async {
            let wakeups = || inspect::stats().iter().map(|core| core.wakeups).sum::<u64>();
            stdout().write_all(b"<sleeps>").await.unwrap();
            let before = wakeups();
            stdin().read(&mut [0]).await.unwrap();
            let told = format!("<{} wakeups>", wakeups() - before);
            stdout().write_all(told.as_bytes()).await.unwrap();
        });
    }
    let command = &mut own_process::command(test);
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (id, mut said) = (process.id(), process.stdout.take().unwrap());
    let mut heard = String::new();
    let mut hear = |until: &str| {
        while !heard.ends_with(until) {
            let mut byte = [0];
            said.read_exact(&mut byte).unwrap();
            heard.push(byte[0].into());
        }
        heard.clone()
    };
    hear("<sleeps>");
    for _ in 0..STOPS {
        all_threads_are(id, 'S');
        signal(id, "STOP");
        all_threads_are(id, 'T');
        signal(id, "CONT");
    }
    all_threads_are(id, 'S');
    process.stdin.take().unwrap().write_all(b"!").unwrap();
    let heard = hear("wakeups>");
    assert!(process.wait().unwrap().success());
    let wakeups = heard.rsplit_once('<').unwrap().1.split_once(' ').unwrap().0;
    assert!(wakeups.parse::<u64>().unwrap() < STOPS, "{heard}");
}

/// Waits until every thread of a process is in a state: `S` if it sleeps, `T` if it is stopped.
fn all_threads_are(process: u32, state: char) {
    let state = format!(") {state} ");
    loop {
        let tasks = fs::read_dir(format!("/proc/{process}/task")).expect("it has not ended");
        let mut stats = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("stat")).unwrap());
        if stats.all(|stat| stat.contains(&state)) {
            return;
        }
        thread::yield_now();
    }
}

fn signal(process: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &process.to_string()]).status();
    assert!(sent.unwrap().success());
}
