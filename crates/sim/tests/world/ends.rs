//! How a program ends: what its tasks own is dropped then, and nothing of it is left to the one that begins next.

use std::cell::RefCell;
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ekiden_reactor::net::UnixStream;
use ekiden_reactor::{CoreId, cores, on_every_core, sleep, spawn, spawn_on};
use ekiden_sim::{Sim, check};

use super::discipline::complaint;

const SECOND: Duration = Duration::from_secs(1);

/// Does something when it is dropped.
struct Finally<F: FnMut()>(F);

impl<F: FnMut()> Drop for Finally<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// Leaves a task that owns something which does that.
fn leave(does: impl FnMut() + 'static) {
    let finally = Finally(does);
    drop(spawn(async move {
        let _finally = finally;
        pending::<()>().await;
    }));
}

#[test]
fn a_host_begins_again_with_the_cores_that_it_has_then() {
    check(|sim| {
        let seen = Rc::new(RefCell::new(Vec::new()));
        let of_host = seen.clone();
        sim.host("server", async move || {
            of_host.borrow_mut().push(cores().len());
            let _others = on_every_core(pending::<()>);
            pending::<()>().await;
        });
        sim.set_cores("server", 3);
        sim.run(async move |sim| {
            for cores in [1, 2, 1] {
                sleep(SECOND).await;
                sim.set_cores("server", cores);
                sim.restart("server");
            }
            sleep(SECOND).await;
            assert_eq!(*seen.borrow(), [3, 1, 2, 1]);
        });
    });
}

#[test]
fn what_is_dropped_when_a_program_ends_may_open_sockets() {
    let (opened, refused) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let program = {
        let (opened, refused) = (opened.clone(), refused.clone());
        move || {
            let (opened, refused) = (opened.clone(), refused.clone());
            leave(move || {
                let count = if UnixStream::pair().is_ok() { &opened } else { &refused };
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
    };
    let counts = || (opened.load(Ordering::Relaxed), refused.load(Ordering::Relaxed));
    {
        let sim = Sim::new(7);
        let (of_short, of_long) = (program.clone(), program.clone());
        sim.host("short", async move || of_short());
        sim.host("long", async move || {
            of_long();
            pending::<()>().await;
        });
        sim.run(async move |sim| {
            sleep(SECOND).await;
            // The world of a program that has crashed is gone.
            sim.restart("long");
            sleep(SECOND).await;
            program();
        });
        assert_eq!(counts(), (2, 1));
    }
    // And when the world ends, with what still runs in it.
    assert_eq!(counts(), (3, 1));
}

#[test]
fn a_panic_of_what_is_dropped_when_a_program_ends_fails_the_run() {
    for cores in [1, 2] {
        let says = complaint(|sim| {
            sim.host("careless", async move || {
                let slips = || leave(|| panic!("a slip at the end"));
                if cores == 1 {
                    return slips();
                }
                drop(spawn_on(CoreId::new(1), async move || slips()));
                sleep(SECOND).await;
            });
            sim.set_cores("careless", cores);
            sim.run(async |_sim| sleep(2 * SECOND).await);
        });
        assert!(says.contains("`careless` panicked in what a task of it owned"), "{says}");
        assert!(says.contains("a slip at the end"), "{says}");
    }
    let says = complaint(|sim| sim.run(async |_sim| leave(|| panic!("a slip at the end"))));
    assert!(says.contains("`main` panicked in what a task of it owned"), "{says}");
}

/// Breaks a promise in a task, and keeps its handle.
async fn slips() {
    let _never_asked = spawn(async {
        sleep(SECOND).await;
        panic!("a slip in a task");
    });
    sleep(3 * SECOND).await;
}

/// The same, and stays.
async fn slips_and_stays() {
    let _never_asked = spawn(slips());
    pending::<()>().await;
}

#[test]
fn a_panic_in_a_handle_that_is_kept_to_the_end_fails_the_run() {
    let says = |ends: fn(Sim)| {
        let says = complaint(ends);
        assert!(says.contains("a slip in a task"), "{says}");
        says
    };
    // Dropped in the last turn.
    let said = says(|sim| sim.run(async |_sim| slips().await));
    assert!(said.contains("`main` has a task that panicked"), "{said}");
    let said = says(|sim| {
        sim.host("server", slips);
        sim.run(async |_sim| sleep(9 * SECOND).await);
    });
    assert!(said.contains("`server` has a task that panicked"), "{said}");
    // Dropped with a task that has it.
    let said = says(|sim| {
        sim.run(async |_sim| {
            drop(spawn(slips_and_stays()));
            sleep(2 * SECOND).await;
        });
    });
    assert!(said.contains("`main` had at its end a task, spawned at"), "{said}");
    // Forgotten.
    let said = says(|sim| {
        sim.run(async |_sim| {
            std::mem::forget(spawn(async { panic!("a slip in a task") }));
            sleep(SECOND).await;
        });
    });
    assert!(said.contains("`main` had at its end a task, spawned at"), "{said}");
    // There when all is over, on another core too, and when its host crashes.
    let said = says(|sim| {
        sim.host("server", slips_and_stays);
        sim.run(async |_sim| sleep(2 * SECOND).await);
    });
    assert!(
        said.contains("`server` has at the run's end a task, spawned at sim/tests/world/ends.rs"),
        "{said}"
    );
    let said = says(|sim| {
        sim.host("server", async || {
            let _never_asked = spawn_on(CoreId::new(1), async || panic!("a slip in a task"));
            pending::<()>().await;
        });
        sim.set_cores("server", 2);
        sim.run(async |_sim| sleep(2 * SECOND).await);
    });
    assert!(
        said.contains("`server` has at the run's end a task, spawned at sim/tests/world/ends.rs"),
        "{said}"
    );
    let said = says(|sim| {
        sim.host("server", slips_and_stays);
        sim.run(async |sim| {
            sleep(2 * SECOND).await;
            sim.restart("server");
            sleep(SECOND / 2).await;
        });
    });
    assert!(said.contains("`server` had when it crashed a task, spawned at"), "{said}");
}

#[test]
fn a_panic_that_somebody_receives_fails_no_run() {
    check(|sim| {
        sim.host("server", async || {
            loop {
                let child = spawn(async {
                    sleep(SECOND / 100).await;
                    panic!("seen");
                });
                assert!(child.await.is_err());
                let child = spawn_on(CoreId::new(1), async || panic!("seen from another core"));
                assert!(child.await.is_err());
            }
            #[expect(unreachable_code, reason = "what it would return")]
            ()
        });
        sim.set_cores("server", 2);
        // So that it crashes when one has panicked and is about to be received, too.
        sim.slow_down("server", 1000);
        sim.run(async |sim| {
            for _ in 0..10 {
                sleep(sim.draw(1..=50) as u32 * SECOND / 1000).await;
                sim.restart("server");
            }
            sleep(SECOND).await;
        });
    });
}

#[test]
fn what_panics_when_a_world_is_dropped_hides_no_failure() {
    let says = |fails: bool| {
        let ran = catch_unwind(AssertUnwindSafe(|| {
            let sim = Sim::new(7);
            for name in ["one", "another"] {
                sim.host(name, async || {
                    let _slips = Finally(|| panic!("a slip at the end"));
                    pending::<()>().await;
                });
            }
            sim.run(async move |_sim| {
                sleep(SECOND).await;
                assert!(!fails, "the failure");
            });
        }));
        let payload = ran.unwrap_err();
        match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(payload) => (*payload.downcast::<&str>().unwrap()).to_owned(),
        }
    };
    assert!(says(true).contains("the failure"));
    assert_eq!(says(false), "a slip at the end");
}
