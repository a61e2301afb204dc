//! Channels and latches in a reactor's tasks, and between threads.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use ekiden_reactor::channel::{self, TrySendError};
use ekiden_reactor::sync;
use ekiden_reactor::{Latch, Task, Tick, run, schedule, spawn, yield_now};

/// Takes what it gets to the end.
struct Sink {
    receiver: channel::mpsc::Receiver<u32>,
    sum: Rc<Cell<u32>>,
    ticks: Rc<Cell<u32>>,
}

impl Task for Sink {
    fn tick(&mut self) -> io::Result<Tick> {
        self.ticks.set(self.ticks.get() + 1);
        loop {
            match self.receiver.try_recv() {
                Ok(Some(number)) => self.sum.set(self.sum.get() + number),
                Ok(None) => return Ok(Tick::WouldBlock),
                Err(_closed) => return Ok(Tick::Final),
            }
        }
    }
}

/// Sends a number of ones when the latch opens, then a last word.
struct Tap {
    start: Latch,
    left: u32,
    sender: channel::mpsc::Sender<u32>,
    last: Option<channel::oneshot::Receiver<u32>>,
}

impl Task for Tap {
    fn tick(&mut self) -> io::Result<Tick> {
        let Some(()) = self.start.try_wait() else { return Ok(Tick::WouldBlock) };
        while self.left > 0 {
            match self.sender.try_send(1) {
                Ok(()) => self.left -= 1,
                Err(TrySendError::Full(_)) => return Ok(Tick::WouldBlock),
                Err(TrySendError::Closed(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
            }
        }
        if let Some(last) = &mut self.last {
            let Some(word) = last.try_recv().map_err(io::Error::other)? else { return Ok(Tick::WouldBlock) };
            self.last = None;
            self.left = word;
            return Ok(Tick::Yield);
        }
        Ok(Tick::Final)
    }
}

#[test]
fn ticks_talk_by_channels() {
    run(async {
        let ((sender, receiver), (word, last)) = (channel::mpsc::channel(3), channel::oneshot::channel());
        let (sum, ticks) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        let sink = schedule(Sink { receiver, sum: sum.clone(), ticks: ticks.clone() });
        let start = Latch::new();
        let tap = schedule(Tap { start: start.clone(), left: 1_000, sender, last: Some(last) });
        yield_now().await;
        yield_now().await;
        assert_eq!((sum.get(), ticks.get()), (0, 1));
        start.open();
        while sum.get() < 1_000 {
            yield_now().await;
        }
        let before = ticks.get();
        for _ in 0..10 {
            yield_now().await;
        }
        assert_eq!(ticks.get(), before, "it ticks for nothing");
        word.send(10).unwrap();
        tap.await.unwrap().unwrap();
        sink.await.unwrap().unwrap();
        assert_eq!(sum.get(), 1_010);
    });
}

#[test]
fn a_tick_that_always_finds_something_lets_others_run() {
    run(async {
        let (sender, receiver) = channel::mpsc::unbounded();
        for _ in 0..10_000 {
            sender.try_send(1).unwrap();
        }
        drop(sender);
        let (sum, ticks) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(0)));
        schedule(Sink { receiver, sum: sum.clone(), ticks: ticks.clone() }).await.unwrap().unwrap();
        assert_eq!(sum.get(), 10_000);
        assert!(ticks.get() > 10, "10,000 values in {} ticks", ticks.get());
    });
}

#[test]
fn a_send_that_loses_a_race_keeps_nobody_waiting() {
    run(async {
        let (sender, mut receiver) = channel::mpsc::channel(1);
        sender.try_send(0).unwrap();
        let give_up = Latch::new();
        let (impatient, its_sender) = (give_up.clone(), sender.clone());
        let loser = spawn(async move {
            let (mut send, mut wait) = (pin!(its_sender.send(1)), impatient.wait());
            std::future::poll_fn(|cx| {
                if Pin::new(&mut wait).poll(cx).is_ready() {
                    return Poll::Ready("gave up");
                }
                send.as_mut().poll(cx).map(|_| "sent")
            })
            .await
        });
        let patient = spawn(async move { sender.send(2).await });
        yield_now().await;
        // In one turn the loser's place comes free and it gives up.
        give_up.open();
        assert_eq!(receiver.recv().await, Some(0));
        assert_eq!(loser.await.unwrap(), "gave up");
        patient.await.unwrap().unwrap();
        assert_eq!(receiver.recv().await, Some(2));
        assert_eq!(receiver.recv().await, None);
    });
}

/// Runs a future on this thread with no reactor, parking it while it waits.
fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

const SENDERS: usize = 4;
const EACH: usize = 2_000;

