//! Any schedule to a multiplexed server: calls that are begun, answered, cancelled and streamed in any order, by a peer that
//! takes and grants what it likes.
//!
//! Whatever happens: each call gets one last word, and nothing after it; a reply and every chunk is of its own call; nothing
//! is sent without credit, and no more is granted than was taken; no more calls run than allowed; nothing spins. When the
//! peer has ended and the calls are done, the connection ends, and the counters add up.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ekiden_proto::codec::{Decoded, Decoder};
use ekiden_proto::multiplex::{Body, CHUNK_COST, Frame, Message, ServerConfig};
use ekiden_proto::server::Drain;
use ekiden_reactor::channel::oneshot;
use ekiden_reactor::spawn;
use ekiden_service::{Begun, Failure, Fault, Service};
use futures_util::{FutureExt, stream};

use crate::frames::{Binary, Numbered, chunk, encoded, is_of};
use crate::memory::{self, World};
use crate::pipe::{Peer, pipe};
use crate::step::{Step, steps};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Open,
    OpenMore,
    /// Opens a call with the id of one that is open.
    OpenTaken,
    Chunk,
    /// Sends a chunk whether there is credit or not.
    ChunkTooMuch,
    End,
    Credit,
    Cancel,
    Ping,
    /// The service answers.
    Answer,
    /// It answers by a body of some chunks, which may fail.
    AnswerMore,
    Fail,
    /// The service reads a chunk, if it is there.
    Read,
    /// It wants no more of the body.
    Drop,
    Window,
    Steps,
    Pass,
    Drain,
    EndAll,
    Reset,
    /// Bytes that are no frame.
    Garbage,
    /// Of a call that is not open.
    Stray,
}

fn operation(step: Step) -> Operation {
    match step.what {
        0..=39 => Operation::Open,
        40..=64 => Operation::OpenMore,
        65..=94 => Operation::Chunk,
        95..=104 => Operation::End,
        105..=119 => Operation::Credit,
        120..=129 => Operation::Cancel,
        130..=134 => Operation::Ping,
        135..=159 => Operation::Answer,
        160..=184 => Operation::AnswerMore,
        185..=189 => Operation::Fail,
        190..=209 => Operation::Read,
        210..=214 => Operation::Drop,
        215..=226 => Operation::Window,
        227..=234 => Operation::Steps,
        235..=240 => Operation::Pass,
        241..=244 => Operation::Stray,
        245..=247 => Operation::Drain,
        248 | 249 => Operation::EndAll,
        250 => Operation::OpenTaken,
        251 | 252 => Operation::ChunkTooMuch,
        253 => Operation::Garbage,
        _ => Operation::Reset,
    }
}

pub(crate) fn check(input: &[u8]) {
    if let Some((setup, steps)) = steps(input) {
        memory::run(async |world| play(&world, setup, steps).await);
    }
}

