//! How a connection begins: [`connect`], and what is said on it before anybody's commands.
//!
//! ```text
//!   HELLO 3 [AUTH user password] [SETNAME name]     or, if the server does not know that,
//!   [AUTH [user] password] [CLIENT SETNAME name]
//!   [SELECT database] [CLIENT TRACKING ON …]
//!   PING, if there was nothing to say
//! ```
//!
//! Something is always said, and answered: a server that is full accepts a connection, says no unasked, and ends it, which
//! would be taken for the answer of whatever came first.

use std::error::Error as StdError;

use ekiden_proto::Transport;
use ekiden_reactor::context;
use ekiden_service::Expired;
use futures_io::{AsyncRead, AsyncWrite};

use super::address::Address;
use super::codec::Codec;
use super::config::{Config, Protocol, Tracking};
use super::patience::Patient;
use super::socket::Socket;
use crate::command::Command;
use crate::error::Error;
use crate::value::Value;

/// A connection that was greeted.
pub(crate) type Wire = Transport<Patient<Socket>, Codec>;

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// The calls of everybody, whose reads are tracked if that is configured.
    Shared,
    /// One caller, or subscriber.
    Own,
}

/// Connects and greets.
pub(crate) async fn connect(address: &Address, config: &Config, purpose: Purpose) -> Result<Wire, Error> {
    if let Some(objection) = address.objection() {
        return Err(Error::greeting("connecting", Error::misuse(objection)));
    }
    let socket = Socket::connect(address).await.map_err(|error| Error::connect("connecting", error))?;
    let codec = Codec::new(config.limits);
    // Who has a connection alone may wait on it for as long as it likes.
    let silence_max = config.silence_max.filter(|_| purpose == Purpose::Shared);
    let mut wire = Transport::new(Patient::new(socket, codec.owed(), silence_max), codec);
    greet(&mut wire, config, purpose).await?;
    Ok(wire)
}

/// The same within the time for it: for those whom no [`Reconnect`](ekiden_middleware::Reconnect) gives one.
pub(crate) async fn connect_in_time(address: &Address, config: &Config) -> Result<Wire, Error> {
    let time = config.reconnect.connect_timeout;
    let limit = ekiden_reactor::Instant::now() + time;
    let connected = context::timeout_at(limit, connect(address, config, Purpose::Own)).await;
    connected.unwrap_or_else(|_elapsed| Err(Error::connect_timeout("connecting", Expired::new(time))))
}

async fn greet<Io>(wire: &mut Transport<Io, Codec>, config: &Config, purpose: Purpose) -> Result<(), Error>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let spoken = match config.protocol {
        Protocol::Resp3 => say_hello(wire, config).await?,
        Protocol::Resp2 => Protocol::Resp2,
    };
    if spoken == Protocol::Resp2 {
        if logs_in(config) {
            let password = config.password.as_deref().unwrap_or_default();
            let login = Command::new("AUTH").arg(&config.username).arg(password);
            exchange(wire, login, "logging in").await?;
        }
        if let Some(name) = &config.client_name {
            exchange(wire, Command::new("CLIENT SETNAME").arg(name), "naming the connection").await?;
        }
    }
    if config.database != 0 {
        let select = Command::new("SELECT").arg(config.database);
        exchange(wire, select, "selecting the data base").await?;
    }
    if let Some(tracking) = config.tracking.as_ref().filter(|_| purpose == Purpose::Shared) {
        if spoken == Protocol::Resp2 {
            let error =
                Error::misuse("the server does not speak RESP3, in which it could tell of changed keys");
            return Err(Error::greeting("asking to be told of changed keys", error));
        }
        exchange(wire, track(tracking), "asking to be told of changed keys").await?;
    }
    let is_silent = !logs_in(config) && config.client_name.is_none() && config.database == 0;
    if config.protocol == Protocol::Resp2 && is_silent {
        ping(wire).await?;
    }
    Ok(())
}

/// Who has no password may be somebody all the same, to a server that asks that user for none.
fn logs_in(config: &Config) -> bool {
    config.username.is_some() || config.password.is_some()
}

/// Finds out whether the server takes the connection. If it does, it may still have something against the question.
async fn ping<Io>(wire: &mut Transport<Io, Codec>) -> Result<(), Error>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    match exchange(wire, Command::new("PING"), "asking whether it is there").await {
        Err(error) if !is_about_ping(&error) => Err(error),
        _ => Ok(()),
    }
}

