//! The loop of a world: whose turn is it, and what came of it.
//!
//! A host's reactor takes a turn, at a moment of the virtual clock; what its program did is in the world then, and the world
//! says what is next. Time goes by only here, from one moment at which something happens to the next.

use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::mem;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::rc::Rc;
use std::sync::Arc;

use ekiden_reactor::driver::run_in_line;
use ekiden_reactor::inspect::{self, CoreStats};
use ekiden_reactor::notice::{Level, Notice};
use ekiden_reactor::{Handle, Ready, Runtime, Turned};

use crate::driver::HostDriver;
use crate::failure::{Failure, busiest, line, message, table, tasks_max};
use crate::journal::{Digest, HostId, What};
use crate::oracle::{Roll, Watched};
use crate::program::{MAIN, Main, Program, RunningCore, begins_once, end_all};
use crate::sim::{Order, Sim};
use crate::world::{Again, Next, Outside, Seat};

impl Sim {
    /// Runs the world until `main` is ready: the scenario's own program, on a host that is called `main`.
    ///
    /// The other hosts stay as they are, and go on when this is called again.
    ///
    /// # Panics
    ///
    /// If the run fails, with all that there is to say about it: a program panics or returns an error; nothing can happen
    /// any more and `main` still waits; a host is busy and gets nowhere; the [time](crate::Config::time_max) is up, or
    /// as many [steps](crate::Config::steps_max) are taken as may be.
    /// And if the world runs already, as a program of it cannot run it, or has [ended](Self::end).
    #[track_caller]
    pub fn run<M, T>(&self, main: M) -> T
    where
        M: AsyncFnOnce(Self) -> T + 'static,
        T: 'static,
    {
        match self.try_run(main) {
            Ok(output) => output,
            Err(failure) if self.0.is_checked.get() => {
                let payload: Box<dyn Any + Send> = Box::new(failure.to_string());
                *self.0.failure.borrow_mut() = Some(failure);
                // Whoever checks tells of it; the panic's own hook has been called, if there was a panic.
                resume_unwind(payload)
            }
            Err(failure) => panic!("{failure}"),
        }
    }

    /// The same, and a failure is returned.
    ///
    /// # Errors
    ///
    /// The run failed.
    ///
    /// # Panics
    ///
    /// If the world runs already, or has [ended](Self::end).
    #[track_caller]
    pub fn try_run<M, T>(&self, main: M) -> Result<T, Failure>
    where
        M: AsyncFnOnce(Self) -> T + 'static,
        T: 'static,
    {
        assert!(!self.0.has_ended.get(), "this world has ended");
        assert!(
            !self.0.is_running.replace(true),
            "this world runs already, so a program of it cannot run it"
        );
        let output = Rc::new(Cell::new(None));
        let (here, sim) = (output.clone(), self.clone());
        let main = begins_once(async move { here.set(Some(main(sim).await)) });
        let id = self.id(MAIN);
        {
            let program = &mut self.0.programs.borrow_mut()[id.index()];
            (program.begin, program.place) = (main, Location::caller());
        }
        self.0.orders.borrow_mut().push_back(Order::Start(id));
        // Also by a panic, as of what a script's fault does.
        let _runs = Runs(&self.0.is_running);
        self.run_until(|| output.take())
    }

    fn run_until<T>(&self, is_over: impl Fn() -> Option<T>) -> Result<T, Failure> {
        loop {
            self.carry_out_orders()?;
            if let Some(output) = is_over() {
                return self.missed_panic_of_any().map_or(Ok(output), Err);
            }
            let next = self.0.world.lock().next();
            match next {
                Next::Turn(seat) => self.take_turn(seat)?,
                Next::Outside(outside) => self.do_outside(outside)?,
                Next::Never => return Err(self.fail_for_ever()),
                Next::TooLate => return Err(self.fail_late("in time (`Config::time_max`)")),
                Next::TooMuch => return Err(self.fail_late("in so many steps (`Config::steps_max`)")),
            }
            let unparked = self.0.unparked.take();
            if !unparked.is_empty() {
                let mut world = self.0.world.lock();
                for (seat, life) in unparked {
                    if world.host(seat.host).is_in(life) {
                        world.wake(seat);
                    }
                }
            }
        }
    }

