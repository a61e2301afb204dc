//! A port for programs that cannot be asked to listen on any that is free.

use std::net::SocketAddr;

/// One that was free a moment ago. Whoever is told it must expect that somebody else was quicker.
#[expect(clippy::disallowed_types, reason = "only the system knows which port is free")]
pub(crate) fn free_addr() -> SocketAddr {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback has a free port");
    socket.local_addr().expect("it is bound")
}
