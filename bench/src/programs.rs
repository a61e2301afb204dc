//! The programs of others that the bench drives, and what to do when one is missing.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

/// Program and the package of Debian that has it.
const PROGRAMS: [(&str, &str); 6] = [
    ("wrk", "wrk"),
    ("h2load", "nghttp2-client"),
    ("redis-server", "redis-server"),
    ("valgrind", "valgrind"),
    ("strace", "strace"),
    ("perf", "linux-perf"),
];

/// Fails unless all of them are there, naming what to install.
pub(crate) fn need(programs: &[&str]) -> Result<()> {
    let missing: Vec<_> = programs.iter().filter(|program| !is_there(program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<_> =
        PROGRAMS.iter().filter(|known| missing.contains(&&known.0)).map(|known| known.1).collect();
    bail!("missing: {missing:?}; on Debian: apt-get install --no-install-recommends {}", packages.join(" "));
}

pub(crate) fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// What a program prints, or an error with its complaint.
pub(crate) fn output_of(program: &str, arguments: &[&str]) -> Result<String> {
    output(Command::new(program).args(arguments))
}

/// The same for a command.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {shown}"))?;
    ensure!(output.status.success(), "{shown} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    String::from_utf8(output.stdout).with_context(|| format!("{shown} printed no text"))
}
