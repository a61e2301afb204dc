//! The meter: warms up, takes the time, and counts allocations in runs of their own.

use std::time::Instant;

use allocation_counter::{measure, opt_out};
use nix::sys::resource::{UsageWho, getrusage};

/// What a scenario is given: it calls [`measure`](Self::measure) once, within its runtime.
#[derive(Clone, Copy)]
pub struct Meter {
    scenario: &'static str,
    operations: u64,
    mode: Mode,
    bytes: Option<f64>,
}

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// Takes the time and prints it. The allocations per operation go on the same line, if they are known.
    Time { allocations: Option<f64> },
    /// Only does the work: around it, allocations are counted.
    Work,
}

/// A name, and what runs it to its end.
pub type Scenario = (&'static str, fn(Meter));

/// Does what the arguments say. `counts` is false for a peer that works on other threads than this, as allocations
/// are counted on this one.
pub fn main(scenarios: &[Scenario], counts: bool) {
    let mut args = std::env::args().skip(1);
    let name = args.next().expect("SCENARIO N, or list");
    if name == "list" {
        scenarios.iter().for_each(|(name, _)| println!("{name}"));
        return;
    }
    let n = args.next().and_then(|n| n.parse().ok()).expect("SCENARIO N: N is a number");
    let &(scenario, run) =
        scenarios.iter().find(|(known, _)| *known == name).expect("a scenario of the list");

    let work = |operations| {
        let meter = Meter { scenario, operations, mode: Mode::Work, bytes: None };
        measure(|| run(meter)).count_total
    };
    // What two runs differ in are the operations: starting, preparing and growing are in both.
    let (few, many) = (2_000, 12_000);
    // Another thread's cannot be counted; and to set a million timers, or tasks, twice more takes longer than it tells.
    let counted = counts
        && !["wake_threads", "wake_idle_1e6", "timer_cancel_1e5", "timer_cancel_1e6"].contains(&scenario);
    let allocations = counted.then(|| work(many).saturating_sub(work(few)) as f64 / (many - few) as f64);
    // The allocator asks each time whether it is to count; a no costs an instruction or two.
    opt_out(|| run(Meter { scenario, operations: n, mode: Mode::Time { allocations }, bytes: None }));
}

impl Meter {
    /// The same, which prints as well how many bytes each of the things holds among which the work is done.
    #[must_use]
    pub fn among(self, bytes: f64) -> Self {
        Self { bytes: Some(bytes), ..self }
    }

    /// Has `work` do a number of operations.
    pub async fn measure<F, Work>(self, work: F)
    where
        F: Fn(u64) -> Work,
        Work: Future<Output = ()>,
    {
        let Mode::Time { allocations } = self.mode else { return work(self.operations).await };
        work(self.warm_up()).await;
        let begun = Begun::now();
        work(self.operations).await;
        self.print(&begun, allocations);
    }

    /// The same for work that blocks.
    pub fn measure_blocking(self, work: impl Fn(u64)) {
        let Mode::Time { allocations } = self.mode else { return work(self.operations) };
        work(self.warm_up());
        let begun = Begun::now();
        work(self.operations);
        self.print(&begun, allocations);
    }

    fn warm_up(self) -> u64 {
        (self.operations / 10).max(1_000)
    }

    fn print(self, begun: &Begun, allocations: Option<f64>) {
        let (ns, cpu_ns) = begun.elapsed();
        let (ns, cpu_ns) = (ns / self.operations as f64, cpu_ns / self.operations as f64);
        let allocations = allocations.map_or(String::new(), |each| format!(",\"allocs_per_op\":{each:.2}"));
        // What was counted before has left memory behind, so that nothing has to grow.
        let bytes = self
            .bytes
            .filter(|_| allocations.is_empty())
            .map_or(String::new(), |each| format!(",\"bytes_each\":{each:.1}"));
        println!(
            "{{\"scenario\":\"{}\",\"n\":{},\"ns_per_op\":{ns:.1},\"cpu_ns_per_op\":{cpu_ns:.1}{allocations}{bytes}}}",
            self.scenario, self.operations
        );
    }
}

/// When the work began: by the clock, and by the CPU time of the whole process, which a shared machine disturbs less.
struct Begun {
    clock: Instant,
    cpu_ns: f64,
}

impl Begun {
    fn now() -> Self {
        Self { clock: Instant::now(), cpu_ns: cpu_ns() }
    }

    fn elapsed(&self) -> (f64, f64) {
        (self.clock.elapsed().as_nanos() as f64, cpu_ns() - self.cpu_ns)
    }
}

fn cpu_ns() -> f64 {
    let usage = getrusage(UsageWho::RUSAGE_SELF).expect("the kernel counts");
    let (user, system) = (usage.user_time(), usage.system_time());
    (user.tv_sec() + system.tv_sec()) as f64 * 1e9 + (user.tv_usec() + system.tv_usec()) as f64 * 1e3
}
