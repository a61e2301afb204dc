//! The cores of a runtime: how they begin, what they are asked to do, and how they end.

use std::future::pending;
use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::process::{self, Command};
use ekiden_reactor::{
    Config, CoreId, Reactor, Runtime, cores, is_shutting_down, on_every_core, request_shutdown, run,
    shutdown, sleep, spawn, spawn_named, spawn_on, sync, yield_now,
};

pub(crate) fn runtime(threads: usize) -> Runtime {
    let mut runtime = Runtime::default();
    runtime.threads = NonZero::new(threads);
    runtime
}

const ZERO: fn() -> CoreId = || CoreId::new(0);
const ONE: fn() -> CoreId = || CoreId::new(1);

/// Tells, when it is dropped, on which thread.
struct Dropped(mpsc::Sender<thread::ThreadId>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.send(thread::current().id()).unwrap();
    }
}

#[test]
fn each_core_is_a_thread_and_the_first_is_the_callers() {
    let caller = thread::current().id();
    runtime(3).run(async {
        assert_eq!((cores().len(), CoreId::current()), (3, ZERO()));
        let mut threads = Vec::new();
        for task in on_every_core(|| async { (CoreId::current(), thread::current().id()) }) {
            let (core, thread) = task.await.unwrap();
            assert_eq!(core.index(), threads.len());
            assert!(!threads.contains(&thread));
            threads.push(thread);
        }
        assert_eq!((threads.len(), threads[0]), (3, caller));
    });
}

#[test]
fn a_core_begins_when_it_is_first_asked_for() {
    let made = Arc::new(Mutex::new(Vec::new()));
    let mut runtime = runtime(3);
    let making = made.clone();
    runtime.config = Arc::new(move |core| {
        making.lock().unwrap().push((core.index(), thread::current().id()));
        Config::default()
    });
    runtime.run(async {
        let here = thread::current().id();
        yield_now().await;
        assert_eq!(*made.lock().unwrap(), [(0, here)]);
        let there = spawn_on(CoreId::new(2), || async { thread::current().id() }).await.unwrap();
        assert_eq!(*made.lock().unwrap(), [(0, here), (2, there)]);
        // Once.
        assert_eq!(spawn_on(CoreId::new(2), || async { thread::current().id() }).await.unwrap(), there);
        assert_eq!(made.lock().unwrap().len(), 2);
    });
}

#[test]
fn what_is_spawned_on_another_core_need_not_be_send() {
    runtime(2).run(async {
        let sum = spawn_on(ONE(), || async {
            let local = Rc::new(40);
            let theirs = local.clone();
            spawn(async move { *theirs + 1 }).await.unwrap() + 1
        });
        assert_eq!(sum.await.unwrap(), 42);
    });
}

#[test]
fn a_core_may_spawn_on_itself_and_back() {
    runtime(2).run(async {
        let there_and_back = spawn_on(ONE(), || async {
            let back = spawn_on(ZERO(), || async { CoreId::current() }).await.unwrap();
            let self_ = spawn_on(ONE(), || async { CoreId::current() }).await.unwrap();
            (back, self_)
        });
        assert_eq!(there_and_back.await.unwrap(), (ZERO(), ONE()));
    });
}

#[test]
fn a_panic_over_there_reaches_the_handle_and_harms_nobody() {
    runtime(2).run(async {
        let error = spawn_on(ONE(), || async { panic!("over there") }).await.unwrap_err();
        assert_eq!(error.panic_message(), Some("over there"));
        assert_eq!(spawn_on(ONE(), || async { 1 }).await.unwrap(), 1);
    });
}

#[test]
fn a_task_over_there_is_aborted_where_it_lives() {
    let (dropped, was_dropped) = mpsc::channel();
    runtime(2).run(async move {
        let there = spawn_on(ONE(), || async { thread::current().id() }).await.unwrap();
        let stuck = spawn_on(ONE(), move || async move {
            let _told = Dropped(dropped);
            pending::<()>().await;
        });
        // So that it has begun.
        spawn_on(ONE(), || async {}).await.unwrap();
        stuck.abort();
        stuck.abort();
        assert!(stuck.await.unwrap_err().is_aborted());
        assert_eq!(was_dropped.try_recv(), Ok(there), "dropped before that is told");
        let ended = spawn_on(ONE(), || async { 5 });
        spawn_on(ONE(), || async {}).await.unwrap();
        ended.abort();
        assert_eq!(ended.await.unwrap(), 5);
    });
}

#[test]
fn a_handle_that_is_dropped_detaches_the_task() {
    runtime(2).run(async {
        let (sender, mut receiver) = sync::mpsc::channel(1);
        let (go, going) = sync::oneshot::channel::<()>();
        drop(spawn_on(ONE(), move || async move {
            going.await.unwrap();
            sender.send("went on").await.unwrap();
        }));
        spawn_on(ONE(), || async {}).await.unwrap();
        go.send(()).unwrap();
        assert_eq!(receiver.recv().await, Some("went on"));
    });
}

