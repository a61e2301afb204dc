//! What goes wrong around a message, as one type that answers the questions of those who must act on it.
//!
//! The pure parts of this crate have small exact errors of their own; here they become the *source* of an
//! [`Error`], which says whose fault it was, whether the request was begun, and whether time ran out. It never
//! says which part of the crate noticed: that is ours to change.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;
use std::{fmt, io};

use ekiden_service::{Begun, Expired, Failure, Fault, Refused};
use http::StatusCode;

/// A message that could not be sent, received or answered: the error of clients, bodies and services.
///
/// The questions are those of [`Failure`]: [`fault`](Failure::fault), [`begun`](Failure::begun),
/// [`is_timeout`](Failure::is_timeout). [`status`](Self::status) is what a server answers when its service
/// fails with this error. What exactly happened is in [`source`](StdError::source), down to the
/// [`io::Error`] if there was one.
///
/// One pointer in size, so that a `Result` stays as small as what it carries. Cheap to clone, since several may wait for what
/// has failed: the callers of one connection, or those who wait for it to be made.
///
/// ```
/// use ekiden_http::Error;
/// use ekiden_service::{Begun, Failure, Refused};
///
/// let error = Error::from(Refused::new("the queue is full"));
/// assert_eq!(error.begun(), Begun::No);
/// assert_eq!(error.status(), http::StatusCode::SERVICE_UNAVAILABLE);
/// ```
#[derive(Clone)]
pub struct Error {
    // Shared, and boxed by that: failing is rare, and succeeding moves a `Result` through many hands.
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    kind: Kind,
    role: Role,
    begun: Begun,
    /// A phrase that follows "while" or stands before "failed": "reading the request body".
    doing: &'static str,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

type Source = Box<dyn StdError + Send + Sync>;

/// Which end of the wire we were when it happened. It decides whose fault a broken message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// We received the request: the peer is the caller.
    Server,
    /// We made the request: the peer is the service.
    Client,
    /// No wire: a body made in this process.
    Local,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A limit in this process said no.
    Refused,
    /// The call as a whole took too long.
    Expired,
    /// The system reported an error of the connection.
    Io,
    /// The peer ended the connection in the middle of something.
    Closed,
    /// The peer broke the rules of HTTP.
    Malformed,
    /// The peer sent more than we take.
    TooLarge { max: u64 },
    /// The peer made no progress for so long.
    Stalled { after: Duration },
    /// What we were asked to send cannot be sent.
    Invalid,
    /// Somebody else's error: a handler's, a body stream's.
    Other,
}