/// Whether it is about the command, or about a state in which other commands may be served.
fn is_about_ping(error: &Error) -> bool {
    error.as_server().is_some_and(|error| match error.code() {
        "NOPERM" | "LOADING" | "BUSY" | "MASTERDOWN" | "MISCONF" => true,
        "ERR" => error.line().starts_with(b"ERR unknown command"),
        _ => false,
    })
}

/// Says hello in version 3. The version that is spoken from here on: 2, and nothing was said, if the server does not know
/// the command or the version.
async fn say_hello<Io>(wire: &mut Transport<Io, Codec>, config: &Config) -> Result<Protocol, Error>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let mut hello = Command::new("HELLO").arg(3);
    if logs_in(config) {
        let username = config.username.as_deref().unwrap_or("default");
        hello = hello.arg("AUTH").arg(username).arg(config.password.as_deref().unwrap_or_default());
    }
    if let Some(name) = &config.client_name {
        hello = hello.arg("SETNAME").arg(name);
    }
    match exchange(wire, hello, "saying hello").await {
        Ok(_) => Ok(Protocol::Resp3),
        Err(error) if is_of_another_version(&error) => Ok(Protocol::Resp2),
        Err(error) => Err(error),
    }
}

fn is_of_another_version(error: &Error) -> bool {
    error.as_server().is_some_and(|error| match error.code() {
        "NOPROTO" => true,
        "ERR" => error.line().starts_with(b"ERR unknown command"),
        _ => false,
    })
}

fn track(tracking: &Tracking) -> Command {
    let mut command = Command::new("CLIENT TRACKING ON");
    if !tracking.prefixes.is_empty() {
        command = command.arg("BCAST");
    }
    for prefix in &tracking.prefixes {
        command = command.arg("PREFIX").arg(prefix);
    }
    command.flag(tracking.no_loop, "NOLOOP")
}

/// Sends a command, and waits for its answer.
async fn exchange<Io>(
    wire: &mut Transport<Io, Codec>,
    command: Command,
    doing: &'static str,
) -> Result<Value, Error>
where
    Io: AsyncRead + AsyncWrite + Unpin,
{
    let failed = |error: Box<dyn StdError + Send + Sync>| Error::connect(doing, Source(error));
    wire.send(command).await.map_err(|error| failed(error.into()))?;
    loop {
        match wire.next().await {
            // Nothing was asked for yet that could matter to anybody.
            Some(Ok(Value::Push(_))) => {}
            Some(Ok(Value::Error(error))) => return Err(Error::greeting(doing, error.into())),
            Some(Ok(value)) => return Ok(value),
            Some(Err(error)) => return Err(failed(error.into())),
            None => return Err(failed("the server ended the connection".into())),
        }
    }
}

