//! A program on several cores: they are reactors of one host, and the seed says in which order they run.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ekiden_reactor::net::{Spread, TcpListener, TcpStream, UnixListener, UnixStream};
use ekiden_reactor::sync::{Semaphore, mpsc};
use ekiden_reactor::{CoreId, blocking, channel, cores, on_every_core, sleep, spawn, spawn_named, spawn_on};
use ekiden_sim::oracle::Bounds;
use ekiden_sim::{Config, Sim, check, check_with};

/// Counts itself as long as it lives.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A server that answers on which of its cores a connection is.
async fn serve() -> std::io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:80").await?;
    for share in listener.spread(1024)? {
        drop(spawn_on(share.core(), move || async move {
            let listener = share.open()?;
            loop {
                let (stream, _peer) = listener.accept().await?;
                spawn(async move {
                    let mut buf = [0; 1];
                    while stream.read(&mut buf).await? > 0 {
                        stream.write_all(&[CoreId::current().index() as u8]).await?;
                    }
                    std::io::Result::Ok(())
                });
            }
            #[expect(unreachable_code, reason = "what it would return")]
            std::io::Result::Ok(())
        }));
    }
    std::future::pending().await
}

#[test]
fn a_host_has_one_core_unless_it_is_given_more() {
    let sim = Sim::new(1);
    sim.host("small", async || assert_eq!(cores().len(), 1));
    sim.host("large", async || assert_eq!(cores().len(), 3));
    sim.set_cores("large", 3);
    sim.run(async |sim| {
        assert_eq!(cores().len(), 1);
        sleep(Duration::from_secs(1)).await;
        assert!(!sim.is_up("small") && !sim.is_up("large"));
    });
}

#[test]
fn connections_are_spread_over_the_cores() {
    check(|sim| {
        sim.host("server", serve);
        sim.set_cores("server", 2);
        sim.run(async |_sim| {
            let mut streams = Vec::new();
            let mut counts = [0; 2];
            for _ in 0..16 {
                let stream = TcpStream::connect("server:80").await.unwrap();
                stream.write_all(b"?").await.unwrap();
                let mut core = [0];
                assert_eq!(stream.read(&mut core).await.unwrap(), 1);
                counts[usize::from(core[0])] += 1;
                streams.push(stream);
            }
            assert_eq!(counts, [8, 8]);
        });
    });
}

#[test]
fn unix_connections_are_too() {
    let sim = Sim::new(5);
    sim.host("office", async || {
        let listener = UnixListener::bind("/run/it").unwrap();
        for share in listener.spread(16).unwrap() {
            drop(spawn_on(share.core(), move || async move {
                let listener = share.open().unwrap();
                loop {
                    let (stream, _peer) = listener.accept().await.unwrap();
                    spawn(async move { stream.write_all(&[CoreId::current().index() as u8]).await });
                }
            }));
        }
        let (mut open, mut seen) = (Vec::new(), BTreeSet::new());
        for _ in 0..8 {
            let stream = UnixStream::connect("/run/it").await.unwrap();
            let mut core = [0];
            assert_eq!(stream.read(&mut core).await.unwrap(), 1);
            seen.insert(core[0]);
            open.push(stream);
        }
        assert_eq!(seen, BTreeSet::from([0, 1]));
    });
    sim.set_cores("office", 2);
    sim.run(async |sim| {
        sleep(Duration::from_secs(5)).await;
        assert!(!sim.is_up("office"));
    });
}

#[test]
fn the_seed_says_which_core_is_first() {
    let winners = Rc::new(RefCell::new(BTreeSet::new()));
    let seen = winners.clone();
    for seed in 0..20 {
        let (sim, seen) = (Sim::new(seed), seen.clone());
        sim.host("race", async move || {
            let (sender, mut receiver) = mpsc::unbounded();
            let _racers: Vec<_> = on_every_core(move || {
                let sender = sender.clone();
                async move { sender.send(CoreId::current().index()).await }
            });
            let first = receiver.recv().await;
            seen.borrow_mut().insert(first);
        });
        sim.set_cores("race", 3);
        sim.run(async |_sim| sleep(Duration::from_secs(1)).await);
    }
    assert!(winners.borrow().len() > 1, "{:?}", winners.borrow());
}

