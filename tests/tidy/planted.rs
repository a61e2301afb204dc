//! The bugs that `tests/plant` plants can still be planted: each patch applies to the sources as they are.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::assert_none;

/// Where the repository is.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

#[test]
fn every_planted_bug_applies() {
    let folder = Path::new(ROOT).join("tests/simulated/planted");
    let patches = fs::read_dir(folder).expect("there is a folder of planted bugs");
    let mut patches: Vec<_> = patches.map(|entry| entry.expect("it can be listed").path()).collect();
    patches.sort();
    assert!(!patches.is_empty(), "nothing is planted");
    let complaints = patches.iter().filter_map(|path| {
        let patch = fs::read_to_string(path).expect("a patch is text");
        Some(format!("{}: {}", path.file_name()?.display(), misfit(&patch)?))
    });
    assert_none(
        complaints.collect(),
        "mend the patch, or plant the same bug in its place, and see by `tests/plant NAME` that it is found",
    );
}

#[test]
fn a_bug_that_does_not_apply_is_noticed() {
    let patch = "--- a/tests/plant\n+++ b/tests/plant\n@@ -1 +1 @@\n-no such line\n+another\n";
    assert!(misfit(patch).expect("it does not apply").contains("tests/plant"));
    let next = "# Plants known bugs, one after the other, and says which scenarios find each, by which seed.";
    let patch = "--- a/tests/plant\n+++ b/tests/plant\n@@ -1,2 +1,2 @@\n-#!/usr/bin/env bash\n+#!/bin/sh\n";
    let patch = format!("{patch} {next}\n");
    assert_eq!(misfit(&format!("What it does.\n\n{patch}")), None);
}

/// Why a patch does not apply to the sources.
fn misfit(patch: &str) -> Option<String> {
    let mut git = Command::new("git");
    git.args(["apply", "--check", "-"]).current_dir(ROOT);
    let mut git = git
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git is there, by which the sources came");
    git.stdin.take().expect("it is piped").write_all(patch.as_bytes()).expect("git reads a patch");
    let output = git.wait_with_output().expect("git ends");
    (!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; "))
}
