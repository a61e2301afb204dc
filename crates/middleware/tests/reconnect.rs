//! A connection that comes and goes, under schedules played by hand on a clock set by hand, and under random ones.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};
use std::time::Duration;

use ekiden_middleware::{MiddlewareExt, Reconnect, ReconnectConfig, WhileApart};
use ekiden_reactor::channel::Notify;
use ekiden_reactor::context::{self, Context as Around};
use ekiden_reactor::driver::hand::{Clock, Hand};
use ekiden_reactor::{Config, Instant, JoinHandle, Reactor, spawn, yield_now};
use ekiden_service::{Begun, Expired, Failure, Fault, Refused, Service, Status, service_fn};

#[test]
fn the_first_call_connects_and_others_wait_for_the_same() {
    check("status, call a, call b, status, accept, call c", "Open, attempt, Busy, a = 1, b = 1, c = 1");
}

#[test]
fn whoever_wants_to_know_connects_before() {
    check("connect, accept, call a, connect", "attempt, connected, a = 1, connected");
    check("connect, fail, connect, pass 100, accept", "attempt, down No, attempt, connected");
}

#[test]
fn whoever_wants_to_know_hears_of_a_connection_that_is_lost_at_once() {
    let lost = "refused (the connection was lost as soon as it was made)";
    check("connect, lapse, connect, pass 100, lapse", &format!("attempt, {lost}, attempt, {lost}"));
    // Whoever calls waits for a better one.
    check("connect, call a, lapse, pass 100, accept", &format!("attempt, {lost}, attempt, a = 2"));
}

#[test]
fn what_is_lost_is_made_anew() {
    check("accept, call a, lose, status, accept, call b", "attempt, a = 1, Open, attempt, b = 2");
}

#[test]
fn nothing_is_sent_twice() {
    check(
        "accept, call a, hold, call b, call c, lose, accept, call d",
        "attempt, a = 1, b: lost Unknown, c: lost Unknown, attempt, d = 2",
    );
}

#[test]
fn a_call_that_is_dropped_does_not_end_what_others_wait_for() {
    check("call a, call b, drop a, accept", "attempt, b = 1");
    check("call a, drop a, accept, call b", "attempt, b = 1");
}

#[test]
fn the_last_that_is_dropped_ends_the_attempt() {
    check("call a, drop a, drop all", "attempt, given up");
}

#[test]
fn after_a_failure_they_wait_for_the_pause_and_the_next_attempt() {
    check("fail, call a, pass 49, status, pass 51, accept", "attempt, Busy, attempt, a = 1");
}

#[test]
fn pauses_grow() {
    check(
        "fail, fail, fail, call a, pass 100, pass 99, mark, pass 101, pass 199, mark, pass 201, accept",
        "attempt, attempt, mark, attempt, mark, attempt, a = 1",
    );
}

#[test]
fn after_a_connection_of_use_the_pauses_begin_anew() {
    check(
        "fail, fail, call a, pass 100, pass 200, accept, lose, fail, call b, pass 100, accept",
        "attempt, attempt, attempt, a = 1, attempt, attempt, b = 2",
    );
}

#[test]
fn one_that_answers_nothing_is_followed_by_a_pause() {
    check(
        "connect, accept, lose, call a, status, pass 49, mark, pass 51, accept",
        "attempt, connected, Busy, mark, attempt, a = 2",
    );
    for while_apart in [WhileApart::Wait, WhileApart::Refuse] {
        check_with(
            |config| config.while_apart = while_apart,
            "connect, accept, pass 100, lose, accept, call a",
            "attempt, connected, attempt, a = 2",
        );
    }
}

#[test]
fn nobody_is_asked_when_nobody_waits() {
    check(
        "fail, call a, drop a, pass 100, status, pass 10000, call b, accept",
        "attempt, Open, attempt, b = 1",
    );
}

#[test]
fn who_shall_not_wait_learns_what_failed() {
    check_with(
        |config| config.while_apart = WhileApart::Refuse,
        "call a, call b, fail, call c, pass 100, call d, accept",
        "attempt, a: down No, b: down No, c: down No, attempt, d = 1",
    );
    check_with(
        |config| config.while_apart = WhileApart::Refuse,
        "connect, accept, lose, call a",
        "attempt, connected, a: refused (the last connection was of no use, and the next attempt is not due)",
    );
}