#[test]
fn a_timer_of_another_core_is_on_the_worlds_clock() {
    let sim = Sim::new(3);
    sim.host("office", async || {
        spawn_on(CoreId::new(1), || sleep(Duration::from_secs(60))).await.unwrap();
    });
    sim.set_cores("office", 2);
    sim.run(async |sim| {
        sleep(Duration::from_secs(59)).await;
        assert!(sim.is_up("office"));
        sleep(Duration::from_secs(2)).await;
        assert!(!sim.is_up("office"));
    });
}

#[test]
fn all_cores_end_with_the_first_and_by_a_crash() {
    let alive = Arc::new(AtomicUsize::new(0));
    let sim = Sim::new(3);
    let counted = alive.clone();
    sim.host("office", async move || {
        let counted = counted.clone();
        let _all = on_every_core(move || {
            let alive = Alive::new(&counted);
            async move {
                let _alive = alive;
                std::future::pending::<()>().await;
            }
        });
        sleep(Duration::from_secs(10)).await;
    });
    sim.set_cores("office", 4);
    sim.run(async move |sim| {
        sleep(Duration::from_secs(5)).await;
        assert_eq!(alive.load(Ordering::Relaxed), 4);
        sim.restart("office");
        sleep(Duration::from_secs(5)).await;
        assert_eq!(alive.load(Ordering::Relaxed), 4);
        sim.crash("office");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(alive.load(Ordering::Relaxed), 0);
        sim.restart("office");
        sleep(Duration::from_secs(11)).await;
        assert!(!sim.is_up("office"));
        assert_eq!(alive.load(Ordering::Relaxed), 0);
    });
}

#[test]
fn a_pause_is_one_of_all_cores() {
    let sim = Sim::new(3);
    let ticks = Arc::new(Mutex::new([0_u32; 2]));
    let told = ticks.clone();
    sim.host("office", async move || {
        let told = told.clone();
        let _all = on_every_core(move || {
            let told = told.clone();
            async move {
                loop {
                    sleep(Duration::from_secs(1)).await;
                    told.lock().unwrap()[CoreId::current().index()] += 1;
                }
            }
        });
        std::future::pending::<()>().await;
    });
    sim.set_cores("office", 2);
    sim.run(async move |sim| {
        sleep(Duration::from_secs(5)).await;
        sim.pause("office");
        let before = *ticks.lock().unwrap();
        sleep(Duration::from_secs(5)).await;
        assert_eq!(*ticks.lock().unwrap(), before);
        sim.resume("office");
        sleep(Duration::from_secs(5)).await;
        let after = *ticks.lock().unwrap();
        assert!(after[0] > before[0] && after[1] > before[1], "{before:?} {after:?}");
    });
}

#[test]
fn a_bound_counts_the_tasks_of_all_cores() {
    let sim = Sim::new(3);
    sim.host("office", async || {
        let _all = on_every_core(|| sleep(Duration::from_secs(10)));
        sleep(Duration::from_secs(5)).await;
    });
    sim.set_cores("office", 3);
    let mut bounds = Bounds::default();
    bounds.tasks_max = 2;
    sim.bound("office", bounds);
    let failure = sim.try_run(async |_sim| sleep(Duration::from_secs(60)).await).unwrap_err().to_string();
    assert!(failure.starts_with("the program of `office` has 3 tasks, of at most 2"), "{failure}");
    assert!(failure.contains("    on core 2\n"), "{failure}");
}

#[test]
fn what_waits_on_another_core_is_looked_at_too() {
    let vain = |is_wrong: bool| {
        let sim = Sim::new(3);
        sim.host("office", async move || {
            let lost = spawn_on(CoreId::new(1), move || async move {
                if is_wrong {
                    drop(spawn(std::future::pending::<()>()));
                }
                sleep(Duration::from_secs(5)).await;
            });
            lost.await.unwrap();
        });
        sim.set_cores("office", 2);
        let looked = sim.try_run(async |sim| {
            sleep(Duration::from_secs(1)).await;
            sim.assert_nobody_waits_in_vain();
        });
        looked.map_err(|failure| failure.to_string())
    };
    assert_eq!(vain(false), Ok(()));
    assert!(vain(true).unwrap_err().contains("a task of `office` on core 1 waits in vain"));
}

/// What is said of the tasks of a program of two cores, after a second of it.
fn in_vain(office: impl AsyncFn() + 'static) -> Result<(), String> {
    let mut config = Config::default();
    config.blocking = Duration::from_secs(10)..=Duration::from_secs(10);
    let sim = Sim::with_config(3, config);
    sim.host("office", office);
    sim.set_cores("office", 2);
    let looked = sim.try_run(async |sim| {
        sleep(Duration::from_secs(1)).await;
        sim.assert_nobody_waits_in_vain();
    });
    looked.map_err(|failure| failure.to_string())
}

