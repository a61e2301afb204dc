//! What is found when a run is wrong, and that a run can be had again.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::ops::RangeInclusive;
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::channel::mpsc;
use ekiden_reactor::net::{TcpStream, UdpSocket, UnixStream};
use ekiden_reactor::{CoreId, sleep, spawn, spawn_named, spawn_on, sync, timeout, yield_now};
use ekiden_sim::{Config, Profile, Sim, check};

use super::echo;

/// What a check that fails says.
pub(crate) fn complaint(scenario: impl Fn(Sim)) -> String {
    let payload = catch_unwind(AssertUnwindSafe(|| check(scenario))).expect_err("it should fail");
    *payload.downcast::<String>().expect("a message")
}

fn busy_day(sim: &Sim) {
    sim.host("server", echo);
    sim.run(async |sim| {
        sleep(Duration::from_millis(1)).await;
        let clients: Vec<_> = (0..5u8)
            .map(|n| {
                spawn(async move {
                    let stream = TcpStream::connect("server:7").await?;
                    stream.write_all(&[n; 100]).await?;
                    super::read_to_end(&stream).await
                })
            })
            .collect();
        sleep(Duration::from_millis(20)).await;
        sim.reset("main", "server");
        for client in clients {
            drop(client.await);
        }
    });
}

#[test]
fn a_seed_gives_the_same_run_and_another_seed_another() {
    let hash = |seed| {
        let sim = Sim::new(seed);
        busy_day(&sim);
        sim.hash()
    };
    let hashes: BTreeSet<u64> = (0..20).map(hash).collect();
    assert_eq!(hashes.len(), 20);
    assert_eq!((0..20).map(hash).collect::<BTreeSet<_>>(), hashes);
}

#[test]
fn the_greatest_seed_can_be_asked_for_as_well() {
    if is_alone() {
        return check(|sim| sim.run(async |sim| println!("seed {}", sim.seed())));
    }
    let seed = u64::MAX.to_string();
    let says = alone("the_greatest_seed_can_be_asked_for_as_well", &[("EKIDEN_SEED", &seed)], &[]);
    assert!(says.contains("seed 18446744073709551615"), "{says}");
}

#[test]
#[should_panic(expected = "there is no number in 3..=2")]
fn of_an_empty_range_nothing_is_drawn() {
    let _ = Sim::new(1).draw(RangeInclusive::new(3, 2));
}

#[test]
fn what_is_not_of_the_seed_is_found_with_the_first_event_that_differs() {
    let runs = Cell::new(0);
    let says = complaint(|sim| {
        runs.set(runs.get() + 1);
        let byte = runs.get();
        sim.host("server", echo);
        sim.run(async move |_sim| {
            sleep(Duration::from_millis(1)).await;
            let stream = TcpStream::connect("server:7").await.unwrap();
            stream.write_all(&[byte]).await.unwrap();
        });
    });
    assert!(says.starts_with("two runs of seed 0 differ"), "{says}");
    assert!(says.contains("is the first that differs"), "{says}");
    let said = |word| says.lines().find(|line| line.trim_start().starts_with(word)).unwrap_or_default();
    assert!(said("once:").contains("writes 1 bytes"), "{says}");
    assert!(said("then:").contains("writes 1 bytes"), "{says}");
    let digest = |word| said(word).split_once("bytes").map(|(_, digest)| digest.to_owned());
    assert_ne!(digest("once:"), digest("then:"), "{says}");
}

#[test]
fn two_runs_that_end_differently_are_found_though_all_that_happens_is_alike() {
    let runs = Cell::new(0);
    let says = complaint(|sim| {
        runs.set(runs.get() + 1);
        sim.run(async |_sim| sleep(Duration::from_millis(1)).await);
        assert_eq!(runs.get(), 1, "a second time");
    });
    assert!(says.starts_with("two runs of seed 0 differ"), "{says}");
    assert!(says.contains("\n  once: it passed\n  then: it failed: assertion"), "{says}");
    let runs = Cell::new(0);
    let says = complaint(|sim| {
        runs.set(runs.get() + 1);
        let run = runs.get();
        sim.run(async move |_sim| panic!("run {run}"));
    });
    assert!(says.contains("panicked: run 1\n  then: it failed"), "{says}");
}

