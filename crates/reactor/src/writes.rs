//! Writes that another thread does, one after the other: one of the pool, or that of a standard stream.
//!
//! A write is over when the system has taken the bytes, so that nothing is owed by a file that is dropped. What belongs
//! to a future that was dropped half-way is the difficulty: its write goes on, so whoever comes next waits for it first;
//! unless he writes the same bytes, in which case it is his.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use crate::blocking::Blocking;
use crate::task::tick_waker;

/// One write at a time.
#[derive(Debug, Default)]
pub(crate) struct Writes {
    running: Option<Running>,
    /// Of what nobody waited for.
    error: Option<io::Error>,
}

#[derive(Debug)]
struct Running {
    /// What is being written; of it the result says how much was.
    bytes: Arc<Vec<u8>>,
    write: Blocking<io::Result<usize>>,
}

/// How much is handed over at once: 256 KiB. To hand it over costs some 20 µs, which is then less than to copy it.
pub(crate) const BYTES_MAX: usize = 256 * 1024;

impl Writes {
    /// Writes something; `begin` hands a copy of it over.
    ///
    /// The error of a write that nobody waited for comes first; then nothing of this one was begun.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        buf: &[u8],
        begin: impl FnOnce(Arc<Vec<u8>>) -> io::Result<Blocking<io::Result<usize>>>,
    ) -> Poll<io::Result<usize>> {
        if self.running.as_ref().is_some_and(|running| !buf.starts_with(&running.bytes)) {
            ready!(self.poll_idle(cx));
        }
        if self.running.is_none() {
            if let Some(error) = self.error.take() {
                return Poll::Ready(Err(error));
            }
            if buf.is_empty() {
                return Poll::Ready(Ok(0));
            }
            let bytes = Arc::new(buf[..buf.len().min(BYTES_MAX)].to_vec());
            let write = begin(bytes.clone())?;
            self.running = Some(Running { bytes, write });
        }
        self.poll_running(cx)
    }

    /// Whether something is being written.
    pub(crate) fn are_running(&self) -> bool {
        self.running.is_some()
    }

    /// Waits until nothing is being written, and keeps the error if there is one.
    pub(crate) fn poll_idle(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Err(error) = ready!(self.poll_running(cx)) {
            self.keep(error);
        }
        Poll::Ready(())
    }

    /// Keeps the error of something that nobody waited for, for whoever writes or flushes next.
    pub(crate) fn keep(&mut self, error: io::Error) {
        self.error = Some(error);
    }

    /// Waits until nothing is being written, and tells the error of what nobody waited for.
    pub(crate) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_idle(cx));
        Poll::Ready(self.error.take().map_or(Ok(()), Err))
    }

    fn poll_running(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(running) = &mut self.running else { return Poll::Ready(Ok(0)) };
        let written = ready!(Pin::new(&mut running.write).poll(cx));
        self.running = None;
        Poll::Ready(written?)
    }
}

/// The face for tasks that tick of what is polled: inside a tick, `Ok(None)` has the task ticked again. Outside of one it
/// is begun all the same.
pub(crate) fn try_poll<T>(
    mut poll: impl FnMut(&mut Context<'_>) -> Poll<io::Result<T>>,
) -> io::Result<Option<T>> {
    let mut polled = poll(&mut Context::from_waker(Waker::noop()));
    if polled.is_pending()
        && let Some(waker) = tick_waker()
    {
        polled = poll(&mut Context::from_waker(&waker));
    }
    match polled {
        Poll::Ready(result) => result.map(Some),
        Poll::Pending => Ok(None),
    }
}
