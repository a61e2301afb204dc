//! What the compiler says to the mistakes that users make with the attribute is part of the interface.
//!
//! A message depends on the compiler that writes it, so the messages are compared only under the version they
//! were recorded with. After an upgrade: set it, run with `TRYBUILD=overwrite`, read the difference.

use std::process::Command;

const RECORDED_WITH: &str = "rustc 1.95.";

#[test]
fn mistakes_are_explained() {
    let version = Command::new("rustc").arg("--version").output().expect("rustc runs");
    let version = String::from_utf8(version.stdout).expect("its version is text");
    if !version.starts_with(RECORDED_WITH) {
        eprintln!("not compared: recorded with {RECORDED_WITH}x, and this is {version}");
        return;
    }
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
