//! Cores that spawn on each other, speak to each other, panic, abort and end, all at once.
//!
//! What each core does is drawn from a seed; in which order the threads do it is the system's. A test cannot say what
//! happens when, but what must hold at the end: each value that was sent was received or given back, each task that was
//! asked for has answered, and whatever was made has been dropped. Run under a sanitizer it says as well that nothing was
//! touched after that: see `tests/sanitize`.
//!
//! Here cores spawn and speak; in `connections` they hand connections to each other.
//!
//! `EKIDEN_STRESS` is how many rounds to run, 4 by default, `EKIDEN_SEED` the first seed.
#![expect(clippy::disallowed_methods, reason = "these tests are about threads")]

mod connections;

use std::cell::Cell;
use std::future::pending;
use std::ops::Range;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use ekiden_reactor::sync::{Notify, Semaphore, broadcast, mpsc, oneshot, watch};
use ekiden_reactor::{
    Config, Handle, JoinError, Reactor, TaskGroup, blocking, sleep, spawn, timeout, yield_now,
};

const CORES: usize = 3;
const STEPS: usize = 150;

#[test]
fn whatever_cores_do_to_each_other_nothing_is_lost() {
    for seed in seeds() {
        let alive = Arc::new(AtomicUsize::new(0));
        let told = Arc::new(AtomicUsize::new(0));
        round(seed, &alive, &told);
        assert_eq!(alive.load(Ordering::SeqCst), 0, "so much was never dropped, by seed {seed}");
    }
}

fn seeds() -> Range<u64> {
    let number = |name: &str, default| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let first: u64 = number("EKIDEN_SEED", 1);
    first..first + number("EKIDEN_STRESS", 4)
}

/// Counts what is alive: one goes with each future and each value that crosses.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::SeqCst);
        Self(alive.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// What all cores of a round use.
#[derive(Clone)]
struct Shared {
    handles: Arc<Vec<Handle>>,
    semaphore: Semaphore,
    notify: Notify,
    alive: Arc<AtomicUsize>,
}

/// Drawn numbers (SplitMix64).
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}

fn round(seed: u64, alive: &Arc<AtomicUsize>, told: &Arc<AtomicUsize>) {
    let (all_stand, at_work) = (Arc::new(Barrier::new(CORES)), Semaphore::new(CORES));
    let (handed_in, handed_out) = std::sync::mpsc::channel();
    let threads: Vec<_> = (0..CORES)
        .map(|core| {
            let (all_stand, at_work, handed_in) = (all_stand.clone(), at_work.clone(), handed_in.clone());
            let (alive, told) = (alive.clone(), told.clone());
            let (to_core, of_all) = std::sync::mpsc::channel::<Arc<Vec<Handle>>>();
            let thread = thread::spawn(move || {
                let mut config = Config::default();
                config.on_notice = quiet(&told);
                let reactor = Reactor::new(config).unwrap();
                handed_in.send((core, reactor.handle())).unwrap();
                drop(handed_in);
                let shared = Shared {
                    handles: of_all.recv().unwrap(),
                    semaphore: Semaphore::new(2),
                    notify: Notify::new(),
                    alive,
                };
                let works = at_work.try_acquire(1).unwrap();
                all_stand.wait();
                reactor.run(async move {
                    live(Draw(seed * 1_000 + core as u64), shared).await;
                    drop(works);
                    // Some stay until the last has done its work, the others are gone while it speaks to them.
                    if core.is_multiple_of(2) {
                        drop(at_work.acquire(CORES).await);
                    }
                });
            });
            (thread, to_core)
        })
        .collect();
    drop(handed_in);
    let mut handles: Vec<_> = handed_out.iter().collect();
    handles.sort_by_key(|(core, _)| *core);
    let handles = Arc::new(handles.into_iter().map(|(_, handle)| handle).collect::<Vec<_>>());
    for (_, to_core) in &threads {
        to_core.send(handles.clone()).unwrap();
    }
    drop(handles);
    for (thread, _) in threads {
        thread.join().unwrap_or_else(|payload| {
            eprintln!("by seed {seed}");
            std::panic::resume_unwind(payload)
        });
    }
}

