//! A world as its scripts see it: hosts with their programs, and the clock. Its links are in `links`.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::mem;
use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;
use std::panic::{Location, resume_unwind};
use std::path::Path;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use ekiden_reactor::{Instant, Signal};

use crate::config::{Config, nanos};
use crate::driver::Unparked;
use crate::failure::Failure;
use crate::faults::Plan;
use crate::journal::HostId;
use crate::oracle::Watched;
use crate::program::{Begin, MAIN, Outcome, Program, begins, begins_once, end_all};
use crate::world::{Host, Shared, World};

/// A world of hosts, each with a program and a reactor of its own, on one thread, on a virtual clock, out of one seed.
///
/// The scenario has a program too, which is what it asks the world to [run](Self::run), on a host that is called `main`. That
/// host is there from when it is first named, so what is to be said of it, such as [how many cores](Self::set_cores) it has, can
/// be said before.
///
/// Clones are the same world. What scripts do to it holds from that moment on; what begins or ends a program does so when the
/// task that asks for it next waits, and so does what is asked of that program after that: a pause, its end, or a signal.
///
/// ```
/// use ekiden_reactor::net::{TcpListener, TcpStream};
/// use ekiden_sim::Sim;
///
/// let sim = Sim::new(7);
/// sim.host("server", async || {
///     let listener = TcpListener::bind("0.0.0.0:80").await?;
///     loop {
///         let (stream, _peer) = listener.accept().await?;
///         stream.write_all(b"hello").await?;
///     }
///     # #[expect(unreachable_code, reason = "what it would return")]
///     std::io::Result::Ok(())
/// });
/// sim.run(async |sim| {
///     let stream = TcpStream::connect("server:80").await.unwrap();
///     assert!(stream.read(&mut [0; 5]).await.unwrap() > 0);
///     sim.crash("server");
///     let error = TcpStream::connect("server:80").await.unwrap_err();
///     assert_eq!(error.kind(), std::io::ErrorKind::ConnectionRefused);
/// });
/// ```
#[derive(Clone)]
pub struct Sim(pub(crate) Rc<Inner>);

pub(crate) struct Inner {
    pub(crate) seed: u64,
    pub(crate) world: Shared,
    /// Those of the hosts, in their order.
    pub(crate) programs: RefCell<Vec<Program>>,
    pub(crate) orders: RefCell<VecDeque<Order>>,
    pub(crate) unparked: Unparked,
    pub(crate) is_running: Cell<bool>,
    pub(crate) has_ended: Cell<bool>,
    /// Whether whoever runs it asks for the failure, so that nothing need be printed here.
    pub(crate) is_checked: Cell<bool>,
    pub(crate) failure: RefCell<Option<Failure>>,
    pub(crate) plan: RefCell<Plan>,
    pub(crate) watched: RefCell<Watched>,
}

impl Drop for Inner {
    /// What its programs own may panic. After a run that has failed the failure goes on, and of that the panic's hook has told.
    fn drop(&mut self) {
        let panicked = end_all(mem::take(self.programs.get_mut()));
        match panicked {
            Some(payload) if thread::panicking() => mem::forget(payload),
            Some(payload) => resume_unwind(payload),
            None => {}
        }
    }
}

/// What is done when no reactor is in the way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    Start(HostId),
    Crash(HostId),
    Pause(HostId),
    Resume(HostId),
    Signal(HostId, Signal),
}

impl Order {
    fn host(self) -> HostId {
        match self {
            Self::Start(host)
            | Self::Crash(host)
            | Self::Pause(host)
            | Self::Resume(host)
            | Self::Signal(host, _) => host,
        }
    }
}

