//! What goes wrong around a call, as one type that answers the questions of those who must act on it: [`Error`].
//!
//! An error of the application is none of these: a method that returns a `Result` has it in its own result.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use ekiden_proto::multiplex::{self, Reset};
use ekiden_service::{Begun, Expired, Failure, Fault, Refused};

use crate::method::Method;
use crate::wire::WireError;
use crate::wire::hello::HelloError;

/// Why a call has no result: the error of clients, of servers, and of the middlewares around either.
///
/// The questions are those of [`Failure`]: [`fault`](Failure::fault), [`begun`](Failure::begun),
/// [`is_timeout`](Failure::is_timeout). Which of the known things happened, [`kind`](Self::kind) says; what exactly, its
/// [`source`](StdError::source).
///
/// One pointer in size, so that a `Result` stays as small as what it carries. Cheap to clone, since all that were under way on
/// a connection that is lost get one.
///
/// ```
/// use ekiden_rpc::{Error, ErrorKind};
/// use ekiden_service::{Begun, Failure, Refused};
///
/// let error = Error::from(Refused::new("the queue is full"));
/// assert_eq!((error.kind(), error.begun()), (ErrorKind::Refused, Begun::No));
/// ```
#[derive(Clone)]
pub struct Error {
    // Shared, and boxed by that: failing is rare, and succeeding moves a `Result` through many hands.
    inner: Arc<Inner>,
}

/// What became of a call that has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// It was not begun: a limit of this side or of the other said no, or the server drains.
    Refused,
    /// Its time ran out, or had when it was to begin.
    Expired,
    /// It was not begun: the server has no such method. It is older, or newer, or another one.
    UnknownMethod,
    /// It was not begun: the server cannot read the arguments. The method takes others there.
    BadArguments,
    /// An item of the caller's stream could not be read by the server, and that ended the call.
    BadItem,
    /// It was not begun: the request cannot be encoded, or is longer than the server takes.
    Unsendable,
    /// An item of the caller's stream cannot be encoded, or is longer than the server takes, and that ended the call.
    UnsendableItem,
    /// It was done, and its result cannot be sent, or an item of it: it cannot be encoded, or is longer than the caller takes.
    BadResult,
    /// It was done, and the caller cannot read the result, or an item of the result. The method returns another here.
    BadAnswer,
    /// It was begun, and failed, without a result: the server's code panicked, or gave it up.
    Failed,
    /// The connection was lost, or was when it was to begin.
    Lost,
    /// There is no connection: nobody answered, or the server refused.
    Connect,
    /// There is no connection: the two sides speak different languages, by [`HelloError`].
    Hello,
}

struct Inner {
    kind: ErrorKind,
    begun: Begun,
    fault: Fault,
    is_timeout: bool,
    /// Which method was called, where that is known.
    method: Option<Method>,
    source: Option<Source>,
}

type Source = Box<dyn StdError + Send + Sync>;

impl Error {
    /// What happened.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Which method was called, if that is known.
    #[must_use]
    pub fn method(&self) -> Option<Method> {
        self.inner.method
    }

    /// There is no such method here. For a service that is written by hand.
    #[must_use]
    pub fn unknown_method(method: Method) -> Self {
        Self::of_method(ErrorKind::UnknownMethod, method, None)
    }

    /// The arguments are not what the method takes: `source` says why. For a service that is written by hand.
    pub fn bad_arguments(method: Method, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::of_method(ErrorKind::BadArguments, method, Some(source.into()))
    }

    /// The service failed, and that is no result of its method: for a service that is written by hand, or a middleware.
    pub fn failed(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(ErrorKind::Failed, Some(source.into()))
    }

    pub(crate) fn of_method(kind: ErrorKind, method: Method, source: Option<Source>) -> Self {
        let mut inner = Inner::new(kind, source);
        inner.method = Some(method);
        Self { inner: Arc::new(inner) }
    }

    pub(crate) fn new(kind: ErrorKind, source: Option<Source>) -> Self {
        Self { inner: Arc::new(Inner::new(kind, source)) }
    }

    /// What dispatch says of a call of this method. It is named where the request or the stream is at fault.
    pub(crate) fn dispatch(error: multiplex::Error, method: Method) -> Self {
        let mut error = Self::from(error);
        if matches!(error.kind(), ErrorKind::Unsendable | ErrorKind::UnsendableItem | ErrorKind::BadResult)
            && let Some(inner) = Arc::get_mut(&mut error.inner)
        {
            inner.method = Some(method);
        }
        error
    }

