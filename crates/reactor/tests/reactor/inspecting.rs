//! What can be seen of a reactor from outside, and from inside.

use std::future::{pending, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures_util::future::{join, select};
use futures_util::stream::{FuturesUnordered, StreamExt};

use ekiden_reactor::channel::Notify;
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::inspect::{self, Asked, CoreState, Dump, PoolStats, TaskInfo, TaskState, Wait};
use ekiden_reactor::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use ekiden_reactor::{
    Config, CoreId, Handle, Instant, Latch, Reactor, Signal, Task, TaskGroup, Tick, blocking, channel,
    notice::Notice, schedule, shutdown, signals, sleep, spawn, spawn_named, spawn_on, sync, yield_now,
};

use super::cores::runtime;

/// Runs a test on a clock set by hand, which stands still but for what the test does.
fn run<F: Future>(test: F) -> F::Output {
    let (hand, _clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(test)
}

#[test]
fn a_core_that_is_held_shows_by_whom_to_other_threads() {
    let (tell, told) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    thread::scope(|scope| {
        scope.spawn(move || {
            let reactor = Reactor::new(Config::default()).unwrap();
            let handle = reactor.handle();
            reactor.run(async move {
                let hold = spawn_named("holder", async move {
                    tell.send(handle).unwrap();
                    released.recv().unwrap();
                });
                hold.await.unwrap();
            });
        });
        let handle: Handle = told.recv().unwrap();
        let held = handle.stats();
        let running = held.running.expect("a task runs");
        assert_eq!((held.state, running.name), (CoreState::Running, Some("holder")));
        assert_eq!(running.at.file(), file!());
        assert_eq!(handle.stats().polls, held.polls, "it is the same poll");
        assert!(inspect::stats().iter().any(|stats| stats.reactor == held.reactor), "it is one of all");
        release.send(()).unwrap();
    });
}

#[test]
fn the_rest_of_a_core_that_sleeps_counts_while_it_sleeps() {
    let ((tell, told), (release, released)) = (mpsc::channel(), sync::oneshot::channel::<()>());
    thread::scope(|scope| {
        scope.spawn(move || {
            let reactor = Reactor::new(Config::default()).unwrap();
            tell.send(reactor.handle()).unwrap();
            reactor.run(async move { assert!(released.await.is_err(), "it is dropped") });
        });
        let handle = told.recv().unwrap();
        let parked = || loop {
            let stats = handle.stats();
            if stats.state == CoreState::Parked {
                return stats;
            }
            thread::yield_now();
        };
        let before = parked();
        let after = std::iter::repeat_with(parked).find(|stats| stats.idle > before.idle).unwrap();
        assert_eq!((after.turns, after.busy, after.ready), (before.turns, before.busy, 0));
        assert_eq!(after.busy_share_since(&before), Some(0.0));
        drop(release);
    });
}

#[test]
fn of_very_many_tasks_a_dump_shows_the_worst() {
    const ALL: usize = 5_000;
    run(async {
        for _ in 0..ALL {
            drop(spawn(pending::<()>()));
        }
        let (tell, waits) = channel::oneshot::channel::<()>();
        drop(spawn_named("waits for a friend", async move { assert!(waits.await.is_err()) }));
        yield_now().await;
        let core = Dump::take().cores.into_iter().find(|core| core.stats.tasks >= ALL as u64).unwrap();
        let tasks = core.tasks.unwrap();
        assert_eq!(tasks.len() + core.more, ALL + 2, "the main future is one of them");
        assert!(tasks.len() < ALL / 2, "they are some of them");
        assert!(tasks.iter().all(|task| task.state == TaskState::Stuck), "which is worse than to wait");
        drop(tell);
    });
}

#[test]
fn letters_that_a_core_has_not_read_and_jobs_off_the_core_are_counted() {
    let (hand, _clock) = Hand::new().unwrap();
    let reactor = Reactor::with_driver(Config::default(), hand);
    let handle = reactor.handle();
    let unread = handle.clone();
    let spawned: Vec<_> = (0..3).map(|_| unread.spawn(|| async {})).collect();
    assert_eq!(unread.stats().letters, 3, "nobody runs it");
    reactor.run(async move {
        for spawned in spawned {
            spawned.await.unwrap();
        }
        assert_eq!(handle.stats().letters, 0);
        // One for each thread and two more.
        let (releases, jobs): (Vec<_>, Vec<_>) = (0..66)
            .map(|_| {
                let (release, released) = mpsc::channel::<()>();
                (release, blocking(move || released.recv()))
            })
            .unzip();
        let seen = || (handle.stats().blocking.busy, handle.stats().blocking.waiting);
        while seen() != (64, 2) {
            yield_now().await;
        }
        let text = Dump::take().to_string();
        let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "·").collect();
        assert!(words.join(" ").contains("blocking jobs 64 blocking jobs that wait 2"), "{text}");
        drop(releases);
        for job in jobs {
            assert!(job.await.unwrap().is_err());
        }
        while seen() != (0, 0) {
            yield_now().await;
        }
        assert_eq!(handle.stats().lookups, PoolStats::default());
    });
}

#[test]
fn a_reactor_that_nobody_runs_is_out_and_one_that_has_ended_is_gone() {
    let reactor = Reactor::new(Config::default()).unwrap();
    let handle = reactor.handle();
    assert_eq!(handle.stats().state, CoreState::Out);
    let (number, running) = reactor.run(async { (handle.stats().reactor, handle.stats().running) });
    assert_eq!(running.and_then(|running| running.name), Some("main"));
    assert_eq!((handle.stats().state, handle.stats().running), (CoreState::Out, None));
    let is_listed = || inspect::stats().iter().any(|stats| stats.reactor == number);
    assert!(is_listed());
    drop(reactor);
    assert!(!is_listed());
}

#[test]
fn a_reactor_whose_future_panicked_runs_nothing() {
    let reactor = Reactor::new(Config::default()).unwrap();
    let handle = reactor.handle();
    let run = || reactor.run(async { panic!("the future of the test panics") });
    catch_unwind(AssertUnwindSafe(run)).unwrap_err();
    assert_eq!((handle.stats().state, handle.stats().running), (CoreState::Out, None));
}

#[test]
fn turns_polls_and_what_a_core_has_are_counted() {
    run(async {
        let handle = Handle::current();
        let before = handle.stats();
        let timer = spawn(sleep(Duration::from_secs(1)));
        let other = spawn(pending::<()>());
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        yield_now().await;
        yield_now().await;
        let after = handle.stats();
        assert_eq!(
            (after.turns - before.turns, after.polls - before.polls),
            (2, 4),
            "main's and one of each"
        );
        assert_eq!((after.tasks, after.timers, after.sources, after.ready), (2, 1, 1, 1));
        drop((timer, other, socket));
        assert_eq!(handle.stats().sources, 0);
    });
}

#[test]
fn sleeps_of_a_core_and_what_wakes_it_are_counted() {
    let (hand, clock) = Hand::new().unwrap();
    let seconds = Duration::from_secs(5);
    Reactor::with_driver(Config::default(), hand).run(async {
        let (handle, before) = (Handle::current(), Handle::current().stats());
        let timer = sleep(seconds);
        let elsewhere = blocking(move || {
            while handle.stats().state != CoreState::Parked {
                thread::yield_now();
            }
            clock.advance(seconds);
        });
        timer.await;
        elsewhere.await.unwrap();
        let after = Handle::current().stats();
        assert_eq!((after.busy - before.busy, after.idle - before.idle), (Duration::ZERO, seconds));
        assert_eq!(after.timers_fired - before.timers_fired, 1);
        // Whoever asks all reactors of the process for their tasks wakes this one too.
        assert!(after.wakeups > before.wakeups);
    });
}

#[test]
fn time_that_passes_in_a_turn_is_busy_time() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let before = Handle::current().stats();
        clock.advance(Duration::from_millis(7));
        yield_now().await;
        let after = Handle::current().stats();
        assert_eq!(
            (after.busy - before.busy, after.idle - before.idle),
            (Duration::from_millis(7), Duration::ZERO)
        );
    });
}