async fn play(world: &World, setup: u8, steps: impl Iterator<Item = Step>) {
    let mut config = ServerConfig::default();
    config.in_flight_max = 1 + usize::from(setup & 7);
    config.window_bytes = 64 << (setup >> 3 & 3);
    config.write_bytes_max = 16 << (setup >> 5 & 3);
    config.ping_interval = (setup & 128 != 0).then_some(Duration::from_secs(20));
    let (in_flight_max, stats) = (config.in_flight_max, config.stats.clone());
    let (io, peer) = pipe();
    let (calls, drain) = (Calls::default(), Drain::new());
    let mut judge = Judge::new(peer.clone(), calls.clone(), config.window_bytes);
    let serving = spawn(config.serve_connection(io, Binary, calls.clone(), drain.clone()));

    let mut is_whole = true;
    for step in steps {
        let operation = operation(step);
        is_whole &= !matches!(
            operation,
            Operation::OpenTaken
                | Operation::ChunkTooMuch
                | Operation::Garbage
                | Operation::Reset
                | Operation::Pass
                | Operation::EndAll
        );
        match operation {
            Operation::Open => judge.open(false),
            Operation::OpenMore => judge.open(true),
            Operation::OpenTaken => {
                let open = step.choose(judge.open.len()).and_then(|at| judge.open.keys().nth(at));
                judge.serial += 1;
                let head = judge.serial;
                judge.is_confused = true;
                open.into_iter().for_each(|&id| peer.send(&encoded(Frame::Open { id, head, more: false })));
            }
            Operation::Chunk => judge.send_chunk(step, false),
            Operation::ChunkTooMuch => judge.send_chunk(step, true),
            Operation::End => judge.send_end(step),
            Operation::Credit => judge.grant(step),
            Operation::Cancel => {
                let open = step.choose(judge.open.len()).and_then(|at| judge.open.keys().nth(at));
                open.into_iter().for_each(|&id| peer.send(&encoded(Frame::Cancel { id })));
            }
            Operation::Ping => judge.ping(),
            Operation::Stray => {
                let id = 1_000 + u32::from(step.how_much);
                let strays = [
                    Frame::Cancel { id },
                    Frame::End { id },
                    Frame::Credit { id, bytes: id },
                    Frame::Chunk { id, bytes: chunk(id, 20) },
                    Frame::Pong { token: 7 },
                ];
                peer.send(&encoded(strays[usize::from(step.how_much) % strays.len()].clone()));
            }
            Operation::Answer => calls.tell(step, Order::Answer),
            Operation::AnswerMore => {
                let (chunks, bytes) = (usize::from(step.how_much & 7), usize::from(step.how_much >> 3) * 8);
                calls
                    .tell(step, Order::AnswerMore { chunks, bytes, fails: step.how_much.is_multiple_of(11) });
            }
            Operation::Fail => calls.tell(step, Order::Fail(Failed { is_refused: step.how_much & 8 != 0 })),
            Operation::Read => calls.read(step),
            Operation::Drop => drop(calls.chosen(step).map(|serial| calls.body(serial, Body::empty()))),
            Operation::Window => peer.open_window(step.bytes()),
            Operation::Steps => peer.set_steps(1 + step.bytes() % 64, 1 + step.bytes() / 8),
            Operation::Pass => world.pass(Duration::from_secs(u64::from(step.how_much))).await,
            Operation::Drain => drain.begin(),
            Operation::EndAll => peer.end(),
            Operation::Reset => peer.reset(),
            Operation::Garbage => peer.send(&[99; 10]),
        }
        world.quiet().await;
        judge.look(in_flight_max);
    }

    // Everything comes to its end.
    peer.open_window(usize::MAX);
    world.quiet().await;
    judge.look(in_flight_max);
    while judge.grant_all() || calls.end_one() {
        world.quiet().await;
        judge.look(in_flight_max);
    }
    peer.end();
    world.quiet().await;
    while calls.end_one() {
        world.quiet().await;
    }
    while !serving.is_finished() && world.pass_to_deadline().await {}
    assert!(serving.is_finished(), "the connection outlives its client and its calls");
    let ended = serving.await.expect("no panic");
    assert!(peer.is_left());
    if is_whole {
        assert!(ended.is_ok(), "nothing broke it: {ended:?}");
        judge.look(in_flight_max);
        assert!(judge.open.is_empty(), "without a last word: {:?}", judge.open.keys());
    }
    assert!(calls.0.borrow().is_empty(), "a call outlives its connection");
    assert_eq!(stats.begun(), stats.answered() + stats.cancelled() + stats.failed(), "{stats:?}");
}

/// The peer's view of the connection.
struct Judge {
    peer: Peer,
    calls: Calls,
    window: i64,
    serial: u32,
    /// By id.
    open: BTreeMap<u32, Call>,
    unread: BytesMut,
    pings: u64,
    pongs: u64,
    /// Whether it has used an id twice; then it cannot tell one call from the other.
    is_confused: bool,
}

/// A call as its peer sees it.
#[derive(Debug)]
struct Call {
    serial: u32,
    /// What may still be sent of the request's body, while there is one.
    credit: Option<i64>,
    /// What was granted to the reply's body, while there is one.
    granted: Option<i64>,
}

impl Judge {
    fn new(peer: Peer, calls: Calls, window_bytes: u32) -> Self {
        let (window, open, unread) = (i64::from(window_bytes), BTreeMap::new(), BytesMut::new());
        Self { peer, calls, window, serial: 0, open, unread, pings: 0, pongs: 0, is_confused: false }
    }

