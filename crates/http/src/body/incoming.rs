//! A body that a connection receives: one cell, with the connection's hand on one side and the reader's on the
//! other, both on one core.
//!
//! ```text
//!   connection ── Feed ──► push, end, fail ─► [ at most some 64 KiB ] ─► poll_frame ── Body ──► reader
//!                   ▲                                                        │
//!                   └──────────── wanted, room, dropped ─────────────────────┘
//! ```
//!
//! No channel and no allocation for each chunk: the usual body has its chunk in place, and a queue is made only
//! when the reader falls behind. It never reads a socket: the [`Feed`]'s owner decides how much to read,
//! and whether to go on when nobody wants the rest.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Frame, SizeHint};

use crate::error::{Error, Role};

/// How much may wait for the reader. As much as one read from the socket brings at best, so that a connection
/// reads on while its reader works, and a thousand stalled readers hold 64 MiB.
const BUFFERED_BYTES_MAX: usize = 64 * 1024;

/// What a chunk is charged above its length, so that a peer who sends single bytes cannot make us keep
/// 65,536 of them: about the size of a `Bytes` with what it refers to.
const CHUNK_OVERHEAD_BYTES: usize = 64;

/// The connection's side.
///
/// Dropping it without [`end`](Self::end) or [`fail`](Self::fail) tells the reader that the connection is gone.
pub(crate) struct Feed {
    cell: Rc<RefCell<Cell>>,
}

/// The reader's side, inside a `Body`.
pub(super) struct Incoming {
    cell: Rc<RefCell<Cell>>,
}

struct Cell {
    role: Role,
    /// The first chunk in place, so that a reader who keeps up needs no queue. Empty only if `behind` is.
    first: Option<Bytes>,
    behind: VecDeque<Bytes>,
    /// What the chunks are charged.
    charged: usize,
    /// What is still to be given to the reader, if the message said so.
    left: Option<u64>,
    end: End,
    /// The reader has looked for bytes and found none, at least once.
    wanted: bool,
    /// There is no reader any more.
    dropped: bool,
    /// Waits for bytes.
    reader: Option<Waker>,
    /// Waits for room, or for the reader to want bytes, or to go.
    driver: Option<Waker>,
    /// The driver is held back, so a reader who makes room wakes it; else each chunk would wake it for nothing.
    is_held_back: bool,
}

enum End {
    /// More may come.
    Open,
    /// Complete, with its trailers.
    Complete(Option<Box<HeaderMap>>),
    /// Broken, and the reason until it is told.
    Broken(Option<Error>),
}

pub(super) fn pair(role: Role, length: Option<u64>) -> (Feed, Incoming) {
    let cell = Rc::new(RefCell::new(Cell {
        role,
        first: None,
        behind: VecDeque::new(),
        charged: 0,
        left: length,
        end: End::Open,
        wanted: false,
        dropped: false,
        reader: None,
        driver: None,
        is_held_back: false,
    }));
    (Feed { cell: cell.clone() }, Incoming { cell })
}

impl Feed {
    /// Gives the reader more bytes, and wakes it.
    ///
    /// Takes what it is given: whoever asked [`has_room`](Self::has_room) before a read may push all that the
    /// read brought. A chunk should own what it holds, or a small one keeps a large buffer alive.
    pub(crate) fn push(&self, chunk: Bytes) {
        let mut cell = self.cell.borrow_mut();
        if cell.dropped || chunk.is_empty() || !matches!(cell.end, End::Open) {
            return;
        }
        cell.charged += charge(&chunk);
        if cell.first.is_none() {
            cell.first = Some(chunk);
        } else {
            cell.behind.push_back(chunk);
        }
        wake(cell.reader.take(), cell);
    }

    /// The body is complete.
    pub(crate) fn end(&self, trailers: Option<HeaderMap>) {
        self.finish(End::Complete(trailers.map(Box::new)));
    }

    /// The rest of the body will not come. What was pushed before is still read first.
    pub(crate) fn fail(&self, error: Error) {
        self.finish(End::Broken(Some(error)));
    }

    fn finish(&self, end: End) {
        let mut cell = self.cell.borrow_mut();
        if matches!(cell.end, End::Open) && !cell.dropped {
            cell.end = end;
            wake(cell.reader.take(), cell);
        }
    }

    /// Whether the body should be read on. False while the reader is behind; true if nobody reads any more,
    /// since what is pushed then costs nothing.
    pub(crate) fn has_room(&self) -> bool {
        self.cell.borrow().has_room()
    }

