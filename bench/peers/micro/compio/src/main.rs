//! Tasks and timers of compio, on io_uring. It has no channels of its own, and no way to yield but to wake oneself.
//!
//! Set up after <https://docs.rs/compio/latest/compio/runtime/struct.Runtime.html>.
#![forbid(unsafe_code)]

use std::pin::pin;
use std::thread;

use compio::runtime::{Runtime, spawn};
use compio::time::sleep;
use micro::{Meter, Scenario, Threads, delay, play, set, yield_now};

fn main() {
    let scenarios: [Scenario; 9] = [
        ("spawn_join_one", |meter| run(meter.measure(spawn_join_one))),
        ("spawn_join_1000", |meter| run(meter.measure(spawn_join_1000))),
        ("yield", |meter| run(meter.measure(yields))),
        ("wake", |meter| run(meter.measure(wake))),
        ("wake_threads", wake_threads),
        ("timer_cancel_1e3", |meter| timer_cancel(meter, 1_000)),
        ("timer_cancel_1e4", |meter| timer_cancel(meter, 10_000)),
        ("timer_cancel_1e5", |meter| timer_cancel(meter, 100_000)),
        ("timer_cancel_1e6", |meter| timer_cancel(meter, 1_000_000)),
    ];
    micro::main(&scenarios, true);
}

/// Not as a task, as the other peers do: when a task of compio joins another, and nothing else runs, each time costs two
/// system calls and an eventfd, 24 µs in all; the outermost future has it for 220 ns.
fn run(task: impl Future<Output = ()> + 'static) {
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(task);
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

fn timer_cancel(meter: Meter, pending: u64) {
    run(async move {
        let mut others = Vec::new();
        for i in 0..pending {
            let mut timer = Box::pin(sleep(delay(i)));
            set(timer.as_mut()).await;
            others.push(timer);
        }
        meter
            .measure(|n| async move {
                for i in 0..n {
                    set(pin!(sleep(delay(i)))).await;
                }
            })
            .await;
    });
}
