//! What goes wrong with a call to Redis, as one type that answers the questions of those who must act on it: [`Error`].

use std::error::Error as StdError;
use std::sync::Arc;
use std::{fmt, io};

use ekiden_proto::pipeline;
use ekiden_service::{Begun, Expired, Failure, Fault, Refused};

use crate::resp::RespError;
use crate::value::{ServerError, Value};
use crate::verdict::Runs;

/// Why a call has no answer, or not the one that was wanted.
///
/// The questions are those of [`Failure`]: [`fault`](Failure::fault), [`begun`](Failure::begun),
/// [`is_timeout`](Failure::is_timeout). What the server said is in [`as_server`](Self::as_server).
///
/// ```
/// use ekiden_redis::{Error, ServerError};
/// use ekiden_service::{Begun, Failure, Fault};
///
/// let error = Error::from(ServerError::new("LOADING Redis is loading the dataset in memory"));
/// assert_eq!((error.begun(), error.fault()), (Begun::No, Fault::Service));
/// assert_eq!(error.as_server().unwrap().code(), "LOADING");
/// ```
#[derive(Clone)]
pub struct Error {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    /// The server said no, and whether it had begun.
    Server(ServerError, Begun),
    /// The server's answer is of another type than the caller wants.
    Mismatch(Mismatch),
    /// The call was refused on this side, or its connection was lost.
    Call(pipeline::Error),
    /// There is no connection.
    Connect(Connect),
    /// The caller asks what this client cannot do.
    Misuse(&'static str),
    /// The server answers what its protocol does not allow.
    Protocol(&'static str),
    /// A transaction was not done, since keys that were watched have changed.
    Changed,
}

/// What was being done when there came no connection of it. `source` says why.
#[derive(Clone, Debug)]
struct Connect {
    doing: &'static str,
    source: Arc<dyn StdError + Send + Sync>,
    fault: Fault,
    is_timeout: bool,
}

/// An answer of another type than was wanted.
///
/// The call itself was served: what is in the data base is not what the program expects, or was asked for as something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mismatch {
    wanted: &'static str,
    got: &'static str,
}

/// Where a server of a cluster says that a key is. This client follows no redirects.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Redirect {
    /// The slot of the key.
    pub slot: u16,
    /// The host of the server that has it; empty where it is the one that was asked.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// Whether the slot is being moved: `ASK`, for this one call; else `MOVED`, for good.
    pub is_ask: bool,
}

impl Error {
    /// `wanted` is a part of a sentence, as "an integer". An error among the values is that error.
    pub(crate) fn mismatch(wanted: &'static str, got: &Value) -> Self {
        match got {
            Value::Error(error) => error.clone().into(),
            got => Kind::Mismatch(Mismatch { wanted, got: got.kind() }).into(),
        }
    }

    /// An answer of the right type with a content that is not: "a text that is no number".
    pub(crate) fn unfit(wanted: &'static str, got: &'static str) -> Self {
        Kind::Mismatch(Mismatch { wanted, got }).into()
    }

    /// The caller asks what cannot be done so. `advice` says what can.
    pub(crate) fn misuse(advice: &'static str) -> Self {
        Kind::Misuse(advice).into()
    }

    /// The same error of the server, which is known to have begun or not, whatever the error by itself would say: of a command
    /// among several.
    pub(crate) fn with_begun(self, begun: Begun) -> Self {
        match self.kind {
            Kind::Server(error, _) => Kind::Server(error, begun).into(),
            _ => self,
        }
    }

    /// A transaction was not done, since keys that were watched have changed.
    pub(crate) fn changed() -> Self {
        Kind::Changed.into()
    }

    /// The server answers what its protocol does not allow.
    pub(crate) fn protocol(what: &'static str) -> Self {
        Kind::Protocol(what).into()
    }

    /// What the server said to a command that runs a script.
    pub(crate) fn of_script(error: ServerError) -> Self {
        let begun = error.begun(Runs::Script);
        Kind::Server(error, begun).into()
    }

