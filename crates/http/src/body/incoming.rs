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
    shared: Rc<RefCell<Shared>>,
}

/// The reader's side, inside a `Body`.
pub(super) struct Incoming {
    shared: Rc<RefCell<Shared>>,
}

struct Shared {
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
    feeder: Option<Waker>,
    /// The feeder is held back, so a reader who makes room wakes it; else each chunk would wake it for nothing.
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
    let shared = Rc::new(RefCell::new(Shared {
        role,
        first: None,
        behind: VecDeque::new(),
        charged: 0,
        left: length,
        end: End::Open,
        wanted: false,
        dropped: false,
        reader: None,
        feeder: None,
        is_held_back: false,
    }));
    (Feed { shared: shared.clone() }, Incoming { shared })
}

impl Feed {
    /// Gives the reader more bytes, and wakes it.
    ///
    /// Takes what it is given: whoever asked [`has_room`](Self::has_room) before a read may push all that the
    /// read brought. A chunk should own what it holds, or a small one keeps a large buffer alive.
    pub(crate) fn push(&self, chunk: Bytes) {
        let mut shared = self.shared.borrow_mut();
        if shared.dropped || chunk.is_empty() || !matches!(shared.end, End::Open) {
            return;
        }
        shared.charged += charge(&chunk);
        if shared.first.is_none() {
            shared.first = Some(chunk);
        } else {
            shared.behind.push_back(chunk);
        }
        wake(shared.reader.take(), shared);
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
        let mut shared = self.shared.borrow_mut();
        if matches!(shared.end, End::Open) && !shared.dropped {
            shared.end = end;
            wake(shared.reader.take(), shared);
        }
    }

    /// Whether the body should be read on. False while the reader is behind; true if nobody reads any more,
    /// since what is pushed then costs nothing.
    pub(crate) fn has_room(&self) -> bool {
        self.shared.borrow().has_room()
    }

    /// Whether the reader has ever waited for bytes: the time for `100 Continue`.
    pub(crate) fn is_wanted(&self) -> bool {
        self.shared.borrow().wanted
    }

    /// Whether there is no reader any more.
    pub(crate) fn is_dropped(&self) -> bool {
        self.shared.borrow().dropped
    }

    /// Waits until there is room, or nobody reads any more.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let room = self.poll_until(cx, Shared::has_room);
        self.shared.borrow_mut().is_held_back = room.is_pending();
        room
    }

    /// Waits until the reader has waited for bytes, or nobody reads any more.
    pub(crate) fn poll_wanted(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_until(cx, |shared| shared.wanted || shared.dropped)
    }

    /// Waits until nobody reads any more.
    pub(crate) fn poll_dropped(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_until(cx, |shared| shared.dropped)
    }

    fn poll_until(&self, cx: &mut Context<'_>, ready: impl Fn(&Shared) -> bool) -> Poll<()> {
        let mut shared = self.shared.borrow_mut();
        if ready(&shared) {
            return Poll::Ready(());
        }
        park(&mut shared.feeder, cx);
        Poll::Pending
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        let role = self.shared.borrow().role;
        if matches!(self.shared.borrow().end, End::Open) {
            self.fail(Error::closed(role, "receiving a body"));
        }
    }
}

impl Incoming {
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut shared = self.shared.borrow_mut();
        if let Some(chunk) = shared.pop() {
            let feeder = if shared.should_resume() { shared.feeder.take() } else { None };
            wake(feeder, shared);
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        let is_whole = shared.left == Some(0);
        match &mut shared.end {
            End::Complete(trailers) => {
                let trailers = trailers.take();
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(*trailers))))
            }
            // Every byte that was promised is here; what became of the connection then is not our reader's matter.
            _ if is_whole => Poll::Ready(None),
            End::Broken(error) => Poll::Ready(error.take().map(Err)),
            End::Open => {
                park(&mut shared.reader, cx);
                let feeder = if shared.wanted { None } else { shared.feeder.take() };
                shared.wanted = true;
                wake(feeder, shared);
                Poll::Pending
            }
        }
    }

    pub(super) fn is_end(&self) -> bool {
        let shared = self.shared.borrow();
        let is_empty = shared.first.is_none();
        is_empty && (shared.left == Some(0) || matches!(shared.end, End::Complete(None) | End::Broken(None)))
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let shared = self.shared.borrow();
        match (shared.left, &shared.end) {
            (Some(left), _) => SizeHint::with_exact(left),
            (None, End::Complete(_)) => SizeHint::with_exact(shared.buffered()),
            (None, _) => {
                let mut hint = SizeHint::new();
                hint.set_lower(shared.buffered());
                hint
            }
        }
    }

    pub(super) fn role(&self) -> Role {
        self.shared.borrow().role
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let mut shared = self.shared.borrow_mut();
        shared.dropped = true;
        shared.reader = None;
        let chunks = (shared.first.take(), std::mem::take(&mut shared.behind));
        shared.charged = 0;
        wake(shared.feeder.take(), shared);
        drop(chunks);
    }
}

