//! Faults that come by a schedule, and smaller schedules when a run fails by one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::net::{TcpListener, TcpStream};
use ekiden_reactor::{Instant, Signal, shutdown, sleep, spawn, timeout, wall_clock};
use ekiden_sim::{Fault, Faults, Profile, Sim, check};

use super::discipline::complaint;
use super::echo;

const SECOND: Duration = Duration::from_secs(1);

/// Whether a server answers, within a second.
async fn answers(server: &str) -> bool {
    let asked = async {
        let stream = TcpStream::connect(server).await?;
        stream.write_all(&[1]).await?;
        stream.read(&mut [0]).await
    };
    matches!(timeout(SECOND, asked).await, Ok(Ok(1)))
}

#[test]
fn each_fault_comes_at_its_time() {
    check(|sim| {
        sim.host("server", echo);
        sim.host("polite", async || {
            shutdown().await;
            io::Result::Ok(())
        });
        sim.faults(Faults::script(
            "at 10 s partition main | server
             at 12 s heal main | server
             at 20 s partition main > server
             at 22 s heal main | server
             at 30 s crash server; at 32 s restart server
             at 40 s pause server; at 42 s resume server
             at 50 s latency main | server 2 s to 2 s; at 52 s latency main | server 1 ms to 1 ms
             at 60 s flap main | server whole 1 ms to 1 ms cut 9 s to 9 s; at 62 s heal main | server
             at 70 s bandwidth main | server 20 B/s; at 72 s bandwidth main | server 1000000 B/s
             at 80 s long latency main | server one in 1 900 to 900 times
             at 82 s long latency main | server one in 0 1 to 1 times
             at 90 s reset main > server after 1 B
             at 100 s slow down server 1000000 times; at 102 s slow down server 1 times
             at 130 s reset main | server
             at 150 s skew main ahead 3600 s; at 151 s skew main behind 60 s; at 152 s drift main 500000 ppm",
        ));
        sim.faults(Faults::new().at(140 * SECOND, Fault::signal("polite", Signal::Terminate)));
        sim.run(async |sim| {
            for fault in 1..=9 {
                for (at, is_well) in [(9_000, true), (10_500, false), (14_000, true)] {
                    sleep(Duration::from_millis(10_000 * (fault - 1) + at) - sim.now()).await;
                    assert_eq!(answers("server:7").await, is_well, "fault {fault}, {at} ms");
                }
            }
            sleep(Duration::from_millis(100_500) - sim.now()).await;
            assert!(!answers("server:7").await);
            // What it began then takes twenty seconds.
            sleep(Duration::from_secs(125) - sim.now()).await;
            let stream = TcpStream::connect("server:7").await.unwrap();
            let error = stream.read(&mut [0]).await.unwrap_err();
            assert_eq!((error.kind(), sim.now().as_secs()), (ErrorKind::ConnectionReset, 130));
            assert!(sim.is_up("polite"));
            sleep(11 * SECOND).await;
            assert!(!sim.is_up("polite"));
            let ahead = |before| wall_clock().duration_since(before).map_or(0, |ahead| ahead.as_secs());
            let before = wall_clock();
            sleep(Duration::from_millis(150_500) - sim.now()).await;
            assert_eq!(ahead(before) / 60, 60);
            sleep(SECOND).await;
            assert_eq!(ahead(before), 0);
            sleep(SECOND).await;
            let (before, began) = (Instant::now(), sim.now());
            sleep(3 * SECOND).await;
            assert_eq!(((sim.now() - began).as_secs(), (Instant::now() - before).as_secs()), (2, 3));
        });
    });
}

#[test]
fn a_fault_whose_time_has_passed_comes_next() {
    check(|sim| {
        sim.host("server", echo);
        sim.run(async |sim| {
            sleep(SECOND).await;
            sim.faults(Faults::script("at 1 ms crash server"));
            sleep(Duration::from_millis(1)).await;
            assert!(!sim.is_up("server"));
        });
    });
}

#[test]
fn a_schedule_that_names_nobody_fails_the_run() {
    let says = complaint(|sim| {
        sim.faults(Faults::script("at 3 s partition main | moon"));
        sim.run(async |_sim| sleep(5 * SECOND).await);
    });
    let wrong = "there is no host `moon`, of which the schedule says: at 3 s partition main | moon";
    assert!(says.contains(wrong), "{says}");
}

