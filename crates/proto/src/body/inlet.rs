//! A body that comes from the peer: [`Inlet`].
//!
//! The connection puts in what it reads, a [`Body`](super::Body) takes it out. It keeps account of what the peer may still
//! send, and has the connection grant more as the chunks are taken: so a body that nobody reads holds at most its window,
//! and holds back nobody else.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use ekiden_reactor::task::poll_proceed;

use super::cost;
use crate::dispatch::error::Error;

/// The chunks that have come and were not taken yet.
pub(crate) struct Inlet {
    id: u32,
    connection: Rc<dyn Reading>,
    state: RefCell<State>,
    whose: Whose,
}

/// What the connection learns of whoever reads.
pub(crate) trait Reading {
    /// So much was taken of the body of a call, and as much more may come.
    fn handle_taken(&self, id: u32, bytes: u32);

    /// Nobody reads it any more.
    fn handle_abandoned(&self, id: u32);
}

/// Whose body it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// A request's: if nobody reads it the call goes on.
    Request,
    /// A reply's: if nobody reads it the call is given up.
    Reply,
}

struct State {
    chunks: VecDeque<Bytes>,
    /// What the peer may still send.
    credit: i64,
    /// What was taken, and not granted again.
    taken: i64,
    window: i64,
    end: End,
    reader: Option<Waker>,
}

enum End {
    /// More may come.
    Open,
    /// More may come, and nobody wants it.
    Abandoned,
    /// It is complete, or that was said.
    Finished,
    /// Why the rest does not come.
    Failed(Error),
}

impl Inlet {
    pub(crate) fn new(id: u32, whose: Whose, window_bytes: u32, connection: Rc<dyn Reading>) -> Self {
        let window = i64::from(window_bytes);
        let state =
            State { chunks: VecDeque::new(), credit: window, taken: 0, window, end: End::Open, reader: None };
        Self { id, connection, state: RefCell::new(state), whose }
    }

    /// A chunk came. Says whom to wake.
    pub(crate) fn handle_chunk(&self, bytes: Bytes) -> Result<Option<Waker>, &'static str> {
        let mut state = self.state.borrow_mut();
        if state.credit <= 0 {
            return Err("a chunk without credit");
        }
        state.credit -= cost(&bytes);
        if matches!(state.end, End::Open) {
            state.chunks.push_back(bytes);
            return Ok(state.reader.take());
        }
        Ok(None)
    }

    /// It is complete. Says whom to wake.
    pub(crate) fn handle_end(&self) -> Option<Waker> {
        self.end(End::Finished)
    }

    /// The rest does not come. What has come is still read first. Says whom to wake.
    pub(crate) fn fail(&self, error: Error) -> Option<Waker> {
        self.end(End::Failed(error))
    }

    fn end(&self, end: End) -> Option<Waker> {
        let mut state = self.state.borrow_mut();
        if !matches!(state.end, End::Open | End::Abandoned) {
            return None;
        }
        state.end = end;
        state.reader.take()
    }

    /// The next chunk, or the end.
    pub(crate) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let mut state = self.state.borrow_mut();
        if state.chunks.is_empty() {
            return match &mut state.end {
                End::Open | End::Abandoned => {
                    let replaced = state.reader.replace(cx.waker().clone());
                    drop(state);
                    drop(replaced); // Which can run anything.
                    Poll::Pending
                }
                End::Finished => Poll::Ready(None),
                end @ End::Failed(_) => {
                    let failed = std::mem::replace(end, End::Finished);
                    Poll::Ready(if let End::Failed(error) = failed { Some(Err(error)) } else { None })
                }
            };
        }
        drop(state);
        ready!(poll_proceed(cx, 1));
        let mut state = self.state.borrow_mut();
        let Some(bytes) = state.chunks.pop_front() else { return Poll::Ready(None) };
        state.taken += cost(&bytes);
        // By halves, so that the peer need not wait and is not told of each chunk.
        if state.taken * 2 >= state.window && matches!(state.end, End::Open) {
            let granted = std::mem::take(&mut state.taken);
            state.credit += granted;
            drop(state);
            // What is taken was in credit, or one chunk beyond it, whose length is a u32.
            let bytes = u32::try_from(granted).unwrap_or(u32::MAX);
            self.connection.handle_taken(self.id, bytes);
        }
        Poll::Ready(Some(Ok(bytes)))
    }

    /// Nobody reads it any more. What it holds is dropped when nothing is borrowed.
    pub(crate) fn abandon(&self) {
        let mut state = self.state.borrow_mut();
        let is_open = matches!(state.end, End::Open);
        if is_open {
            state.end = End::Abandoned;
        }
        let left = (std::mem::take(&mut state.chunks), state.reader.take());
        drop(state);
        drop(left);
        if is_open && self.whose == Whose::Reply {
            self.connection.handle_abandoned(self.id);
        }
    }

    /// Whether what comes is wanted.
    pub(crate) fn is_read(&self) -> bool {
        matches!(self.state.borrow().end, End::Open)
    }

    /// Whether a chunk may come: it need not be held, or there is credit for it.
    pub(crate) fn has_room(&self) -> bool {
        let state = self.state.borrow();
        state.credit > 0 || !matches!(state.end, End::Open)
    }

    /// Whether nobody reads it any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        matches!(self.state.borrow().end, End::Abandoned)
    }

    /// Whether nothing comes of it any more.
    pub(crate) fn is_finished(&self) -> bool {
        let state = self.state.borrow();
        state.chunks.is_empty() && matches!(state.end, End::Finished)
    }
}

impl fmt::Debug for Inlet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inlet").field("id", &self.id).finish_non_exhaustive()
    }
}