#[test]
fn a_panic_that_nobody_received_is_counted() {
    let mut config = Config::default();
    config.on_notice = Rc::new(|_: &Notice<'_>| ());
    Reactor::new(config).unwrap().run(async {
        assert!(spawn(async { panic!("seen") }).await.is_err());
        assert_eq!(Handle::current().stats().panics, 0);
        drop(spawn(async { panic!("lost") }));
        yield_now().await;
        assert_eq!(Handle::current().stats().panics, 1);
    });
}

fn task(name: &str) -> TaskInfo {
    let named = |task: &TaskInfo| task.spawned.name == Some(name);
    inspect::tasks().into_iter().find(named).unwrap_or_else(|| panic!("there is no task {name}"))
}

/// What a task of this future waits for, once it has been polled.
async fn waits_of<F: Future + 'static>(future: F) -> Vec<String> {
    let waits = spawn_named("waits", future);
    yield_now().await;
    let task = task("waits");
    assert_eq!(task.state, if task.waits.is_empty() { TaskState::Stuck } else { TaskState::Waiting });
    waits.abort();
    assert!(waits.await.is_err_and(|error| error.is_aborted()), "it waits");
    task.waits.iter().map(ToString::to_string).collect()
}

#[test]
fn a_task_shows_which_socket_it_waits_for() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let client = Rc::new(TcpStream::connect(addr).await.unwrap());
        let (server, peer) = listener.accept().await.unwrap();
        assert_eq!(waits_of(async move { listener.accept().await }).await, [format!("accept tcp {addr}")]);
        let reader = client.clone();
        assert_eq!(
            waits_of(async move { reader.read(&mut [0; 9]).await }).await,
            [format!("read tcp {addr}")]
        );
        let watcher = client.clone();
        assert_eq!(waits_of(async move { watcher.hangup().await }).await, [format!("hangup tcp {addr}")]);
        let reads = async move { server.read(&mut [0; 9]).await };
        assert_eq!(waits_of(reads).await, [format!("read tcp {peer}")]);
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = udp.local_addr().unwrap();
        assert_eq!(
            waits_of(async move { udp.recv_from(&mut [0; 9]).await }).await,
            [format!("recv udp {addr}")]
        );
    });
}

