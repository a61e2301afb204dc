//! Hosts that crash, begin again, pause and get signals.

use std::cell::{Cell, RefCell};
use std::io::{self, ErrorKind};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ekiden_reactor::net::TcpStream;
use ekiden_reactor::{Instant, Signal, blocking, cores, shutdown, signals, sleep, spawn, sync, timeout};
use ekiden_sim::oracle::Bounds;
use ekiden_sim::{Config, Sim, check, check_with};

use super::echo;

#[test]
fn a_crash_ends_what_was_open_and_drops_what_ran() {
    check(|sim| {
        let dropped = Rc::new(Cell::new(0));
        struct Told(Rc<Cell<u32>>);
        impl Drop for Told {
            fn drop(&mut self) {
                self.0.set(self.0.get() + 1);
            }
        }
        let of_host = dropped.clone();
        sim.host("server", async move || {
            let told = [Told(of_host.clone()), Told(of_host.clone())];
            let [of_task, of_main] = told;
            drop(spawn(async move {
                std::future::pending::<()>().await;
                drop(of_task);
            }));
            echo().await?;
            drop(of_main);
            io::Result::Ok(())
        });
        sim.run(async move |sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("server:7").await.unwrap();
            sleep(Duration::from_secs(1)).await;
            assert!(sim.is_up("server"));
            sim.crash("server");
            assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
            assert!(!sim.is_up("server"));
            assert_eq!(dropped.get(), 2);
            let error = TcpStream::connect("server:7").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
            sim.restart("server");
            sleep(Duration::from_millis(1)).await;
            drop(TcpStream::connect("server:7").await.unwrap());
        });
    });
}

/// As long as the machine tries to say what its program had said.
const TRIES: Duration = Duration::from_secs(120);

#[test]
fn who_did_not_hear_of_a_crash_hears_of_it_later_or_when_it_speaks() {
    for cut in [Duration::from_secs(1), TRIES] {
        check(|sim| {
            sim.host("server", echo);
            sim.run(async move |sim| {
                sleep(Duration::from_millis(1)).await;
                let stream = TcpStream::connect("server:7").await.unwrap();
                sleep(Duration::from_secs(1)).await;
                sim.partition("main", "server");
                sim.restart("server");
                sleep(cut).await;
                sim.heal("main", "server");
                let told = timeout(Duration::from_secs(60), stream.read(&mut [0])).await;
                if cut < TRIES {
                    return assert_eq!(told.unwrap().unwrap(), 0);
                }
                assert!(told.is_err());
                stream.write_all(b"hello").await.unwrap();
                assert_eq!(stream.read(&mut [0]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
            });
        });
    }
}

#[test]
fn who_was_not_told_that_it_was_heard_hears_of_a_crash() {
    for cut in [Duration::from_secs(1), TRIES] {
        check(|sim| {
            sim.host("server", echo);
            sim.run(async move |sim| {
                sleep(Duration::from_millis(1)).await;
                let stream = TcpStream::connect("server:7").await.unwrap();
                sleep(Duration::from_secs(1)).await;
                sim.partition_one_way("server", "main");
                stream.write_all(b"hello").await.unwrap();
                sleep(Duration::from_secs(1)).await;
                sim.restart("server");
                sleep(cut).await;
                sim.heal("main", "server");
                let told = timeout(TRIES, super::read_to_end(&stream)).await.unwrap();
                match cut < TRIES {
                    // Its machine says again what it has said.
                    true => assert_eq!(told.unwrap(), b"hello"),
                    // It says again what it was not told that it was heard.
                    false => assert_eq!(told.unwrap_err().kind(), ErrorKind::ConnectionReset),
                }
            });
        });
    }
}

#[test]
fn what_a_program_that_ends_has_written_still_arrives() {
    check(|sim| {
        sim.host("server", async || {
            let listener = ekiden_reactor::net::TcpListener::bind("0.0.0.0:7").await?;
            let (stream, _peer) = listener.accept().await?;
            stream.write_all(b"goodbye").await
        });
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("server:7").await.unwrap();
            assert_eq!(super::read_to_end(&stream).await.unwrap(), b"goodbye");
            assert!(!sim.is_up("server"));
        });
    });
}