#[test]
fn all_cores_drop_their_tasks_on_their_own_threads_before_run_returns() {
    let (dropped, was_dropped) = mpsc::channel();
    let threads = runtime(3).run(async move {
        let mut threads = Vec::new();
        for core in cores() {
            let told = Dropped(dropped.clone());
            threads.push(
                spawn_on(core, move || async move {
                    drop(spawn(async move {
                        let _told = told;
                        pending::<()>().await;
                    }));
                    yield_now().await;
                    thread::current().id()
                })
                .await
                .unwrap(),
            );
        }
        threads
    });
    let mut dropped: Vec<_> = was_dropped.try_iter().collect();
    assert_eq!(dropped.len(), 3);
    dropped.retain(|thread| !threads.contains(thread));
    assert_eq!(dropped, []);
}

#[test]
fn a_panic_of_the_main_future_ends_all_cores_too() {
    let (dropped, was_dropped) = mpsc::channel();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        runtime(2).run(async move {
            drop(spawn_on(ONE(), move || async move {
                let _told = Dropped(dropped);
                pending::<()>().await;
            }));
            spawn_on(ONE(), || async {}).await.unwrap();
            panic!("main");
        })
    }));
    assert_eq!(*panicked.unwrap_err().downcast::<&str>().unwrap(), "main");
    assert!(was_dropped.try_recv().is_ok());
}

#[test]
fn a_core_that_has_ended_answers_that_the_task_was_aborted() {
    /// Spawns on another core when its own is ending.
    struct Late(mpsc::Sender<bool>);

    impl Drop for Late {
        fn drop(&mut self) {
            // Nobody has asked for that core yet, and now it does not begin any more.
            let late = spawn_on(CoreId::new(2), || async {});
            self.0
                .send(futures_util::FutureExt::now_or_never(late).unwrap().unwrap_err().is_aborted())
                .unwrap();
        }
    }

    let (sender, receiver) = mpsc::channel();
    runtime(3).run(async move {
        drop(spawn_on(ONE(), move || async move {
            let _late = Late(sender);
            pending::<()>().await;
        }));
        spawn_on(ONE(), || async {}).await.unwrap();
    });
    assert_eq!(receiver.try_recv(), Ok(true));
}

#[test]
fn the_failure_of_a_core_surfaces_in_run() {
    let mut runtime = runtime(2);
    runtime.config = Arc::new(|core| {
        assert_eq!(core.index(), 0, "no configuration");
        Config::default()
    });
    let failed = catch_unwind(AssertUnwindSafe(|| {
        runtime.run(async {
            let task = spawn_on(ONE(), || async {});
            assert!(task.await.unwrap_err().is_aborted());
            pending::<()>().await;
        })
    }));
    let message = *failed.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("no configuration"), "{message}");
}

#[test]
fn the_shutdown_begins_on_all_cores_whichever_is_asked() {
    for asked in [ZERO(), ONE()] {
        runtime(3).run(async move {
            // Two that wait before it begins, and one that begins after it.
            let waiting = [ZERO(), ONE()].map(|core| spawn_on(core, shutdown));
            for core in [ZERO(), ONE()] {
                assert!(!spawn_on(core, || async { is_shutting_down() }).await.unwrap());
            }
            spawn_on(asked, || async { request_shutdown() }).await.unwrap();
            for waiting in waiting {
                waiting.await.unwrap();
            }
            let late = spawn_on(CoreId::new(2), || async {
                shutdown().await;
                is_shutting_down()
            });
            assert!(late.await.unwrap());
        });
    }
}

/// The operator's log of a runtime, and the runtime.
fn logged(threads: usize) -> (Runtime, Arc<Mutex<Vec<String>>>) {
    let (mut runtime, log) = (runtime(threads), Arc::new(Mutex::new(Vec::new())));
    let told = log.clone();
    runtime.config = Arc::new(move |core| {
        let (told, mut config) = (told.clone(), Config::default());
        config.on_notice = Rc::new(move |notice| told.lock().unwrap().push(format!("{core}: {notice}")));
        config
    });
    (runtime, log)
}

#[test]
fn tasks_that_are_left_when_the_shutdown_is_over_are_told() {
    let (runtime, log) = logged(2);
    let place = runtime.run(async {
        let there = spawn_on(ONE(), || async {
            drop(spawn_named("the clerk", pending::<()>()));
            let place = format!("{}:{}:", file!(), line!() - 1);
            for _ in 0..6 {
                drop(spawn(pending::<()>()));
            }
            place
        });
        let place = there.await.unwrap();
        request_shutdown();
        place
    });
    let log = log.lock().unwrap();
    assert_eq!(log.len(), 1, "{log:?}");
    let start = "core 1: warning: shutdown: 7 tasks had not ended and are dropped: ";
    assert!(log[0].starts_with(start), "{log:?}");
    assert!(log[0].contains("the clerk, spawned at ") && log[0].contains(&place), "{log:?}");
    assert!(log[0].ends_with("; and 2 more"), "{log:?}");
}

