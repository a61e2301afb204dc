//! A server that was started: it listens, and ends when it is dropped.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::Place;

pub(crate) struct Server {
    child: Child,
    pub(crate) addr: SocketAddr,
    /// What it prints.
    lines: Receiver<String>,
    has_ended: bool,
}

impl Server {
    /// Starts a command that prints `listening ADDR` when it does.
    pub(crate) fn start(place: Place, command: &mut Command) -> Result<Self> {
        Self::start_until(place, command, |line| line.strip_prefix("listening ")?.parse().ok())
    }

    /// Starts a command of which `listens` tells by what line, and where, it listens.
    pub(crate) fn start_until(
        place: Place,
        command: &mut Command,
        listens: impl Fn(&str) -> Option<SocketAddr>,
    ) -> Result<Self> {
        // A complaint is one line, not a list of frames.
        command.env("RUST_BACKTRACE", "0");
        let mut complaints = tempfile::tempfile()?;
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(complaints.try_clone()?);
        let mut child = place.spawn(command).with_context(|| format!("cannot start {command:?}"))?;
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let nowhere = ([127, 0, 0, 1], 0).into();
        let mut server = Self { child, addr: nowhere, lines: lines_of(output), has_ended: false };
        match server.next_line(listens) {
            Some(addr) => server.addr = addr,
            None => {
                server.terminate()?;
                bail!("it does not listen, but said: {}", last_words(&mut complaints));
            }
        }
        Ok(server)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What the next line says that says something, if it comes in time.
    pub(crate) fn next_line<T>(&self, says: impl Fn(&str) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let line = self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()?;
            if let Some(said) = says(&line) {
                return Some(said);
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(watched(self.child.id()) as i32), signal)?)
    }

    /// Ends it, and waits until what watched it has written down what it saw.
    pub(crate) fn end(mut self) -> Result<()> {
        self.terminate()
    }

    fn terminate(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.has_ended, true) {
            return Ok(());
        }
        let _ = self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > deadline {
                self.child.kill()?;
                self.child.wait()?;
                bail!("the server did not end within {PATIENCE:?} of SIGTERM");
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.terminate();
    }
}

/// Reads on when nobody listens any more: a server that cannot write might end by it.
fn lines_of(output: BufReader<ChildStdout>) -> Receiver<String> {
    let (lines, heard) = mpsc::channel();
    thread::spawn(move || output.lines().map_while(Result::ok).for_each(|line| drop(lines.send(line))));
    heard
}

/// The end of what a program complained of. What valgrind adds about itself says nothing of the program.
fn last_words(complaints: &mut File) -> String {
    let mut text = String::new();
    let _ = complaints.rewind().and_then(|()| complaints.read_to_string(&mut text));
    let words = text.lines().rfind(|line| !line.starts_with("==") && !line.contains("RUST_BACKTRACE"));
    words.unwrap_or("nothing").trim().to_owned()
}

/// The process that serves: the child of the one that watches it (strace, perf), or the process itself.
fn watched(pid: u32) -> u32 {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    children.split_ascii_whitespace().next().and_then(|child| child.parse().ok()).unwrap_or(pid)
}

/// Longer than any of them took; valgrind takes seconds to write down what it saw.
const PATIENCE: Duration = Duration::from_secs(30);