#[test]
fn a_task_that_reads_and_writes_shows_both() {
    run(async {
        let (client, server) = UnixStream::pair().unwrap();
        let _both = spawn_named("both", async move {
            let writes = async { while client.write_all(&[0; 65536]).await.is_ok() {} };
            join(client.read(&mut [0; 9]), writes).await
        });
        yield_now().await;
        let waits: Vec<String> = task("both").waits.iter().map(ToString::to_string).collect();
        assert_eq!(waits, ["read unix", "write unix"]);
        drop(server);
    });
}

#[test]
fn a_task_shows_which_channel_it_waits_for() {
    run(async {
        let (sender, receiver) = channel::oneshot::channel::<u8>();
        assert_eq!(waits_of(receiver).await, ["oneshot recv"]);
        drop(sender);
        let (sender, mut receiver) = channel::mpsc::channel::<u8>(1);
        sender.send(1).await.unwrap();
        let other = sender.clone();
        assert_eq!(waits_of(async move { other.send(2).await }).await, ["mpsc send"]);
        let other = sender.clone();
        assert_eq!(waits_of(async move { other.closed().await }).await, ["mpsc closed"]);
        let received = async move { while receiver.recv().await.is_some() {} };
        assert_eq!(waits_of(received).await, ["mpsc recv"]);
        let (watched, mut watcher) = channel::watch::channel(1);
        drop(watcher.get());
        assert_eq!(waits_of(async move { watcher.changed().await.is_ok() }).await, ["watch changed"]);
        assert_eq!(waits_of(channel::Notify::new().notified()).await, ["notify"]);
        let latch = Latch::new();
        assert_eq!(waits_of(latch.wait()).await, ["latch"]);
        assert_eq!(waits_of(shutdown()).await, ["shutdown"]);
        let (sender, mut receiver) = sync::mpsc::channel::<u8>(1);
        assert_eq!(waits_of(async move { receiver.recv().await }).await, ["mpsc recv between threads"]);
        drop((sender, watched));
        let (release, released) = mpsc::channel::<()>();
        assert_eq!(waits_of(blocking(move || released.recv())).await, ["blocking job"]);
        drop(release);
    });
}

