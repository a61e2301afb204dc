//! Why a message is refused, and with which status: its head, its body, or its manners.

use http::StatusCode;
use std::fmt;

/// Why a message was refused: what its sender did wrong, exactly.
///
/// A connection on which this happened cannot be used again, since nobody knows where the next message begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// The method is empty or holds a byte that no token may.
    Method,
    /// The target holds a byte that none may, or has a form that its method does not allow (RFC 9112, 3.2).
    Target,
    /// The start line alone is longer than a whole head may be.
    TargetTooLong,
    /// A version of HTTP that this is not, such as the preface of HTTP/2.
    Version,
    /// No valid version where one must be, or no valid status line.
    StartLine,
    /// A line that ends in something else than CR LF, or a CR elsewhere (RFC 9112, 2.2).
    LineEnd,
    /// The head is longer than the limit.
    HeadTooLong,
    /// The head has more fields than the limit.
    TooManyHeaders,
    /// A field name is empty, holds a byte that no token may, or has a space before its colon; or the line is
    /// folded (RFC 9112, 5).
    HeaderName,
    /// A field value holds a control character.
    HeaderValue,
    /// An HTTP/1.1 request without `Host` (RFC 9112, 3.2).
    HostMissing,
    /// More than one `Host`.
    HostTwice,
    /// A `Host` that cannot be one.
    HostInvalid,
    /// More than one `content-length`, equal or not.
    LengthTwice,
    /// A `content-length` that is no decimal number, or is too large for 64 bits.
    LengthInvalid,
    /// Both `content-length` and `transfer-encoding` (RFC 9112, 6.3 and 11.2).
    LengthAndCoding,
    /// A transfer coding besides `chunked`.
    CodingUnknown,
    /// `chunked` twice or not last, an empty list of codings, or more than one such field.
    CodingInvalid,
    /// A `transfer-encoding` in HTTP/1.0, which has none.
    CodingInHttp10,
    /// A `CONNECT` with a body (RFC 9110, 9.3.6).
    ContentInConnect,
    /// An `Expect` for something else than `100-continue` (RFC 9110, 10.1.1).
    Expectation,
    /// A chunk's size is not hexadecimal digits, or too large for 64 bits.
    ChunkSize,
    /// Chunk extensions beyond the limit, or with a control character in them.
    ChunkExtension,
    /// A chunk that does not end in CR LF where its size says.
    ChunkEnd,
    /// Trailers beyond the limits, or malformed.
    Trailers,
    /// More interim responses (1xx) than any server has reason to send.
    InterimResponses,
    /// A change of protocol that was not offered, or before the request was complete (RFC 9110, 7.8).
    Switch,
    /// The bytes ended before the message did.
    Unfinished,
    /// The message took longer than it may.
    Slow,
}

impl Refusal {
    /// The status that tells a client what it did wrong.
    pub fn status(self) -> StatusCode {
        match self {
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLong | Self::TooManyHeaders => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            Self::CodingUnknown => StatusCode::NOT_IMPLEMENTED,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            _ => StatusCode::BAD_REQUEST,
        }
    }

    fn message(self) -> &'static str {
        match self {
            Self::Method => "invalid method",
            Self::Target => "invalid request target",
            Self::TargetTooLong => "request target too long",
            Self::Version => "version of HTTP not supported",
            Self::StartLine => "invalid start line",
            Self::LineEnd => "a line does not end in CR LF",
            Self::HeadTooLong => "head too long",
            Self::TooManyHeaders => "too many header fields",
            Self::HeaderName => "invalid header name",
            Self::HeaderValue => "invalid header value",
            Self::HostMissing => "no host",
            Self::HostTwice => "more than one host",
            Self::HostInvalid => "invalid host",
            Self::LengthTwice => "more than one content-length",
            Self::LengthInvalid => "invalid content-length",
            Self::LengthAndCoding => "both content-length and transfer-encoding",
            Self::CodingUnknown => "unknown transfer coding",
            Self::CodingInvalid => "invalid transfer-encoding",
            Self::CodingInHttp10 => "transfer-encoding in HTTP/1.0",
            Self::ContentInConnect => "a connect has no content",
            Self::Expectation => "unknown expectation",
            Self::ChunkSize => "invalid chunk size",
            Self::ChunkExtension => "invalid chunk extension",
            Self::ChunkEnd => "a chunk does not end where its size says",
            Self::Trailers => "invalid trailers",
            Self::InterimResponses => "too many interim responses",
            Self::Switch => "a change of protocol that was not offered",
            Self::Unfinished => "message cut short",
            Self::Slow => "message too slow",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

impl std::error::Error for Refusal {}
