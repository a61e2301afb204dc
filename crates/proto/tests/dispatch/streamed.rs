//! Any schedule to both ends of a pipelined protocol whose messages have bodies, one against the other: callers, readers
//! and services that do what they like, and a wire that carries the bytes in any pieces, and may break.
//!
//! Whatever happens: an answer is of its own call, and so is every chunk, in order; nothing spins; and when the wire has
//! ended, every call is over and every body comes to its end, in order if nothing was dropped or broken.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use ekiden_proto::codec::{Decoded, Decoder, Encoder};
use ekiden_proto::pipeline::{Body, Client, ClientConfig, Error, Frame, Message, ServerConfig};
use ekiden_proto::server::Drain;
use ekiden_reactor::{JoinHandle, spawn};
use ekiden_service::{Begun, Failure, Service, service_fn};
use futures_util::{FutureExt, stream};

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
    /// The service gives up the bodies that it has kept and not read.
    Release,
    /// So many bytes reach the server.
    There,
    /// So many bytes reach the client.
    Back,
    Steps,
    Window,
    Pass,
    Drain,
    /// The client's bytes end here.
    EndThere,
    /// The server's do.
    EndBack,
    Reset,
    DropClient,
}

fn operation(step: Step) -> Operation {
    match step.what {
        0..=29 => Operation::Ask,
        30..=64 => Operation::AskMore,
        65..=74 => Operation::Drop,
        75..=114 => Operation::Read,
        115..=124 => Operation::DropBody,
        125..=134 => Operation::Release,
        135..=174 => Operation::There,
        175..=214 => Operation::Back,
        215..=224 => Operation::Steps,
        225..=234 => Operation::Window,
        235..=239 => Operation::Pass,
        240..=243 => Operation::Drain,
        244..=246 => Operation::EndThere,
        247..=249 => Operation::EndBack,
        250..=252 => Operation::DropClient,
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
    config.in_flight_max = 1 + usize::from(setup & 3);
    config.body_bytes_max = 16 << (setup >> 2 & 3);
    config.write_bytes_max = 16 << (setup >> 4 & 3);
    let mut client_config = ClientConfig::default();
    client_config.in_flight_max = 1 + usize::from(setup >> 6);
    client_config.body_bytes_max = config.body_bytes_max;
    client_config.write_bytes_max = config.write_bytes_max;

    let ((near_io, near), (far_io, far)) = (pipe(), pipe());
    let kept = Rc::new(RefCell::new(Vec::new()));
    let (drain, keeps) = (Drain::new(), kept.clone());
    let service = service_fn(async move |req| serve(req, &keeps).await);
    let serving = spawn(config.serve_streamed_connection(far_io, Binary, service, drain.clone()));
    let (client, connection) = Client::streamed_with_config(near_io, Binary, client_config);
    let (mut client, connection) = (Some(client), spawn(connection));
    let mut wire =
        Wire { near: near.clone(), far: far.clone(), there: BytesMut::new(), back: BytesMut::new() };
    let callers = Callers::default();

    let mut is_whole = true;
    for step in steps {
        let operation = operation(step);
        is_whole &= matches!(
            operation,
            Operation::Ask | Operation::Read | Operation::There | Operation::Back | Operation::Steps
        ) || operation == Operation::AskMore && !fails(step);
        match operation {
            Operation::Ask => client.iter().for_each(|client| callers.ask(client, 0, 0, false)),
            Operation::AskMore => {
                let (chunks, bytes) =
                    (1 + usize::from(step.how_much & 7), usize::from(step.how_much >> 3) * 8);
                client.iter().for_each(|client| callers.ask(client, chunks, bytes, fails(step)));
            }
            Operation::Drop => callers.give_up(step),
            Operation::Read => callers.read(step),
            Operation::DropBody => drop(callers.take_body(step)),
            Operation::Release => drop(kept.take()),
            Operation::There => {
                wire.carry_there(step.bytes());
            }
            Operation::Back => {
                wire.carry_back(step.bytes());
            }
            Operation::Steps => {
                near.set_steps(1 + step.bytes() % 64, 1 + step.bytes() / 8);
                far.set_steps(1 + step.bytes() % 32, 1 + step.bytes() / 16);
            }
            Operation::Window if step.how_much & 1 == 0 => near.open_window(step.bytes()),
            Operation::Window => far.open_window(step.bytes()),
            Operation::Pass => world.pass(Duration::from_secs(u64::from(step.how_much))).await,
            Operation::Drain => drain.begin(),
            Operation::EndThere => far.end(),
            Operation::EndBack => near.end(),
            Operation::Reset => [&near, &far].into_iter().for_each(Peer::reset),
            Operation::DropClient => client = None,
        }
        world.quiet().await;
    }

    // Whoever reads does so to the end, and the wire carries all that there is.
    [&near, &far].into_iter().for_each(|peer| peer.open_window(usize::MAX));
    let mut rounds_in_vain = 0;
    // What one end does in a round the other sees in the next, and a caller in the one after that.
    while rounds_in_vain < 3 {
        drop(kept.take()); // which would hold back what is behind them
        let read = callers.read_all();
        let carried = wire.carry_there(usize::MAX) + wire.carry_back(usize::MAX);
        world.quiet().await;
        rounds_in_vain = if read + carried == 0 { rounds_in_vain + 1 } else { 0 };
    }
    if is_whole {
        callers.check_answers();
    }
    [&near, &far].into_iter().for_each(Peer::end);
    world.quiet().await;
    callers.check_all_over();
    drop(client);
    while !(serving.is_finished() && connection.is_finished()) && world.pass_to_deadline().await {}
    assert!(serving.is_finished() && connection.is_finished(), "a connection outlives its peer");
}

/// What the service does depends on the call: it passes the body on, reads it first, wants none of it, or keeps it.
async fn serve(req: Message<u32>, kept: &RefCell<Vec<Body>>) -> io::Result<Message<u32>> {
    let Message { head, mut body } = req;
    match head % 4 {
        0 => Ok(Message::with_body(head, body)),
        1 => {
            while let Some(Ok(bytes)) = body.next().await {
                assert!(is_of(head, &bytes), "the service reads what is another's");
            }
            Ok(Message::new(head))
        }
        2 => Ok(Message::with_body(head, Body::new(stream::iter([Ok::<_, io::Error>(chunk(head, 20))])))),
        _ => {
            kept.borrow_mut().push(body);
            Ok(Message::new(head))
        }
    }
}

/// What carries the bytes from one end to the other.
struct Wire {
    near: Peer,
    far: Peer,
    there: BytesMut,
    back: BytesMut,
}

impl Wire {
    fn carry_there(&mut self, bytes_max: usize) -> usize {
        carry(&self.near, &self.far, &mut self.there, bytes_max)
    }

    fn carry_back(&mut self, bytes_max: usize) -> usize {
        carry(&self.far, &self.near, &mut self.back, bytes_max)
    }
}

fn carry(from: &Peer, to: &Peer, queue: &mut BytesMut, bytes_max: usize) -> usize {
    queue.extend(from.take());
    let bytes = queue.split_to(bytes_max.min(queue.len()));
    to.send(&bytes);
    bytes.len()
}

/// Those who call, by the numbers of their calls.
#[derive(Default)]
struct Callers {
    calls: RefCell<BTreeMap<u32, JoinHandle<()>>>,
    outcomes: Rc<RefCell<BTreeMap<u32, Result<Body, Error>>>>,
    /// What was sent and is to come back, by calls that are echoed.
    sent: RefCell<BTreeMap<u32, usize>>,
    read: RefCell<BTreeMap<u32, usize>>,
}

impl Callers {
    fn ask(&self, client: &Client<Message<u32>, Message<u32>>, chunks: usize, bytes: usize, fails: bool) {
        let number = self.sent.borrow().len() as u32;
        self.sent.borrow_mut().insert(number, chunks * bytes);
        let whole = std::iter::repeat_n(chunk(number, bytes), chunks).map(Ok);
        let chunks: Vec<io::Result<Bytes>> =
            whole.chain(fails.then(|| Err(io::ErrorKind::Other.into()))).collect();
        let body = if chunks.is_empty() { Body::empty() } else { Body::new(stream::iter(chunks)) };
        let (client, outcomes) = (client.clone(), self.outcomes.clone());
        let call = spawn(async move {
            let outcome = client.call(Message::with_body(number, body)).await;
            let outcome = outcome.map(|reply| {
                assert_eq!(reply.head, number, "the answer of another");
                reply.body
            });
            outcomes.borrow_mut().insert(number, outcome);
        });
        self.calls.borrow_mut().insert(number, call);
    }

    fn give_up(&self, step: Step) {
        let mut calls = self.calls.borrow_mut();
        let chosen = step.choose(calls.len()).and_then(|at| calls.keys().nth(at).copied());
        if let Some(call) = chosen.and_then(|number| calls.remove(&number)) {
            call.abort();
        }
    }

    /// One of the bodies of replies.
    fn take_body(&self, step: Step) -> Option<(u32, Body)> {
        let mut outcomes = self.outcomes.borrow_mut();
        let replies: Vec<u32> =
            outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(number, _)| *number).collect();
        let number = replies[step.choose(replies.len())?];
        let body = outcomes.remove(&number)?.ok()?;
        drop(outcomes);
        Some((number, body))
    }

    fn read(&self, step: Step) {
        let Some((number, body)) = self.take_body(step) else { return };
        self.read_of(number, body);
    }

    /// Reads a chunk of each. Says how many there were.
    fn read_all(&self) -> usize {
        let (bodies, errors): (BTreeMap<_, _>, BTreeMap<_, _>) =
            self.outcomes.take().into_iter().partition(|(_, outcome)| outcome.is_ok());
        self.outcomes.replace(errors);
        let bodies = bodies.into_iter().filter_map(|(number, body)| Some((number, body.ok()?)));
        bodies.map(|(number, body)| usize::from(self.read_of(number, body))).sum()
    }

    fn read_of(&self, number: u32, mut body: Body) -> bool {
        let next = body.next().now_or_never();
        let is_chunk = matches!(next, Some(Some(Ok(_))));
        if let Some(Some(Ok(bytes))) = next {
            assert!(is_of(number, &bytes), "a caller reads what is another's");
            *self.read.borrow_mut().entry(number).or_default() += bytes.len();
        }
        self.outcomes.borrow_mut().insert(number, Ok(body));
        is_chunk
    }

    /// Nothing was dropped or broken: everybody has his answer, and all of it; but for whom there was no room.
    fn check_answers(&self) {
        for (number, outcome) in self.outcomes.borrow().iter() {
            match outcome {
                Ok(body) => assert!(body.is_empty(), "the body of {number} has no end"),
                Err(error) => assert_eq!(error.begun(), Begun::No, "{number}: {error:?}"),
            }
            if number % 4 == 0 && outcome.is_ok() {
                let read = self.read.borrow().get(number).copied().unwrap_or_default();
                assert_eq!(read, self.sent.borrow()[number], "the echo of {number} is not whole");
            }
        }
        assert_eq!(self.outcomes.borrow().len(), self.sent.borrow().len(), "some were never answered");
    }

    /// Nobody waits any more, and every body comes to its end.
    fn check_all_over(&self) {
        let calls = self.calls.borrow();
        let waiting: Vec<_> =
            calls.iter().filter(|(_, call)| !call.is_finished()).map(|(number, _)| number).collect();
        assert!(waiting.is_empty(), "these still wait: {waiting:?}");
        for (number, outcome) in self.outcomes.take() {
            let Ok(mut body) = outcome else { continue };
            loop {
                let next = body.next().now_or_never();
                match next.unwrap_or_else(|| panic!("the body of {number} has no end")) {
                    Some(Ok(bytes)) => assert!(is_of(number, &bytes)),
                    Some(Err(_)) => {}
                    None => break,
                }
            }
        }
    }
}