/// What one core does: many things at once, each to its end.
async fn live(mut draw: Draw, shared: Shared) {
    let mut group = TaskGroup::new(64);
    for _ in 0..STEPS {
        let (kind, peer, number) =
            (draw.below(10), shared.handles[draw.below(CORES)].clone(), draw.below(1_000));
        let shared = shared.clone();
        let one_that_ended = group
            .spawn(async move {
                match kind {
                    0 => spawn_there(&peer, number, &shared).await,
                    1 => panic_there(&peer, number, &shared).await,
                    2 => talk(&peer, number, &shared).await,
                    3 => follow(&peer, number, &shared).await,
                    4 => hear_all(&peer, number, &shared).await,
                    5 => take_turns(&peer, &shared).await,
                    6 => give_up(&peer, number, &shared).await,
                    7 => abort_here(number, &shared).await,
                    8 => leave_there(&peer, &shared),
                    _ => block(number, &shared).await,
                }
            })
            .await;
        one_that_ended.unwrap();
        if number.is_multiple_of(7) {
            yield_now().await;
        }
    }
    group.join_all().await.into_iter().for_each(Result::unwrap);
}

/// A panic that is meant is no line on stderr.
fn quiet(told: &Arc<AtomicUsize>) -> Rc<dyn Fn(&ekiden_reactor::notice::Notice<'_>)> {
    let told = told.clone();
    Rc::new(move |_| {
        told.fetch_add(1, Ordering::Relaxed);
    })
}

/// A reactor that has ended says so, which is as good an answer as any.
fn or_ended<T>(answer: Result<T, JoinError>) -> Option<T> {
    match answer {
        Ok(value) => Some(value),
        Err(error) if error.is_aborted() => None,
        Err(error) => panic!("{error}"),
    }
}

async fn spawn_there(peer: &Handle, number: usize, shared: &Shared) {
    let value = Alive::new(&shared.alive);
    let answer = peer.spawn(move || {
        let local = Rc::new(Cell::new(number));
        async move {
            for _ in 0..number % 5 {
                yield_now().await;
                local.set(local.get() + 1);
            }
            drop(value);
            local.get()
        }
    });
    if let Some(answer) = or_ended(answer.await) {
        assert_eq!(answer, number + number % 5);
    }
}

async fn panic_there(peer: &Handle, number: usize, shared: &Shared) {
    let value = Alive::new(&shared.alive);
    let answer = peer.spawn(move || async move {
        let _value = value;
        if number.is_multiple_of(2) {
            yield_now().await;
        }
        // Without a word from the hook.
        std::panic::resume_unwind(Box::new(number));
    });
    let error = answer.await.map(|()| unreachable!("it panics")).unwrap_err();
    if error.is_panic() {
        assert_eq!(*error.into_panic().unwrap().downcast::<usize>().unwrap(), number);
    }
}

/// As many values as were sent come back, in their order, through a narrow channel.
async fn talk(peer: &Handle, number: usize, shared: &Shared) {
    let (sender, mut there) = mpsc::channel::<(usize, Alive)>(1 + number % 4);
    let (back, mut receiver) = mpsc::unbounded();
    let echo = peer.spawn(move || async move {
        while let Some((value, alive)) = there.recv().await {
            if back.try_send((value, alive)).is_err() {
                return;
            }
        }
    });
    let count = number % 20;
    let alive = shared.alive.clone();
    let sending = spawn(async move {
        for value in 0..count {
            if sender.send((value, Alive::new(&alive))).await.is_err() {
                return false;
            }
        }
        true
    });
    let mut next = 0;
    while let Some((value, _alive)) = receiver.recv().await {
        assert_eq!(value, next);
        next += 1;
    }
    let all_sent = sending.await.unwrap();
    if or_ended(echo.await).is_some() {
        assert!(all_sent);
        assert_eq!(next, count);
    }
}