    /// Whether the reader has ever waited for bytes: the time for `100 Continue`.
    pub(crate) fn is_wanted(&self) -> bool {
        self.cell.borrow().wanted
    }

    /// Whether there is no reader any more.
    pub(crate) fn is_dropped(&self) -> bool {
        self.cell.borrow().dropped
    }

    /// Waits until there is room, or nobody reads any more.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let room = self.poll_until(cx, Cell::has_room);
        self.cell.borrow_mut().is_held_back = room.is_pending();
        room
    }

    /// Waits until the reader has waited for bytes, or nobody reads any more.
    pub(crate) fn poll_wanted(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_until(cx, |cell| cell.wanted || cell.dropped)
    }

    /// Waits until nobody reads any more.
    pub(crate) fn poll_dropped(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_until(cx, |cell| cell.dropped)
    }

    fn poll_until(&self, cx: &mut Context<'_>, ready: impl Fn(&Cell) -> bool) -> Poll<()> {
        let mut cell = self.cell.borrow_mut();
        if ready(&cell) {
            return Poll::Ready(());
        }
        park(&mut cell.driver, cx);
        Poll::Pending
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let role = self.cell.borrow().role;
        if matches!(self.cell.borrow().end, End::Open) {
            self.fail(Error::closed(role, "receiving a body"));
        }
    }
}

impl Incoming {
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut cell = self.cell.borrow_mut();
        if let Some(chunk) = cell.pop() {
            let driver = if cell.should_resume() { cell.driver.take() } else { None };
            wake(driver, cell);
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        let is_whole = cell.left == Some(0);
        match &mut cell.end {
            End::Complete(trailers) => {
                let trailers = trailers.take();
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(*trailers))))
            }
            // Every byte that was promised is here; what became of the connection then is not our reader's matter.
            _ if is_whole => Poll::Ready(None),
            End::Broken(error) => Poll::Ready(error.take().map(Err)),
            End::Open => {
                park(&mut cell.reader, cx);
                let driver = if cell.wanted { None } else { cell.driver.take() };
                cell.wanted = true;
                wake(driver, cell);
                Poll::Pending
            }
        }
    }

    pub(super) fn is_end(&self) -> bool {
        let cell = self.cell.borrow();
        let is_empty = cell.first.is_none();
        is_empty && (cell.left == Some(0) || matches!(cell.end, End::Complete(None) | End::Broken(None)))
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let cell = self.cell.borrow();
        match (cell.left, &cell.end) {
            (Some(left), _) => SizeHint::with_exact(left),
            (None, End::Complete(_)) => SizeHint::with_exact(cell.buffered()),
            (None, _) => {
                let mut hint = SizeHint::new();
                hint.set_lower(cell.buffered());
                hint
            }
        }
    }

    pub(super) fn role(&self) -> Role {
        self.cell.borrow().role
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let mut cell = self.cell.borrow_mut();
        cell.dropped = true;
        cell.reader = None;
        let chunks = (cell.first.take(), std::mem::take(&mut cell.behind));
        cell.charged = 0;
        wake(cell.driver.take(), cell);
        drop(chunks);
    }
}

impl Cell {
    fn pop(&mut self) -> Option<Bytes> {
        let chunk = self.first.take()?;
        self.first = self.behind.pop_front();
        self.charged -= charge(&chunk);
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(chunk.len() as u64);
        }
        Some(chunk)
    }

    fn has_room(&self) -> bool {
        self.dropped || self.charged < BUFFERED_BYTES_MAX
    }

    /// Not at the first free byte: a driver that was held back is let go when half is free, so that it reads
    /// in large pieces.
    fn should_resume(&self) -> bool {
        self.is_held_back && self.charged <= BUFFERED_BYTES_MAX / 2
    }

    fn buffered(&self) -> u64 {
        self.first.iter().chain(&self.behind).map(|chunk| chunk.len() as u64).sum()
    }
}

fn charge(chunk: &Bytes) -> usize {
    chunk.len() + CHUNK_OVERHEAD_BYTES
}

/// Remembers who waits, without a clone if it is the same as before.
fn park(slot: &mut Option<Waker>, cx: &Context<'_>) {
    match slot {
        Some(waker) => waker.clone_from(cx.waker()),
        None => *slot = Some(cx.waker().clone()),
    }
}