    pub(crate) fn too_long(kind: ErrorKind, method: Method, bytes: usize, max: usize) -> Self {
        Self::of_method(kind, method, Some(TooLong { bytes, max }.into()))
    }

    pub(crate) fn connect(error: io::Error) -> Self {
        Self::new(ErrorKind::Connect, Some(error.into()))
    }

    /// Of a connection that did not come to be in time.
    pub(crate) fn connect_timeout(after: Duration) -> Self {
        let mut inner = Inner::new(ErrorKind::Connect, Some(NoAnswer { after }.into()));
        inner.is_timeout = true;
        Self { inner: Arc::new(inner) }
    }
}

impl Inner {
    /// What is true of most errors of a kind.
    fn new(kind: ErrorKind, source: Option<Source>) -> Self {
        let (fault, begun) = match kind {
            ErrorKind::Refused => (Fault::Service, Begun::No),
            ErrorKind::Expired => (Fault::Service, Begun::Unknown),
            ErrorKind::UnknownMethod | ErrorKind::BadArguments | ErrorKind::Unsendable => {
                (Fault::Caller, Begun::No)
            }
            ErrorKind::BadItem => (Fault::Caller, Begun::Yes),
            ErrorKind::UnsendableItem => (Fault::Caller, Begun::Unknown),
            ErrorKind::BadResult | ErrorKind::BadAnswer | ErrorKind::Failed => (Fault::Service, Begun::Yes),
            ErrorKind::Lost => (Fault::Network, Begun::Unknown),
            ErrorKind::Connect => (Fault::Network, Begun::No),
            ErrorKind::Hello => (Fault::Service, Begun::No),
        };
        Self { kind, begun, fault, is_timeout: kind == ErrorKind::Expired, method: None, source }
    }
}

impl Failure for Error {
    fn fault(&self) -> Fault {
        self.inner.fault
    }

    fn begun(&self) -> Begun {
        self.inner.begun
    }

    fn is_timeout(&self) -> bool {
        self.inner.is_timeout
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::new(ErrorKind::Refused, Some(refused.into()))
    }
}

impl From<Expired> for Error {
    fn from(expired: Expired) -> Self {
        let mut inner = Inner::new(ErrorKind::Expired, Some(expired.into()));
        (inner.begun, inner.fault) = (expired.begun(), expired.fault());
        Self { inner: Arc::new(inner) }
    }
}

/// Of dispatch below, which knows what has become of the call.
impl From<multiplex::Error> for Error {
    fn from(error: multiplex::Error) -> Self {
        let (fault, begun, is_timeout) = (error.fault(), error.begun(), error.is_timeout());
        let kind = match (error.is_lost(), is_timeout, begun, fault) {
            (true, ..) => ErrorKind::Lost,
            (_, true, ..) => ErrorKind::Expired,
            _ if error.is_body() => ErrorKind::UnsendableItem,
            _ if error.reset() == Some(Reset::Unreadable) => ErrorKind::BadItem,
            _ if error.reset() == Some(Reset::Unsendable) => ErrorKind::BadResult,
            (_, _, Begun::No, Fault::Caller) => ErrorKind::Unsendable,
            (_, _, Begun::No, _) => ErrorKind::Refused,
            _ => ErrorKind::Failed,
        };
        // Whoever sent a frame that was changed since has done nothing wrong.
        let fault = if kind == ErrorKind::Lost && is_changed(&error) { Fault::Network } else { fault };
        let mut inner = Inner::new(kind, Some(error.into()));
        (inner.fault, inner.begun, inner.is_timeout) = (fault, begun, is_timeout);
        Self { inner: Arc::new(inner) }
    }
}

/// Of a connection that a server has served.
impl From<multiplex::ConnectionError> for Error {
    fn from(error: multiplex::ConnectionError) -> Self {
        Self::new(ErrorKind::Lost, Some(error.into()))
    }
}

impl From<HelloError> for Error {
    fn from(error: HelloError) -> Self {
        let mut inner = Inner::new(ErrorKind::Hello, Some(error.into()));
        if error == HelloError::Changed {
            inner.fault = Fault::Network;
        }
        Self { inner: Arc::new(inner) }
    }
}