    /// No connection came of it. `doing` follows "while". A server that says what is no RESP is none of Redis.
    pub(crate) fn connect(doing: &'static str, source: impl StdError + Send + Sync + 'static) -> Self {
        let mut causes =
            std::iter::successors(Some(&source as &(dyn StdError + 'static)), |&error| error.source());
        let fault = if causes.any(|error| error.is::<RespError>()) { Fault::Service } else { Fault::Network };
        let source = Arc::new(source);
        Kind::Connect(Connect { doing, source, fault, is_timeout: false }).into()
    }

    /// No connection came of it, since the server did not greet as it should.
    pub(crate) fn greeting(doing: &'static str, source: Self) -> Self {
        let (fault, is_timeout) = (source.fault(), source.is_timeout());
        Kind::Connect(Connect { doing, source: Arc::new(source), fault, is_timeout }).into()
    }

    /// No connection came of it, within the time for it.
    pub(crate) fn connect_timeout(doing: &'static str, source: Expired) -> Self {
        let source = Arc::new(source);
        Kind::Connect(Connect { doing, source, fault: Fault::Network, is_timeout: true }).into()
    }

    /// What the server said, if it is that: to the command, or to the greeting of the connection.
    pub fn as_server(&self) -> Option<&ServerError> {
        match &self.kind {
            Kind::Server(error, _) => Some(error),
            Kind::Connect(connect) => connect.source.downcast_ref::<Self>()?.as_server(),
            _ => None,
        }
    }

    /// How the answer differs from what was wanted, if it is that.
    pub fn as_mismatch(&self) -> Option<&Mismatch> {
        match &self.kind {
            Kind::Mismatch(mismatch) => Some(mismatch),
            _ => None,
        }
    }

    /// Where a server of a cluster says that the key is, if it does.
    pub fn redirect(&self) -> Option<Redirect> {
        self.as_server().and_then(ServerError::redirect)
    }

    /// True if a transaction was not done, since keys that were watched have changed: whoever wants it reads them and tries
    /// again.
    pub fn is_changed(&self) -> bool {
        matches!(self.kind, Kind::Changed)
    }

    /// True if the connection was lost, or there was none.
    pub fn is_lost(&self) -> bool {
        match &self.kind {
            Kind::Call(error) => error.is_lost(),
            Kind::Connect(_) => true,
            _ => false,
        }
    }
}

impl ServerError {
    /// Where the key is, of `MOVED` and `ASK`.
    pub fn redirect(&self) -> Option<Redirect> {
        let is_ask = match self.code() {
            "MOVED" => false,
            "ASK" => true,
            _ => return None,
        };
        let message = self.message();
        let (slot, addr) = message.split_once(' ')?;
        // From behind: an IPv6 address has colons of its own.
        let (host, port) = addr.trim_end().rsplit_once(':')?;
        Some(Redirect { slot: slot.parse().ok()?, host: host.to_owned(), port: port.parse().ok()?, is_ask })
    }
}

impl Mismatch {
    /// What the caller wants: "an integer".
    pub fn wanted(&self) -> &'static str {
        self.wanted
    }

    /// What the server answered: "an array".
    pub fn got(&self) -> &'static str {
        self.got
    }
}

impl Failure for Error {
    fn fault(&self) -> Fault {
        match &self.kind {
            Kind::Server(error, _) => error.fault(),
            Kind::Call(error) => error.fault(),
            Kind::Connect(connect) => connect.fault,
            Kind::Mismatch(_) | Kind::Misuse(_) | Kind::Changed => Fault::Caller,
            Kind::Protocol(_) => Fault::Service,
        }
    }

    fn begun(&self) -> Begun {
        match &self.kind {
            Kind::Server(_, begun) => *begun,
            Kind::Call(error) => error.begun(),
            Kind::Connect(_) | Kind::Misuse(_) | Kind::Changed => Begun::No,
            Kind::Mismatch(_) | Kind::Protocol(_) => Begun::Yes,
        }
    }

    fn is_timeout(&self) -> bool {
        match &self.kind {
            Kind::Call(error) => error.is_timeout(),
            Kind::Connect(connect) => connect.is_timeout,
            _ => false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Server(error, _) => match error.redirect() {
                Some(redirect) => write!(f, "cluster redirect: {redirect}"),
                None => write!(f, "the server said: {error}"),
            },
            Kind::Mismatch(mismatch) => fmt::Display::fmt(mismatch, f),
            Kind::Call(error) => fmt::Display::fmt(error, f),
            Kind::Connect(connect) => write!(f, "no connection to the server, while {}", connect.doing),
            Kind::Misuse(advice) => f.write_str(advice),
            Kind::Protocol(what) => write!(f, "the server breaks its protocol: {what}"),
            Kind::Changed => {
                f.write_str("the transaction was not done, since keys that were watched have changed")
            }
        }
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was wanted, and the answer is {}", self.wanted, self.got)
    }
}

impl fmt::Display for Redirect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { slot, host, port, .. } = self;
        write!(f, "slot {slot} is at {host}:{port}, and this client speaks to one server only")
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error").field("kind", &self.kind).field("begun", &self.begun()).finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.kind {
            // Its message is shown as ours.
            Kind::Call(error) => error.source(),
            Kind::Connect(connect) => Some(&*connect.source),
            _ => None,
        }
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self { kind }
    }
}