/// Wakes after the cell is let go: a waker is somebody else's code, and may come back here.
fn wake(waker: Option<Waker>, cell: std::cell::RefMut<'_, Cell>) {
    drop(cell);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Body;
    use crate::body::tests::read;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Count {
        fn take(&self) -> usize {
            self.0.swap(0, Ordering::Relaxed)
        }
    }

    /// Plays a schedule and tells what the reader sees at each "read", as `body::tests::read` tells it.
    ///
    /// Words: `read`, `end`, `end:name` (with a trailer), `fail`, `gone` (the feed is dropped), `+text` (push).
    fn check(length: Option<u64>, schedule: &str, told: &[&str]) {
        let (feed, mut body) = Body::incoming(Role::Client, length);
        let mut feed = Some(feed);
        let mut seen = Vec::new();
        for word in schedule.split(' ') {
            let hand = feed.as_ref();
            match word {
                "read" => seen.push(read(&mut body)),
                "gone" => feed = None,
                "end" => hand.expect("fed").end(None),
                "fail" => hand.expect("fed").fail(Error::closed(Role::Client, "testing")),
                word => match word.split_once(':') {
                    Some((_, name)) => {
                        let mut trailers = HeaderMap::new();
                        trailers.insert(
                            http::HeaderName::try_from(name).expect("a name"),
                            "x".parse().expect("a value"),
                        );
                        hand.expect("fed").end(Some(trailers));
                    }
                    None => hand.expect("fed").push(Bytes::copy_from_slice(&word.as_bytes()[1..])),
                },
            }
        }
        assert_eq!(seen, told, "{schedule}");
    }

    #[test]
    fn a_chunked_body_ends_when_it_is_said() {
        check(None, "read +one read +two +three end read", &["~", "one ~", "8:two 5:three 0:.end"]);
        check(None, "end read", &["0:.end"]);
        check(None, "+one end:etag read", &["3:one 0:(etag) 0:.end"]);
    }

    #[test]
    fn a_body_of_a_length_ends_with_its_last_byte() {
        check(Some(6), "read +one read +two read", &["6:~", "6:one 3:~", "3:two 0:.end"]);
        check(Some(3), "+one gone read", &["3:one 0:.end"]);
        check(Some(3), "+one fail read", &["3:one 0:.end"]);
    }

    #[test]
    fn a_broken_body_gives_first_what_was_received() {
        check(Some(6), "+one fail read read", &["6:one 3:!", "0:.end"]);
        check(Some(6), "+one gone read", &["6:one 3:!"]);
        check(None, "+one gone read", &["one !"]);
        check(None, "+one fail +two end read", &["one !"]);
    }

    #[test]
    fn the_reader_is_woken_by_what_comes_and_the_driver_by_what_goes() {
        let (reader, driver) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let (reads, drives) = (Waker::from(reader.clone()), Waker::from(driver.clone()));
        let (mut reads, mut drives) = (Context::from_waker(&reads), Context::from_waker(&drives));
        let (feed, mut incoming) = pair(Role::Server, None);

        assert!(feed.poll_wanted(&mut drives).is_pending());
        assert!(incoming.poll_frame(&mut reads).is_pending());
        assert_eq!((reader.take(), driver.take()), (0, 1), "a reader that waits wants the body");
        assert!(feed.poll_wanted(&mut drives).is_ready());

        let chunk = Bytes::from(vec![0; BUFFERED_BYTES_MAX / 4]);
        for _ in 0..4 {
            assert!(feed.has_room());
            feed.push(chunk.clone());
        }
        assert_eq!(reader.take(), 1, "once is enough for one who does not look");
        assert!(feed.poll_room(&mut drives).is_pending());
        assert!(incoming.poll_frame(&mut reads).is_ready());
        assert_eq!(driver.take(), 0, "too little room to be worth a read");
        assert!(incoming.poll_frame(&mut reads).is_ready());
        assert!(incoming.poll_frame(&mut reads).is_ready());
        assert_eq!(driver.take(), 1);
        assert!(feed.poll_room(&mut drives).is_ready());

        assert!(feed.poll_dropped(&mut drives).is_pending());
        assert!(incoming.poll_frame(&mut reads).is_ready());
        assert_eq!(driver.take(), 0, "it is not held back, so there is nothing to tell");
        drop(incoming);
        assert_eq!(driver.take(), 1, "nobody reads any more");
        assert!(feed.poll_dropped(&mut drives).is_ready());
        assert!(feed.poll_room(&mut drives).is_ready());
    }

    #[test]
    fn single_bytes_are_charged_for_what_they_cost() {
        let (feed, _body) = pair(Role::Server, None);
        let mut held = 0;
        while feed.has_room() {
            feed.push(Bytes::from_static(b"x"));
            held += 1;
        }
        assert!(held < 1100, "{held} chunks are held");
    }
}
