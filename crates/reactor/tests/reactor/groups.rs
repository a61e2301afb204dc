//! Groups of tasks: schedules played by hand, then what becomes of children whose owner goes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{pending, poll_fn};
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use ekiden_reactor::channel::oneshot;
use ekiden_reactor::{
    ChildError, Config, JoinError, Reactor, Task, TaskGroup, Tick, run, schedule, spawn, timeout, yield_now,
};
use futures_util::StreamExt;

/// What a child does in the end.
#[derive(Clone, Copy)]
enum End {
    Return,
    Fail,
    Panic,
}

type Failure = char;

/// A group whose children end when they are told, and what was seen of them.
struct Play {
    group: TaskGroup<Result<char, Failure>>,
    ends: BTreeMap<char, oneshot::Sender<End>>,
    dropped: Rc<RefCell<String>>,
}

impl Play {
    fn child(&mut self, name: char) -> impl Future<Output = Result<char, Failure>> + use<> {
        struct Witness(char, Rc<RefCell<String>>);
        impl Drop for Witness {
            fn drop(&mut self) {
                self.1.borrow_mut().push(self.0);
            }
        }
        let (sender, receiver) = oneshot::channel();
        self.ends.insert(name, sender);
        let witness = Witness(name, self.dropped.clone());
        async move {
            let _witness = witness;
            match receiver.await {
                Ok(End::Return) => Ok(name),
                Ok(End::Fail) => Err(name),
                Ok(End::Panic) => panic!("{name}"),
                Err(_) => pending().await,
            }
        }
    }

    /// `a` spawns a child, waiting for one look; `try a` spawns it if there is room; `a returns`, `a fails` and `a
    /// panics` end it; `next`, `now`, `all` and `values` take what can be had at once.
    async fn step(&mut self, words: &str) -> String {
        let (first, second) = words.split_once(' ').unwrap_or((words, ""));
        let answer = match (first, second) {
            ("try", name) => {
                let child = self.child(name.chars().next().unwrap());
                String::from(if self.group.try_spawn(child).is_ok() { "ok" } else { "full" })
            }
            ("next", _) => match once(self.group.join_next()).await {
                Poll::Ready(next) => next.map_or("empty".into(), tell),
                Poll::Pending => "waits".into(),
            },
            ("now", _) => self.group.try_join_next().map_or("none".into(), tell),
            ("all", _) => match once(self.group.join_all()).await {
                Poll::Ready(all) => all.into_iter().map(tell).collect::<Vec<_>>().join("+"),
                Poll::Pending => "waits".into(),
            },
            ("values", _) => match once(self.group.try_join_all()).await {
                Poll::Ready(Ok(values)) => values.into_iter().collect(),
                Poll::Ready(Err(ChildError::Failed(name))) => tell(Ok(Err(name))),
                Poll::Ready(Err(ChildError::Lost(error))) => tell(Err(error)),
                Poll::Pending => "waits".into(),
            },
            ("abort", _) => {
                self.group.abort();
                String::new()
            }
            (name, "") => {
                let child = self.child(name.chars().next().unwrap());
                match once(self.group.spawn(child)).await {
                    Poll::Ready(Ok(None)) => "ok".into(),
                    Poll::Ready(Ok(Some(value))) => tell(Ok(value)),
                    Poll::Ready(Err(error)) => tell(Err(error)),
                    Poll::Pending => "waits".into(),
                }
            }
            (name, end) => {
                let end = match end {
                    "returns" => End::Return,
                    "fails" => End::Fail,
                    "panics" => End::Panic,
                    other => panic!("what is {other}?"),
                };
                let sender = self.ends.remove(&name.chars().next().unwrap()).expect("has not ended");
                assert!(sender.send(end).is_ok(), "{name} is gone");
                String::new()
            }
        };
        for _ in 0..3 {
            yield_now().await; // the children have their turns
        }
        let dropped: String = self.dropped.take().chars().map(|name| format!(" -{name}")).collect();
        (answer + &dropped).trim().into()
    }
}

fn tell(result: Result<Result<char, Failure>, JoinError>) -> String {
    match result {
        Ok(Ok(name)) => name.into(),
        Ok(Err(name)) => format!("{name} failed"),
        Err(error) if error.is_aborted() => "aborted".into(),
        Err(error) => format!("{} panicked", error.panic_message().unwrap()),
    }
}

/// Polls a future once and drops it.
async fn once<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

