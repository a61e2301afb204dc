//! Any bytes, in any pieces, to our client, whose callers treat their calls and the answers in every way there is.
//!
//! Whatever comes: nothing panics or hangs, every call ends, every byte of every request is well-formed, an answer that
//! is well-formed is read as what it is, a connection that failed is closed, and no more is held than a few buffers.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use ekiden_http::client::{Client, Config};
use ekiden_http::{Body, Error};
use ekiden_reactor::{JoinHandle, sleep, spawn, timeout};
use ekiden_service::{Begun, Failure, Service, Status};
use futures_util::{AsyncReadExt, stream};
use http::{Method, Request};

use crate::plan::Plan;
use crate::world::judge::{self, Asked, Connection, Message};
use crate::world::pipe::{Peer, pipe};
use crate::world::{self, World};

/// What is asked.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Get,
    Head,
    Full,
    Streamed,
    Expecting,
    Connect,
    Upgrade,
    /// A body that breaks.
    Breaking,
}

const ASKS: [Ask; 8] = [
    Ask::Get,
    Ask::Head,
    Ask::Full,
    Ask::Streamed,
    Ask::Expecting,
    Ask::Connect,
    Ask::Upgrade,
    Ask::Breaking,
];

/// What a caller does with the answer.
#[derive(Clone, Copy, Debug)]
enum Use {
    /// Reads all of it.
    Collect,
    /// Reads its first piece.
    Part,
    /// Has no interest in it.
    Drop,
    /// Keeps it for a while, then reads all of it.
    Hold,
    /// Gives the call up after a second, answer or no answer.
    GiveUp,
}

const USES: [Use; 5] = [Use::Collect, Use::Part, Use::Drop, Use::Hold, Use::GiveUp];

/// As for the server.
const HELD_BYTES_MAX: usize = 256 * 1024;
const DEADLINES_MAX: usize = 1000;

/// Plays an input, and fails if anything is not as it should be.
pub(crate) fn check(input: &[u8]) {
    let plan = Plan::new(input);
    let seen = world::run(async |world| play(&world, &plan).await);
    seen.check();
}

async fn play(world: &World, plan: &Plan<'_>) -> Seen {
    let (io, peer) = pipe();
    let mut config = Config::default();
    config.authority = Some("a".parse().expect("a host"));
    let client = Client::handshake_with(config, io);
    let told = Rc::new(RefCell::new(Vec::new()));

    // All at once: they take their turns by themselves.
    let calls: Vec<_> = asks(plan.setup).map(|(ask, use_)| call(&client, &peer, &told, ask, use_)).collect();
    world.quiet().await;
    plan.play(world, &peer, || {
        if let Some(call) = calls.last() {
            call.abort();
        }
    })
    .await;
    for _ in 0..DEADLINES_MAX {
        if calls.iter().all(JoinHandle::is_finished) || !world.pass_to_deadline().await {
            break;
        }
    }
    assert!(calls.iter().all(JoinHandle::is_finished), "a call outlives its connection");
    for call in calls {
        let end = call.await;
        assert!(end.is_ok() || end.is_err_and(|end| end.is_aborted()), "a call panicked");
    }
    drop(client);
    world.quiet().await;
    world.pass(Duration::from_secs(600)).await;
    assert!(peer.is_left(), "the connection outlives its client");
    Seen { sent: peer.sent(), wire: peer.seen(), told: told.take() }
}

/// What is called, one after the other.
fn asks([asks, uses]: [u8; 2]) -> impl Iterator<Item = (Ask, Use)> {
    let (count, first, step) =
        (1 + usize::from(asks & 3), usize::from(asks >> 2 & 7), usize::from(asks >> 5));
    let uses = usize::from(uses);
    (0..count).map(move |index| {
        let use_ = USES[(uses / USES.len().pow(index as u32)) % USES.len()];
        (ASKS[(first + step * index) % ASKS.len()], use_)
    })
}

/// What came of one call.
#[derive(Debug)]
enum Told {
    /// The status, and the body if it was read to its end.
    Answer(u16, Option<Bytes>),
    Failed,
}

fn call(
    client: &Client,
    peer: &Peer,
    told: &Rc<RefCell<Vec<(Ask, Told)>>>,
    ask: Ask,
    use_: Use,
) -> JoinHandle<()> {
    let (client, peer, told) = (client.clone(), peer.clone(), told.clone());
    let index = told.borrow().len();
    told.borrow_mut().push((ask, Told::Failed));
    spawn(async move {
        let tell = |what| told.borrow_mut()[index].1 = what;
        let answer = {
            let mut answer = pin!(client.call(request(ask)));
            match use_ {
                Use::GiveUp => match timeout(Duration::from_secs(1), answer.as_mut()).await {
                    Ok(answer) => answer,
                    Err(_) => return,
                },
                _ => answer.await,
            }
        };
        match answer {
            Ok(response) => {
                let status = response.status().as_u16();
                tell(Told::Answer(status, None));
                match read(response.into_body(), &peer, || answers(&told.borrow()), use_).await {
                    Ok(body) => tell(Told::Answer(status, body)),
                    Err(error) => expect_closed(&client, &error),
                }
            }
            Err(error) => expect_closed(&client, &error),
        }
    })
}