#[test]
fn who_waits_for_each_other_across_cores_is_told() {
    let says = in_vain(async || {
        let (sender, mut receiver) = mpsc::channel::<u32>(1);
        let asks = spawn_on(CoreId::new(1), move || async move { receiver.recv().await });
        // Whom it waits for waits for it.
        drop(asks.await);
        drop(sender);
    });
    let says = says.unwrap_err();
    let accused: Vec<&str> = says.lines().filter(|line| line.contains("waits in vain: for ")).collect();
    let [main, other] = accused[..] else { panic!("{says}") };
    assert!(
        main.contains("a task of `office` waits in vain: for join of a remote task: task 1, main"),
        "{main}"
    );
    assert!(other.starts_with("a task of `office` on core 1 waits in vain: for "), "{other}");
    assert!(other.contains("mpsc recv between threads"), "{other}");
    // In the table too, where the first future of the second core, which is ours, is not accused.
    assert_eq!(says.matches(" IN VAIN for ").count(), 2, "{says}");
}

#[test]
fn who_may_be_told_by_any_core_is_not_accused() {
    type Holds = fn(mpsc::Sender<u32>);
    let holders: [Holds; 3] = [
        // A task of another core that waits for a timer.
        |sender| {
            drop(spawn_on(CoreId::new(0), move || async move {
                sleep(Duration::from_secs(5)).await;
                drop(sender);
            }));
        },
        // One that needs another of its core.
        |sender| {
            let (tells, told) = channel::oneshot::channel::<()>();
            drop(spawn(async move {
                let _closed = told.await;
                drop(sender);
            }));
            drop(spawn(async move {
                sleep(Duration::from_secs(5)).await;
                drop(tells);
            }));
        },
        // A job that nobody waits for.
        |sender| drop(blocking(move || drop(sender))),
    ];
    for (at, holds) in holders.into_iter().enumerate() {
        let looked = in_vain(async move || {
            let (sender, mut receiver) = mpsc::channel(1);
            drop(spawn_on(CoreId::new(1), move || async move { receiver.recv().await }));
            holds(sender);
            std::future::pending().await
        });
        assert_eq!(looked, Ok(()), "{at}");
    }
    // And if nobody has it but the program's first future, which will not give it:
    let looked = in_vain(async || {
        let (_sender, mut receiver) = mpsc::channel::<u32>(1);
        drop(spawn_on(CoreId::new(1), move || async move { receiver.recv().await }));
        std::future::pending().await
    });
    assert!(looked.unwrap_err().contains("a task of `office` on core 1 waits in vain: for mpsc recv"));
}

#[test]
fn what_is_on_its_way_to_another_core_may_tell_whoever_waits() {
    let mut config = Config::default();
    // So that a core often has no time for what it was sent.
    config.turn = Duration::from_millis(1)..=Duration::from_millis(50);
    check_with(&config, |sim| {
        sim.host("office", async || {
            for _ in 0..10 {
                let (sender, mut receiver) = mpsc::channel(1);
                drop(spawn_on(CoreId::new(1), move || async move { sender.send(7).await }));
                assert_eq!(receiver.recv().await, Some(7));
            }
        });
        sim.set_cores("office", 2);
        sim.run(async |sim| {
            while sim.now() < Duration::from_secs(2) {
                sim.assert_nobody_waits_in_vain();
                sleep(Duration::from_millis(1)).await;
            }
        });
    });
}

#[test]
fn a_semaphore_is_given_back_by_any_core() {
    let looked = in_vain(async || {
        let limit = Semaphore::new(1);
        let of_other = limit.clone();
        // Each is the second task of its core, so that its number does not tell the one from the other.
        drop(spawn_on(CoreId::new(1), move || async move {
            let _permit = of_other.acquire(1).await.unwrap();
            sleep(Duration::from_secs(5)).await;
        }));
        drop(spawn_named("lost", std::future::pending::<()>()));
        drop(spawn(async move {
            sleep(Duration::from_millis(500)).await;
            drop(limit.acquire(1).await);
        }));
        std::future::pending().await
    });
    let says = looked.unwrap_err();
    let accused: Vec<&str> = says.lines().filter(|line| line.contains("waits in vain: for ")).collect();
    let [lost] = accused[..] else { panic!("{says}") };
    assert!(lost.contains("task 2, lost, spawned at"), "{lost}");
}

