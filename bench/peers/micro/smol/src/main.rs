//! Tasks, channels and timers of smol, on a `LocalExecutor`.
//!
//! Set up after <https://docs.rs/smol/latest/smol/struct.LocalExecutor.html>. A oneshot is a channel with room for one
//! value: smol has no other.
#![forbid(unsafe_code)]

use std::pin::pin;
use std::thread;

use micro::{Meter, ROOM, Scenario, Threads, delay, play, set};
use smol::channel::bounded;
use smol::future::yield_now;
use smol::{LocalExecutor, Task, Timer};

thread_local! {
    static EXECUTOR: &'static LocalExecutor<'static> = Box::leak(Box::new(LocalExecutor::new()));
}

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
    smol::block_on(EXECUTOR.with(|executor| executor.run(spawn(task))));
}

fn spawn<T: 'static>(task: impl Future<Output = T> + 'static) -> Task<T> {
    EXECUTOR.with(|executor| executor.spawn(task))
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
        yield_now().await;
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
            assert_eq!(receiver.recv().await, Ok(i));
        }
        other.await;
    }
}

async fn mpsc_round_trip(n: u64) {
    let (there, theirs) = bounded(1);
    let (back, ours) = bounded(1);
    let other = spawn(async move {
        while let Ok(i) = theirs.recv().await {
            back.send(i).await.expect("somebody waits");
        }
    });
    for i in 0..n {
        there.send(i).await.expect("somebody waits");
        assert_eq!(ours.recv().await, Ok(i));
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
    while receiver.recv().await.is_ok() {
        received += 1;
    }
    assert_eq!(received, n);
    other.await;
}

fn timer_cancel(meter: Meter, pending: u64) {
    run(async move {
        let mut others = Vec::new();
        for i in 0..pending {
            let mut timer = Box::pin(Timer::after(delay(i)));
            set(timer.as_mut()).await;
            others.push(timer);
        }
        meter
            .measure(|n| async move {
                for i in 0..n {
                    set(pin!(Timer::after(delay(i)))).await;
                }
            })
            .await;
    });
}