#[test]
fn what_no_further_attempt_mends_is_told_at_once() {
    check(
        "call a, call b, deny, call c, pass 100, call d, accept",
        "attempt, a: denied No, b: denied No, c: denied No, attempt, d = 1",
    );
    check("fail, call a, pass 100, deny, call b", "attempt, attempt, a: denied No, b: denied No");
}

#[test]
fn a_handshake_that_failed_has_begun_nothing_for_those_who_wait() {
    check_with(
        |config| config.while_apart = WhileApart::Refuse,
        "call a, connect, broken",
        "attempt, a: refused (the last connection was of no use, and the next attempt is not due), broken Unknown",
    );
}

#[test]
fn a_wait_ends_with_its_own_time() {
    check("call a within 50, call b, pass 50, accept", "attempt, a: expired before it was begun, b = 1");
    check("call a within 0", "a: expired before it was begun");
    // That it had no time left it knows; why there was no connection in that time it does not.
    check("call a within 50, fail, pass 50", "attempt, a: down No");
    check("call a within 150, fail, pass 100, pass 50", "attempt, attempt, a: down No");
    check("call a within 50, broken, pass 50", "attempt, a: expired before it was begun");
    check(
        "call a, pass 5000, pass 100, pass 4900",
        "attempt, given up, attempt, a: refused (no connection could be made within its time)",
    );
    check_with(|config| config.wait_timeout = ms(40), "fail, call a, pass 40", "attempt, a: down No");
}

#[test]
fn a_time_out_around_it_hears_that_nothing_was_begun() {
    by_hand(async |clock| {
        let service = Reconnect::new(Connector(Rc::default())).timeout(ms(50));
        let call = spawn(async move { service.call("a".to_owned()).await });
        yield_now().await;
        clock.pass(ms(50)).await;
        assert_eq!(call.await.unwrap().unwrap_err().begun(), Begun::No);
    });
}

#[test]
fn an_attempt_has_a_time_limit_and_no_other() {
    check(
        "call a within 50, pass 50, pass 4949, call b, mark, pass 1, mark, pass 100, accept",
        "attempt, a: expired before it was begun, mark, given up, mark, attempt, b = 1",
    );
}

#[test]
fn an_attempt_that_panics_has_failed() {
    check("panic, call a, status, pass 100, accept", "attempt, Busy, attempt, a = 1");
}

#[test]
fn no_more_wait_than_allowed() {
    check_with(
        |config| config.waiting_max = 2,
        "call a, call b, call c, drop b, call d, accept, call e",
        "attempt, c: refused (too many calls wait for a connection), a = 1, d = 1, e = 1",
    );
}

#[test]
fn clones_share_the_connection() {
    by_hand(async |_| {
        let attempts = Rc::new(Cell::new(0));
        let count = attempts.clone();
        let connector = service_fn(async move |()| {
            count.set(count.get() + 1);
            Ok(service_fn(async |n: u32| Ok::<_, Error>(n)))
        });
        let one = connector.reconnect();
        let other = one.clone();
        assert_eq!((one.call(1).await, other.call(2).await, attempts.get()), (Ok(1), Ok(2), 1));
    });
}

#[test]
fn a_call_on_a_connection_allocates_nothing() {
    by_hand(async |_| {
        let service = service_fn(async |()| Ok(service_fn(async |n: u32| Ok::<_, Error>(n)))).reconnect();
        service.connect().await.unwrap();
        let counted = allocation_counter::measure(|| {
            let call = pin!(service.call(7));
            assert!(call.poll(&mut Context::from_waker(Waker::noop())).is_ready());
        });
        assert_eq!(counted.count_total, 0);
    });
}

/// Whatever happens, and in whatever order: when the peer is there again everybody is answered, with the truth.
#[test]
fn no_schedule_leaves_anybody_waiting() {
    for seed in 0..500 {
        by_hand(async move |clock| play_at_random(seed, &clock).await);
    }
}

