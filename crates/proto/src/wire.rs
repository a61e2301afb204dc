//! For tests: [`Wire`], a byte stream with both ends in the test's hand, [`Unclosable`], one that never closes,
//! [`Holding`], a decoder that holds, and [`decode_in_pieces`], which feeds one what was cut anywhere.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use futures_io::{AsyncRead, AsyncWrite};

use crate::codec::{Decoded, Decoder, Encoder, Lines, LinesError};

/// Runs a test by hand, with a reactor around it that lends buffers and does nothing else.
pub(crate) fn by_hand<R>(test: impl FnOnce(&mut Context<'_>) -> R) -> R {
    ekiden_reactor::run(async { test(&mut Context::from_waker(Waker::noop())) })
}

/// What the code under test holds is a clone of what the test holds.
#[derive(Clone)]
pub(crate) struct Wire(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    incoming: VecDeque<u8>,
    incoming_end: Option<io::ErrorKind>,
    is_ended: bool,
    outgoing: Vec<u8>,
    room: usize,
    broken: Option<io::ErrorKind>,
    last_words: Option<Vec<u8>>,
    is_closed: bool,
    reads: usize,
    ends_read: usize,
    writes: usize,
    wakers: Vec<Waker>,
}

impl Wire {
    /// A wire that takes whatever is written.
    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(State { room: usize::MAX, ..State::default() })))
    }

    /// The peer sends bytes.
    pub(crate) fn send(&self, bytes: impl AsRef<[u8]>) {
        self.change(|state| state.incoming.extend(bytes.as_ref()));
    }

    /// The peer sends no more.
    pub(crate) fn end(&self) {
        self.change(|state| state.is_ended = true);
    }

    /// The connection breaks, in both directions.
    pub(crate) fn reset(&self) {
        self.change(|state| {
            state.incoming_end = Some(io::ErrorKind::ConnectionReset);
            state.broken = Some(io::ErrorKind::BrokenPipe);
        });
    }

    /// The next write finds the connection broken, and these the last bytes that the peer sent.
    pub(crate) fn reset_by_write(&self, bytes: impl AsRef<[u8]>) {
        self.0.borrow_mut().last_words = Some(bytes.as_ref().to_vec());
    }

    /// From now on the peer takes so many bytes and no more.
    pub(crate) fn set_room(&self, bytes: usize) {
        self.change(|state| state.room = bytes);
    }

    /// Takes what was written.
    pub(crate) fn take_written(&self) -> String {
        String::from_utf8(self.take_bytes()).unwrap()
    }

    /// Takes what was written.
    pub(crate) fn take_bytes(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().outgoing)
    }

    /// Whether the code under test has ended its direction.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.borrow().is_closed
    }

    /// How many bytes the peer has sent that nobody has read.
    pub(crate) fn unread(&self) -> usize {
        self.0.borrow().incoming.len()
    }

    /// How many reads found something, and how many writes did.
    pub(crate) fn calls(&self) -> (usize, usize) {
        let state = self.0.borrow();
        (state.reads, state.writes)
    }

    /// How many reads found that the peer sends no more.
    pub(crate) fn ends_read(&self) -> usize {
        self.0.borrow().ends_read
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.0.borrow_mut();
        change(&mut state);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.borrow_mut();
        if !state.incoming.is_empty() {
            state.reads += 1;
            return Poll::Ready(io::Read::read(&mut state.incoming, buf));
        }
        if let Some(kind) = state.incoming_end {
            return Poll::Ready(Err(kind.into()));
        }
        if state.is_ended {
            state.ends_read += 1;
            return Poll::Ready(Ok(0));
        }
        state.wakers.push(cx.waker().clone());
        Poll::Pending
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = self.0.borrow_mut();
        if let Some(bytes) = state.last_words.take() {
            state.incoming.extend(bytes);
            state.broken = Some(io::ErrorKind::BrokenPipe);
        }
        if let Some(kind) = state.broken {
            return Poll::Ready(Err(kind.into()));
        }
        if state.room == 0 {
            state.wakers.push(cx.waker().clone());
            return Poll::Pending;
        }
        let bytes = buf.len().min(state.room);
        state.outgoing.extend_from_slice(&buf[..bytes]);
        state.room -= bytes;
        state.writes += 1;
        Poll::Ready(Ok(bytes))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.borrow_mut().is_closed = true;
        Poll::Ready(Ok(()))
    }
}

/// Lines, of which "hold" holds back what is behind it, and "bad" cannot be sent, as turns out late.
#[derive(Clone)]
pub(crate) struct Holding(pub(crate) Lines);

impl Decoder for Holding {
    type Item = String;
    type Error = LinesError;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<String>, LinesError> {
        Ok(match self.0.decode(buf)? {
            Decoded::Frame(line) if line == "hold" => Decoded::Hold(line),
            decoded => decoded,
        })
    }
}

impl<T: AsRef<str>> Encoder<T> for Holding {
    type Error = LinesError;

    fn encode(&mut self, line: T, buf: &mut BytesMut) -> Result<(), LinesError> {
        self.0.encode(line.as_ref(), buf)?;
        if line.as_ref() == "bad" { Err(LinesError::LineBreak) } else { Ok(()) }
    }
}

/// All frames of `input` when it arrives cut at `cuts`, and the error that ends them, if one does.
pub(crate) fn decode_in_pieces<D: Decoder>(
    decoder: &mut D,
    input: &[u8],
    cuts: &[usize],
) -> (Vec<D::Item>, Option<D::Error>) {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (input.len() + 1)).chain([0, input.len()]).collect();
    cuts.sort_unstable();
    let mut buf = BytesMut::new();
    let mut frames = Vec::new();
    for piece in cuts.windows(2) {
        buf.extend_from_slice(&input[piece[0]..piece[1]]);
        loop {
            match decoder.decode(&mut buf) {
                Ok(Decoded::Incomplete) => break,
                Ok(Decoded::Frame(frame) | Decoded::Hold(frame)) => frames.push(frame),
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

/// A wire whose close never comes to its end: TLS, whose last word the peer does not take.
pub(crate) struct Unclosable(pub(crate) Wire);

impl AsyncRead for Unclosable {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Unclosable {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}