    /// Opens a call with the lowest id that is free, as clients do.
    fn open(&mut self, more: bool) {
        let Some(id) = (0..IDS).find(|id| !self.open.contains_key(id)) else { return };
        self.serial += 1;
        let credit = more.then_some(self.window);
        self.open.insert(id, Call { serial: self.serial, credit, granted: None });
        self.peer.send(&encoded(Frame::Open { id, head: self.serial, more }));
    }

    fn with_body(&mut self, step: Step) -> Option<(u32, &mut Call)> {
        let mut bodies = self.open.iter_mut().filter(|(_, call)| call.credit.is_some());
        let at = usize::from(step.how_much & 3);
        bodies.nth(at).map(|(id, call)| (*id, call))
    }

    fn send_chunk(&mut self, step: Step, is_forced: bool) {
        let Some((id, call)) = self.with_body(step) else { return };
        let bytes = chunk(call.serial, usize::from(step.how_much));
        let credit = call.credit.as_mut().expect("it has a body");
        if *credit > 0 || is_forced {
            *credit -= cost(&bytes);
            self.peer.send(&encoded(Frame::Chunk { id, bytes }));
        }
    }

    fn send_end(&mut self, step: Step) {
        if let Some((id, call)) = self.with_body(step) {
            call.credit = None;
            self.peer.send(&encoded(Frame::End { id }));
        }
    }

    fn grant(&mut self, step: Step) {
        let mut replies = self.open.iter_mut().filter(|(_, call)| call.granted.is_some());
        let Some((id, call)) = replies.nth(usize::from(step.how_much & 3)) else { return };
        let bytes = 1 + u32::from(step.how_much) * 4;
        *call.granted.as_mut().expect("it has a body") += i64::from(bytes);
        let frame = encoded(Frame::Credit { id: *id, bytes });
        self.peer.send(&frame);
    }

    /// Grants what has none. Whether there was any.
    fn grant_all(&mut self) -> bool {
        let mut is_any = false;
        for (id, call) in &mut self.open {
            if let Some(granted) = call.granted.as_mut().filter(|granted| **granted <= 0) {
                *granted += 4096;
                self.peer.send(&encoded(Frame::Credit { id: *id, bytes: 4096 }));
                is_any = true;
            }
        }
        is_any
    }

    fn ping(&mut self) {
        self.pings += 1;
        self.peer.send(&encoded(Frame::Ping { token: self.pings }));
    }

    /// Looks at what was written since the last time.
    fn look(&mut self, in_flight_max: usize) {
        assert!(self.calls.0.borrow().len() <= in_flight_max, "too many at once");
        self.unread.extend(self.peer.take());
        while let Decoded::Frame(frame) =
            Binary.decode(&mut self.unread).expect("what is written can be read")
        {
            self.judge(frame);
        }
    }

    fn judge(&mut self, frame: Numbered) {
        let told = format!("{frame:?}");
        if self.is_confused {
            return;
        }
        match frame {
            Frame::Reply { id, head, more } => {
                let call = self.open.get_mut(&id).unwrap_or_else(|| panic!("{told}, and nothing is open"));
                assert_eq!(head, call.serial, "the answer of another");
                assert!(call.granted.is_none(), "{told}, and it was answered before");
                call.granted = Some(self.window);
                if !more {
                    self.open.remove(&id);
                }
            }
            Frame::Chunk { id, bytes } => {
                let call = self.open.get_mut(&id).unwrap_or_else(|| panic!("{told}, and nothing is open"));
                assert!(is_of(call.serial, &bytes), "{told} is another's");
                let granted = call.granted.as_mut().unwrap_or_else(|| panic!("{told} before its head"));
                assert!(*granted > 0, "{told} without credit");
                *granted -= cost(&bytes);
            }
            Frame::End { id } => {
                let call = self.open.remove(&id).unwrap_or_else(|| panic!("{told}, and nothing is open"));
                assert!(call.granted.is_some(), "{told} before its head");
            }
            Frame::Reset { id, .. } => {
                assert!(self.open.remove(&id).is_some(), "{told}, and nothing is open");
            }
            Frame::Credit { id, bytes } => {
                let call = self.open.get_mut(&id).unwrap_or_else(|| panic!("{told}, and nothing is open"));
                if let Some(credit) = &mut call.credit {
                    *credit += i64::from(bytes);
                    assert!(*credit <= self.window, "{told} is more than was taken");
                }
            }
            Frame::Pong { token } => {
                self.pongs += 1;
                assert_eq!(token, self.pongs, "pings are answered in order");
                assert!(self.pongs <= self.pings);
            }
            Frame::Ping { token } => self.peer.send(&encoded(Frame::Pong { token })),
            Frame::Drain => {}
            Frame::Open { .. } | Frame::Cancel { .. } => panic!("a server that says {told}"),
        }
    }
}

