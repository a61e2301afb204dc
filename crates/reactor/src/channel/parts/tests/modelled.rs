//! What threads share, in every order that threads and memory allow: the ends of each channel on a model of a lock.
//!
//! `mpsc` and `semaphore` play orders of whole steps; here a step of one thread may fall between any two of another. A value that
//! is lost, or a waker that is, leaves somebody waiting for ever, and that the model finds.

use loom::future::block_on;
use loom::sync::{Arc, Mutex};
use loom::thread;

use crate::channel::Closed;
use crate::channel::parts::claims::Held;
use crate::channel::parts::permits::Permits;
use crate::channel::parts::{Shared, Sharing, broadcast, mpsc, notify, oneshot, semaphore, watch};
use crate::task::waits::Asked;

/// Between threads of the model.
enum Modelled {}

impl Sharing for Modelled {
    type Of<S> = ModelledLock<S>;
    type Pointer<T> = std::sync::Arc<T>;

    fn held(_permits: &Self::Of<Permits>) -> Option<Held> {
        None
    }

    fn note(_asked: Asked) {}

    fn pointer<T>(value: T) -> std::sync::Arc<T> {
        std::sync::Arc::new(value)
    }
}

struct ModelledLock<S>(Arc<Mutex<S>>);

impl<S> Clone for ModelledLock<S> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S> Shared<S> for ModelledLock<S> {
    fn new(state: S) -> Self {
        Self(Arc::new(Mutex::new(state)))
    }

    fn with<R>(&self, look: impl FnOnce(&mut S) -> R) -> R {
        look(&mut self.0.lock().unwrap())
    }
}

/// Of all orders those in which threads are interrupted up to twice, which is where such mistakes are found.
fn model(play: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(play);
}

#[test]
fn a_oneshot_brings_its_value_or_says_that_there_is_none() {
    for is_sent in [true, false] {
        model(move || {
            let (sender, mut receiver) = oneshot::channel::<u32, Modelled>();
            let thread = thread::spawn(move || if is_sent { sender.send(7).unwrap() } else { drop(sender) });
            let received = block_on(std::future::poll_fn(|cx| receiver.poll_recv(cx)));
            assert_eq!(received, if is_sent { Ok(7) } else { Err(Closed) });
            thread.join().unwrap();
        });
    }
}

#[test]
fn a_oneshot_that_nobody_takes_comes_back() {
    model(|| {
        let (sender, receiver) = oneshot::channel::<u32, Modelled>();
        let thread = thread::spawn(move || drop(receiver));
        let came_back = sender.send(7);
        thread.join().unwrap();
        assert!(matches!(came_back, Ok(()) | Err(7)));
    });
}

#[test]
fn a_full_mpsc_lets_each_sender_in_turn() {
    model(|| {
        let (sender, mut receiver) = mpsc::channel::<u32, Modelled>(1);
        let other = sender.clone();
        let threads = [(sender, 1), (other, 2)]
            .map(|(sender, value)| thread::spawn(move || block_on(sender.send(value)).unwrap()));
        let mut all = block_on(async { [receiver.recv().await.unwrap(), receiver.recv().await.unwrap()] });
        all.sort_unstable();
        assert_eq!(all, [1, 2]);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(block_on(receiver.recv()), None);
    });
}

#[test]
fn an_mpsc_that_closes_gives_back_what_it_did_not_take() {
    model(|| {
        let (sender, mut receiver) = mpsc::channel::<u32, Modelled>(1);
        let thread = thread::spawn(move || {
            block_on(async {
                [sender.send(1).await.is_ok(), sender.send(2).await.is_ok()]
                    .into_iter()
                    .filter(|is_sent| *is_sent)
                    .count()
            })
        });
        receiver.close();
        let mut received = 0;
        while block_on(receiver.recv()).is_some() {
            received += 1;
        }
        assert_eq!(thread.join().unwrap(), received);
    });
}

#[test]
fn a_semaphore_lets_one_in_after_the_other() {
    model(|| {
        let semaphore = semaphore::Semaphore::<Modelled>::new(1);
        let inside = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let threads = [0; 2].map(|_| {
            let (semaphore, inside) = (semaphore.clone(), inside.clone());
            thread::spawn(move || {
                let permit = block_on(semaphore.acquire(1)).unwrap();
                assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::Relaxed), 0);
                thread::yield_now();
                inside.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
                drop(permit);
            })
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(semaphore.free(), 1);
    });
}

#[test]
fn a_permit_given_up_on_the_way_goes_to_the_next() {
    model(|| {
        let semaphore = semaphore::Semaphore::<Modelled>::new(1);
        let held = block_on(semaphore.acquire(1)).unwrap();
        let threads = {
            let (impatient, patient) = (semaphore.clone(), semaphore.clone());
            [
                thread::spawn(move || {
                    // Asks, and goes away again: before, while or after the permit comes free.
                    let mut acquire = Box::pin(impatient.acquire(1));
                    let waker = futures_util::task::noop_waker();
                    let mut cx = std::task::Context::from_waker(&waker);
                    drop(acquire.as_mut().poll(&mut cx));
                }),
                thread::spawn(move || drop(block_on(patient.acquire(1)).unwrap())),
            ]
        };
        drop(held);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(semaphore.free(), 1);
    });
}

#[test]
fn a_watch_shows_the_last_value() {
    model(|| {
        let (sender, mut receiver) = watch::channel::<u32, Modelled>(0);
        let thread = thread::spawn(move || (1..=2).for_each(|value| sender.send(value)));
        let mut last = None;
        while let Ok(value) = block_on(receiver.changed()) {
            assert!(last < Some(*value));
            last = Some(*value);
        }
        assert_eq!(last, Some(2));
        thread.join().unwrap();
    });
}

#[test]
fn a_notification_wakes_who_comes_before_it_and_who_comes_after() {
    model(|| {
        let notify = notify::Notify::<Modelled>::new();
        let thread = {
            let notify = notify.clone();
            thread::spawn(move || notify.notify_one())
        };
        block_on(notify.notified());
        thread.join().unwrap();
    });
}

#[test]
fn a_broadcast_reaches_everybody() {
    model(|| {
        let (sender, mut first) = broadcast::channel::<u32, Modelled>(2);
        let mut second = sender.subscribe();
        let thread = thread::spawn(move || assert_eq!(block_on(second.recv()).as_deref().copied(), Ok(7)));
        sender.send(7).unwrap();
        assert_eq!(block_on(first.recv()).as_deref().copied(), Ok(7));
        thread.join().unwrap();
    });
}
