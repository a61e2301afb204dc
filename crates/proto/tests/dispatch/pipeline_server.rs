//! Any schedule to a pipelined server: requests in any pieces, calls that end in any order, a peer that takes what it likes.
//!
//! Whatever happens: replies leave in the order of their requests, each once, and never before its call was done; no more
//! calls run than allowed; nothing spins; and when the peer has ended and the calls are done, the connection ends, with every
//! reply written if nothing broke.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use ekiden_proto::codec::Lines;
use ekiden_proto::pipeline::ServerConfig;
use ekiden_proto::server::Drain;
use ekiden_reactor::channel::oneshot;
use ekiden_reactor::spawn;
use ekiden_service::Service;

use crate::memory::{self, World};
use crate::pipe::{Peer, pipe};
use crate::step::{Step, steps};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    /// The peer asks.
    Ask,
    /// It sends so many bytes of what it has to send.
    Piece,
    /// One of the calls under way is done.
    Done,
    /// One of them fails.
    Fail,
    Window,
    Steps,
    Pass,
    PassToDeadline,
    Drain,
    End,
    Reset,
    /// The peer sends a line that is too long.
    Garbage,
}

/// What breaks a connection is seldom, since nothing follows it.
fn operation(step: Step) -> Operation {
    match step.what {
        0..=79 => Operation::Ask,
        80..=109 => Operation::Piece,
        110..=189 => Operation::Done,
        190..=205 => Operation::Window,
        206..=217 => Operation::Steps,
        218..=229 => Operation::Pass,
        230..=237 => Operation::PassToDeadline,
        238..=241 => Operation::Drain,
        242..=245 => Operation::End,
        246..=249 => Operation::Fail,
        250..=252 => Operation::Garbage,
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
    config.write_bytes_max = 1 << (setup >> 3 & 7);
    config.idle_timeout = (setup & 64 != 0).then_some(Duration::from_secs(60));
    let in_flight_max = config.in_flight_max;
    let ((io, peer), calls, drain) = (pipe(), Calls::default(), Drain::new());
    let serving =
        spawn(config.serve_connection(io, Lines::new(LINE_BYTES_MAX), calls.clone(), drain.clone()));

    let (mut asked, mut unsent, mut is_whole) = (0, Vec::new(), true);
    for step in steps {
        let operation = operation(step);
        match operation {
            Operation::Ask => {
                unsent.extend(format!("{asked}\n").bytes());
                asked += 1;
                // Mostly at once, or a fuzzer would seldom come further.
                if step.how_much < 200 {
                    peer.send(&std::mem::take(&mut unsent));
                }
            }
            Operation::Piece => {
                let rest = unsent.split_off(step.bytes().min(unsent.len()));
                peer.send(&std::mem::replace(&mut unsent, rest));
            }
            Operation::Done => calls.end(step, false),
            Operation::Fail => calls.end(step, true),
            Operation::Window => peer.open_window(step.bytes()),
            Operation::Steps => peer.set_steps(1 + step.bytes() % 64, 1 + step.bytes() / 8),
            Operation::Pass => world.pass(Duration::from_secs(u64::from(step.how_much))).await,
            Operation::PassToDeadline => drop(world.pass_to_deadline().await),
            Operation::Drain => drain.begin(),
            Operation::End => peer.end(),
            Operation::Reset => peer.reset(),
            Operation::Garbage => peer.send(&[b'x'; LINE_BYTES_MAX + 2]),
        }
        is_whole &=
            matches!(operation, Operation::Ask | Operation::Piece | Operation::Done | Operation::Steps);
        world.quiet().await;
        judge(&peer, &calls, asked, in_flight_max);
    }

    peer.open_window(usize::MAX);
    peer.send(&unsent);
    peer.end();
    world.quiet().await;
    while calls.end_one() {
        world.quiet().await;
        judge(&peer, &calls, asked, in_flight_max);
    }
    // Of a client that has ended nobody is patient without end.
    while !serving.is_finished() && world.pass_to_deadline().await {}
    assert!(serving.is_finished(), "the connection outlives its client and its calls");
    let ended = serving.await.expect("no panic").map(drop);
    assert!(peer.is_left());
    if is_whole {
        assert!(ended.is_ok(), "nothing broke it: {ended:?}");
        assert_eq!(peer.seen(), replies(asked), "something was not answered");
    }
}

fn judge(peer: &Peer, calls: &Calls, asked: usize, in_flight_max: usize) {
    let state = calls.0.borrow();
    let begun: Vec<_> = (0..state.begun.len()).map(|number| number.to_string()).collect();
    assert_eq!(state.begun, begun, "each is begun once, in order");
    assert!(begun.len() <= asked, "what was not asked was begun");
    assert!(state.open.len() <= in_flight_max, "too many at once");
    let first_open = state.open.iter().map(|(number, _)| *number).min().unwrap_or(begun.len());
    let seen = peer.seen();
    assert!(replies(first_open).starts_with(&seen), "a reply out of its order, or before its call was done");
}

/// What the replies to the first so many requests are.
fn replies(count: usize) -> Vec<u8> {
    (0..count).flat_map(|number| format!("{number}\n").into_bytes()).collect()
}

/// A service whose calls end when they are told to, with what they were asked.
#[derive(Clone, Default)]
struct Calls(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    begun: Vec<String>,
    open: Vec<(usize, oneshot::Sender<io::Result<()>>)>,
}

/// Takes the call from those that are open, when it is dropped.
struct Open<'a>(&'a Calls, usize);

impl Calls {
    fn end(&self, step: Step, fails: bool) {
        let chosen = step.choose(self.0.borrow().open.len());
        if let Some(chosen) = chosen {
            self.end_at(chosen, if fails { Err(io::Error::other("as I was told")) } else { Ok(()) });
        }
    }

    fn end_one(&self) -> bool {
        let is_any = !self.0.borrow().open.is_empty();
        if is_any {
            self.end_at(0, Ok(()));
        }
        is_any
    }

    fn end_at(&self, at: usize, with: io::Result<()>) {
        let (_, sender) = self.0.borrow_mut().open.remove(at);
        drop(sender.send(with));
    }
}

impl Service for Calls {
    type Req = String;
    type Resp = String;
    type Error = io::Error;

    async fn call(&self, line: String) -> io::Result<String> {
        let (sender, told) = oneshot::channel();
        let number = {
            let mut state = self.0.borrow_mut();
            state.begun.push(line.clone());
            let number = state.begun.len() - 1;
            state.open.push((number, sender));
            number
        };
        let _open = Open(self, number);
        told.await.expect("it is told in any case").map(|()| line)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let mut state = self.0.0.borrow_mut();
        let left = state.open.iter().position(|(number, _)| *number == self.1);
        let left = left.map(|at| state.open.remove(at));
        drop(state);
        drop(left);
    }
}

const LINE_BYTES_MAX: usize = 16;