/// Whatever went wrong with a connection.
#[derive(Debug)]
struct Source(Box<dyn StdError + Send + Sync>);

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Source {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekiden_reactor::net::UnixStream;
    use ekiden_reactor::spawn;
    use ekiden_service::{Begun, Failure, Fault};

    /// Greets a server that answers so, and says what it was told, "|" for each line end, and what came of it.
    fn check(config: Config, answers: &'static [&'static str], told: &[&str], outcome: &str) {
        ekiden_reactor::run(async {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let server = spawn(async move {
                let mut heard = Vec::new();
                for answer in answers {
                    let mut buf = [0; 1024];
                    let count = theirs.read(&mut buf).await.unwrap();
                    heard.push(String::from_utf8_lossy(&buf[..count]).replace("\r\n", "|"));
                    theirs.write_all(answer.as_bytes()).await.unwrap();
                }
                heard
            });
            let mut wire = Transport::new(Socket::Unix(ours), Codec::new(config.limits));
            let came = match greet(&mut wire, &config, Purpose::Shared).await {
                Ok(()) => "greeted".to_owned(),
                Err(error) => {
                    assert_eq!(error.begun(), Begun::No);
                    format!("{:?}: {error}: {}", error.fault(), error.source().unwrap())
                }
            };
            assert_eq!(came, outcome);
            assert_eq!(server.await.unwrap(), told);
        });
    }

    fn full() -> Config {
        Config {
            username: Some("ada".into()),
            password: Some("pw".into()),
            client_name: Some("me".into()),
            database: 2,
            ..Config::default()
        }
    }

    const HELLO: &str = "*7|$5|HELLO|$1|3|$4|AUTH|$3|ada|$2|pw|$7|SETNAME|$2|me|";
    const SELECT: &str = "*2|$6|SELECT|$1|2|";

    #[test]
    fn one_command_says_nearly_all_in_version_3() {
        check(Config::default(), &["%0\r\n"], &["*2|$5|HELLO|$1|3|"], "greeted");
        check(full(), &["%0\r\n", "+OK\r\n"], &[HELLO, SELECT], "greeted");
        let password = Config { password: Some("pw".into()), ..Config::default() };
        let told = "*5|$5|HELLO|$1|3|$4|AUTH|$7|default|$2|pw|";
        check(password, &["%0\r\n"], &[told], "greeted");
    }

    #[test]
    fn a_user_without_a_password_is_somebody() {
        let config = Config { username: Some("ada".into()), ..Config::default() };
        let told = "*5|$5|HELLO|$1|3|$4|AUTH|$3|ada|$0||";
        check(config.clone(), &["%0\r\n"], &[told], "greeted");
        let second = Config { protocol: Protocol::Resp2, ..config };
        check(second, &["+OK\r\n"], &["*3|$4|AUTH|$3|ada|$0||"], "greeted");
    }

    #[test]
    fn a_server_that_does_not_know_version_3_is_spoken_to_in_version_2() {
        let rest = ["*3|$4|AUTH|$3|ada|$2|pw|", "*3|$6|CLIENT|$7|SETNAME|$2|me|", SELECT];
        let told = [&[HELLO][..], &rest].concat();
        check(
            full(),
            &["-ERR unknown command 'HELLO'\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\n"],
            &told,
            "greeted",
        );
        check(
            full(),
            &["-NOPROTO unsupported protocol version\r\n", "+OK\r\n", "+OK\r\n", "+OK\r\n"],
            &told,
            "greeted",
        );
        let second = Config { protocol: Protocol::Resp2, ..full() };
        check(second, &["+OK\r\n", "+OK\r\n", "+OK\r\n"], &rest, "greeted");
    }

    #[test]
    fn a_server_that_is_full_is_found_out_in_version_2_too() {
        let second = || Config { protocol: Protocol::Resp2, ..Config::default() };
        let told = ["*1|$4|PING|"];
        check(
            second(),
            &["-ERR max number of clients reached\r\n"],
            &told,
            "Service: no connection to the server, while asking whether it is there: \
             the server said: ERR max number of clients reached",
        );
        check(
            second(),
            &["-NOAUTH Authentication required.\r\n"],
            &told,
            "Caller: no connection to the server, while asking whether it is there: \
             the server said: NOAUTH Authentication required.",
        );
        check(second(), &["+PONG\r\n"], &told, "greeted");
        check(
            second(),
            &["-NOPERM this user has no permissions to run the 'ping' command\r\n"],
            &told,
            "greeted",
        );
    }

    #[test]
    fn what_the_server_does_not_allow_is_the_callers_fault_and_nothing_was_begun() {
        check(
            full(),
            &["-WRONGPASS invalid username-password pair or user is disabled.\r\n"],
            &[HELLO],
            "Caller: no connection to the server, while saying hello: \
             the server said: WRONGPASS invalid username-password pair or user is disabled.",
        );
    }

    #[test]
    fn a_server_that_goes_away_is_the_networks_fault() {
        check(
            Config::default(),
            &[""],
            &["*2|$5|HELLO|$1|3|"],
            "Network: no connection to the server, while saying hello: the server ended the connection",
        );
    }

    #[test]
    fn changed_keys_are_asked_for_in_version_3_only() {
        let tracking = Tracking { prefixes: vec!["a:".into(), "b:".into()], no_loop: true };
        let config = Config { tracking: Some(tracking), ..Config::default() };
        let track = "*9|$6|CLIENT|$8|TRACKING|$2|ON|$5|BCAST|$6|PREFIX|$2|a:|$6|PREFIX|$2|b:|$6|NOLOOP|";
        check(config.clone(), &["%0\r\n", "+OK\r\n"], &["*2|$5|HELLO|$1|3|", track], "greeted");
        check(
            config,
            &["-ERR unknown command\r\n"],
            &["*2|$5|HELLO|$1|3|"],
            "Caller: no connection to the server, while asking to be told of changed keys: \
             the server does not speak RESP3, in which it could tell of changed keys",
        );
    }

    #[test]
    fn fault_of_a_greeting_is_that_of_what_was_said() {
        let error = Error::greeting("saying hello", crate::ServerError::new("LOADING …").into());
        assert_eq!((error.fault(), error.begun()), (Fault::Service, Begun::No));
    }
}
