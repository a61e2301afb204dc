//! The limit around a service, under schedules played by hand, and under random ones against a model of two lists. The
//! schedules of the queue alone are at the bottom of its `gate`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use ekiden_middleware::{ConcurrencyLimit, MiddlewareExt};
use ekiden_reactor::context::Context as Around;
use ekiden_reactor::driver::hand::Hand;
use ekiden_reactor::{Config, Instant, Latch, Reactor, spawn, yield_now};
use ekiden_service::{Refused, Service, Status, service_fn};

#[test]
fn calls_beyond_the_limit_wait_for_their_turn() {
    check(
        1,
        2,
        "call a, call b, call c, end a, poll b",
        "a begins, b waits, c waits, a ends, wake b, b begins",
    );
    check(
        2,
        1,
        "call a, call b, call c, end b, poll c",
        "a begins, b begins, c waits, b ends, wake c, c begins",
    );
}

#[test]
fn calls_beyond_the_queue_are_refused_and_may_come_again() {
    check(1, 1, "call a, call b, call c", "a begins, b waits, c refused");
    check(1, 0, "call a, call b, end a, call c", "a begins, b refused, a ends, c begins");
    check(1, 1, "call a, call b, drop b, call c, call d", "a begins, b waits, c waits, d refused");
}

#[test]
fn a_call_dropped_in_flight_stops_before_the_next_is_woken() {
    check(1, 1, "call a, call b, drop a, poll b", "a begins, b waits, a stops, wake b, b begins");
}

#[test]
fn a_call_that_panics_gives_back_its_place() {
    check(1, 1, "call a, call b, panic a, poll b", "a begins, b waits, a stops, wake b, b begins");
}

#[test]
fn a_call_that_moved_to_another_task_is_woken_there() {
    check(1, 1, "call a, call b, poll b, end a", "a begins, b waits, b waits, a ends, wake b");
}

#[test]
fn it_is_busy_while_no_place_is_free() {
    check(
        2,
        1,
        "status, call a, status, call b, status, drop a, status",
        "Open, a begins, Open, b begins, Busy, a stops, Open",
    );
    check(
        1,
        1,
        "call a, call b, end a, status, drop b, status",
        "a begins, b waits, a ends, wake b, Busy, Open",
    );
}

#[test]
fn it_is_never_in_a_better_state_than_the_service_within() {
    struct Shut;
    impl Service for Shut {
        type Req = ();
        type Resp = ();
        type Error = Refused;

        async fn call(&self, (): ()) -> Result<(), Refused> {
            Err(Refused::new("closed"))
        }

        fn status(&self) -> Status {
            Status::Closed
        }
    }
    assert_eq!(Shut.concurrency_limit(1, 0).status(), Status::Closed);
}

#[test]
fn a_call_whose_time_has_run_out_in_the_queue_is_refused_and_the_next_one_begins() {
    let (hand, clock) = Hand::new().unwrap();
    Reactor::with_driver(Config::default(), hand).run(async {
        let (end, log) = (Latch::new(), Rc::new(RefCell::new(String::new())));
        let (until, begun) = (end.clone(), log.clone());
        let service = service_fn(async move |name: char| {
            begun.borrow_mut().push(name);
            until.wait().await;
            Ok::<(), Refused>(())
        });
        let service = Rc::new(service.concurrency_limit(1, 2));
        let second = Duration::from_secs(1);
        let calls = ['a', 'b', 'c'].map(|name| {
            let service = service.clone();
            let mut context = Around::current();
            if name != 'c' {
                context = context.with_deadline(Instant::now() + second);
            }
            spawn(context.scope(async move { service.call(name).await }))
        });
        yield_now().await;
        clock.pass(second).await;
        end.open();
        let [a, b, c] = calls;
        // What was begun in time goes on: to give it up is for whoever waits for it.
        assert_eq!((a.await.unwrap(), c.await.unwrap()), (Ok(()), Ok(())));
        assert_eq!(b.await.unwrap().unwrap_err().reason(), "its time had run out before it had a place");
        assert_eq!(*log.borrow(), "ac");
    });
}

