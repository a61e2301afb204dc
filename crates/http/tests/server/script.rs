//! Scripts: a schedule of what the client does, of what the service does, and of time, with what must be seen.
//!
//! One step a line, `step => what is seen`; a step with nothing to be seen has no arrow. In texts, `\n` is CR LF.
//! Dates and types of responses are not shown, and a single LF is shown as `⏎`.
//!
//! | step | does |
//! |---|---|
//! | `send text`, `close`, `reset`, `window n` | the client |
//! | `flood n` | the client sends so many bytes; `unread` is how many the server has not read |
//! | `wire` | what was written since the last time |
//! | `client` | how the client sees the server: open, closing (it will write no more), closed, gone |
//! | `go a` | lets the call of `/wait/a` end, and gives its reader its first bytes |
//! | `feed a text`, `end a`, `break a` | gives the response's body of `/feed/a` bytes, its end, or an error |
//! | `calls` | how many calls run |
//! | `told` | what the operator was told since the last time |
//! | `drain text` | the server begins to drain, and in that moment the client sends something |
//! | `ended` | how serving ended: `…`, `ok` or the error |
//! | `pass 1s` | time |
//!
//! The service answers by path; see [`answer`].

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use ekiden_http::server::Config;
use ekiden_http::{Body, Error};
use ekiden_proto::server::Drain;
use ekiden_reactor::driver::hand::{Clock, Hand};
use ekiden_reactor::{JoinHandle, Latch, Reactor, spawn};
use ekiden_service::{Refused, service_fn};
use futures_util::{AsyncReadExt, AsyncWriteExt};
use http::{Method, Request, Response, StatusCode};
use http_body_util::StreamBody;

use crate::world::pipe::{Peer, pipe};
use crate::world::script::{Tap, bytes, count, read_sizes, seconds, settle, steps};

/// Plays a script on a connection with the default configuration.
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
    let told = Rc::new(RefCell::new(Vec::new()));
    let mut reactor = ekiden_reactor::Config::default();
    let notices = told.clone();
    reactor.on_notice = Rc::new(move |notice| notices.borrow_mut().push(notice.to_string()));
    let (hand, clock) = Hand::new().expect("a driver");
    Reactor::with_driver(reactor, hand).run(async {
        let mut config = Config::default();
        configure(&mut config);
        let (pipe, client) = pipe();
        client.set_steps(read_max, usize::MAX);
        let house = Rc::new(House::default());
        let drain = house.drain.clone();
        let service = {
            let house = house.clone();
            service_fn(async move |request| answer(&house, request).await)
        };
        let ended = spawn(config.serve_connection(pipe, service, drain.clone()));
        let mut stage = Stage { client, clock, house, drain, told, ended };
        settle().await;
        for (step, expected) in steps(script) {
            let seen = stage.step(step).await;
            settle().await;
            assert_eq!(seen, expected, "at `{step}`, reading {read_max} bytes at a time, in {script}");
        }
    });
}

struct Stage {
    client: Peer,
    clock: Clock,
    house: Rc<House>,
    drain: Drain,
    told: Rc<RefCell<Vec<String>>>,
    ended: JoinHandle<Result<(), Error>>,
}

/// What the script can reach inside of the service.
#[derive(Default)]
struct House {
    drain: Drain,
    doors: RefCell<HashMap<String, Latch>>,
    taps: RefCell<HashMap<String, Tap>>,
    calls: Cell<usize>,
}

impl House {
    fn door(&self, name: &str) -> Latch {
        self.doors.borrow_mut().entry(name.to_owned()).or_default().clone()
    }

    fn tap(&self, name: &str) -> Tap {
        self.taps.borrow_mut().entry(name.to_owned()).or_default().clone()
    }
}

/// A call that runs, also if it is dropped.
struct Running<'a>(&'a House);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.calls.set(self.0.calls.get() - 1);
    }
}

