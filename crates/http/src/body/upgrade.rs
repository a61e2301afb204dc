//! A connection that leaves HTTP: the stream itself, with the bytes that were read too far.
//!
//! The message that announces the change carries an [`OnUpgrade`] in its body; the connection's driver holds
//! the [`UpgradeSlot`], and fills it when the last byte of HTTP is through.

use std::any::Any;
use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::{fmt, io};

use bytes::{Buf, Bytes};
use ekiden_proto::server::{Drain, KeptSeat};
use futures_io::{AsyncRead, AsyncWrite};

use crate::error::{Error, Role};

/// A byte stream that a connection can run on.
trait UpgradeIo: AsyncRead + AsyncWrite + Unpin + 'static {
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
    fn as_any(&self) -> &dyn Any;
}

impl<Io: AsyncRead + AsyncWrite + Unpin + 'static> UpgradeIo for Io {
    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// A connection that was HTTP's and is now yours, after `101 Switching Protocols` or a granted `CONNECT`.
///
/// Reading gives first what HTTP had read too far, then the stream. [`downcast`](Self::downcast) gives the two
/// apart, if you know the stream's type.
///
/// It still counts as one of the server's connections, towards their maximum too, and a drain of the server waits for
/// it to be dropped: when [`drain`](Self::drain) begins, finish what you owe and drop it. The server cannot end what is
/// yours; at its deadline it leaves it to you.
pub struct Upgraded {
    // First, so that the connection is closed before its place at the server is given to another.
    io: Box<dyn UpgradeIo>,
    leftover: Bytes,
    /// `None` on a client's side.
    seat: Option<KeptSeat>,
}

impl Upgraded {
    pub(crate) fn new(
        io: impl AsyncRead + AsyncWrite + Unpin + 'static,
        leftover: Bytes,
        seat: Option<KeptSeat>,
    ) -> Self {
        Self { io: Box::new(io), leftover, seat }
    }

    /// Tells when the server that it came from drains. On a client's side that never happens.
    #[must_use]
    pub fn drain(&self) -> Drain {
        self.seat.as_ref().map(|seat| seat.drain().clone()).unwrap_or_default()
    }

    /// The stream as what it was given to the server or client as, and the bytes to be read before it.
    ///
    /// From then on the server no longer counts it, nor waits for it.
    ///
    /// # Errors
    ///
    /// It is a stream of another type, and comes back whole.
    pub fn downcast<Io: 'static>(self) -> Result<(Io, Bytes), Self> {
        if !(*self.io).as_any().is::<Io>() {
            return Err(self);
        }
        match self.io.into_any().downcast() {
            Ok(io) => Ok((*io, self.leftover)),
            Err(_) => unreachable!("its type was asked just before"),
        }
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.leftover.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let count = buf.len().min(self.leftover.len());
        self.leftover.copy_to_slice(&mut buf[..count]);
        Poll::Ready(Ok(count))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_close(cx)
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").field("leftover", &self.leftover.len()).finish_non_exhaustive()
    }
}

/// A promise of the connection, once HTTP has said its last word on it.
///
/// Comes from [`Body::take_upgrade`](super::Body::take_upgrade).
///
/// # Cancel safety
///
/// Dropping it gives the connection up: it is closed once HTTP is done with it.
pub struct OnUpgrade {
    cell: Rc<RefCell<Cell>>,
}

/// The driver's side of an [`OnUpgrade`]. Dropped unfilled, the promise fails.
pub(crate) struct UpgradeSlot {
    cell: Rc<RefCell<Cell>>,
}

struct Cell {
    role: Role,
    upgraded: Option<Upgraded>,
    waker: Option<Waker>,
    /// One of the two sides is gone.
    lonely: bool,
}

impl OnUpgrade {
    pub(crate) fn new(role: Role) -> (UpgradeSlot, Self) {
        let cell = Rc::new(RefCell::new(Cell { role, upgraded: None, waker: None, lonely: false }));
        (UpgradeSlot { cell: cell.clone() }, Self { cell })
    }
}

impl UpgradeSlot {
    /// Hands the connection over. Nobody may be there to take it; then it ends here.
    pub(crate) fn fill(self, upgraded: Upgraded) {
        let mut cell = self.cell.borrow_mut();
        if cell.lonely {
            drop(cell);
            return drop(upgraded);
        }
        cell.upgraded = Some(upgraded);
        // `drop` of self wakes.
    }

    /// Whether nobody is there to take it.
    pub(crate) fn is_forsaken(&self) -> bool {
        self.cell.borrow().lonely
    }
}

impl Drop for UpgradeSlot {
    fn drop(&mut self) {
        let waker = {
            let mut cell = self.cell.borrow_mut();
            cell.lonely = true;
            cell.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Future for OnUpgrade {
    type Output = Result<Upgraded, Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut cell = self.cell.borrow_mut();
        if let Some(upgraded) = cell.upgraded.take() {
            return Poll::Ready(Ok(upgraded));
        }
        if cell.lonely {
            return Poll::Ready(Err(Error::closed(cell.role, "waiting for the upgrade")));
        }
        cell.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for OnUpgrade {
    fn drop(&mut self) {
        let unclaimed = {
            let mut cell = self.cell.borrow_mut();
            cell.lonely = true;
            cell.upgraded.take()
        };
        drop(unclaimed);
    }
}

impl fmt::Debug for OnUpgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnUpgrade").finish_non_exhaustive()
    }
}