#[test]
fn values_cross_threads_in_the_order_of_each_sender() {
    for max in [1, 7, usize::MAX] {
        let (sender, mut receiver) = sync::mpsc::channel(max);
        thread::scope(|scope| {
            for name in 0..SENDERS {
                let sender = sender.clone();
                scope.spawn(move || {
                    let send_all = async move {
                        for number in 0..EACH {
                            sender.send((name, number)).await.unwrap();
                        }
                    };
                    // Under a reactor and under none.
                    if name % 2 == 0 { run(send_all) } else { block_on(send_all) }
                });
            }
            drop(sender);
            let next = run(async {
                let mut next = [0; SENDERS];
                while let Some((name, number)) = receiver.recv().await {
                    assert_eq!(number, next[name], "sender {name} of a channel of {max}");
                    next[name] += 1;
                }
                next
            });
            assert_eq!(next, [EACH; SENDERS]);
        });
    }
}

#[test]
fn sends_that_are_given_up_between_threads_lose_no_turn() {
    let (sender, mut receiver) = sync::mpsc::channel(2);
    thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|name| {
                let sender = sender.clone();
                scope.spawn(move || {
                    let mut sent = 0;
                    for number in 0..EACH {
                        if (name + number) % 3 == 0 {
                            // Given up after one look.
                            let poll = |cx: &mut Context<'_>| Poll::Ready(pin!(sender.send(1)).poll(cx));
                            sent += usize::from(block_on(std::future::poll_fn(poll)).is_ready());
                        } else {
                            block_on(sender.send(1)).unwrap();
                            sent += 1;
                        }
                    }
                    sent
                })
            })
            .collect();
        drop(sender);
        let received = block_on(async {
            let mut received = 0;
            while let Some(number) = receiver.recv().await {
                received += number;
            }
            received
        });
        let sent: usize = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
        assert_eq!(received, sent);
    });
}

#[test]
fn a_receiver_that_closes_gets_what_was_sent_and_no_more() {
    for round in 0..100 {
        let (sender, mut receiver) = sync::mpsc::channel(2);
        thread::scope(|scope| {
            let senders: Vec<_> = (0..SENDERS)
                .map(|_| {
                    let sender = sender.clone();
                    scope.spawn(move || (0..).take_while(|_| block_on(sender.send(1)).is_ok()).count())
                })
                .collect();
            let watcher = scope.spawn(|| block_on(sender.closed()));
            let received = block_on(async {
                let mut received = 0;
                for _ in 0..round {
                    received += receiver.recv().await.unwrap();
                }
                receiver.close();
                while let Some(number) = receiver.recv().await {
                    received += number;
                }
                received
            });
            let sent: usize = senders.into_iter().map(|sender| sender.join().unwrap()).sum();
            assert_eq!(received, sent);
            watcher.join().unwrap();
        });
    }
}

#[test]
fn an_answer_crosses_threads() {
    thread::scope(|scope| {
        let (requests, mut asked) = sync::mpsc::channel::<(u32, sync::oneshot::Sender<u32>)>(1);
        scope.spawn(move || {
            block_on(async {
                while let Some((number, answer)) = asked.recv().await {
                    match number % 3 {
                        0 => drop(answer),
                        // The other side may have gone meanwhile.
                        _ => drop(answer.send(2 * number)),
                    }
                }
            });
        });
        run(async move {
            for number in 0..2_000 {
                let (sender, receiver) = sync::oneshot::channel();
                requests.send((number, sender)).await.unwrap();
                match number % 3 {
                    0 => assert_eq!(receiver.await, Err(channel::Closed)),
                    1 => assert_eq!(receiver.await, Ok(2 * number)),
                    _ => drop(receiver),
                }
            }
        });
    });
}