#[test]
fn clones_share_the_places() {
    let limit =
        service_fn(async |()| std::future::pending::<Result<(), Refused>>().await).concurrency_limit(1, 0);
    let mut call = Box::pin(limit.call(()));
    let mut cx = Context::from_waker(Waker::noop());
    assert!(call.as_mut().poll(&mut cx).is_pending());
    assert_eq!(limit.clone().status(), Status::Busy);
}

#[test]
#[should_panic(expected = "would serve nobody")]
fn a_limit_of_zero_is_a_mistake() {
    service_fn(async |()| Ok::<(), Refused>(())).concurrency_limit(0, 1);
}

/// Wakers run others' code when they are woken and when they are dropped, and that code may ask the limit.
#[test]
fn a_waker_may_come_back_to_the_limit() {
    type Pending = Pin<Box<dyn Future<Output = Result<(), Refused>>>>;
    thread_local! {
        static LIMIT: ConcurrencyLimit<Pend> = Pend.concurrency_limit(1, 3);
    }
    #[derive(Clone)]
    struct Pend;
    impl Service for Pend {
        type Req = ();
        type Resp = ();
        type Error = Refused;

        async fn call(&self, (): ()) -> Result<(), Refused> {
            std::future::pending().await
        }
    }
    struct Asks;
    impl Wake for Asks {
        fn wake(self: Arc<Self>) {
            LIMIT.with(Service::status);
        }
    }
    impl Drop for Asks {
        fn drop(&mut self) {
            LIMIT.with(Service::status);
        }
    }
    fn poll(call: &mut Pending) {
        assert!(call.as_mut().poll(&mut Context::from_waker(&Waker::from(Arc::new(Asks)))).is_pending());
    }

    let limit = Rc::new(LIMIT.with(Clone::clone));
    let mut calls: Vec<Pending> = Vec::new();
    for _ in 0..4 {
        let limit = Rc::clone(&limit);
        calls.push(Box::pin(async move { limit.call(()).await }));
    }
    calls.iter_mut().for_each(poll);
    calls.iter_mut().for_each(poll); // replaces the wakers
    drop(calls.remove(2)); // drops one with its waiter
    drop(calls.remove(0)); // wakes one
    drop(calls);
    assert_eq!(limit.status(), Status::Open);
}

#[test]
fn no_schedule_loses_a_place_a_wake_up_or_the_order() {
    for seed in 0..3_000 {
        let played = catch_unwind(|| Random::new(seed).play());
        assert!(
            played.is_ok(),
            "seed {seed} fails: see above; play it alone with Random::new({seed}).play()"
        );
    }
}

#[test]
fn a_call_that_need_not_wait_allocates_nothing() {
    let limit = service_fn(async |n: u32| Ok::<u32, Refused>(n)).concurrency_limit(1, 0);
    let counted = allocation_counter::measure(|| {
        let call = std::pin::pin!(limit.call(7));
        assert!(call.poll(&mut Context::from_waker(Waker::noop())).is_ready());
    });
    assert_eq!(counted.count_total, 0);
}

/// Plays the words of `schedule` against a limit, and compares what happened.
fn check(in_flight_max: usize, queue_max: usize, schedule: &str, expect: &str) {
    let mut world = World::new(in_flight_max, queue_max);
    schedule.split(", ").for_each(|step| world.step(step));
    assert_eq!(world.take_log().join(", "), expect, "\nschedule: {schedule}");
}

/// A limit around a service that does as it is told, its calls by name, and what happened so far.
struct World {
    limit: Rc<ConcurrencyLimit<Told>>,
    calls: BTreeMap<String, Call>,
    orders: Rc<RefCell<BTreeMap<String, Order>>>,
    log: Log,
}

struct Call {
    future: Pin<Box<dyn Future<Output = Result<(), Refused>>>>,
    waker: Arc<Named>,
}

type Log = Arc<Mutex<Vec<String>>>;

