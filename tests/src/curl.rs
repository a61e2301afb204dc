//! What curl gets, for tests that look at the answer.

use crate::output;

/// Runs curl with these arguments and returns what it wrote.
///
/// # Panics
///
/// If it fails, or takes longer than thirty seconds.
#[track_caller]
pub fn curl(arguments: &[&str]) -> String {
    let plain = ["--silent", "--show-error", "--max-time", "30"];
    let run = output("curl", plain.iter().chain(arguments));
    assert!(run.status.success(), "curl {arguments:?}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).expect("what is fetched here is text")
}
