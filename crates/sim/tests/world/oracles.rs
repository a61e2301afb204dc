//! Common promises, and that it is seen when they are broken.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::channel::{Mutex, Semaphore, mpsc, oneshot};
use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{Task, Tick, schedule, shutdown, sleep, spawn, spawn_named, timeout};
use ekiden_sim::oracle::{Bounds, Ledger, Told, Writes};
use ekiden_sim::{Fault, Faults, Sim, check};
use futures_util::future::join_all;

use super::discipline::complaint;
use super::echo;

const SECOND: Duration = Duration::from_secs(1);

/// What is said of the tasks that wait in vain, in a world whose `main` has done this.
fn in_vain(main: impl AsyncFnOnce() + 'static) -> Result<(), String> {
    let sim = Sim::new(7);
    sim.host("server", echo);
    sim.host("idle", async || std::future::pending::<()>().await);
    looked_at(&sim, main)
}

/// The same of a world that is there, a second after its `main` has done this.
fn looked_at(sim: &Sim, main: impl AsyncFnOnce() + 'static) -> Result<(), String> {
    let looked = sim.run(async move |sim| {
        main().await;
        sleep(SECOND).await;
        catch_unwind(AssertUnwindSafe(|| sim.assert_nobody_waits_in_vain()))
    });
    looked.map_err(|payload| *payload.downcast::<String>().unwrap())
}

#[test]
fn who_waits_for_what_may_still_happen_is_not_accused() {
    let looked = in_vain(async || {
        let (sender, mut receiver) = mpsc::channel::<u32>(1);
        drop(spawn(async move { while receiver.recv().await.is_some() {} }));
        let lock = Rc::new(Mutex::new(()));
        let held = lock.clone();
        let holder = spawn(async move {
            let _held = held.lock().await;
            sleep(1000 * SECOND).await;
            drop(sender);
        });
        drop(spawn(holder));
        drop(spawn(async move {
            sleep(SECOND / 2).await;
            drop(lock.lock().await);
        }));
        drop(spawn(async {
            let stream = TcpStream::connect("server:7").await.unwrap();
            stream.read(&mut [0]).await.unwrap();
        }));
        drop(spawn(async { shutdown().await }));
    });
    looked.unwrap();
}

/// The same of a host whose tasks are these alone: nobody else of it can go on.
fn in_vain_at_a_host(main: impl AsyncFn() + 'static) -> Result<(), String> {
    let sim = Sim::new(7);
    sim.host("alone", main);
    looked_at(&sim, async || {})
}

#[test]
fn who_waits_beside_a_timer_within_its_task_is_not_accused() {
    let looked = in_vain_at_a_host(async || {
        let (sender, receiver) = oneshot::channel::<u32>();
        let rings: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async {
            sleep(10 * SECOND).await;
            sender.send(7).unwrap();
        });
        let hears: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async {
            sleep(SECOND / 2).await;
            assert_eq!(receiver.await, Ok(7));
        });
        // So many that each has a waker of its own.
        let others = (0..30).map(|_| Box::pin(async {}) as Pin<Box<dyn Future<Output = ()>>>);
        join_all([rings, hears].into_iter().chain(others)).await;
    });
    looked.unwrap();
}

#[test]
fn who_asked_for_more_than_is_known_is_not_accused() {
    let looked = in_vain_at_a_host(async || {
        let channels: Vec<_> = (0..7).map(|_| mpsc::channel::<u32>(1)).collect();
        let mut stops = pin!(shutdown());
        let (_senders, mut receivers): (Vec<_>, Vec<_>) = channels.into_iter().unzip();
        poll_fn(|cx| {
            let stops = stops.as_mut().poll(cx).map(drop);
            for receiver in &mut receivers {
                assert!(receiver.poll_recv(cx).is_pending());
            }
            stops
        })
        .await;
    });
    looked.unwrap();
}

#[test]
fn who_has_handed_permits_on_is_not_accused_of_waiting_for_itself() {
    for max in 1..5 {
        let looked = in_vain(async move || {
            let limit = Semaphore::new(max);
            drop(spawn_named("acceptor", async move {
                loop {
                    let permit = limit.acquire(1).await.unwrap();
                    drop(spawn(async move {
                        sleep(9 * SECOND).await;
                        drop(permit);
                    }));
                }
            }));
        });
        assert_eq!(looked, Ok(()), "{max}");
    }
}