#[test]
fn a_task_shows_on_which_core_somebody_holds_what_it_waits_for() {
    runtime(2).run(async {
        let between = sync::Semaphore::new(1);
        let (theirs, (tell, told)) = (between.clone(), sync::oneshot::channel());
        let holder = async move || {
            let _held = theirs.acquire(1).await.unwrap();
            tell.send(Handle::current().stats().reactor).unwrap();
            pending::<()>().await;
        };
        let _holder = spawn_on(CoreId::new(1), holder);
        let reactor = told.await.unwrap();
        assert_ne!(reactor, Handle::current().stats().reactor);
        let waits = spawn_named("waits", async move { between.acquire(1).await.is_ok() });
        yield_now().await;
        let wait = task("waits").waits.pop().unwrap();
        let Wait::Held { what: Asked::Semaphore, between_threads: true, by, .. } = &wait else {
            panic!("{wait}")
        };
        let elsewhere = by[0].elsewhere.unwrap();
        assert_eq!((elsewhere.reactor, elsewhere.core), (reactor, Some(CoreId::new(1))));
        let text = wait.to_string();
        let by = format!("(held by task {} of reactor {reactor}, {}:", by[0].id, file!());
        assert!(text.starts_with(&format!("semaphore between threads {by}")), "{text}");
        waits.abort();
    });
}

#[test]
fn a_task_shows_who_holds_what_it_waits_for() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let (lanes, between) = (channel::Semaphore::new(2), sync::Semaphore::new(1));
        let log = Rc::new(channel::Mutex::new(()));
        let (mine, theirs, lock) = (lanes.clone(), between.clone(), log.clone());
        let holder = spawn_named("holder", async move {
            let _held = (mine.acquire(2).await, theirs.acquire(1).await, lock.lock().await);
            pending::<()>().await;
        });
        yield_now().await;
        clock.pass(Duration::from_secs(31)).await;
        let id = task("holder").id;
        let line = line!() - 7;
        let by = format!("(held by task {id}, holder, {}:{line} for 31 s)", file!());
        assert_eq!(waits_of(lanes.acquire(1)).await, [format!("semaphore {by}")]);
        let waits = waits_of(between.acquire(1)).await;
        assert_eq!(waits, [format!("semaphore between threads {by}")]);
        assert_eq!(waits_of(async move { drop(log.lock().await) }).await, [format!("mutex {by}")]);
        // Who waits no longer is not listed any more, and neither is who holds no longer.
        let lane = lanes.acquire(1);
        let waiter = spawn_named("waiter", async move {
            let _lane = lane.await;
            sleep(Duration::from_secs(4)).await;
        });
        yield_now().await;
        assert_eq!(task("waiter").waits.len(), 1);
        holder.abort();
        yield_now().await;
        yield_now().await;
        let waits: Vec<String> = task("waiter").waits.iter().map(ToString::to_string).collect();
        assert_eq!(waits, ["timer in 4 s"]);
        let waits = waits_of(lanes.acquire(2)).await;
        assert!(waits[0].contains("waiter") && !waits[0].contains("holder"), "{waits:?}");
        drop(waiter);
    });
}

#[test]
fn a_task_that_waits_for_another_shows_which() {
    run(async {
        let child = spawn_named("child", pending::<()>());
        yield_now().await;
        let id = task("child").id;
        let line = line!() - 3;
        assert_eq!(waits_of(child).await, [format!("join of task {id}, child, {}:{line}", file!())]);
        let mut group = TaskGroup::new(1);
        drop(group.spawn(pending::<()>()).await);
        assert_eq!(waits_of(async move { group.join_all().await }).await, ["group join"]);
    });
}

#[test]
fn several_waits_of_one_task_are_all_shown() {
    run(async {
        let (_sender, receiver) = channel::oneshot::channel::<u8>();
        let (_words, mut letters) = channel::mpsc::channel::<u8>(1);
        let all = async move {
            let limit = pin!(sleep(Duration::from_secs(4)));
            let letter = pin!(letters.recv());
            select(select(receiver, letter), limit).await;
        };
        assert_eq!(waits_of(all).await, ["timer in 4 s", "mpsc recv", "oneshot recv"]);
    });
}

