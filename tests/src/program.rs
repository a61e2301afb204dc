//! A program of somebody else while a test needs it: started, listened to, and ended whatever happens.
//!
//! It is ended by its own id when it is dropped, which a panic does too; and by the kernel when the test's process dies
//! without unwinding, which is what `setpriv --pdeathsig` (part of every Debian) is asked for.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

// No program of ours takes this long for anything: only one that hangs meets it.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program.
#[derive(Debug)]
pub struct Program {
    child: Child,
    /// Each line as it is written; closed when both outputs are, which is when the program has ended.
    lines: Receiver<String>,
    /// What it said so far, for the message when a test fails.
    said: String,
}

impl Program {
    /// Starts a program with these arguments.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn start<A: AsRef<OsStr>>(name: impl AsRef<OsStr>, arguments: impl IntoIterator<Item = A>) -> Self {
        Self::spawn(&mut Self::command(name, arguments))
    }

    /// The command that [`start`](Self::start) runs, for those who need more: an environment, an inherited socket.
    pub fn command<A: AsRef<OsStr>>(
        name: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(name).args(arguments).stdin(Stdio::null());
        // Debian keeps servers out of the PATH of ordinary users.
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
        // What our programs say should not hang on the limits of whoever runs the tests.
        command.env("EKIDEN_NOFILE", "keep");
        command
    }

    /// Starts a command made by [`command`](Self::command), with both outputs read.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn spawn(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (sender, lines) = channel();
        relay(child.stdout.take().expect("it was piped"), sender.clone());
        relay(child.stderr.take().expect("it was piped"), sender);
        Self { child, lines, said: String::new() }
    }

    /// Waits for the first line of either output in which something is found.
    ///
    /// # Panics
    ///
    /// If the program ends, or says nothing for a minute, before that.
    #[track_caller]
    pub fn wait_for<T>(&mut self, find: impl Fn(&str) -> Option<T>) -> T {
        loop {
            match self.next_line() {
                Ok(line) => {
                    if let Some(found) = find(&line) {
                        return found;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => {
                    panic!("it ended before it said that. It said:\n{}", self.said)
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("it did not say that in time. It said:\n{}", self.said)
                }
            }
        }
    }

    /// Waits until the program has ended by itself.
    ///
    /// # Panics
    ///
    /// If it says nothing for a minute and has not ended.
    #[track_caller]
    pub fn wait_for_end(&mut self) -> ExitStatus {
        loop {
            match self.next_line() {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().expect("it is our child"),
                Err(RecvTimeoutError::Timeout) => panic!("it has not ended. It said:\n{}", self.said),
            }
        }
    }

    /// Sends a signal by its name: `INT` is what Ctrl-C sends.
    ///
    /// # Panics
    ///
    /// If the program is gone.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "the program is gone");
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has said so far, as far as anybody waited for it.
    pub fn said(&self) -> &str {
        &self.said
    }

    fn next_line(&mut self) -> Result<String, RecvTimeoutError> {
        let line = self.lines.recv_timeout(PATIENCE)?;
        self.said.push_str(&line);
        self.said.push('\n');
        Ok(line)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already, which is what we want.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Runs a program to its end and returns what it wrote.
///
/// # Panics
///
/// If it cannot be started, or takes longer than a minute.
#[track_caller]
pub fn output<A: AsRef<OsStr>>(name: &str, arguments: impl IntoIterator<Item = A>) -> Output {
    let limit = PATIENCE.as_secs().to_string();
    let mut command = Program::command("timeout", ["--signal", "KILL", &limit, name]);
    let output = command.args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    let is_late = output.status.code().is_none_or(|code| code == 137);
    assert!(!is_late, "{command:?} took longer than {limit} s");
    output
}

/// Passes lines on until the output is closed or nobody listens any more.
#[expect(
    clippy::disallowed_methods,
    reason = "a test's program is read beside the test, outside every reactor"
)]
fn relay(output: impl Read + Send + 'static, sender: Sender<String>) {
    std::thread::spawn(move || {
        let lines = BufReader::new(output).split(b'\n').map_while(Result::ok);
        for line in lines {
            // The test may have ended first; then the program is about to be ended too.
            drop(sender.send(String::from_utf8_lossy(&line).into_owned()));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program::start("sh", ["-c", script])
    }

    fn number(line: &str) -> Option<u32> {
        line.parse().ok()
    }

    #[test]
    fn a_line_of_either_output_is_waited_for() {
        let mut program = shell("echo a; echo 1; echo b >&2; echo 2 >&2; exit 3");
        let mut numbers = [program.wait_for(number), program.wait_for(number)];
        numbers.sort();
        assert_eq!(numbers, [1, 2]);
        assert_eq!(program.wait_for_end().code(), Some(3));
    }

    #[test]
    #[should_panic(expected = "It said:\na\n")]
    fn an_early_end_is_reported_with_what_was_said() {
        shell("echo a").wait_for(number);
    }

    #[test]
    fn a_signal_reaches_the_program_itself() {
        let mut program = shell("trap 'echo caught; exit 7' TERM; echo 1; while :; do read -r _ || :; done");
        program.wait_for(number);
        // Not INT, which a shell cannot trap if whoever began the tests ignores it.
        program.signal("TERM");
        assert_eq!(program.wait_for_end().code(), Some(7));
        assert!(program.said().contains("caught"));
    }

    #[test]
    fn a_dropped_program_is_gone() {
        let mut program = shell("echo $$; while :; do :; done");
        let id = program.wait_for(number);
        assert_eq!(id, program.id());
        drop(program);
        assert!(!std::path::Path::new(&format!("/proc/{id}")).exists());
    }
}
