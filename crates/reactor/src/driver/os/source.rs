//! A source of anything that mio can poll.

use std::fmt;
use std::io;
use std::ops::Deref;
use std::task::{Context, Poll};

use crate::interest::Way;
use crate::registration::Registration;

/// Makes a source of anything that mio can poll: a pipe, an eventfd, a device.
///
/// The value is used within [`read_with`](Self::read_with) and [`write_with`](Self::write_with) and their twins for
/// ticks: they call a function that uses it without blocking, and when that says
/// [`WouldBlock`](io::ErrorKind::WouldBlock), the task is woken once the value is ready. It is registered once, for
/// both directions and edge-triggered, so a function that takes less than there is should be called again.
///
/// Only the system's driver can poll such values; a world made up for a test has sources of its own.
///
/// ```
/// use ekiden_reactor::{Source, run};
/// use mio::unix::pipe;
/// use std::io::{Read, Write};
///
/// # fn main() -> std::io::Result<()> {
/// run(async {
///     let (sender, receiver) = pipe::new()?;
///     let (sender, receiver) = (Source::new(sender)?, Source::new(receiver)?);
///     sender.write_with(|mut pipe| pipe.write(b"hello")).await?;
///     let mut buf = [0; 64];
///     assert_eq!(receiver.read_with(|mut pipe| pipe.read(&mut buf)).await?, 5);
///     Ok(())
/// })
/// # }
/// ```
pub struct Source<T: mio::event::Source> {
    /// `None` only while it is dropped.
    inner: Option<T>,
    registration: Registration,
}

impl<T: mio::event::Source> Source<T> {
    /// Registers a value with the reactor of this thread.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](io::ErrorKind::Unsupported) on a driver that is not the system's, else as the system's: the
    /// value cannot be polled, or is registered already.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn new(mut inner: T) -> io::Result<Self> {
        let (registration, ()) = Registration::new(|core, token| match core.driver.os() {
            Some(os) => os.register(&mut inner, token),
            None => {
                Err(io::Error::new(io::ErrorKind::Unsupported, "this reactor's driver is not the system's"))
            }
        })?;
        registration.assume_ready(Way::Read);
        registration.assume_ready(Way::Write);
        Ok(Self { inner: Some(inner), registration })
    }

    /// Calls `f` until it does not block, waiting for the value to become readable in between.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing that `f` does not lose: `f` ends in the poll that returns its result.
    pub async fn read_with<R>(&self, mut f: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        let f = &mut f;
        self.registration.use_by(Way::Read, 1, move || f(self)).await
    }

    /// Calls `f` if the value may be readable; inside a tick, `Ok(None)` registers interest.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    pub fn try_read_with<R>(&self, mut f: impl FnMut(&T) -> io::Result<R>) -> io::Result<Option<R>> {
        self.registration.try_use(Way::Read, 1, || f(self))
    }

    /// Calls `f`, or the task is woken when the value may be readable, unless another polls after it.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    pub fn poll_read_with<R>(
        &self,
        cx: &mut Context<'_>,
        mut f: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.registration.poll_use(Way::Read, 1, cx, || f(self))
    }

    /// Calls `f` until it does not block, waiting for the value to become writable in between.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing that `f` does not lose: `f` ends in the poll that returns its result.
    pub async fn write_with<R>(&self, mut f: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        let f = &mut f;
        self.registration.use_by(Way::Write, 1, move || f(self)).await
    }

    /// Calls `f` if the value may be writable; inside a tick, `Ok(None)` registers interest.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    pub fn try_write_with<R>(&self, mut f: impl FnMut(&T) -> io::Result<R>) -> io::Result<Option<R>> {
        self.registration.try_use(Way::Write, 1, || f(self))
    }

    /// Calls `f`, or the task is woken when the value may be writable, unless another polls after it.
    ///
    /// # Errors
    ///
    /// Those of `f`.
    pub fn poll_write_with<R>(
        &self,
        cx: &mut Context<'_>,
        mut f: impl FnMut(&T) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        self.registration.poll_use(Way::Write, 1, cx, || f(self))
    }

    /// Ends the registration and gives the value back.
    #[must_use]
    pub fn into_inner(mut self) -> T {
        self.take().expect("it is taken only here and by drop, which comes later")
    }

    fn take(&mut self) -> Option<T> {
        let mut inner = self.inner.take()?;
        if let Some(os) = self.registration.core().driver.os() {
            // The value is of no use to the selector any more, whatever it says.
            drop(os.deregister(&mut inner));
        }
        Some(inner)
    }
}

impl<T: mio::event::Source> Deref for Source<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.inner.as_ref().expect("it is taken only when the source ends")
    }
}

impl<T: mio::event::Source> Drop for Source<T> {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl<T: mio::event::Source + fmt::Debug> fmt::Debug for Source<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.inner).finish()
    }
}