#[test]
fn a_socket_that_is_used_by_something_within_a_task_is_still_the_tasks() {
    run(async {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let addr = udp.local_addr().unwrap();
        let many = async move {
            let mut within = FuturesUnordered::new();
            within.push(async { udp.recv_from(&mut [0; 9]).await.map(|_| ()) });
            within.next().await
        };
        assert_eq!(waits_of(many).await, [format!("recv udp {addr}")]);
    });
}

#[test]
fn a_timer_within_something_within_a_task_is_still_the_tasks() {
    run(async {
        let timers =
            || (1..3).map(|seconds| sleep(Duration::from_secs(seconds))).collect::<FuturesUnordered<_>>();
        let within = waits_of(async move { timers().next().await }).await;
        // What is within is polled anew only when it is woken.
        assert_eq!(within, ["timer (asked before its last poll)"]);
        // A timer that was asked and is no more is not told of.
        let (_sender, receiver) = channel::oneshot::channel::<()>();
        let over = async move {
            assert!(
                poll_fn(|cx| Poll::Ready(pin!(sleep(Duration::from_secs(1))).poll(cx))).await.is_pending()
            );
            receiver.await
        };
        assert_eq!(waits_of(over).await, ["oneshot recv"]);
    });
}

/// Ticks by a function, which says whether it waits.
struct Asks<F>(F);

impl<F: FnMut() -> bool> Task for Asks<F> {
    fn tick(&mut self) -> io::Result<Tick> {
        Ok(if (self.0)() { Tick::WouldBlock } else { Tick::Final })
    }
}

/// What a task waits for that ticks so, once it has.
async fn waits_of_tick(waits: impl FnMut() -> bool + 'static) -> Vec<String> {
    let ticks = schedule(Asks(waits));
    yield_now().await;
    let last = inspect::tasks().into_iter().max_by_key(|task| task.id).unwrap();
    assert_eq!(last.state, TaskState::Waiting);
    ticks.abort();
    assert!(ticks.await.is_err_and(|error| error.is_aborted()), "it waits");
    last.waits.iter().map(ToString::to_string).collect()
}

#[test]
fn a_task_that_ticks_shows_what_a_future_does() {
    let reactor = Reactor::new(Config::default()).unwrap();
    reactor.run(async {
        let (release, released) = mpsc::channel::<()>();
        let mut job = blocking(move || released.recv().is_ok());
        assert_eq!(waits_of_tick(move || job.try_join().unwrap().is_none()).await, ["blocking job"]);
        drop(release);
        let mut remote = Handle::current().spawn(pending::<()>);
        yield_now().await;
        let waits = waits_of_tick(move || remote.try_join().unwrap().is_none()).await;
        assert_eq!(waits, ["join of a remote task"]);
        let mut full = TaskGroup::new(1);
        assert!(full.try_spawn(pending::<()>()).is_ok());
        assert_eq!(waits_of_tick(move || full.try_spawn(pending()).is_err()).await, ["group join"]);
        let mut sleep = sleep(Duration::from_secs(100));
        let waits = waits_of_tick(move || sleep.try_elapsed().unwrap().is_none()).await;
        assert!(waits.len() == 1 && waits[0].starts_with("timer in 1.6"), "{waits:?}");
    });
}

#[test]
fn what_was_asked_before_the_last_poll_says_so() {
    run(async {
        let (_sender, receiver) = channel::oneshot::channel::<u8>();
        let mut receiver = Box::pin(receiver);
        let once = spawn_named("once", async move {
            assert!(poll_fn(|cx| Poll::Ready(receiver.as_mut().poll(cx).is_pending())).await);
            yield_now().await;
            poll_fn(|_| Poll::<()>::Pending).await; // and keeps the receiver
            drop(receiver);
        });
        yield_now().await;
        yield_now().await;
        let task = task("once");
        assert_eq!((task.polls, task.state), (2, TaskState::Waiting));
        assert_eq!(task.waits[0].to_string(), "oneshot recv (asked before its last poll)");
        drop(once);
    });
}

