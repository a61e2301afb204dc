//! Any schedule to a multiplexed client: callers that come, go, read and write, and a peer that answers in any order.
//!
//! Whatever happens: an id is not used again before the peer has ended its call; an answer and every chunk reaches its own
//! caller; nothing is sent without credit, and no more is granted than was taken; no more is open than allowed; a call that
//! was not begun has left nothing on the wire; nothing spins. When the peer has ended every call is over, and every body.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use ekiden_proto::codec::{Decoded, Decoder};
use ekiden_proto::multiplex::{Body, CHUNK_COST, Client, ClientConfig, Error, Frame, Message, Reset};
use ekiden_reactor::{JoinHandle, spawn};
use ekiden_service::{Begun, Failure, Service};
use futures_util::{FutureExt, stream};

use crate::frames::{Binary, Numbered, chunk, encoded, is_of};
use crate::memory::{self, World};
use crate::pipe::{Peer, pipe};
use crate::step::{Step, steps};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Ask,
    /// With a body of some chunks, which may fail.
    AskMore,
    /// A caller gives up.
    Drop,
    /// A caller reads a chunk of its reply, if it is there.
    Read,
    /// It wants no more of it.
    DropBody,
    Reply,
    ReplyMore,
    Chunk,
    End,
    Reset,
    Credit,
    Ping,
    Drain,
    Stray,
    Window,
    Steps,
    Pass,
    EndAll,
    Break,
    DropClient,
    /// Sends a chunk whether there is credit or not.
    ChunkTooMuch,
    /// Replies twice.
    ReplyAgain,
    Garbage,
}

fn operation(step: Step) -> Operation {
    match step.what {
        0..=39 => Operation::Ask,
        40..=64 => Operation::AskMore,
        65..=79 => Operation::Drop,
        80..=99 => Operation::Read,
        100..=104 => Operation::DropBody,
        105..=129 => Operation::Reply,
        130..=154 => Operation::ReplyMore,
        155..=179 => Operation::Chunk,
        180..=189 => Operation::End,
        190..=196 => Operation::Reset,
        197..=209 => Operation::Credit,
        210..=213 => Operation::Ping,
        214..=217 => Operation::Stray,
        218..=227 => Operation::Window,
        228..=235 => Operation::Steps,
        236..=240 => Operation::Pass,
        241..=243 => Operation::Drain,
        244..=246 => Operation::DropClient,
        247..=249 => Operation::EndAll,
        250 => Operation::ChunkTooMuch,
        251 => Operation::ReplyAgain,
        252 => Operation::Garbage,
        _ => Operation::Break,
    }
}

pub(crate) fn check(input: &[u8]) {
    if let Some((setup, steps)) = steps(input) {
        memory::run(async |world| play(&world, setup, steps).await);
    }
}