    /// Nothing can happen any more, and the scenario's own program still waits.
    fn fail_for_ever(&self) -> Failure {
        let tasks = self.find(MAIN).and_then(|id| self.roll(id).cores.remove(&0)).unwrap_or_default();
        let waits = tasks.first().map(|main| format!(", `{MAIN}` {}", line(main))).unwrap_or_default();
        self.fail(&format!("all wait, and nothing can happen any more{waits}"))
    }

    /// It should be over. Whoever has run most is likely to be why.
    fn fail_late(&self, not_ended: &str) -> Failure {
        let ran = self.0.programs.borrow().iter().zip(0..).max_by_key(|(program, _)| program.polls()).map(
            |(program, id)| {
                let tasks: Vec<_> =
                    program.cores.values().flat_map(|core| core.turns.within(inspect::tasks)).collect();
                self.of(HostId(id), &format!("has run most: {}", busiest(&BTreeMap::new(), &tasks)))
            },
        );
        self.fail(&format!("it has not ended {not_ended}; {}", ran.unwrap_or_default()))
    }

    fn carry_out_orders(&self) -> Result<(), Failure> {
        loop {
            let order = self.0.orders.borrow_mut().pop_front();
            match order {
                Some(Order::Start(host)) => self.start(host),
                Some(Order::Crash(host)) => self.crash_now(host)?,
                Some(Order::Pause(host)) => self.0.world.lock().set_paused(host, true),
                Some(Order::Resume(host)) => {
                    let ends = self.0.world.lock().resume(host);
                    if ends {
                        self.crash_now(host)?;
                    }
                }
                Some(Order::Signal(host, signal)) => {
                    let ends = self.0.world.lock().signal(host, signal);
                    if ends {
                        self.crash_now(host)?;
                    }
                }
                None => return Ok(()),
            }
        }
    }

    fn start(&self, host: HostId) {
        let world = &self.0.world;
        world.lock().begin(host);
        let seat = Seat::first_of(host);
        let driver = HostDriver::new(world.clone(), seat, self.0.unparked.clone());
        let mut runtime = Runtime::default();
        let told = world.clone();
        runtime.config = Arc::new(move |_core| {
            let (mut config, told) = (ekiden_reactor::Config::default(), told.clone());
            config.on_notice = Rc::new(move |notice| handle_notice(&told, host, notice));
            config
        });
        let (begin, place) = {
            let program = &self.0.programs.borrow()[host.index()];
            (program.begin.clone(), program.place)
        };
        let turns = runtime.reactor(driver).start_from(begin(), place);
        self.put_back(seat, RunningCore::new(turns));
    }

    /// Cores that programs have asked for begin.
    fn start_cores(&self) {
        let new_cores = mem::take(&mut self.0.world.lock().new_cores);
        for (seat, core) in new_cores {
            let driver = HostDriver::new(self.0.world.clone(), seat, self.0.unparked.clone());
            let (reactor, ended) = core.into_reactor(driver);
            let main = Box::pin(async {
                ended.await;
                Ok(())
            });
            let place = self.0.programs.borrow()[seat.host.index()].place;
            let turns = reactor.start_from(main as Main, place);
            self.put_back(seat, RunningCore::new(turns));
            self.0.world.lock().wake(seat);
        }
    }

    fn take_out(&self, seat: Seat) -> Option<RunningCore> {
        self.0.programs.borrow_mut()[seat.host.index()].cores.remove(&seat.core)
    }

    fn put_back(&self, seat: Seat, core: RunningCore) {
        self.0.programs.borrow_mut()[seat.host.index()].cores.insert(seat.core, core);
    }

    fn crash_now(&self, host: HostId) -> Result<(), Failure> {
        let is_up = self.0.world.lock().host(host).is_up;
        let missed = self.missed_panic(host, "had when it crashed");
        if is_up {
            // Before its sockets are dropped, which would close them in good order.
            self.0.world.lock().crash(host);
        }
        // What it does at its end reaches nobody, a panic neither: on a machine it would not be done at all.
        drop(self.drop_cores(host));
        missed.map_or(Ok(()), Err)
    }

