//! The operations of an open file, one at a time: what goes on, and what is left of those whose futures were dropped.
//!
//! What has begun goes on when its future is dropped, and moves the file's place. So whoever comes next waits for it first,
//! unless it is just what he asks for, in which case it is his; and what a read brought that nobody took is the `Rest`, from
//! which is read before the file is, and behind which a write or a seek begins.
//!
//! It knows tasks by their contexts only, and each operation is a job of the pool.

use std::future::poll_fn;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::blocking::{Blocking, blocking};
use crate::writes::{BYTES_MAX, Writes};

/// What is done with a file, at the place where the last operation ended.
pub(super) struct Operations {
    pub(super) file: Arc<std::fs::File>,
    writes: Writes,
    read: Option<Blocking<io::Result<Vec<u8>>>>,
    /// With where it goes, as it was asked.
    seek: Option<(SeekFrom, Blocking<io::Result<u64>>)>,
    /// What changes no place.
    other: Option<(Other, Blocking<io::Result<()>>)>,
    /// Read by a future that was dropped, and by nobody since.
    rest: Rest,
}

/// What was read and nobody has taken.
#[derive(Default)]
struct Rest {
    bytes: Vec<u8>,
    at: usize,
}

/// What may go on while an operation waits for the others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Read,
    Write,
    Seek(SeekFrom),
    Other(Other),
    /// One that has not begun for certain, so nothing that runs is this one.
    New,
}

/// An operation on the file as a whole.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Other {
    SyncAll,
    SyncData,
    SetLen(u64),
}

