//! What came out of a run, as one line of JSON.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// Counts from when it is made.
pub(crate) struct Report {
    begun: Instant,
    cpu_begun: Duration,
    pub(crate) requests: u64,
    latencies: Histogram<u64>,
}

impl Report {
    pub(crate) fn begin() -> Self {
        let latencies = Histogram::new_with_bounds(100, 60_000_000_000, 3).expect("the bounds are sound");
        Self { begun: Instant::now(), cpu_begun: cpu(), requests: 0, latencies }
    }

    pub(crate) fn handle_done(&mut self, latency: Duration) {
        self.requests += 1;
        self.latencies.saturating_record(latency.as_nanos() as u64);
    }

    pub(crate) fn end(&self) -> Value {
        let percentile = |p| self.latencies.value_at_quantile(p) as f64 / 1000.0;
        json!({
            "requests": self.requests,
            "seconds": self.begun.elapsed().as_secs_f64(),
            "cpu_seconds": (cpu() - self.cpu_begun).as_secs_f64(),
            "p50_us": percentile(0.5),
            "p90_us": percentile(0.9),
            "p99_us": percentile(0.99),
            "p999_us": percentile(0.999),
        })
    }
}

/// What this process has used of the processor.
fn cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("Linux has this clock").into()
}