/// The service: calls that wait for an order, by their serial numbers.
#[derive(Clone, Default)]
struct Calls(Rc<RefCell<BTreeMap<u32, Waiting>>>);

struct Waiting {
    body: Body,
    sender: oneshot::Sender<Order>,
}

#[derive(Debug)]
enum Order {
    Answer,
    AnswerMore { chunks: usize, bytes: usize, fails: bool },
    Fail(Failed),
}

/// Takes the call from those that wait, when it is dropped.
struct Open<'a>(&'a Calls, u32);

impl Calls {
    fn chosen(&self, step: Step) -> Option<u32> {
        let calls = self.0.borrow();
        calls.keys().nth(step.choose(calls.len())?).copied()
    }

    fn tell(&self, step: Step, order: Order) {
        let waiting = self.chosen(step).and_then(|serial| self.0.borrow_mut().remove(&serial));
        if let Some(waiting) = waiting {
            // If nobody hears it the call is gone.
            waiting.sender.send(order).ok();
        }
    }

    fn end_one(&self) -> bool {
        let first = self.0.borrow_mut().pop_first();
        first.map(|(_, waiting)| waiting.sender.send(Order::Answer).ok()).is_some()
    }

    /// Puts a body in the place of a call's.
    fn body(&self, serial: u32, body: Body) -> Option<Body> {
        let mut calls = self.0.borrow_mut();
        calls.get_mut(&serial).map(|waiting| std::mem::replace(&mut waiting.body, body))
    }

    fn read(&self, step: Step) {
        let Some(serial) = self.chosen(step) else { return };
        let Some(mut body) = self.body(serial, Body::empty()) else { return };
        if let Some(Some(Ok(bytes))) = body.next().now_or_never() {
            assert!(is_of(serial, &bytes), "the service reads what is another's");
        }
        drop(self.body(serial, body));
    }
}

impl Service for Calls {
    type Req = Message<u32>;
    type Resp = Message<u32>;
    type Error = Failed;

    async fn call(&self, req: Message<u32>) -> Result<Message<u32>, Failed> {
        let Message { head: serial, body } = req;
        let (sender, told) = oneshot::channel();
        let replaced = self.0.borrow_mut().insert(serial, Waiting { body, sender });
        assert!(replaced.is_none(), "a call is begun twice");
        let open = Open(self, serial);
        let order = told.await.expect("it is told in any case");
        drop(open);
        match order {
            Order::Answer => Ok(Message::new(serial)),
            Order::AnswerMore { chunks, bytes, fails } => {
                let whole = std::iter::repeat_n(chunk(serial, bytes), chunks).map(Ok);
                let end = fails.then_some(Err(Failed { is_refused: false }));
                let chunks: Vec<Result<Bytes, Failed>> = whole.chain(end).collect();
                Ok(Message::with_body(serial, Body::new(stream::iter(chunks))))
            }
            Order::Fail(failed) => Err(failed),
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let left = self.0.0.borrow_mut().remove(&self.1);
        drop(left);
    }
}

#[derive(Clone, Debug)]
struct Failed {
    is_refused: bool,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as I was told")
    }
}

impl std::error::Error for Failed {}

impl Failure for Failed {
    fn fault(&self) -> Fault {
        Fault::Service
    }

    fn begun(&self) -> Begun {
        if self.is_refused { Begun::No } else { Begun::Yes }
    }
}

fn cost(bytes: &Bytes) -> i64 {
    bytes.len() as i64 + i64::from(CHUNK_COST)
}

/// More than are ever allowed at once, so that some are refused.
const IDS: u32 = 12;
