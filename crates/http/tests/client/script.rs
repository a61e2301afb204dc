//! Scripts: a schedule of calls, of what the peer does and of time, with what must be seen at each step.
//!
//! One step a line, `step => what is seen`; a step with nothing to be seen has no arrow. In texts, `\n` is CR LF.
//!
//! | step | does |
//! |---|---|
//! | `call a GET /x [+name:value …] [body]` | calls; the body is `text` in quotes, or `fed` |
//! | `feed a text`, `end a`, `break a`, `panic a` | gives a fed body bytes, its end, an error, or a bug |
//! | `drop a` | gives the call up, or its response, whatever there is |
//! | `leave` | drops the client |
//! | `wire` | what was written since the last time |
//! | `send text`, `close`, `reset`, `refuse`, `window n` | the peer |
//! | `flood n` | the peer sends so many bytes; `unread` is how many it could not get rid of |
//! | `peer` | how the peer sees the client: open, closing (it will write no more), closed, gone |
//! | `answer a` | the call: `…`, the status, or the error |
//! | `holds a` | how many bytes the response's body could give at once |
//! | `upgraded a` | takes the stream of an upgrade, and reads it |
//! | `read a` | all that the response's body gives now, then `…`, `.` or the error |
//! | `status` | the client's |
//! | `pass 1s` | time |

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use ekiden_http::client::{Client, Config};
use ekiden_http::{Body, Error, Upgraded};
use ekiden_reactor::Reactor;
use ekiden_reactor::driver::hand::{Clock, Hand};
use ekiden_service::{Failure, Service};
use futures_util::AsyncReadExt;
use http::{Request, Response};

use crate::world::pipe::{Peer, pipe};
use crate::world::script::{Tap, bytes, count, read_sizes, seconds, settle, steps};

/// Plays a script on a connection to `a.test` with the default configuration, but a queue of one.
pub(crate) fn check(script: &str) {
    check_with(|_| {}, script);
}

/// Plays a script on a connection that is configured otherwise.
pub(crate) fn check_with(configure: impl Fn(&mut Config), script: &str) {
    play(&configure, usize::MAX, script);
}

/// Plays a script with reads of every size from one byte up to more than the script sends: what is seen must not
/// change.
pub(crate) fn check_split(script: &str) {
    for read_max in read_sizes(script) {
        play(&|_| {}, read_max, script);
    }
}

fn play(configure: &dyn Fn(&mut Config), read_max: usize, script: &str) {
    let (hand, clock) = Hand::new().expect("a driver");
    Reactor::with_driver(ekiden_reactor::Config::default(), hand).run(async {
        let mut config = Config::default();
        config.authority = Some("a.test".parse().expect("a host"));
        config.queue_max = 1;
        configure(&mut config);
        let (pipe, peer) = pipe();
        peer.set_steps(read_max, usize::MAX);
        let client = Some(Client::handshake_with(config, pipe));
        let mut stage = Stage { client, peer, clock, calls: HashMap::new(), fed: HashMap::new() };
        settle().await;
        for (step, expected) in steps(script) {
            let seen = stage.step(step).await;
            assert_eq!(seen, expected, "at `{step}`, reading {read_max} bytes at a time, in {script}");
        }
    });
}

struct Stage {
    client: Option<Client>,
    peer: Peer,
    clock: Clock,
    calls: HashMap<String, Call>,
    fed: HashMap<String, Tap>,
}

enum Call {
    Asked(Pin<Box<dyn Future<Output = Result<Response<Body>, Error>>>>),
    Answered(Body),
    #[expect(dead_code, reason = "it is kept so that the stream stays open")]
    Upgraded(Upgraded),
    Failed,
}

impl Stage {
    async fn step(&mut self, step: &str) -> String {
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
        let mut seen = String::new();
        match verb {
            "call" => self.call(name, text),
            "feed" => self.fed[name].give(text),
            "end" => self.fed[name].end(),
            "panic" => self.fed[name].panic(),
            "break" => self.fed[name].fail(),
            "drop" => drop(self.calls.remove(name)),
            "leave" => self.client = None,
            "wire" => seen = shown(&self.peer.take()),
            "send" => self.peer.send(&bytes(rest)),
            "flood" => self.peer.send(&vec![b'x'; count(rest)]),
            "close" => self.peer.end(),
            "reset" => self.peer.reset(),
            "refuse" => self.peer.refuse_writes(),
            "window" => self.peer.open_window(count(rest)),
            "peer" => seen = format!("{:?}", self.peer.other_end()).to_lowercase(),
            "unread" => seen = self.peer.unread().to_string(),
            "pass" => self.clock.pass(seconds(rest)).await,
            "status" => {
                seen = self.client.as_ref().map_or("left".into(), |client| format!("{:?}", client.status()))
            }
            "answer" => seen = self.answer(name),
            "read" => seen = self.read(name).await,
            "holds" => seen = self.holds(name),
            "upgraded" => seen = self.upgraded(name).await,
            verb => panic!("no step is called `{verb}`"),
        }
        settle().await;
        seen
    }