#[test]
fn tasks_that_are_left_by_a_program_that_just_ends_are_not_told() {
    let (runtime, log) = logged(2);
    runtime.run(async {
        drop(spawn(pending::<()>()));
        drop(spawn_on(ONE(), pending::<()>));
        spawn_on(ONE(), || async {}).await.unwrap();
    });
    assert_eq!(*log.lock().unwrap(), [""; 0]);
}

#[test]
fn a_reactor_by_itself_is_its_only_core() {
    let reactor = Reactor::new(Config::default()).unwrap();
    reactor.run(async {
        assert_eq!((cores().len(), CoreId::current()), (1, ZERO()));
        assert_eq!(on_every_core(|| async {}).len(), 1);
        assert_eq!(spawn_on(ZERO(), || async { 1 }).await.unwrap(), 1);
    });
}

#[test]
#[should_panic(expected = "there is no core 2: the runtime has 2")]
fn a_core_that_the_runtime_does_not_have_is_refused() {
    runtime(2).run(async { drop(spawn_on(CoreId::new(2), || async {})) });
}

#[test]
fn a_program_has_the_cores_of_its_machine() {
    let available = thread::available_parallelism().map_or(1, NonZero::get);
    assert_eq!(run(async { cores().len() }), available);
}

#[test]
fn cores_that_share_a_clock_set_by_hand_keep_one_time() {
    let (hand, clock) = Hand::new().unwrap();
    runtime(2).reactor(hand).run(async {
        let hours = [ZERO(), ONE()].map(|core| spawn_on(core, || sleep(Duration::from_secs(3600))));
        for core in [ZERO(), ONE()] {
            spawn_on(core, || async {}).await.unwrap();
        }
        clock.advance(Duration::from_secs(3600));
        for hour in hours {
            hour.await.unwrap();
        }
    });
}

#[test]
fn values_go_back_and_forth_between_cores() {
    runtime(2).run(async {
        let (there, mut received) = sync::mpsc::channel::<usize>(4);
        let (back, mut returned) = sync::mpsc::channel::<usize>(4);
        let echo = spawn_on(ONE(), move || async move {
            while let Some(value) = received.recv().await {
                back.send(value + 1).await.unwrap();
            }
        });
        for value in 0..1000 {
            there.send(value).await.unwrap();
            assert_eq!(returned.recv().await, Some(value + 1));
        }
        drop(there);
        echo.await.unwrap();
    });
}

#[test]
fn a_storm_from_many_cores_loses_nothing() {
    static RAN: AtomicUsize = AtomicUsize::new(0);
    runtime(4).run(async {
        let tasks = on_every_core(|| async {
            let mut there = Vec::new();
            for round in 0..250 {
                let core = CoreId::new((CoreId::current().index() + round) % 4);
                there.push(spawn_on(core, || async { RAN.fetch_add(1, Ordering::Relaxed) }));
            }
            for task in there {
                task.await.unwrap();
            }
        });
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(RAN.load(Ordering::Relaxed), 1000);
}

/// The processors that this thread may use, as the system says.
#[cfg(target_os = "linux")]
fn processors() -> String {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"));
    line.unwrap().trim().to_owned()
}

#[cfg(target_os = "linux")]
#[test]
fn pinned_cores_stay_on_a_processor_each_and_what_blocks_does_not() {
    let before = processors();
    let mut runtime = runtime(2);
    runtime.pin_threads = true;
    runtime.run(async {
        let mut pinned = Vec::new();
        for task in on_every_core(|| async { processors() }) {
            pinned.push(task.await.unwrap());
        }
        assert!(pinned.iter().all(|processors| processors.parse::<usize>().is_ok()), "{pinned:?}");
        assert_eq!(pinned[0] != pinned[1], before.parse::<usize>().is_err(), "{pinned:?} of {before}");
        assert_eq!(ekiden_reactor::blocking(processors).await.unwrap(), before);
        let here = processors();
        let mut grep = Command::new("grep");
        let status =
            process::output(grep.args(["Cpus_allowed_list", "/proc/self/status"]), 4096).await.unwrap();
        let child = String::from_utf8(status.stdout).unwrap();
        assert_eq!(child.split_whitespace().last(), Some(&*before), "a child may run everywhere");
        assert_eq!(processors(), here, "and who began it where it did");
    });
    assert_eq!(processors(), before);
}
