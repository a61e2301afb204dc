//! A core that is held by a task: what is told of it while it is held, and how the table reads.

use std::future::{pending, poll_fn};
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::inspect::{self, CoreDump, CoreState, Dump};
use ekiden_reactor::notice::Level;
use ekiden_reactor::{
    Config, Handle, Latch, OnLostPanic, Reactor, Signal, notice, signals, sleep, spawn, spawn_named,
    yield_now,
};

use crate::own_process;
use crate::signals::signal_self;
use crate::stand_in::{self, StandIn};

/// Met only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A reactor on a thread of its own, held by a task named `holder` while `test` runs. What the watchdog tells of it is
/// sent along.
fn while_a_core_is_held(held_max: Option<Duration>, test: impl FnOnce(&Handle, &Receiver<String>)) {
    let (release, released) = mpsc::channel::<()>();
    let ((tell_handle, handle), (tell, told)) = (mpsc::channel(), mpsc::channel());
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut config = Config::default();
            config.held_max = held_max;
            config.on_held = Arc::new(move |notice| tell.send(notice.to_string()).unwrap());
            let reactor = Reactor::new(config).unwrap();
            let handle = reactor.handle();
            reactor.run(async move {
                drop(spawn_named("bystander", pending::<()>()));
                yield_now().await;
                let holder = spawn_named("holder", async move {
                    tell_handle.send(handle).unwrap();
                    let _ = released.recv(); // whether it was released or the test has failed
                });
                holder.await.unwrap();
            });
        });
        let release = release; // dropped when the test fails, too
        test(&handle.recv_timeout(PATIENCE).unwrap(), &told);
        drop(release);
    });
}

/// What the dump says of a reactor.
fn dump_of(handle: &Handle) -> CoreDump {
    let number = handle.stats().reactor;
    Dump::take().cores.into_iter().find(|core| core.stats.reactor == number).expect("it has not ended")
}

/// Waits until it is told of the holder. Before that, on a machine with much to do, it may be told of whoever ran when the
/// core got no processor for so long.
fn told_of_the_holder(handle: &Handle, told: &Receiver<String>) {
    let number = handle.stats().reactor;
    loop {
        let line = told.recv_timeout(PATIENCE).unwrap();
        if line.starts_with("warning: watchdog: holder, spawned at crates/reactor/tests/") {
            assert!(line.contains(&format!(", holds reactor {number} for ")), "{line}");
            return;
        }
    }
}

#[test]
fn a_task_that_holds_its_core_is_told_while_it_does() {
    let limit = Duration::from_millis(100);
    while_a_core_is_held(Some(limit), |handle, told| {
        told_of_the_holder(handle, told);
        let stats = handle.stats();
        assert_eq!(stats.state, CoreState::Running, "it is held still");
        assert!(stats.held >= 1 && stats.held_worst >= limit);
        // And again, when it is ten times as long.
        told_of_the_holder(handle, told);
        assert_eq!(handle.stats().held, stats.held, "it is the same");
    });
}

#[test]
fn a_task_that_holds_the_end_of_its_reactor_is_told_while_it_does() {
    struct Holds(Receiver<()>);
    impl Drop for Holds {
        fn drop(&mut self) {
            let _ = self.0.recv(); // whether it was released or the test has failed
        }
    }
    let ((release, released), (tell, told)) = (mpsc::channel(), mpsc::channel());
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut config = Config::default();
            config.on_held = Arc::new(move |notice| tell.send(notice.to_string()).unwrap());
            let holds = Holds(released);
            Reactor::new(config).unwrap().run(async {
                drop(spawn_named("holder", async move {
                    let _holds = holds;
                    pending::<()>().await;
                }));
                yield_now().await;
            });
        });
        let release = release; // dropped when the test fails, too
        while !told.recv_timeout(PATIENCE).unwrap().starts_with("warning: watchdog: holder, spawned at ") {}
        drop(release);
    });
}

