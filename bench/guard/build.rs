//! Tells the guard which compiler it is built by, and with which flags: its figures hold for these.

use std::env;
use std::process::Command;

fn main() {
    let rustc = env::var("RUSTC").expect("cargo says which");
    let version = Command::new(rustc).arg("--version").output().expect("the compiler runs");
    let version = String::from_utf8(version.stdout).expect("it speaks UTF-8");
    let target = env::var("TARGET").expect("cargo says which");
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default().replace('\x1f', " ");
    println!("cargo::rustc-env=GUARD_COMPILER={} {target} {flags}", version.trim());
    println!("cargo::rerun-if-changed=build.rs");
}
