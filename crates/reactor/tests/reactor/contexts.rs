//! Contexts: what is found in them, by whom, and that nobody finds what a neighbour left behind.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task;
use std::time::Duration;

use ekiden_reactor::context::{self, Context, Key, Trace};
use ekiden_reactor::driver::hand::{Clock, Hand};
use ekiden_reactor::{Config, Elapsed, Handle, Instant, Reactor, TaskGroup, run, schedule, spawn, yield_now};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use proptest::prelude::*;

static INHERITED: Key<u32> = Key::inherited();
static LOCAL: Key<u32> = Key::local();

/// What is found here, in a form that is easy to write down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Found {
    deadline: Option<u64>,
    trace: Option<u64>,
    inherited: Option<u32>,
    local: Option<u32>,
}

fn found() -> Found {
    let found = Found {
        deadline: context::deadline().map(Instant::as_nanos),
        trace: context::trace().map(Trace::span_id),
        inherited: INHERITED.with(|value| *value),
        local: LOCAL.get().map(|value| *value),
    };
    let current = Context::current();
    assert_eq!((current.deadline(), current.trace()), (context::deadline(), context::trace()));
    assert_eq!(current.is_none(), found == Found::default());
    found
}

fn at(nanos: u64) -> Instant {
    Instant::from_nanos(nanos)
}

fn traced(span: u64) -> Trace {
    Trace::new(1, span).unwrap()
}

/// A context with something of everything.
fn full() -> Context {
    Context::none().with_deadline(at(5)).with_trace(traced(6)).with(&INHERITED, 7).with(&LOCAL, 8)
}

fn all() -> Found {
    Found { deadline: Some(5), trace: Some(6), inherited: Some(7), local: Some(8) }
}

#[test]
fn scopes_nest() {
    run(async {
        full()
            .scope(async {
                assert_eq!(found(), all());
                let inner = Context::current().with_deadline(at(3)).with(&LOCAL, 9);
                inner
                    .scope(async {
                        assert_eq!(found(), Found { deadline: Some(3), local: Some(9), ..all() });
                        yield_now().await;
                        assert_eq!(found(), Found { deadline: Some(3), local: Some(9), ..all() });
                    })
                    .await;
                assert_eq!(found(), all());
            })
            .await;
        assert_eq!(found(), Found::default());
    });
}

#[test]
fn a_deadline_is_narrowed_and_never_widened() {
    let context = Context::none().with_deadline(at(5)).with_deadline(at(9));
    assert_eq!(context.deadline(), Some(at(5)));
    assert_eq!(context.clone().with_deadline(at(3)).deadline(), Some(at(3)));
    assert_eq!(context.without_deadline().with_deadline(at(9)).deadline(), Some(at(9)));
    let never = Instant::ORIGIN + Duration::MAX;
    assert_eq!(Context::none().with_deadline(never).deadline(), None, "the end of the clock is no moment");
}

#[test]
fn what_is_taken_out_is_gone() {
    let left = full().without_trace().without(&INHERITED);
    left.sync_scope(|| {
        assert_eq!(found(), Found { deadline: Some(5), local: Some(8), ..Found::default() });
    });
    assert!(full().without_deadline().without_trace().without(&INHERITED).without(&LOCAL).is_none());
    assert!(Context::none().without(&LOCAL).without_trace().without_deadline().is_none());
    assert_eq!(full().sync_scope(found), all(), "and nobody else's has changed");
}