/// The service. Every response says its path, so that their order can be seen.
async fn answer(house: &House, request: Request<Body>) -> Result<Response<Body>, Error> {
    house.calls.set(house.calls.get() + 1);
    let _running = Running(house);
    let (head, mut body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let (_, rest) = path.split_at(path.len().min(1));
    let (verb, name) = rest.split_once('/').unwrap_or((rest, ""));
    let respond = Response::builder();
    if head.method == Method::CONNECT {
        match head.uri.authority().map_or("", |authority| authority.host()) {
            // Like a service that knows no methods.
            "ignored" => drop(body),
            "echoed" => return Ok(Response::new(body)),
            "dropped" => drop(body.take_upgrade()),
            "unheard" => return Ok(respond.status(202).body(Body::empty())?),
            "refused" => return Ok(respond.status(407).body(body_of("who are you?"))?),
            "accepted" => {
                tunnel(body);
                return Ok(respond.status(202).body(Body::empty())?);
            }
            _ => tunnel(body),
        }
        return Ok(Response::new(Body::empty()));
    }
    let response = match verb {
        "wait" => {
            house.door(name).wait().await;
            Response::new(Body::from(path))
        }
        // Reads all of its body and says how much that was.
        "count" => {
            let body = body.collect(1 << 20).await?;
            Response::new(Body::from(format!("{} bytes", body.len())))
        }
        // The same in another task.
        "aside" => {
            let count = spawn(async move { body.collect(1 << 20).await.map(|body| body.len()) });
            let count = count.await.map_err(Error::other)??;
            Response::new(Body::from(format!("{count} bytes")))
        }
        // Reads once, and again when told.
        "sip" => {
            let first = body.chunk().await.transpose()?.unwrap_or_default();
            house.door(name).wait().await;
            let second = body.chunk().await.transpose()?.unwrap_or_default();
            Response::new(Body::from(format!("{} then {} bytes", first.len(), second.len())))
        }
        "echo" => Response::new(body),
        // Has the server end.
        "drain" => {
            house.drain.begin();
            Response::new(Body::from(path))
        }
        "feed" => Response::new(Body::stream(house.tap(name))),
        "nothing" => {
            let nothing = || Ok::<_, std::io::Error>(http_body::Frame::data(Bytes::new()));
            Response::new(Body::wrap(StreamBody::new(futures_util::stream::repeat_with(nothing))))
        }
        "big" => Response::new(Body::from(vec![b'x'; count(name)])),
        "status" => {
            respond.status(StatusCode::from_bytes(name.as_bytes()).expect("a status")).body(body_of(&path))?
        }
        "close" => respond.header("connection", "close").body(body_of(&path))?,
        "length" => respond.header("content-length", name).body(body_of("12345"))?,
        "declared" => respond.header("content-length", name).body(Body::stream(house.tap("declared")))?,
        "chunked" => respond.header("transfer-encoding", "chunked").body(body_of("12345"))?,
        "fail" => return Err(Error::other("the roof leaks")),
        "refuse" => return Err(Refused::new("full").into()),
        "panic" => panic!("at the disco"),
        "trap" => Response::new(Body::stream(futures_util::stream::poll_fn(
            |_| -> Poll<Option<std::io::Result<Bytes>>> { panic!("in the body") },
        ))),
        "upgrade" => {
            match name {
                "dropped" => drop(body.take_upgrade()),
                _ => tunnel(body),
            }
            respond.status(101).header("upgrade", "echo").body(Body::empty())?
        }
        _ => Response::new(body_of(&path)),
    };
    Ok(response)
}

fn body_of(text: &str) -> Body {
    Body::from(text.to_owned())
}

/// Speaks the other protocol: it says `> `, then whatever it is told.
fn tunnel(mut body: Body) {
    let upgrade = body.take_upgrade().expect("an offer");
    drop(spawn(async move {
        let Ok(mut stream) = upgrade.await else { return };
        let mut buf = [0; 64];
        while let Ok(count @ 1..) = stream.read(&mut buf).await {
            let said = [b"> ", &buf[..count]].concat();
            if stream.write_all(&said).await.is_err() {
                break;
            }
        }
    }));
}

impl Stage {
    async fn step(&mut self, step: &str) -> String {
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        let (name, text) = rest.split_once(' ').unwrap_or((rest, ""));
        match verb {
            "send" => self.client.send(&bytes(rest)),
            "flood" => self.client.send(&vec![b'x'; count(rest)]),
            "close" => self.client.end(),
            "reset" => self.client.reset(),
            "window" => self.client.open_window(count(rest)),
            "go" => self.house.door(name).open(),
            "feed" => self.house.tap(name).give(text),
            "end" => self.house.tap(name).end(),
            "break" => self.house.tap(name).fail(),
            "drain" => {
                self.client.send(&bytes(rest));
                self.drain.begin();
            }
            "pass" => self.clock.pass(seconds(rest)).await,
            "wire" => return shown(&self.client.take()),
            "client" => return format!("{:?}", self.client.other_end()).to_lowercase(),
            "unread" => return self.client.unread().to_string(),
            "calls" => return self.house.calls.get().to_string(),
            "told" => return self.told.borrow_mut().drain(..).collect::<Vec<_>>().join("; "),
            "ended" => return self.ended(),
            verb => panic!("no step is called `{verb}`"),
        }
        String::new()
    }

    fn ended(&mut self) -> String {
        match Pin::new(&mut self.ended).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => "…".to_owned(),
            Poll::Ready(Ok(Ok(()))) => "ok".to_owned(),
            Poll::Ready(Ok(Err(error))) => error.to_string(),
            Poll::Ready(Err(panic)) => panic.to_string(),
        }
    }
}

/// What was written, without dates and types; much of the same byte is counted.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let is_shown = |line: &&str| !line.starts_with("date: ") && !line.starts_with("content-type: ");
    let lines: Vec<_> = text.split("\r\n").filter(is_shown).map(counted).collect();
    lines.join("\\n").replace('\n', "⏎").trim_end().to_owned()
}

fn counted(line: &str) -> String {
    let rest = line.trim_start_matches('x');
    match line.len() - rest.len() {
        count @ 100.. => format!("[{count} x]{rest}"),
        _ => line.to_owned(),
    }
}