impl Shared {
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

    /// Not at the first free byte: a feeder that was held back is let go when half is free, so that it reads
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

/// Wakes after it is let go: a waker is somebody else's code, and may come back here.
fn wake(waker: Option<Waker>, shared: std::cell::RefMut<'_, Shared>) {
    drop(shared);
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::body::Body;
    use crate::body::tests::read;
    use std::pin::pin;
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
    /// Words: `read`, `chunk` (waits for one, and gives up at once), `end`, `end:name` (with a trailer), `fail`, `gone` (the feed is dropped), `+text` (push).
    fn check(length: Option<u64>, schedule: &str, told: &[&str]) {
        let (feed, mut body) = Body::incoming(Role::Client, length);
        let mut feed = Some(feed);
        let mut seen = Vec::new();
        for word in schedule.split(' ') {
            let hand = feed.as_ref();
            match word {
                "read" => seen.push(read(&mut body)),
                "chunk" => {
                    seen.push(match pin!(body.chunk()).poll(&mut Context::from_waker(Waker::noop())) {
                        Poll::Pending => "~".to_owned(),
                        Poll::Ready(None) => ".".to_owned(),
                        Poll::Ready(Some(Err(_))) => "!".to_owned(),
                        Poll::Ready(Some(Ok(chunk))) => String::from_utf8_lossy(&chunk).into_owned(),
                    })
                }
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
    fn a_wait_for_a_chunk_that_is_given_up_loses_nothing() {
        check(
            None,
            "chunk chunk +one chunk +two +three chunk chunk chunk end:etag chunk chunk",
            &["~", "~", "one", "two", "three", "~", ".", "."],
        );
        check(None, "chunk +one fail chunk chunk chunk", &["~", "one", "!", "."]);
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
    fn the_reader_is_woken_by_what_comes_and_the_feeder_by_what_goes() {
        let (reader, feeder) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let (reads, feeds) = (Waker::from(reader.clone()), Waker::from(feeder.clone()));
        let (mut reads, mut feeds) = (Context::from_waker(&reads), Context::from_waker(&feeds));
        let (feed, mut incoming) = pair(Role::Server, None);

        assert!(feed.poll_wanted(&mut feeds).is_pending());
        assert!(incoming.poll_frame(&mut reads).is_pending());
        assert_eq!((reader.take(), feeder.take()), (0, 1), "a reader that waits wants the body");
        assert!(feed.poll_wanted(&mut feeds).is_ready());

        let chunk = Bytes::from(vec![0; BUFFERED_BYTES_MAX / 4]);
        for _ in 0..4 {
            assert!(feed.has_room());
            feed.push(chunk.clone());
        }
        assert_eq!(reader.take(), 1, "once is enough for one who does not look");
        assert!(feed.poll_room(&mut feeds).is_pending());
        assert!(incoming.poll_frame(&mut reads).is_ready());
        assert_eq!(feeder.take(), 0, "too little room to be worth a read");
        assert!(incoming.poll_frame(&mut reads).is_ready());
        assert!(incoming.poll_frame(&mut reads).is_ready());
        assert_eq!(feeder.take(), 1);
        assert!(feed.poll_room(&mut feeds).is_ready());

        assert!(feed.poll_dropped(&mut feeds).is_pending());
        assert!(incoming.poll_frame(&mut reads).is_ready());
        assert_eq!(feeder.take(), 0, "it is not held back, so there is nothing to tell");
        drop(incoming);
        assert_eq!(feeder.take(), 1, "nobody reads any more");
        assert!(feed.poll_dropped(&mut feeds).is_ready());
        assert!(feed.poll_room(&mut feeds).is_ready());
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