/// Runs that test of this file in another process, where only it does what it does, and returns what it says.
fn alone(test: &str, envs: &[(&str, impl AsRef<OsStr>)], args: &[&str]) -> String {
    let mut other = Command::new(std::env::current_exe().unwrap());
    other.args([&format!("discipline::{test}"), "--exact", "--nocapture"]).args(args).env_clear();
    other.env("ANOTHER_PROCESS", "yes").envs(envs.iter().map(|(name, value)| (name, value)));
    let output = other.output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn is_alone() -> bool {
    std::env::var_os("ANOTHER_PROCESS").is_some()
}

#[test]
fn a_trace_has_every_event_who_ran_and_what_was_drawn() {
    const TEST: &str = "a_trace_has_every_event_who_ran_and_what_was_drawn";
    if is_alone() {
        // With a seed it is more than is kept in memory.
        let sends = if std::env::var_os("EKIDEN_SEED").is_some() { 90_000 } else { 10 };
        return check(|sim| {
            sim.host("server", echo);
            sim.run(async move |sim| {
                sleep(Duration::from_millis(1)).await;
                drop(spawn_named("clerk", sleep(Duration::from_secs(1))));
                let socket = UdpSocket::bind("127.0.0.1:9").await.unwrap();
                for _ in 0..sends {
                    socket.send_to(&[1], "127.0.0.1:9".parse().unwrap()).await.unwrap();
                    let _ = socket.recv(&mut [0]).await.unwrap();
                }
                assert!(sim.seed() != 1, "one is bad luck");
            });
        });
    }
    let folder = std::env::temp_dir().join(format!("ekiden-trace-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("trace");
    let at = path.to_str().unwrap();
    let says = alone(TEST, &[("EKIDEN_SEED", "0"), ("EKIDEN_TRACE", at)], &[]);
    assert!(says.contains("test result: ok"), "{says}");
    let read = |path: &std::path::Path| std::fs::read_to_string(path).unwrap();
    let (once, again) = (read(&path), read(&folder.join("trace.again")));
    assert!(once == again, "the seed is the same run");
    assert!(once.matches(" writes 1 bytes").count() == 90_000, "all of it is there");
    let clerk = " runs task 2 of core 0, clerk, spawned at sim/tests/world/discipline.rs:";
    assert!(once.contains(clerk), "wherever that is kept: {}", &once[..10_000]);
    assert!(once.contains(" drawn: "));
    // With many seeds it is the first that fails.
    let says = alone(TEST, &[("EKIDEN_SEEDS", "3"), ("EKIDEN_TRACE", at)], &["--test-threads", "1"]);
    assert!(says.contains("one is bad luck"), "{says}");
    assert!(says.contains(&format!("EKIDEN_SEED=1 cargo test discipline::{TEST} -- --exact\n")), "{says}");
    assert_ne!(read(&path), once);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_trace_that_cannot_be_written_takes_nothing_from_a_failure() {
    if is_alone() {
        return check(|sim| sim.run(async |sim| assert!(sim.seed() != 1, "one is bad luck")));
    }
    let test = "a_trace_that_cannot_be_written_takes_nothing_from_a_failure";
    let path =
        std::env::temp_dir().join(format!("ekiden-no-such-folder-{}", std::process::id())).join("trace");
    let lost = format!("cannot write EKIDEN_TRACE={}", path.display());
    let says = |seed: &str, value: &str| {
        alone(test, &[("EKIDEN_TRACE", path.as_os_str()), (seed, OsStr::new(value))], &[])
    };
    for (seed, value) in [("EKIDEN_SEEDS", "3"), ("EKIDEN_SEED", "1")] {
        let says = says(seed, value);
        assert!(says.contains("panicked: one is bad luck"), "{says}");
        assert!(says.contains("seed 1, at 0.") && says.contains("to run it again: EKIDEN_SEED=1 "), "{says}");
        assert!(says.contains(&lost), "{says}");
    }
    // Of a run that passes there is nothing else to say.
    let says_of_zero = says("EKIDEN_SEED", "0");
    assert!(says_of_zero.contains(&lost) && says_of_zero.contains("test result: FAILED"), "{says_of_zero}");
}

#[test]
fn an_environment_that_makes_no_sense_is_refused_before_anything_is_run() {
    if is_alone() {
        return check(|sim| {
            println!("it runs");
            sim.host("server", echo);
            sim.draw_faults(Profile::Rough, Duration::from_secs(1));
            sim.run(async |_sim| panic!("it fails"));
        });
    }
    let test = "an_environment_that_makes_no_sense_is_refused_before_anything_is_run";
    let wrongs: [(&str, &[u8], &str); 6] = [
        ("EKIDEN_SEED", b"seven", "EKIDEN_SEED is `seven`: invalid digit"),
        ("EKIDEN_SEED", b"7\xff", "EKIDEN_SEED is \"7\\xFF\", which is no text"),
        ("EKIDEN_SEEDS", b"0", "EKIDEN_SEEDS is 0, by which nothing would be checked"),
        ("EKIDEN_SEEDS", b"-1", "EKIDEN_SEEDS is `-1`: invalid digit"),
        ("EKIDEN_FAULTS", b"at noon crash server", "EKIDEN_FAULTS is `at noon crash server`: "),
        ("EKIDEN_SHRINK", b"abc", "EKIDEN_SHRINK is `abc`: invalid digit"),
    ];
    for (name, value, wrong) in wrongs {
        let says = alone(test, &[(name, OsStr::from_bytes(value))], &[]);
        assert!(says.contains(wrong) && says.contains("test result: FAILED"), "{says}");
        assert!(!says.contains("it runs"), "{says}");
    }
}

#[test]
fn a_failure_says_which_seed_when_who_waits_and_what_came_before() {
    let says = complaint(|sim| {
        sim.host("server", echo);
        sim.run(async |sim| {
            drop(spawn_named("clerk", sleep(Duration::from_secs(77))));
            sleep(Duration::from_secs(3)).await;
            drop(TcpStream::connect("server:7").await.unwrap());
            assert!(sim.seed() != 3, "three is bad luck");
        });
    });
    assert!(says.contains("the program of `main` panicked: three is bad luck"), "{says}");
    assert!(says.contains("seed 3, at 3."), "{says}");
    assert!(says.contains("clerk, spawned at") && says.contains("timer in 1.23 min"), "{says}");
    assert!(says.contains("server (10.0.0.1) runs") && says.contains("accept tcp 0.0.0.0:7"), "{says}");
    assert!(says.contains("connects to 10.0.0.1:7"), "{says}");
    assert!(says.contains("\nto run it again: EKIDEN_SEED=3 cargo test "), "{says}");
}

#[test]
fn the_line_that_is_told_runs_that_seed() {
    check_line("the_line_that_is_told_runs_that_seed");
}

/// The name of the one begins that of the other.
#[test]
fn the_line_that_is_told_runs_that_seed_and_no_other_test() {
    check_line("the_line_that_is_told_runs_that_seed_and_no_other_test");
}

/// Runs what a failure of that test tells to run.
fn check_line(test: &str) {
    if is_alone() {
        return check(|sim| {
            println!("seed {}", sim.seed());
            sim.run(async |sim| assert!(sim.seed() != 2, "two is bad luck"));
        });
    }
    let says = alone(test, &[("CARGO_PKG_NAME", "shop")], &[]);
    let (_, told) = says.split_once("to run it again: ").expect(&says);
    let told = told.lines().next().unwrap();
    let binary = format!("'{}'", std::env::current_exe().unwrap().display());
    // As cargo would: it has one package, and gives its tests what stands behind the dashes.
    let line = told.replace("cargo test -p shop", &binary).replace(" -- ", " ") + " --nocapture";
    let output =
        Command::new("sh").args(["-c", &line]).env_clear().env("ANOTHER_PROCESS", "yes").output().unwrap();
    let again = String::from_utf8_lossy(&output.stdout);
    assert!(line.starts_with("EKIDEN_SEED=2 '/") && again.contains("running 1 test\n"), "{told}\n{again}");
    let seeds: Vec<&str> = again.lines().filter(|line| line.starts_with("seed ")).collect();
    assert_eq!(seeds, ["seed 2"; 2], "once more to see that it is the same run");
}

#[test]
fn who_waits_for_ever_is_found() {
    let says = complaint(|sim| {
        sim.run(async |_sim| std::future::pending::<()>().await);
    });
    let wrong =
        "all wait, and nothing can happen any more, `main` for nothing that could wake it: task 1, main";
    assert!(says.contains(wrong), "{says}");
    assert!(says.contains("STUCK"), "{says}");
    let says = complaint(|sim| {
        sim.run(async |_sim| {
            let (sender, mut receiver) = mpsc::channel::<()>(1);
            receiver.recv().await;
            drop(sender);
        });
    });
    assert!(says.contains("nothing can happen any more, `main` for mpsc recv: task 1, main"), "{says}");
    assert!(says.contains("1 IN VAIN for"), "{says}");
}

#[test]
fn who_is_busy_and_gets_nowhere_is_found() {
    let says = complaint(|sim| {
        sim.host("spinner", async || {
            drop(spawn_named("bystander", sleep(Duration::from_secs(2000))));
            let wheel = async || {
                for _ in 0..u64::MAX {
                    yield_now().await;
                }
            };
            spawn_named("hamster", wheel()).await.unwrap();
        });
        sim.run(async |_sim| sleep(Duration::from_secs(1000)).await);
    });
    let line = says.lines().next().unwrap();
    assert!(line.starts_with("the program of `spinner` is busy without end, and gets nowhere"), "{line}");
    assert!(line.contains(": task 3, hamster, spawned at") && line.contains("001 polls)"), "{line}");
    assert!(!line.contains("bystander"), "{line}");
}

#[test]
fn who_sleeps_for_next_to_nothing_again_and_again_is_named_when_the_time_is_up() {
    let mut config = Config::default();
    config.time_max = Duration::from_secs(10);
    let sim = Sim::with_config(7, config);
    sim.host("bystander", async || sleep(Duration::from_secs(1000)).await);
    sim.host("dozer", async || {
        let doze = async || {
            for _ in 0..u64::MAX {
                sleep(Duration::from_nanos(1)).await;
            }
        };
        spawn_named("hamster", doze()).await.unwrap();
    });
    let failure = sim.try_run(async |_sim| sleep(Duration::from_secs(1000)).await).unwrap_err().to_string();
    let line = failure.lines().next().unwrap();
    assert!(
        line.starts_with("it has not ended in time (`Config::time_max`); the program of `dozer`"),
        "{line}"
    );
    assert!(line.contains("has run most: task 2, hamster, spawned at"), "{line}");
}

/// How a run fails in which `main` does that, in its first line.
fn fails<F: Future<Output = ()> + 'static>(config: &Config, main: impl FnOnce() -> F + 'static) -> String {
    let sim = Sim::with_config(7, config.clone());
    let failure = sim.try_run(async move |_sim| main().await).unwrap_err().to_string();
    failure.lines().next().unwrap().to_owned()
}

async fn send_each_other_a_byte() {
    let (one, other) = UnixStream::pair().unwrap();
    drop(spawn_named("hamster", async move {
        loop {
            other.read(&mut [0]).await.unwrap();
            other.write_all(b"x").await.unwrap();
        }
    }));
    loop {
        one.write_all(b"x").await.unwrap();
        one.read(&mut [0]).await.unwrap();
    }
}

async fn connect_again_and_again() {
    while TcpStream::connect("127.0.0.1:1").await.is_err() {}
}

async fn send_each_other_a_number() {
    let (sender, mut receiver) = sync::mpsc::channel(1);
    let (sender_back, mut receiver_back) = sync::mpsc::channel::<u8>(1);
    let hamster = async move || {
        loop {
            sender_back.send(receiver.recv().await.unwrap()).await.unwrap();
        }
    };
    drop(spawn_on(CoreId::new(1), hamster));
    loop {
        sender.send(1).await.unwrap();
        receiver_back.recv().await.unwrap();
    }
}

#[test]
fn who_turns_in_circles_by_way_of_the_world_is_named_after_so_many_steps() {
    let mut config = Config::default();
    config.steps_max = 20_000;
    let line = fails(&config, send_each_other_a_byte);
    let begins =
        "it has not ended in so many steps (`Config::steps_max`); the program of `main` has run most: task ";
    assert!(line.starts_with(begins), "{line}");
    assert!(line.contains(", main") && line.contains(", hamster"), "{line}");
    let line = fails(&config, connect_again_and_again);
    assert!(line.starts_with(begins), "{line}");
    let sim = Sim::with_config(7, config);
    sim.host("pair", send_each_other_a_number);
    sim.set_cores("pair", 2);
    let failure = sim.try_run(async |_sim| sleep(Duration::from_secs(1000)).await).unwrap_err().to_string();
    let line = failure.lines().next().unwrap();
    assert!(line.contains("(`Config::steps_max`); the program of `pair` has run most: "), "{line}");
}

#[test]
fn as_many_steps_as_are_needed_may_be_taken_and_no_fewer() {
    let passes = |steps: u64| {
        let mut config = Config::default();
        config.steps_max = steps;
        Sim::with_config(7, config).try_run(async |_sim| sleep(Duration::from_secs(1)).await).is_ok()
    };
    let needed = (0..100).find(|steps| passes(*steps)).unwrap();
    assert!(needed > 1, "one to fall asleep, one to wake");
    assert!((needed..needed + 100).all(passes));
}

/// Time does not go by, so the hour is never over.
#[test]
fn where_nothing_takes_time_who_gets_nowhere_is_found_as_well() {
    let mut config = Config::default();
    config.turn = Duration::ZERO..=Duration::ZERO;
    config.busy_turns_max = 5000;
    let line = fails(&config, send_each_other_a_byte);
    assert!(line.starts_with("the program of `main` is busy without end, and gets nowhere"), "{line}");
    assert!(line.contains(", main") && line.contains(", hamster"), "{line}");
    config.latency_within = Duration::ZERO..=Duration::ZERO;
    let line = fails(&config, async || {
        let _ = timeout(Duration::from_secs(1), connect_again_and_again()).await;
    });
    assert!(line.starts_with("the program of `main` is busy without end, and gets nowhere"), "{line}");
    // Between hosts no single one is.
    config.latency = Duration::ZERO..=Duration::ZERO;
    config.busy_turns_max = u32::MAX;
    config.steps_max = 20_000;
    let line = fails(&config, connect_again_and_again);
    assert!(line.starts_with("it has not ended in so many steps"), "{line}");
    // Who works is not taken for one that does not, though it is busy at each of its moments.
    config.busy_turns_max = 5000;
    config.steps_max = Config::default().steps_max;
    Sim::with_config(7, config).run(async |_sim| {
        for _ in 0..10_000 {
            sleep(Duration::from_nanos(1)).await;
        }
    });
}

/// Many who rest for a second each are busy all the time, all of them together.
#[test]
fn a_host_of_many_timers_is_not_taken_for_one_that_gets_nowhere() {
    let mut config = Config::default();
    config.busy_turns_max = 2000;
    let sim = Sim::with_config(7, config);
    sim.host("office", async || {
        for session in 0..1000 {
            spawn(async move {
                sleep(Duration::from_micros(session * 1000)).await;
                loop {
                    sleep(Duration::from_secs(1)).await;
                }
            });
        }
        std::future::pending::<()>().await;
    });
    sim.run(async |_sim| {
        for _ in 0..10_000 {
            sleep(Duration::from_millis(1)).await;
        }
    });
}

#[test]
fn a_condition_that_panics_fails_the_run_and_the_world_can_run_again() {
    let sim = Sim::new(7);
    let asked = Rc::new(Cell::new(0));
    let count = asked.clone();
    sim.always("it can be said", move || {
        count.set(count.get() + 1);
        assert_ne!(count.get(), 1, "the first time");
        true
    });
    let failure = sim.try_run(async |_sim| sleep(Duration::from_secs(1)).await).unwrap_err().to_string();
    assert!(failure.starts_with("whether it can be said cannot be said: it panicked: "), "{failure}");
    sim.run(async |_sim| sleep(Duration::from_secs(1)).await);
}

#[test]
fn a_configuration_that_cannot_be_is_refused() {
    type Spoil = fn(&mut Config, Duration);
    let second = Duration::from_secs(1);
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is wrong with them")]
    let wrongs: [(Spoil, &str); 5] = [
        (|config, second| config.latency = second..=Duration::ZERO, "ends before it begins"),
        (|config, second| config.lookup = second..=Duration::ZERO, "ends before it begins"),
        (|config, _| config.ephemeral_ports = 60_000..=5, "ends before it begins"),
        (|config, _| config.bytes_per_second = Some(9..=5), "ends before it begins"),
        (|config, _| config.bytes_per_second = Some(0..=5), "0 B/s"),
    ];
    for (wrong, says) in wrongs {
        let mut config = Config::default();
        wrong(&mut config, second);
        let payload = catch_unwind(|| drop(Sim::with_config(7, config))).unwrap_err();
        let said = payload.downcast_ref::<&str>().expect("a message");
        assert!(said.contains(says), "{said}");
    }
}

#[test]
fn a_name_by_which_no_host_could_be_found_is_refused() {
    for name in [
        "",
        " ",
        "my server",
        "a\tb",
        "localhost",
        "LocalHost",
        "10.9.9.9",
        "::1",
        "127.1",
        "0x7f.1",
        "a.7",
        "a|b",
        ">",
        "a;b",
        "it's",
    ] {
        let said = complaint_of(|| Sim::new(7).host(name, echo));
        assert!(said.contains("is no name of a host"), "{name:?}: {said}");
    }
    // One that another has, as names are found whatever their case.
    let said = complaint_of(|| {
        let sim = Sim::new(7);
        sim.host("shop_1.example", echo);
        sim.host("Shop_1.Example", echo);
    });
    assert!(said.contains("there is a host `Shop_1.Example` already"), "{said}");
    let sim = Sim::new(7);
    sim.host("shop", echo);
    assert!(!sim.is_up("Shop"), "and it is the same one, which has not begun");
    let said = complaint_of(|| Sim::new(7).host("Main", echo));
    assert!(said.contains("is the host of the scenario itself"), "{said}");
}

#[test]
fn what_scripts_say_of_links_is_refused_where_it_cannot_be() {
    let (second, minute) = (Duration::from_secs(1), Duration::from_secs(60));
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is wrong with them")]
    let wrongs: [&dyn Fn(&Sim); 3] = [
        &|sim| sim.flap("a", "b", minute..=second, second..=minute),
        &|sim| sim.flap("a", "b", second..=minute, minute..=second),
        &|sim| sim.long_latency("a", "b", 10, 9..=2),
    ];
    for wrong in wrongs {
        let said = complaint_of(|| {
            let sim = Sim::new(7);
            ["a", "b"].iter().for_each(|name| sim.host(name, echo));
            wrong(&sim);
        });
        assert!(said.contains("ends after it begins"), "{said}");
    }
}

/// What a panic says.
fn complaint_of(wrong: impl FnOnce()) -> String {
    let payload = catch_unwind(std::panic::AssertUnwindSafe(wrong)).unwrap_err();
    payload
        .downcast::<String>()
        .map_or_else(|payload| (*payload.downcast::<&str>().unwrap()).to_owned(), |said| *said)
}

#[test]
fn the_host_of_the_scenario_is_its_own() {
    type Wrong = fn(&Sim);
    let wrongs: [(Wrong, &str); 4] = [
        (|sim| sim.host("main", echo), "`main` is the host of the scenario itself"),
        (|sim| sim.crash("main"), "cannot crash"),
        (|sim| sim.restart("main"), "cannot begin again"),
        (|sim| sim.signal("main", ekiden_reactor::Signal::Terminate), "cannot crash"),
    ];
    for (wrong, says) in wrongs {
        let failure = Sim::new(7).try_run(async move |sim| wrong(&sim)).unwrap_err().to_string();
        assert!(failure.lines().next().unwrap().contains(says), "{failure}");
    }
}

#[test]
fn faults_that_a_scenario_has_no_place_for_are_told() {
    if is_alone() {
        return check(|sim| sim.run(async |_sim| sleep(Duration::from_secs(1)).await));
    }
    let test = "faults_that_a_scenario_has_no_place_for_are_told";
    let says = alone(test, &[("EKIDEN_FAULTS", "at 1 s partition a | b")], &[]);
    assert!(says.contains("EKIDEN_FAULTS is set, and the scenario draws no faults"), "{says}");
}

#[test]
fn who_ended_by_an_error_is_in_the_table_with_its_tasks() {
    let says = complaint(|sim| {
        sim.host("bad", async || {
            drop(spawn_named("clerk", sleep(Duration::from_secs(77))));
            sleep(Duration::from_millis(1)).await;
            Err::<(), _>("out of ink")
        });
        sim.run(async |_sim| sleep(Duration::from_secs(1)).await);
    });
    assert!(says.contains("the program of `bad` ended by an error: out of ink"), "{says}");
    assert!(says.contains("bad (10.0.0.1) runs\n") && says.contains(": clerk, spawned at"), "{says}");
}

#[test]
fn any_task_may_be_woken_for_nothing() {
    let woken = Rc::new(RefCell::new(BTreeSet::new()));
    check(|sim| {
        let woken = woken.clone();
        sim.run(async move |_sim| {
            for number in 0..60 {
                let (woken, mut polls) = (woken.clone(), 0);
                drop(spawn(std::future::poll_fn(move |_| {
                    polls += 1;
                    if polls > 1 {
                        woken.borrow_mut().insert(number);
                    }
                    std::task::Poll::<()>::Pending
                })));
            }
            for _ in 0..60 {
                sleep(Duration::from_millis(1)).await;
            }
        });
    });
    assert_eq!(woken.borrow().len(), 60);
}

#[test]
fn who_does_not_end_in_time_is_found() {
    let says = complaint(|sim| {
        sim.run(async |_sim| {
            loop {
                sleep(Duration::from_secs(10)).await;
            }
        });
    });
    assert!(says.contains("it has not ended in time"), "{says}");
}

#[test]
fn a_panic_that_nobody_receives_fails_the_run() {
    let says = complaint(|sim| {
        sim.host("careless", async || {
            drop(spawn(async { panic!("a slip") }));
            std::future::pending::<()>().await;
        });
        sim.run(async |_sim| sleep(Duration::from_secs(1)).await);
    });
    assert!(says.contains("`careless` has a task that panicked"), "{says}");
    assert!(says.contains("a slip"), "{says}");
}

#[test]
fn a_program_that_ends_by_an_error_fails_the_run() {
    let says = complaint(|sim| {
        sim.host("bad", async || Err::<(), _>("out of ink"));
        sim.run(async |_sim| sleep(Duration::from_secs(1)).await);
    });
    assert!(says.contains("the program of `bad` ended by an error: out of ink"), "{says}");
}

#[test]
fn ready_tasks_run_in_every_order_and_are_woken_for_nothing() {
    let (orders, polls) = (RefCell::new(BTreeSet::new()), Rc::new(Cell::new(0)));
    check(|sim| {
        let polls = polls.clone();
        let order = sim.run(async move |_sim| {
            let order = Rc::new(RefCell::new(Vec::new()));
            for n in 0..3 {
                let order = order.clone();
                drop(spawn(async move { order.borrow_mut().push(n) }));
            }
            drop(spawn(std::future::poll_fn(move |_| {
                polls.set(polls.get() + 1);
                std::task::Poll::<()>::Pending
            })));
            for _ in 0..10 {
                sleep(Duration::from_millis(1)).await;
            }
            order.take()
        });
        orders.borrow_mut().insert(order);
    });
    assert_eq!(orders.borrow().len(), 6);
    assert!(polls.get() > 275, "{} polls in 275 runs, each of one that was never woken", polls.get());
}

#[test]
fn a_report_names_who_has_ended_and_where_each_was_begun_and_of_very_many_tasks_the_worst() {
    let sim = Sim::new(7);
    sim.host("crowd", async || {
        (0..1000).for_each(|_| drop(spawn(sleep(Duration::from_secs(60)))));
        drop(spawn(std::future::poll_fn(|_| std::task::Poll::<()>::Pending)));
        sleep(Duration::from_secs(60)).await;
    });
    let failure = sim.try_run(async |_sim| {
        sleep(Duration::from_secs(1)).await;
        panic!("enough");
    });
    let failure = failure.unwrap_err().to_string();
    let lines: Vec<&str> = failure.lines().collect();
    assert!(lines.len() < 400, "{}", lines.len());
    let main = lines.iter().find(|line| line.contains(" panicked for ")).unwrap();
    assert!(main.contains("spawned at crates/sim/tests/world/discipline.rs"), "{main}");
    let crowd = lines.iter().position(|line| line.contains("crowd (")).unwrap();
    assert!(lines[crowd + 1].contains("STUCK") && lines[crowd + 2].contains("main, spawned at"), "{failure}");
    assert!(lines[crowd + 2].contains("crates/sim/tests/world/discipline.rs"), "{failure}");
    assert!(lines.contains(&"    and 952 more: 952 waiting"), "{failure}");
}
