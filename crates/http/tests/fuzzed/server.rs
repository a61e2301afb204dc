//! Any bytes, in any pieces, to our server, with a service that treats bodies in every way there is.
//!
//! Whatever comes: nothing panics or hangs, every byte of every answer is well-formed, there are no more answers than
//! requests and one refusal, the connection ends with its client, and no more is held than a few buffers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use ekiden_http::server::Config;
use ekiden_http::{Body, Error};
use ekiden_proto::server::Drain;
use ekiden_reactor::{JoinHandle, sleep, spawn};
use ekiden_service::service_fn;
use futures_util::{Stream, StreamExt, stream};
use http::{Request, Response, StatusCode};

use crate::plan::Plan;
use crate::world::judge::{self, Asked, Connection, Message};
use crate::world::pipe::{Peer, pipe};
use crate::world::{self, World};

/// What a service does with a request.
#[derive(Clone, Copy, Debug)]
enum Use {
    /// Answers, and has no interest in the body.
    Ignore,
    /// Reads all of it first.
    Collect,
    /// Reads its first piece.
    Part,
    /// Sends it back as it comes.
    Echo,
    /// Keeps it for an hour without reading it.
    Hold,
    /// Answers at once, and reads the body an hour later, in a task of its own.
    Detach,
    /// Answers after five seconds.
    Late,
    /// Answers at once, that this was all.
    Close,
    Fail,
    /// Answers by more than any buffer holds.
    Flood,
    /// Answers by a body that breaks.
    Break,
    /// Says another length than the body has.
    Lie,
    /// Switches protocols, if that was offered.
    Upgrade,
    /// Answers without a body.
    NoContent,
}

const USES: [Use; 14] = [
    Use::Collect,
    Use::Ignore,
    Use::Part,
    Use::Echo,
    Use::Hold,
    Use::Detach,
    Use::Late,
    Use::Close,
    Use::Fail,
    Use::Flood,
    Use::Break,
    Use::Lie,
    Use::Upgrade,
    Use::NoContent,
];

/// More than a connection may have in hand in one direction: what one read brings, what may wait for a reader, what
/// may wait to be written, and some room.
const HELD_BYTES_MAX: usize = 256 * 1024;

/// No input has more deadlines than this.
const DEADLINES_MAX: usize = 5000;

/// Plays an input, and fails if anything is not as it should be.
pub(crate) fn check(input: &[u8]) {
    let plan = Plan::new(input);
    let seen = world::run(async |world| play(&world, &plan).await);
    seen.check(&plan);
    if plan.is_plain() && !seen.depends_on_pieces {
        let whole = plan.whole();
        let mut input = vec![plan.setup[0], plan.setup[1], 0];
        input.extend(&whole);
        let plan = Plan::new(&input);
        let other = world::run(async |world| play(&world, &plan).await);
        assert_eq!(seen.answers(), other.answers(), "the same bytes in other pieces");
    }
}

async fn play(world: &World, plan: &Plan<'_>) -> Seen {
    let (io, peer) = pipe();
    let stage = Rc::new(Stage { setup: plan.setup, peer: peer.clone(), ..Stage::default() });
    let service = service_fn({
        let stage = stage.clone();
        async move |request| stage.clone().answer(request).await
    });
    let drain = Drain::new();
    let task = spawn(Config::default().serve_connection(io, service, drain.clone()));
    plan.play(world, &peer, || drain.begin()).await;
    for _ in 0..DEADLINES_MAX {
        if task.is_finished() || !world.pass_to_deadline().await {
            break;
        }
    }
    assert!(task.is_finished(), "the connection outlives its client");
    let is_polite = task.await.expect("no panic").is_ok();
    for task in stage.tasks.take() {
        task.abort();
    }
    world.quiet().await;
    assert!(peer.is_left());
    assert_eq!(stage.complaint.get(), None);
    Seen {
        wire: peer.seen(),
        asked: stage.asked.take(),
        is_polite,
        may_be_cut: stage.may_be_cut.get(),
        depends_on_pieces: stage.depends_on_pieces.get(),
    }
}

