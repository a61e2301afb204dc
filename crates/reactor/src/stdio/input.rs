//! Standard input: one for the whole process, as there is one stream.

use std::fmt;
use std::future::Future;
use std::io::{self, Read as _};
use std::pin::Pin;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use futures_io::AsyncRead;

use crate::core;
use crate::driver::StandardStream;
use crate::task::poll_budget;
use crate::task::waits::{self, Asked};
use crate::waiters::{Key, Waiters};
use crate::writes::try_poll;

/// Standard input.
///
/// All are the same stream: of several who read, each byte goes to one. Nothing is read before somebody asks, and then
/// as much as is there, up to 8 KiB; what nobody has taken yet is kept for whoever asks next, on any reactor.
///
/// The program may end while a read waits; the thread that waits ends with it. Until something comes, though, that thread
/// holds the lock of [`std::io::stdin`].
///
/// ```
/// use ekiden_reactor::{stdio::stdin, timeout};
/// use std::time::Duration;
///
/// # ekiden_reactor::run(async {
/// let mut line = [0; 512];
/// match timeout(Duration::from_millis(10), stdin().read(&mut line)).await {
///     Ok(read) => println!("{} bytes were typed", read?),
///     Err(_elapsed) => println!("nobody answers; what is typed later is kept for the next read"),
/// }
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
pub fn stdin() -> Input {
    Input(())
}

/// Reads standard input; see [`stdin`].
#[must_use = "it reads nothing by itself"]
pub struct Input(());

impl Input {
    /// Reads what there is, up to the buffer's size; 0 at the end. Behind the end of a terminal (ctrl-d) there may be
    /// more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: what comes is kept for the next read.
    ///
    /// # Errors
    ///
    /// As the system's; [`Unsupported`](io::ErrorKind::Unsupported) in a world without standard input.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        Reading { buf, wait: None }.await
    }

    /// Reads if there is something; inside a tick, `Ok(None)` has the task ticked again when there is.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn try_read(&self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        try_poll(|cx| self.poll_read(cx, buf))
    }

    /// Reads, or has the task woken when there is something.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn poll_read(&self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        poll_shared(cx, buf, |waiters, waker| {
            waiters.register(waker);
            None
        })
    }
}

impl AsyncRead for Input {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Self::poll_read(&self, cx, buf)
    }
}

impl AsyncRead for &Input {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Input::poll_read(&self, cx, buf)
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input").finish_non_exhaustive()
    }
}

/// One read.
struct Reading<'a> {
    buf: &'a mut [u8],
    /// Its entry among the waiters.
    wait: Option<Key>,
}

impl Future for Reading<'_> {
    type Output = io::Result<usize>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { buf, wait } = self.get_mut();
        poll_shared(cx, buf, |waiters, waker| waiters.poll(wait, waker))
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.wait {
            let removed = Shared::lock().waiters.remove(key);
            drop(removed);
        }
    }
}

/// What all who read share.
#[derive(Default)]
struct Shared {
    /// What was read and not taken, from `at` on.
    bytes: Vec<u8>,
    at: usize,
    /// The end, or an error, that nobody has seen.
    end: Option<io::Result<()>>,
    is_reading: bool,
    waiters: Waiters,
}

static SHARED: LazyLock<Mutex<Shared>> = LazyLock::new(Mutex::default);

impl Shared {
    fn lock() -> MutexGuard<'static, Self> {
        // Nothing in here panics while it holds the lock, but for want of memory.
        SHARED.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&mut self, buf: &mut [u8]) -> Option<io::Result<usize>> {
        let rest = &self.bytes[self.at..];
        if rest.is_empty() && !buf.is_empty() {
            return self.end.take().map(|end| end.map(|()| 0));
        }
        let n = rest.len().min(buf.len());
        buf[..n].copy_from_slice(&rest[..n]);
        self.at += n;
        if self.at == self.bytes.len() {
            (self.bytes, self.at) = (Vec::new(), 0);
        }
        Some(Ok(n))
    }
}

/// Reads, or waits as `register` has it.
fn poll_shared(
    cx: &mut Context<'_>,
    buf: &mut [u8],
    register: impl FnOnce(&mut Waiters, &Waker) -> Option<Waker>,
) -> Poll<io::Result<usize>> {
    let core = core::current(); // which may panic, so it comes before anybody is promised a read
    ready!(poll_budget(cx));
    let mut shared = Shared::lock();
    if let Some(taken) = shared.take(buf) {
        return Poll::Ready(taken);
    }
    let replaced = register(&mut shared.waiters, cx.waker());
    let must_read = !std::mem::replace(&mut shared.is_reading, true);
    drop(shared); // before the waker, and before the job, which takes the lock
    drop(replaced);
    waits::note(Asked::Input);
    if must_read && let Err(error) = core.driver.standard_stream(StandardStream::Input, Box::new(read)) {
        let mut shared = Shared::lock();
        shared.is_reading = false;
        // Whoever came since counted on us.
        let waiting = shared.waiters.take_all();
        drop(shared);
        waiting.wake();
        return Poll::Ready(Err(error));
    }
    Poll::Pending
}

/// What the thread does: it reads once.
fn read() {
    let mut bytes = vec![0; BYTES_MAX];
    let read = loop {
        match io::stdin().read(&mut bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read,
        }
    };
    let mut shared = Shared::lock();
    shared.is_reading = false;
    match read {
        Ok(0) => shared.end = Some(Ok(())),
        Ok(n) => {
            bytes.truncate(n);
            (shared.bytes, shared.at) = (bytes, 0);
        }
        Err(error) => shared.end = Some(Err(error)),
    }
    let waiting = shared.waiters.take_all();
    drop(shared); // before the wakers, which may do anything
    waiting.wake();
}

/// How much is read ahead of whoever asks for less: 8 KiB, as by `std`.
const BYTES_MAX: usize = 8 * 1024;
