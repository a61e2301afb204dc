//! Drives our own load where it holds connections that are idle.

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, ensure};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::packages::program;
use crate::process::Place;
use crate::process::server::Server;

/// Connections that stand, each of which was used once.
pub(crate) struct Held {
    child: Child,
    commands: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    connections: usize,
    /// How long it took to open them and to ask on each.
    pub(crate) seconds: f64,
}

impl Held {
    pub(crate) fn open(server: &Server, connections: usize, speaks_http: bool) -> Result<Self> {
        let mut command = Command::new(program("load"));
        command.args(["hold", &server.addr.to_string(), "--connections", &connections.to_string()]);
        if speaks_http {
            command.arg("--http");
        }
        let mut child = Place::Asking.spawn(command.stdin(Stdio::piped()).stdout(Stdio::piped()))?;
        let commands = child.stdin.take().expect("its input is piped");
        let lines = BufReader::new(child.stdout.take().expect("its output is piped")).lines();
        let mut held = Self { child, commands, lines, connections, seconds: 0.0 };
        held.seconds = held.answer("held").context("the connections could not be held")?;
        Ok(held)
    }

    /// Asks once more on each, and says how long it took, in seconds.
    pub(crate) fn wake(&mut self) -> Result<f64> {
        self.commands.write_all(b"wake\n")?;
        self.answer("woken").context("not every connection answered again")
    }

    pub(crate) fn close(mut self) -> Result<()> {
        drop(self.commands);
        self.child.wait()?;
        Ok(())
    }

    fn answer(&mut self, word: &str) -> Result<f64> {
        let line = self.lines.next().transpose()?.unwrap_or_default();
        let seconds = line.strip_prefix(&format!("{word} {} ", self.connections));
        ensure!(seconds.is_some(), "it said: {line}");
        Ok(seconds.unwrap_or_default().parse()?)
    }
}

/// As many connections as that, or as the limit on open files allows to each of the two processes, which have some files
/// of their own.
pub(crate) fn connections_at_most(most: usize) -> Result<usize> {
    let (_, files_max) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, files_max, files_max)?;
    Ok(most.min((files_max as usize).saturating_sub(200)))
}
