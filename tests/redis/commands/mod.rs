//! Every typed command of Redis against a real redis-server, in both versions of the protocol.
//!
//! What is tested is data: tables of commands and what must come of each, a table a group, played in order on a
//! server of their own. In reading order: this page plays them; `string`, `key`, `hash`, `list`, `set`, `sorted_set`,
//! `stream`, `bitmap`, `hyperloglog`, `geo`, `script`, `pubsub`, `server`, `connection` and `transaction` are the
//! tables; `complete` asks the server which commands there are, and fails if one of them is in no table.

mod string;
mod key;
mod hash;
mod list;
mod set;
mod sorted_set;
mod stream;
mod bitmap;
mod hyperloglog;
mod geo;
mod script;
mod pubsub;
mod server;
mod connection;
mod transaction;
mod complete;

use std::fmt::Debug;

use ekiden::Service;
use ekiden::redis::{Client, Command, Error, IntoTyped, Value};
use ekiden_tests::RedisServer;

use crate::{both_versions, run};

/// A command, and what must come of it.
pub(crate) struct Step {
    command: Command,
    check: Box<Check>,
}

/// What is wrong with an answer, if anything is.
type Check = dyn Fn(Result<Value, Error>) -> Result<(), String>;

/// Which connection the steps of a table go over.
#[derive(Clone, Copy)]
enum Over {
    /// That which all callers share.
    Shared,
    /// One of their own.
    Own,
}

/// Plays a table on a server of its own with these options, once in each version of the protocol.
#[track_caller]
fn play(options: &[&str], over: Over, table: fn() -> Vec<Step>) {
    for config in both_versions() {
        let server = RedisServer::start(options);
        let version = format!("{:?}", config.protocol);
        run(async {
            let client = Client::with_config(server.addr(), config);
            match over {
                Over::Shared => steps(&client, &version, table()).await,
                Over::Own => steps(&client.dedicated().await.unwrap(), &version, table()).await,
            }
        });
    }
}

async fn steps(
    service: &impl Service<Req = Command, Resp = Value, Error = Error>,
    version: &str,
    steps: Vec<Step>,
) {
    for (at, step) in steps.into_iter().enumerate() {
        let words = words_of(&step.command);
        let answer = service.call(step.command).await;
        let told = format!("{answer:?}");
        if let Err(complaint) = (step.check)(answer) {
            panic!("step {at} in {version}, {words}: {complaint}\n  the server: {told}");
        }
    }
}

/// It answers that.
fn is<R>(made: R, expect: R::Answer) -> Step
where
    R: IntoTyped<Answer: PartialEq + Debug + 'static>,
{
    let told = format!("{expect:?}");
    answers(made, told, move |answer| *answer == expect)
}

/// Its answer, printed for debugging, begins so: for types that only the client can make.
fn shows<R: IntoTyped<Answer: Debug + 'static>>(made: R, expect: &'static str) -> Step {
    answers(made, expect.to_owned(), move |answer| format!("{answer:?}").starts_with(expect))
}

/// Its answer, of which not all is known, is like that.
fn fits<R: IntoTyped<Answer: Debug + 'static>>(made: R, is_fit: fn(&R::Answer) -> bool) -> Step {
    answers(made, "one that fits".to_owned(), is_fit)
}

/// The server refuses it, and says that.
fn fails<R: IntoTyped<Answer: Debug + 'static>>(made: R, expect: &'static str) -> Step {
    let (command, convert) = made.into_typed().into_parts();
    let check = move |answer: Result<Value, Error>| match answer.and_then(convert) {
        Err(error) if error.as_server().is_some_and(|said| said.to_string().contains(expect)) => Ok(()),
        other => Err(format!("got {other:?}, not the error {expect:?}")),
    };
    Step { command, check: Box::new(check) }
}

/// The connection is lost with it.
fn ends<R: IntoTyped<Answer: Debug + 'static>>(made: R) -> Step {
    let (command, convert) = made.into_typed().into_parts();
    let check = move |answer: Result<Value, Error>| match answer.and_then(convert) {
        Err(error) if error.is_lost() => Ok(()),
        other => Err(format!("got {other:?}, and not the end of the connection")),
    };
    Step { command, check: Box::new(check) }
}

fn answers<R>(made: R, expect: String, is_fit: impl Fn(&R::Answer) -> bool + 'static) -> Step
where
    R: IntoTyped<Answer: Debug + 'static>,
{
    let (command, convert) = made.into_typed().into_parts();
    let check = move |answer: Result<Value, Error>| match answer.and_then(convert) {
        Ok(answer) if is_fit(&answer) => Ok(()),
        other => Err(format!("got {other:?}, not {expect}")),
    };
    Step { command, check: Box::new(check) }
}

fn words_of(command: &Command) -> String {
    let words: Vec<_> = command.args().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect();
    words.join(" ")
}

/// Texts, as they are answered.
fn texts<const N: usize>(texts: [&str; N]) -> Vec<String> {
    texts.map(str::to_owned).to_vec()
}

/// A text, as it is answered.
fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Members with scores, as they are answered.
fn scored<const N: usize>(members: [(&str, f64); N]) -> Vec<(String, f64)> {
    members.map(|(member, score)| (member.to_owned(), score)).to_vec()
}