/// What the service knows, for all its calls.
struct Stage {
    setup: [u8; 2],
    peer: Peer,
    asked: RefCell<Vec<String>>,
    may_be_cut: Cell<bool>,
    depends_on_pieces: Cell<bool>,
    /// What was given to the server to send, of large answers.
    offered: Cell<usize>,
    tasks: RefCell<Vec<JoinHandle<()>>>,
    /// What is wrong, if anything: the server would answer a panic.
    complaint: Cell<Option<&'static str>>,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            setup: [0; 2],
            peer: pipe().1,
            asked: RefCell::default(),
            may_be_cut: Cell::default(),
            depends_on_pieces: Cell::default(),
            offered: Cell::default(),
            tasks: RefCell::default(),
            complaint: Cell::default(),
        }
    }
}

impl Stage {
    fn next_use(&self) -> Use {
        let [first, step] = self.setup.map(usize::from);
        USES[(first + step * self.asked.borrow().len()) % USES.len()]
    }

    async fn answer(self: Rc<Self>, request: Request<Body>) -> Result<Response<Body>, Error> {
        let use_ = self.next_use();
        self.asked.borrow_mut().push(request.method().to_string());
        // The go-ahead, and whether the connection goes on without it, depend on what has come.
        if request.headers().contains_key("expect") {
            self.depends_on_pieces.set(true);
        }
        let mut body = request.into_body();
        match use_ {
            Use::Ignore => Ok(Response::new(Body::from("ignored"))),
            Use::Collect => {
                let bytes = body.collect(64 * 1024).await?;
                Ok(Response::new(Body::from(format!("{} bytes", bytes.len()))))
            }
            Use::Part => {
                self.depends_on_pieces.set(true);
                drop(body.chunk().await.transpose()?);
                Ok(Response::new(Body::from("a part")))
            }
            Use::Echo => {
                self.may_be_cut.set(true);
                Ok(Response::new(Body::wrap(body)))
            }
            Use::Hold => {
                self.depends_on_pieces.set(true);
                self.hold(&body).await;
                Ok(Response::new(Body::from("held")))
            }
            Use::Detach => {
                self.depends_on_pieces.set(true);
                // What is passed over once the answer has left is not held, so nothing is measured here.
                self.tasks.borrow_mut().push(spawn(async move {
                    sleep(Duration::from_secs(3600)).await;
                    while let Some(Ok(_)) = body.chunk().await {}
                }));
                Ok(Response::new(Body::from("detached")))
            }
            Use::Late => {
                sleep(Duration::from_secs(5)).await;
                Ok(Response::new(Body::from("late")))
            }
            Use::Close => {
                let response = Response::builder().header("connection", "close");
                response.body(Body::from("closed")).map_err(Error::other)
            }
            Use::Fail => Err(Error::other("it fails")),
            Use::Flood => Ok(Response::new(Body::stream(self.flood()))),
            Use::Break => {
                self.may_be_cut.set(true);
                let pieces = [Ok(Bytes::from("some")), Err("it breaks")];
                Ok(Response::new(Body::stream(stream::iter(pieces))))
            }
            Use::Lie => {
                self.may_be_cut.set(true);
                let response = Response::builder().header("content-length", "7");
                response
                    .body(Body::stream(stream::iter([Ok::<_, Error>(Bytes::from("four"))])))
                    .map_err(Error::other)
            }
            Use::Upgrade => Ok(self.upgrade(body)),
            Use::NoContent => {
                let response = Response::builder().status(StatusCode::NO_CONTENT);
                response.body(Body::from("nobody sees this")).map_err(Error::other)
            }
        }
    }

    /// While nobody reads a body, and no other request has begun behind it, little more is taken than may be held.
    async fn hold(&self, body: &Body) {
        let (taken, asked) = (self.peer.taken(), self.asked.borrow().len());
        let has_body = body.content_length() != Some(0);
        sleep(Duration::from_secs(3600)).await;
        let is_latest = self.asked.borrow().len() == asked;
        let is_held = has_body && is_latest && self.peer.taken() - taken > HELD_BYTES_MAX;
        if is_held {
            self.complaint.set(Some("a body that nobody reads is held"));
        }
    }

