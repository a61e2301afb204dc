//! The machine that was measured on, as far as figures depend on it.

use std::fs;
use std::process::Command;

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::programs::{output, output_of};

#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_gib: f64,
    pub(crate) kernel: String,
    pub(crate) rustc: String,
    /// Of this repository; with a `+` if the tree had changes.
    pub(crate) commit: String,
}

impl Machine {
    pub(crate) fn this() -> Result<Self> {
        let field = |path: &str, name: &str| {
            let text = fs::read_to_string(path).unwrap_or_default();
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':'));
            line.unwrap_or("unknown").trim().to_owned()
        };
        let memory_kib = field("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or(0.0);
        Ok(Self {
            processor: field("/proc/cpuinfo", "model name"),
            cores: std::thread::available_parallelism()?.get(),
            memory_gib: f64::round(memory_kib / 1024.0 / 102.4) / 10.0,
            kernel: output_of("uname", &["-sr"])?.trim().into(),
            rustc: output_of("rustc", &["--version"])?.trim().into(),
            commit: commit().unwrap_or_else(|_| "unknown".into()),
        })
    }
}

fn commit() -> Result<String> {
    let commit = output_of("git", &["rev-parse", "--short=12", "HEAD"])?;
    let changes = output(Command::new("git").args(["status", "--porcelain", "--untracked-files=no"]))?;
    Ok(format!("{}{}", commit.trim(), if changes.is_empty() { "" } else { "+" }))
}

/// How many wanted to run, on average over the last minute.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or(0.0)
}
