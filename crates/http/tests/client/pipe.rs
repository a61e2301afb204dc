//! A stream in memory: the client's end of it, and the hand that plays the peer.
//!
//! It never waits by itself: what the peer does is done at once, and wakes whoever waited for it.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::io::{AsyncRead, AsyncWrite};

/// The client's end.
pub(crate) struct Pipe(Rc<RefCell<State>>);

/// The peer's end.
pub(crate) struct Peer(Rc<RefCell<State>>);

struct State {
    /// From the peer, not yet read.
    incoming: Vec<u8>,
    /// How much is given by one read.
    read_max: usize,
    /// To the peer, not yet looked at.
    outgoing: Vec<u8>,
    /// How much more the peer takes.
    window: usize,
    has_closed: bool,
    is_reset: bool,
    refuses_writes: bool,
    client_closed: bool,
    client_gone: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

pub(crate) fn pipe() -> (Pipe, Peer) {
    let state = Rc::new(RefCell::new(State {
        incoming: Vec::new(),
        read_max: usize::MAX,
        outgoing: Vec::new(),
        window: usize::MAX,
        has_closed: false,
        is_reset: false,
        refuses_writes: false,
        client_closed: false,
        client_gone: false,
        reader: None,
        writer: None,
    }));
    (Pipe(state.clone()), Peer(state))
}

impl Peer {
    /// Everything that was written since the last time.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().outgoing)
    }

    pub(crate) fn send(&self, bytes: &[u8]) {
        self.change(|state| state.incoming.extend_from_slice(bytes));
    }

    /// Sends no more.
    pub(crate) fn close(&self) {
        self.change(|state| state.has_closed = true);
    }

    /// Breaks the connection: what was sent before can still be read, as on Linux.
    pub(crate) fn reset(&self) {
        self.change(|state| state.is_reset = true);
    }

    /// Takes no more bytes, and says so, while what it sends can be read.
    #[allow(dead_code, reason = "the server's tests play with this pipe too, and need not all of it")]
    pub(crate) fn refuse_writes(&self) {
        self.change(|state| state.refuses_writes = true);
    }

    /// Takes so many more bytes.
    pub(crate) fn open_window(&self, bytes: usize) {
        self.change(|state| state.window = bytes);
    }

    /// Gives so many bytes by one read.
    pub(crate) fn set_read_max(&self, bytes: usize) {
        self.0.borrow_mut().read_max = bytes;
    }

    /// How the client's end is: open, closed (it will write no more) or gone.
    pub(crate) fn sees(&self) -> &'static str {
        let state = self.0.borrow();
        match (state.client_gone, state.client_closed) {
            (true, true) => "closed",
            (true, false) => "gone",
            (false, true) => "closing",
            (false, false) => "open",
        }
    }

    /// What the client has not read yet.
    pub(crate) fn unread(&self) -> usize {
        self.0.borrow().incoming.len()
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let wakers = {
            let mut state = self.0.borrow_mut();
            change(&mut state);
            [state.reader.take(), state.writer.take()]
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

impl AsyncRead for Pipe {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.borrow_mut();
        if !state.incoming.is_empty() {
            let count = buf.len().min(state.incoming.len()).min(state.read_max);
            buf[..count].copy_from_slice(&state.incoming[..count]);
            state.incoming.drain(..count);
            return Poll::Ready(Ok(count));
        }
        if state.is_reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if state.has_closed {
            return Poll::Ready(Ok(0));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.borrow_mut();
        if state.is_reset || state.refuses_writes {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if state.window == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = buf.len().min(state.window);
        state.window -= count;
        state.outgoing.extend_from_slice(&buf[..count]);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().client_closed = true;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        self.0.borrow_mut().client_gone = true;
    }
}