#[track_caller]
fn check(max: usize, schedule: &str, expected: &str) {
    let answers = run(async {
        let (group, dropped) = (TaskGroup::new(max), Rc::default());
        let mut play = Play { group, ends: BTreeMap::new(), dropped };
        let mut answers = Vec::new();
        for words in schedule.split(", ") {
            answers.push(play.step(words).await);
            assert!(play.group.len() <= max, "more than {max} after {words}");
        }
        answers
    });
    let answers: Vec<_> = answers.into_iter().filter(|answer| !answer.is_empty()).collect();
    assert_eq!(answers.join(", "), expected, "{schedule}");
}

#[test]
fn children_are_joined_in_the_order_they_end() {
    check(
        3,
        "a, b, c, next, b returns, a returns, next, next, next",
        "ok, ok, ok, waits, -b, -a, b, a, waits",
    );
    check(2, "next, a, a returns, next, next", "empty, ok, -a, a, empty");
    check(2, "now, a, now, a returns, now, now", "none, ok, none, -a, a, none");
}

#[test]
fn a_full_group_makes_room_by_giving_a_result_away() {
    check(1, "a, b, next, a returns, c, c returns, next", "ok, waits -b, waits, -a, a, -c, c");
    check(2, "a, b, a panics, c, b returns, d, next", "ok, ok, -a, a panicked, -b, b, waits");
    check(1, "a, try b, a returns, try b, next, try b", "ok, full -b, -a, full -b, a, ok");
}

#[test]
fn a_panic_and_a_failure_are_results_like_others() {
    check(2, "a, b, a panics, next, b fails, next", "ok, ok, -a, a panicked, -b, b failed");
    check(2, "a, b, a panics, b returns, all", "ok, ok, -a, -b, a panicked+b");
}

#[test]
fn all_are_joined_as_one() {
    check(3, "a, b, b returns, all, all, a returns, all, next", "ok, ok, -b, waits, waits, -a, b+a, empty");
    check(3, "a, b, b returns, all, next, next", "ok, ok, -b, waits, b, waits");
    check(1, "all", "");
}

#[test]
fn all_are_aborted_as_one() {
    check(3, "a, b, c, b returns, abort, all", "ok, ok, ok, -b, -a -c, b+aborted+aborted");
    check(2, "a, abort, b, b returns, all", "ok, -a, ok, -b, aborted+b");
    check(2, "a, a returns, abort, all", "ok, -a, a");
}

#[test]
fn the_first_failure_aborts_the_others() {
    check(3, "a, b, a returns, b returns, values", "ok, ok, -a, -b, ab");
    check(3, "a, b, c, values, b fails, values, values", "ok, ok, ok, waits, -b, waits -a -c, b failed");
    check(3, "a, b, values, b panics, values, values", "ok, ok, waits, -b, waits -a, b panicked");
    check(
        3,
        "a, b, values, b panics, next, values, a returns, values",
        "ok, ok, waits, -b, b panicked, waits, -a, a",
    );
    check(3, "a, b, a returns, values, b fails, values, next", "ok, ok, -a, waits, -b, b failed, empty");
    check(2, "a, b, a fails, all, values, values", "ok, ok, -a, waits, waits -b, a failed");
}

#[test]
fn a_group_that_is_dropped_aborts_its_children() {
    run(async {
        let dropped = Rc::new(RefCell::new(String::new()));
        let mut play = Play { group: TaskGroup::new(2), ends: BTreeMap::new(), dropped };
        assert_eq!(play.step("a").await, "ok");
        assert_eq!(play.step("b").await, "ok");
        let dropped = play.dropped.clone();
        // By a time-out, while it is joined.
        let joined = timeout(Duration::ZERO, async move { play.group.join_all().await.len() }).await;
        assert!(joined.is_err());
        yield_now().await;
        assert_eq!(*dropped.borrow(), "ab");
    });
}

#[test]
fn a_group_within_a_child_goes_with_it() {
    run(async {
        let alive = Rc::new(());
        let (outer, inner) = (alive.clone(), alive.clone());
        let parent = spawn(async move {
            let mut group = TaskGroup::new(1);
            let grandparent = async move {
                let _outer = outer;
                let mut group = TaskGroup::new(1);
                group.spawn(async move { drop((pending::<()>().await, inner)) }).await.unwrap();
                group.join_all().await;
            };
            group.spawn(grandparent).await.unwrap();
            group.join_all().await;
        });
        yield_now().await;
        yield_now().await;
        assert_eq!(Rc::strong_count(&alive), 3);
        parent.abort();
        for _ in 0..3 {
            yield_now().await;
        }
        assert_eq!(Rc::strong_count(&alive), 1);
    });
}

