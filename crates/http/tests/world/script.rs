//! What scripts are made of, whichever end they play: steps, texts, times, and a body that is fed.

use std::cell::RefCell;
use std::error::Error;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use ekiden_reactor::yield_now;
use futures_util::Stream;

/// The steps of a script, each with what is to be seen.
pub(crate) fn steps(script: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = script.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.map(|line| line.split_once(" => ").unwrap_or((line, "")))
}

/// Reads of every size from one byte up to more than the script sends.
pub(crate) fn read_sizes(script: &str) -> Range<usize> {
    1..script.lines().map(str::len).max().unwrap_or(0)
}

/// Lets everybody do what can be done now, also beside one who always has something to do.
pub(crate) async fn settle() {
    for _ in 0..300 {
        yield_now().await;
    }
}

/// In texts, `\n` is CR LF.
pub(crate) fn bytes(text: &str) -> Vec<u8> {
    text.replace("\\n", "\r\n").into_bytes()
}

pub(crate) fn count(text: &str) -> usize {
    text.parse().expect("a number")
}

pub(crate) fn seconds(text: &str) -> Duration {
    let seconds = text.strip_suffix('s').and_then(|text| text.parse().ok());
    Duration::from_secs_f64(seconds.expect("seconds"))
}

/// A body that the script feeds.
#[derive(Clone, Default)]
pub(crate) struct Tap(Rc<RefCell<Fed>>);

#[derive(Default)]
struct Fed {
    pieces: Vec<Piece>,
    reader: Option<Waker>,
}

/// Bytes, an error, or the end.
type Piece = Option<Result<Bytes, Broken>>;

type Broken = Box<dyn Error + Send + Sync>;

impl Tap {
    pub(crate) fn give(&self, text: &str) {
        self.push(Some(Ok(bytes(text).into())));
    }

    pub(crate) fn end(&self) {
        self.push(None);
    }

    pub(crate) fn fail(&self) {
        self.push(Some(Err("broken".into())));
    }

    /// Has its reader run into a bug.
    pub(crate) fn panic(&self) {
        self.push(Some(Err(PANIC.into())));
    }

    fn push(&self, piece: Piece) {
        let reader = {
            let mut fed = self.0.borrow_mut();
            fed.pieces.push(piece);
            fed.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }
}

impl Stream for Tap {
    type Item = Result<Bytes, Broken>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut fed = self.0.borrow_mut();
        if fed.pieces.is_empty() {
            fed.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let piece = fed.pieces.remove(0);
        let is_bug = matches!(&piece, Some(Err(error)) if error.to_string() == PANIC);
        assert!(!is_bug, "a bug of the body's");
        Poll::Ready(piece)
    }
}

const PANIC: &str = "panic";