/// The inner service: each call waits for its order.
struct Told {
    orders: Rc<RefCell<BTreeMap<String, Order>>>,
    log: Log,
}

#[derive(Clone, Copy)]
enum Order {
    End,
    Panic,
}

impl Service for Told {
    type Req = String;
    type Resp = ();
    type Error = Refused;

    async fn call(&self, name: String) -> Result<(), Refused> {
        say(&self.log, format!("{name} begins"));
        let mut running = Running { name: &name, log: &self.log, last_word: "stops" };
        let order =
            poll_fn(|_| self.orders.borrow().get(&name).map_or(Poll::Pending, |&order| Poll::Ready(order)));
        match order.await {
            Order::End => running.last_word = "ends",
            Order::Panic => panic!("as I was told"),
        }
        Ok(())
    }
}

/// Says how a call came to its end.
struct Running<'a> {
    name: &'a str,
    log: &'a Log,
    last_word: &'static str,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        say(self.log, format!("{} {}", self.name, self.last_word));
    }
}

/// A waker that says whom it wakes. Each poll has its own, and only the last one may be woken.
struct Named {
    name: String,
    log: Log,
}

impl Wake for Named {
    fn wake(self: Arc<Self>) {
        let stale = Arc::strong_count(&self) == 1; // the call keeps the one of its last poll
        say(
            &self.log,
            if stale { format!("wake {} in vain", self.name) } else { format!("wake {}", self.name) },
        );
    }
}

impl World {
    fn new(in_flight_max: usize, queue_max: usize) -> Self {
        let (log, orders) = (Log::default(), Rc::default());
        let told = Told { orders: Rc::clone(&orders), log: log.clone() };
        let limit = Rc::new(told.concurrency_limit(in_flight_max, queue_max));
        Self { limit, calls: BTreeMap::new(), orders, log }
    }

    fn step(&mut self, step: &str) {
        match step.split_once(' ') {
            Some(("call", name)) => self.call(name),
            Some(("poll", name)) => self.poll(name),
            Some(("end", name)) => self.order(name, Order::End),
            Some(("panic", name)) => self.order(name, Order::Panic),
            Some(("drop", name)) => drop(self.calls.remove(name)),
            None if step == "status" => say(&self.log, format!("{:?}", self.limit.status())),
            _ => panic!("no such step: {step}"),
        }
    }

    fn call(&mut self, name: &str) {
        let (limit, request) = (Rc::clone(&self.limit), name.to_owned());
        let future = Box::pin(async move { limit.call(request).await });
        self.calls.insert(name.to_owned(), Call { future, waker: self.named(name) });
        self.poll(name);
    }

    fn order(&mut self, name: &str, order: Order) {
        self.orders.borrow_mut().insert(name.to_owned(), order);
        self.poll(name);
    }

    /// Polls with a waker that none of the call's polls had before, as a task does that the call was moved to.
    fn poll(&mut self, name: &str) {
        let begun = self.has_begun(name);
        let waker = self.named(name);
        let call = self.calls.get_mut(name).expect("it was called");
        call.waker = waker;
        let waker = Waker::from(Arc::clone(&call.waker));
        let polled =
            catch_unwind(AssertUnwindSafe(|| call.future.as_mut().poll(&mut Context::from_waker(&waker))));
        match polled {
            Ok(Poll::Pending) if begun || self.has_begun(name) => {}
            Ok(Poll::Pending) => say(&self.log, format!("{name} waits")),
            Ok(Poll::Ready(Err(_))) => say(&self.log, format!("{name} refused")),
            Ok(Poll::Ready(Ok(()))) | Err(_) => {}
        }
        if !matches!(polled, Ok(Poll::Pending)) {
            self.calls.remove(name);
        }
    }

    fn has_begun(&self, name: &str) -> bool {
        let begins = format!("{name} begins");
        self.log.lock().unwrap().contains(&begins)
    }

    fn named(&self, name: &str) -> Arc<Named> {
        Arc::new(Named { name: name.to_owned(), log: self.log.clone() })
    }

