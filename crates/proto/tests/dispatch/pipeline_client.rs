//! Any schedule to a pipelined client: callers that come and go, a peer that answers, takes and breaks as it likes.
//!
//! Whatever happens: requests leave in the order in which they were asked, each once; an answer reaches whoever asked for it;
//! a call that was not begun has left no line on the wire; no more is in flight than allowed; and when the peer has ended
//! every call is over.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use ekiden_proto::codec::Lines;
use ekiden_proto::pipeline::{Client, ClientConfig, Error};
use ekiden_reactor::{JoinHandle, spawn};
use ekiden_service::{Begun, Failure, Service};

use crate::memory::{self, World};
use crate::pipe::{Peer, pipe};
use crate::step::{Step, steps};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Ask,
    /// One of the callers gives up.
    Drop,
    /// The peer answers what it has seen, in pieces of so many bytes.
    Answer,
    /// It answers what nobody has asked.
    Unasked,
    Window,
    Steps,
    Pass,
    End,
    Reset,
    RefuseWrites,
    DropClient,
    DropConnection,
}

fn operation(step: Step) -> Operation {
    match step.what {
        0..=89 => Operation::Ask,
        90..=119 => Operation::Drop,
        120..=199 => Operation::Answer,
        200..=219 => Operation::Window,
        220..=231 => Operation::Steps,
        232..=237 => Operation::Pass,
        238..=240 => Operation::End,
        241..=243 => Operation::Reset,
        244..=246 => Operation::RefuseWrites,
        247..=249 => Operation::Unasked,
        250..=252 => Operation::DropClient,
        _ => Operation::DropConnection,
    }
}

pub(crate) fn check(input: &[u8]) {
    if let Some((setup, steps)) = steps(input) {
        memory::run(async |world| play(&world, setup, steps).await);
    }
}

type Answers = Rc<RefCell<BTreeMap<usize, Result<String, Error>>>>;

async fn play(world: &World, setup: u8, steps: impl Iterator<Item = Step>) {
    let mut config = ClientConfig::default();
    config.in_flight_max = 1 + usize::from(setup & 7);
    config.queue_max = usize::from(setup >> 3 & 3);
    config.write_bytes_max = 1 << (setup >> 5);
    let in_flight_max = config.in_flight_max;
    let (io, peer) = pipe();
    let (client, connection) = Client::<String, String>::with_config(io, Lines::new(64), config);
    let (mut client, mut connection) = (Some(client), Some(spawn(connection)));

    let answers = Answers::default();
    let mut calls = BTreeMap::<usize, JoinHandle<()>>::new();
    let (mut asked, mut answered, mut is_whole, mut has_lied) = (0, 0, true, false);
    for step in steps {
        let operation = operation(step);
        match (operation, &client) {
            (Operation::Ask, Some(client)) => {
                let (client, answers, number) = (client.clone(), answers.clone(), asked);
                calls.insert(
                    asked,
                    spawn(async move {
                        let answer = client.call(name(number)).await;
                        answers.borrow_mut().insert(number, answer);
                    }),
                );
                asked += 1;
            }
            (Operation::Ask, None) => {}
            (Operation::Drop, _) => {
                let chosen = step.choose(calls.len()).and_then(|at| calls.keys().nth(at).copied());
                if let Some(call) = chosen.and_then(|number| calls.remove(&number)) {
                    call.abort();
                }
            }
            // Whoever has lied does not know any more whom he answers.
            (Operation::Answer, _) if has_lied => {}
            (Operation::Answer, _) => {
                let requests = requests(&peer);
                for request in requests.iter().skip(answered).take(1 + usize::from(step.how_much % 4)) {
                    let reply = format!("re {request}\n");
                    for piece in reply.as_bytes().chunks(1 + usize::from(step.how_much >> 4)) {
                        peer.send(piece);
                    }
                    answered += 1;
                }
            }
            (Operation::Unasked, _) => {
                (0..=requests(&peer).len() - answered).for_each(|_| peer.send(b"re what\n"))
            }
            (Operation::Window, _) => peer.open_window(step.bytes()),
            (Operation::Steps, _) => peer.set_steps(1 + step.bytes() % 64, 1 + step.bytes() / 8),
            (Operation::Pass, _) => world.pass(Duration::from_secs(u64::from(step.how_much))).await,
            (Operation::End, _) => peer.end(),
            (Operation::Reset, _) => peer.reset(),
            (Operation::RefuseWrites, _) => peer.refuse_writes(),
            (Operation::DropClient, _) => client = None,
            (Operation::DropConnection, _) => drop(connection.take().map(|connection| connection.abort())),
        }
        // From here on the peer tells lies, or nobody waits for it.
        let breaks = matches!(
            operation,
            Operation::Unasked
                | Operation::End
                | Operation::Reset
                | Operation::RefuseWrites
                | Operation::DropConnection
        );
        is_whole &= !breaks;
        has_lied |= operation == Operation::Unasked;
        world.quiet().await;
        judge(&peer, &answers, asked, answered, in_flight_max, operation != Operation::Unasked && is_whole);
    }

    peer.open_window(usize::MAX);
    world.quiet().await;
    if is_whole {
        while answered < requests(&peer).len() {
            let reply = format!("re {}\n", requests(&peer)[answered]);
            peer.send(reply.as_bytes());
            answered += 1;
            world.quiet().await;
            judge(&peer, &answers, asked, answered, in_flight_max, true);
        }
    }
    if is_whole {
        // Nobody owes anybody anything, so it ends with its last client.
        drop(client.take());
    } else {
        peer.end();
    }
    world.quiet().await;
    let waiting: Vec<_> =
        calls.iter().filter(|(_, call)| !call.is_finished()).map(|(number, _)| number).collect();
    assert!(waiting.is_empty(), "these still wait: {waiting:?}");
    for (number, answer) in answers.borrow().iter() {
        match answer {
            Ok(answer) if is_whole => assert_eq!(*answer, format!("re {}", name(*number))),
            Err(error) if is_whole => assert!(error.begun() == Begun::No, "{number}: {error:?}"),
            _ => {}
        }
    }
    // What it ended with holds the stream.
    drop((client, connection));
    world.quiet().await;
    assert!(peer.is_left(), "the connection outlives its clients");
}

fn judge(
    peer: &Peer,
    answers: &Answers,
    asked: usize,
    answered: usize,
    in_flight_max: usize,
    is_honest: bool,
) {
    let requests = requests(peer);
    let numbers: Vec<usize> = requests.iter().map(|line| line.parse().expect("a number was asked")).collect();
    assert!(numbers.is_sorted_by(|a, b| a < b), "out of order, or twice: {numbers:?}");
    assert!(numbers.last().is_none_or(|last| *last < asked), "nobody asked that: {numbers:?}");
    if is_honest {
        assert!(requests.len() - answered <= in_flight_max, "too many in flight");
    }
    for (number, answer) in answers.borrow().iter() {
        match answer {
            Ok(answer) if answer != "re what" => assert_eq!(*answer, format!("re {}", name(*number))),
            Err(error) if error.begun() == Begun::No => {
                assert!(!numbers.contains(number), "{number} was not begun, they say: {error:?}");
            }
            _ => {}
        }
    }
}

/// The whole lines that the client has sent.
fn requests(peer: &Peer) -> Vec<String> {
    let seen = String::from_utf8(peer.seen()).expect("numbers are text");
    seen.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned).collect()
}

/// All are of one length.
fn name(number: usize) -> String {
    format!("{number:06}")
}