#[test]
fn a_task_that_nobody_can_wake_is_stuck() {
    run(async {
        assert_eq!(waits_of(pending::<()>()).await, [""; 0]);
        let stuck = spawn_named("stuck", async {
            let (sender, receiver) = channel::oneshot::channel::<u8>();
            assert!(receiver.await.is_err());
            drop(sender);
        });
        yield_now().await;
        assert_eq!(
            task("stuck").state,
            TaskState::Waiting,
            "the channel has its waker, even if nobody will send"
        );
        drop(stuck);
    });
}

#[test]
fn a_task_that_another_thread_has_just_woken_is_ready_and_not_stuck() {
    run(async {
        let (sender, receiver) = sync::oneshot::channel::<()>();
        let told = spawn_named("told", receiver);
        yield_now().await;
        assert_eq!(task("told").state, TaskState::Waiting);
        // The waker has been used up, and this core has not read of it.
        thread::scope(|scope| scope.spawn(move || sender.send(())).join()).unwrap().unwrap();
        let listed = task("told");
        assert_eq!((listed.state, listed.since), (TaskState::Ready, Duration::ZERO));
        told.await.unwrap().unwrap();
    });
}

#[test]
fn a_task_has_a_parent_an_age_and_a_place() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let parent = spawn_named("parent", async {
            let child = spawn_named("child", pending::<()>());
            yield_now().await;
            child.await.unwrap();
        });
        yield_now().await;
        clock.pass(Duration::from_secs(2)).await;
        let (main, parent_task, child) = (task("main"), task("parent"), task("child"));
        assert_eq!(child.parent.map(|parent| parent.id), Some(parent_task.id));
        assert_eq!(child.parent.map(|parent| parent.spawned), Some(parent_task.spawned));
        assert_eq!(parent_task.parent.map(|parent| parent.id), Some(main.id));
        assert_eq!((main.parent, main.state), (None, TaskState::Running));
        assert_eq!(
            (child.age, child.since, child.polls),
            (Duration::from_secs(2), Duration::from_secs(2), 1)
        );
        assert_eq!((child.spawned.at.file(), child.spawned.at.line()), (file!(), line!() - 15));
        assert_eq!((main.spawned.at.file(), main.spawned.at.line()), (file!(), line!() - 18));
        drop(parent);
    });
}

#[test]
fn a_task_waits_since_it_was_polled_last() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let notify = Rc::new(Notify::new());
        let heard = notify.clone();
        let hears = spawn_named("hears", async move {
            loop {
                heard.notified().await;
                yields(3).await;
            }
        });
        yield_now().await;
        notify.notify_one();
        yield_now().await;
        clock.advance(Duration::from_secs(5));
        yields(5).await;
        clock.pass(Duration::from_secs(3)).await;
        let hears_task = task("hears");
        assert_eq!((hears_task.state, hears_task.since), (TaskState::Waiting, Duration::from_secs(3)));
        drop(hears);
    });
}

#[test]
fn a_task_that_was_woken_is_ready_since_then() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let latch = Latch::new();
        let woken = spawn_named("woken", latch.wait());
        yield_now().await;
        clock.pass(Duration::from_secs(5)).await;
        latch.open();
        clock.advance(Duration::from_secs(1));
        let task = task("woken");
        assert_eq!((task.state, task.since), (TaskState::Ready, Duration::from_secs(1)));
        assert!(task.waits.is_empty());
        woken.await.unwrap();
    });
}

#[test]
fn a_task_that_the_world_has_woken_is_ready_since_it_heard_of_it() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let (client, server) = UnixStream::pair().unwrap();
        let server = Rc::new(server);
        let theirs = server.clone();
        // The main future waits for the same socket, and runs first.
        let listed = poll_fn(|cx| match server.poll_read(cx, &mut []) {
            _ if clock.now() > Instant::ORIGIN => Poll::Ready(task("second")),
            Poll::Ready(_) => Poll::Pending,
            Poll::Pending => Poll::Pending,
        });
        let second = spawn_named("second", async move { theirs.read(&mut [0; 1]).await });
        let later = spawn({
            let clock = clock.clone();
            async move {
                yield_now().await;
                client.write_all(b"a").await.unwrap();
                clock.advance(Duration::from_secs(60));
                pending::<()>().await;
            }
        });
        let second_task = listed.await;
        assert_eq!((second_task.state, second_task.since), (TaskState::Ready, Duration::ZERO));
        drop((second, later));
    });
}