async fn play(world: &World, setup: u8, steps: impl Iterator<Item = Step>) {
    let mut config = ClientConfig::default();
    config.in_flight_max = 1 + usize::from(setup & 7);
    config.queue_max = 2;
    config.window_bytes = 64 << (setup >> 3 & 3);
    config.write_bytes_max = 16 << (setup >> 5 & 3);
    config.ping_interval = (setup & 128 != 0).then_some(Duration::from_secs(20));
    let (in_flight_max, window_bytes) = (config.in_flight_max, config.window_bytes);
    let (io, peer) = pipe();
    let (client, connection) = Client::<u32, u32>::with_config(io, Binary, config);
    drop(spawn(connection));
    let mut client = Some(client);
    let mut judge = Judge::new(peer.clone(), window_bytes);
    let callers = Callers::default();

    let mut is_whole = true;
    for step in steps {
        let operation = operation(step);
        is_whole &= !matches!(
            operation,
            Operation::EndAll
                | Operation::Break
                | Operation::ChunkTooMuch
                | Operation::ReplyAgain
                | Operation::Garbage
                | Operation::Pass
        );
        match operation {
            Operation::Ask => client.iter().for_each(|client| callers.ask(client, 0, 0, false)),
            Operation::AskMore => {
                let (chunks, bytes) =
                    (1 + usize::from(step.how_much & 7), usize::from(step.how_much >> 3) * 8);
                let fails = step.how_much.is_multiple_of(11);
                client.iter().for_each(|client| callers.ask(client, chunks, bytes, fails));
            }
            Operation::Drop => callers.give_up(step),
            Operation::Read => callers.read(step),
            Operation::DropBody => drop(callers.take_body(step)),
            Operation::Reply => judge.reply(step, false),
            Operation::ReplyMore => judge.reply(step, true),
            Operation::ReplyAgain => judge.reply_again(step),
            Operation::Chunk => judge.send_chunk(step, false),
            Operation::ChunkTooMuch => judge.send_chunk(step, true),
            Operation::End => judge.send_end(step),
            Operation::Reset => judge.reset(step),
            Operation::Credit => judge.grant(step),
            Operation::Ping => peer.send(&encoded(Frame::Ping { token: 7 })),
            Operation::Drain => peer.send(&encoded(Frame::Drain)),
            Operation::Stray => {
                let id = 1_000 + u32::from(step.how_much);
                let strays = [
                    Frame::End { id },
                    Frame::Credit { id, bytes: id },
                    Frame::Chunk { id, bytes: chunk(id, 20) },
                    Frame::Reset { id, reason: Reset::Failed },
                    Frame::Reply { id, head: 7, more: false },
                ];
                peer.send(&encoded(strays[usize::from(step.how_much) % strays.len()].clone()));
            }
            Operation::Window => peer.open_window(step.bytes()),
            Operation::Steps => peer.set_steps(1 + step.bytes() % 64, 1 + step.bytes() / 8),
            Operation::Pass => world.pass(Duration::from_secs(u64::from(step.how_much))).await,
            Operation::EndAll => peer.end(),
            Operation::Break => peer.reset(),
            Operation::DropClient => client = None,
            Operation::Garbage => peer.send(&[99; 10]),
        }
        world.quiet().await;
        judge.look(in_flight_max);
        callers.judge(&judge);
    }

    // Everything comes to its end, by the peer's last word or by its end.
    peer.open_window(usize::MAX);
    world.quiet().await;
    judge.look(in_flight_max);
    while is_whole && judge.end_one() {
        world.quiet().await;
        judge.look(in_flight_max);
        callers.judge(&judge);
    }
    peer.end();
    world.quiet().await;
    judge.look(in_flight_max);
    callers.judge(&judge);
    callers.check_all_over();
    drop(client);
    world.quiet().await;
    while !peer.is_left() && world.pass_to_deadline().await {}
    assert!(peer.is_left(), "the connection outlives its clients");
}

/// The peer's view of the connection.
struct Judge {
    peer: Peer,
    window: i64,
    /// By id.
    open: BTreeMap<u32, Call>,
    /// By serial number: every call that was ever on the wire.
    seen: Vec<u32>,
    unread: BytesMut,
}

/// A call as its peer sees it.
#[derive(Debug)]
struct Call {
    serial: u32,
    /// What was granted to the request's body, while there is one.
    granted: Option<i64>,
    /// What may still be sent of the reply's body, while there is one.
    credit: Option<i64>,
    is_cancelled: bool,
}

impl Judge {
    fn new(peer: Peer, window_bytes: u32) -> Self {
        Self {
            peer,
            window: window_bytes.into(),
            open: BTreeMap::new(),
            seen: Vec::new(),
            unread: BytesMut::new(),
        }
    }

    /// One of those that were not answered yet.
    fn unanswered(&mut self, step: Step) -> Option<u32> {
        let open: Vec<u32> =
            self.open.iter().filter(|(_, call)| call.credit.is_none()).map(|(id, _)| *id).collect();
        open.get(step.choose(open.len())?).copied()
    }

    /// One whose body is being sent.
    fn answering(&mut self, step: Step) -> Option<(u32, &mut Call)> {
        let mut answering = self.open.iter_mut().filter(|(_, call)| call.credit.is_some());
        answering.nth(usize::from(step.how_much & 3)).map(|(id, call)| (*id, call))
    }

    fn reply(&mut self, step: Step, more: bool) {
        let Some(id) = self.unanswered(step) else { return };
        let call = self.open.get_mut(&id).expect("it is open");
        let head = call.serial;
        if more {
            call.credit = Some(self.window);
        } else {
            self.open.remove(&id);
        }
        self.peer.send(&encoded(Frame::Reply { id, head, more }));
    }