impl From<ServerError> for Error {
    fn from(error: ServerError) -> Self {
        let begun = error.begun(Runs::Itself);
        Kind::Server(error, begun).into()
    }
}

impl From<pipeline::Error> for Error {
    fn from(error: pipeline::Error) -> Self {
        Kind::Call(error).into()
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        pipeline::Error::from(refused).into()
    }
}

impl From<Expired> for Error {
    fn from(expired: Expired) -> Self {
        pipeline::Error::from(expired).into()
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

/// An error as a server says it: for servers of ours whose service is, or uses, a client.
impl From<Error> for Value {
    fn from(error: Error) -> Self {
        match error.kind {
            Kind::Server(error, _) => Self::Error(error),
            _ => Self::error(format!("ERR {}", Chain(&error))),
        }
    }
}

impl From<std::convert::Infallible> for Value {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

impl From<io::Error> for Value {
    fn from(error: io::Error) -> Self {
        Self::error(format!("ERR {}", Chain(&error)))
    }
}

/// An error with what caused it, in one line.
struct Chain<'a>(&'a dyn StdError);

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_that_is_no_redis_is_no_trouble_of_the_network() {
        let reset = io::Error::from(io::ErrorKind::ConnectionReset);
        assert_eq!(Error::connect("saying hello", reset).fault(), Fault::Network);
        assert_eq!(Error::connect("saying hello", RespError::Type(b'H')).fault(), Fault::Service);
    }

    #[test]
    fn a_redirect_says_where_to() {
        let error = Error::from(ServerError::new("MOVED 3999 127.0.0.1:6381"));
        let redirect = error.redirect().unwrap();
        assert_eq!((redirect.slot, &redirect.host[..], redirect.port), (3999, "127.0.0.1", 6381));
        assert!(!redirect.is_ask);
        assert_eq!(
            error.to_string(),
            "cluster redirect: slot 3999 is at 127.0.0.1:6381, and this client speaks to one server only"
        );
        let ask = ServerError::new("ASK 1 ::1:7000").redirect().unwrap();
        assert_eq!((&ask.host[..], ask.port, ask.is_ask), ("::1", 7000, true));
        for broken in ["MOVED", "MOVED x y", "MOVED 1 host", "MOVED 99999 host:1", "MOVED 1 host:x"] {
            assert_eq!(ServerError::new(broken).redirect(), None, "{broken}");
        }
    }

    #[test]
    fn what_a_middleware_fails_with_keeps_its_meaning() {
        let error = Error::from(Refused::new("full"));
        assert_eq!((error.begun(), error.is_timeout()), (Begun::No, false));
        assert_eq!(error.source().unwrap().to_string(), "refused: full");
        let error = Error::from(Expired::new(std::time::Duration::from_secs(1)));
        assert_eq!((error.begun(), error.is_timeout()), (Begun::Unknown, true));
    }

    #[test]
    fn an_answer_of_another_type_says_which() {
        let error = Error::mismatch("an integer", &Value::Array(vec![]));
        assert_eq!(error.to_string(), "an integer was wanted, and the answer is an array");
        assert_eq!((error.fault(), error.begun()), (Fault::Caller, Begun::Yes));
        let error = Error::mismatch("an integer", &Value::error("ERR no"));
        assert_eq!(error.to_string(), "the server said: ERR no");
    }

    #[test]
    fn an_error_becomes_one_line_for_a_peer() {
        let value = Value::from(Error::from(Refused::new("full")));
        assert_eq!(value, Value::error("ERR the call was not begun: refused: full"));
        let value = Value::from(Error::from(ServerError::new("WRONGTYPE no")));
        assert_eq!(value, Value::error("WRONGTYPE no"));
    }
}