#[test]
fn long_polls_are_timed_one_by_one() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async move {
        let ms = Duration::from_millis;
        let works = |name, time| {
            let clock = clock.clone();
            spawn_named(name, async move {
                for _ in 0..4 {
                    clock.advance(time);
                    yield_now().await;
                }
            })
        };
        let (long, longer, short) = (works("long", ms(2)), works("longer", ms(4)), works("short", ms(0)));
        yield_now().await;
        yield_now().await;
        // Of the first turn it is known that it took 6 ms: three tasks and the main future ran in it.
        let of = |name| {
            let task = task(name);
            (task.busy, task.busy_error, task.longest_poll, task.longest_poll_is_exact)
        };
        assert_eq!(of("longer"), (ms(4) + Duration::from_micros(1500), ms(6), ms(6), false));
        assert_eq!(of("long").0, ms(2) + Duration::from_micros(1500));
        assert_eq!(of("short").0, Duration::from_micros(1500));
        let late = works("late", ms(3));
        yield_now().await;
        yield_now().await;
        assert_eq!(of("late"), (ms(6), ms(0), ms(3), true));
        drop((long, longer, short, late));
    });
}

#[test]
fn short_polls_share_the_time_of_their_turns() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async move {
        let (often, seldom) = (spawn_named("often", yields(10)), spawn_named("seldom", pending::<()>()));
        for _ in 0..5 {
            clock.advance(Duration::from_micros(3));
            yield_now().await;
        }
        // Ten polls of both and six of the main future, of which this one is not over; 15 µs in all.
        let (often_task, seldom_task) = (task("often"), task("seldom"));
        let mean = Duration::from_nanos(15_000 / 11);
        assert_eq!((often_task.polls, often_task.busy), (5, Duration::from_nanos(15_000 * 5 / 11)));
        assert_eq!((seldom_task.busy, seldom_task.busy_error), (mean, mean));
        assert_eq!(seldom_task.longest_poll, Duration::from_micros(3));
        assert!(!seldom_task.longest_poll_is_exact);
        drop((often, seldom));
    });
}

async fn yields(times: usize) {
    for _ in 0..times {
        yield_now().await;
    }
}

#[test]
fn what_else_a_task_can_wait_for_is_shown_too() {
    run(async {
        let (broadcaster, mut receiver) = channel::broadcast::channel::<u32>(1);
        assert_eq!(waits_of(async move { receiver.recv().await.is_ok() }).await, ["broadcast recv"]);
        drop(broadcaster);
        let (mut sender, receiver) = channel::oneshot::channel::<u32>();
        assert_eq!(waits_of(async move { sender.closed().await }).await, ["oneshot closed"]);
        drop(receiver);
        let (sender, receiver) = channel::watch::channel(0);
        assert_eq!(waits_of(async move { sender.closed().await }).await, ["watch closed"]);
        drop(receiver);
        let mut signals = signals([Signal::User2]).unwrap();
        assert_eq!(waits_of(async move { signals.recv().await }).await, ["signal"]);
        let remote = Handle::current().spawn(pending::<()>);
        assert_eq!(waits_of(remote).await, ["join of a remote task"]);
    });
}

#[test]
fn what_came_and_which_connections_there_are_is_counted() {
    run(async {
        let (handle, listener) = (Handle::current(), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let before = handle.stats();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _peer) = listener.accept().await.unwrap();
        let connected = handle.stats();
        assert_eq!(connected.connections - before.connections, 2, "both ends are this core's");
        assert!(connected.events >= before.events + 2, "the listener and the client became ready");
        drop((client, server));
        assert_eq!(handle.stats().connections, before.connections);
    });
}

#[test]
fn a_core_whose_time_all_passes_in_turns_is_busy_all_the_time() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let handle = Handle::current();
        let before = handle.stats();
        clock.advance(Duration::from_millis(30));
        yield_now().await;
        assert_eq!(handle.stats().busy_share_since(&before), Some(1.0));
    });
}
