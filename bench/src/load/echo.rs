//! Drives our own load, which speaks echo, and HTTP at a fixed pace.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{Outcome, Watch};
use crate::packages::program;
use crate::process::Place;
use crate::results::Figure;

/// What to ask, and for how long.
#[derive(Clone, Copy)]
pub(crate) struct Echo {
    pub(crate) connections: usize,
    pub(crate) speech: Speech,
    pub(crate) length: Length,
}

#[derive(Clone, Copy)]
pub(crate) enum Speech {
    Echo {
        bytes: usize,
    },
    Http,
    /// Messages of 64 bytes. Those of each so manyth connection ask the server to work for so long, and are not in the
    /// report; and the load sleeps between them, since the server has every core.
    Uneven {
        heavy_every: usize,
        heavy_micros: u32,
    },
}

#[derive(Clone, Copy)]
pub(crate) enum Length {
    Requests(u64),
    /// A closed loop, in seconds.
    Seconds {
        warm_up: f64,
        counted: f64,
    },
    /// This many requests a second, whatever the server does.
    Paced {
        per_second: f64,
        warm_up: f64,
        counted: f64,
    },
}

impl Echo {
    pub(crate) fn run(&self, addr: SocketAddr, watch: &mut Watch) -> Result<Outcome> {
        let place =
            if matches!(self.speech, Speech::Uneven { .. }) { Place::Anywhere } else { Place::Asking };
        let mut child =
            place.spawn(self.command(addr).stdout(Stdio::piped())).context("cannot start the load")?;
        let mut lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        ensure!(
            lines.next().transpose()?.as_deref() == Some("measuring"),
            "the load failed at its beginning"
        );
        watch.begin()?;
        let report = lines.next().transpose()?.unwrap_or_default();
        watch.end()?;
        ensure!(child.wait()?.success(), "the load failed");
        let report: Report = serde_json::from_str(&report).context("the load's report is not as it was")?;
        Ok(self.outcome(&report))
    }

    fn command(&self, addr: SocketAddr) -> Command {
        let mut command = Command::new(program("load"));
        command.args(["echo", &addr.to_string()]);
        command.args(["--connections", &self.connections.to_string()]);
        match self.speech {
            Speech::Echo { bytes } => command.args(["--bytes", &bytes.to_string()]),
            Speech::Http => command.arg("--http"),
            Speech::Uneven { heavy_every, heavy_micros } => command.args([
                "--bytes",
                "64",
                "--sleep",
                "--heavy-every",
                &heavy_every.to_string(),
                "--heavy-micros",
                &heavy_micros.to_string(),
            ]),
        };
        match self.length {
            Length::Requests(requests) => command.args(["--requests", &requests.to_string()]),
            Length::Seconds { warm_up, counted } => command.args(seconds(warm_up, counted)),
            Length::Paced { per_second, warm_up, counted } => {
                command.args(seconds(warm_up, counted)).args(["--pace", &per_second.to_string()])
            }
        };
        command
    }

    fn outcome(&self, report: &Report) -> Outcome {
        let spins = matches!(self.length, Length::Paced { .. });
        let latencies = [
            (Figure::P50Micros, report.p50_us),
            (Figure::P90Micros, report.p90_us),
            (Figure::P99Micros, report.p99_us),
            (Figure::P999Micros, report.p999_us),
        ];
        Outcome {
            requests: report.requests,
            per_second: report.requests / report.seconds,
            busy: (!spins).then_some(report.cpu_seconds / report.seconds),
            more: latencies.into(),
        }
    }
}

fn seconds(warm_up: f64, counted: f64) -> [String; 4] {
    ["--warm-up".into(), warm_up.to_string(), "--seconds".into(), counted.to_string()]
}

#[derive(Deserialize)]
struct Report {
    requests: f64,
    seconds: f64,
    cpu_seconds: f64,
    p50_us: f64,
    p90_us: f64,
    p99_us: f64,
    p999_us: f64,
}
