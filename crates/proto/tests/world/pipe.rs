//! A connection in memory: the end that is under test, and the peer's end in the test's hand.
//!
//! What the peer does is done at once, and wakes whoever waited for it.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, IoSlice, Read};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_util::io::{AsyncRead, AsyncWrite};

/// The end that is under test.
pub(crate) struct Pipe(Rc<RefCell<State>>);

/// The peer's end.
#[derive(Clone)]
pub(crate) struct Peer(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    /// From the peer, all of it.
    sent: Vec<u8>,
    /// From the peer, not read yet.
    incoming: VecDeque<u8>,
    /// How many bytes were read.
    taken: usize,
    /// At most so many by one read.
    read_max: usize,
    /// To the peer, all of it.
    outgoing: Vec<u8>,
    /// How much of that the peer has looked at.
    looked_at: usize,
    /// At most so many by one write.
    write_max: usize,
    /// How much more the peer takes.
    window: usize,
    is_ended: bool,
    is_reset: bool,
    refuses_writes: bool,
    end: End,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// How far the end under test has gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum End {
    #[default]
    Open,
    /// It writes no more.
    Closing,
    /// It said that it would write no more, and is gone.
    Closed,
    /// It is gone without a word.
    Gone,
}

pub(crate) fn pipe() -> (Pipe, Peer) {
    let (all, room) = (usize::MAX, usize::MAX);
    let state = State { read_max: all, write_max: all, window: room, ..State::default() };
    let state = Rc::new(RefCell::new(state));
    (Pipe(state.clone()), Peer(state))
}

impl Peer {
    /// Sends bytes, unless it has said that it would send no more.
    pub(crate) fn send(&self, bytes: &[u8]) {
        self.change(|state| {
            if !state.is_ended && !state.is_reset {
                state.sent.extend(bytes);
                state.incoming.extend(bytes);
            }
        });
    }

    /// Everything that was sent so far.
    pub(crate) fn sent(&self) -> Vec<u8> {
        self.0.borrow().sent.clone()
    }

    /// Sends no more.
    pub(crate) fn end(&self) {
        self.change(|state| state.is_ended = true);
    }

    /// Breaks the connection: what was sent before can still be read, as on Linux.
    pub(crate) fn reset(&self) {
        self.change(|state| state.is_reset = true);
    }

    /// Takes no more bytes, and says so, while what it sends can be read.
    pub(crate) fn refuse_writes(&self) {
        self.change(|state| state.refuses_writes = true);
    }

    /// Takes so many more bytes.
    pub(crate) fn open_window(&self, bytes: usize) {
        self.change(|state| state.window = bytes);
    }

    /// At most so many bytes move by one read, and by one write.
    pub(crate) fn set_steps(&self, read_max: usize, write_max: usize) {
        self.change(|state| (state.read_max, state.write_max) = (read_max, write_max));
    }

    /// Everything that was written so far.
    pub(crate) fn seen(&self) -> Vec<u8> {
        self.0.borrow().outgoing.clone()
    }

    /// How many bytes were written so far.
    pub(crate) fn seen_bytes(&self) -> usize {
        self.0.borrow().outgoing.len()
    }

    /// What was written since the last time.
    pub(crate) fn take(&self) -> Vec<u8> {
        let state = &mut *self.0.borrow_mut();
        let from = std::mem::replace(&mut state.looked_at, state.outgoing.len());
        state.outgoing[from..].to_vec()
    }

    /// How many bytes were read so far.
    pub(crate) fn taken(&self) -> usize {
        self.0.borrow().taken
    }

    /// How many bytes were sent and not read yet.
    pub(crate) fn unread(&self) -> usize {
        self.0.borrow().incoming.len()
    }

    /// What the other end has come to.
    pub(crate) fn other_end(&self) -> End {
        self.0.borrow().end
    }

    /// Whether the other end holds the connection no more.
    pub(crate) fn is_left(&self) -> bool {
        matches!(self.other_end(), End::Closed | End::Gone)
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
        let state = &mut *self.0.borrow_mut();
        if !state.incoming.is_empty() {
            let room = buf.len().min(state.read_max);
            let count = state.incoming.read(&mut buf[..room])?;
            state.taken += count;
            return Poll::Ready(Ok(count));
        }
        if state.is_reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        if state.is_ended {
            return Poll::Ready(Ok(0));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(buf)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let state = &mut *self.0.borrow_mut();
        assert_eq!(state.end, End::Open, "nothing is written behind the end");
        if state.is_reset || state.refuses_writes {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let wanted: usize = bufs.iter().map(|buf| buf.len()).sum();
        if wanted > 0 && state.window == 0 {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = wanted.min(state.window).min(state.write_max);
        let mut left = count;
        for buf in bufs {
            let taken = left.min(buf.len());
            state.outgoing.extend_from_slice(&buf[..taken]);
            left -= taken;
        }
        state.window -= count;
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().end = End::Closing;
        Poll::Ready(Ok(()))
    }
}

impl Drop for Pipe {
    fn drop(&mut self) {
        let end = &mut self.0.borrow_mut().end;
        *end = if *end == End::Closing { End::Closed } else { End::Gone };
    }
}
