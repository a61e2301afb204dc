//! Tasks, channels and timers of tokio, on the current-thread runtime.
//!
//! Set up after <https://docs.rs/tokio/latest/tokio/runtime/index.html#current-thread-scheduler>.
#![forbid(unsafe_code)]

use std::pin::pin;
use std::thread;

use micro::{
    Meter, ROOM, Scenario, Threads, all_have_heard, bytes_each, call, delay, make_room, play, set, wait,
};
use tokio::runtime::Builder;
use tokio::spawn;
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::sleep;

fn main() {
    let scenarios: [Scenario; 14] = [
        ("spawn_join_one", |meter| run(meter.measure(spawn_join_one))),
        ("spawn_join_1000", |meter| run(meter.measure(spawn_join_1000))),
        ("yield", |meter| run(meter.measure(yields))),
        ("wake", |meter| run(meter.measure(wake))),
        ("wake_threads", wake_threads),
        ("wake_idle_1e3", |meter| wake_idle(meter, 1_000)),
        ("wake_idle_1e6", |meter| wake_idle(meter, 1_000_000)),
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
fn run(task: impl Future<Output = ()> + Send + 'static) {
    let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { spawn(task).await.expect("no panic") });
}

async fn spawn_join_one(n: u64) {
    for _ in 0..n {
        spawn(async {}).await.expect("no panic");
    }
}

async fn spawn_join_1000(n: u64) {
    let mut tasks = Vec::with_capacity(1_000);
    for _ in 0..n / 1_000 {
        tasks.extend((0..1_000).map(|_| spawn(async {})));
        for task in tasks.drain(..) {
            task.await.expect("no panic");
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
    other.await.expect("no panic");
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

fn wake_idle(meter: Meter, waiting: usize) {
    run(async move {
        make_room(waiting);
        let bytes = bytes_each(waiting as u64, async {
            (0..waiting).for_each(|number| drop(spawn(wait(number))));
            // They run for the first time, as many in a turn as may.
            for _ in 0..waiting {
                yield_now().await;
            }
        });
        let meter = meter.among(bytes.await);
        meter
            .measure(|n| async move {
                for i in 0..n {
                    // One far from the last, as they come from a network.
                    call(i.wrapping_mul(2_654_435_761) as usize % waiting);
                    while i % 100 == 99 && !all_have_heard() {
                        yield_now().await;
                    }
                }
            })
            .await;
    });
}

async fn oneshots(n: u64) {
    for _ in 0..n / 100 {
        let (there, theirs): (Vec<_>, Vec<_>) = (0..100).map(|_| oneshot::channel()).unzip();
        let (back, ours): (Vec<_>, Vec<_>) = (0..100).map(|_| oneshot::channel()).unzip();
        let other = spawn(async move {
            for (receiver, sender) in theirs.into_iter().zip(back) {
                sender.send(receiver.await.expect("a value")).expect("somebody waits");
            }
        });
        for (i, (sender, receiver)) in there.into_iter().zip(ours).enumerate() {
            sender.send(i).expect("somebody waits");
            assert_eq!(receiver.await, Ok(i));
        }
        other.await.expect("no panic");
    }
}

async fn mpsc_round_trip(n: u64) {
    let (there, mut theirs) = mpsc::channel(1);
    let (back, mut ours) = mpsc::channel(1);
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
    other.await.expect("no panic");
}

async fn mpsc_throughput(n: u64) {
    let (sender, mut receiver) = mpsc::channel(ROOM);
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
    other.await.expect("no panic");
}

fn timer_cancel(meter: Meter, pending: u64) {
    run(async move {
        let mut others = Vec::with_capacity(pending as usize);
        let bytes = bytes_each(pending, async {
            for i in 0..pending {
                let mut timer = Box::pin(sleep(delay(i)));
                set(timer.as_mut()).await;
                others.push(timer);
            }
        });
        let meter = meter.among(bytes.await);
        meter
            .measure(|n| async move {
                for i in 0..n {
                    set(pin!(sleep(delay(i)))).await;
                }
            })
            .await;
    });
}