#[test]
fn a_task_that_waits_for_a_channel_nobody_sends_to_ends_with_its_reactor() {
    let seen = Rc::new(RefCell::new(Vec::new()));
    struct Witness(Rc<RefCell<Vec<&'static str>>>);
    impl Drop for Witness {
        fn drop(&mut self) {
            self.0.borrow_mut().push("dropped");
        }
    }
    let witness = Witness(seen.clone());
    let (sender, mut receiver) = channel::mpsc::channel::<()>(1);
    run(async {
        spawn(async move {
            let _witness = witness;
            receiver.recv().await
        });
        yield_now().await;
    });
    assert_eq!(*seen.borrow(), ["dropped"]);
    assert!(sender.is_closed());
}

/// The schedules of sinks are the same on both floors.
macro_rules! sinks {
    ($name:ident, $mpsc:path) => {
        mod $name {
            use std::pin::Pin;
            use std::rc::Rc;

            use ekiden_reactor::channel::{Closed, TrySendError};
            use ekiden_reactor::{run, spawn, yield_now};
            use futures_util::{FutureExt, Sink, SinkExt, StreamExt, future::poll_fn};
            use $mpsc as mpsc;

            #[test]
            fn a_sink_that_is_ready_has_a_place_that_nobody_can_take() {
                run(async {
                    let (sender, mut receiver) = mpsc::channel(1);
                    let mut sink = sender.clone().into_sink();
                    let mut ready = async || poll_fn(|cx| Pin::new(&mut sink).poll_ready(cx)).await;
                    assert_eq!((ready().await, ready().await), (Ok(()), Ok(())));
                    assert_eq!(sender.try_send(2), Err(TrySendError::Full(2)));
                    let waiting = spawn(async move { sender.send(2).await });
                    yield_now().await;
                    Pin::new(&mut sink).start_send(1).unwrap();
                    assert_eq!(receiver.recv().await, Some(1));
                    waiting.await.unwrap().unwrap();
                    assert_eq!(receiver.recv().await, Some(2));
                    sink.close().await.unwrap();
                    assert_eq!(receiver.recv().await, None);
                    assert_eq!(sink.feed(3).await, Err(Closed));
                });
            }

            #[test]
            fn a_sink_waits_in_the_order_of_all_who_send() {
                run(async {
                    let (sender, mut receiver) = mpsc::channel(1);
                    sender.send(0).await.unwrap();
                    let mut sink = sender.clone().into_sink();
                    let first = spawn({
                        let sender = sender.clone();
                        async move { sender.send(1).await }
                    });
                    yield_now().await;
                    let second = spawn(async move { sink.send(2).await });
                    yield_now().await;
                    let third = spawn(async move { sender.send(3).await });
                    yield_now().await;
                    assert_eq!(receiver.by_ref().collect::<Vec<_>>().await, [0, 1, 2, 3]);
                    first.await.unwrap().unwrap();
                    second.await.unwrap().unwrap();
                    third.await.unwrap().unwrap();
                });
            }

            #[test]
            fn what_a_sink_held_or_waited_for_goes_to_the_next() {
                run(async {
                    for is_reserved in [true, false] {
                        let (sender, mut receiver) = mpsc::channel(1);
                        if !is_reserved {
                            sender.send(0).await.unwrap();
                        }
                        let mut sink = sender.clone().into_sink();
                        let ready = poll_fn(|cx| Pin::new(&mut sink).poll_ready(cx)).now_or_never();
                        assert_eq!(ready.is_some(), is_reserved);
                        let waiting = spawn(async move { sender.send(1).await });
                        yield_now().await;
                        assert!(!waiting.is_finished());
                        if !is_reserved {
                            assert_eq!(receiver.recv().await, Some(0)); // the place is promised to the sink
                        }
                        drop(sink);
                        yield_now().await;
                        assert!(waiting.now_or_never().is_some_and(|sent| sent.unwrap().is_ok()));
                        assert_eq!(receiver.recv().await, Some(1));
                        assert_eq!(receiver.recv().await, None);
                    }
                });
            }

            #[test]
            fn a_sink_whose_receiver_is_gone_says_so_and_keeps_nothing() {
                run(async {
                    let (sender, receiver) = mpsc::channel(1);
                    let mut sink = sender.into_sink();
                    let value = Rc::new(());
                    poll_fn(|cx| Pin::new(&mut sink).poll_ready(cx)).await.unwrap();
                    drop(receiver);
                    assert_eq!(Pin::new(&mut sink).start_send(value.clone()), Err(Closed));
                    assert_eq!(sink.send(value.clone()).await, Err(Closed));
                    assert_eq!(Rc::strong_count(&value), 1);

                    let (sender, mut receiver) = mpsc::channel(1);
                    let mut sink = sender.into_sink();
                    sink.send(1).await.unwrap();
                    poll_fn(|cx| Pin::new(&mut sink).poll_ready(cx)).now_or_never();
                    receiver.close();
                    drop(sink); // what it waited for went with the closing
                    assert_eq!(receiver.recv().await, Some(1));
                    assert_eq!(receiver.recv().await, None);
                });
            }

            #[test]
            #[should_panic(expected = "`poll_ready`")]
            fn a_sink_that_was_not_asked_takes_nothing() {
                let (sender, _receiver) = mpsc::channel(1);
                let _ = Pin::new(&mut sender.into_sink()).start_send(());
            }
        }
    };
}

sinks!(sinks_of_one_core, ekiden_reactor::channel::mpsc);
sinks!(sinks_between_threads, ekiden_reactor::sync::mpsc);
