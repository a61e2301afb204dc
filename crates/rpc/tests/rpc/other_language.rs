//! A client in Python's standard library, written from the page about the wire (`docs/rpc.md`), calls a server of ours.

use std::process::Command;

use ekiden_reactor::{blocking, run};
use ekiden_rpc::server::Config;

use crate::library::Served;

#[test]
fn the_page_was_enough_to_write_a_client() {
    calls_everything("none");
}

#[test]
fn the_page_was_enough_to_write_a_client_that_sends_checksums() {
    calls_everything("checksums");
}

/// A server that has checksums for those who like, and a client that does or does not.
fn calls_everything(checksums: &'static str) {
    run(async {
        let mut config = Config::default();
        config.checksums = true;
        let served = Served::with(config).await;
        let client = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rpc/client.py");
        let mut command = Command::new("python3");
        command.args(["-B", client, &served.addr.to_string(), checksums]);
        let output = blocking(move || command.output()).await.unwrap().expect("python3 runs");
        let (said, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}\n{errors}");
        assert_eq!(said.matches("as it should be").count(), 12, "{said}");
    });
}