    fn reply_again(&mut self, step: Step) {
        if let Some((id, call)) = self.answering(step) {
            let head = call.serial;
            self.peer.send(&encoded(Frame::Reply { id, head, more: true }));
        }
    }

    fn send_chunk(&mut self, step: Step, is_forced: bool) {
        let Some((id, call)) = self.answering(step) else { return };
        let bytes = chunk(call.serial, usize::from(step.how_much));
        let credit = call.credit.as_mut().expect("it has a body");
        if *credit > 0 || is_forced {
            *credit -= cost(&bytes);
            self.peer.send(&encoded(Frame::Chunk { id, bytes }));
        }
    }

    fn send_end(&mut self, step: Step) {
        if let Some((id, _)) = self.answering(step) {
            self.open.remove(&id);
            self.peer.send(&encoded(Frame::End { id }));
        }
    }

    fn reset(&mut self, step: Step) {
        let Some(&id) = step.choose(self.open.len()).and_then(|at| self.open.keys().nth(at)) else { return };
        let call = self.open.remove(&id).expect("it is open");
        let reason = match (call.credit, step.how_much & 3) {
            (Some(_), _) => Reset::Failed,
            (None, 0) => Reset::Refused,
            (None, 1) => Reset::Expired,
            (None, 2) => Reset::Cancelled,
            (None, _) => Reset::Failed,
        };
        if reason == Reset::Refused {
            // It was not begun, if the peer says so.
            self.seen.retain(|serial| *serial != call.serial);
        }
        self.peer.send(&encoded(Frame::Reset { id, reason }));
    }

    fn grant(&mut self, step: Step) {
        let mut asking = self.open.iter_mut().filter(|(_, call)| call.granted.is_some());
        let Some((id, call)) = asking.nth(usize::from(step.how_much & 3)) else { return };
        let bytes = 1 + u32::from(step.how_much) * 4;
        *call.granted.as_mut().expect("it has a body") += i64::from(bytes);
        let frame = encoded(Frame::Credit { id: *id, bytes });
        self.peer.send(&frame);
    }

    /// Says the last word to one that is open.
    fn end_one(&mut self) -> bool {
        let Some((id, call)) = self.open.pop_first() else { return false };
        self.peer.send(&encoded(match call.credit {
            Some(_) => Frame::End { id },
            None => Frame::Reply { id, head: call.serial, more: false },
        }));
        true
    }

    fn look(&mut self, in_flight_max: usize) {
        self.unread.extend(self.peer.take());
        while let Decoded::Frame(frame) =
            Binary.decode(&mut self.unread).expect("what is written can be read")
        {
            self.judge(frame);
        }
        assert!(self.open.len() <= in_flight_max, "too many at once: {:?}", self.open);
    }

    fn judge(&mut self, frame: Numbered) {
        let told = format!("{frame:?}");
        match frame {
            Frame::Open { id, head, more } => {
                let granted = more.then_some(self.window);
                let call = Call { serial: head, granted, credit: None, is_cancelled: false };
                assert!(self.open.insert(id, call).is_none(), "{told}, and the id is another's");
                assert!(self.seen.last().is_none_or(|last| *last < head), "{told} is out of order, or twice");
                self.seen.push(head);
            }
            // What was on its way when the call ended is passed over.
            Frame::Chunk { id, bytes } => {
                let Some(call) = self.open.get_mut(&id) else { return };
                assert!(is_of(call.serial, &bytes), "{told} is another's");
                let granted = call.granted.as_mut().unwrap_or_else(|| panic!("{told}, and it has no body"));
                assert!(*granted > 0, "{told} without credit");
                *granted -= cost(&bytes);
            }
            Frame::End { id } => {
                let Some(call) = self.open.get_mut(&id) else { return };
                assert!(call.granted.take().is_some(), "{told}, and it has no body");
            }
            Frame::Cancel { id } => {
                let Some(call) = self.open.get_mut(&id) else { return };
                // What it had to send of the request's body may still follow, and is passed over.
                assert!(!std::mem::replace(&mut call.is_cancelled, true), "{told} twice");
            }
            Frame::Credit { id, bytes } => {
                let Some(call) = self.open.get_mut(&id) else { return };
                let credit = call.credit.as_mut().unwrap_or_else(|| panic!("{told}, and it has no body"));
                *credit += i64::from(bytes);
                assert!(*credit <= self.window, "{told} is more than was taken");
            }
            Frame::Ping { token } => self.peer.send(&encoded(Frame::Pong { token })),
            Frame::Pong { token } => assert_eq!(token, 7, "a pong without a ping"),
            Frame::Reply { .. } | Frame::Reset { .. } | Frame::Drain => panic!("a client that says {told}"),
        }
    }
}

