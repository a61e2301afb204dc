//! A client in Python's standard library, written from the page about the wire (`docs/rpc.md`), calls a server of ours.

use std::process::Command;

use ekiden_reactor::{blocking, run};

use crate::library::Served;

#[test]
fn the_page_was_enough_to_write_a_client() {
    run(async {
        let served = Served::start().await;
        let client = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/rpc/client.py");
        let mut command = Command::new("python3");
        command.args(["-B", client, &served.addr.to_string()]);
        let output = blocking(move || command.output()).await.unwrap().expect("python3 runs");
        let (said, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{said}\n{errors}");
        assert_eq!(said.matches("as it should be").count(), 11, "{said}");
    });
}