/// A server that counts, and forgets when it begins again.
async fn count() -> io::Result<()> {
    let listener = TcpListener::bind("0.0.0.0:7").await?;
    let count = Rc::new(Cell::new(0));
    loop {
        let (stream, _peer) = listener.accept().await?;
        let count = count.clone();
        drop(spawn(async move {
            let mut by = [0];
            if stream.read(&mut by).await? == 1 {
                count.set(count.get() + by[0]);
                stream.write_all(&[count.get()]).await?;
            }
            io::Result::Ok(())
        }));
    }
}

/// What a server has counted, if it can be heard within a second.
async fn raise(server: &str, by: u8) -> Option<u8> {
    let raised = async {
        let stream = TcpStream::connect(server).await?;
        stream.write_all(&[by]).await?;
        let mut count = [0];
        match stream.read(&mut count).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => io::Result::Ok(count[0]),
        }
    };
    timeout(SECOND, raised).await.ok()?.ok()
}

/// What was counted is known to one of the servers in the end: which is not so if they all have forgotten.
fn somebody_knows(sim: &Sim, servers: &'static [&'static str], faults: impl FnOnce()) {
    servers.iter().for_each(|server| sim.host(server, count));
    faults();
    let addrs: Vec<String> = servers.iter().map(|server| format!("{server}:7")).collect();
    sim.run(async move |sim| {
        let mut told = vec![0; addrs.len()];
        while sim.now() < 10 * SECOND {
            for (told, addr) in told.iter_mut().zip(&addrs) {
                *told += u8::from(raise(addr, 1).await.is_some());
            }
            sleep(Duration::from_millis(500)).await;
        }
        sleep(30 * SECOND).await;
        let mut knowing = 0;
        for (told, addr) in told.into_iter().zip(&addrs) {
            knowing += u32::from(raise(addr, 0).await.unwrap() >= told);
        }
        assert!(knowing > 0, "all have forgotten");
    });
}

/// The schedule that a failure has for a test.
fn pasted(says: &str) -> &str {
    let (_, behind) = says.split_once("sim.faults(Faults::script(\n        \"").expect(says);
    behind.split_once("\",\n    ));").unwrap().0
}

#[test]
fn what_is_told_of_a_failure_is_the_least_schedule_by_which_it_fails() {
    for servers in [&["a"][..], &["a", "b"], &["a", "b", "c"]] {
        let says = complaint(|sim| {
            somebody_knows(&sim, servers, || drop(sim.draw_faults(Profile::Hostile, 10 * SECOND)));
        });
        assert!(says.contains("all have forgotten"), "{says}");
        let text = pasted(&says);
        // One incident for each server, and nothing else: it ended, and began again at once or later.
        let begun_again: Vec<&str> = text
            .lines()
            .filter_map(|line| line.trim().split_once(" restart "))
            .map(|(_, host)| host)
            .collect();
        assert_eq!(begun_again.iter().collect::<BTreeSet<_>>().len(), servers.len(), "{text}");
        assert_eq!(begun_again.len(), servers.len(), "{text}");
        let ends = [" restart ", " crash ", " signal "];
        let others = text.lines().filter(|line| !ends.iter().any(|word| line.contains(word)));
        assert_eq!(others.count(), 0, "{text}");
        assert!(says.contains(&format!("{} of the ", servers.len())), "{says}");
        let (_, seed) = says.split_once("EKIDEN_SEED=").unwrap();
        let (seed, _) = seed.split_once(' ').unwrap();
        assert!(says.contains(&format!("\nseed {seed}, at ")), "{says}");
        // In a test it is what it says.
        let replayed = complaint(|sim| {
            somebody_knows(&sim, servers, || sim.faults(Faults::script(text)));
        });
        assert!(replayed.contains("all have forgotten") && !replayed.contains("suffice"), "{replayed}");
    }
}

#[test]
fn a_failure_that_needs_no_fault_says_so() {
    let says = complaint(|sim| {
        sim.host("server", echo);
        sim.draw_faults(Profile::Hostile, 10 * SECOND);
        sim.run(async |_sim| panic!("it is Monday"));
    });
    assert!(says.contains("it is Monday"), "{says}");
    assert!(says.contains("0 of the ") && says.contains("were drawn suffice (1 more runs)"), "{says}");
    assert!(says.contains("EKIDEN_FAULTS='' cargo test"), "{says}");
}