impl Sim {
    /// An empty world of that seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_config(seed, Config::default())
    }

    /// The same, with a configuration.
    ///
    /// # Panics
    ///
    /// If a range of the configuration ends before it begins, or a link could carry nothing.
    #[must_use]
    #[track_caller]
    pub fn with_config(seed: u64, config: Config) -> Self {
        config.assert_possible();
        Self(Rc::new(Inner {
            seed,
            world: Shared::new(World::new(seed, config)),
            programs: RefCell::default(),
            orders: RefCell::default(),
            unparked: Unparked::default(),
            is_running: Cell::new(false),
            has_ended: Cell::new(false),
            is_checked: Cell::new(false),
            failure: RefCell::default(),
            plan: RefCell::default(),
            watched: RefCell::default(),
        }))
    }

    /// Adds a host, whose program is started: when the world runs, or, if it does, next.
    ///
    /// Its name is its name in DNS, where upper and lower case are the same, and its address the next of 10.0.0.0/8. The function is called again each time that
    /// the host is restarted. When it returns the program has ended; if it returns an error or panics, or a task of it
    /// panics and nobody receives that, the run has failed. Nobody has received it when its handle is dropped unasked; nor when
    /// the handle is there and the program ends, its host crashes, or the run is over.
    ///
    /// A function that has a clone of the world keeps it in memory until that is [ended](Self::end). Statics and thread locals are
    /// one for all hosts, which are in one process and on one thread, and no restart sets them back.
    ///
    /// # Panics
    ///
    /// If there is a host of that name, or if it is `main`: that is where the scenario itself runs. If nobody could find it by
    /// that name, or a schedule could not say it: a name is of letters, digits, `-`, `_` and `.`, and neither `localhost` nor
    /// an address.
    #[track_caller]
    pub fn host<M, R>(&self, name: &str, main: M)
    where
        M: AsyncFn() -> R + 'static,
        R: Outcome,
    {
        assert!(!name.eq_ignore_ascii_case(MAIN), "`{MAIN}` is the host of the scenario itself");
        assert!(
            is_name(name),
            "`{name}` is no name of a host: that is of letters, digits, `-`, `_` and `.`, and neither `localhost` nor an address"
        );
        let is_same = |host: &Host| host.name.eq_ignore_ascii_case(name);
        let is_had = self.0.world.lock().hosts.iter().any(is_same);
        assert!(!is_had, "there is a host `{name}` already");
        let id = self.add_host(name, begins(main), Location::caller());
        self.0.orders.borrow_mut().push_back(Order::Start(id));
    }

    pub(crate) fn add_host(&self, name: &str, begin: Begin, place: &'static Location<'static>) -> HostId {
        let mut world = self.0.world.lock();
        let number = world.hosts.len() as u32;
        let ip = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 1)) + number);
        world.hosts.push(Host::new(name, ip));
        self.0.programs.borrow_mut().push(Program { begin, place, cores: BTreeMap::new() });
        world.journal.add_host(name);
        world.draw_clock(HostId(number));
        HostId(number)
    }

    /// Whether this has to wait: the program that is meant is not there, as others are still to be carried out for its host.
    fn puts_off(&self, order: Order) -> bool {
        let mut orders = self.0.orders.borrow_mut();
        let waits = orders.iter().any(|before| before.host() == order.host());
        orders.extend(waits.then_some(order));
        waits
    }

    pub(crate) fn find(&self, name: &str) -> Option<HostId> {
        let world = self.0.world.lock();
        world
            .hosts
            .iter()
            .zip(0..)
            .find(|(host, _)| host.name.eq_ignore_ascii_case(name))
            .map(|(_, id)| HostId(id))
    }

    /// The host of that name. That of the scenario is there as soon as anybody speaks of it, though it begins with a run.
    #[track_caller]
    pub(crate) fn id(&self, name: &str) -> HostId {
        match self.find(name) {
            Some(id) => id,
            None if name.eq_ignore_ascii_case(MAIN) => {
                self.add_host(MAIN, begins_once(async {}), Location::caller())
            }
            None => panic!("there is no host `{name}`"),
        }
    }

    /// How much of the virtual time has passed.
    #[must_use]
    pub fn now(&self) -> Duration {
        Instant::from_nanos(self.0.world.lock().now) - Instant::ORIGIN
    }

    /// The seed.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.0.seed
    }

    /// What has happened so far, in a number: two runs of a scenario by the same seed have the same.
    #[must_use]
    pub fn hash(&self) -> u64 {
        self.0.world.lock().journal.hash()
    }

    /// A number of a range, its end included, drawn from the seed: for scripts.
    ///
    /// # Panics
    ///
    /// If there is none in it: it ends before it begins.
    #[must_use]
    #[track_caller]
    pub fn draw(&self, range: RangeInclusive<u64>) -> u64 {
        assert!(!range.is_empty(), "there is no number in {range:?}");
        self.0.world.lock().chance.within((*range.start(), *range.end()))
    }

    /// A host's address.
    ///
    /// # Panics
    ///
    /// If there is no host of that name.
    #[must_use]
    #[track_caller]
    pub fn addr(&self, host: &str) -> Ipv4Addr {
        let id = self.id(host);
        self.0.world.lock().host(id).ip
    }

    /// Whether a host's program runs.
    ///
    /// # Panics
    ///
    /// If there is no host of that name.
    #[must_use]
    #[track_caller]
    pub fn is_up(&self, host: &str) -> bool {
        let id = self.id(host);
        self.0.world.lock().host(id).is_up
    }
}