fn answers(told: &[(Ask, Told)]) -> usize {
    told.iter().filter(|(_, told)| matches!(told, Told::Answer(..))).count()
}

/// A connection whose exchange failed is good for nothing.
fn expect_closed(client: &Client, error: &Error) {
    let is_ours = error.begun() == Begun::No || error.to_string().contains("collecting");
    assert!(is_ours || client.status() == Status::Closed, "the connection goes on after: {error}");
}

fn request(ask: Ask) -> Request<Body> {
    let pieces = || ["one", "two"].map(|piece| Ok::<_, Error>(Bytes::from(piece)));
    let (method, body) = match ask {
        Ask::Get | Ask::Upgrade => (Method::GET, Body::empty()),
        Ask::Head => (Method::HEAD, Body::empty()),
        Ask::Full => (Method::POST, Body::from("hello")),
        Ask::Streamed | Ask::Expecting => (Method::POST, Body::stream(stream::iter(pieces()))),
        Ask::Connect => (Method::CONNECT, Body::empty()),
        Ask::Breaking => {
            let broken = pieces().into_iter().chain([Err(Error::other("it breaks"))]);
            (Method::POST, Body::stream(stream::iter(broken)))
        }
    };
    let target = if method == Method::CONNECT { "b:443" } else { "/" };
    let mut request = Request::builder().method(method).uri(target);
    match ask {
        Ask::Expecting => request = request.header("expect", "100-continue"),
        Ask::Upgrade => request = request.header("connection", "upgrade").header("upgrade", "x"),
        _ => {}
    }
    request.body(body).expect("a request")
}

async fn read(
    mut body: Body,
    peer: &Peer,
    answered: impl Fn() -> usize,
    use_: Use,
) -> Result<Option<Bytes>, Error> {
    const BYTES_MAX: usize = 64 * 1024 * 1024;
    if let Some(on_upgrade) = body.take_upgrade() {
        let mut upgraded = on_upgrade.await?;
        // Nobody else limits how long another protocol may be silent.
        let mut all = Vec::new();
        drop(timeout(Duration::from_secs(60), upgraded.read_to_end(&mut all)).await);
        return Ok(None);
    }
    match use_ {
        Use::Collect | Use::GiveUp => body.collect(BYTES_MAX).await.map(Some),
        Use::Drop => Ok(None),
        Use::Part => body.chunk().await.transpose().map(|_| None),
        Use::Hold => {
            let (taken, answers) = (peer.taken(), answered());
            sleep(Duration::from_secs(10)).await;
            let is_latest = answered() == answers;
            let is_held = is_latest && peer.taken() - taken > HELD_BYTES_MAX;
            assert!(!is_held, "a body that nobody reads is held");
            body.collect(BYTES_MAX).await.map(Some)
        }
    }
}

/// What came of a connection.
struct Seen {
    /// What came to the client.
    sent: Vec<u8>,
    /// What the client wrote.
    wire: Vec<u8>,
    told: Vec<(Ask, Told)>,
}

impl Seen {
    fn check(&self) {
        let shown = || self.wire.escape_ascii();
        let requests = judge::requests(&self.wire).unwrap_or_else(|error| panic!("{error} in {}", shown()));
        assert!(requests.len() <= self.told.len(), "more requests than calls: {}", shown());
        assert!(answers(&self.told) <= requests.len(), "an answer to what was not asked: {}", shown());
        self.check_answers(&requests);
    }

    /// What is well-formed was read as what it is. The calls are on the wire in their order.
    fn check_answers(&self, requests: &[Message]) {
        let is_told = |request: &Message| !request.method.is_empty();
        let asked: Vec<_> = requests
            .iter()
            .filter(|request| is_told(request))
            .map(|request| Asked::from(&request.method[..]))
            .collect();
        let Ok(expected) = judge::responses(&self.sent, &asked, Connection::Closed) else { return };
        for ((_, told), expected) in self.told.iter().zip(&expected).take(asked.len()) {
            match told {
                Told::Failed => return,
                Told::Answer(status, body) => {
                    assert_eq!(*status, expected.status);
                    let is_read =
                        body.as_ref().is_none_or(|body| *body == expected.body && expected.is_whole);
                    assert!(is_read, "{told:?} in {}", self.sent.escape_ascii());
                }
            }
        }
    }
}
