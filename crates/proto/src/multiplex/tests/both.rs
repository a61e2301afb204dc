//! A client and a server against each other, with whatever is on the wire between them cut anywhere, over random schedules.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use ekiden_reactor::{Latch, yield_now};
use ekiden_service::{Begun, Expired, Failure, Service};
use futures_core::Stream as _;
use proptest::prelude::*;

use crate::multiplex::text::Text;
use crate::multiplex::{Body, Client, ClientConfig, Error, Message, ServerConfig, Stats};
use crate::server::Drain;
use crate::wire::Wire;

/// What may happen.
#[derive(Clone, Debug)]
enum Step {
    /// A caller asks, with a body of so many chunks; and asks for as many back.
    Ask { chunks: u8, wants: u8 },
    /// A caller that waits gives up.
    GiveUp(prop::sample::Index),
    /// A caller that has an answer drops what is left of its body.
    Forget(prop::sample::Index),
    /// A call at the service is done.
    Done(prop::sample::Index),
    /// So many bytes get from the client to the server, or back.
    Carry { to_server: bool, bytes: usize },
    /// Whoever reads a reply reads.
    Read(prop::sample::Index),
    /// The server drains.
    Drain,
    /// The connection breaks.
    Break,
}

fn step() -> impl Strategy<Value = Step> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        6 => (0u8..4, 0u8..6).prop_map(|(chunks, wants)| Step::Ask { chunks, wants }),
        2 => index().prop_map(Step::GiveUp),
        1 => index().prop_map(Step::Forget),
        5 => index().prop_map(Step::Done),
        12 => (any::<bool>(), 1usize..80).prop_map(|(to_server, bytes)| Step::Carry { to_server, bytes }),
        6 => index().prop_map(Step::Read),
    ]
}

/// Answers `name chunks wants` with `name: ` and the chunks of the request, and so many chunks, which say whose they are.
#[derive(Clone, Default)]
struct Script {
    calls: Rc<RefCell<BTreeMap<u32, Latch>>>,
    /// How often each was begun.
    begun: Rc<RefCell<BTreeMap<u32, u32>>>,
}

impl Service for Script {
    type Req = Message<String>;
    type Resp = Message<String>;
    type Error = Expired;

    async fn call(&self, req: Message<String>) -> Result<Message<String>, Expired> {
        let Message { head, mut body } = req;
        let mut words = head.split(' ').map(|word| word.parse::<u32>().unwrap());
        let (name, wants) = (words.next().unwrap(), words.next().unwrap());
        *self.begun.borrow_mut().entry(name).or_default() += 1;
        let mut read = String::new();
        while let Some(chunk) = body.next().await {
            let Ok(chunk) = chunk else { return Err(Expired::new(Duration::ZERO)) };
            read.push_str(std::str::from_utf8(&chunk).unwrap());
        }
        let done = Latch::new();
        self.calls.borrow_mut().insert(name, done.clone());
        let _call = Call { script: self, name };
        done.wait().await;
        let chunks = (0..wants).map(move |at| Ok::<_, Error>(Bytes::from(format!("{name}.{at}"))));
        let body = if wants == 0 { Body::empty() } else { Body::new(futures_util::stream::iter(chunks)) };
        Ok(Message::with_body(format!("{name}: {read}"), body))
    }
}

struct Call<'a> {
    script: &'a Script,
    name: u32,
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.script.calls.borrow_mut().remove(&self.name);
    }
}

type UnderWay = Pin<Box<dyn Future<Output = Result<Message<String>, Error>>>>;

/// What callers have, and what they have seen.
#[derive(Default)]
struct Callers {
    waiting: BTreeMap<u32, UnderWay>,
    /// With how many chunks were read.
    reading: BTreeMap<u32, (Body, u32)>,
    asked: BTreeMap<u32, (u8, u8)>,
    answered: u32,
    /// Those that were not begun, by what their callers were told.
    unbegun: Vec<u32>,
    is_broken: bool,
}

impl Callers {
    /// Looks at all that wait. Each answer must be the caller's own.
    fn look(&mut self, cx: &mut Context<'_>) {
        let Self { waiting, reading, asked, answered, unbegun, is_broken } = self;
        waiting.retain(|name, call| {
            let Poll::Ready(outcome) = call.as_mut().poll(cx) else { return true };
            match outcome {
                Ok(Message { head, body }) => {
                    let (chunks, _) = asked[name];
                    let sent: String = (0..chunks).map(|at| format!("<{name}.{at}>")).collect();
                    assert_eq!(head, format!("{name}: {sent}"));
                    reading.insert(*name, (body, 0));
                    *answered += 1;
                }
                Err(error) if error.begun() == Begun::No => unbegun.push(*name),
                Err(error) => assert!(*is_broken, "{name}: {error}"),
            }
            false
        });
    }

    /// Reads one chunk of a reply, which must be the reader's own. Says whether there is more to come.
    fn read(&mut self, name: u32, cx: &mut Context<'_>) -> bool {
        let (body, read) = self.reading.get_mut(&name).unwrap();
        match Pin::new(body).poll_next(cx) {
            Poll::Pending => return true,
            Poll::Ready(Some(Ok(bytes))) => {
                assert_eq!(bytes, format!("{name}.{read}"));
                *read += 1;
                return true;
            }
            Poll::Ready(Some(Err(error))) => assert!(self.is_broken, "{name}: {error}"),
            Poll::Ready(None) => assert_eq!(*read, u32::from(self.asked[&name].1), "{name}"),
        }
        self.reading.remove(&name);
        false
    }
}

fn pick<T>(map: &BTreeMap<u32, T>, index: prop::sample::Index) -> Option<u32> {
    (!map.is_empty()).then(|| *map.keys().nth(index.index(map.len())).unwrap())
}