    /// Much more than may be held, made as it is asked for.
    fn flood(self: Rc<Self>) -> impl Stream<Item = Result<Bytes, Error>> {
        const PIECE: usize = 16 * 1024;
        stream::iter(0..20).map(move |_| {
            self.offered.set(self.offered.get() + PIECE);
            let ahead = self.offered.get().saturating_sub(self.peer.seen_bytes());
            if ahead > HELD_BYTES_MAX {
                self.complaint.set(Some("an answer that nobody takes is held"));
            }
            Ok(Bytes::from(vec![b'x'; PIECE]))
        })
    }

    fn upgrade(&self, mut body: Body) -> Response<Body> {
        let Some(on_upgrade) = body.take_upgrade() else { return Response::new(Body::from("no offer")) };
        self.may_be_cut.set(true);
        self.tasks.borrow_mut().push(spawn(async move {
            if let Ok(mut upgraded) = on_upgrade.await {
                let mut all = Vec::new();
                drop(futures_util::AsyncReadExt::read_to_end(&mut upgraded, &mut all).await);
            }
        }));
        let mut response = Response::new(Body::empty());
        let is_connect = self.asked.borrow().last().is_some_and(|method| method == "CONNECT");
        if !is_connect {
            *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        }
        response
    }
}

/// What came of a connection.
struct Seen {
    wire: Vec<u8>,
    /// The methods of the requests that the service saw.
    asked: Vec<String>,
    /// The server has no complaint.
    is_polite: bool,
    /// A body may have broken, so that an answer is cut short.
    may_be_cut: bool,
    /// The pieces in which the bytes came may have made a difference.
    depends_on_pieces: bool,
}

impl Seen {
    fn messages(&self) -> Vec<Message> {
        let asked: Vec<_> = self.asked.iter().map(|method| Asked::from(&method[..])).collect();
        let messages = judge::responses(&self.wire, &asked, Connection::Closed);
        messages.unwrap_or_else(|error| panic!("{error} in {}", self.wire.escape_ascii()))
    }

    /// What of the answers must be the same however the requests came. Where more than one thing is wrong, it depends
    /// on what was seen first which one is told.
    fn answers(&self) -> Vec<(u16, Vec<u8>, bool)> {
        let mut messages = self.messages();
        for refusal in messages.iter_mut().skip(self.asked.len()) {
            (refusal.status, refusal.body) = (400, Vec::new());
        }
        messages.into_iter().map(|message| (message.status, message.body, message.is_whole)).collect()
    }

    fn check(&self, plan: &Plan<'_>) {
        let messages = self.messages();
        let told = || self.wire.escape_ascii();
        let requests_max = count(&plan.whole(), b"HTTP/1.");
        assert!(self.asked.len() <= requests_max, "{} of {requests_max} requests", self.asked.len());
        assert!(messages.len() <= self.asked.len() + 1, "an answer to nothing: {}", told());
        if messages.len() > self.asked.len() {
            let refusal = &messages[self.asked.len()];
            assert!(refusal.status >= 400 && refusal.says_close(), "an answer to nothing: {}", told());
        }
        let may_be_cut = self.may_be_cut || !self.is_polite;
        for (index, message) in messages.iter().enumerate() {
            assert!(message.interims.len() <= 1, "told to go on more than once: {}", told());
            let is_last = index + 1 == messages.len();
            assert!(message.is_whole || (is_last && may_be_cut), "an answer is cut short: {}", told());
        }
        if messages.len() < self.asked.len() && self.is_polite {
            let is_said = messages.last().is_some_and(|last| last.says_close() || !last.is_whole);
            assert!(is_said || self.may_be_cut, "a request goes without an answer: {}", told());
        }
        assert!(self.is_polite || plan.is_rough(), "the server complains of a peer that did nothing to it");
    }
}

fn count(bytes: &[u8], needle: &[u8]) -> usize {
    bytes.windows(needle.len()).filter(|window| window == &needle).count()
}