#[test]
fn a_core_that_begins_while_the_watchdog_looks_seldom_is_watched_as_closely_as_it_wants() {
    // Among other tests' cores the watchdog would look often.
    let test =
        "watching::a_core_that_begins_while_the_watchdog_looks_seldom_is_watched_as_closely_as_it_wants";
    let status = own_process::run(test, || {
        while_a_core_is_held(Some(PATIENCE * 60), |_handle, _told| {
            while_a_core_is_held(Some(Duration::from_millis(100)), |handle, told| {
                told_of_the_holder(handle, told);
            });
        });
    });
    assert!(status.is_none_or(|status| status.success()), "{status:?}");
}

#[test]
fn who_does_not_want_to_be_watched_is_not() {
    while_a_core_is_held(None, |handle, told| {
        // The dump waits for the core, longer than the watchdog would.
        assert!(dump_of(handle).held.is_some());
        assert_eq!((handle.stats().held, told.try_recv()), (0, Err(mpsc::TryRecvError::Empty)));
    });
}

#[test]
fn the_dump_prints_while_a_core_is_held_and_says_by_whom() {
    while_a_core_is_held(Some(PATIENCE), |handle, _told| {
        let dump = dump_of(handle);
        assert!(dump.tasks.is_none() && dump.held.is_some());
        let text = dump.to_string();
        let words: Vec<&str> = text.split_whitespace().collect();
        let said = words.join(" ");
        assert!(said.contains("HELD for ") && said.contains(" by holder, spawned at crates/"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    });
}

#[test]
fn the_operator_is_told_while_whoever_holds_the_core_holds_standard_error() {
    let (tell, told) = mpsc::channel();
    let locked = std::io::stderr().lock();
    thread::scope(|scope| {
        scope.spawn(move || {
            let reactor = Reactor::new(Config::default()).unwrap();
            reactor.run(async { notice(Level::Info, "test", format_args!("it is told")) });
            inspect::dump();
            tell.send(()).unwrap();
        });
        let in_time = told.recv_timeout(PATIENCE);
        drop(locked);
        in_time.unwrap();
    });
}

#[test]
fn two_cores_that_take_a_dump_at_the_same_time_answer_each_other() {
    let both = Barrier::new(2);
    let numbers: Vec<u64> = thread::scope(|scope| {
        let take = || {
            let reactor = Reactor::new(Config::default()).unwrap();
            let number = reactor.handle().stats().reactor;
            let dump = reactor.run(async {
                yield_now().await;
                both.wait();
                let dump = Dump::take();
                both.wait(); // neither goes on to read the other's letter before both have taken theirs
                dump
            });
            (number, dump)
        };
        let taken = [scope.spawn(take), scope.spawn(take)].map(|thread| thread.join().unwrap());
        for (_, dump) in &taken {
            for (number, _) in &taken {
                let core = dump.cores.iter().find(|core| core.stats.reactor == *number).unwrap();
                assert!(core.tasks.is_some(), "{core}");
            }
        }
        taken.iter().map(|(number, _)| *number).collect()
    });
    assert_ne!(numbers[0], numbers[1]);
}

#[test]
fn a_quit_signal_prints_who_holds_the_core_and_the_process_goes_on() {
    if own_process::is_inside() {
        return while_a_core_is_held(None, |_handle, told| {
            signal_self("QUIT");
            // Nothing is told: until the process is ended, or the test has failed.
            drop(told.recv_timeout(PATIENCE));
        });
    }
    let mut again =
        own_process::command("watching::a_quit_signal_prints_who_holds_the_core_and_the_process_goes_on");
    let mut again = again.arg("--nocapture").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(again.stderr.take().unwrap()).lines().map(Result::unwrap);
    let held: Vec<String> = lines.filter(|line| line.contains("HELD for ")).take(1).collect();
    assert!(again.try_wait().unwrap().is_none(), "it goes on");
    again.kill().unwrap();
    again.wait().unwrap();
    assert!(held.iter().any(|line| line.contains(" by holder, spawned at")), "{held:?}");
}

/// Runs the test of that name in a process of its own, where `inside` sends a quit signal and waits: whether the dump is
/// printed while the process goes on, or else by which signal it ends.
fn quits(test: &str, inside: fn()) -> Option<Quit> {
    if own_process::is_inside() {
        inside();
        return None;
    }
    let mut again = own_process::command(test);
    let mut again = again.arg("--nocapture").stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(again.stderr.take().unwrap()).lines().map(Result::unwrap);
    let has_dumped = lines.any(|line| line.starts_with("reactor "));
    let quit = match again.try_wait().unwrap() {
        None if has_dumped => Quit::Dumps,
        _ => Quit::EndsBy(again.wait().unwrap().signal()),
    };
    drop(again.kill());
    again.wait().unwrap();
    Some(quit)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Quit {
    Dumps,
    EndsBy(Option<i32>),
}

/// A reactor that prints the dump, or one that does not.
fn reactor(dump_on_quit: bool) -> Reactor {
    let mut config = Config::default();
    config.dump_on_quit = dump_on_quit;
    Reactor::new(config).unwrap()
}

/// Sends the signal and waits until the process is ended from without.
async fn quit() {
    signal_self("QUIT");
    sleep(PATIENCE).await;
}

#[test]
fn who_listens_for_the_quit_signal_before_the_dump_does_leaves_it_to_it() {
    let quit =
        quits("watching::who_listens_for_the_quit_signal_before_the_dump_does_leaves_it_to_it", || {
            reactor(false).run(async {
                let mut listener = signals([Signal::Quit]).unwrap();
                reactor(true).run(async {
                    signal_self("QUIT");
                    yield_now().await;
                });
                assert_eq!(listener.recv().await, Signal::Quit);
                reactor(true).run(async {
                    drop(listener);
                    quit().await;
                });
            });
        });
    assert!(quit.is_none_or(|quit| quit == Quit::Dumps), "{quit:?}");
}

#[test]
fn who_listens_for_the_quit_signal_after_the_dump_did_leaves_it_to_it() {
    let quit = quits("watching::who_listens_for_the_quit_signal_after_the_dump_did_leaves_it_to_it", || {
        reactor(true).run(async {
            let mut listener = signals([Signal::Quit]).unwrap();
            signal_self("QUIT");
            assert_eq!(listener.recv().await, Signal::Quit);
            drop(listener);
            quit().await;
        });
    });
    assert!(quit.is_none_or(|quit| quit == Quit::Dumps), "{quit:?}");
}

#[test]
fn behind_the_dump_and_who_listens_the_quit_signal_ends_the_process() {
    let quit = quits("watching::behind_the_dump_and_who_listens_the_quit_signal_ends_the_process", || {
        reactor(false).run(async {
            let mut listener = signals([Signal::Quit]).unwrap();
            reactor(true).run(async {});
            signal_self("QUIT");
            assert_eq!(listener.recv().await, Signal::Quit);
            drop(listener);
            quit().await;
        });
    });
    assert!(quit.is_none_or(|quit| quit == Quit::EndsBy(Some(3))), "{quit:?}");
}

#[test]
fn a_parked_core_is_asked_and_answers() {
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        scope.spawn(move || {
            let reactor = Reactor::new(Config::default()).unwrap();
            let (handle, stop) = (reactor.handle(), Latch::new());
            reactor.run(async move {
                let (waits, stopped) = (spawn_named("waits", sleep(Duration::from_secs(3600))), stop.wait());
                STOP.set(Some(stop));
                yield_now().await;
                tell.send(handle).unwrap();
                stopped.await;
                drop(waits);
            });
        });
        let handle = told.recv_timeout(PATIENCE).unwrap();
        // It has a quarter of a second each time, which can be too short where many tests run.
        let tasks = (0..100).find_map(|_| dump_of(&handle).tasks).expect("it answers");
        let waits = tasks.iter().find(|task| task.spawned.name == Some("waits")).unwrap();
        assert!(waits.waits[0].to_string().starts_with("timer in "));
        drop(handle.spawn(|| async { STOP.take().unwrap().open() }));
    });
}

thread_local! {
    /// What ends the reactor of a thread.
    static STOP: std::cell::Cell<Option<Latch>> = const { std::cell::Cell::new(None) };
}

#[test]
fn of_a_core_that_is_run_and_does_not_answer_it_is_not_said_that_nobody_runs_it() {
    let by_hand = || Reactor::with_driver(Config::default(), Hand::new().unwrap().0);
    by_hand().run(async {
        let outer = Handle::current();
        let inner = by_hand();
        let text = dump_of(&inner.handle()).to_string();
        assert!(text.ends_with("  nobody runs it\n"), "{text}");
        inner.run(async {
            let text = dump_of(&outer).to_string();
            assert!(text.ends_with("  it did not answer\n"), "{text}");
        });
    });
}

#[test]
fn a_waker_that_is_called_where_the_core_slept_sees_a_core_that_runs() {
    /// Sees how the core is when it is called.
    struct Sees(Handle, Waker, Arc<Mutex<Option<CoreState>>>);
    impl Wake for Sees {
        fn wake(self: Arc<Self>) {
            *self.2.lock().unwrap() = Some(self.0.stats().state);
            self.1.wake_by_ref();
        }
    }
    stand_in::run(StandIn::new(), async |stage| {
        let mut listener = signals([Signal::User1]).unwrap();
        let seen = Arc::new(Mutex::new(None));
        poll_fn(|cx| {
            let waker = Waker::from(Arc::new(Sees(Handle::current(), cx.waker().clone(), seen.clone())));
            let poll = listener.poll_recv(&mut Context::from_waker(&waker));
            if poll.is_pending() {
                stage.tell_signal(Signal::User1);
            }
            poll
        })
        .await;
        assert_eq!(*seen.lock().unwrap(), Some(CoreState::Running));
    });
}

#[test]
fn the_worst_come_first_and_lines_fit_a_terminal() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let second = Duration::from_secs(1);
        let long = spawn_named("took long", {
            let clock = clock.clone();
            async move {
                for _ in 0..3 {
                    clock.advance(Duration::from_millis(20));
                    yield_now().await;
                }
                sleep(second * 3600).await;
            }
        });
        for _ in 0..5 {
            yield_now().await;
        }
        clock.pass(Duration::from_millis(1)).await;
        let older = spawn_named("waits longer", sleep(second * 3600));
        yield_now().await;
        clock.advance(second * 60);
        let younger =
            spawn_named("waits, and has a name that is too long for any table", sleep(second * 3600));
        let latch = Latch::new();
        let ready = spawn_named("was woken", latch.wait());
        let stuck = spawn_named("nobody wakes it", pending::<()>());
        yield_now().await;
        latch.open();
        clock.advance(second);
        let number = Handle::current().stats().reactor;
        let dump = Dump::take();
        let core = dump.cores.iter().find(|core| core.stats.reactor == number).unwrap();
        let names: Vec<_> = core.tasks.iter().flatten().filter_map(|task| task.spawned.name).collect();
        let expected = [
            "took long",
            "was woken",
            "nobody wakes it",
            "waits longer",
            "waits, and has a name that is too long for any table",
            "main",
        ];
        assert_eq!(names, expected, "{core}");
        let text = core.to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(
            text.contains("\n         timer in ") && text.contains("nothing that could wake it"),
            "{text}"
        );
        drop((long, older, younger, ready, stuck));
    });
}

#[test]
fn a_lost_panic_ends_the_process_where_that_is_asked_for() {
    const ASKED: &str = "EKIDEN_TEST_ENDS_BY_A_LOST_PANIC";
    if std::env::var_os(ASKED).is_some() {
        let mut config = Config::default();
        config.on_lost_panic = OnLostPanic::Abort;
        Reactor::new(config).unwrap().run(async {
            assert!(spawn(async { panic!("received") }).await.is_err());
            eprintln!("it goes on");
            drop(spawn_named("the last", async { panic!("lost") }));
            yield_now().await;
            eprintln!("and on");
        });
        return;
    }
    let mut again = Command::new(std::env::current_exe().unwrap());
    let name = "watching::a_lost_panic_ends_the_process_where_that_is_asked_for";
    let ended = again.args(["--exact", name, "--nocapture"]).env(ASKED, "1").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&ended.status), Some(6), "{said}");
    assert!(said.contains("it goes on") && !said.contains("and on"), "{said}");
    assert!(said.contains("error: task: the last, spawned at "), "{said}");
}
