//! The programs in `examples/`, built as `cargo run --example` builds them.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// Builds the example of that name, unless it is, and says where the program lies.
///
/// The flags are those with which the whole workspace is tested, so that after that nothing is built twice.
///
/// # Panics
///
/// If it does not build.
#[track_caller]
pub fn example(name: &str) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--quiet",
        "--workspace",
        "--all-features",
        "--message-format",
        "json",
        "--example",
        name,
    ]);
    let built = command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR"))).output().expect("cargo runs");
    assert!(built.status.success(), "{command:?}: {}", String::from_utf8_lossy(&built.stderr));
    let messages = String::from_utf8(built.stdout).expect("cargo speaks UTF-8");
    let program = messages.lines().find_map(|message| executable(message, name));
    program.unwrap_or_else(|| panic!("cargo built no example {name}"))
}

fn executable(message: &str, name: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    let is_it = message["target"]["name"] == name && message["target"]["kind"][0] == "example";
    message["executable"].as_str().filter(|_| is_it).map(PathBuf::from)
}