impl Error {
    /// An error of the application's own, which a server answers with 500.
    ///
    /// ```
    /// let error = ekiden_http::Error::other("the database is on fire");
    /// assert_eq!(error.status(), http::StatusCode::INTERNAL_SERVER_ERROR);
    /// ```
    pub fn other(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Other, Role::Local, Begun::Yes, "handling the request").with_source(source)
    }

    /// What a server answers when its service fails with this error.
    ///
    /// - 503 for a refusal, 504 when time ran out: the caller may try again, later.
    /// - 400, 408 or 413 when the caller's own body was broken, stalled or too large.
    /// - 502 or 504 when a client of ours failed beneath the service: the fault is behind us.
    /// - 500 for everything else.
    pub fn status(&self) -> StatusCode {
        match (self.inner.kind, self.inner.role) {
            (Kind::Refused, _) => StatusCode::SERVICE_UNAVAILABLE,
            (Kind::Expired, _) => StatusCode::GATEWAY_TIMEOUT,
            (Kind::TooLarge { .. }, Role::Server) => StatusCode::PAYLOAD_TOO_LARGE,
            (Kind::Stalled { .. }, Role::Server) => StatusCode::REQUEST_TIMEOUT,
            (Kind::Io | Kind::Closed | Kind::Malformed, Role::Server) => StatusCode::BAD_REQUEST,
            (Kind::Stalled { .. }, Role::Client) => StatusCode::GATEWAY_TIMEOUT,
            (Kind::Io | Kind::Closed | Kind::Malformed | Kind::TooLarge { .. }, Role::Client) => {
                StatusCode::BAD_GATEWAY
            }
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The system's error while `doing` something with the connection.
    pub(crate) fn io(role: Role, doing: &'static str, source: io::Error) -> Self {
        Self::new(Kind::Io, role, Begun::Unknown, doing).with_source(source)
    }

    /// The peer ended the connection while we were `doing` something.
    pub(crate) fn closed(role: Role, doing: &'static str) -> Self {
        Self::new(Kind::Closed, role, Begun::Unknown, doing)
    }

    /// The peer broke the rules of HTTP: `source` says which.
    pub(crate) fn malformed(role: Role, doing: &'static str, source: impl Into<Source>) -> Self {
        Self::new(Kind::Malformed, role, Begun::Yes, doing).with_source(source)
    }

    /// The peer sent more than the `max` bytes we take.
    pub(crate) fn too_large(role: Role, doing: &'static str, max: u64) -> Self {
        Self::new(Kind::TooLarge { max }, role, Begun::Yes, doing)
    }

    /// The peer neither sent nor took a byte for so long.
    pub(crate) fn stalled(role: Role, doing: &'static str, after: Duration) -> Self {
        Self::new(Kind::Stalled { after }, role, Begun::Unknown, doing)
    }

    /// What the caller gave us cannot be put on the wire.
    pub(crate) fn invalid(doing: &'static str, source: impl Into<Source>) -> Self {
        Self::new(Kind::Invalid, Role::Local, Begun::No, doing).with_source(source)
    }

    /// A body made in this process failed.
    pub(crate) fn body(source: impl Into<Source>) -> Self {
        let source: Source = source.into();
        match source.downcast::<Self>() {
            Ok(ours) => *ours,
            Err(source) => {
                Self::new(Kind::Other, Role::Local, Begun::Yes, "making the body").with_source(source)
            }
        }
    }

    /// The same error, of the body that a request was to be sent with: one that was made here is the caller's fault.
    /// One that came from a peer stays what it was, so that a proxy can tell.
    pub(crate) fn of_request_body(mut self) -> Self {
        if self.inner.kind == Kind::Other {
            let inner = Arc::make_mut(&mut self.inner);
            (inner.kind, inner.doing) = (Kind::Invalid, "sending this body");
        }
        self
    }

    /// The same error, for a request about which more is known.
    pub(crate) fn with_begun(mut self, begun: Begun) -> Self {
        Arc::make_mut(&mut self.inner).begun = begun;
        self
    }

    fn new(kind: Kind, role: Role, begun: Begun, doing: &'static str) -> Self {
        Self { inner: Arc::new(Inner { kind, role, begun, doing, source: None }) }
    }

    fn with_source(mut self, source: impl Into<Source>) -> Self {
        let source: Source = source.into();
        Arc::make_mut(&mut self.inner).source = Some(source.into());
        self
    }
}

impl Failure for Error {
    fn fault(&self) -> Fault {
        match (self.inner.kind, self.inner.role) {
            (Kind::Io | Kind::Closed, _) => Fault::Network,
            (Kind::Malformed | Kind::TooLarge { .. } | Kind::Stalled { .. }, Role::Server | Role::Local) => {
                Fault::Caller
            }
            (Kind::Invalid, _) => Fault::Caller,
            // There was no time left when it was called.
            (Kind::Expired, _) if self.inner.begun == Begun::No => Fault::Caller,
            _ => Fault::Service,
        }
    }

    fn begun(&self) -> Begun {
        self.inner.begun
    }

    fn is_timeout(&self) -> bool {
        matches!(self.inner.kind, Kind::Expired | Kind::Stalled { .. })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let doing = self.inner.doing;
        match self.inner.kind {
            Kind::Refused | Kind::Expired | Kind::Io | Kind::Other => write!(f, "{doing} failed"),
            Kind::Closed => write!(f, "the connection was closed while {doing}"),
            Kind::Malformed => write!(f, "the peer broke the rules of http while {doing}"),
            Kind::TooLarge { max } => write!(f, "more than {max} bytes came while {doing}"),
            Kind::Stalled { after } => write!(f, "there was no progress for {after:?} while {doing}"),
            Kind::Invalid => write!(f, "{doing} is not possible"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { kind, role, begun, doing, source } = &*self.inner;
        let mut debug = f.debug_struct("Error");
        debug.field("kind", kind).field("role", role).field("begun", begun).field("doing", doing);
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

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::new(Kind::Refused, Role::Local, Begun::No, "admitting the request").with_source(refused)
    }
}

impl From<Expired> for Error {
    fn from(expired: Expired) -> Self {
        let begun = expired.begun();
        let doing = if begun == Begun::No { "beginning the call" } else { "waiting for the answer" };
        Self::new(Kind::Expired, Role::Local, begun, doing).with_source(expired)
    }
}

/// An error of a file or a socket of the application's: a server answers it with 500.
impl From<io::Error> for Error {
    fn from(error: io::Error) -> Self {
        Self::other(error)
    }
}

/// A message that could not be built, by [`http`]'s builders.
impl From<http::Error> for Error {
    fn from(error: http::Error) -> Self {
        Self::invalid("building the message", error)
    }
}

/// For services of others, whose errors are boxed, as tower's are. An error of ours in the box comes out as it was.
impl From<Source> for Error {
    fn from(source: Source) -> Self {
        match source.downcast::<Self>() {
            Ok(ours) => *ours,
            Err(source) => Self::other(source),
        }
    }
}

/// For services that cannot fail.
impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// For a `main` that returns [`io::Result`].
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        Self::other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each error is told as "status fault begun: message".
    fn check(error: Error, told: &str) {
        let timeout = if error.is_timeout() { " in time" } else { "" };
        let (status, fault, begun) = (error.status().as_u16(), error.fault(), error.begun());
        assert_eq!(format!("{status} {fault:?} {begun:?}{timeout}: {error}"), told);
    }

    #[test]
    fn errors_of_this_process() {
        check(Refused::new("full").into(), "503 Service No: admitting the request failed");
        let after = Duration::from_secs(1);
        check(Expired::new(after).into(), "504 Service Unknown in time: waiting for the answer failed");
        check(Expired::unbegun().into(), "504 Caller No in time: beginning the call failed");
        check(Error::other("oh"), "500 Service Yes: handling the request failed");
        check(io::Error::other("disk").into(), "500 Service Yes: handling the request failed");
        check(Error::body("oh"), "500 Service Yes: making the body failed");
        check(
            Error::invalid("sending to nowhere", "no host"),
            "500 Caller No: sending to nowhere is not possible",
        );
    }

    #[test]
    fn a_broken_message_is_the_fault_of_who_sent_it() {
        let broken = |role| Error::malformed(role, "reading it", "two lengths");
        check(broken(Role::Server), "400 Caller Yes: the peer broke the rules of http while reading it");
        check(broken(Role::Client), "502 Service Yes: the peer broke the rules of http while reading it");
        let large = |role| Error::too_large(role, "reading it", 7);
        check(large(Role::Server), "413 Caller Yes: more than 7 bytes came while reading it");
        check(large(Role::Client), "502 Service Yes: more than 7 bytes came while reading it");
        let stalled = |role| Error::stalled(role, "reading it", Duration::from_secs(3));
        check(
            stalled(Role::Server),
            "408 Caller Unknown in time: there was no progress for 3s while reading it",
        );
        check(
            stalled(Role::Client),
            "504 Service Unknown in time: there was no progress for 3s while reading it",
        );
    }

    #[test]
    fn a_broken_connection_is_nobodys_fault() {
        let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
        check(Error::io(Role::Client, "reading it", reset()), "502 Network Unknown: reading it failed");
        check(
            Error::closed(Role::Server, "reading it"),
            "400 Network Unknown: the connection was closed while reading it",
        );
        check(
            Error::closed(Role::Client, "writing it").with_begun(Begun::No),
            "502 Network No: the connection was closed while writing it",
        );
    }

    #[test]
    fn the_source_is_kept_and_ours_is_not_wrapped_twice() {
        let error = Error::io(Role::Client, "reading it", io::ErrorKind::ConnectionReset.into());
        let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
        assert_eq!(source.map(io::Error::kind), Some(io::ErrorKind::ConnectionReset));
        check(Error::body(error), "502 Network Unknown: reading it failed");
        let boxed: Source = Error::closed(Role::Client, "reading it").into();
        check(boxed.into(), "502 Network Unknown: the connection was closed while reading it");
        check(Source::from("oh").into(), "500 Service Yes: handling the request failed");
    }

    /// What is learnt of one of them is not of the other.
    #[test]
    fn a_clone_has_the_source_and_a_life_of_its_own() {
        let error = Error::io(Role::Client, "reading it", io::ErrorKind::ConnectionReset.into());
        check(error.clone().with_begun(Begun::No), "502 Network No: reading it failed");
        check(
            Error::body("oh").clone().of_request_body(),
            "500 Caller Yes: sending this body is not possible",
        );
        let source = |error: &Error| error.source().map(ToString::to_string);
        assert_eq!(source(&error.clone().with_begun(Begun::No)), source(&error));
        check(error, "502 Network Unknown: reading it failed");
    }

    #[test]
    fn an_error_is_one_pointer_and_crosses_threads() {
        fn crosses<T: Send + Sync>() {}
        crosses::<Error>();
        assert_eq!(size_of::<Option<Error>>(), size_of::<usize>());
    }
}
