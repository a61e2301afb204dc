//! Reactors that are driven from outside, turn by turn.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::panic::{AssertUnwindSafe, UnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use ekiden_reactor::driver::hand::{Clock, Hand};
use ekiden_reactor::{
    Config, Handle, Instant, Reactor, Ready, Turned, Turns, driver, inspect, run, sleep, spawn, spawn_named,
    sync, yield_now,
};

const HOUR: Duration = Duration::from_secs(3600);

fn start<F: Future>(main: F) -> (Turns<F>, Clock) {
    let (hand, clock) = Hand::new().unwrap();
    (Reactor::with_driver(Config::default(), hand).start(main), clock)
}

fn first(_ready: &Ready<'_>) -> usize {
    0
}

#[test]
fn a_turn_says_how_long_there_is_nothing_to_do() {
    let (mut turns, clock) = start(async {
        sleep(HOUR).await;
        yield_now().await;
        pending::<()>().await;
    });
    assert_eq!(turns.turn(first), Turned::Idle(Some(Instant::ORIGIN + HOUR)));
    assert_eq!(turns.turn(first), Turned::Idle(Some(Instant::ORIGIN + HOUR)), "nothing has happened");
    clock.advance(HOUR);
    assert_eq!(turns.turn(first), Turned::Ready);
    assert_eq!(turns.turn(first), Turned::Idle(None));
}

/// What it says that is refused.
fn refusal(f: impl FnOnce() + UnwindSafe) -> String {
    let payload = catch_unwind(f).expect_err("it should be refused");
    payload.downcast_ref::<&str>().copied().unwrap_or_default().to_owned()
}

const REFUSED: &str =
    "a reactor cannot be run (`run`, `Runtime::run`, `Reactor::run`) within a turn of another";

#[test]
fn no_reactor_is_run_within_a_turn() {
    let (mut turns, _clock) = start(async {
        let (hand, _clock) = Hand::new().unwrap();
        let other = AssertUnwindSafe(Reactor::with_driver(Config::default(), hand));
        assert!(refusal(|| run(async {})).starts_with(REFUSED));
        assert!(refusal(move || other.run(async {})).starts_with(REFUSED));
        assert!(refusal(|| driver::run_in_line(Box::new(|| run(async {})))).starts_with(REFUSED));
        pending::<()>().await;
    });
    assert_eq!(turns.turn(first), Turned::Idle(None));
    // Whoever drives them may, between two turns and after the last.
    assert_eq!(run(async { 7 }), 7);
    drop(turns);
    assert_eq!(run(async { 8 }), 8);
}

#[test]
fn one_that_is_run_may_be_within_nothing_but_drive_others() {
    let (mut turns, _clock) = start(async { refusal(|| run(async {})) });
    let refused = run(async move {
        let Turned::Done(refused) = turns.turn(first) else { panic!("it waits for nothing") };
        assert_eq!(run(async { 7 }), 7);
        refused
    });
    assert!(refused.starts_with(REFUSED));
    driver::run_in_line(Box::new(|| assert!(refusal(|| run(async {})).starts_with(REFUSED))));
    assert_eq!(run(async { 8 }), 8);
}

#[test]
fn what_goes_by_between_two_turns_is_rest() {
    let (mut turns, clock) = start(pending::<()>());
    let stats = |turns: &Turns<_>| turns.within(|| Handle::current().stats());
    assert_eq!(turns.turn(first), Turned::Idle(None));
    clock.advance(HOUR);
    assert_eq!(turns.turn(first), Turned::Idle(None));
    assert_eq!((stats(&turns).busy, stats(&turns).idle), (Duration::ZERO, HOUR));
}

#[test]
fn two_reactors_on_a_thread_speak_to_each_other() {
    let ((ask, mut asked), (answer, mut answered)) = (sync::mpsc::channel(1), sync::mpsc::channel(1));
    let (mut server, _clock) = start(async move {
        while let Some(n) = asked.recv().await {
            answer.send(2 * n).await.unwrap();
        }
    });
    let (mut client, _clock) = start(async move {
        ask.send(21).await.unwrap();
        answered.recv().await
    });
    assert_eq!(server.turn(first), Turned::Idle(None));
    assert_eq!(client.turn(first), Turned::Idle(None));
    // A letter is read at the end of a turn, and what it wakes runs in the next.
    assert_eq!(server.turn(first), Turned::Ready);
    assert_eq!(server.turn(first), Turned::Idle(None));
    assert_eq!(client.turn(first), Turned::Ready);
    assert_eq!(client.turn(first), Turned::Done(Some(42)));
    drop(client);
    assert_eq!(server.turn(first), Turned::Ready);
    assert_eq!(server.turn(first), Turned::Done(()));
}

#[test]
fn which_task_is_next_is_the_callers_to_say() {
    let order = |choose: fn(&Ready<'_>) -> usize| {
        let log = Rc::new(RefCell::new(Vec::new()));
        let logged = log.clone();
        let (mut turns, _clock) = start(async move {
            for number in 0..4 {
                let log = logged.clone();
                drop(spawn(async move { log.borrow_mut().push(number) }));
            }
            pending::<()>().await;
        });
        assert_eq!(turns.turn(choose), Turned::Idle(None));
        drop(turns);
        Rc::into_inner(log).unwrap().into_inner()
    };
    assert_eq!(order(first), [0, 1, 2, 3]);
    assert_eq!(order(|ready| ready.len() - 1), [3, 0, 1, 2]);
}