/// Three that are named hold a semaphore, and then wait for one who waits for them, all or two of them; a fourth does not.
fn four_hold(gives_way: &'static [&str], wanted: usize) -> Result<(), String> {
    in_vain(async move || {
        let (limit, latch) = (Semaphore::new(4), Rc::new(Mutex::new(())));
        for name in ["one", "two", "three"] {
            let (limit, latch) = (limit.clone(), latch.clone());
            drop(spawn_named(name, async move {
                let _permit = limit.acquire(1).await.unwrap();
                sleep(SECOND / 4).await;
                if !gives_way.contains(&name) {
                    drop(latch.lock().await);
                }
            }));
        }
        let fourth = limit.clone();
        drop(spawn(async move {
            sleep(SECOND / 8).await;
            let _permit = fourth.acquire(1).await.unwrap();
            sleep(9 * SECOND).await;
        }));
        drop(spawn_named("waits", async move {
            let _latch = latch.lock().await;
            sleep(SECOND / 2).await;
            drop(limit.acquire(wanted).await);
        }));
    })
}

#[test]
fn more_may_hold_a_semaphore_than_are_named() {
    assert_eq!(four_hold(&[], 1), Ok(()));
}

#[test]
fn one_who_is_not_named_may_hold_a_semaphore_when_named_ones_do_no_more() {
    assert_eq!(four_hold(&["one"], 2), Ok(()));
}

#[test]
fn who_stands_behind_one_who_may_lose_interest_is_not_accused() {
    let looked = in_vain(async || {
        let limit = Semaphore::new(2);
        let (holds, wants_both, wants_one) = (limit.clone(), limit.clone(), limit);
        drop(spawn_named("left", async move {
            let _permit = holds.acquire(1).await.unwrap();
            drop(spawn(std::future::pending::<()>()));
            std::future::pending::<()>().await;
        }));
        sleep(SECOND / 4).await;
        drop(spawn(async move { timeout(9 * SECOND, wants_both.acquire(2)).await.is_ok() }));
        sleep(SECOND / 4).await;
        drop(spawn_named("behind", async move { wants_one.acquire(1).await.is_ok() }));
    });
    let says = looked.unwrap_err();
    assert!(says.contains(", left, spawned at"), "{says}");
    assert!(!says.contains(", behind, spawned at"), "{says}");
}

#[test]
fn who_waits_for_each_other_is_told() {
    let says = in_vain(async || {
        let (left, right) = (Rc::new(Mutex::new(())), Rc::new(Semaphore::new(1)));
        let (of_right, of_left) = (left.clone(), right.clone());
        let waits = spawn_named("left", async move {
            let _left = left.lock().await;
            sleep(SECOND / 2).await;
            drop(of_left.acquire(1).await);
        });
        drop(spawn_named("right", async move {
            let _right = right.acquire(1).await;
            sleep(SECOND / 2).await;
            drop(of_right.lock().await);
        }));
        drop(spawn_named("joins", waits));
        drop(spawn_named("sleeper", sleep(9 * SECOND)));
    });
    let says = says.unwrap_err();
    assert_eq!(says.lines().count(), 3, "{says}");
    for (name, waits) in
        [("left", "semaphore (held by"), ("right", "mutex (held by"), ("joins", "join of task")]
    {
        let line = says.lines().find(|line| line.contains(&format!(", {name}, spawned at"))).expect(&says);
        assert!(line.starts_with(&format!("a task of `main` waits in vain: for {waits}")), "{line}");
    }
}

#[test]
fn whom_nobody_can_wake_is_told() {
    let says = in_vain(async || drop(spawn_named("lost", std::future::pending::<()>()))).unwrap_err();
    assert!(
        says.contains("waits in vain: for nothing that could wake it: task 2, lost, spawned at"),
        "{says}"
    );
    assert_eq!(says.lines().count(), 1, "{says}");
}

