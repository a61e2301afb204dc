//! Other threads: waking tasks, spawning them, blocking for them, and a reactor that is gone.
#![expect(clippy::disallowed_methods, reason = "these tests are about threads")]

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock, mpsc};
use std::task::{Poll, Waker};
use std::thread;

use ekiden_reactor::{
    Blocking, BlockingError, Config, Reactor, Task, Tick, blocking, request_shutdown, run, schedule,
    shutdown, spawn,
};

#[test]
fn another_thread_wakes_a_parked_reactor() {
    for _ in 0..100 {
        let (flag, slot) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None::<Waker>)));
        let (their_flag, their_slot) = (flag.clone(), slot.clone());
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            told.recv().unwrap();
            their_flag.store(true, Ordering::SeqCst);
            their_slot.lock().unwrap().take().unwrap().wake();
        });
        run(poll_fn(|cx| {
            if flag.load(Ordering::SeqCst) {
                return Poll::Ready(());
            }
            if slot.lock().unwrap().replace(cx.waker().clone()).is_none() {
                tell.send(()).ok();
            }
            Poll::Pending
        }));
        thread.join().unwrap();
    }
}

#[test]
fn another_thread_spawns_what_need_not_be_send() {
    let reactor = Reactor::new(Config::default()).unwrap();
    let handle = reactor.handle();
    let thread = thread::spawn(move || {
        handle.spawn(|| async {
            let local = Rc::new(RefCell::new(1));
            spawn({
                let local = local.clone();
                async move { *local.borrow_mut() += 1 }
            })
            .await
            .unwrap();
            local.take()
        })
    });
    assert_eq!(reactor.run(async { thread.join().unwrap().await }).unwrap(), 2);
}

#[test]
fn a_panic_of_such_a_task_reaches_its_handle() {
    let reactor = Reactor::new(Config::default()).unwrap();
    let remote = reactor.handle().spawn(|| async { panic!("over there") });
    let error = reactor.run(remote).unwrap_err();
    assert_eq!(error.panic_message(), Some("over there"));
}

#[test]
fn a_panic_of_what_makes_the_task_comes_back_too() {
    let reactor = Reactor::new(Config::default()).unwrap();
    let remote = reactor.handle().spawn(|| {
        if true {
            panic!("before it was one");
        }
        async {}
    });
    let error = reactor.run(remote).unwrap_err();
    assert_eq!(error.panic_message(), Some("before it was one"));
}

#[test]
fn a_reactor_that_is_gone_answers_that_the_task_was_aborted() {
    let reactor = Reactor::new(Config::default()).unwrap();
    let handle = reactor.handle();
    let before = handle.spawn(|| async { 1 });
    drop(reactor);
    let after = handle.spawn(|| async { 1 });
    for late in [before, after] {
        assert!(run(late).unwrap_err().is_aborted());
    }
}

#[test]
fn a_waker_may_outlive_its_reactor_on_any_thread() {
    let waker = run(poll_fn(|cx| Poll::Ready(cx.waker().clone())));
    thread::spawn(move || {
        waker.wake_by_ref();
        drop(waker);
    })
    .join()
    .unwrap();
}

#[test]
fn a_waker_of_a_task_that_ended_wakes_nobody_else() {
    run(async {
        let waker = spawn(poll_fn(|cx| Poll::Ready(cx.waker().clone()))).await.unwrap();
        let polls = Rc::new(std::cell::Cell::new(0));
        let count = polls.clone();
        drop(spawn(poll_fn::<(), _>(move |_| {
            count.set(count.get() + 1);
            Poll::Pending
        })));
        ekiden_reactor::yield_now().await;
        waker.wake();
        for _ in 0..5 {
            ekiden_reactor::yield_now().await;
        }
        assert_eq!(polls.get(), 1);
    });
}

#[test]
fn what_blocks_runs_elsewhere_and_its_panic_comes_back() {
    run(async {
        let here = thread::current().id();
        let there = blocking(|| thread::current().id()).await.unwrap();
        assert_ne!(here, there);
        let error = blocking(|| panic!("blocked")).await.unwrap_err();
        assert!(error.is_panic());
        assert_eq!(*error.into_panic().unwrap().downcast::<&str>().unwrap(), "blocked");
    });
}

#[test]
fn shutdown_is_a_source_that_stays_ready() {
    run(async {
        let waiting = spawn(shutdown());
        assert!(!ekiden_reactor::is_shutting_down());
        ekiden_reactor::yield_now().await;
        request_shutdown();
        waiting.await.unwrap();
        shutdown().await;
        assert!(ekiden_reactor::is_shutting_down());
    });
}

#[test]
fn a_blocking_function_can_be_ticked_for() {
    struct Sum(Vec<Blocking<u32>>, u32);
    impl Task for Sum {
        fn tick(&mut self) -> io::Result<Tick> {
            while let Some(next) = self.0.last_mut() {
                let Some(result) = next.try_join()? else { return Ok(Tick::WouldBlock) };
                self.1 += result;
                self.0.pop();
            }
            assert_eq!(self.1, 6);
            Ok(Tick::Final)
        }
    }
    run(async {
        let sum = Sum(vec![blocking(|| 1), blocking(|| 2), blocking(|| 3)], 0);
        schedule(sum).await.unwrap().unwrap();
        let failing = Sum(vec![blocking(|| panic!("no sum"))], 0);
        let error = schedule(failing).await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "the blocking function panicked: no sum");
        assert!(error.get_ref().unwrap().downcast_ref::<BlockingError>().unwrap().is_panic());
    });
}

#[test]
fn at_the_end_of_a_reactor_what_waits_is_dropped_and_what_runs_goes_on() {
    let door = Arc::new(RwLock::new(()));
    let closed = door.write().unwrap();
    let ((begin, begun), (end, ended)) = (mpsc::channel(), mpsc::channel());
    let reactor = Reactor::new(Config::default()).unwrap();
    let mut waiting = None;
    reactor.run(async {
        for _ in 0..64 {
            let (door, begin, end) = (door.clone(), begin.clone(), end.clone());
            drop(blocking(move || {
                begin.send(()).unwrap();
                drop(door.read());
                end.send(()).unwrap();
            }));
        }
        waiting = Some(blocking(|| unreachable!("it is never begun")));
    });
    assert_eq!(begun.iter().take(64).count(), 64);
    drop(reactor);
    let error = run(waiting.unwrap()).unwrap_err();
    assert!(error.is_overloaded() && !error.is_panic());
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::ResourceBusy);
    drop((closed, end));
    assert_eq!(ended.iter().count(), 64);
}