#[test]
fn a_context_says_what_is_in_it_but_for_the_values() {
    let says = format!("{:?}", full());
    assert!(says.contains("Instant(5ns)") && says.contains("0000000000000006-00"), "{says}");
    assert!(says.contains(r#"values: ["u32", "u32"]"#), "{says}");
    assert_eq!(format!("{INHERITED:?}"), "Key<u32>");
}

#[test]
fn a_task_inherits_what_declares_itself_inheritable() {
    let inherited = Found { local: None, ..all() };
    run(async {
        let (future, made) =
            full().sync_scope(|| (spawn(async { found() }), Handle::current().spawn(|| async { found() })));
        assert_eq!(future.await.unwrap(), inherited);
        // By way of the inbox goes what can go to another thread.
        assert_eq!(made.await.unwrap(), Found { inherited: None, ..inherited.clone() });

        let ticked = Rc::new(RefCell::new(None));
        full().sync_scope(|| schedule(Once(ticked.clone()))).await.unwrap().unwrap();
        assert_eq!(ticked.take(), Some(inherited.clone()));

        let mut group = TaskGroup::new(1);
        full().scope(group.spawn(async { found() })).await.unwrap();
        assert_eq!(group.join_next().await.unwrap().unwrap(), inherited);

        let grandchild = full().sync_scope(|| spawn(async { spawn(async { found() }).await.unwrap() }));
        assert_eq!(grandchild.await.unwrap(), inherited);
        let only_local = Context::none().with(&LOCAL, 1).sync_scope(|| spawn(async { found() }));
        assert_eq!(only_local.await.unwrap(), Found::default());
    });
}

/// Ticks once, and looks.
struct Once(Rc<RefCell<Option<Found>>>);

impl ekiden_reactor::Task for Once {
    fn tick(&mut self) -> std::io::Result<ekiden_reactor::Tick> {
        self.0.replace(Some(found()));
        Ok(ekiden_reactor::Tick::Final)
    }
}

#[test]
fn the_next_task_in_a_place_finds_nothing() {
    run(async {
        for _ in 0..3 {
            full().sync_scope(|| spawn(async {})).await.unwrap();
            assert_eq!(spawn(async { found() }).await.unwrap(), Found::default());
            let aborted = full().sync_scope(|| spawn(pending::<()>()));
            yield_now().await;
            aborted.abort();
            assert!(aborted.await.unwrap_err().is_aborted());
            assert_eq!(spawn(async { found() }).await.unwrap(), Found::default());
        }
    });
}

#[test]
fn a_panic_restores_the_context_around() {
    run(async {
        let outer = full();
        outer
            .scope(async {
                let panics = Context::none().scope(async { panic!("in a scope") });
                let caught: Result<(), _> = AssertUnwindSafe(panics).catch_unwind().await;
                assert!(caught.is_err());
                assert_eq!(found(), all());
                let caught = catch_unwind(|| Context::none().sync_scope(|| panic!("in a call")));
                assert!(caught.is_err());
                assert_eq!(found(), all());
            })
            .await;
        let task = full().sync_scope(|| spawn(full().scope(async { panic!("in a task") })));
        let error: ekiden_reactor::JoinError = Result::<(), _>::unwrap_err(task.await);
        assert!(error.is_panic());
        assert_eq!(found(), Found::default());
        assert_eq!(spawn(async { found() }).await.unwrap(), Found::default());
    });
}

/// Says what it finds when it is dropped.
struct AtDrop(Rc<RefCell<Vec<Found>>>);

impl Drop for AtDrop {
    fn drop(&mut self) {
        self.0.borrow_mut().push(found());
    }
}

#[test]
fn what_is_dropped_in_the_middle_is_dropped_in_its_context() {
    let log = Rc::new(RefCell::new(Vec::new()));
    let waits = |log: &Rc<RefCell<Vec<Found>>>| {
        let last = AtDrop(log.clone());
        async move {
            let _last = last;
            pending::<()>().await;
        }
    };
    let inherited = Found { local: None, ..all() };
    run(async {
        assert!(full().scope(waits(&log)).now_or_never().is_none());
        drop(full().scope(waits(&log))); // never polled
        assert_eq!(found(), Found::default());
        assert_eq!(log.take(), [all(), all()]);

        let aborted = full().sync_scope(|| spawn(waits(&log)));
        yield_now().await;
        aborted.abort();
        assert!(aborted.await.is_err());
        assert_eq!(log.take(), std::slice::from_ref(&inherited));
        full().sync_scope(|| drop(spawn(waits(&log))));
        yield_now().await;
    });
    assert_eq!(log.take(), [inherited], "it was left when the reactor ended");
}

#[test]
fn the_value_of_a_task_that_panics_when_dropped_ends_nothing_else() {
    struct Bad;
    impl Drop for Bad {
        fn drop(&mut self) {
            panic!("a value that cannot be dropped");
        }
    }
    static BAD: Key<Bad> = Key::inherited();
    let told = Rc::new(Cell::new(0));
    let count = told.clone();
    let mut config = Config::default();
    config.on_notice = Rc::new(move |notice| {
        assert!(notice.text.to_string().starts_with("the end of a task"), "{notice}");
        count.set(count.get() + 1);
    });
    Reactor::new(config).unwrap().run(async {
        for task in [async {}.boxed_local(), pending().boxed_local()] {
            let context = Context::none().with(&BAD, Bad);
            let task = context.clone().sync_scope(|| spawn(task));
            // Ours is not the last.
            std::mem::forget(catch_unwind(AssertUnwindSafe(|| drop(context))));
            yield_now().await;
            drop(task);
        }
    });
    assert_eq!(told.get(), 2, "one when it ended, and one with the reactor");
}

#[test]
fn of_many_futures_in_one_task_each_has_its_own() {
    run(async {
        let mut all: FuturesUnordered<_> = (0..10_u32)
            .map(|number| {
                Context::current().with(&LOCAL, number).with_deadline(at(u64::from(number))).scope(
                    async move {
                        for _ in 0..number % 4 {
                            assert_eq!(
                                (found().local, found().deadline),
                                (Some(number), Some(u64::from(number)))
                            );
                            yield_now().await;
                        }
                        assert_eq!(found().local, Some(number));
                    },
                )
            })
            .collect();
        while let Some(()) = all.next().await {
            assert_eq!(found(), Found::default());
        }
    });
}

#[test]
fn a_waker_that_is_called_in_a_scope_takes_nothing_along() {
    run(async {
        let (sender, receiver) = ekiden_reactor::channel::oneshot::channel();
        let waits = spawn(async {
            receiver.await.unwrap();
            found()
        });
        yield_now().await;
        full().sync_scope(|| sender.send(()).unwrap());
        assert_eq!(waits.await.unwrap(), Found::default());
    });
}

#[test]
fn a_reactor_begins_with_nothing() {
    full().sync_scope(|| {
        assert_eq!(run(async { found() }), Found::default());
        assert_eq!(found(), all());
        let reactor = Reactor::new(Config::default()).unwrap();
        let log = Rc::new(RefCell::new(Vec::new()));
        let last = AtDrop(log.clone());
        reactor.run(async {
            drop(spawn(async move {
                let _last = last;
                pending::<()>().await;
            }));
        });
        drop(reactor);
        assert_eq!(log.take(), [Found::default()]);
    });
    assert_eq!(found(), Found::default());
}

#[test]
fn a_context_needs_no_reactor() {
    let mut scope = pin!(full().scope(async { found() }));
    let polled = scope.as_mut().poll(&mut task::Context::from_waker(task::Waker::noop()));
    assert_eq!(polled, task::Poll::Ready(all()));
}

#[test]
fn time_runs_towards_the_deadline() {
    by_hand(async |clock| {
        assert_eq!((context::remaining(), context::is_expired()), (None, false));
        let ms = Duration::from_millis;
        let context = Context::current().with_deadline(Instant::now() + ms(10));
        let asks = async || (context::remaining(), context::is_expired());
        for (passes, remaining, is_expired) in [(0, 10, false), (9, 1, false), (1, 0, true), (5, 0, true)] {
            clock.pass(ms(passes)).await;
            assert_eq!(context.clone().scope(asks()).await, (Some(ms(remaining)), is_expired));
        }
    });
}

#[test]
fn a_limit_is_known_within_and_kept() {
    by_hand(async |clock| {
        let ms = Duration::from_millis;
        let now = Instant::now();
        let within = || async { (context::remaining(), LOCAL.get().as_deref().copied()) };
        assert_eq!(context::timeout_at(now + ms(5), within()).await, Ok((Some(ms(5)), None)));
        let around = Context::current().with_deadline(now + ms(3)).with(&LOCAL, 1);
        let ended = around.clone().scope(context::timeout_at(now + ms(5), within())).await;
        assert_eq!(ended, Ok((Some(ms(3)), Some(1))));

        // The earlier one ends it, and what is dropped then is dropped with the deadline around.
        let log = Rc::new(RefCell::new(Vec::new()));
        for (own, ends) in [(2, 2), (5, 3)] {
            let last = AtDrop(log.clone());
            let limited = context::timeout_at(Instant::now() + ms(own), async move {
                let _last = last;
                pending::<()>().await;
            });
            let call = Context::current().with_deadline(Instant::now() + ms(3)).scope(limited);
            let call = spawn(async { (call.await, Instant::now()) });
            yield_now().await;
            let began = Instant::now();
            clock.pass(ms(ends - 1)).await;
            assert!(!call.is_finished());
            clock.pass(ms(1)).await;
            assert_eq!(call.await.unwrap(), (Err(Elapsed), began + ms(ends)));
            let deadline = (began + ms(3)).as_nanos();
            assert_eq!(log.take(), [Found { deadline: Some(deadline), ..Found::default() }]);
        }

        let caught: Result<Result<(), Elapsed>, _> =
            AssertUnwindSafe(context::timeout_at(now, async { panic!("in a limit") })).catch_unwind().await;
        assert!(caught.is_err());
        assert_eq!(context::deadline(), None);
    });
}

#[test]
fn ids_of_traces_are_new() {
    run(async {
        let root = Trace::root();
        let child = root.child();
        assert_eq!((child.trace_id(), child.is_sampled()), (root.trace_id(), true));
        assert_ne!(child.span_id(), root.span_id());
        assert_ne!(Trace::root().trace_id(), root.trace_id());
        assert!(!root.with_sampled(false).child().is_sampled());
    });
}

fn by_hand<F: Future>(test: impl FnOnce(Clock) -> F) -> F::Output {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(test(clock))
}

/// What a piece of work does. It is told by hand what it must find, and looks after each step.
#[derive(Clone, Debug)]
enum Step {
    Yield,
    Within(Change, Vec<Self>),
    /// As futures of one task.
    Together(Vec<Vec<Self>>),
    /// In a task of its own, which is joined.
    Spawn(Vec<Self>),
    /// In a task that nobody joins.
    Leave(Vec<Self>),
    /// In a task that is aborted after so many turns.
    Abort(u8, Vec<Self>),
    /// Dropped after so many polls.
    Drop(u8, Vec<Self>),
    Panic(Vec<Self>),
}

#[derive(Clone, Debug)]
enum Change {
    Deadline(u64),
    NoDeadline,
    Trace(u64),
    NoTrace,
    Inherited(u32),
    NotInherited,
    Local(u32),
    None,
}

impl Change {
    fn of(&self, context: Context) -> Context {
        match *self {
            Self::Deadline(nanos) => context.with_deadline(at(nanos)),
            Self::NoDeadline => context.without_deadline(),
            Self::Trace(span) => context.with_trace(traced(span)),
            Self::NoTrace => context.without_trace(),
            Self::Inherited(value) => context.with(&INHERITED, value),
            Self::NotInherited => context.without(&INHERITED),
            Self::Local(value) => context.with(&LOCAL, value),
            Self::None => Context::none(),
        }
    }

    fn of_model(&self, mut model: Found) -> Found {
        match *self {
            Self::Deadline(nanos) => {
                model.deadline = Some(model.deadline.map_or(nanos, |known| known.min(nanos)));
            }
            Self::NoDeadline => model.deadline = None,
            Self::Trace(span) => model.trace = Some(span),
            Self::NoTrace => model.trace = None,
            Self::Inherited(value) => model.inherited = Some(value),
            Self::NotInherited => model.inherited = None,
            Self::Local(value) => model.local = Some(value),
            Self::None => model = Found::default(),
        }
        model
    }
}

/// What was found and should not have been.
type Strays = Rc<RefCell<Vec<(Found, Found)>>>;

/// Looks once more when the work ends or is dropped.
struct Looks {
    model: Found,
    strays: Strays,
}

impl Looks {
    fn look(&self) {
        let found = found();
        if found != self.model {
            self.strays.borrow_mut().push((found, self.model.clone()));
        }
    }
}

impl Drop for Looks {
    fn drop(&mut self) {
        self.look();
    }
}

fn play(steps: Vec<Step>, model: Found, strays: Strays) -> Pin<Box<dyn Future<Output = ()>>> {
    let looks = Looks { model: model.clone(), strays: strays.clone() };
    let child = Found { local: None, ..model.clone() };
    Box::pin(async move {
        for step in steps {
            looks.look();
            match step {
                Step::Yield => yield_now().await,
                Step::Within(change, steps) => {
                    let context = change.of(Context::current());
                    context.scope(play(steps, change.of_model(model.clone()), strays.clone())).await;
                }
                Step::Together(all) => {
                    let all = all.into_iter().map(|steps| play(steps, model.clone(), strays.clone()));
                    all.collect::<FuturesUnordered<_>>().collect::<()>().await;
                }
                Step::Spawn(steps) => spawn(play(steps, child.clone(), strays.clone())).await.unwrap(),
                Step::Leave(steps) => drop(spawn(play(steps, child.clone(), strays.clone()))),
                Step::Abort(turns, steps) => {
                    let task = spawn(play(steps, child.clone(), strays.clone()));
                    for _ in 0..turns {
                        yield_now().await;
                    }
                    task.abort();
                    drop(task.await);
                }
                Step::Drop(polls, steps) => {
                    let mut future = play(steps, model.clone(), strays.clone());
                    for _ in 0..polls {
                        if (&mut future).now_or_never().is_some() {
                            break;
                        }
                        yield_now().await;
                    }
                    drop(future);
                }
                Step::Panic(steps) => {
                    let future = play(steps, model.clone(), strays.clone());
                    let panics = async move {
                        future.await;
                        std::panic::resume_unwind(Box::new("on purpose"));
                    };
                    let context = Context::current();
                    let caught: Result<(), _> = AssertUnwindSafe(context.scope(panics)).catch_unwind().await;
                    assert!(caught.is_err());
                }
            }
            looks.look();
        }
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let change = prop_oneof![
        any::<u64>().prop_map(|nanos| Change::Deadline(nanos.min(u64::MAX - 1))),
        Just(Change::NoDeadline),
        (1_u64..).prop_map(Change::Trace),
        Just(Change::NoTrace),
        any::<u32>().prop_map(Change::Inherited),
        Just(Change::NotInherited),
        any::<u32>().prop_map(Change::Local),
        Just(Change::None),
    ];
    let leaf = prop::collection::vec(Just(Step::Yield), 0..3);
    leaf.prop_recursive(5, 40, 4, move |inner| {
        let step = prop_oneof![
            2 => Just(Step::Yield),
            5 => (change.clone(), inner.clone()).prop_map(|(change, steps)| Step::Within(change, steps)),
            2 => prop::collection::vec(inner.clone(), 1..4).prop_map(Step::Together),
            1 => inner.clone().prop_map(Step::Spawn),
            1 => inner.clone().prop_map(Step::Leave),
            1 => (0_u8..4, inner.clone()).prop_map(|(turns, steps)| Step::Abort(turns, steps)),
            1 => (0_u8..4, inner.clone()).prop_map(|(polls, steps)| Step::Drop(polls, steps)),
            1 => inner.prop_map(Step::Panic),
        ];
        prop::collection::vec(step, 0..4)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a model that is passed by hand.
    #[test]
    fn everybody_finds_what_would_have_been_passed_by_hand(
        tasks in prop::collection::vec(steps(), 1..4),
    ) {
        let strays = Strays::default();
        let reactor = Reactor::new(Config::default()).unwrap();
        reactor.run({
            let strays = strays.clone();
            async move {
                let tasks: Vec<_> =
                    tasks.into_iter().map(|steps| spawn(play(steps, Found::default(), strays.clone()))).collect();
                for task in tasks {
                    task.await.unwrap();
                }
            }
        });
        drop(reactor);
        prop_assert_eq!(&*strays.borrow(), &[]);
        prop_assert_eq!(found(), Found::default());
    }
}