async fn play_at_random(seed: u64, clock: &Clock) {
    const STEPS: [&str; 14] = [
        "call", "call", "call", "connect", "accept", "accept", "lapse", "fail", "deny", "broken", "lose",
        "hold", "panic", "drop",
    ];
    let mut random = Random(seed);
    let mut config = ReconnectConfig::default();
    if random.below(2) == 0 {
        config.while_apart = WhileApart::Refuse;
    }
    let mut world = World::new(config);
    for n in 0..40 {
        let step = match STEPS[random.below(STEPS.len())] {
            "call" if random.below(4) == 0 => format!("call {n} within {}", random.below(300)),
            "call" => format!("call {n}"),
            "drop" => match world.calls.keys().nth(random.below(4)) {
                Some(name) => format!("drop {name}"),
                None => format!("pass {}", random.below(500)),
            },
            step => step.to_owned(),
        };
        world.step(&step, clock).await;
        assert!(world.told.attempting.get() <= 1, "seed {seed}: two attempts at once");
    }
    world.told.decisions.borrow_mut().clear();
    for _ in 0..2 {
        world.step("accept", clock).await;
        world.step("lose", clock).await; // those who are held are answered, too
        world.step("accept", clock).await;
        world.step("pass 10000", clock).await;
    }
    assert_eq!(world.calls.keys().collect::<Vec<_>>(), [""; 0], "seed {seed}: {}", world.told.said());
    world.step("accept", clock).await;
    world.step("pass 10000", clock).await;
    world.told.log.borrow_mut().clear();
    world.step("call last", clock).await;
    world.step("pass 10000", clock).await;
    assert!(world.told.said().contains("last = "), "seed {seed}: {}", world.told.said());
    let served = world.told.served.borrow();
    assert!(served.values().all(|times| *times == 1), "seed {seed}: {served:?}");
}

/// Plays the steps, and compares what happened. Times are in milliseconds.
fn check(script: &str, expect: &str) {
    check_with(|_| {}, script, expect);
}

fn check_with(configure: impl Fn(&mut ReconnectConfig), script: &str, expect: &str) {
    by_hand(async |clock| {
        let mut config = ReconnectConfig::default();
        configure(&mut config);
        let mut world = World::new(config);
        for step in script.split(", ") {
            world.step(step, &clock).await;
        }
        assert_eq!(world.told.said(), expect, "\nscript: {script}");
    });
}

/// A service that reconnects, its calls by name, and the peer.
struct World {
    service: Option<Reconnect<Connector>>,
    calls: BTreeMap<String, JoinHandle<()>>,
    told: Rc<Told>,
}

/// What the peer is told to do, and what has happened.
#[derive(Default)]
struct Told {
    decisions: RefCell<VecDeque<String>>,
    attempting: Cell<usize>,
    connections: Cell<u32>,
    /// Whether the last connection is lost.
    is_lost: Cell<bool>,
    holds: Cell<bool>,
    news: Notify,
    served: RefCell<BTreeMap<String, usize>>,
    log: RefCell<Vec<String>>,
}

struct Connector(Rc<Told>);

/// The connection of that number.
struct Peer(u32, Rc<Told>);

/// An attempt under way.
struct Attempting<'a>(&'a Told, Cell<bool>);

impl World {
    fn new(config: ReconnectConfig) -> Self {
        let told = Rc::new(Told::default());
        let service = Some(Reconnect::with_config(Connector(told.clone()), config));
        Self { service, calls: BTreeMap::new(), told }
    }

    async fn step(&mut self, step: &str, clock: &Clock) {
        match step.split_once(' ').unwrap_or((step, "")) {
            ("call", what) => match what.split_once(" within ") {
                Some((name, within)) => {
                    let deadline = Instant::now() + ms(within.parse().unwrap());
                    self.call(name, Around::none().with_deadline(deadline));
                }
                None => self.call(what, Around::none()),
            },
            ("connect", _) => {
                let (service, told) = (self.service.clone().unwrap(), self.told.clone());
                drop(spawn(async move {
                    let connected = service.connect().await;
                    told.say(connected.map_or_else(|error| error.to_string(), |()| "connected".to_owned()));
                }));
            }
            ("accept" | "lapse" | "fail" | "deny" | "broken" | "panic", _) => self.told.decide(step),
            ("lose", _) => self.told.lose(),
            ("hold", _) => self.told.holds.set(true),
            ("drop", "all") => self.service = None,
            ("drop", name) => self.calls.remove(name).unwrap().abort(),
            ("pass", by) => clock.pass(ms(by.parse().unwrap())).await,
            ("status", _) => self.told.say(format!("{:?}", self.service.as_ref().unwrap().status())),
            ("mark", _) => self.told.say("mark".to_owned()),
            _ => panic!("no such step: {step}"),
        }
        // As many turns as the longest chain of wake-ups takes, from a decision to an answer.
        for _ in 0..10 {
            yield_now().await;
        }
        self.calls.retain(|_, call| !call.is_finished());
    }

    fn call(&mut self, name: &str, around: Around) {
        let (service, told, request) = (self.service.clone().unwrap(), self.told.clone(), name.to_owned());
        let call = around.scope(async move {
            let said = match service.call(request.clone()).await {
                Ok(connection) => format!("{request} = {connection}"),
                Err(error) => format!("{request}: {error}"),
            };
            told.say(said);
        });
        self.calls.insert(name.to_owned(), spawn(call));
    }
}

