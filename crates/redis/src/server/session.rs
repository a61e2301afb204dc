//! What is answered without asking the service, since it is about the connection: [`Session`].

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use ekiden_reactor::net::Hangup;
use ekiden_service::{Service, Status};

use super::codec::{Reply, Request};
use super::shape::Shape;
use crate::command::Command;
use crate::nature::Nature;
use crate::resp::Version;
use crate::value::Value;

/// A connection's view of the service.
pub(super) struct Session<S> {
    service: S,
    hangup: Option<Hangup>,
}

/// The peer has left while it was waited for on its behalf, and there is nobody to answer.
#[derive(Debug)]
pub(super) struct Left;

impl<S> Session<S>
where
    S: Service<Req = Command, Resp = Value, Error: Into<Value>>,
{
    pub(super) fn new(service: S, hangup: Option<Hangup>) -> Self {
        Self { service, hangup }
    }

    async fn ask(&self, command: Command) -> Value {
        self.service.call(command).await.unwrap_or_else(Into::into)
    }

    /// Asks what may be answered late on purpose, for as long as the peer is there.
    ///
    /// One that closes its direction meanwhile has left, as Redis sees it: nobody pipes a command into a socket that waits
    /// for others. What it would take from them stays theirs.
    async fn ask_while_there(&self, command: Command, hangup: &Hangup) -> Result<Value, Left> {
        let (mut asked, mut left) = (pin!(self.ask(command)), pin!(hangup.read_closed()));
        poll_fn(|cx| match asked.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Ok(value)),
            Poll::Pending => left.as_mut().poll(cx).map(|()| Err(Left)),
        })
        .await
    }

    /// `HELLO [version [AUTH user password] [SETNAME name]]`. Who may log in and what a name is for the service knows, which
    /// is asked as if the client had said `AUTH` and `CLIENT SETNAME`.
    async fn hello(&self, command: &Command) -> Reply {
        let mut args = command.args().skip(1);
        let version = match args.next() {
            None => None,
            Some(b"2") => Some(Version::Resp2),
            Some(b"3") => Some(Version::Resp3),
            Some(_) => return Value::error("NOPROTO unsupported protocol version").into(),
        };
        while let Some(option) = args.next() {
            let asked = if option.eq_ignore_ascii_case(b"AUTH") {
                let (Some(user), Some(password)) = (args.next(), args.next()) else { return wrong() };
                Command::new("AUTH").arg(user).arg(password)
            } else if option.eq_ignore_ascii_case(b"SETNAME") {
                let Some(name) = args.next() else { return wrong() };
                Command::new("CLIENT SETNAME").arg(name)
            } else {
                return wrong();
            };
            if let error @ Value::Error(_) = self.ask(asked).await {
                return error.into();
            }
        }
        Reply { version, ..greeting(version.unwrap_or_default()).into() }
    }
}

impl<S> Service for Session<S>
where
    S: Service<Req = Command, Resp = Value, Error: Into<Value>>,
{
    type Req = Request;
    type Resp = Reply;
    type Error = Left;

    async fn call(&self, request: Request) -> Result<Reply, Left> {
        let command = match request {
            Request::Command(command) => command,
            Request::Broken(error) => return Ok(Value::error(format!("ERR Protocol error: {error}")).into()),
        };
        let name = command.name();
        Ok(match name.len() {
            4 if name.eq_ignore_ascii_case(b"QUIT") => Value::ok().into(),
            // In a box, since it is said once.
            5 if name.eq_ignore_ascii_case(b"HELLO") => Box::pin(self.hello(&command)).await,
            _ => {
                let shape = Shape::of(&command);
                let value = match &self.hangup {
                    Some(hangup) if Nature::waits(&command) => {
                        Box::pin(self.ask_while_there(command, hangup)).await?
                    }
                    _ => self.ask(command).await,
                };
                Reply { value, shape, version: None }
            }
        })
    }

    fn status(&self) -> Status {
        self.service.status()
    }
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the peer has left")
    }
}

impl std::error::Error for Left {}

fn wrong() -> Reply {
    Value::error("ERR syntax error in HELLO").into()
}

fn greeting(version: Version) -> Value {
    let number = match version {
        Version::Resp2 => 2_i64,
        Version::Resp3 => 3,
    };
    Value::Map(vec![
        ("server".into(), "ekiden".into()),
        ("version".into(), env!("CARGO_PKG_VERSION").into()),
        ("proto".into(), number.into()),
        ("mode".into(), "standalone".into()),
        ("role".into(), "master".into()),
        ("modules".into(), Value::Array(Vec::new())),
    ])
}
