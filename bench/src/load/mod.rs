//! Who asks: a process on a core of its own, and what it says of its run.
//!
//! The echo load is ours; HTTP is asked by `wrk` and `h2load`, which we did not write; protocols of
//! their own are asked by each peer's own client.

pub(crate) mod echo;
pub(crate) mod wrk;
pub(crate) mod h2load;
pub(crate) mod client;
pub(crate) mod hold;

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::process::server::Server;
use crate::process::usage::Cpu;
use crate::results::{Figure, Figures};

/// What the load saw.
pub(crate) struct Outcome {
    /// All that were asked while the server was watched.
    pub(crate) requests: f64,
    pub(crate) per_second: f64,
    /// What the load used of its core, of 1; none if it spins, and is full by design.
    pub(crate) busy: Option<f64>,
    /// Whatever else it says: latencies, its own cost.
    pub(crate) more: Figures,
}

/// Figures of a server under load, and whether the load was the slower of the two.
pub(crate) struct Measured {
    pub(crate) figures: Figures,
    pub(crate) has_saturated: bool,
    /// The share of the server's busiest thread, if it has several.
    busiest: Option<f64>,
}

impl Measured {
    /// Figures that no load could have held back.
    pub(crate) fn of(figures: Figures) -> Self {
        Self { figures, has_saturated: false, busiest: None }
    }

    /// With how evenly the server's threads were used.
    pub(crate) fn with_balance(mut self) -> Self {
        self.figures.extend(self.busiest.map(|share| (Figure::Busiest, share)));
        self
    }

    /// The same from the other end: the client is what is measured, and it is as busy as it can be.
    pub(crate) fn of_the_client(self) -> Self {
        let mut figures = self.figures;
        let server = figures.remove(&Figure::CpuMicros);
        let client = figures.remove(&Figure::OtherEndMicros);
        figures.extend(client.map(|micros| (Figure::CpuMicros, micros)));
        figures.extend(server.map(|micros| (Figure::OtherEndMicros, micros)));
        // Those of the server, of which nothing is known apart for a client.
        figures.retain(|figure, _| !matches!(figure, Figure::UserMicros | Figure::SystemMicros));
        Self::of(figures)
    }
}

/// Watches what a server uses while the load counts.
pub(crate) struct Watch {
    pid: u32,
    begun: Instant,
    before: Cpu,
    took: Duration,
    used: Cpu,
}

impl Watch {
    pub(crate) fn of(server: &Server) -> Self {
        Self {
            pid: server.pid(),
            begun: Instant::now(),
            before: Cpu::default(),
            took: Duration::ZERO,
            used: Cpu::default(),
        }
    }

    /// The load begins to count.
    pub(crate) fn begin(&mut self) -> Result<()> {
        self.before = Cpu::of(self.pid)?;
        self.begun = Instant::now();
        Ok(())
    }

    /// It has counted: what comes after, like closing its connections, is nobody's request.
    pub(crate) fn end(&mut self) -> Result<()> {
        self.took = self.begun.elapsed();
        self.used = Cpu::of(self.pid)?.since(&self.before);
        Ok(())
    }
}

/// Measures a server while it is asked.
pub(crate) fn measure(server: &Server, load: impl FnOnce(&mut Watch) -> Result<Outcome>) -> Result<Measured> {
    let mut watch = Watch::of(server);
    let outcome = load(&mut watch)?;
    let (user, system) = watch.used.split();
    let total = watch.used.total.as_secs_f64();
    let micros = |seconds: f64| seconds * 1e6 / outcome.requests;
    let mut figures = Figures::from([
        (Figure::CpuMicros, micros(total)),
        (Figure::UserMicros, micros(user)),
        (Figure::SystemMicros, micros(system)),
        (Figure::PerSecond, outcome.per_second),
    ]);
    figures.extend(outcome.more);
    let server_busy = total / watch.took.as_secs_f64();
    let has_saturated = outcome.busy.is_some_and(|busy| busy > FULL) && server_busy < FULL;
    Ok(Measured { figures, has_saturated, busiest: watch.used.busiest() })
}

/// The share of a core from which it counts as full: the kernel's own work takes some per cent of it.
const FULL: f64 = 0.95;