/// What is said of who waits in vain, without where it was spawned.
fn accused(looked: Result<(), String>) -> Vec<String> {
    let says = looked.err().unwrap_or_default();
    let lines = says.lines().filter(|line| line.contains("waits in vain: for "));
    lines.map(|line| line.split(", spawned at ").next().unwrap().to_owned()).collect()
}

#[test]
fn two_that_wait_for_each_other_within_one_core_of_several_are_told() {
    let looked = in_vain(async || {
        let deadlock = async || {
            let (left, right) = (channel::Semaphore::new(1), Rc::new(channel::Mutex::new(())));
            let (of_left, of_right) = (left.clone(), right.clone());
            drop(spawn_named("left", async move {
                let _left = left.acquire(1).await.unwrap();
                sleep(Duration::from_millis(100)).await;
                drop(of_right.lock().await);
            }));
            drop(spawn_named("right", async move {
                let _right = right.lock().await;
                sleep(Duration::from_millis(100)).await;
                drop(of_left.acquire(1).await);
            }));
            sleep(Duration::from_secs(9)).await;
        };
        drop(spawn_on(CoreId::new(1), deadlock));
        // The first core has no task of their numbers.
        sleep(Duration::from_secs(9)).await;
    });
    let says = looked.clone().unwrap_err();
    let accused = accused(looked);
    assert_eq!(accused.len(), 2, "{says}");
    for line in accused {
        assert!(line.contains("a task of `office` on core 1 waits in vain: for "), "{line}");
        assert!(
            line.contains(": for semaphore (held by task ") || line.contains(": for mutex (held by task ")
        );
    }
}

#[test]
fn two_that_wait_for_each_other_across_cores_are_told_and_who_holds_what_on_which() {
    let looked = |is_deadlock: bool| {
        in_vain(async move || {
            let (left, right) = (Semaphore::new(1), Semaphore::new(1));
            let (of_left, of_right) = (left.clone(), right.clone());
            // It has the number of the one who holds the permit on the other core, and can go on.
            drop(spawn(sleep(Duration::from_secs(9))));
            drop(spawn_on(CoreId::new(1), move || async move {
                let _right = right.acquire(1).await.unwrap();
                sleep(Duration::from_millis(500)).await;
                if is_deadlock {
                    drop(of_left.acquire(1).await);
                }
                sleep(Duration::from_secs(9)).await;
            }));
            drop(spawn_named("left", async move {
                let _left = left.acquire(1).await.unwrap();
                sleep(Duration::from_millis(500)).await;
                drop(of_right.acquire(1).await);
            }));
            // Who can go on says nothing of those two.
            sleep(Duration::from_secs(9)).await;
        })
    };
    assert_eq!(looked(false), Ok(()));
    let says = looked(true).unwrap_err();
    let [left, right] = &accused(Err(says.clone()))[..] else { panic!("{says}") };
    let vain = "waits in vain: for semaphore between threads";
    let told = format!("a task of `office` {vain} (held by task 2 of core 1, a task");
    assert!(left.ends_with(&told), "{left}");
    let told = format!("a task of `office` on core 1 {vain} (held by task 3 of core 0, left");
    assert!(right.ends_with(&told), "{right}");
}

#[test]
fn a_program_of_one_core_is_told_by_another_between_threads() {
    let sim = Sim::new(3);
    let (ask, asked) = mpsc::channel::<u32>(4);
    let asked = RefCell::new(Some(asked));
    sim.host("neighbour", async move || {
        let mut asked = asked.borrow_mut().take().unwrap();
        while asked.recv().await.is_some() {}
    });
    sim.run(async move |sim| {
        sleep(Duration::from_secs(1)).await;
        sim.assert_nobody_waits_in_vain();
        drop(ask);
        sleep(Duration::from_secs(1)).await;
        assert!(!sim.is_up("neighbour"));
    });
}

#[test]
fn a_panic_on_another_core_fails_the_run() {
    let sim = Sim::new(3);
    sim.host("office", async || {
        drop(spawn_on(CoreId::new(1), || async { panic!("on core 1") }));
        sleep(Duration::from_secs(5)).await;
    });
    sim.set_cores("office", 2);
    let failure = sim.try_run(async |_sim| sleep(Duration::from_secs(60)).await).unwrap_err().to_string();
    assert!(failure.contains("has a task that panicked"), "{failure}");
}