#[test]
fn a_pause_holds_a_program_and_not_its_machine() {
    check(|sim| {
        sim.host("server", echo);
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            sim.pause("server");
            let stream = TcpStream::connect("server:7").await.unwrap();
            stream.write_all(b"x").await.unwrap();
            assert!(timeout(Duration::from_secs(300), stream.read(&mut [0])).await.is_err());
            sim.resume("server");
            assert_eq!(timeout(Duration::from_secs(1), stream.read(&mut [0])).await.unwrap().unwrap(), 1);
        });
    });
}

#[test]
fn a_signal_reaches_who_asked_and_ends_who_did_not() {
    check(|sim| {
        let told = Rc::new(RefCell::new(Vec::new()));
        let log = told.clone();
        sim.host("polite", async move || {
            let mut hangups = signals([Signal::Hangup]).unwrap();
            assert_eq!(hangups.recv().await, Signal::Hangup);
            log.borrow_mut().push("hangup");
            shutdown().await;
            log.borrow_mut().push("shutdown");
        });
        sim.host("deaf", async || std::future::pending::<()>().await);
        sim.run(async move |sim| {
            sleep(Duration::from_millis(1)).await;
            sim.signal("polite", Signal::Hangup);
            sleep(Duration::from_millis(1)).await;
            assert_eq!(*told.borrow(), ["hangup"]);
            sim.signal("polite", Signal::Terminate);
            sim.signal("deaf", Signal::Terminate);
            sleep(Duration::from_millis(1)).await;
            assert_eq!(*told.borrow(), ["hangup", "shutdown"]);
            assert!(!sim.is_up("polite") && !sim.is_up("deaf"));
        });
    });
}

#[test]
fn a_job_of_who_crashed_is_not_done() {
    check(|sim| {
        let done = Arc::new(AtomicUsize::new(0));
        let count = done.clone();
        sim.host("worker", async move || {
            let jobs: Vec<_> = (0..100)
                .map(|_| {
                    let done = count.clone();
                    blocking(move || done.fetch_add(1, Ordering::Relaxed))
                })
                .collect();
            for job in jobs {
                job.await.unwrap();
            }
        });
        sim.run(async move |sim| {
            sleep(Duration::from_millis(2)).await;
            sim.restart("worker");
            let before = done.load(Ordering::Relaxed);
            assert!(before < 100);
            sleep(Duration::from_secs(1)).await;
            assert!(!sim.is_up("worker"), "it has ended");
            assert_eq!(done.load(Ordering::Relaxed), before + 100);
        });
    });
}

#[test]
fn who_is_written_to_by_another_host_is_woken() {
    // By memory and not by the network, as the programs of a world are in one process.
    check(|sim| {
        let (ask, asked) = sync::mpsc::channel::<u32>(4);
        let (answer, mut answered) = sync::mpsc::channel(4);
        let asked = Rc::new(RefCell::new(Some(asked)));
        sim.host("neighbour", async move || {
            let mut asked = asked.borrow_mut().take().unwrap();
            while let Some(n) = asked.recv().await {
                answer.send(2 * n).await.unwrap();
            }
        });
        sim.run(async move |_sim| {
            sleep(Duration::from_millis(5)).await;
            ask.send(21).await.unwrap();
            assert_eq!(answered.recv().await, Some(42));
        });
    });
}

#[test]
fn hosts_can_be_added_while_the_world_runs() {
    let sim = Sim::new(1);
    sim.run(async |sim| {
        sim.host("late", echo);
        sleep(Duration::from_millis(1)).await;
        drop(TcpStream::connect("late:7").await.unwrap());
        assert_eq!(sim.addr("late").to_string(), "10.0.0.2");
    });
}

