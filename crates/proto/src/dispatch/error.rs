//! What can go wrong with a connection, and with one call on it.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use ekiden_service::{Begun, Expired, Failure, Fault, Refused};

use super::reset::Reset;
use crate::transport::ReadError;

/// Why a call through a client has no answer, pipelined or multiplexed.
///
/// It answers the three questions: whose fault it was, whether the request was begun, whether time ran out.
#[derive(Clone, Debug)]
pub struct Error {
    kind: Kind,
    begun: Begun,
}

#[derive(Clone, Debug)]
enum Kind {
    Refused(Refused),
    /// Whoever gave the call its time gave it up.
    Expired(Expired),
    /// There is no connection to send it on.
    Unconnected(Arc<io::Error>),
    /// The request cannot be encoded.
    Request(Arc<dyn StdError + Send + Sync>),
    /// The request's body cannot be made.
    Body(Arc<dyn StdError + Send + Sync>),
    /// The peer says why it does not answer.
    Reset(Reset),
    Lost(ConnectionError),
}

/// Why a connection ended before it was done.
///
/// Cheap to clone, since every call that was under way gets one.
#[derive(Clone, Debug)]
pub struct ConnectionError(Arc<Cause>);

/// Whatever error a codec has.
pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

#[derive(Debug)]
pub(crate) enum Cause {
    /// Reading or writing failed.
    Io(io::Error),
    /// The peer sent what is no frame.
    Frame(BoxError),
    /// The peer stopped in the middle of a frame.
    Truncated { bytes: usize },
    /// The peer takes nothing of what it is sent.
    Stalled,
    /// The peer takes too long to send the rest of a frame that it has begun.
    Slow,
    /// The peer ended the connection and owed answers.
    Ended,
    /// The peer answered what nobody had asked.
    Unasked,
    /// The peer did what the protocol does not allow.
    Violation(&'static str),
    /// The body of a request cannot be made, and nothing behind it could be told from it.
    Body(BoxError),
    /// The peer was asked for a sign of life and gave none.
    Silent,
    /// The peer takes no more calls on this connection.
    Drained,
    /// The protocol ended with a frame that hands the byte stream over.
    HandedOver,
    /// Whoever drove the connection dropped it.
    Dropped,
}

impl Error {
    /// Of a call for which no connection could be made, so that it was not begun: what a connector fails with.
    ///
    /// ```
    /// use ekiden_proto::pipeline::Error;
    /// use ekiden_service::{Begun, Failure};
    /// use std::io;
    ///
    /// let error = Error::unconnected(io::ErrorKind::ConnectionRefused.into());
    /// assert_eq!(error.to_string(), "no connection could be made");
    /// assert_eq!(error.begun(), Begun::No);
    /// ```
    pub fn unconnected(error: io::Error) -> Self {
        Self { kind: Kind::Unconnected(Arc::new(error)), begun: Begun::No }
    }

    pub(crate) fn unsendable(error: impl Into<BoxError>) -> Self {
        Self { kind: Kind::Request(error.into().into()), begun: Begun::No }
    }

    pub(crate) fn lost(error: ConnectionError, begun: Begun) -> Self {
        Self { kind: Kind::Lost(error), begun }
    }

    pub(crate) fn body(error: impl Into<BoxError>, begun: Begun) -> Self {
        Self { kind: Kind::Body(error.into().into()), begun }
    }

    pub(crate) fn from_reset(reset: Reset) -> Self {
        Self { kind: Kind::Reset(reset), begun: reset.begun() }
    }

    /// The peer says why there is no rest of an answer, which was begun whatever it says.
    pub(crate) fn broken_off(reset: Reset) -> Self {
        Self { kind: Kind::Reset(reset), begun: Begun::Yes }
    }

    /// What the peer said instead of an answer, if that is why there is none.
    pub fn reset(&self) -> Option<Reset> {
        match self.kind {
            Kind::Reset(reset) => Some(reset),
            _ => None,
        }
    }

    /// True if the body of the request could not be made, or sent.
    pub fn is_body(&self) -> bool {
        matches!(self.kind, Kind::Body(_))
    }

    /// True if the connection is lost, and with it every later call.
    pub fn is_lost(&self) -> bool {
        matches!(self.kind, Kind::Lost(_))
    }
}

impl Failure for Error {
    fn fault(&self) -> Fault {
        match &self.kind {
            Kind::Refused(refused) => refused.fault(),
            Kind::Expired(expired) => expired.fault(),
            Kind::Unconnected(_) => Fault::Network,
            Kind::Request(_) | Kind::Body(_) => Fault::Caller,
            Kind::Reset(reset) => reset.fault(),
            Kind::Lost(error) => error.fault(),
        }
    }

    fn begun(&self) -> Begun {
        self.begun
    }

