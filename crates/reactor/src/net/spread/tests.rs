//! All cores of a listener in one reactor, whose listening socket is a queue: who hears of what is played by hand.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};

use super::super::Hangup;
use super::places::Places;
use super::relief::Relief;
use super::shared::{Accepted, Shared};
use super::{Arrival, Share, Spread, SpreadListener};
use crate::config::Config;
use crate::core::{self, ReactorId};
use crate::driver::hand::{Clock, Hand};
use crate::driver::{Driver, Readiness, Token, Unpark};
use crate::inbox::Inbox;
use crate::reactor::Reactor;
use crate::runtime::CoreId;
use crate::task::yield_now;
use crate::time::Instant;

/// Its socket is a [`Backlog`].
struct Played;

/// Whoever waits in the kernel, or an error of accepting.
#[derive(Clone, Default)]
struct Backlog {
    guests: Arc<Mutex<VecDeque<Guest>>>,
    /// Whether no file is left for another clone of the socket.
    is_without_files: Arc<AtomicBool>,
    /// What happens elsewhere while a core learns that there is nobody.
    meanwhile: Arc<Mutex<Option<Meanwhile>>>,
}

type Meanwhile = Box<dyn FnOnce() + Send>;

#[derive(Clone, Copy)]
enum Guest {
    Well,
    /// The system accepts none, by this error.
    NotAccepted(i32),
    /// Is accepted, and cannot be taken up by this error.
    NotTakenUp(i32),
}

use Guest::{NotAccepted, NotTakenUp, Well};

impl Spread for Played {
    type Stream = ();
    type Addr = ();
    type Socket = Backlog;
    type Accepted = Guest;

    fn hangup((): &()) -> Hangup {
        unreachable!("nobody asks for it")
    }

    fn into_socket(self) -> io::Result<(Backlog, ())> {
        unreachable!("it is made of its socket")
    }

    fn share(socket: &Backlog) -> io::Result<Backlog> {
        match socket.is_without_files.load(Ordering::Relaxed) {
            true => Err(io::Error::from_raw_os_error(EMFILE)),
            false => Ok(socket.clone()),
        }
    }

    fn register(_socket: &mut Backlog, _driver: &dyn Driver, _token: Token) -> io::Result<()> {
        Ok(())
    }

    fn deregister(_socket: &mut Backlog, _driver: &dyn Driver) {}

    fn accept(socket: &Backlog) -> io::Result<(Guest, ())> {
        let guest = socket.guests.lock().unwrap().pop_front();
        match guest {
            Some(NotAccepted(error)) => Err(io::Error::from_raw_os_error(error)),
            Some(guest) => Ok((guest, ())),
            None => {
                let meanwhile = socket.meanwhile.lock().unwrap().take();
                meanwhile.into_iter().for_each(|happens| happens());
                Err(io::ErrorKind::WouldBlock.into())
            }
        }
    }

    fn take_up(guest: Guest, (): &()) -> io::Result<()> {
        match guest {
            NotTakenUp(error) => Err(io::Error::from_raw_os_error(error)),
            _ => Ok(()),
        }
    }

    fn describe((): &()) -> String {
        "played".to_owned()
    }
}

const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;

struct Stage {
    clock: Clock,
    backlog: Backlog,
    shared: Arc<Shared<Played>>,
    listeners: Vec<Option<SpreadListener<Played>>>,
}

/// So many cores, all of whose listeners are open.
fn stage(cores: usize, connections_max: usize, test: impl AsyncFnOnce(Stage)) {
    stage_with(0, cores, connections_max, test);
}

/// The same; the first few of them have begun a turn that does not end.
fn stage_with(held: usize, cores: usize, connections_max: usize, test: impl AsyncFnOnce(Stage)) {
    let (hand, clock) = Hand::new().unwrap();
    let config = Config { on_notice: std::rc::Rc::new(|_notice| ()), ..Config::default() };
    Reactor::with_driver(config, hand).run(async {
        let inbox = |core| if core < held { in_a_turn(clock.now()) } else { core::current().inbox.clone() };
        let inboxes = (0..cores).map(|core| (CoreId::current(), inbox(core)));
        let places = Arc::new(Places::new(inboxes, connections_max));
        let backlog = Backlog::default();
        let shared = Arc::new(Shared::new(places, backlog.clone(), ()));
        let open = |seat| Share { shared: Some(shared.clone()), seat }.open().unwrap();
        let listeners = (0..cores).map(|seat| Some(open(seat))).collect();
        let stage = Stage { clock, backlog, shared, listeners };
        for seat in 0..cores {
            assert!(stage.try_accept(seat).is_none());
        }
        test(stage).await;
    });
}