/// Frames in six bytes: kind, flag, number or length; and the bytes of a chunk.
#[derive(Clone, Copy, Debug)]
struct Binary;

impl Decoder for Binary {
    type Item = Frame<u32>;
    type Error = String;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Frame<u32>>, String> {
        let Some(mut head) = buf.get(..6) else { return Ok(Decoded::Incomplete) };
        let (kind, flag, number) = (head.get_u8(), head.get_u8(), head.get_u32());
        let length = if kind == 1 { number as usize } else { 0 };
        if buf.len() < 6 + length {
            return Ok(Decoded::Incomplete);
        }
        buf.advance(6);
        Ok(Decoded::Frame(match kind {
            0 => Frame::Head { head: number, more: flag == 1 },
            1 => Frame::Chunk(buf.split_to(length).freeze()),
            2 => Frame::End,
            _ => return Err("no such frame".to_owned()),
        }))
    }
}

impl Encoder<Frame<u32>> for Binary {
    type Error = String;

    fn encode(&mut self, frame: Frame<u32>, buf: &mut BytesMut) -> Result<(), String> {
        let (kind, flag, number, bytes) = match frame {
            Frame::Head { head, more } => (0, more.into(), head, Bytes::new()),
            Frame::Chunk(bytes) => (1, 0, bytes.len() as u32, bytes),
            Frame::End => (2, 0, 0, Bytes::new()),
        };
        buf.put_u8(kind);
        buf.put_u8(flag);
        buf.put_u32(number);
        buf.put(bytes);
        Ok(())
    }
}

fn fails(step: Step) -> bool {
    step.how_much.is_multiple_of(11)
}

/// A chunk of a call is filled with its number, so that it can be told from another's.
fn chunk(number: u32, length: usize) -> Bytes {
    vec![number as u8; length].into()
}

fn is_of(number: u32, bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == number as u8)
}