    fn take_log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }
}

fn say(log: &Log, what: String) {
    log.lock().unwrap().push(what);
}

/// A random schedule, and the model that says what must happen: who runs or may run, and who waits.
struct Random {
    seed: u64,
    world: World,
    in_flight_max: usize,
    queue_max: usize,
    /// In flight: `true` once it has begun, `false` while it is only woken.
    in_flight: BTreeMap<String, bool>,
    queue: Vec<String>,
    names: usize,
}

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Self {
            seed,
            world: World::new(1, 0),
            in_flight_max: 1,
            queue_max: 0,
            in_flight: BTreeMap::new(),
            queue: Vec::new(),
            names: 0,
        };
        random.in_flight_max = 1 + random.below(3);
        random.queue_max = random.below(4);
        random.world = World::new(random.in_flight_max, random.queue_max);
        random
    }

    fn play(mut self) {
        for _ in 0..40 {
            self.play_one();
        }
        // Whoever is left is served: no place was lost, and no wake-up.
        while let Some(name) = self.in_flight.keys().next().cloned() {
            if self.in_flight[&name] { self.end(&name) } else { self.poll(&name) }
        }
        assert_eq!(self.queue, [""; 0]);
        for n in 0..self.in_flight_max {
            self.expect(&format!("call {n}"), vec![format!("{n} begins")]);
        }
    }

    fn play_one(&mut self) {
        let all: Vec<String> = self.in_flight.keys().chain(&self.queue).cloned().collect();
        let chosen = if all.is_empty() { 0 } else { self.below(all.len()) };
        match (self.below(5), all.get(chosen)) {
            (0 | 1, _) | (_, None) => self.call(),
            (2, Some(name)) => self.give_up(name),
            (3, Some(name)) if self.in_flight.get(name) == Some(&true) => self.end(name),
            (_, Some(name)) => self.poll(name),
        }
    }

    fn call(&mut self) {
        self.names += 1;
        let name = format!("call{}", self.names);
        let happens = if self.in_flight.len() < self.in_flight_max {
            self.in_flight.insert(name.clone(), true);
            "begins"
        } else if self.queue.len() < self.queue_max {
            self.queue.push(name.clone());
            "waits"
        } else {
            "refused"
        };
        self.expect(&format!("call {name}"), vec![format!("{name} {happens}")]);
    }

    fn poll(&mut self, name: &str) {
        let happens = match self.in_flight.get_mut(name) {
            Some(begun) if *begun => vec![],
            Some(begun) => {
                *begun = true;
                vec![format!("{name} begins")]
            }
            None => vec![format!("{name} waits")],
        };
        self.expect(&format!("poll {name}"), happens);
    }

    fn end(&mut self, name: &str) {
        let mut happens = vec![format!("{name} ends")];
        happens.extend(self.leave(name));
        self.expect(&format!("end {name}"), happens);
    }

    fn give_up(&mut self, name: &str) {
        let mut happens = vec![];
        match self.in_flight.get(name) {
            Some(&begun) => {
                happens.extend(begun.then(|| format!("{name} stops")));
                happens.extend(self.leave(name));
            }
            None => self.queue.retain(|queued| queued != name),
        }
        self.expect(&format!("drop {name}"), happens);
    }

    /// Hands the place of `name` to the first in the queue, who must be woken.
    fn leave(&mut self, name: &str) -> Option<String> {
        self.in_flight.remove(name);
        if self.queue.is_empty() {
            return None;
        }
        let next = self.queue.remove(0);
        self.in_flight.insert(next.clone(), false);
        Some(format!("wake {next}"))
    }

    fn expect(&mut self, step: &str, happens: Vec<String>) {
        let before = self.world.take_log().len();
        self.world.step(step);
        assert_eq!(self.world.take_log()[before..], happens, "step: {step}");
    }

    /// SplitMix64: small, and the same everywhere.
    fn below(&mut self, end: usize) -> usize {
        self.seed = self.seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.seed;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % end as u64) as usize
    }
}
