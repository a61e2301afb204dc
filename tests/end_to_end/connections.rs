//! How many TCP connections a server had, as the kernel remembers them.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;

/// How many connections to a server on loopback are open or were within the last minute.
///
/// A connection that was closed is kept by the side that closed it first (as `TIME_WAIT`, for a minute), so a client
/// that makes a connection for each request shows here, and one that keeps its connection is counted once.
pub(crate) fn connections_to(server: SocketAddr) -> usize {
    let table = fs::read_to_string("/proc/net/tcp").expect("the kernel has the table");
    let connections = table.lines().skip(1).filter_map(|line| connection(line, server.port()));
    connections.collect::<BTreeSet<_>>().len()
}

/// The client's port of a connection with the server's port on either side; not the listening socket, which has no
/// other side.
fn connection(line: &str, server: u16) -> Option<u16> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, remote) = (port(fields.next()?)?, port(fields.next()?)?);
    match (local == server, remote == server) {
        (true, _) => Some(remote).filter(|port| *port != 0),
        (_, true) => Some(local),
        _ => None,
    }
}

fn port(address: &str) -> Option<u16> {
    u16::from_str_radix(address.split_once(':')?.1, 16).ok()
}

#[test]
fn kept_and_closed_connections_are_counted() {
    let check = |line, want| assert_eq!(connection(line, 0x1F90), want);
    check("   0: 0100007F:1F90 00000000:0000 0A 0 0", None);
    check("   1: 0100007F:1F90 0100007F:C001 01 0 0", Some(0xC001));
    check("   2: 0100007F:C002 0100007F:1F90 06 0 0", Some(0xC002));
    check("   3: 0100007F:C002 0100007F:1F91 06 0 0", None);
}
