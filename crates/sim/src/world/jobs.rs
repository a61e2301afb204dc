//! What a program has others do for it and waits for: jobs that block, on a pool of so many threads, and names that are looked up.
//!
//! Both are its own, so a pause holds them, and a crash ends them.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ekiden_reactor::driver::{Job, Overloaded};

use super::errno::Errno;
use super::{Happening, Outside, World};
use crate::config::nanos;
use crate::journal::{HostId, What};

/// Those of all hosts.
#[derive(Default)]
pub(crate) struct Jobs {
    pools: BTreeMap<HostId, Pool>,
    /// What would have happened to programs that are paused.
    held: Vec<(HostId, Happening)>,
    /// How names are looked up where somebody has said so.
    lookups: BTreeMap<HostId, Lookups>,
}

/// A host's threads for what blocks.
#[derive(Default)]
struct Pool {
    running: usize,
    waiting: VecDeque<Job>,
}

/// How a host finds names.
#[derive(Clone, Copy, Default)]
struct Lookups {
    fail: bool,
    time: Option<(u64, u64)>,
}

impl World {
    /// A thread of the pool takes a job, or it waits for one.
    ///
    /// # Errors
    ///
    /// As many wait as may.
    pub(crate) fn begin_job(&mut self, host: HostId, job: Job) -> Result<(), Overloaded> {
        let (threads_max, waiting_max) = (self.config.blocking_threads_max, self.config.blocking_waiting_max);
        let pool = self.jobs.pools.entry(host).or_default();
        if pool.running >= threads_max {
            if pool.waiting.len() >= waiting_max {
                return Err(Overloaded);
            }
            pool.waiting.push_back(job);
            return Ok(());
        }
        pool.running += 1;
        let (least, most) = nanos(&self.config.blocking);
        let times = self.host(host).slowness;
        let time = self.chance.within((least.saturating_mul(times), most.saturating_mul(times)));
        let life = self.host(host).life();
        self.happen_in(time, Happening::Job { host, life, job });
        Ok(())
    }

    /// A job is done: its thread takes the next that waits.
    pub(super) fn handle_job(&mut self, host: HostId, life: u32, job: Job) -> Option<Outside> {
        if !self.host(host).is_in(life) {
            return Some(Outside::Dropped(Box::new(job)));
        }
        if self.host(host).is_paused {
            self.jobs.held.push((host, Happening::Job { host, life, job }));
            return None;
        }
        self.tell(host, What::RunsJob);
        if let Some(pool) = self.jobs.pools.get_mut(&host) {
            pool.running -= 1;
            if let Some(next) = pool.waiting.pop_front() {
                self.begin_job(host, next).expect("there is a thread");
            }
        }
        Some(Outside::Job(job))
    }

    /// Whether a program has jobs that are not done.
    pub(crate) fn has_jobs(&self, host: HostId) -> bool {
        self.jobs.pools.get(&host).is_some_and(|pool| pool.running > 0)
    }

    /// A name was looked up.
    pub(super) fn handle_lookup(&mut self, host: HostId, answer: Happening) -> Option<Outside> {
        let Happening::Answer { life, done, found, .. } = answer else { return None };
        if !self.host(host).is_in(life) {
            return Some(Outside::Dropped(Box::new(done)));
        }
        if self.host(host).is_paused {
            self.jobs.held.push((host, Happening::Answer { host, life, done, found }));
            return None;
        }
        Some(Outside::Lookup(done, found))
    }

    /// What a pause has held of a host happens now; where its program is gone, it is only dropped.
    pub(super) fn release(&mut self, host: HostId) {
        let (of_host, held) =
            std::mem::take(&mut self.jobs.held).into_iter().partition(|(of, _)| *of == host);
        self.jobs.held = held;
        let of_host: Vec<_> = of_host;
        of_host.into_iter().for_each(|(_, happening)| self.happen_in(0, happening));
    }

    /// The program of a host is gone, and with it what waits for a thread.
    pub(super) fn forget_jobs(&mut self, host: HostId) {
        let life = self.host(host).life();
        self.release(host);
        let pool = self.jobs.pools.remove(&host).unwrap_or_default();
        // They may do anything as they are dropped, so that is done outside.
        pool.waiting.into_iter().for_each(|job| self.happen_in(0, Happening::Job { host, life, job }));
    }

    /// What a host finds under a name.
    pub(crate) fn look_up(&mut self, host: HostId, name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if self.lookups_fail(host) || self.chance.one_in(self.config.lookup_failed_one_in) {
            return Err(unresolved("Temporary failure in name resolution"));
        }
        let known =
            self.hosts.iter().find(|known| known.name.eq_ignore_ascii_case(name)).map(|known| known.ip);
        match if name.eq_ignore_ascii_case("localhost") { Some(Ipv4Addr::LOCALHOST) } else { known } {
            Some(ip) => Ok(vec![SocketAddr::new(IpAddr::V4(ip), port)]),
            None => Err(unresolved("Name or service not known")),
        }
    }

    /// How long that takes.
    pub(crate) fn lookup_time(&self, host: HostId) -> (u64, u64) {
        let said = self.jobs.lookups.get(&host).and_then(|lookups| lookups.time);
        said.unwrap_or_else(|| nanos(&self.config.lookup))
    }

    /// Whether a script says that it finds none.
    pub(crate) fn lookups_fail(&self, host: HostId) -> bool {
        self.jobs.lookups.get(&host).is_some_and(|lookups| lookups.fail)
    }

    /// From now on a host finds no names, or finds them again.
    pub(crate) fn set_lookups_fail(&mut self, host: HostId, fail: bool) {
        self.tell(host, if fail { What::FindsNoNames } else { What::FindsNames });
        self.jobs.lookups.entry(host).or_default().fail = fail;
    }

    /// From now on a host takes so long to find names.
    pub(crate) fn set_lookup_time(&mut self, host: HostId, time: (u64, u64)) {
        self.tell(host, What::LooksUpIn(time.1));
        self.jobs.lookups.entry(host).or_default().time = Some(time);
    }
}

/// An error of the resolver's, which std makes of no kind that has a name.
fn unresolved(why: &str) -> io::Error {
    let without_name = io::Error::from(Errno::NoDestination).kind();
    io::Error::new(without_name, format!("failed to lookup address information: {why}"))
}