    /// Ends the cores of a program that are left, in their order: the first has told the others of its end by then, and
    /// their tasks die with it.
    fn drop_cores(&self, host: HostId) -> Result<(), Failure> {
        let lost = match self.unread_panic(host) {
            Some(panic) => format!("had at its end {panic}; nobody has received that"),
            None => "panicked in what a task of it owned, when that was dropped at its end".to_owned(),
        };
        let cores = mem::take(&mut self.0.programs.borrow_mut()[host.index()].cores);
        let mut dropped = Ok(());
        for (core, running) in cores {
            dropped = dropped.and(self.drop_core(Seat { host, core }, running, &lost));
        }
        dropped
    }

    /// Ends a core. What its tasks own is dropped, and may panic as in a turn; `lost` says what it is if a panic of a task is
    /// told of then.
    fn drop_core(&self, seat: Seat, core: RunningCore, lost: &str) -> Result<(), Failure> {
        let handle = core.turns.within(Handle::current);
        let panics = handle.stats().panics;
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(core)));
        dropped.map_err(|payload| self.failed_by(seat.host, &*payload))?;
        if handle.stats().panics > panics {
            return Err(self.fail(&self.of(seat.host, lost)));
        }
        Ok(())
    }

    fn take_turn(&self, seat: Seat) -> Result<(), Failure> {
        let (world, host) = (&self.0.world, seat.host);
        let Some(mut core) = self.take_out(seat) else { return Ok(()) };
        let turns = &mut core.turns;
        let tasks = turns.within(|| Handle::current().stats()).tasks as usize;
        let spurious = {
            let mut world = world.lock();
            let times = world.config.spurious_one_in;
            world.running = Some(seat);
            world.chance.one_in(times).then(|| world.chance.index(tasks + 1))
        };
        if let Some(index) = spurious {
            turns.wake_spuriously(index);
        }
        let choose = |ready: &Ready<'_>| {
            let mut world = world.lock();
            let chosen = if ready.len() > 1 { world.chance.index(ready.len()) } else { 0 };
            let (number, spawned) = ready.task(chosen);
            world.note(host, number.into(), || {
                let (core, of, spawned) = (seat.core, ready.len(), in_crates(&spawned.to_string()));
                format!("runs task {number} of core {core}, {spawned}, of {of} that are ready")
            });
            chosen
        };
        let turned = catch_unwind(AssertUnwindSafe(|| turns.turn(choose)));
        let stats = turns.within(|| Handle::current().stats());
        let again = match turned {
            Ok(Turned::Done(result)) => {
                world.lock().running = None;
                self.start_cores();
                // While it is there to be shown.
                core.over = Some(if result.is_ok() { "over" } else { "failed" });
                self.put_back(seat, core);
                let wrong = match result {
                    Ok(()) => self.wrong_in_turn(host, stats.panics),
                    Err(error) => Some(self.of(host, &format!("ended by an error: {error}"))),
                };
                let failed = wrong.map(|wrong| self.fail(&wrong));
                // Its cores are dropped in their order, so this one, the first, before the others.
                let dropped = self.drop_cores(host);
                world.lock().end(host);
                return failed.map_or(dropped, Err);
            }
            Ok(Turned::Ready) => Ok(Again::AtOnce),
            Ok(Turned::Idle(until)) => Ok(Again::At(until.map(|until| until.as_nanos()))),
            Err(payload) => Err(payload),
        };
        core.over = again.is_err().then_some("panicked");
        core.is_idle = matches!(again, Ok(Again::At(_)));
        self.put_back(seat, core);
        world.lock().running = None;
        self.start_cores();
        let again = again.map_err(|payload| self.failed_by(host, &*payload))?;
        if let Some(wrong) = self.wrong_in_turn(host, stats.panics) {
            return Err(self.fail(&wrong));
        }
        let (turns_busy, turns_max) = {
            let mut world = world.lock();
            (world.end_turn(seat, again), world.config.busy_turns_max)
        };
        self.look_for_progress(seat, turns_busy, turns_max)
    }

    /// What is wrong in a turn of a host, up to which nobody has received so many panics of tasks.
    fn wrong_in_turn(&self, host: HostId, panics: u64) -> Option<String> {
        let lost = (panics > 0).then(|| self.of(host, "has a task that panicked, and nobody received that"));
        lost.or_else(|| self.wrong_after_turn(host))
    }

    /// A core that is busy for very long gets nowhere. Who it is that runs is seen in the last of its turns.
    fn look_for_progress(&self, seat: Seat, turns_busy: u32, turns_max: u32) -> Result<(), Failure> {
        let busiest = {
            let mut programs = self.0.programs.borrow_mut();
            let Some(core) = programs[seat.host.index()].cores.get_mut(&seat.core) else { return Ok(()) };
            if turns_busy > 0 && turns_busy == turns_max.saturating_sub(LOOKED_AT_TURNS) {
                let tasks = core.turns.within(inspect::tasks);
                core.polls = tasks.iter().map(|task| (task.id, task.polls)).collect();
            }
            if turns_busy <= turns_max {
                return Ok(());
            }
            busiest(&core.polls, &core.turns.within(inspect::tasks))
        };
        let what = "is busy without end, and gets nowhere (`Config::busy_turns_max`)";
        Err(self.fail(&self.of(seat.host, &format!("{what}: {busiest}"))))
    }

    /// Asks something of each core of a host's program that has begun.
    fn on_each_core<T>(&self, host: HostId, ask: impl Fn() -> T) -> BTreeMap<u16, T> {
        let programs = self.0.programs.borrow();
        let cores = programs[host.index()].cores.iter();
        let mut asked: BTreeMap<u16, T> =
            cores.map(|(number, core)| (*number, core.turns.within(&ask))).collect();
        // One is out for its turn, in which this is asked.
        let running = self.0.world.lock().running.filter(|seat| seat.host == host);
        asked.extend(running.map(|seat| (seat.core, ask())));
        asked
    }

    /// What a host's program has, on all of its cores.
    pub(crate) fn stats_of(&self, host: HostId) -> Vec<CoreStats> {
        self.on_each_core(host, || Handle::current().stats()).into_values().collect()
    }

    /// The tasks of a host's program, and whether it has more to do than they.
    pub(crate) fn roll(&self, host: HostId) -> Roll {
        let has_letters = self.stats_of(host).iter().any(|core| core.letters > 0);
        // Whose they are is not known, so anybody may go on by them.
        let timers: usize = self.on_each_core(host, inspect::timers_within_tasks).into_values().sum();
        let has_errands = has_letters || timers > 0 || self.0.world.lock().has_jobs(host);
        let programs = self.0.programs.borrow();
        let cores = programs[host.index()].cores.iter();
        let over = cores.filter_map(|(number, core)| Some((*number, core.over?))).collect();
        drop(programs);
        Roll { cores: self.on_each_core(host, inspect::tasks), over, has_errands }
    }

    fn do_outside(&self, outside: Outside) -> Result<(), Failure> {
        match outside {
            Outside::Lookup(done, found) => done(found),
            Outside::Job(job) => run_in_line(job),
            Outside::Fault(number) => self.strike(number)?,
            Outside::Dropped(_) => {}
        }
        Ok(())
    }

    pub(crate) fn of(&self, host: HostId, what: &str) -> String {
        format!("the program of `{}` {what}", self.0.world.lock().host(host).name)
    }

    fn failed_by(&self, host: HostId, payload: &(dyn Any + Send)) -> Failure {
        self.fail(&self.of(host, &format!("panicked: {}", message(payload))))
    }

    /// What there is to say when something is wrong.
    pub(crate) fn fail(&self, what: &str) -> Failure {
        let count = self.0.programs.borrow().len() as u32;
        let rolls: Vec<Roll> = (0..count).map(|id| self.roll(HostId(id))).collect();
        let tasks_max = tasks_max(rolls.iter().map(|roll| roll.cores.len()).sum());
        let tables: Vec<String> = rolls.iter().map(|roll| table(roll, tasks_max)).collect();
        Failure::new(self.0.seed, what, &self.0.world.lock(), &tables, &self.scheduled())
    }

    /// Ends the world: the programs of all hosts are dropped with what they hold, and none runs any more.
    ///
    /// Whoever makes worlds by himself needs it where a host's function, or a [condition](Self::always), has a clone of its world: the two
    /// keep each other in memory otherwise, and what the program owns as well. [`check`](crate::check()) does it after each run.
    ///
    /// ```
    /// use ekiden_sim::Sim;
    ///
    /// for seed in 0..3 {
    ///     let sim = Sim::new(seed);
    ///     let sim_of_host = sim.clone();
    ///     sim.host("server", async move || assert!(sim_of_host.is_up("server")));
    ///     sim.run(async |_sim| ekiden_reactor::yield_now().await);
    ///     sim.end();
    /// }
    /// ```
    ///
    /// # Panics
    ///
    /// If the world runs: a program of it cannot end it.
    pub fn end(&self) {
        assert!(!self.0.is_running.get(), "this world runs, so a program of it cannot end it");
        self.0.has_ended.set(true);
        let gone = |program: &Program| Program {
            begin: begins_once(async {}),
            place: program.place,
            cores: BTreeMap::new(),
        };
        let nothing: Vec<Program> = self.0.programs.borrow().iter().map(gone).collect();
        let programs = mem::replace(&mut *self.0.programs.borrow_mut(), nothing);
        for host in &mut self.0.world.lock().hosts {
            host.is_up = false;
        }
        // What is dropped after the end of a scenario is not of it, and what its panic is may panic in turn.
        mem::forget(end_all(programs));
        *self.0.watched.borrow_mut() = Watched::default();
    }
}

