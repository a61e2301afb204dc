//! What no world has: to ask for it is an error that names it, at once.

use std::io::{self, ErrorKind};
use std::process::Command;

use ekiden_reactor::stdio::{stderr, stdin, stdout};
use ekiden_reactor::{cores, process};
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
            assert_eq!(sim.now(), before, "nobody had to wait for that");
            assert_eq!(cores().len(), 1);
        });
    });
}

/// Files are the machine's.
#[test]
fn files_are_those_of_the_machine_and_take_drawn_times() {
    check(|sim| {
        sim.run(async |sim| {
            let before = sim.now();
            let text = ekiden_reactor::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
            assert!(text.await.unwrap().starts_with(b"[package]\nname = \"ekiden-sim\""));
            assert!(sim.now() > before);
        });
    });
}