#[test]
fn who_chooses_knows_each_by_its_number_and_name() {
    let (mut turns, _clock) = start(async {
        drop(spawn_named("one", pending::<()>()));
        drop(spawn_named("other", pending::<()>()));
        pending::<()>().await;
    });
    let mut seen = Vec::new();
    let choose = |ready: &Ready<'_>| {
        seen.push((0..ready.len()).map(|at| (ready.task(at).0, ready.task(at).1.name)).collect::<Vec<_>>());
        ready.len() - 1
    };
    assert_eq!(turns.turn(choose), Turned::Idle(None));
    let (main, one, other) = ((1, Some("main")), (2, Some("one")), (3, Some("other")));
    assert_eq!(seen, [vec![main], vec![one, other], vec![one]]);
}

#[test]
fn one_that_has_yielded_is_put_off_though_it_is_chosen_and_another_is_asked_for() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let logged = log.clone();
    let (mut turns, _clock) = start(async move {
        let log = logged.clone();
        drop(spawn(async move {
            // Woken, and then it yields: it is in this turn's queue, for the next turn.
            poll_fn(|cx| {
                cx.waker().wake_by_ref();
                Poll::Ready(())
            })
            .await;
            yield_now().await;
            log.borrow_mut().push(0);
        }));
        for number in 1..3 {
            let log = logged.clone();
            drop(spawn(async move { log.borrow_mut().push(number) }));
        }
        pending::<()>().await;
    });
    // The main future, the first task; then that again, behind the others.
    let mut choices = [0, 0, 2, 0].into_iter();
    let mut chosen = Vec::new();
    let choose = |ready: &Ready<'_>| {
        let choice = choices.next().unwrap_or(0);
        chosen.push(ready.task(choice).0);
        choice
    };
    assert_eq!(turns.turn(choose), Turned::Ready);
    assert_eq!(turns.turn(first), Turned::Idle(None));
    assert_eq!(*log.borrow(), [2, 1, 0]);
    assert_eq!(chosen, [1, 2, 2, 4, 3]);
}

#[test]
fn a_task_is_woken_though_nothing_has_happened() {
    let polls = Rc::new([Cell::new(0), Cell::new(0)]);
    let counted = |which: usize| {
        let polls = polls.clone();
        poll_fn(move |_| {
            polls[which].set(polls[which].get() + 1);
            Poll::<()>::Pending
        })
    };
    let (task, main) = (counted(0), counted(1));
    let (mut turns, _clock) = start(async {
        drop(spawn(task));
        main.await;
    });
    assert_eq!(turns.turn(first), Turned::Idle(None));
    turns.wake_spuriously(0);
    assert_eq!(turns.turn(first), Turned::Idle(None));
    turns.wake_spuriously(1);
    assert_eq!(turns.turn(first), Turned::Idle(None));
    assert_eq!([polls[0].get(), polls[1].get()], [2, 2]);
}

#[test]
fn who_is_dropped_with_it_finds_the_reactor() {
    struct AtTheEnd(Rc<Cell<usize>>);
    impl Drop for AtTheEnd {
        fn drop(&mut self) {
            self.0.set(self.0.get() + inspect::tasks().len().min(1));
        }
    }
    let found = Rc::new(Cell::new(0));
    let (of_main, of_task) = (AtTheEnd(found.clone()), AtTheEnd(found.clone()));
    let (mut turns, _clock) = start(async move {
        drop(spawn(async move {
            pending::<()>().await;
            drop(of_task);
        }));
        pending::<()>().await;
        drop(of_main);
    });
    assert_eq!(turns.turn(first), Turned::Idle(None));
    drop(turns);
    assert_eq!(found.get(), 2);
}

#[test]
fn one_whose_future_panics_is_dropped_as_well() {
    let (mut turns, _clock) = start(async {
        drop(spawn(pending::<()>()));
        yield_now().await;
        panic!("as the test wants");
    });
    assert_eq!(turns.turn(first), Turned::Ready);
    let turned = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| turns.turn(first)));
    assert!(turned.is_err());
    drop(turns);
    assert_eq!(ekiden_reactor::run(async { 6 * 7 }), 42);
}

#[test]
fn a_panic_is_unread_until_its_handle_is_asked() {
    let (mut turns, clock) = start(async {
        let local = spawn_named("local", async { panic!("here") });
        let remote = Handle::current().spawn(|| async { panic!("there") });
        let read = spawn(async { panic!("read at once") }).await;
        assert!(read.is_err());
        sleep(HOUR).await;
        assert!(local.await.is_err());
        sleep(HOUR).await;
        let read = remote.await;
        assert!(read.is_err());
        pending::<()>().await;
    });
    let mut unread = || {
        while turns.turn(first) == Turned::Ready {}
        clock.advance(HOUR);
        let panics = turns.unread_panics();
        panics.iter().map(|said| said.rsplit_once(' ').unwrap().1.to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(unread(), ["here", "there"]);
    assert_eq!(unread(), ["there"]);
    assert_eq!(unread(), [""; 0]);
}