#[test]
fn who_ticks_for_a_mutex_needs_one_of_its_core_that_can_go_on() {
    struct Clerk {
        log: Rc<Mutex<()>>,
        _tells: Option<oneshot::Sender<()>>,
    }
    impl Task for Clerk {
        fn tick(&mut self) -> io::Result<Tick> {
            let Some(_locked) = self.log.try_lock() else { return Ok(Tick::WouldBlock) };
            Ok(Tick::Final)
        }
    }
    let looked = |is_told_in_time: bool| {
        let sim = Sim::new(7);
        sim.host("office", async move || {
            let (tells, told) = oneshot::channel();
            let log = Rc::new(Mutex::new(()));
            let held = log.clone();
            drop(spawn_named("holder", async move {
                let _held = held.lock().await;
                let _told = told.await;
            }));
            sleep(SECOND / 4).await;
            let (_tells, clock) = if is_told_in_time { (None, Some(tells)) } else { (Some(tells), None) };
            drop(schedule(Clerk { log, _tells }));
            if let Some(clock) = clock {
                sleep(9 * SECOND).await;
                drop(clock);
            }
            std::future::pending::<()>().await
        });
        sim.run(async move |sim| {
            sleep(SECOND).await;
            catch_unwind(AssertUnwindSafe(|| sim.assert_nobody_waits_in_vain()))
        })
    };
    looked(true).unwrap();
    let says = *looked(false).unwrap_err().downcast::<String>().unwrap();
    assert!(says.contains("a task of `office` waits in vain: for mutex: task 3, "), "{says}");
    assert!(says.contains("a task of `office` waits in vain: for oneshot recv: task 2, holder"), "{says}");
}

#[test]
fn when_nothing_comes_from_without_all_wait_in_vain() {
    let says = complaint(|sim| {
        sim.host("ring", async || {
            let (first, last) = (oneshot::channel::<()>(), oneshot::channel::<()>());
            drop(spawn_named("one", async move { drop((first.1.await, last.0)) }));
            drop(spawn_named("other", async move { drop((last.1.await, first.0)) }));
            std::future::pending::<()>().await;
        });
        sim.run(async |sim| {
            sleep(SECOND).await;
            assert_eq!(sim.tasks("ring").len(), 3);
            sim.assert_nobody_waits_in_vain();
        });
    });
    assert!(
        says.contains("a task of `ring` waits in vain: for oneshot recv: task 2, one, spawned"),
        "{says}"
    );
    assert!(says.contains("task 3, other, spawned"), "{says}");
    // In the table too.
    assert!(says.contains("2 IN VAIN for"), "{says}");
}

#[test]
fn the_tasks_of_any_host_can_be_listed_from_any_other() {
    let sim = Sim::new(7);
    sim.host("server", echo);
    sim.run(async |sim| {
        sleep(SECOND).await;
        assert_eq!(sim.tasks("server")[0].waits[0].to_string(), "accept tcp 0.0.0.0:7");
        drop(spawn(std::future::pending::<()>()));
        assert_eq!(sim.tasks("main").len(), 2);
        sim.crash("server");
        sleep(SECOND).await;
        assert!(sim.tasks("server").is_empty());
    });
}

/// What is said of a server that is bounded, to which so many connect and write.
fn bounded(bounds: Bounds) -> Option<String> {
    let sim = Sim::new(7);
    sim.host("server", echo);
    sim.bound("server", bounds);
    let run = sim.try_run(async |_sim| {
        sleep(SECOND).await;
        let mut streams = Vec::new();
        for _ in 0..10 {
            let stream = TcpStream::connect("server:7").await.unwrap();
            stream.write_all(&[1; 100]).await.unwrap();
            sleep(SECOND).await;
            streams.push(stream);
        }
    });
    run.err().map(|failure| failure.to_string().lines().next().unwrap().to_owned())
}

#[test]
fn who_has_more_than_it_may_is_found() {
    let mut enough = Bounds::default();
    (enough.tasks_max, enough.connections_max, enough.timers_max, enough.unread_bytes_max) =
        (10, 10, 0, 1000);
    assert_eq!(bounded(enough), None);
    let says = |bound: fn(&mut Bounds)| {
        let mut bounds = Bounds::default();
        bound(&mut bounds);
        bounded(bounds).unwrap()
    };
    let of = "the program of `server` has";
    assert_eq!(says(|bounds| bounds.tasks_max = 7), format!("{of} 8 tasks, of at most 7"));
    assert_eq!(says(|bounds| bounds.connections_max = 9), format!("{of} 10 connections, of at most 9"));
    let unread = says(|bounds| bounds.unread_bytes_max = 499);
    assert!(unread.contains("bytes that were not read, of at most 499"), "{unread}");
}