/// What is seen of a core that has begun a turn.
fn in_a_turn(now: Instant) -> Arc<Inbox> {
    struct Nobody;
    impl Unpark for Nobody {
        fn unpark(&self) {}
    }
    let inbox = Inbox::new(ReactorId::new(), Arc::new(Nobody));
    inbox.pulse.begin_turn(now);
    inbox.announce_run();
    Arc::new(inbox)
}

impl Stage {
    fn come(&self, guests: impl IntoIterator<Item = Guest>) {
        self.backlog.guests.lock().unwrap().extend(guests);
    }

    fn listener(&self, seat: usize) -> &SpreadListener<Played> {
        self.listeners[seat].as_ref().unwrap()
    }

    /// The kernel tells this core, and no other, that somebody has come.
    fn hears(&self, seat: usize) {
        let door = self.listener(seat).door.borrow().clone().unwrap();
        core::current().handle_ready(door.registration().token(), Readiness::new(true, false));
    }

    fn try_accept(&self, seat: usize) -> Option<Arrival<Played>> {
        self.listener(seat).try_accept().unwrap()
    }

    /// The watchdog looks; which cores accept then, and when it is to look again.
    fn relieve(&self) -> (Vec<usize>, Option<u128>) {
        let soon = self.shared.relieve(self.clock.now());
        let accept = (0..self.listeners.len()).filter(|&seat| self.shared.places.accepts(seat));
        (accept.collect(), soon.map(|soon| soon.as_millis()))
    }

    fn waiting(&self) -> usize {
        self.backlog.guests.lock().unwrap().len()
    }
}

/// Lets the letters come.
async fn settle() {
    for _ in 0..5 {
        yield_now().await;
    }
}

#[test]
fn a_door_waits_once_however_often_it_looks() {
    stage(2, 8, async |stage| {
        // One for each, and the second core does not take its own.
        stage.come([Well, Well]);
        stage.hears(0);
        let door = stage.listener(0).door.borrow().clone().unwrap();
        for _ in 0..10 {
            stage.clock.pass(Duration::from_millis(11)).await;
        }
        let mut waiters = 0;
        door.registration().interest().each_waiter(|_, _, _| waiters += 1);
        assert_eq!(waiters, 1);
        assert!(stage.shared.pop(1).is_some(), "it has looked at it each time");
    });
}

#[test]
fn when_there_is_room_also_a_core_looks_that_left_nobody_waiting() {
    stage(2, 1, async |stage| {
        stage.come([Well, Well]);
        stage.hears(0);
        let first = stage.try_accept(0).unwrap();
        assert_eq!(stage.waiting(), 1);
        drop(first);
        settle().await;
        // The first core is held by a task.
        assert!(stage.try_accept(1).is_some());
    });
}

#[test]
fn who_looked_in_vain_for_room_is_told_of_the_next() {
    stage(2, 1, async |stage| {
        stage.come([Well, Well, Well]);
        stage.hears(0);
        let first = stage.try_accept(0).unwrap();
        stage.hears(1);
        drop(first);
        settle().await;
        let second = stage.try_accept(0).unwrap();
        assert!(stage.try_accept(1).is_none());
        drop(second);
        settle().await;
        // The first core does not accept again.
        assert!(stage.try_accept(1).is_some());
    });
}

#[test]
fn what_a_listener_heard_of_and_left_is_accepted_by_the_others_when_it_is_dropped() {
    for guests in [vec![Well; 10], vec![NotAccepted(EMFILE), Well]] {
        stage(2, 100, async |mut stage| {
            stage.come(guests);
            stage.hears(0);
            assert!(stage.waiting() > 0);
            drop(stage.listeners[0].take());
            settle().await;
            let mut accepted = Vec::new();
            accepted.extend(std::iter::from_fn(|| stage.try_accept(1)));
            assert_eq!(stage.waiting(), 0);
            assert_eq!(accepted.len(), stage.listener(1).connections().open());
        });
    }
}

#[test]
fn a_connection_that_cannot_be_taken_up_is_passed_over_on_every_core() {
    // The last does not accept from the system.
    for seat in [0, 4] {
        stage(5, 100, async |stage| {
            let mut guests = [Well; 5];
            guests[seat] = NotTakenUp(ENOSPC);
            stage.come(guests.into_iter().chain([Well; 5]));
            stage.hears(0);
            stage.hears(0);
            settle().await;
            let next = stage.try_accept(seat);
            assert!(next.is_some());
            assert_eq!(stage.listener(seat).connections().open(), 9);
        });
    }
}

#[test]
fn a_core_that_has_no_file_for_its_door_opens_it_later() {
    stage(5, 100, async |mut stage| {
        stage.backlog.is_without_files.store(true, Ordering::Relaxed);
        drop(stage.listeners[0].take());
        settle().await;
        assert!(stage.try_accept(4).is_none());
        assert!(stage.listener(4).door.borrow().is_none());
        stage.backlog.is_without_files.store(false, Ordering::Relaxed);
        stage.come([Well]);
        stage.clock.pass(Duration::from_millis(10)).await;
        assert!(stage.try_accept(4).is_some());
    });
}

