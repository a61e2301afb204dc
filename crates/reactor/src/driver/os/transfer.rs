//! Bytes in and out of a connection, by system calls of our own choice.
//!
//! The C library's `recv` and `send` are points at which a thread may be cancelled. As soon as a process has a second
//! thread, which for us is from the beginning, each call says before and after that it is one: some fifty instructions
//! for nothing, as nobody here cancels threads (and whatever takes the place of the C library's functions, to send a
//! program's traffic elsewhere, sees none of these). So the kernel is asked without the C library, where `rustix` does so; on
//! processors for which it does not, this is what the standard library does.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use rustix::net::{RecvFlags, SendFlags};

pub(super) fn read(socket: &impl AsFd, buf: &mut [u8]) -> io::Result<usize> {
    let (n, _) = rustix::net::recv(socket, buf, RecvFlags::empty())?;
    Ok(n)
}

/// Like the standard library's, it never raises a signal when the peer is gone.
pub(super) fn write(socket: &impl AsFd, buf: &[u8]) -> io::Result<usize> {
    Ok(rustix::net::send(socket, buf, SendFlags::NOSIGNAL)?)
}

pub(super) fn write_vectored(socket: &impl AsFd, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
    Ok(rustix::io::writev(socket, bufs)?)
}