#[test]
fn many_children_pass_through_a_small_group() {
    run(async {
        let (mut group, mut sum, running) = (TaskGroup::new(3), 0, Rc::new(()));
        for number in 0..1_000_u32 {
            let one = running.clone();
            let child = group.spawn(async move {
                for _ in 0..number % 5 {
                    yield_now().await;
                }
                assert!(Rc::strong_count(&one) <= 5, "three run, and one waits to be spawned");
                number
            });
            sum += child.await.unwrap().unwrap_or(0);
        }
        while let Some(number) = group.next().await {
            sum += number.unwrap();
        }
        assert_eq!((sum, Rc::strong_count(&running)), (499_500, 1));
    });
}

/// Keeps a group full until so many children have ended.
struct Foreman {
    group: TaskGroup<()>,
    left: u32,
    ticks: Rc<RefCell<u32>>,
}

impl Task for Foreman {
    fn tick(&mut self) -> io::Result<Tick> {
        *self.ticks.borrow_mut() += 1;
        loop {
            while self.left > 0 && self.group.try_spawn(yield_now()).is_ok() {
                self.left -= 1;
            }
            match self.group.try_join_next() {
                Some(ended) => ended.map_err(io::Error::other)?,
                None if self.group.is_empty() => return Ok(Tick::Final),
                None => return Ok(Tick::WouldBlock),
            }
        }
    }
}

#[test]
fn a_tick_that_owns_a_group_is_ticked_when_a_child_ends() {
    run(async {
        let ticks = Rc::new(RefCell::new(0));
        schedule(Foreman { group: TaskGroup::new(2), left: 10, ticks: ticks.clone() })
            .await
            .unwrap()
            .unwrap();
        assert!((5..=20).contains(&*ticks.borrow()), "{} ticks for ten children", ticks.borrow());
    });
}

#[test]
fn a_tick_that_finds_the_group_full_is_ticked_when_a_child_ends() {
    struct Refused(TaskGroup<()>, Rc<RefCell<u32>>);
    impl Task for Refused {
        fn tick(&mut self) -> io::Result<Tick> {
            *self.1.borrow_mut() += 1;
            assert!(self.0.try_spawn(yield_now()).is_err(), "nobody takes the result");
            Ok(Tick::WouldBlock)
        }
    }
    run(async {
        let (mut group, ticks) = (TaskGroup::new(1), Rc::new(RefCell::new(0)));
        let (end, ended) = oneshot::channel::<()>();
        group.spawn(async { assert!(ended.await.is_err()) }).await.unwrap();
        let task = schedule(Refused(group, ticks.clone()));
        yield_now().await;
        assert_eq!(*ticks.borrow(), 1);
        drop(end);
        for _ in 0..5 {
            yield_now().await;
        }
        assert_eq!(*ticks.borrow(), 2);
        task.abort();
    });
}

#[test]
fn the_operator_is_told_of_panics_that_nobody_took() {
    let told = Rc::new(RefCell::new(Vec::new()));
    let (mut config, log) = (Config::default(), told.clone());
    config.on_notice = Rc::new(move |notice| log.borrow_mut().push(notice.to_string()));
    Reactor::new(config).unwrap().run(async {
        let mut group = TaskGroup::<Result<(), ()>>::new(3);
        for name in ["first", "second", "third"] {
            group.spawn(async move { panic!("{name}") }).await.unwrap();
        }
        let error = group.try_join_all().await.unwrap_err();
        assert_eq!(told.borrow().len(), 2, "the first is in the error");
        assert!(matches!(error, ChildError::Lost(error) if error.panic_message() == Some("first")));
        group.spawn(pending()).await.unwrap();
        group.spawn(async { panic!("known") }).await.unwrap();
        yield_now().await;
        assert!(once(group.join_all()).await.is_pending());
        group.spawn(async { panic!("unknown") }).await.unwrap();
        yield_now().await;
        drop(group);
        let told: Vec<_> =
            told.take().iter().map(|line| line.rsplit(' ').next().unwrap().to_owned()).collect();
        assert_eq!(told, ["second", "third", "known", "unknown"]);
    });
}
