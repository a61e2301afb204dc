//! Coroutines and channels of may, with one worker.
//!
//! Set up after <https://docs.rs/may/latest/may/>. The channels that may has are without bounds, so a oneshot is an
//! `spsc`, and nobody waits for room. The worker is not pinned, as whoever runs this pins the process. A timer of may
//! cannot be dropped.
#![forbid(unsafe_code)]

use may::coroutine::{current, park, yield_now};
use may::go;
use may::sync::{mpsc, spsc};
use micro::{Meter, Scenario};

fn main() {
    may::config().set_workers(1).set_worker_pin(false);
    let scenarios: [Scenario; 7] = [
        ("spawn_join_one", |meter| run(meter, spawn_join_one)),
        ("spawn_join_1000", |meter| run(meter, spawn_join_1000)),
        ("yield", |meter| run(meter, yields)),
        ("wake", |meter| run(meter, wake)),
        ("oneshot", |meter| run(meter, oneshots)),
        ("mpsc_round_trip", |meter| run(meter, mpsc_round_trip)),
        ("mpsc_throughput", |meter| run(meter, mpsc_throughput)),
    ];
    micro::main(&scenarios, false);
}

/// As a coroutine: outside of one, may blocks the thread.
fn run(meter: Meter, work: fn(u64)) {
    go!(move || meter.measure_blocking(work)).join().expect("no panic");
}

fn spawn_join_one(n: u64) {
    for _ in 0..n {
        go!(|| ()).join().expect("no panic");
    }
}

fn spawn_join_1000(n: u64) {
    let mut coroutines = Vec::with_capacity(1_000);
    for _ in 0..n / 1_000 {
        coroutines.extend((0..1_000).map(|_| go!(|| ())));
        for coroutine in coroutines.drain(..) {
            coroutine.join().expect("no panic");
        }
    }
}

fn yields(n: u64) {
    for _ in 0..n {
        yield_now();
    }
}

/// What `micro::play` is for tasks: a wake-up that came early is kept by may, so each one is waited for.
fn wake(n: u64) {
    let first = current();
    let other = go!(move || {
        for _ in 0..n / 2 {
            park();
            first.unpark();
        }
    });
    for _ in 0..n / 2 {
        other.coroutine().unpark();
        park();
    }
    other.join().expect("no panic");
}

fn oneshots(n: u64) {
    for _ in 0..n / 100 {
        let (there, theirs): (Vec<_>, Vec<_>) = (0..100).map(|_| spsc::channel()).unzip();
        let (back, ours): (Vec<_>, Vec<_>) = (0..100).map(|_| spsc::channel()).unzip();
        let other = go!(move || {
            for (receiver, sender) in theirs.into_iter().zip(back) {
                sender.send(receiver.recv().expect("a value")).expect("somebody waits");
            }
        });
        for (i, (sender, receiver)) in there.into_iter().zip(ours).enumerate() {
            sender.send(i).expect("somebody waits");
            assert_eq!(receiver.recv(), Ok(i));
        }
        other.join().expect("no panic");
    }
}

fn mpsc_round_trip(n: u64) {
    let (there, theirs) = mpsc::channel();
    let (back, ours) = mpsc::channel();
    let other = go!(move || {
        while let Ok(i) = theirs.recv() {
            back.send(i).expect("somebody waits");
        }
    });
    for i in 0..n {
        there.send(i).expect("somebody waits");
        assert_eq!(ours.recv(), Ok(i));
    }
    drop(there);
    other.join().expect("no panic");
}

fn mpsc_throughput(n: u64) {
    let (sender, receiver) = mpsc::channel();
    let other = go!(move || {
        for i in 0..n {
            sender.send(i).expect("somebody waits");
        }
    });
    let mut received = 0;
    while receiver.recv().is_ok() {
        received += 1;
    }
    assert_eq!(received, n);
    other.join().expect("no panic");
}
