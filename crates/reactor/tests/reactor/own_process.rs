//! A process of its own for a test: this test program once more, told by its environment.

use std::process::{Command, ExitStatus};

const INSIDE: &str = "EKIDEN_TEST_INSIDE";

/// Whether this is that process.
pub(crate) fn is_inside() -> bool {
    std::env::var_os(INSIDE).is_some()
}

/// Runs the test of that name once more. Not this one only: what it writes comes among what the test harness writes.
pub(crate) fn command(test: &str) -> Command {
    let program = std::env::current_exe().expect("this is one");
    let mut command = Command::new(program);
    command.args(["--exact", test]).env(INSIDE, "");
    command
}

/// Runs the test of that name in a process of its own, where `inside` is run; how it ended.
pub(crate) fn run(test: &str, inside: fn()) -> Option<ExitStatus> {
    if is_inside() {
        inside();
        return None;
    }
    Some(command(test).output().expect("it runs once, so it runs twice").status)
}
