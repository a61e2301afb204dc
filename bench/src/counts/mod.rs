//! What a request costs, counted instead of timed, in runs of their own.
//!
//! A program that counts runs the server; it is asked once with few requests and once with more. What the second run
//! has more, over the requests it had more, is the cost of one: start-up, accepting and the end are in both.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::load::Outcome;
use crate::peers::Peer;
use crate::process::Place;
use crate::process::server::Server;
use crate::programs::{is_there, output};
use crate::results::Figure;

/// What is counted, and by which program.
#[derive(Clone, Copy)]
pub(crate) enum Counter {
    /// Instructions in user space, by the processor's own counters.
    Perf,
    /// The same where the processor's counters cannot be had, by running the program in a simulated one.
    Callgrind,
    /// System calls.
    Strace,
    /// Allocations, which needs no change of the program.
    Dhat,
}

impl Counter {
    /// The one that counts instructions on this machine.
    pub(crate) fn of_instructions() -> Self {
        if has_hardware_counters() { Self::Perf } else { Self::Callgrind }
    }

    pub(crate) fn figure(self) -> Figure {
        match self {
            Self::Perf | Self::Callgrind => Figure::Instructions,
            Self::Strace => Figure::SystemCalls,
            Self::Dhat => Figure::Allocations,
        }
    }

    pub(crate) fn program(self) -> &'static str {
        match self {
            Self::Perf => "perf",
            Self::Callgrind | Self::Dhat => "valgrind",
            Self::Strace => "strace",
        }
    }

    /// Why it cannot count this peer, as far as the peer's manifest knows.
    pub(crate) fn refusal(self, peer: &Peer) -> Option<&str> {
        let is_valgrind = matches!(self, Self::Callgrind | Self::Dhat);
        peer.not_under_valgrind.as_deref().filter(|_| is_valgrind)
    }

    /// What a request costs a server. `ask` asks it about that many times, and says how many they were.
    pub(crate) fn per_request(
        self,
        server: &Command,
        requests: [u64; 2],
        ask: impl Fn(&Server, u64) -> Result<Outcome>,
    ) -> Result<f64> {
        let count = |requests| self.count(server, |server| ask(server, requests));
        let [(few, low), (many, high)] = [count(requests[0])?, count(requests[1])?];
        Ok((high - low) / (many - few))
    }

    /// How often a server was asked, and what it cost from its start to its end.
    fn count(self, server: &Command, ask: impl FnOnce(&Server) -> Result<Outcome>) -> Result<(f64, f64)> {
        let folder = tempfile::tempdir()?;
        let counts = folder.path().join("counts");
        let server = Server::start(Place::Serving, &mut self.around(server, &counts))?;
        let asked = ask(&server)?.requests;
        server.end()?;
        let text =
            fs::read_to_string(&counts).with_context(|| format!("{} counted nothing", self.program()))?;
        let count =
            self.read(&text).with_context(|| format!("{} did not say what it counted", self.program()))?;
        Ok((asked, count))
    }

    /// The command that runs another and counts.
    fn around(self, server: &Command, counts: &Path) -> Command {
        let counts = counts.display();
        let mut command = Command::new(self.program());
        match self {
            Self::Perf => {
                command.args(["stat", "-x,", "-e", "instructions:u", "-o", &counts.to_string(), "--"])
            }
            Self::Callgrind => command.args(["--tool=callgrind", &format!("--callgrind-out-file={counts}")]),
            Self::Strace => command.args(["-c", "-f", "-U", "calls,name", "-o", &counts.to_string()]),
            Self::Dhat => {
                command.args(["--tool=dhat", "--dhat-out-file=/dev/null", &format!("--log-file={counts}")])
            }
        };
        command.arg(server.get_program()).args(server.get_args());
        command
    }

    /// The total in what it wrote.
    fn read(self, counts: &str) -> Option<f64> {
        let mut lines = counts.lines();
        let number = match self {
            Self::Perf => lines.find(|line| line.contains("instructions"))?.split(',').next()?.to_owned(),
            Self::Callgrind => lines.find_map(|line| line.strip_prefix("totals: "))?.to_owned(),
            Self::Strace => lines.find_map(|line| line.strip_suffix(" total"))?.to_owned(),
            Self::Dhat => {
                let (_, blocks) = lines.find(|line| line.contains(" Total: "))?.split_once(" bytes in ")?;
                blocks.strip_suffix(" blocks")?.replace(',', "")
            }
        };
        number.trim().parse().ok()
    }
}

/// Whether the processor's counters can be had here; virtual machines often keep them back.
fn has_hardware_counters() -> bool {
    let probe = || output(Command::new("sh").args(["-c", "perf stat -x, -e instructions:u true 2>&1"]));
    is_there("perf") && probe().is_ok_and(|text| Counter::Perf.read(&text).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_are_found_in_what_they_write() {
        let check = |counter: Counter, text, want| assert_eq!(counter.read(text), want);
        check(Counter::Perf, "# started\n\n123456,,instructions:u,1000,100.00,,\n", Some(123_456.0));
        check(Counter::Perf, "<not supported>,,instructions:u,0,100.00,,\n", None);
        check(Counter::Callgrind, "events: Ir\nfn=(1) total\ntotals: 421337\n", Some(421_337.0));
        check(Counter::Strace, "    calls syscall\n        7 read\n--- ---\n       29 total\n", Some(29.0));
        check(Counter::Dhat, "==8== Total:     1,234 bytes in 5,678 blocks\n", Some(5678.0));
    }
}