    fn call(&mut self, name: &str, text: &str) {
        let mut words = text.split(' ');
        let (method, uri) = (words.next().expect("a method"), words.next().expect("a uri"));
        let mut request = Request::builder().method(method).uri(uri);
        let mut body = Body::empty();
        for word in words {
            if let Some((name, value)) = word.strip_prefix('+').and_then(|field| field.split_once(':')) {
                request = request.header(name, value);
            } else if word == "fed" {
                let tap = Tap::default();
                self.fed.insert(name.to_owned(), tap.clone());
                body = Body::stream(tap);
            } else {
                body = Body::from(bytes(word.trim_matches('\'')));
            }
        }
        let request = request.body(body).expect("a request");
        let client = self.client.clone().expect("a client");
        let mut call: Pin<Box<dyn Future<Output = _>>> = Box::pin(async move {
            let answer = client.call(request);
            answer.await
        });
        // A call begins when it is polled.
        let call = match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Call::Asked(call),
            Poll::Ready(outcome) => Call::Asked(Box::pin(std::future::ready(outcome))),
        };
        self.calls.insert(name.to_owned(), call);
    }

    fn answer(&mut self, name: &str) -> String {
        let call = self.calls.get_mut(name).expect("a call");
        let Call::Asked(asked) = call else { panic!("{name} was answered before") };
        match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => "…".to_owned(),
            Poll::Ready(Ok(response)) => {
                let status = response.status().as_str().to_owned();
                *call = Call::Answered(response.into_body());
                status
            }
            Poll::Ready(Err(error)) => {
                *call = Call::Failed;
                told(&error)
            }
        }
    }

    fn holds(&self, name: &str) -> String {
        let Some(Call::Answered(body)) = self.calls.get(name) else { panic!("{name} has no body") };
        http_body::Body::size_hint(body).lower().to_string()
    }

    /// Takes the upgraded stream and reads what is there.
    async fn upgraded(&mut self, name: &str) -> String {
        let Some(Call::Answered(mut body)) = self.calls.remove(name) else { panic!("{name} has no body") };
        let mut upgraded = body.take_upgrade().expect("an upgrade").await.expect("a stream");
        let mut seen = Vec::new();
        while seen.len() < 5 {
            let mut buf = [0; 64];
            let length = upgraded.read(&mut buf).await.expect("bytes");
            seen.extend_from_slice(&buf[..length]);
        }
        self.calls.insert(name.to_owned(), Call::Upgraded(upgraded));
        shown(&seen)
    }

    /// Reads until nothing more comes.
    async fn read(&mut self, name: &str) -> String {
        let Some(Call::Answered(body)) = self.calls.get_mut(name) else { panic!("{name} has no body") };
        let (mut seen, mut is_settled) = (Vec::new(), false);
        let end = loop {
            let mut cx = Context::from_waker(Waker::noop());
            match http_body::Body::poll_frame(Pin::new(&mut *body), &mut cx) {
                Poll::Pending if is_settled => break "…".to_owned(),
                Poll::Pending => settle().await,
                Poll::Ready(None) => break ".".to_owned(),
                Poll::Ready(Some(Err(error))) => break format!(" {}", told(&error)),
                Poll::Ready(Some(Ok(frame))) => {
                    seen.extend_from_slice(&told_frame(frame));
                    is_settled = false;
                    continue;
                }
            }
            is_settled = true;
        };
        let seen = if seen.len() > 1000 { format!("{} bytes", seen.len()) } else { shown(&seen) };
        seen + &end
    }
}

/// Data are told as they are, trailers as "(name: value)".
fn told_frame(frame: http_body::Frame<Bytes>) -> Vec<u8> {
    match frame.into_data() {
        Ok(data) => data.into(),
        Err(frame) => {
            let trailers = frame.into_trailers().unwrap_or_default();
            let told =
                trailers.iter().map(|(name, value)| format!("({name}: {})", value.to_str().unwrap_or("?")));
            told.collect::<String>().into_bytes()
        }
    }
}

/// An error is told as "fault begun: message: source".
fn told(error: &Error) -> String {
    let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    format!("{:?} {:?}: {error}{source}", error.fault(), error.begun())
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\r\\n", "\\n")
}