    fn is_timeout(&self) -> bool {
        match &self.kind {
            Kind::Expired(expired) => expired.is_timeout(),
            Kind::Lost(error) => error.is_timeout(),
            Kind::Unconnected(error) => error.kind() == io::ErrorKind::TimedOut,
            Kind::Reset(reset) => *reset == Reset::Expired,
            Kind::Refused(_) | Kind::Request(_) | Kind::Body(_) => false,
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self { kind: Kind::Refused(refused), begun: refused.begun() }
    }
}

impl From<Expired> for Error {
    fn from(expired: Expired) -> Self {
        Self { kind: Kind::Expired(expired), begun: expired.begun() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.kind, self.begun) {
            (Kind::Refused(_), _) | (Kind::Expired(_) | Kind::Reset(_), Begun::No) => {
                f.write_str("the call was not begun")
            }
            (Kind::Body(_), _) => f.write_str("the body cannot be made"),
            (Kind::Reset(_), _) => f.write_str("the peer has no answer"),
            (Kind::Expired(_), _) => f.write_str("the call was given up"),
            (Kind::Unconnected(_), _) => f.write_str("no connection could be made"),
            (Kind::Request(_), _) => f.write_str("the request cannot be encoded"),
            (Kind::Lost(_), Begun::No) => f.write_str("the connection was lost before the request was sent"),
            (Kind::Lost(_), _) => f.write_str("the connection was lost before the answer came"),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(match &self.kind {
            Kind::Refused(refused) => refused,
            Kind::Expired(expired) => expired,
            Kind::Unconnected(error) => error,
            Kind::Request(error) | Kind::Body(error) => &**error,
            Kind::Reset(reset) => reset,
            Kind::Lost(error) => error,
        })
    }
}

impl ConnectionError {
    /// The kind of the system's error, if that is what it was.
    pub fn io_kind(&self) -> Option<io::ErrorKind> {
        match &*self.0 {
            Cause::Io(error) => Some(error.kind()),
            _ => None,
        }
    }

    /// True if time ran out: that of who served, that of who waited for a sign of life, or that of the system's network.
    pub fn is_timeout(&self) -> bool {
        matches!(*self.0, Cause::Stalled | Cause::Slow | Cause::Silent)
            || self.io_kind() == Some(io::ErrorKind::TimedOut)
    }

    fn fault(&self) -> Fault {
        match *self.0 {
            Cause::Io(_) | Cause::Truncated { .. } | Cause::Ended | Cause::Silent => Fault::Network,
            Cause::Frame(_) | Cause::Unasked | Cause::Violation(_) | Cause::Drained => Fault::Service,
            // It is servers that lose patience, with those who call.
            Cause::Stalled | Cause::Slow => Fault::Caller,
            Cause::Body(_) | Cause::HandedOver | Cause::Dropped => Fault::Caller,
        }
    }
}

impl From<Cause> for ConnectionError {
    fn from(cause: Cause) -> Self {
        Self(Arc::new(cause))
    }
}

impl From<io::Error> for ConnectionError {
    fn from(error: io::Error) -> Self {
        Self::from(Cause::Io(error))
    }
}

impl<E: Into<BoxError>> From<ReadError<E>> for ConnectionError {
    fn from(error: ReadError<E>) -> Self {
        Self::from(match error {
            ReadError::Io(error) => Cause::Io(error),
            ReadError::Truncated { bytes } => Cause::Truncated { bytes },
            ReadError::Frame(error) => Cause::Frame(error.into()),
        })
    }
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Cause::Io(_) => f.write_str("the connection failed"),
            Cause::Frame(_) => f.write_str("the peer sent what is no frame"),
            Cause::Truncated { bytes } => {
                write!(f, "the peer ended the connection {bytes} bytes into a frame")
            }
            Cause::Stalled => f.write_str("the peer takes nothing of what it is sent"),
            Cause::Slow => f.write_str("the peer takes too long to send a frame"),
            Cause::Ended => f.write_str("the peer ended the connection"),
            Cause::Unasked => f.write_str("the peer answered what it was not asked"),
            Cause::Violation(rule) => write!(f, "the peer broke the protocol: {rule}"),
            Cause::Body(_) => f.write_str("a body cannot be made"),
            Cause::Silent => f.write_str("the peer gives no sign of life"),
            Cause::Drained => f.write_str("the peer takes no more calls on this connection"),
            Cause::HandedOver => f.write_str("the connection was handed over to another protocol"),
            Cause::Dropped => f.write_str("the task that drove the connection was dropped"),
        }
    }
}

impl StdError for ConnectionError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &*self.0 {
            Cause::Io(error) => Some(error),
            Cause::Frame(error) | Cause::Body(error) => Some(&**error),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// Each error is told as "fault begun: message: source".
    fn check(error: impl Into<Error>, told: &str) {
        let error = error.into();
        let timeout = if error.is_timeout() { " in time" } else { "" };
        let (fault, begun, source) = (error.fault(), error.begun(), error.source().unwrap());
        assert_eq!(format!("{fault:?} {begun:?}{timeout}: {error}: {source}"), told);
    }

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
    fn a_connection_that_stalls_is_late_and_one_that_ends_is_not() {
        let begun = Begun::Unknown;
        let lost = "the connection was lost before the answer came";
        check(
            Error::lost(Cause::Slow.into(), begun),
            &format!("Caller Unknown in time: {lost}: the peer takes too long to send a frame"),
        );
        check(
            Error::lost(Cause::Stalled.into(), begun),
            &format!("Caller Unknown in time: {lost}: the peer takes nothing of what it is sent"),
        );
        check(
            Error::lost(io::Error::from(io::ErrorKind::TimedOut).into(), begun),
            &format!("Network Unknown in time: {lost}: the connection failed"),
        );
        check(
            Error::lost(Cause::Ended.into(), begun),
            &format!("Network Unknown: {lost}: the peer ended the connection"),
        );
    }
}
