//! What the fuzzers begin with: well-formed inputs, those that are nearly so, and peers that give or take too much.

use crate::cases;
use crate::plan::SEPARATOR;

/// Requests: the cases of the differential test, each to a service that does something else with its body.
pub(crate) fn of_server() -> Vec<Vec<u8>> {
    let wires = cases::all().into_iter().map(|case| case.wire);
    let wires = wires.filter(|wire| wire.len() < 2000 && !wire.contains(&SEPARATOR));
    let plain = wires.enumerate().map(|(index, wire)| input([index as u8, 0], &[], &wire));
    let large = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9000000\r\n\r\n";
    let rough = ROUGH.into_iter().flat_map(|operations| {
        (0..16).map(move |first| input([first, 1], operations, format!("{large}{}", cases::NEXT).as_bytes()))
    });
    plain.chain(rough).collect()
}

/// Responses, each to several calls.
pub(crate) fn of_client() -> Vec<Vec<u8>> {
    let setups = [[0, 0], [3, 0], [0x23, 7], [0x0c, 0], [0x10, 0], [0x14, 0], [0x18, 0], [0x5f, 130]];
    let lines = include_str!("responses.txt").lines();
    let wires = lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(cases::wire);
    let plain = wires.flat_map(|wire| setups.map(|setup| input(setup, &[], &wire)));
    let large = "HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n";
    let rough = ROUGH.into_iter().flat_map(|operations| {
        (0..40).map(move |index| input([index, index / 8], operations, large.as_bytes()))
    });
    plain.chain(rough).collect()
}

/// A peer that floods, one that takes nothing for a while, one byte at a time, one that leaves, resets, or is silent.
const ROUGH: [&[u8]; 7] = [
    &[0, 0xff, 0xff],
    &[0x40, 0, 0xff, 0x7f],
    &[0x20, 0],
    &[0, 0xa0],
    &[0, 0xe1, 0xc0],
    &[0, 0xc1],
    &[0xc1, 0xff, 0x80, 0x80],
];

fn input(setup: [u8; 2], operations: &[u8], wire: &[u8]) -> Vec<u8> {
    [&setup[..], &[operations.len() as u8], operations, wire].concat()
}
