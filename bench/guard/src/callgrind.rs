//! Counting: runs a scenario under callgrind, by this same program, and reads how many instructions it took.
//!
//! A count is that of many operations minus that of few, so what a process does before and after does not count. The
//! environment is empty and the working directory the program's own: the stack begins at the same place whoever asks,
//! and copies of what is on it are aligned alike.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::scenarios::Scenario;

const FEW: u64 = 1_000;
const MANY: u64 = 11_000;

/// Instructions of one operation, in user space.
pub(crate) fn count(scenario: &Scenario) -> Result<f64, String> {
    let nowhere = Path::new("/dev/null");
    let [few, many] = run_both(scenario, [nowhere, nowhere])?;
    Ok(per_operation(few, many))
}

/// What one operation costs, if `FEW` and `MANY` of them cost that.
pub(crate) fn per_operation(few: u64, many: u64) -> f64 {
    (many as f64 - few as f64) / (MANY - FEW) as f64
}

/// Runs few and many operations side by side, writes a profile of each, and returns the instructions of each.
pub(crate) fn run_both(scenario: &Scenario, profiles: [&Path; 2]) -> Result<[u64; 2], String> {
    let few = start(scenario, FEW, profiles[0])?;
    let many = start(scenario, MANY, profiles[1])?;
    let [few, many] = [few, many].map(|child| collected(scenario, child));
    Ok([few?, many?])
}

/// What figures of this machine hold for.
pub(crate) fn setting() -> Result<String, String> {
    let valgrind = said_by(Command::new(find("valgrind")?).arg("--version"))?;
    let libc = said_by(Command::new("getconf").arg("GNU_LIBC_VERSION")).unwrap_or("no glibc".to_owned());
    Ok(format!("{}, {libc}, {valgrind}, {}", env!("GUARD_COMPILER").trim(), vectors()))
}

/// The vector instructions that decide which way memory is copied and searched.
#[cfg(target_arch = "x86_64")]
fn vectors() -> &'static str {
    if std::is_x86_feature_detected!("avx2") { "AVX2" } else { "no AVX2" }
}

#[cfg(not(target_arch = "x86_64"))]
fn vectors() -> &'static str {
    env::consts::ARCH
}

fn start(scenario: &Scenario, count: u64, profile: &Path) -> Result<Child, String> {
    let program = env::current_exe().map_err(|error| format!("where this program is: {error}"))?;
    let (Some(folder), Some(name)) = (program.parent(), program.file_name()) else {
        return Err("this program is nowhere".to_owned());
    };
    let mut command = Command::new(find("valgrind")?);
    command
        .arg("--tool=callgrind")
        .arg(format!("--callgrind-out-file={}", profile.display()))
        .arg(Path::new(".").join(name))
        .args(["run", scenario.name, &count.to_string()])
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    command.spawn().map_err(|error| format!("valgrind cannot be started: {error}"))
}

/// Waits for a run, and reads what callgrind says at its end.
fn collected(scenario: &Scenario, run: Child) -> Result<u64, String> {
    let output = run.wait_with_output().map_err(|error| format!("valgrind is lost: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let total = said.lines().find_map(|line| line.split_once("Collected : ")?.1.trim().parse().ok());
    match total {
        Some(total) if output.status.success() => Ok(total),
        _ => Err(format!("{} cannot be counted: {}\n{said}", scenario.name, output.status)),
    }
}

/// A program by its whole path, as the processes that are counted have no `PATH`.
pub(crate) fn find(program: &str) -> Result<PathBuf, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(program)).find(|path| path.is_file());
    found.ok_or_else(|| format!("{program} is not in PATH; it comes with Debian's package valgrind"))
}

/// What a program writes.
pub(crate) fn said_by(command: &mut Command) -> Result<String, String> {
    let said = command.output().map_err(|error| error.to_string()).and_then(|output| {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
    });
    said.map_err(|why| format!("{}: {why}", command.get_program().display()))
}