/// # Hosts
impl Sim {
    /// Ends a host's program at once, as `kill -9` does, and then its tasks are dropped. The machine stands, so it refuses
    /// whoever connects. A host that is [paused](Self::pause) is so no more.
    ///
    /// The system closes what the program had open, as Linux does for a process. What it has written still arrives, and then
    /// **the end, as if all had been said**: who reads an answer until it ends has half of one and no error. Where something has come
    /// that the program has not read the connection is reset, and so are those that wait to be accepted; and whoever still
    /// writes to it is reset when that comes.
    ///
    /// For a machine that goes down with its program, and says nothing, [cut](Self::partition) it off first, and for two minutes: by
    /// then it has given up what it had to say, and resets whoever speaks of what was before.
    ///
    /// A program that crashes runs no destructors, and this one's are run only to have its memory back: its world is gone by
    /// then. Whatever they ask for is an error, what they write is heard by nobody, what they tell their operator is lost, and so
    /// is a panic of theirs. Only what they do in memory that the scenario or other hosts share is done.
    ///
    /// # Panics
    ///
    /// If there is no host of that name, or if it is `main`: the scenario itself is there.
    #[track_caller]
    pub fn crash(&self, host: &str) {
        assert!(host != MAIN, "`{MAIN}` is the host of the scenario itself, which cannot crash");
        let id = self.id(host);
        self.0.orders.borrow_mut().push_back(Order::Crash(id));
    }

    /// How many cores a host's program has from its next start on; one, if nothing is said. All of a runtime's cores are on
    /// the world's one thread: their turns are drawn from the seed like those of hosts, and take time at once.
    ///
    /// The program is given what a [`Runtime`](ekiden_reactor::Runtime) gives it: [`spawn_on`](ekiden_reactor::spawn_on), channels
    /// between cores, listeners that are spread. A host that is added before the world runs starts later than this is said.
    ///
    /// ```
    /// use ekiden_reactor::{CoreId, on_every_core};
    /// use ekiden_sim::Sim;
    ///
    /// let sim = Sim::new(7);
    /// sim.host("office", async || {
    ///     for (at, core) in on_every_core(async || CoreId::current().index()).into_iter().enumerate() {
    ///         assert_eq!(core.await.unwrap(), at);
    ///     }
    /// });
    /// sim.set_cores("office", 4);
    /// sim.run(async |sim| {
    ///     ekiden_reactor::sleep(std::time::Duration::from_secs(1)).await;
    ///     assert!(!sim.is_up("office")); // it has returned
    /// });
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no host of that name, or if it is zero.
    #[track_caller]
    pub fn set_cores(&self, host: &str, cores: u16) {
        assert!(cores > 0, "a program has a core at least");
        let id = self.id(host);
        self.0.world.lock().host(id).cores_max = cores;
    }

    /// Starts a host's program again, which is ended before, as by a [crash](Self::crash), if it runs. What it keeps in statics or
    /// thread locals it finds as it left it, unlike on a machine.
    ///
    /// # Panics
    ///
    /// If there is no host of that name, or if it is `main`: the scenario itself is there.
    #[track_caller]
    pub fn restart(&self, host: &str) {
        assert!(host != MAIN, "`{MAIN}` is the host of the scenario itself, which cannot begin again");
        let id = self.id(host);
        self.0.orders.borrow_mut().extend([Order::Crash(id), Order::Start(id)]);
    }