impl Told {
    fn say(&self, what: String) {
        self.log.borrow_mut().push(what);
    }

    fn said(&self) -> String {
        self.log.borrow().join(", ")
    }

    fn decide(&self, decision: &str) {
        self.decisions.borrow_mut().push_back(decision.to_owned());
        self.news.notify_waiters();
    }

    fn lose(&self) {
        self.is_lost.set(true);
        self.holds.set(false);
        self.news.notify_waiters();
    }

    async fn decision(&self) -> String {
        loop {
            let news = self.news.notified();
            if let Some(decision) = self.decisions.borrow_mut().pop_front() {
                return decision;
            }
            news.await;
        }
    }
}

impl Service for Connector {
    type Req = ();
    type Resp = Peer;
    type Error = Error;

    async fn call(&self, (): ()) -> Result<Peer, Error> {
        let told = &self.0;
        told.say("attempt".to_owned());
        assert_eq!(context::remaining(), Some(ms(5_000)), "the time of an attempt is its own");
        let attempting = Attempting::new(told);
        let decision = told.decision().await;
        attempting.1.set(true);
        match &*decision {
            "accept" | "lapse" => {
                told.is_lost.set(decision == "lapse");
                told.connections.set(told.connections.get() + 1);
                Ok(Peer(told.connections.get(), told.clone()))
            }
            "fail" => Err(Error::Down),
            "deny" => Err(Error::Denied),
            "broken" => Err(Error::Broken),
            _ => panic!("as I was told"),
        }
    }
}

impl<'a> Attempting<'a> {
    fn new(told: &'a Told) -> Self {
        told.attempting.set(told.attempting.get() + 1);
        Self(told, Cell::new(false))
    }
}

impl Drop for Attempting<'_> {
    fn drop(&mut self) {
        self.0.attempting.set(self.0.attempting.get() - 1);
        if !self.1.get() {
            self.0.say("given up".to_owned());
        }
    }
}

impl Peer {
    fn is_lost(&self) -> bool {
        self.1.connections.get() != self.0 || self.1.is_lost.get()
    }
}

impl Service for Peer {
    type Req = String;
    type Resp = u32;
    type Error = Error;

    async fn call(&self, name: String) -> Result<u32, Error> {
        *self.1.served.borrow_mut().entry(name).or_default() += 1;
        loop {
            let news = self.1.news.notified();
            if self.is_lost() {
                return Err(Error::Lost);
            }
            if !self.1.holds.get() {
                return Ok(self.0);
            }
            news.await;
        }
    }

    fn status(&self) -> Status {
        if self.is_lost() { Status::Closed } else { Status::Open }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Error {
    /// Nobody listens.
    Down,
    /// Somebody does, and does not take us.
    Denied,
    /// Somebody did, and the handshake failed.
    Broken,
    Lost,
    Refused(Refused),
    Expired(Expired),
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<Expired> for Error {
    fn from(expired: Expired) -> Self {
        Self::Expired(expired)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Down => write!(f, "down {:?}", self.begun()),
            Self::Denied => write!(f, "denied {:?}", self.begun()),
            Self::Broken => write!(f, "broken {:?}", self.begun()),
            Self::Lost => write!(f, "lost {:?}", self.begun()),
            Self::Refused(refused) => write!(f, "refused ({})", refused.reason()),
            Self::Expired(expired) if expired.begun() == Begun::No => {
                f.write_str("expired before it was begun")
            }
            Self::Expired(_) => f.write_str("expired"),
        }
    }
}

impl std::error::Error for Error {}

impl Failure for Error {
    fn fault(&self) -> Fault {
        if *self == Self::Denied { Fault::Caller } else { Fault::Network }
    }

    fn begun(&self) -> Begun {
        match self {
            Self::Down | Self::Denied | Self::Refused(_) => Begun::No,
            Self::Broken | Self::Lost => Begun::Unknown,
            Self::Expired(expired) => expired.begun(),
        }
    }
}

fn by_hand(test: impl AsyncFnOnce(Clock)) {
    let (hand, clock) = Hand::new().expect("the system gives a driver");
    let mut config = Config::default();
    config.on_notice = Rc::new(|_| {}); // connectors panic here, as they are told to
    Reactor::with_driver(config, hand).run(test(clock));
}

/// Numbers without a pattern, the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % end
    }
}

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}
