//! What a reactor does before its thread sleeps, and how often it reads the clock, seen by a driver that counts how often
//! it is asked.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use ekiden_reactor::driver::{
    Driver, Event, Job, ListenOptions, LookupDone, Overloaded, Park, TcpListener, TcpStream, Token, Unpark,
};
use ekiden_reactor::{Config, Instant, Reactor, sleep, sleep_until, sync, yield_now};

/// A clock that goes on by a microsecond whenever it is read.
#[derive(Clone, Default)]
struct World(Rc<Seen>);

#[derive(Default)]
struct Seen {
    micros: Cell<u64>,
    readings: Cell<usize>,
    looks: Cell<usize>,
    sleeps: Cell<usize>,
    unparks: Arc<AtomicUsize>,
    /// Done at the look of that number.
    at_look: RefCell<Option<(usize, Act)>>,
}

type Act = Box<dyn FnOnce()>;

struct Counted(Arc<AtomicUsize>);

impl Unpark for Counted {
    fn unpark(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Driver for World {
    fn now(&self) -> Instant {
        self.0.micros.update(|micros| micros + 1);
        self.0.readings.update(|readings| readings + 1);
        Instant::from_nanos(self.0.micros.get() * 1000)
    }

    fn time_passes(&self) -> bool {
        true
    }

    fn park(&self, park: Park, _: &mut dyn FnMut(Event)) -> io::Result<()> {
        if park.until == Some(Instant::ORIGIN) {
            self.0.looks.update(|looks| looks + 1);
            let due = self.0.at_look.borrow_mut().take_if(|(look, _)| *look == self.0.looks.get());
            if let Some((_, act)) = due {
                act();
            }
            return Ok(());
        }
        self.0.sleeps.update(|sleeps| sleeps + 1);
        let until = park.until.ok_or_else(|| io::Error::other("it sleeps for ever"))?;
        self.0.micros.update(|micros| micros.max(until.as_nanos().div_ceil(1000)));
        Ok(())
    }

    fn unparker(&self) -> Arc<dyn Unpark> {
        Arc::new(Counted(self.0.unparks.clone()))
    }

    fn wall_clock(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }

    fn entropy(&self, _: &mut [u8]) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn tcp_listen(&self, _: SocketAddr, _: &ListenOptions, _: Token) -> io::Result<TcpListener> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn tcp_connect(&self, _: SocketAddr, _: Token) -> io::Result<TcpStream> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn lookup(&self, _: String, _: u16, done: LookupDone) {
        done(Err(io::ErrorKind::Unsupported.into()));
    }

    fn blocking(&self, _: Job) -> Result<(), Overloaded> {
        Err(Overloaded)
    }

    fn watch_signals(&self) -> io::Result<()> {
        Ok(())
    }
}

fn reactor(spin_max: Duration) -> (Reactor, Rc<Seen>) {
    let world = World::default();
    let mut config = Config::default();
    config.spin_max = spin_max;
    (Reactor::with_driver(config, world.clone()), world.0)
}

const SPIN: Duration = Duration::from_micros(50);

#[test]
fn what_is_due_in_a_moment_is_waited_for_without_a_sleep() {
    let (reactor, seen) = reactor(SPIN);
    // Timers are due at whole milliseconds.
    seen.micros.set(970);
    reactor.run(async { sleep(Duration::from_micros(1)).await });
    assert_eq!((seen.micros.get() / 10, seen.sleeps.get()), (100, 0));
}

#[test]
fn a_spin_ends() {
    let (reactor, seen) = reactor(SPIN);
    reactor.run(async { sleep(Duration::from_secs(1)).await });
    assert_eq!(seen.sleeps.get(), 1);
    // Each look reads the clock once.
    assert!((45..=55).contains(&seen.looks.get()), "{} looks", seen.looks.get());
}

#[test]
fn what_is_in_vain_is_not_tried_each_time() {
    let (reactor, seen) = reactor(SPIN);
    reactor.run(async {
        for _ in 0..10 {
            sleep(Duration::from_secs(1)).await;
        }
    });
    // Before the first, the third and the seventh.
    assert!((135..=165).contains(&seen.looks.get()), "{} looks", seen.looks.get());
    assert_eq!(seen.sleeps.get(), 10);
}

#[test]
fn without_a_time_to_spin_it_sleeps_at_once() {
    let (reactor, seen) = reactor(Duration::ZERO);
    reactor.run(async { sleep(SPIN / 2).await });
    assert_eq!((seen.looks.get(), seen.sleeps.get()), (0, 1));
}

#[test]
fn who_writes_to_a_reactor_that_spins_need_not_wake_it() {
    let (reactor, seen) = reactor(SPIN);
    let handle = reactor.handle();
    let (told, heard) = sync::oneshot::channel();
    let write = move || drop(handle.spawn(|| async { told.send(()) }));
    *seen.at_look.borrow_mut() = Some((3, Box::new(write)));
    reactor.run(heard).expect("the task has run");
    assert_eq!((seen.sleeps.get(), seen.unparks.load(Ordering::SeqCst)), (0, 0));
    assert!(seen.looks.get() <= 6, "it was not heard at once: {} looks", seen.looks.get());
}

/// How often the clock was read while the future ran, once it had begun.
fn readings(spin_max: Duration, main: impl Future<Output = ()>) -> (usize, Rc<Seen>) {
    let (reactor, seen) = reactor(spin_max);
    let before = reactor.run(async {
        let before = seen.readings.get();
        main.await;
        before
    });
    (seen.readings.get() - before, seen)
}

#[test]
fn a_turn_that_has_something_to_do_reads_the_clock_once() {
    let (readings, seen) = readings(SPIN, async {
        for _ in 0..100 {
            yield_now().await;
        }
    });
    assert_eq!((readings, seen.looks.get(), seen.sleeps.get()), (100, 100, 0));
}

/// Sleeps so often, and does not read the clock for that.
async fn sleep_often(times: u32) {
    let begun = Instant::recent();
    for time in 1..=times {
        sleep_until(begun + Duration::from_secs(time.into())).await;
    }
}

#[test]
fn a_turn_that_ends_by_a_sleep_reads_the_clock_before_and_after() {
    let (readings, seen) = readings(Duration::ZERO, sleep_often(100));
    assert_eq!((readings, seen.looks.get(), seen.sleeps.get()), (200, 0, 100));
}

#[test]
fn a_spin_reads_the_clock_at_each_look_and_spares_the_sleep_its_own() {
    let (readings, seen) = readings(SPIN, sleep_often(1));
    assert_eq!(seen.sleeps.get(), 1);
    assert_eq!(readings, seen.looks.get() + 1, "one for each look, and one when the sleep has ended");
}

#[test]
fn what_falls_due_while_the_core_spins_begins_the_turn_without_another_reading() {
    let (reactor, seen) = reactor(SPIN);
    // Timers are due at whole milliseconds.
    seen.micros.set(970);
    let before = reactor.run(async {
        let before = seen.readings.get();
        sleep_until(Instant::recent() + Duration::from_micros(1)).await;
        before
    });
    assert_eq!((seen.readings.get() - before, seen.sleeps.get()), (seen.looks.get(), 0));
}