    /// A host's program does nothing any more, as one that was stopped, nor do its jobs that block and its look-ups of names,
    /// until it is [resumed](Self::resume), ends or begins again. One that has ended is left as it is. Its machine goes on: what is sent to it is
    /// acknowledged until its windows are full, and its listeners take as many connections as their backlogs hold.
    ///
    /// # Panics
    ///
    /// If there is no host of that name.
    #[track_caller]
    pub fn pause(&self, host: &str) {
        let id = self.id(host);
        if !self.puts_off(Order::Pause(id)) {
            self.0.world.lock().set_paused(id, true);
        }
    }

    /// A host's program goes on; or ends, if a [signal](Self::signal) has come that ends it.
    ///
    /// # Panics
    ///
    /// If there is no host of that name.
    #[track_caller]
    pub fn resume(&self, host: &str) {
        let id = self.id(host);
        if !self.puts_off(Order::Resume(id)) && self.0.world.lock().resume(id) {
            self.crash(host);
        }
    }

    /// What a host's program does takes so many times as long from now on, its turns and its jobs that
    /// [block](fn@ekiden_reactor::blocking): a peer that is slow and not gone. One for as long as the configuration says.
    ///
    /// # Panics
    ///
    /// If it is zero.
    #[track_caller]
    pub fn slow_down(&self, host: &str, times: u32) {
        assert!(times > 0, "what a program does takes some time");
        let id = self.id(host);
        self.0.world.lock().set_slowness(id, times);
    }

    /// Removes the file of a Unix socket from a host, as its operator does. What is open stays open, and is not found any
    /// more. False if there is none.
    ///
    /// There are no other files in the world, and a program that removes one by `std::fs` asks the real system: see
    /// [`Config::socket_files_stay`].
    #[track_caller]
    pub fn remove_file(&self, host: &str, path: impl AsRef<Path>) -> bool {
        let id = self.id(host);
        self.0.world.lock().remove_socket_file(id, path.as_ref().to_owned())
    }

    /// Has a host find no names, or find them again: each look-up fails for the time being.
    ///
    /// # Panics
    ///
    /// If there is no host of that name.
    #[track_caller]
    pub fn fail_lookups(&self, host: &str, fail: bool) {
        let id = self.id(host);
        self.0.world.lock().set_lookups_fail(id, fail);
    }

    /// How long it takes a host to look up a name from now on.
    ///
    /// # Panics
    ///
    /// If the range ends before it begins, or there is no host of that name.
    #[track_caller]
    pub fn lookups(&self, host: &str, time: RangeInclusive<Duration>) {
        assert!(!time.is_empty(), "a range of times ends after it begins");
        let id = self.id(host);
        self.0.world.lock().set_lookup_time(id, nanos(&time));
    }

    /// Sends a signal to a host's program, as `kill` does. To one that did not ask for it the system does what it does by default:
    /// it ends, as by a [crash](Self::crash); or stops, as by a [pause](Self::pause), by those of the terminal; or
    /// nothing happens, by `Child`, `Urgent`, `WindowChange` and `Pipe`. By `Continue` a program goes on that was paused, whether it
    /// asked for that or not. To one that is paused any other waits until it goes on.
    ///
    /// # Panics
    ///
    /// If there is no host of that name, or `main` would end by it.
    #[track_caller]
    pub fn signal(&self, host: &str, signal: Signal) {
        let id = self.id(host);
        if !self.puts_off(Order::Signal(id, signal)) && self.0.world.lock().signal(id, signal) {
            self.crash(host);
        }
    }
}

impl fmt::Debug for Sim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sim").field("seed", &self.0.seed).finish_non_exhaustive()
    }
}

/// Whether a host can be found by a name, and a schedule can say it.
fn is_name(name: &str) -> bool {
    let is_of_it = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    // As Linux does, which takes `127.1` and `0x7f.1` for addresses.
    let last = name.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_number = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
    let is_hex =
        |word: &str| word.strip_prefix("0x").is_some_and(|word| word.chars().all(|c| c.is_ascii_hexdigit()));
    let is_address = name.parse::<IpAddr>().is_ok() || is_number(&last) || is_hex(&last);
    let is_taken = name.eq_ignore_ascii_case("localhost") || is_address;
    !name.is_empty() && name.chars().all(is_of_it) && !is_taken
}