/// A world that runs, until this is dropped.
struct Runs<'a>(&'a Cell<bool>);

impl Drop for Runs<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// Keeps what a program tells its operator.
fn handle_notice(world: &crate::world::Shared, host: HostId, notice: &Notice<'_>) {
    let text = in_crates(&notice.to_string());
    let mut world = world.lock();
    if !world.host(host).is_up {
        return;
    }
    world.tell(host, What::Notice(Digest::of(text.as_bytes())));
    if notice.level <= Level::Warning {
        if world.notices.len() == NOTICES_MAX {
            world.notices.remove(0);
        }
        let line = format!("{}: {text}", world.host(host).name);
        world.notices.push(line);
    }
}

/// A text with its files named from their crates on: where those are is the machine's.
pub(crate) fn in_crates(text: &str) -> String {
    let short = |word: &str| {
        let begins = word.find(|c: char| c == '/' || c.is_alphanumeric())?;
        let (before, path) = word.split_at(begins);
        let folder = FOLDERS.iter().filter_map(|of| path.rfind(of)).max()?;
        let name = path[..folder].rfind('/')?;
        path.contains(".rs:").then(|| format!("{before}{}", &path[name + 1..]))
    };
    // Where a path is said to be a place it begins there, though it may have blanks in it.
    let mut pieces = text.split("at /");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let path = piece.find(".rs:").map_or("", |end| &piece[..end]);
        let is_path = !path.contains(", ") && !path.contains(" at ");
        let folder = FOLDERS.iter().filter_map(|of| path.rfind(of)).max().filter(|_| is_path);
        match folder {
            Some(folder) => {
                let name = path[..folder].rfind('/').map_or(0, |slash| slash + 1);
                text.extend(["at ", &piece[name..]]);
            }
            None => text.extend(["at /", piece]),
        }
    }
    let words = text.split_inclusive(char::is_whitespace);
    words.map(|word| short(word).unwrap_or_else(|| word.to_owned())).collect()
}

