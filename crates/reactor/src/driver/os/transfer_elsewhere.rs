//! Bytes in and out of a connection, as the standard library has them.

use std::io::{self, IoSlice, Read, Write};

pub(super) fn read<S>(socket: &S, buf: &mut [u8]) -> io::Result<usize>
where
    for<'a> &'a S: Read,
{
    { socket }.read(buf)
}

pub(super) fn write<S>(socket: &S, buf: &[u8]) -> io::Result<usize>
where
    for<'a> &'a S: Write,
{
    { socket }.write(buf)
}

pub(super) fn write_vectored<S>(socket: &S, bufs: &[IoSlice<'_>]) -> io::Result<usize>
where
    for<'a> &'a S: Write,
{
    { socket }.write_vectored(bufs)
}