/// Whether a connection was lost by a frame that was changed on its way.
fn is_changed(error: &(dyn StdError + 'static)) -> bool {
    let sources = std::iter::successors(Some(error), |error| (**error).source());
    sources.filter_map(|error| error.downcast_ref::<WireError>()).any(|error| *error == WireError::Changed)
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, begun, method, .. } = &*self.inner;
        if let Some(method) = method {
            write!(f, "{method}: ")?;
        }
        f.write_str(match (kind, begun) {
            (ErrorKind::Refused, _) | (ErrorKind::Expired, Begun::No) => "the call was not begun",
            (ErrorKind::Expired, _) => "the call was given up",
            (ErrorKind::UnknownMethod, _) => "the server has no such method",
            (ErrorKind::BadArguments, _) => "the server cannot read the arguments",
            (ErrorKind::BadItem, _) => "the server cannot read an item of the stream",
            (ErrorKind::Unsendable, _) => "the request cannot be sent",
            (ErrorKind::UnsendableItem, _) => "an item of the stream cannot be sent",
            (ErrorKind::BadResult, _) => "the result cannot be sent",
            (ErrorKind::BadAnswer, _) => "the result cannot be read",
            (ErrorKind::Failed, _) => "the call failed",
            (ErrorKind::Lost, Begun::No) => "the connection was lost before the request was sent",
            (ErrorKind::Lost, _) => "the connection was lost before the answer came",
            (ErrorKind::Connect, _) => "connecting failed",
            (ErrorKind::Hello, _) => "the peer is not understood",
        })
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, begun, method, source, .. } = &*self.inner;
        let mut debug = f.debug_struct("Error");
        debug.field("kind", kind).field("begun", begun);
        if let Some(method) = method {
            debug.field("method", method);
        }
        if let Some(source) = source {
            debug.field("source", source);
        }
        debug.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.inner.source.as_deref().map(|source| source as _)
    }
}

/// What the other side says of an error, for people.
#[derive(Debug)]
pub(crate) struct Remote(pub(crate) String);

impl fmt::Display for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server says: {}", self.0.escape_debug())
    }
}

impl StdError for Remote {}

/// Longer than the other side takes.
#[derive(Debug)]
struct TooLong {
    bytes: usize,
    max: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "it has {} bytes, and the other side takes {}", self.bytes, self.max)
    }
}

impl StdError for TooLong {}

/// Nobody answered.
#[derive(Debug)]
struct NoAnswer {
    after: Duration,
}

impl fmt::Display for NoAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no answer within {:?}", self.after)
    }
}

impl StdError for NoAnswer {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each error is told as "fault begun: message: source".
    fn check(error: impl Into<Error>, told: &str) {
        let error = error.into();
        let timeout = if error.is_timeout() { " in time" } else { "" };
        let source = error.source().map_or_else(String::new, |source| format!(": {source}"));
        assert_eq!(format!("{:?} {:?}{timeout}: {error}{source}", error.fault(), error.begun()), told);
    }

    const FIND: Method = Method::new("Library.find");

    #[test]
    fn what_a_middleware_fails_with_keeps_its_meaning() {
        check(Refused::new("full"), "Service No: the call was not begun: refused: full");
        let after = Duration::from_secs(1);
        check(Expired::new(after), "Service Unknown in time: the call was given up: no answer within 1s");
        check(
            Expired::unbegun(),
            "Caller No in time: the call was not begun: its time had run out before the call was begun",
        );
    }

    #[test]
    fn what_dispatch_fails_with_keeps_its_meaning() {
        let of = |refused: Refused| Error::from(multiplex::Error::from(refused));
        assert_eq!(of(Refused::new("full")).kind(), ErrorKind::Refused);
        check(
            multiplex::Error::from(Refused::new("full")),
            "Service No: the call was not begun: the call was not begun",
        );
        let late = Error::from(multiplex::Error::from(Expired::unbegun()));
        assert_eq!((late.kind(), late.begun()), (ErrorKind::Expired, Begun::No));
    }

    #[test]
    fn errors_of_a_method_name_it() {
        check(Error::unknown_method(FIND), "Caller No: Library.find: the server has no such method");
        check(
            Error::bad_arguments(FIND, "too few"),
            "Caller No: Library.find: the server cannot read the arguments: too few",
        );
        check(
            Error::too_long(ErrorKind::BadResult, FIND, 70, 60),
            "Service Yes: Library.find: the result cannot be sent: it has 70 bytes, and the other side takes 60",
        );
    }

    #[test]
    fn errors_of_connecting_have_begun_nothing() {
        check(
            HelloError::Version { ours: 1, theirs: 2 },
            "Service No: the peer is not understood: the peer speaks version 2 of the protocol, and this side version 1",
        );
        check(
            Error::connect_timeout(Duration::from_secs(1)),
            "Network No in time: connecting failed: no answer within 1s",
        );
    }
}
