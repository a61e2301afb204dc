//! Clocks that differ from host to host.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use ekiden_reactor::{Instant, sleep, sleep_until, spawn, wall_clock};
use ekiden_sim::{Config, Sim, Skew, check, check_with};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Adds a host that sleeps for an hour of its own, and tells how long that was for the world.
fn sleeper(sim: &Sim, name: &str) -> Rc<Cell<Duration>> {
    let took = Rc::new(Cell::new(Duration::ZERO));
    let (of_host, world) = (took.clone(), sim.clone());
    sim.host(name, async move || {
        let (began, here) = (world.now(), Instant::now());
        sleep(HOUR).await;
        let passed = Instant::now() - here;
        assert!(passed >= HOUR && passed < HOUR + SECOND, "its own hour: {passed:?}");
        of_host.set(world.now() - began);
    });
    took
}

/// Worlds that last for a day.
fn long() -> Config {
    let mut config = Config::default();
    config.time_max = 24 * HOUR;
    config
}

#[test]
fn a_wall_clock_is_set_forwards_and_backwards_and_no_timer_cares() {
    check_with(&long(), |sim| {
        let took = sleeper(&sim, "server");
        let shown = Rc::new(Cell::new(None));
        let of_host = shown.clone();
        sim.host("clock", async move || {
            for _ in 0..u64::MAX {
                of_host.set(Some(wall_clock()));
                sleep(SECOND / 10).await;
            }
        });
        sim.run(async move |sim| {
            let behind = move || {
                let shown = shown.get().unwrap_or(SystemTime::UNIX_EPOCH);
                wall_clock().duration_since(shown).map_or_else(|_| -1, |by| by.as_secs() as i64)
            };
            sleep(SECOND).await;
            assert_eq!(behind(), 0);
            sim.skew("clock", Skew::Behind(HOUR));
            sim.skew("server", Skew::Ahead(2 * HOUR));
            sleep(SECOND).await;
            assert_eq!(behind(), 3600);
            // It is beside the world's, and not beside what it was.
            sim.skew("clock", Skew::Behind(HOUR / 2));
            sleep(SECOND).await;
            assert_eq!(behind(), 1800);
            sim.skew("clock", Skew::Ahead(HOUR));
            sleep(SECOND).await;
            assert_eq!(behind(), -1);
            sim.skew("clock", Skew::Behind(Duration::MAX));
            sim.skew("main", Skew::Behind(Duration::MAX));
            assert_eq!(wall_clock(), SystemTime::UNIX_EPOCH);
            sim.crash("clock");
            sleep(HOUR).await;
            assert!(took.get() >= HOUR && took.get() < HOUR + SECOND, "{took:?}");
        });
    });
}

#[test]
fn a_clock_that_drifts_fires_its_timers_early_or_late() {
    check_with(&long(), |sim| {
        let [fast, slow, right] = ["fast", "slow", "right"].map(|name| sleeper(&sim, name));
        sim.drift("fast", 100_000);
        sim.drift("slow", -100_000);
        sim.run(async move |sim| {
            sleep(2 * HOUR).await;
            let seconds = |took: &Cell<Duration>| took.get().as_secs();
            assert_eq!((seconds(&fast), seconds(&slow), seconds(&right)), (3272, 4000, 3600));
            // What takes time outside of a program goes by the world's clock.
            assert!(sim.now() < 2 * HOUR + SECOND);
        });
    });
}

#[test]
fn a_drift_that_changes_counts_from_then_on_and_no_clock_goes_back() {
    check_with(&long(), |sim| {
        let took = sleeper(&sim, "server");
        sim.run(async move |sim| {
            // It has half an hour to go, which it does in a third of one.
            sleep(HOUR / 2).await;
            sim.drift("server", 500_000);
            sleep(HOUR).await;
            assert_eq!(took.get().as_secs(), 1800 + 1200);

            let wall_before = wall_clock();
            let (mut shown, began) = (Instant::now(), sim.now());
            for ppm in [500_000, -500_000, 0, 17, -17, 0] {
                sim.drift("main", ppm);
                for _ in 0..10 {
                    let now = Instant::now();
                    assert!(now >= shown);
                    shown = now;
                    sleep(Duration::from_nanos(1)).await;
                }
            }
            sim.drift("main", -500_000);
            let (here, world) = (Instant::now(), sim.now());
            sleep_until(here + HOUR).await;
            assert_eq!((sim.now() - world).as_secs(), 7200);
            // The wall clock goes at the pace of the other.
            let off = (sim.now() - began).abs_diff(wall_clock().duration_since(wall_before).unwrap());
            assert!(off.abs_diff(HOUR) < SECOND, "{off:?}");
        });
    });
}

#[test]
fn clocks_of_a_configuration_differ_from_host_to_host_and_seed_to_seed() {
    let mut config = Config::default();
    (config.skew_max, config.drift_ppm_max) = (HOUR, 100);
    let (offs, early, late) = (RefCell::new(BTreeSet::new()), Cell::new(0), Cell::new(0));
    check_with(&config, |sim| {
        let first = Rc::new(Cell::new(None));
        let of_host = first.clone();
        sim.host("server", async move || of_host.set(Some(wall_clock())));
        let (off, slept) = sim.run(async move |sim| {
            let here = wall_clock();
            sleep(SECOND).await;
            let there = first.get().unwrap();
            let off = there.duration_since(here).unwrap_or_else(|error| error.duration());
            assert!(off <= 2 * HOUR + SECOND);
            let began = sim.now();
            sleep(1000 * SECOND).await;
            (off.as_secs(), sim.now() - began)
        });
        // A hundred ppm of a thousand seconds, and the turns.
        let expected = Duration::from_millis(999_899)..Duration::from_millis(1_000_105);
        assert!(expected.contains(&slept), "{slept:?}");
        early.set(early.get() + usize::from(slept < 1000 * SECOND));
        late.set(late.get() + usize::from(slept > 1000 * SECOND + SECOND / 500));
        offs.borrow_mut().insert(off);
    });
    assert!(offs.borrow().len() > 80, "{}", offs.borrow().len());
    assert!(early.get() > 20 && late.get() > 20, "{early:?} {late:?}");
}

#[test]
fn timers_that_are_due_together_fire_in_any_order_of_tasks_and_of_hosts() {
    let (of_tasks, of_hosts) = (RefCell::new(BTreeSet::new()), RefCell::new(BTreeSet::new()));
    check(|sim| {
        let fired = Rc::new(RefCell::new(Vec::new()));
        for name in ["one", "two", "three"] {
            let fired = fired.clone();
            sim.host(name, async move || {
                // The same moment on all, as their clocks are the world's.
                sleep_until(Instant::ORIGIN + SECOND).await;
                fired.borrow_mut().push(name);
            });
        }
        let order = sim.run(async move |_sim| {
            let order = Rc::new(RefCell::new(Vec::new()));
            let due = Instant::now() + SECOND;
            for n in 0..3 {
                let order = order.clone();
                drop(spawn(async move {
                    sleep_until(due).await;
                    order.borrow_mut().push(n);
                }));
            }
            sleep(2 * SECOND).await;
            order.take()
        });
        of_tasks.borrow_mut().insert(order);
        of_hosts.borrow_mut().insert(fired.take());
    });
    assert_eq!((of_tasks.borrow().len(), of_hosts.borrow().len()), (6, 6));
}