/// Where cargo looks for a crate's files.
const FOLDERS: [&str; 4] = ["/src/", "/tests/", "/examples/", "/benches/"];

/// Of the turns of a host that is busy the last so many show who runs.
const LOOKED_AT_TURNS: u32 = 1000;

/// As many as one reads.
const NOTICES_MAX: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_the_same_wherever_it_is_kept() {
        for (text, said) in [
            (
                "lost (/home/a/ekiden/crates/http/src/server/turn.rs:7:3) twice",
                "lost (http/src/server/turn.rs:7:3) twice",
            ),
            ("at crates/sim/tests/world/main.rs:1", "at sim/tests/world/main.rs:1"),
            ("at /opt/registry/src/index-1/h2-0.4.5/src/proto/go.rs:9", "at h2-0.4.5/src/proto/go.rs:9"),
            (
                "a task, spawned at /home/a b/work shop/src/lib.rs:9:1, panicked",
                "a task, spawned at work shop/src/lib.rs:9:1, panicked",
            ),
            (
                "at /1/2 it stopped, spawned at /a b/c/src/d.rs:1",
                "at /1/2 it stopped, spawned at c/src/d.rs:1",
            ),
            ("at src/main.rs:9, /tmp/x /src/ a.rs", "at src/main.rs:9, /tmp/x /src/ a.rs"),
        ] {
            assert_eq!(in_crates(text), said);
        }
    }
}