#[test]
fn connections_of_a_core_are_a_stream_as_well() {
    stage(2, 100, async |stage| {
        let mut incoming = stage.listener(0).incoming();
        let mut other = stage.listener(0).incoming();
        assert!(incoming.next().now_or_never().is_none());
        assert!(other.next().now_or_never().is_none());
        let waiters = || {
            let mut waiters = 0;
            stage.listener(0).registration.interest().each_waiter(|_, _, _| waiters += 1);
            waiters
        };
        assert_eq!(waiters(), 2, "neither takes the other's place");
        drop(other);
        assert_eq!(waiters(), 1);
        // One for each core, one that is not well, and one more for each.
        stage.come([Well, Well, NotTakenUp(ENOSPC), Well, Well]);
        stage.hears(0);
        let mut accepted = vec![incoming.next().await.unwrap().unwrap()];
        accepted.extend(incoming.next().now_or_never().map(|next| next.unwrap().unwrap()));
        assert_eq!(accepted.len(), 2);
        assert!(incoming.next().now_or_never().is_none());
        let connections = stage.listener(0).connections();
        assert_eq!(connections.open(), 4, "two here, and two wait for the other core");
    });
}

#[test]
fn when_all_that_accept_are_stuck_one_of_the_others_takes_over() {
    stage_with(4, 7, 100, async |stage| {
        stage.come([Well]);
        assert_eq!(stage.relieve(), (vec![0, 1, 2, 3], Some(10)), "they have only begun");
        stage.clock.pass(Duration::from_millis(11)).await;
        assert!(stage.try_accept(4).is_none());
        assert_eq!(stage.relieve(), (vec![0, 1, 2, 3, 4], Some(10)), "the fifth, which runs this test");
        settle().await;
        assert!(stage.try_accept(4).is_some());
        assert_eq!(stage.relieve().0, [0, 1, 2, 3, 4], "one is enough to find others");
    });
}

#[test]
fn while_one_that_accepts_is_not_stuck_nobody_is_asked_to() {
    stage_with(3, 7, 100, async |stage| {
        stage.clock.pass(Duration::from_millis(11)).await;
        assert_eq!(stage.relieve().0, [0, 1, 2, 3]);
    });
}

#[test]
fn nobody_looks_sooner_where_all_cores_accept() {
    stage_with(3, 4, 100, async |stage| {
        stage.clock.pass(Duration::from_millis(11)).await;
        assert_eq!(stage.relieve(), (vec![0, 1, 2, 3], None));
    });
}

#[test]
fn who_accepts_no_more_relieves_nobody() {
    stage_with(4, 7, 100, async |mut stage| {
        stage.clock.pass(Duration::from_millis(11)).await;
        drop(stage.listeners[4].take());
        assert_eq!(stage.relieve().0, [0, 1, 2, 3, 5]);
    });
}

#[test]
fn what_waits_on_a_core_that_is_stuck_is_placed_anew_also_if_whoever_accepted_it_is_stuck() {
    stage_with(2, 3, 100, async |stage| {
        // As the first leaves it that accepts it for the second; its own look at the queues never comes.
        let place = stage.shared.places.reserve().unwrap().place(1, stage.clock.now());
        stage.shared.send(Accepted { socket: Well, peer: (), place });
        assert_eq!(stage.relieve(), (vec![0, 1, 2], Some(10)));
        settle().await;
        assert!(stage.try_accept(2).is_none(), "the second may take it up soon");
        stage.clock.pass(Duration::from_millis(11)).await;
        stage.relieve();
        settle().await;
        assert!(stage.try_accept(2).is_some());
    });
}

#[test]
fn who_looks_in_vain_where_the_last_room_is_looks_for_those_that_found_none() {
    // With one who comes for whom there was no room, and without.
    for guests in [1, 0] {
        stage(2, 1, async |stage| {
            let (places, others) = (stage.shared.places.clone(), stage.backlog.guests.clone());
            *stage.backlog.meanwhile.lock().unwrap() = Some(Box::new(move || {
                // The other core has heard of somebody, and the first has the room.
                others.lock().unwrap().extend(vec![Well; guests]);
                assert!(places.reserve().is_none());
            }));
            settle().await;
            stage.hears(0);
            assert!(stage.backlog.meanwhile.lock().unwrap().is_none(), "it has looked");
            assert_eq!(stage.waiting(), 0);
            assert_eq!(core::current().inbox.unread.get(), 0, "no core is rung");
            assert_eq!(stage.listener(0).connections().open(), guests);
            assert_eq!(stage.try_accept(0).is_some(), guests == 1);
        });
    }
}
