//! What the fuzzers begin with: well-formed inputs, and those that are nearly so.

use crate::cases;
use crate::plan::SEPARATOR;

/// Requests: the cases of the differential test, each to a service that does something else with its body.
pub(crate) fn of_server() -> Vec<Vec<u8>> {
    let wires = cases::all().into_iter().map(|case| case.wire).filter(|wire| wire.len() < 2000);
    wires.enumerate().map(|(index, wire)| with_setup([index as u8, 0], &wire)).collect()
}

/// Responses, each to several calls.
pub(crate) fn of_client() -> Vec<Vec<u8>> {
    let setups = [[0, 0], [3, 0], [0x23, 7], [0x0c, 0], [0x10, 0], [0x14, 0], [0x18, 0], [0x5f, 130]];
    let wires =
        include_str!("responses.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    wires.flat_map(|wire| setups.map(|setup| with_setup(setup, &cases::wire(wire)))).collect()
}

fn with_setup(setup: [u8; 2], wire: &[u8]) -> Vec<u8> {
    let mut input = vec![setup[0], setup[1], 0];
    input.extend(wire.iter().filter(|byte| **byte != SEPARATOR || wire.starts_with(b"HTTP")));
    input
}