/// Who follows a value sees it grow, and its last.
async fn follow(peer: &Handle, number: usize, shared: &Shared) {
    let (sender, mut receiver) = watch::channel((0, Alive::new(&shared.alive)));
    let seen = peer.spawn(move || async move {
        let mut last = None;
        while let Ok(value) = receiver.changed().await {
            assert!(last < Some(value.0));
            last = Some(value.0);
        }
        last
    });
    let count = number % 30;
    for value in 1..=count {
        sender.send((value, Alive::new(&shared.alive)));
        if value.is_multiple_of(3) {
            yield_now().await;
        }
    }
    drop(sender);
    if let Some(last) = or_ended(seen.await) {
        assert_eq!(last, Some(count));
    }
}

/// Who hears everything hears it in order, and is told how much it missed.
async fn hear_all(peer: &Handle, number: usize, shared: &Shared) {
    let (sender, mut receiver) = broadcast::channel(8);
    let heard = peer.spawn(move || async move {
        let mut heard = 0_u64;
        loop {
            match receiver.recv().await {
                Ok(value) => {
                    let (value, _alive): &(u64, Alive) = &value;
                    assert_eq!(*value, heard);
                    heard += 1;
                }
                Err(broadcast::RecvError::Lagged(missed)) => heard += missed,
                Err(broadcast::RecvError::Closed) => return heard,
            }
        }
    });
    let count = number as u64 % 50;
    for value in 0..count {
        // Nobody hears it when the other core has ended.
        drop(sender.send((value, Alive::new(&shared.alive))));
        if value.is_multiple_of(5) {
            yield_now().await;
        }
    }
    drop(sender);
    if let Some(heard) = or_ended(heard.await) {
        assert_eq!(heard, count);
    }
}

/// Two permits, and never more inside than that; a waiter that is notified comes on.
async fn take_turns(peer: &Handle, shared: &Shared) {
    let (semaphore, notify) = (shared.semaphore.clone(), shared.notify.clone());
    let there = peer.spawn(move || async move {
        let permit = semaphore.acquire(1).await.unwrap();
        yield_now().await;
        notify.notify_one();
        drop(permit);
    });
    let here = shared.semaphore.acquire(2).await.unwrap();
    assert_eq!(shared.semaphore.free(), 0);
    drop(here);
    if or_ended(there.await).is_some() {
        // Another may have taken it.
        let _ = timeout(Duration::ZERO, shared.notify.notified()).await;
    }
}

/// A call that is given up while it is under way leaves nothing behind, here or there.
async fn give_up(peer: &Handle, number: usize, shared: &Shared) {
    let (sender, receiver) = oneshot::channel();
    let value = Alive::new(&shared.alive);
    let there = peer.spawn(move || async move {
        if !number.is_multiple_of(3) {
            // Timers are among what is stressed; nobody waits by them for anything else.
            let timer = sleep(Duration::from_millis(1));
            timer.await;
        }
        drop(sender.send(value));
    });
    // Or the other core has ended, or it took too long.
    if let Ok(Ok(value)) = timeout(Duration::from_millis(number as u64 % 3), receiver).await {
        drop(value);
    }
    if number.is_multiple_of(2) {
        or_ended(there.await);
    }
}

async fn abort_here(number: usize, shared: &Shared) {
    let value = Alive::new(&shared.alive);
    let task = spawn(async move {
        let _value = value;
        let timer = sleep(Duration::from_millis(number as u64 % 3));
        timer.await;
    });
    if number.is_multiple_of(2) {
        yield_now().await;
    }
    task.abort();
    // It may have been quicker.
    or_ended(task.await);
}

/// A task that nobody waits for and that never ends: its reactor drops it.
fn leave_there(peer: &Handle, shared: &Shared) {
    let value = Alive::new(&shared.alive);
    drop(peer.spawn(move || async move {
        let _value = value;
        pending::<()>().await;
    }));
}

async fn block(number: usize, shared: &Shared) {
    let value = Alive::new(&shared.alive);
    let blocking = blocking(move || {
        let _value = value;
        if number.is_multiple_of(5) {
            std::panic::resume_unwind(Box::new(number));
        }
        number
    });
    match blocking.await {
        Ok(answer) => assert_eq!(answer, number),
        Err(error) => assert_eq!(error.is_panic(), number.is_multiple_of(5), "{error}"),
    }
}
