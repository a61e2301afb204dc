//! What no world has: to ask for it is an error that names it, at once.

use std::io::{self, ErrorKind};
use std::process::Command;

use ekiden_reactor::stdio::{stderr, stdin, stdout};
use ekiden_reactor::{cores, fs, process};
use ekiden_sim::check;

/// Looks whether it says what there is not.
#[track_caller]
fn names<T>(outcome: io::Result<T>, what: &str) {
    let error = outcome.err().expect("there is none");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.to_string().contains(what), "{error}");
}

#[test]
fn what_no_world_has_is_an_error_that_names_it_and_waits_for_nothing() {
    check(|sim| {
        sim.run(async |sim| {
            let before = sim.now();
            names(process::spawn(&mut Command::new("true")), "child processes");
            names(process::output(&mut Command::new("true"), 1000).await, "child processes");
            names(stdin().read(&mut [0]).await, "standard streams");
            names(stdout().write(b"hello").await, "standard streams");
            names(stderr().write_all(b"hello").await, "standard streams");
            names(fs::read("Cargo.toml").await, "files");
            names(fs::File::open("Cargo.toml").await, "files");
            names(fs::write("/tmp/x", "x").await, "files");
            assert_eq!(sim.now(), before, "nobody had to wait for that");
            assert_eq!(cores().len(), 1);
        });
    });
}