/// Those who call, by the serial numbers of their calls.
#[derive(Default)]
struct Callers {
    calls: RefCell<BTreeMap<u32, JoinHandle<()>>>,
    outcomes: Rc<RefCell<BTreeMap<u32, Result<Body, Error>>>>,
    serial: RefCell<u32>,
}

impl Callers {
    fn ask(&self, client: &Client<u32, u32>, chunks: usize, bytes: usize, fails: bool) {
        *self.serial.borrow_mut() += 1;
        let serial = *self.serial.borrow();
        let whole = std::iter::repeat_n(chunk(serial, bytes), chunks).map(Ok);
        let chunks: Vec<Result<Bytes, std::io::Error>> =
            whole.chain(fails.then(|| Err(std::io::ErrorKind::Other.into()))).collect();
        let body = if chunks.is_empty() { Body::empty() } else { Body::new(stream::iter(chunks)) };
        let (client, outcomes) = (client.clone(), self.outcomes.clone());
        let call = spawn(async move {
            let outcome = client.call(Message::with_body(serial, body)).await;
            let outcome = outcome.map(|reply| {
                assert_eq!(reply.head, serial, "the answer of another");
                reply.body
            });
            outcomes.borrow_mut().insert(serial, outcome);
        });
        self.calls.borrow_mut().insert(serial, call);
    }

    fn give_up(&self, step: Step) {
        let mut calls = self.calls.borrow_mut();
        let chosen = step.choose(calls.len()).and_then(|at| calls.keys().nth(at).copied());
        if let Some(call) = chosen.and_then(|serial| calls.remove(&serial)) {
            call.abort();
        }
    }

    /// One of the bodies of replies.
    fn take_body(&self, step: Step) -> Option<(u32, Body)> {
        let mut outcomes = self.outcomes.borrow_mut();
        let replies: Vec<u32> =
            outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(serial, _)| *serial).collect();
        let serial = replies[step.choose(replies.len())?];
        let body = outcomes.remove(&serial)?.ok()?;
        drop(outcomes);
        Some((serial, body))
    }

    fn read(&self, step: Step) {
        let Some((serial, mut body)) = self.take_body(step) else { return };
        if let Some(Some(Ok(bytes))) = body.next().now_or_never() {
            assert!(is_of(serial, &bytes), "a caller reads what is another's");
        }
        self.outcomes.borrow_mut().insert(serial, Ok(body));
    }

    fn judge(&self, judge: &Judge) {
        for (serial, outcome) in self.outcomes.borrow().iter() {
            if let Err(error) = outcome
                && error.begun() == Begun::No
            {
                assert!(!judge.seen.contains(serial), "{serial} was not begun, they say: {error:?}");
            }
        }
    }

    /// Nobody waits any more, and every body comes to its end.
    fn check_all_over(&self) {
        let calls = self.calls.borrow();
        let waiting: Vec<_> =
            calls.iter().filter(|(_, call)| !call.is_finished()).map(|(serial, _)| serial).collect();
        assert!(waiting.is_empty(), "these still wait: {waiting:?}");
        for (serial, outcome) in self.outcomes.take() {
            let Ok(mut body) = outcome else { continue };
            loop {
                let next = body.next().now_or_never();
                match next.unwrap_or_else(|| panic!("the body of {serial} has no end")) {
                    Some(Ok(bytes)) => assert!(is_of(serial, &bytes)),
                    Some(Err(_)) => {}
                    None => break,
                }
            }
        }
    }
}

fn cost(bytes: &Bytes) -> i64 {
    bytes.len() as i64 + i64::from(CHUNK_COST)
}
