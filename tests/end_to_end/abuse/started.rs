//! An example as its users run it: a process with its own memory, files and signals, all of which can be looked at.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;

use ekiden_tests::{Program, example};

/// A running example, on a port of its own choice.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) program: Program,
    pub(crate) addr: SocketAddr,
}

impl Started {
    #[track_caller]
    pub(crate) fn new(name: &str) -> Self {
        Self::listening(Program::start(example(name), ["127.0.0.1:0"]))
    }

    /// One that a shell starts, after this command.
    #[track_caller]
    pub(crate) fn after(command: &str, name: &str) -> Self {
        let program = example(name);
        let run = format!("{command}; exec \"$0\" \"$@\"");
        let run = ["-c".as_ref(), run.as_ref(), program.as_os_str(), "127.0.0.1:0".as_ref()];
        Self::listening(Program::start("sh", run))
    }

    #[track_caller]
    fn listening(mut program: Program) -> Self {
        let addr = program.wait_for(addr_in);
        Self { program, addr }
    }

    /// How many files it has open.
    pub(crate) fn files(&self) -> usize {
        let files = fs::read_dir(self.at("fd")).expect("it is our process");
        files.count()
    }

    /// The most memory that it ever had, in KiB.
    pub(crate) fn memory_peak_kib(&self) -> u64 {
        let status = fs::read_to_string(self.at("status")).expect("it is our process");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
        peak.and_then(|kib| kib.parse().ok()).expect("the kernel counts it")
    }

    /// Stops it by a signal, and comes back when it stands still. `CONT` lets it go on.
    #[track_caller]
    pub(crate) fn stand_still(&self) {
        self.program.signal("STOP");
        let state = || {
            let stat = fs::read_to_string(self.at("stat")).expect("it is our process");
            // Behind the name, which may hold anything.
            stat.rsplit_once(") ").and_then(|(_, rest)| rest.chars().next()).expect("the kernel says it")
        };
        // The signal is there when `kill` has ended, and the process leaves its processor at the next look.
        while state() != 'T' {}
    }

    /// Ends it by ctrl-c, in order, and says what it told the operator.
    #[track_caller]
    pub(crate) fn finish(mut self) -> Vec<String> {
        self.program.signal("INT");
        self.ends(Ok(0))
    }

    /// Waits for its end, by itself or by a signal; what it told the operator.
    #[track_caller]
    pub(crate) fn ends(&mut self, how: Result<i32, i32>) -> Vec<String> {
        let status = self.program.wait_for_end();
        let ended = status.code().ok_or_else(|| status.signal().expect("it has ended by one of both"));
        assert_eq!(ended, how, "{}", self.program.said());
        self.program.said().lines().filter(|line| addr_in(line).is_none()).map(str::to_owned).collect()
    }

    fn at(&self, file: &str) -> impl AsRef<Path> + use<> {
        format!("/proc/{}/{file}", self.program.id())
    }
}

/// The address in `listening on http://127.0.0.1:8080; in another terminal: …`.
fn addr_in(line: &str) -> Option<SocketAddr> {
    let (addr, _) = line.strip_prefix("listening on ")?.split_once(';')?;
    addr.trim_start_matches("http://").parse().ok()
}
