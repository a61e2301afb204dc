//! What the clients of rpc and redis share: how calls are divided among tasks, and what they cost this process.
//!
//! Each prints one line of JSON: how many calls were made, in which time, and the CPU time of the client itself, user
//! and system apart. The server's is for whoever started it to read.
#![forbid(unsafe_code)]

mod redis;
mod rpc;

use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

pub use redis::Redis;
pub use rpc::{Asked, Rpc, Streams};

/// Has `work` make calls: a tenth of them to warm up, then all of them, which are measured and printed.
pub async fn measure<E>(
    scenario: &str,
    calls: u64,
    work: impl AsyncFn(u64) -> Result<(), E>,
) -> Result<(), E> {
    work(calls / 10).await?;
    let begun = Begun::now();
    work(calls).await?;
    begun.print(scenario, calls);
    Ok(())
}

/// The share of each of so many tasks. The first ones make one call more if it does not come out even.
pub fn shares(calls: u64, tasks: u64) -> impl Iterator<Item = u64> {
    (0..tasks).map(move |task| calls / tasks + u64::from(task < calls % tasks))
}

/// When the work began: by the clock, and by the CPU time of the whole process.
pub struct Begun {
    clock: Instant,
    user: f64,
    system: f64,
}

impl Begun {
    /// Begins now.
    pub fn now() -> Self {
        let (user, system) = cpu_seconds();
        Self { clock: Instant::now(), user, system }
    }

    /// Prints what so many calls cost.
    pub fn print(&self, scenario: &str, calls: u64) {
        let seconds = self.clock.elapsed().as_secs_f64();
        let (user, system) = cpu_seconds();
        let (user, system) = (user - self.user, system - self.system);
        println!(
            "{{\"scenario\":\"{scenario}\",\"calls\":{calls},\"seconds\":{seconds:.6},\"user_seconds\":{user:.6},\
             \"system_seconds\":{system:.6}}}"
        );
    }
}

fn cpu_seconds() -> (f64, f64) {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the kernel counts");
    let (user, system) = (usage.user_time(), usage.system_time());
    (
        user.tv_sec() as f64 + user.tv_usec() as f64 / 1e6,
        system.tv_sec() as f64 + system.tv_usec() as f64 / 1e6,
    )
}