/// Plays a schedule, and then lets everything come to its end.
async fn play(steps: Vec<Step>) {
    let cx = &mut Context::from_waker(Waker::noop());
    let (near, far, drain, service, stats) =
        (Wire::new(), Wire::new(), Drain::new(), Script::default(), Stats::default());
    let config = ClientConfig {
        in_flight_max: 4,
        queue_max: 4,
        window_bytes: 60,
        ping_interval: None,
        ..ClientConfig::default()
    };
    let (client, connection) = Client::with_config(near.clone(), Text::new(200), config);
    let config = ServerConfig {
        in_flight_max: 4,
        window_bytes: 60,
        ping_interval: None,
        stats: stats.clone(),
        ..ServerConfig::default()
    };
    let serving = config.serve_connection(far.clone(), Text::new(200), service.clone(), drain.clone());
    let (mut client, mut connection, mut serving) = (Some(client), Some(connection), Some(Box::pin(serving)));
    let (mut up, mut down) = (Vec::new(), Vec::new());
    let mut callers = Callers::default();
    let mut names = 0..;
    let mut turn = async |callers: &mut Callers, up: &mut Vec<u8>, down: &mut Vec<u8>| {
        for _ in 0..2 {
            callers.look(cx);
            if let Some(driven) = &mut connection
                && let Poll::Ready(ended) = Pin::new(driven).poll(cx)
            {
                if let Err(error) = ended {
                    assert!(callers.is_broken, "{error}");
                }
                connection = None;
            }
            if let Some(driven) = &mut serving
                && let Poll::Ready(ended) = driven.as_mut().poll(cx)
            {
                assert!(callers.is_broken || ended.is_ok(), "{ended:?}");
                serving = None;
            }
            up.extend(near.take_bytes());
            down.extend(far.take_bytes());
            yield_now().await;
        }
        callers.look(cx);
        (connection.is_none(), serving.is_none())
    };
    for step in steps {
        match step {
            Step::Ask { chunks, wants } => {
                let name: u32 = names.next().unwrap();
                let made = (0..chunks).map(move |at| Ok::<_, Error>(Bytes::from(format!("<{name}.{at}>"))));
                let body =
                    if chunks == 0 { Body::empty() } else { Body::new(futures_util::stream::iter(made)) };
                let client = client.clone().unwrap();
                let req = Message::with_body(format!("{name} {wants}"), body);
                callers.asked.insert(name, (chunks, wants));
                callers.waiting.insert(name, Box::pin(async move { client.call(req).await }));
            }
            Step::GiveUp(index) => {
                drop(pick(&callers.waiting, index).map(|name| callers.waiting.remove(&name)))
            }
            Step::Forget(index) => {
                drop(pick(&callers.reading, index).map(|name| callers.reading.remove(&name)))
            }
            Step::Done(index) => {
                let name = pick(&service.calls.borrow(), index);
                name.into_iter().for_each(|name| service.calls.borrow()[&name].clone().open());
            }
            Step::Carry { to_server, bytes } => {
                let (from, to) = if to_server { (&mut up, &far) } else { (&mut down, &near) };
                let bytes = bytes.min(from.len());
                to.send(from.drain(..bytes).collect::<Vec<u8>>());
            }
            Step::Read(index) => {
                if let Some(name) = pick(&callers.reading, index) {
                    callers.read(name, &mut Context::from_waker(Waker::noop()));
                }
            }
            Step::Drain => drain.begin(),
            Step::Break => {
                callers.is_broken = true;
                near.reset();
                far.reset();
            }
        }
        turn(&mut callers, &mut up, &mut down).await;
    }
    client = client.filter(|_| false);
    assert!(client.is_none());
    // All that is under way comes to its end when everything is carried, done and read: nobody waits for ever.
    for _ in 0..2000 {
        service.calls.borrow().values().for_each(|call| call.clone().open());
        far.send(std::mem::take(&mut up));
        near.send(std::mem::take(&mut down));
        let reading: Vec<u32> = callers.reading.keys().copied().collect();
        for name in reading {
            callers.read(name, &mut Context::from_waker(Waker::noop()));
        }
        let (is_near_over, is_far_over) = turn(&mut callers, &mut up, &mut down).await;
        if near.is_closed() && up.is_empty() {
            far.end();
        }
        if far.is_closed() && down.is_empty() {
            near.end();
        }
        if is_near_over && is_far_over && callers.reading.is_empty() {
            break;
        }
    }
    assert!(callers.waiting.is_empty() && callers.reading.is_empty(), "somebody waits for ever");
    let begun = service.begun.borrow();
    assert!(begun.values().all(|times| *times == 1), "a request was served twice: {begun:?}");
    for name in &callers.unbegun {
        assert!(!begun.contains_key(name), "{name} was begun, and its caller was told that it was not");
    }
    assert_eq!(stats.begun(), begun.len() as u64);
    assert_eq!(stats.begun(), stats.answered() + stats.cancelled() + stats.failed());
}

proptest! {
    /// Whatever the schedule: each caller gets its own answer, whole and once, whoever gives up.
    #[test]
    fn every_schedule_answers_each_its_own(steps in prop::collection::vec(step(), 0..120)) {
        ekiden_reactor::run(play(steps));
    }

    /// And when the server drains, or the connection breaks, at any time, each learns the truth.
    #[test]
    fn every_end_tells_each_the_truth(
        before in prop::collection::vec(step(), 0..80),
        is_drain in any::<bool>(),
        after in prop::collection::vec(step(), 0..40),
    ) {
        let end = if is_drain { Step::Drain } else { Step::Break };
        let steps = before.into_iter().chain([end]).chain(after).collect();
        ekiden_reactor::run(play(steps));
    }
}