impl Operations {
    pub(super) fn of(file: std::fs::File) -> Self {
        let file = Arc::new(file);
        Self { file, writes: Writes::default(), read: None, seek: None, other: None, rest: Rest::default() }
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_others(cx, Operation::Read));
        if self.rest.is_empty() && !buf.is_empty() {
            let bytes = ready!(self.poll_chunk(cx, buf.len()))?;
            self.rest = Rest { bytes, at: 0 };
        }
        Poll::Ready(Ok(self.rest.take(buf)))
    }

    /// Gives away what was read, as it is.
    pub(super) fn poll_read_chunk(
        &mut self,
        cx: &mut Context<'_>,
        bytes_max: usize,
    ) -> Poll<io::Result<Vec<u8>>> {
        ready!(self.poll_others(cx, Operation::Read));
        if !self.rest.is_empty() || bytes_max == 0 {
            let mut bytes = vec![0; bytes_max.min(self.rest.len())];
            self.rest.take(&mut bytes);
            return Poll::Ready(Ok(bytes));
        }
        self.poll_chunk(cx, bytes_max).map_ok(|mut bytes| {
            // What a read that was dropped has asked for may be more.
            if bytes.len() > bytes_max {
                self.rest = Rest { bytes: bytes.split_off(bytes_max), at: 0 };
            }
            bytes
        })
    }

    /// A read, once there is no rest.
    fn poll_chunk(&mut self, cx: &mut Context<'_>, len: usize) -> Poll<io::Result<Vec<u8>>> {
        let file = &self.file;
        let read = self.read.get_or_insert_with(|| {
            let file = file.clone();
            blocking(move || {
                let mut bytes = vec![0; len.min(BYTES_MAX)];
                let n = retried(|| (&*file).read(&mut bytes))?;
                bytes.truncate(n);
                Ok(bytes)
            })
        });
        let bytes = ready!(Pin::new(read).poll(cx));
        self.read = None;
        Poll::Ready(bytes?)
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        ready!(self.poll_others(cx, Operation::Write));
        if !self.rest.is_empty() && !buf.is_empty() && !self.writes.are_running() {
            // Back to where the reader thinks that it is. What has no place, such as a terminal, is read on instead.
            match ready!(self.poll_seek_now(cx, SeekFrom::Current(0))) {
                Err(error) if error.kind() != io::ErrorKind::NotSeekable => return Poll::Ready(Err(error)),
                _ => {}
            }
        }
        let file = &self.file;
        self.writes.poll_write(cx, buf, |bytes| {
            let file = file.clone();
            Ok(blocking(move || retried(|| (&*file).write(&bytes))))
        })
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_no_other(cx));
        self.writes.poll_flush(cx)
    }

    pub(super) fn poll_seek(&mut self, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        ready!(self.poll_others(cx, Operation::Seek(to)));
        self.poll_seek_now(cx, to)
    }

    /// Moves, once nothing else is done.
    fn poll_seek_now(&mut self, cx: &mut Context<'_>, to: SeekFrom) -> Poll<io::Result<u64>> {
        let (file, rest) = (&self.file, self.rest.len() as i64);
        let (_, seek) = self.seek.get_or_insert_with(|| {
            let mut file = file.clone();
            let from_here = match to {
                SeekFrom::Current(by) => SeekFrom::Current(by.saturating_sub(rest)),
                to => to,
            };
            (to, blocking(move || file.seek(from_here)))
        });
        let place = ready!(Pin::new(seek).poll(cx));
        self.seek = None;
        let place = place??;
        self.rest = Rest::default();
        Poll::Ready(Ok(place))
    }

    /// Does something when nothing else is done any more, unless a write has failed.
    pub(super) async fn alone(&mut self, other: Other) -> io::Result<()> {
        // One that runs already is not taken for this one: it may have begun before the last `write_at`.
        let mut own = Operation::New;
        poll_fn(|cx| {
            ready!(self.poll_alone_as(cx, own))?;
            own = Operation::Other(other);
            self.poll_other(cx, other)
        })
        .await
    }

    /// The same, for whoever asks until it is done: one that runs already is this one.
    pub(super) fn poll_alone(&mut self, cx: &mut Context<'_>, other: Other) -> Poll<io::Result<()>> {
        ready!(self.poll_alone_as(cx, Operation::Other(other)))?;
        self.poll_other(cx, other)
    }

    /// Waits until nothing else is done any more.
    fn poll_alone_as(&mut self, cx: &mut Context<'_>, own: Operation) -> Poll<io::Result<()>> {
        ready!(self.poll_others(cx, own));
        self.writes.poll_flush(cx)
    }

    fn poll_other(&mut self, cx: &mut Context<'_>, other: Other) -> Poll<io::Result<()>> {
        let file = &self.file;
        let (_, running) = self.other.get_or_insert_with(|| {
            let file = file.clone();
            let operation = move || match other {
                Other::SyncAll => file.sync_all(),
                Other::SyncData => file.sync_data(),
                Other::SetLen(bytes) => file.set_len(bytes),
            };
            (other, blocking(operation))
        });
        let done = ready!(Pin::new(running).poll(cx));
        self.other = None;
        Poll::Ready(done?)
    }

    /// Waits for one that was left half-way, and keeps its error.
    fn poll_no_other(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some((other, _)) = self.other
            && let Err(error) = ready!(self.poll_other(cx, other))
        {
            self.writes.keep(error);
        }
        Poll::Ready(())
    }

    /// Waits for operations whose futures were dropped, but for one that may be this very one.
    fn poll_others(&mut self, cx: &mut Context<'_>, own: Operation) -> Poll<()> {
        if !self.other.as_ref().is_some_and(|(other, _)| own == Operation::Other(*other)) {
            ready!(self.poll_no_other(cx));
        }
        if own != Operation::Read && self.read.is_some() {
            // An error comes again with the next read.
            if let Ok(bytes) = ready!(self.poll_chunk(cx, 0)) {
                self.rest = Rest { bytes, at: 0 };
            }
        }
        if let Some((to, _)) = self.seek
            && own != Operation::Seek(to)
            && !(own == Operation::Write && to == SeekFrom::Current(0))
        {
            // Nobody is left who could want to know where that led.
            drop(ready!(self.poll_seek_now(cx, to)));
        }
        if own != Operation::Write {
            ready!(self.writes.poll_idle(cx));
        }
        Poll::Ready(())
    }
}

impl Rest {
    fn len(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Moves what fits into a buffer.
    fn take(&mut self, buf: &mut [u8]) -> usize {
        let n = self.len().min(buf.len());
        buf[..n].copy_from_slice(&self.bytes[self.at..][..n]);
        self.at += n;
        if self.is_empty() {
            *self = Self::default(); // who waits owns no buffer
        }
        n
    }
}

/// Asks again while a signal comes between.
pub(super) fn retried<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match operation() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
