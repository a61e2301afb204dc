//! What a program may have at most, looked at in each of its turns, and what must hold all the time.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use ekiden_reactor::inspect::CoreStats;

use crate::failure::message;
use crate::journal::HostId;
use crate::sim::Sim;

/// What a host's program may have at most as one of its turns begins, and when the last has ended: [`Sim::bound`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Bounds {
    /// Tasks that have not ended, but for its first future. Any number.
    pub tasks_max: u64,
    /// TCP connections that it has open. Any number.
    pub connections_max: u64,
    /// Timers that are set. Any number.
    pub timers_max: u64,
    /// Bytes that it has written to connections, on the way or not yet read at the other end. Any number; each connection has
    /// room for [`Config::window_bytes`](crate::Config::window_bytes).
    pub unread_bytes_max: u64,
}

impl Default for Bounds {
    /// No bounds.
    fn default() -> Self {
        Self {
            tasks_max: u64::MAX,
            connections_max: u64::MAX,
            timers_max: u64::MAX,
            unread_bytes_max: u64::MAX,
        }
    }
}

impl Bounds {
    /// What is beyond them.
    fn exceeded(&self, cores: &[CoreStats], unread_bytes: impl Fn() -> u64) -> Option<String> {
        let on_all = |count: fn(&CoreStats) -> u64| cores.iter().map(count).sum();
        let unread_bytes = if self.unread_bytes_max == u64::MAX { 0 } else { unread_bytes() };
        [
            ("tasks", on_all(|core| core.tasks), self.tasks_max),
            ("connections", on_all(|core| core.connections), self.connections_max),
            ("timers", on_all(|core| core.timers), self.timers_max),
            ("bytes that were not read", unread_bytes, self.unread_bytes_max),
        ]
        .into_iter()
        .find(|(_, has, max)| has > max)
        .map(|(what, has, max)| format!("has {has} {what}, of at most {max}"))
    }
}

/// What a world is watched for.
#[derive(Default)]
pub(crate) struct Watched {
    bounds: Vec<(HostId, Bounds)>,
    always: Vec<(String, Box<dyn Fn() -> bool>)>,
}

impl fmt::Debug for Watched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watched").field("bounds", &self.bounds).finish_non_exhaustive()
    }
}

/// # Bounds
impl Sim {
    /// The run has failed as soon as a host's program has more of something than this, in any of its lives.
    ///
    /// ```
    /// use ekiden_reactor::{sleep, spawn};
    /// use ekiden_sim::{Sim, oracle::Bounds};
    /// use std::time::Duration;
    ///
    /// let sim = Sim::new(7);
    /// sim.host("greedy", async || {
    ///     loop {
    ///         spawn(sleep(Duration::from_secs(60)));
    ///         sleep(Duration::from_secs(1)).await;
    ///     }
    ///     # #[expect(unreachable_code, reason = "what it would return")]
    ///     ()
    /// });
    /// let mut bounds = Bounds::default();
    /// bounds.tasks_max = 10;
    /// sim.bound("greedy", bounds);
    /// let failure = sim.try_run(async |_sim| sleep(Duration::from_secs(60)).await).unwrap_err();
    /// assert!(failure.to_string().starts_with("the program of `greedy` has 11 tasks, of at most 10"));
    /// ```
    ///
    /// # Panics
    ///
    /// If there is no host of that name.
    #[track_caller]
    pub fn bound(&self, host: &str, bounds: Bounds) {
        let id = self.id(host);
        self.0.watched.borrow_mut().bounds.push((id, bounds));
    }

    /// The run has failed as soon as this does not hold, after any turn of any host, its last one included: for what only a program knows of itself, such
    /// as how long its queues are.
    ///
    /// It is asked very often, so it should be quick. It must not use the `Sim`. If it panics, the run has failed, too.
    ///
    /// ```
    /// use ekiden_reactor::sleep;
    /// use ekiden_sim::Sim;
    /// use std::{cell::RefCell, rc::Rc, time::Duration};
    ///
    /// let sim = Sim::new(7);
    /// let queue = Rc::new(RefCell::new(Vec::new()));
    /// let watched = queue.clone();
    /// sim.always("the queue has at most ten places", move || watched.borrow().len() <= 10);
    /// let failure = sim.try_run(async move |_sim| {
    ///     loop {
    ///         queue.borrow_mut().push(7);
    ///         sleep(Duration::from_secs(1)).await;
    ///     }
    /// });
    /// let failure = failure.unwrap_err().to_string();
    /// assert!(failure.starts_with("it does not hold any more that the queue has at most ten places"));
    /// ```
    pub fn always(&self, what: &str, holds: impl Fn() -> bool + 'static) {
        self.0.watched.borrow_mut().always.push((what.to_owned(), Box::new(holds)));
    }

    /// What is wrong after a turn of a host.
    pub(crate) fn wrong_after_turn(&self, id: HostId) -> Option<String> {
        let watched = self.0.watched.borrow();
        let mut bounds = watched.bounds.iter().filter(|(of, _)| *of == id).peekable();
        if bounds.peek().is_some() {
            let cores = self.stats_of(id);
            let unread_bytes = || self.0.world.lock().unread_bytes(id);
            if let Some(exceeded) = bounds.find_map(|(_, bounds)| bounds.exceeded(&cores, unread_bytes)) {
                return Some(self.of(id, &exceeded));
            }
        }
        watched.always.iter().find_map(|(what, holds)| match catch_unwind(AssertUnwindSafe(holds)) {
            Ok(true) => None,
            Ok(false) => Some(format!("it does not hold any more that {what}")),
            Err(payload) => {
                Some(format!("whether {what} cannot be said: it panicked: {}", message(&*payload)))
            }
        })
    }
}
