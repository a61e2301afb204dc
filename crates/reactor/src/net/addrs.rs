//! Addresses, and the names that stand for them.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::pin::Pin;

use crate::core;
use crate::sync::oneshot;
use crate::task::poll_past;
use crate::task::waits::{self, Asked};

/// What can be connected or bound to: an address, or a host's name with a port.
///
/// ```
/// use ekiden_reactor::net::{ToAddrs, lookup_host};
///
/// # ekiden_reactor::run(async {
/// assert_eq!(lookup_host("127.0.0.1:80").await?, lookup_host(([127, 0, 0, 1], 80)).await?);
/// assert!(lookup_host("no port here").await.is_err());
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an address",
    note = "use a `SocketAddr`, an `(IpAddr, u16)`, or text such as \"127.0.0.1:8080\" or \"example.com:80\""
)]
pub trait ToAddrs: sealed::Sealed {}

impl<T: sealed::Sealed> ToAddrs for T {}

mod sealed {
    #[expect(unnameable_types, reason = "that is the seal: nobody else can implement it")]
    pub trait Sealed {
        fn to_target(self) -> std::io::Result<super::Target>;
    }
}

/// An address, or a name to look up.
#[expect(unnameable_types, reason = "only the sealed trait's method returns it")]
pub enum Target {
    Addr(SocketAddr),
    Name(String, u16),
}

/// The addresses that a name stands for, in the order of the system's preference.
///
/// The look-up runs off the core, on a thread that may block: on the system's driver 32 at once, and 1,024 more wait.
/// They are other threads than those of [`blocking`](fn@crate::blocking), so a resolver that hangs stops only look-ups.
///
/// ```
/// use ekiden_reactor::net::lookup_host;
///
/// # ekiden_reactor::run(async {
/// let addrs = lookup_host("localhost:80").await?;
/// assert!(addrs.iter().all(|addr| addr.ip().is_loopback() && addr.port() == 80));
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// Text without a port is [`InvalidInput`](io::ErrorKind::InvalidInput), naming the text; a name that is unknown, or
/// has no address, is an error that names it; so is a name for which too many wait.
///
/// # Cancel safety
///
/// Dropping it forgets the answer; the look-up itself goes on to its end.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn lookup_host(addrs: impl ToAddrs) -> io::Result<Vec<SocketAddr>> {
    match addrs.to_target()? {
        Target::Addr(addr) => {
            poll_fn(|cx| poll_past(cx)).await;
            Ok(vec![addr])
        }
        Target::Name(host, port) => lookup(host, port).await,
    }
}

/// What can be opened of the first address, of those found, that lets it be.
pub(super) async fn first_of<T>(
    addrs: impl ToAddrs,
    mut open: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut failure = None;
    for addr in lookup_host(addrs).await? {
        match open(addr) {
            Ok(opened) => return Ok(opened),
            Err(error) => failure = Some(error),
        }
    }
    Err(failure.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into()))
}

async fn lookup(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    let (sender, mut receiver) = oneshot::channel();
    // Nobody waits any more when sending fails.
    let done = Box::new(move |found| drop(sender.send(found)));
    core::with(|core| core.driver.lookup(host.clone(), port, done));
    let received = poll_fn(|cx| waits::poll_as(Asked::Lookup, || Pin::new(&mut receiver).poll(cx)));
    let found = received.await.unwrap_or_else(|_closed| Err(io::Error::other("the resolver gave no answer")));
    match found {
        Ok(addrs) if addrs.is_empty() => Err(not_found(&host, "it has no address")),
        Ok(addrs) => Ok(addrs),
        Err(error) => Err(io::Error::new(error.kind(), format!("cannot look up `{host}`: {error}"))),
    }
}

fn not_found(host: &str, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("cannot look up `{host}`: {why}"))
}

impl sealed::Sealed for SocketAddr {
    fn to_target(self) -> io::Result<Target> {
        Ok(Target::Addr(self))
    }
}

impl sealed::Sealed for SocketAddrV4 {
    fn to_target(self) -> io::Result<Target> {
        Ok(Target::Addr(self.into()))
    }
}

impl sealed::Sealed for SocketAddrV6 {
    fn to_target(self) -> io::Result<Target> {
        Ok(Target::Addr(self.into()))
    }
}

impl sealed::Sealed for (IpAddr, u16) {
    fn to_target(self) -> io::Result<Target> {
        Ok(Target::Addr(self.into()))
    }
}

impl sealed::Sealed for (Ipv4Addr, u16) {
    fn to_target(self) -> io::Result<Target> {
        Ok(Target::Addr(self.into()))
    }
}

impl sealed::Sealed for (Ipv6Addr, u16) {
    fn to_target(self) -> io::Result<Target> {
        Ok(Target::Addr(self.into()))
    }
}

impl sealed::Sealed for ([u8; 4], u16) {
    fn to_target(self) -> io::Result<Target> {
        Ok(Target::Addr(self.into()))
    }
}

impl sealed::Sealed for (&str, u16) {
    fn to_target(self) -> io::Result<Target> {
        let (host, port) = self;
        Ok(match host.parse::<IpAddr>() {
            Ok(ip) => Target::Addr((ip, port).into()),
            Err(_) => Target::Name(host.to_owned(), port),
        })
    }
}

impl sealed::Sealed for &str {
    fn to_target(self) -> io::Result<Target> {
        if let Ok(addr) = self.parse() {
            return Ok(Target::Addr(addr));
        }
        let host_and_port = self.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        match host_and_port {
            Some((host, port)) if !host.is_empty() && !host.contains(':') => (host, port).to_target(),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("`{self}` is not an address: write it as host:port"),
            )),
        }
    }
}

impl sealed::Sealed for &String {
    fn to_target(self) -> io::Result<Target> {
        self.as_str().to_target()
    }
}

impl sealed::Sealed for String {
    fn to_target(self) -> io::Result<Target> {
        self.as_str().to_target()
    }
}

#[cfg(test)]
mod tests {
    use super::sealed::Sealed;
    use super::*;

    fn check(text: &str, expect: &str) {
        let got = match text.to_target() {
            Ok(Target::Addr(addr)) => format!("addr {addr}"),
            Ok(Target::Name(host, port)) => format!("name {host} {port}"),
            Err(error) => format!("error {}", error.kind()),
        };
        assert_eq!(got, expect, "for {text:?}");
    }

    #[test]
    fn text_is_an_address_or_a_name_with_a_port() {
        check("127.0.0.1:80", "addr 127.0.0.1:80");
        check("[::1]:80", "addr [::1]:80");
        check("localhost:8080", "name localhost 8080");
    }

    #[test]
    fn text_that_is_neither_is_refused() {
        for text in ["", ":", ":80", "localhost", "localhost:", "localhost:http", "localhost:65536", "::1:80"]
        {
            check(text, "error invalid input parameter");
        }
    }
}
