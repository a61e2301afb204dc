//! Tasks, channels and timers of glommio.
//!
//! Set up after <https://docs.rs/glommio/latest/glommio/>. A oneshot is a local channel with room for one value: glommio
//! has no other. The executor is bound to no core, as whoever runs this pins the process.
#![forbid(unsafe_code)]

use std::future::pending;
use std::ops::Range;
use std::pin::pin;
use std::thread;

use glommio::channels::local_channel::new_bounded as bounded;
use glommio::timer::Timer;
use glommio::{LocalExecutorBuilder, Placement, executor, spawn_local as spawn};
use micro::{Meter, ROOM, Scenario, Threads, delay, play, set};

fn main() {
    let scenarios: [Scenario; 12] = [
        ("spawn_join_one", |meter| run(meter.measure(spawn_join_one))),
        ("spawn_join_1000", |meter| run(meter.measure(spawn_join_1000))),
        ("yield", |meter| run(meter.measure(yields))),
        ("wake", |meter| run(meter.measure(wake))),
        ("wake_threads", wake_threads),
        ("oneshot", |meter| run(meter.measure(oneshots))),
        ("mpsc_round_trip", |meter| run(meter.measure(mpsc_round_trip))),
        ("mpsc_throughput", |meter| run(meter.measure(mpsc_throughput))),
        ("timer_cancel_1e3", |meter| timer_cancel(meter, 1_000)),
        ("timer_cancel_1e4", |meter| timer_cancel(meter, 10_000)),
        ("timer_cancel_1e5", |meter| timer_cancel(meter, 100_000)),
        ("timer_cancel_1e6", |meter| timer_cancel(meter, 1_000_000)),
    ];
    micro::main(&scenarios, true);
}

/// As a task: the outermost future is a special case of its own.
fn run(task: impl Future<Output = ()> + 'static) {
    let executor = LocalExecutorBuilder::new(Placement::Unbound).make().expect("an executor");
    executor.run(async { spawn(task).await });
}

async fn spawn_join_one(n: u64) {
    for _ in 0..n {
        spawn(async {}).await;
    }
}

async fn spawn_join_1000(n: u64) {
    let mut tasks = Vec::with_capacity(1_000);
    for _ in 0..n / 1_000 {
        tasks.extend((0..1_000).map(|_| spawn(async {})));
        for task in tasks.drain(..) {
            task.await;
        }
    }
}

async fn yields(n: u64) {
    for _ in 0..n {
        executor().yield_now().await;
    }
}

async fn wake(n: u64) {
    let other = spawn(play(1, n / 2));
    play(0, n / 2).await;
    other.await;
}

fn wake_threads(meter: Meter) {
    let threads = Threads::default();
    let other = threads.clone();
    let other = thread::spawn(move || run(async move { other.answer().await }));
    let asking = threads.clone();
    run(meter.measure(move |n| {
        let asking = asking.clone();
        async move { asking.ask(n).await }
    }));
    threads.stop();
    other.join().expect("no panic");
}

async fn oneshots(n: u64) {
    for _ in 0..n / 100 {
        let (there, theirs): (Vec<_>, Vec<_>) = (0..100).map(|_| bounded(1)).unzip();
        let (back, ours): (Vec<_>, Vec<_>) = (0..100).map(|_| bounded(1)).unzip();
        let other = spawn(async move {
            for (receiver, sender) in theirs.into_iter().zip(back) {
                sender.send(receiver.recv().await.expect("a value")).await.expect("somebody waits");
            }
        });
        for (i, (sender, receiver)) in there.into_iter().zip(ours).enumerate() {
            sender.send(i).await.expect("somebody waits");
            assert_eq!(receiver.recv().await, Some(i));
        }
        other.await;
    }
}

async fn mpsc_round_trip(n: u64) {
    let (there, theirs) = bounded(1);
    let (back, ours) = bounded(1);
    let other = spawn(async move {
        while let Some(i) = theirs.recv().await {
            back.send(i).await.expect("somebody waits");
        }
    });
    for i in 0..n {
        there.send(i).await.expect("somebody waits");
        assert_eq!(ours.recv().await, Some(i));
    }
    drop(there);
    other.await;
}

async fn mpsc_throughput(n: u64) {
    let (sender, receiver) = bounded(ROOM);
    let other = spawn(async move {
        for i in 0..n {
            sender.send(i).await.expect("somebody waits");
        }
    });
    let mut received = 0;
    while receiver.recv().await.is_some() {
        received += 1;
    }
    assert_eq!(received, n);
    other.await;
}

fn timer_cancel(meter: Meter, pending: u64) {
    run(async move {
        // A task of glommio has at most 32,766 wakers, and each timer keeps one.
        let others: Vec<_> =
            (0..pending.div_ceil(TIMERS)).map(|task| spawn(hold(task * TIMERS..pending))).collect();
        executor().yield_now().await;
        meter
            .measure(|n| async move {
                for i in 0..n {
                    set(pin!(Timer::new(delay(i)))).await;
                }
            })
            .await;
        drop(others);
    });
}

const TIMERS: u64 = 1_000;

/// Sets some of these timers, and keeps them.
async fn hold(range: Range<u64>) {
    let mut timers = Vec::new();
    for i in range.take(TIMERS as usize) {
        let mut timer = Box::pin(Timer::new(delay(i)));
        set(timer.as_mut()).await;
        timers.push(timer);
    }
    pending::<()>().await;
}