#[test]
fn what_must_always_hold_is_looked_at_in_each_turn() {
    let holds = Rc::new(Cell::new(true));
    let watched = holds.clone();
    let sim = Sim::new(7);
    sim.always("it is so", move || watched.get());
    sim.host("other", async move || {
        sleep(SECOND).await;
        holds.set(false);
        sleep(Duration::from_nanos(1)).await;
        holds.set(true);
        sleep(SECOND).await;
    });
    let failure = sim.try_run(async |_sim| sleep(5 * SECOND).await).unwrap_err().to_string();
    assert!(failure.starts_with("it does not hold any more that it is so\n"), "{failure}");
    assert!(failure.contains(", at 1.0"), "{failure}");
}

/// A server of single bytes: it writes what it was told into what it remembers, and says so. It forgets when it begins again,
/// if it is a bad one.
async fn store(ledger: Ledger, kept: Option<Rc<Cell<u8>>>) -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    let kept = kept.unwrap_or_default();
    loop {
        let (stream, _peer) = listener.accept().await?;
        let mut said = [0];
        match stream.read(&mut said).await {
            Ok(1) if said[0] == 0 => drop(stream.write_all(&[kept.get()]).await),
            Ok(1) => {
                ledger.begin(&said[0].to_string());
                kept.set(said[0]);
                ledger.end(&said[0].to_string());
                drop(stream.write_all(&said).await);
            }
            _ => {}
        }
    }
}

async fn say(what: u8) -> io::Result<u8> {
    let stream = TcpStream::connect("server:7").await?;
    stream.write_all(&[what]).await?;
    let mut answer = [0];
    match stream.read(&mut answer).await? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(answer[0]),
    }
}

/// Ten writes while the server is started again, after which both books are looked at.
fn books(sim: Sim, is_good: bool, tries: u32) {
    let (ledger, writes) = (Ledger::default(), Writes::default());
    let (of_server, disk) = (ledger.clone(), Rc::new(Cell::new(0)));
    sim.host("server", async move || store(of_server.clone(), is_good.then(|| disk.clone())).await);
    for at in 1..20 {
        sim.faults(Faults::new().at(Duration::from_millis(10 * at), Fault::reset("main", "server")));
    }
    sim.faults(Faults::script("at 50 ms restart server; at 500 ms restart server"));
    sim.run(async move |sim| {
        sleep(Duration::from_millis(1)).await;
        for value in 1..=10u8 {
            sleep(Duration::from_millis(sim.draw(0..=10))).await;
            let write = writes.begin("x", value);
            let (mut told, mut tries) = (Err(io::ErrorKind::Other.into()), 0..tries);
            while told.is_err() && tries.next().is_some() {
                told = say(value).await;
            }
            ledger.tell(&value.to_string(), if told.is_ok() { Told::Answer } else { Told::Unknown });
            if told.is_ok() {
                write.acknowledged();
            }
        }
        sleep(SECOND).await;
        let found = say(0).await.unwrap();
        writes.assert_kept(&"x", Some(&found).filter(|found| **found != 0));
        ledger.assert_true();
    });
}

#[test]
fn a_good_store_is_seen_to_be_good() {
    check(|sim| books(sim, true, 1));
}

#[test]
fn a_store_that_forgets_is_found() {
    let says = complaint(|sim| books(sim, false, 1));
    assert!(says.contains("was found under \"x\", where these were written:\n  1: "), "{says}");
}

#[test]
fn a_request_that_is_sent_again_and_done_twice_is_found() {
    let says = complaint(|sim| books(sim, true, 3));
    assert!(says.contains("was begun 2 times, ended 2 times, and its caller told"), "{says}");
}

#[test]
fn the_last_turn_of_a_program_is_watched_too() {
    let says = complaint(|sim| {
        let queue = Rc::new(RefCell::new(Vec::new()));
        let watched = queue.clone();
        sim.always("the queue has at most ten places", move || watched.borrow().len() <= 10);
        sim.run(async move |_sim| {
            sleep(SECOND).await;
            queue.borrow_mut().extend(0..11);
        });
    });
    assert!(says.contains("it does not hold any more that the queue has at most ten places"), "{says}");
    let says = complaint(|sim| {
        sim.host("greedy", async || {
            sleep(SECOND).await;
            (0..11).for_each(|_| drop(spawn(sleep(SECOND))));
        });
        let mut bounds = Bounds::default();
        bounds.tasks_max = 10;
        sim.bound("greedy", bounds);
        sim.run(async |_sim| sleep(2 * SECOND).await);
    });
    assert!(says.contains("`greedy` has 11 tasks, of at most 10"), "{says}");
}