#[test]
fn the_host_of_the_scenario_is_there_from_when_it_is_first_named() {
    let sim = Sim::new(1);
    sim.host("server", echo);
    assert_eq!(sim.addr("main").to_string(), "10.0.0.2");
    assert!(!sim.is_up("main") && sim.tasks("main").is_empty());
    sim.host("other", echo);
    sim.set_cores("main", 2);
    sim.latency("main", "server", Duration::from_secs(3)..=Duration::from_secs(3));
    sim.partition("other", "main");
    sim.drift("main", 1000);
    sim.fail_lookups("main", true);
    let mut bounds = Bounds::default();
    bounds.timers_max = 3;
    sim.bound("main", bounds);
    let failure = sim.try_run(async |sim| {
        assert_eq!(cores().len(), 2);
        assert_eq!(sim.addr("main").to_string(), "10.0.0.2");
        assert!(TcpStream::connect("server:7").await.is_err(), "no names are found");
        drop(TcpStream::connect((sim.addr("server"), 7)).await.unwrap());
        assert!(sim.now() >= Duration::from_secs(6), "there and back");
        let other = TcpStream::connect((sim.addr("other"), 7));
        assert!(timeout(Duration::from_secs(60), other).await.is_err());
        let (shown, passed) = (Instant::now() - Instant::ORIGIN, sim.now());
        assert!(shown > passed && shown < passed.mul_f64(1.01));
        drop((0..4).map(|_| spawn(sleep(Duration::from_secs(9)))).collect::<Vec<_>>());
        sleep(Duration::from_secs(1)).await;
        sleep(Duration::from_secs(1)).await;
    });
    assert!(failure.unwrap_err().to_string().starts_with("the program of `main` has 5 timers, of at most 3"));
}

#[test]
fn a_slow_host_takes_longer_for_the_same() {
    let mut config = Config::default();
    config.latency = Duration::from_micros(1)..=Duration::from_micros(1);
    check_with(&config, |sim| {
        sim.host("server", echo);
        sim.run(async |sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("server:7").await.unwrap();
            let ask = async |times: u32| {
                sim.slow_down("server", times);
                // What it began before is over then.
                sleep(Duration::from_secs(1)).await;
                let before = sim.now();
                for _ in 0..100 {
                    stream.write_all(&[7]).await.unwrap();
                    assert_eq!(stream.read(&mut [0]).await.unwrap(), 1);
                }
                sim.now() - before
            };
            let (before, slow, after) = (ask(1).await, ask(1000).await, ask(1).await);
            assert!(slow > 50 * before && slow > 50 * after, "{before:?}, {slow:?}, {after:?}");
            sim.slow_down("main", 10_000);
            let before = sim.now();
            blocking(|| ()).await.unwrap();
            // Twenty microseconds at least, and ten milliseconds at most.
            assert!(sim.now() - before >= Duration::from_millis(200));
        });
    });
}

#[test]
fn a_world_that_its_own_hosts_know_is_gone_once_it_has_ended() {
    let held = Rc::new(());
    let sim = Sim::new(7);
    let (of_host, of_condition, held_by_host, held_by_condition) =
        (sim.clone(), sim.clone(), held.clone(), held.clone());
    sim.host("stays", async move || {
        let _held = held_by_host.clone();
        assert!(of_host.is_up("stays"));
        sleep(Duration::from_secs(1000)).await;
    });
    sim.always("there is a host", move || {
        let _held = &held_by_condition;
        of_condition.is_up("stays") || of_condition.now() < Duration::from_millis(1)
    });
    for _ in 0..2 {
        sim.run(async |_sim| sleep(Duration::from_secs(1)).await);
        assert!(Rc::strong_count(&held) > 2, "it goes on");
    }
    sim.end();
    assert_eq!(Rc::strong_count(&held), 1);
    assert!(!sim.is_up("stays"));
    assert_eq!(sim.tasks("stays").len(), 0);
    sim.assert_nobody_waits_in_vain();
    let again = catch_unwind(AssertUnwindSafe(|| sim.run(async |_sim| {}))).unwrap_err();
    assert_eq!(again.downcast_ref::<&str>(), Some(&"this world has ended"));
    let failure = Sim::new(7).try_run(async |sim| sim.end()).unwrap_err().to_string();
    assert!(failure.contains("a program of it cannot end it"), "{failure}");
}
