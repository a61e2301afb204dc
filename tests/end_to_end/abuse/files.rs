//! Too many open files, and an address that somebody else has.

use ekiden_tests::{Program, example};

use super::bystanders::{Bystanders, Language};
use super::peer::Peer;
use super::started::Started;

/// A server that has run out of files says so, serves on whom it has, and takes new ones as soon as files allow.
#[track_caller]
fn check_shortage(name: &str, language: Language) {
    let mut server = Started::after("ulimit -n 64", name);
    let mut bystanders = Bystanders::arrive(server.addr, language);
    // More than it may have; the rest waits in the kernel.
    let abusers: Vec<_> = (0..80).map(|_| Peer::connect(server.addr)).collect();
    server.program.wait_for(|line| line.contains("cannot accept connections").then_some(()));
    let mut newcomer = bystanders.newcomer();
    for _ in 0..10 {
        bystanders.known_is_served();
    }
    assert!(newcomer.is_waiting(), "{name}: it had a file left");

    drop(abusers);
    newcomer.is_served();
    bystanders.are_served();
    server.program.wait_for(|line| line.contains("connections are accepted again").then_some(()));
    let told = server.finish();
    assert_eq!(
        told,
        [
            "warning: accept: cannot accept connections, will try again: Too many open files (os error 24)",
            "info: accept: connections are accepted again",
        ],
        "{name}",
    );
}

#[test]
fn a_shortage_of_files_is_told_and_waited_out() {
    check_shortage("hello", Language::Http);
    check_shortage("lines", Language::Lines);
    check_shortage("ticks", Language::Lines);
    check_shortage("echo", Language::Lines);
}

#[test]
fn a_shortage_of_files_that_cannot_be_told_is_waited_out_too() {
    let server = Started::after("ulimit -n 64; exec 2>/dev/full", "hello");
    let mut bystanders = Bystanders::arrive(server.addr, Language::Http);
    let abusers: Vec<_> = (0..80).map(|_| Peer::connect(server.addr)).collect();
    let mut newcomer = bystanders.newcomer();
    for _ in 0..10 {
        bystanders.known_is_served();
    }
    assert!(newcomer.is_waiting(), "it had a file left");
    drop(abusers);
    newcomer.is_served();
    bystanders.are_served();
    assert_eq!(server.finish(), [""; 0]);
}

#[test]
fn a_taken_address_is_named() {
    for name in ["hello", "lines", "ticks", "echo", "axum"] {
        let first = Started::new(name);
        let addr = first.addr.to_string();
        let mut second = Program::start(example(name), [&addr]);
        let status = second.wait_for_end();
        let said = second.said();
        assert_eq!(status.code(), Some(1), "{name}: {said}");
        assert!(said.contains(&addr) && said.contains("in use"), "{name}: {said}");
        // And the first one serves on.
        drop(Peer::connect(first.addr));
        assert_eq!(first.finish(), [""; 0], "{name}");
    }
}
