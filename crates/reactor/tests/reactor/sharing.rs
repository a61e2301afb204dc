//! What tasks share besides a queue of values: in a reactor's tasks, and between threads.

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;

use ekiden_reactor::channel::{Closed, Notify, Semaphore, watch};
use ekiden_reactor::{Task, Tick, run, schedule, spawn, sync, yield_now};
use futures_util::StreamExt;

const THREADS: usize = 4;
const EACH: usize = 2_000;

/// Does the work of each thread on a reactor of its own.
fn on_threads<F: Future>(work: impl Fn(usize) -> F + Sync) {
    thread::scope(|scope| {
        for number in 0..THREADS {
            let work = &work;
            scope.spawn(move || {
                run(work(number));
            });
        }
    });
}

/// Polls a future once and drops it.
async fn give_up<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

#[test]
fn no_more_permits_are_held_than_there_are_on_all_threads() {
    let (semaphore, held) = (sync::Semaphore::new(3), AtomicUsize::new(0));
    on_threads(async |number| {
        for round in 0..EACH {
            let count = 1 + (number + round) % 3;
            if round % 5 == 0 {
                drop(give_up(semaphore.acquire(count)).await);
                continue;
            }
            let permit = semaphore.acquire(count).await.unwrap();
            assert!(held.fetch_add(count, Ordering::SeqCst) + count <= 3, "more are held than there are");
            held.fetch_sub(count, Ordering::SeqCst);
            drop(permit);
        }
    });
    assert_eq!(semaphore.free(), 3);
}

#[test]
fn no_word_is_lost_between_threads() {
    // Each word is passed on by the one who heard it, also by those who give up: if one were lost, all would wait for ever.
    let (notify, heard) = (sync::Notify::new(), AtomicUsize::new(0));
    notify.notify_one();
    on_threads(async |_| {
        while heard.load(Ordering::SeqCst) < EACH {
            if give_up(notify.notified()).await.is_pending() {
                notify.notified().await;
            }
            heard.fetch_add(1, Ordering::SeqCst);
            notify.notify_one();
        }
        notify.notify_one();
    });
}

#[test]
fn the_latest_value_is_seen_on_all_threads() {
    let (sender, receiver) = sync::watch::channel(0);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            let mut receiver = receiver.clone();
            scope.spawn(move || {
                run(async move {
                    let mut last = 0;
                    while let Ok(value) = receiver.changed().await {
                        assert!(*value == 0 || *value > last, "{value} after {last}");
                        last = *value;
                    }
                    assert_eq!(last, EACH);
                });
            });
        }
        (1..=EACH).for_each(|value| sender.send(value));
        drop(sender);
    });
}

#[test]
fn a_broadcast_reaches_all_threads_and_says_what_it_left_out() {
    let (sender, first) = sync::broadcast::channel(8);
    thread::scope(|scope| {
        let mut receivers = vec![first];
        receivers.resize_with(THREADS, || sender.subscribe());
        for mut receiver in receivers {
            scope.spawn(move || {
                run(async move {
                    let (mut next, mut missed) = (0, 0);
                    while let Some(received) = receiver.next().await {
                        match received {
                            Ok(value) => {
                                assert_eq!(*value, next);
                                next += 1;
                            }
                            Err(sync::broadcast::Lagged(count)) => {
                                next += count;
                                missed += count;
                            }
                        }
                    }
                    assert_eq!(next, EACH as u64, "{missed} were missed");
                });
            });
        }
        (0..EACH as u64).for_each(|value| sender.send(value).unwrap());
        drop(sender);
    });
}

/// Counts what it hears until it has a permit and the last value.
struct Listener {
    news: Notify,
    permits: Semaphore,
    values: watch::Receiver<u32>,
    heard: Rc<Cell<u32>>,
    ticks: Rc<Cell<u32>>,
}

impl Task for Listener {
    fn tick(&mut self) -> io::Result<Tick> {
        self.ticks.set(self.ticks.get() + 1);
        while self.news.try_notified().is_some() {
            self.heard.set(self.heard.get() + 1);
        }
        loop {
            match self.values.try_changed() {
                Ok(Some(_)) => {}
                Ok(None) => return Ok(Tick::WouldBlock),
                Err(Closed) => break,
            }
        }
        let permit = self.permits.try_acquire(2).map_err(io::Error::other)?;
        Ok(if permit.is_some() { Tick::Final } else { Tick::WouldBlock })
    }
}

#[test]
fn a_tick_waits_for_all_of_them() {
    run(async {
        let (news, permits, (sender, values)) = (Notify::new(), Semaphore::new(2), watch::channel(0));
        let (heard, ticks) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let held = permits.acquire(1).await.unwrap();
        let listener = schedule(Listener {
            news: news.clone(),
            permits: permits.clone(),
            values,
            heard: heard.clone(),
            ticks: ticks.clone(),
        });
        let settle = async || {
            for _ in 0..3 {
                yield_now().await;
            }
            (heard.get(), ticks.get())
        };
        assert_eq!(settle().await, (0, 1));
        news.notify_one();
        assert_eq!(settle().await, (1, 2));
        news.notify_waiters();
        assert_eq!(settle().await, (2, 3));
        sender.send(1);
        assert_eq!(settle().await, (2, 4));
        drop(sender);
        assert_eq!(settle().await, (2, 5));
        drop(held);
        assert_eq!(settle().await, (2, 6));
        listener.await.unwrap().unwrap();
        assert_eq!(permits.free(), 2);
    });
}

#[test]
fn changes_are_a_stream() {
    run(async {
        let (sender, receiver) = watch::channel(1);
        let seen = spawn(receiver.map(|value| *value).collect::<Vec<_>>());
        yield_now().await;
        sender.send(2);
        yield_now().await;
        sender.send(3);
        drop(sender);
        assert_eq!(seen.await.unwrap(), [1, 2, 3]);
    });
}
