//! What a process has used, by `/proc`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Time of processor, of all threads.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cpu {
    /// Exact to the scheduler's tick.
    pub(crate) total: Duration,
    /// By thread.
    threads: BTreeMap<OsString, Duration>,
    /// How much of it was the program's own, of 1. Sampled by the kernel's clock tick: rough below a second.
    user_ticks: u64,
    system_ticks: u64,
}

impl Cpu {
    pub(crate) fn of(pid: u32) -> Result<Self> {
        let mut threads = BTreeMap::new();
        for thread in fs::read_dir(format!("/proc/{pid}/task")).context("the process is gone")?.flatten() {
            // One that ends meanwhile takes its count along; servers keep their threads.
            let counted = fs::read_to_string(thread.path().join("schedstat")).unwrap_or_default();
            let nanos = counted.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0);
            threads.insert(thread.file_name(), Duration::from_nanos(nanos));
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("the process is gone")?;
        let (user_ticks, system_ticks) = ticks(&stat).context("/proc/PID/stat is not as it was")?;
        Ok(Self { total: threads.values().sum(), threads, user_ticks, system_ticks })
    }

    pub(crate) fn since(self, before: &Self) -> Self {
        let earlier = |thread: &OsString| before.threads.get(thread).copied().unwrap_or_default();
        let threads = self.threads.into_iter().map(|(thread, used)| {
            let used = used.saturating_sub(earlier(&thread));
            (thread, used)
        });
        Self {
            total: self.total.saturating_sub(before.total),
            threads: threads.collect(),
            user_ticks: self.user_ticks - before.user_ticks,
            system_ticks: self.system_ticks - before.system_ticks,
        }
    }

    /// How much of it the busiest thread used, of 1; none if there is only one.
    pub(crate) fn busiest(&self) -> Option<f64> {
        let most = self.threads.values().max()?;
        (self.threads.len() > 1).then(|| most.as_secs_f64() / self.total.as_secs_f64())
    }

    /// Seconds in the program and in the kernel.
    pub(crate) fn split(&self) -> (f64, f64) {
        let ticks = (self.user_ticks + self.system_ticks).max(1) as f64;
        let total = self.total.as_secs_f64();
        (total * self.user_ticks as f64 / ticks, total * self.system_ticks as f64 / ticks)
    }
}

/// The fields `utime` and `stime`. The name before them may contain anything, spaces and brackets too.
fn ticks(stat: &str) -> Option<(u64, u64)> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

/// Memory that is resident and the process's own, in bytes.
pub(crate) fn resident(pid: u32) -> Result<u64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).context("the process is gone")?;
    private_kib(&rollup).map(|kib| kib * 1024).context("/proc/PID/smaps_rollup is not as it was")
}

fn private_kib(rollup: &str) -> Option<u64> {
    let field = |name: &str| {
        let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.parse::<u64>().ok()
    };
    Some(field("Private_Clean:")? + field("Private_Dirty:")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 100 0 0 0 12 34 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), Some((12, 34)));
        assert_eq!(ticks("7 (a) S 1"), None);
    }

    #[test]
    fn memory_that_is_shared_is_nobodys() {
        let rollup =
            "Rss: 900 kB\nShared_Clean: 800 kB\nPrivate_Clean:       60 kB\nPrivate_Dirty:       40 kB\n";
        assert_eq!(private_kib(rollup), Some(100));
    }
}
