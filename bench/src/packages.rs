//! Builds what is to be run, one package at a time, so that cargo unifies no features between peers.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::peers::Peer;

/// Builds the peers and the load, and says what takes time.
pub(crate) fn build_all(peers: &[Peer]) -> Result<()> {
    for package in peers.iter().map(|peer| peer.package.as_str()).chain(["load"]) {
        build(package)?;
    }
    Ok(())
}

fn build(package: &str) -> Result<()> {
    eprintln!("building {package}");
    let status = Command::new("cargo")
        .args(["build", "--release", "--locked", "--quiet", "--package", package])
        .status()
        .context("cannot run cargo")?;
    ensure!(status.success(), "{package} does not build");
    Ok(())
}

/// The program of a package that was built, which has its name.
pub(crate) fn program(package: &str) -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    PathBuf::from(target).join("release").join(package)
}