#[test]
#[should_panic(expected = "a link that carries nothing, 0 B/s, is one that is cut")]
fn a_fault_that_cannot_be_is_refused_when_it_is_made() {
    drop(Fault::bandwidth("a", "b", 0));
}

#[test]
fn a_run_that_passes_is_not_done_again_for_its_faults() {
    let runs = Cell::new(0);
    check(|sim| {
        runs.set(runs.get() + 1);
        sim.host("server", echo);
        sim.draw_faults(Profile::Hostile, SECOND);
        sim.run(async |_sim| sleep(SECOND).await);
    });
    assert_eq!(runs.get(), 275);
}

#[test]
fn a_drawn_schedule_is_the_same_run_when_it_is_given() {
    let schedules = RefCell::new(BTreeSet::new());
    for seed in 0..20 {
        let hash = |schedule: &dyn Fn(&Sim)| {
            let sim = Sim::new(seed);
            sim.host("server", echo);
            schedule(&sim);
            sim.run(async |_sim| {
                while !answers("server:7").await {}
                sleep(20 * SECOND).await;
                assert!(answers("server:7").await);
            });
            sim.hash()
        };
        let text = RefCell::new(String::new());
        let drawn = hash(&|sim| {
            *text.borrow_mut() = sim.draw_faults(Profile::Hostile, 10 * SECOND).to_string();
        });
        assert_eq!(drawn, hash(&|sim| sim.faults(Faults::script(&text.borrow()))), "seed {seed}");
        let none = hash(&|_sim| ());
        assert_ne!(drawn, none, "seed {seed}");
        let of_nothing = "at 5 s heal main | server; at 6 s heal main | server";
        assert_eq!(hash(&|sim| sim.faults(Faults::script(of_nothing))), none, "seed {seed}");
        schedules.borrow_mut().insert(text.take());
    }
    assert_eq!(schedules.borrow().len(), 20);
}

#[test]
#[should_panic(expected = "this world has drawn its faults already")]
fn a_world_draws_once() {
    let sim = Sim::new(1);
    sim.host("server", echo);
    sim.draw_faults(Profile::Rough, SECOND);
    sim.draw_faults(Profile::Rough, SECOND);
}

#[test]
#[should_panic(expected = "there is no host yet that could have faults")]
fn faults_are_drawn_for_hosts_that_there_are() {
    Sim::new(1).draw_faults(Profile::Rough, SECOND);
}

#[test]
fn the_environment_says_which_faults_and_how_many_more_runs() {
    let forgets = |sim: Sim| {
        somebody_knows(&sim, &["a"], || drop(sim.draw_faults(Profile::Hostile, 10 * SECOND)));
    };
    if std::env::var_os("ANOTHER_PROCESS").is_some() {
        return println!("{}", complaint(forgets));
    }
    let run = |name: &str, value: &str| {
        let mut other = Command::new(std::env::current_exe().unwrap());
        let this_test = "faults::the_environment_says_which_faults_and_how_many_more_runs";
        other.args([this_test, "--exact", "--nocapture"]).env_clear();
        let output = other.env("ANOTHER_PROCESS", "yes").env(name, value).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let none = run("EKIDEN_SHRINK", "0");
    assert!(none.contains("all have forgotten") && none.contains("suffice (0 more runs)"), "{none}");
    let given = run("EKIDEN_FAULTS", "at 5 s pause a; at 6 s resume a; at 7 s restart a");
    assert!(given.contains("all have forgotten") && !given.contains("suffice"), "{given}");
    assert!(given.contains("faults\n  at 5 s pause a\n  at 6 s resume a\n  at 7 s restart a\n"), "{given}");
    let passes = run("EKIDEN_FAULTS", "at 5 s pause a; at 6 s resume a");
    assert!(passes.contains("it should fail") || !passes.contains("forgotten"), "{passes}");
}

#[test]
fn faults_may_be_drawn_for_as_long_as_there_is_time() {
    for seed in 0..100 {
        let sim = Sim::new(seed);
        sim.host("server", std::future::pending::<()>);
        sim.run(async |sim| {
            sleep(SECOND).await;
            assert!(!sim.draw_faults(Profile::Hostile, Duration::MAX).to_string().is_empty());
            sleep(SECOND).await;
        });
    }
}
