//! Heads as bytes, and how a body goes out.
//!
//! What a user's fields say about framing is never put on the wire as it is: a `content-length` must agree with
//! the body, a `transfer-encoding` is ours to write, `connection` is understood and written anew. That no value
//! can smuggle a line in is the promise of `http`'s types.

use super::chunked;
use super::framing::{Asked, has_no_content};
use super::outbox::Outbox;
use crate::head::{decimal, list};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::fmt;

/// The head of a response, as it is wished for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reply<'a> {
    pub(crate) status: StatusCode,
    pub(crate) headers: &'a HeaderMap,
    /// The exact length of the body, if it is known.
    pub(crate) length: Option<u64>,
    pub(crate) date: &'a DateLine,
}

/// What of a request decides the form of its response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Form {
    pub(crate) asked: Asked,
    /// It came in HTTP/1.0, which has no chunks and closes unless told.
    pub(crate) is_http10: bool,
}

/// Whether another response follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// One may. If this one lasts until the close, that says so by itself.
    Amid,
    /// None does, on this connection.
    Last,
}

/// A field line with its end: `date: ` and what RFC 9110, 5.6.7 says.
pub(crate) type DateLine = [u8; 37];

/// What a user's fields say about what is ours to say.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Said {
    length: Option<u64>,
    has_date: bool,
    /// `Connection` lists `close`.
    pub(crate) close: bool,
}

/// Why a message cannot be sent: whoever made it was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Invalid {
    /// 1xx is not an answer.
    Informational,
    /// A change of protocol that was not offered.
    Switch,
    /// A `content-length` that is none, or that disagrees with the body.
    Length,
    /// A transfer coding besides `chunked`.
    Coding,
    /// The body has more bytes than its `content-length` said.
    BodyTooLong,
    /// The body has fewer.
    BodyTooShort,
}

/// How a body goes out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outgoing {
    /// Not at all: nothing may follow this head.
    Nothing,
    /// So many bytes are still to go.
    Length(u64),
    Chunked,
    /// Until the connection closes.
    ToClose,
}

/// Writes the head of a response, and says how its body goes out.
///
/// Nothing is written if it is refused.
pub(crate) fn response(
    out: &mut Vec<u8>,
    reply: &Reply<'_>,
    said: &Said,
    form: Form,
    place: Place,
) -> Result<Outgoing, Invalid> {
    let is_switch = reply.status == StatusCode::SWITCHING_PROTOCOLS;
    if reply.status.is_informational() && !is_switch {
        return Err(Invalid::Informational);
    }
    let length = agreed_length(said.length, reply.length);
    let outgoing = match length {
        _ if has_no_content(form.asked, reply.status) => Outgoing::Nothing,
        length => match length? {
            Some(length) => Outgoing::Length(length),
            None if form.is_http10 => Outgoing::ToClose,
            None => Outgoing::Chunked,
        },
    };

    status_line(out, reply.status);
    for (name, value) in reply.headers {
        if matches!(ours(name), None | Some(Ours::Date)) {
            field(out, name.as_str(), value.as_bytes());
        }
    }
    if !said.has_date {
        out.extend_from_slice(reply.date);
    }
    match outgoing {
        Outgoing::Length(length) => length_field(out, length),
        Outgoing::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        Outgoing::Nothing => {
            if let Some(length) = announced_length(reply, said, form.asked) {
                length_field(out, length);
            }
        }
        Outgoing::ToClose => {}
    }
    if is_switch {
        out.extend_from_slice(b"connection: upgrade\r\n");
    } else if place == Place::Last || outgoing == Outgoing::ToClose {
        out.extend_from_slice(b"connection: close\r\n");
    } else if form.is_http10 {
        out.extend_from_slice(b"connection: keep-alive\r\n");
    }
    out.extend_from_slice(b"\r\n");
    Ok(outgoing)
}

impl Outgoing {
    /// Adds a piece of the body.
    #[inline]
    pub(crate) fn put(&mut self, outbox: &mut Outbox, piece: Bytes) -> Result<(), Invalid> {
        if piece.is_empty() {
            return Ok(());
        }
        match self {
            Self::Nothing => {}
            Self::Length(left) => {
                *left = left.checked_sub(piece.len() as u64).ok_or(Invalid::BodyTooLong)?;
                outbox.push(piece);
            }
            Self::Chunked => {
                chunked::encode_size(outbox.gather(), piece.len());
                outbox.push(piece);
                chunked::encode_end_of_chunk(outbox.gather());
            }
            Self::ToClose => outbox.push(piece),
        }
        Ok(())
    }

    /// Adds the end of the body. Trailers go with chunks only.
    #[inline]
    pub(crate) fn end(self, outbox: &mut Outbox, trailers: Option<&HeaderMap>) -> Result<(), Invalid> {
        match self {
            Self::Length(1..) => return Err(Invalid::BodyTooShort),
            Self::Chunked => chunked::encode_end(outbox.gather(), trailers),
            Self::Nothing | Self::Length(0) | Self::ToClose => {}
        }
        Ok(())
    }

    /// Whether nothing of the body is to go: then it need not be asked for.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Nothing | Self::Length(0))
    }
}

/// Writes one line.
pub(crate) fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The interim answer that asks for the body.
pub(crate) const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// For a response without its body, the length that the body would have (RFC 9110, 8.6).
fn announced_length(reply: &Reply<'_>, said: &Said, asked: Asked) -> Option<u64> {
    match reply.status {
        StatusCode::NO_CONTENT | StatusCode::SWITCHING_PROTOCOLS => None,
        StatusCode::NOT_MODIFIED => said.length,
        // An empty body behind HEAD is no promise that the one behind GET is empty.
        _ if asked == Asked::Head => said.length.or(reply.length.filter(|&length| length > 0)),
        _ => None,
    }
}

impl Said {
    /// Looks through a response's fields.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Invalid> {
        let mut said = Self::default();
        for (name, value) in headers {
            match ours(name) {
                None => {}
                Some(Ours::Date) => said.has_date = true,
                Some(Ours::Connection) => said.close |= lists_close(value),
                Some(Ours::Length) => {
                    let length = decimal(value.as_bytes()).ok_or(Invalid::Length)?;
                    if said.length.replace(length).is_some() {
                        return Err(Invalid::Length);
                    }
                }
                // Chunks are ours to make, so saying that there are some is idle; another coding would be a lie.
                Some(Ours::Coding) if value.as_bytes().eq_ignore_ascii_case(b"chunked") => {}
                Some(Ours::Coding) => return Err(Invalid::Coding),
            }
        }
        Ok(said)
    }
}

fn lists_close(value: &HeaderValue) -> bool {
    list(value.as_bytes()).any(|option| option.eq_ignore_ascii_case(b"close"))
}

fn agreed_length(declared: Option<u64>, known: Option<u64>) -> Result<Option<u64>, Invalid> {
    match (declared, known) {
        (Some(declared), Some(known)) if declared != known => Err(Invalid::Length),
        (declared, known) => Ok(declared.or(known)),
    }
}

/// The fields that are not copied as they are.
enum Ours {
    Date,
    Connection,
    Length,
    Coding,
}

fn ours(name: &HeaderName) -> Option<Ours> {
    // The length decides for almost every field that it is none of these.
    match name.as_str().len() {
        4 if name == header::DATE => Some(Ours::Date),
        10 if name == header::CONNECTION || name.as_str() == "keep-alive" => Some(Ours::Connection),
        14 if name == header::CONTENT_LENGTH => Some(Ours::Length),
        17 if name == header::TRANSFER_ENCODING => Some(Ours::Coding),
        _ => None,
    }
}

/// Writes the line of a body's length.
pub(crate) fn length_field(out: &mut Vec<u8>, mut length: u64) {
    const NAME: &[u8] = b"content-length: ";
    let mut line = [0; NAME.len() + MOST_DIGITS + 2];
    let mut at = NAME.len() + MOST_DIGITS;
    line[at..].copy_from_slice(b"\r\n");
    loop {
        at -= 1;
        line[at] = b'0' + (length % 10) as u8;
        length /= 10;
        if length == 0 {
            break;
        }
    }
    let start = at - NAME.len();
    line[start..at].copy_from_slice(NAME);
    out.extend_from_slice(&line[start..]);
}

/// Of a number of 64 bits.
const MOST_DIGITS: usize = 20;

/// The line of a status; the common ones lie ready.
fn status_line(out: &mut Vec<u8>, status: StatusCode) {
    let line: &[u8] = match status {
        StatusCode::OK => b"HTTP/1.1 200 OK\r\n",
        StatusCode::CREATED => b"HTTP/1.1 201 Created\r\n",
        StatusCode::NO_CONTENT => b"HTTP/1.1 204 No Content\r\n",
        StatusCode::FOUND => b"HTTP/1.1 302 Found\r\n",
        StatusCode::NOT_MODIFIED => b"HTTP/1.1 304 Not Modified\r\n",
        StatusCode::BAD_REQUEST => b"HTTP/1.1 400 Bad Request\r\n",
        StatusCode::NOT_FOUND => b"HTTP/1.1 404 Not Found\r\n",
        StatusCode::INTERNAL_SERVER_ERROR => b"HTTP/1.1 500 Internal Server Error\r\n",
        _ => {
            out.extend_from_slice(b"HTTP/1.1 ");
            out.extend_from_slice(status.as_str().as_bytes());
            // The space belongs there even if no reason follows (RFC 9112, 4).
            out.extend_from_slice(b" ");
            out.extend_from_slice(status.canonical_reason().unwrap_or_default().as_bytes());
            b"\r\n"
        }
    };
    out.extend_from_slice(line);
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Informational => "an informational status is no answer",
            Self::Switch => "a change of protocol that was not offered",
            Self::Length => "the content-length disagrees with the body",
            Self::Coding => "an unknown transfer coding",
            Self::BodyTooLong => "the body is longer than its content-length",
            Self::BodyTooShort => "the body is shorter than its content-length",
        })
    }
}

impl std::error::Error for Invalid {}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    /// Headers from lines.
    fn headers(lines: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines.lines() {
            let (name, value) = line.split_once(": ").unwrap();
            headers.append(
                HeaderName::from_bytes(name.as_bytes()).unwrap(),
                HeaderValue::from_str(value).unwrap(),
            );
        }
        headers
    }

    /// What is written for a response: "method[/1.0] status length lines" and the lines that follow the status.
    fn check(asked: &str, status: u16, length: Option<u64>, lines: &str, expect: &str) {
        let (method, is_http10) = asked.strip_suffix("/1.0").map_or((asked, false), |method| (method, true));
        let headers = headers(lines);
        let reply = Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &headers,
            length,
            date: b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        };
        let form = Form { asked: Asked::from(&Method::from_bytes(method.as_bytes()).unwrap()), is_http10 };
        let mut out = Vec::new();
        let written = Said::of(&headers).and_then(|said| {
            let place = if said.close { Place::Last } else { Place::Amid };
            response(&mut out, &reply, &said, form, place)
        });
        let told = match written {
            Ok(outgoing) => {
                let text = String::from_utf8(out).unwrap();
                let (line, rest) = text.split_once("\r\n").unwrap();
                assert!(line.starts_with(&format!("HTTP/1.1 {status} ")), "{line}");
                let lines =
                    rest.strip_suffix("\r\n").unwrap().replace("date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", "");
                format!("{}{outgoing:?}", lines.replace("\r\n", "; "))
            }
            Err(invalid) => format!("{invalid:?}"),
        };
        assert_eq!(told, expect, "{asked} {status} {length:?} {lines}");
    }

    #[test]
    fn a_body_of_a_length_says_it() {
        check("GET", 200, Some(5), "", "content-length: 5; Length(5)");
        check("GET", 200, Some(0), "", "content-length: 0; Length(0)");
        check("GET", 200, Some(u64::MAX), "", &format!("content-length: {0}; Length({0})", u64::MAX));
        check("GET", 404, Some(5), "a: b\na: c", "a: b; a: c; content-length: 5; Length(5)");
        check("GET", 200, Some(5), "content-length: 5", "content-length: 5; Length(5)");
        check("GET", 200, None, "content-length: 5", "content-length: 5; Length(5)");
    }

    #[test]
    fn a_body_of_unknown_length_is_chunked_or_closes() {
        check("GET", 200, None, "", "transfer-encoding: chunked; Chunked");
        check("GET", 200, None, "transfer-encoding: chunked", "transfer-encoding: chunked; Chunked");
        check("GET/1.0", 200, None, "", "connection: close; ToClose");
    }

    #[test]
    fn what_a_user_says_of_framing_must_be_true() {
        check("GET", 200, Some(5), "content-length: 6", "Length");
        check("GET", 200, Some(5), "content-length: x", "Length");
        check("GET", 200, Some(5), "content-length: 5\ncontent-length: 5", "Length");
        check("GET", 200, Some(5), "transfer-encoding: gzip, chunked", "Coding");
        check("GET", 200, Some(5), "transfer-encoding: chunked", "content-length: 5; Length(5)");
        check("GET", 100, Some(0), "", "Informational");
        check("GET", 103, Some(0), "", "Informational");
    }

    #[test]
    fn some_responses_have_no_body() {
        check("HEAD", 200, Some(5), "", "content-length: 5; Nothing");
        check("HEAD", 200, Some(0), "", "Nothing");
        check("HEAD", 200, Some(0), "content-length: 5", "content-length: 5; Nothing");
        check("HEAD", 200, None, "", "Nothing");
        check("GET", 204, Some(5), "content-length: 5", "Nothing");
        check("GET", 304, Some(0), "content-length: 5", "content-length: 5; Nothing");
        check("GET", 304, Some(0), "", "Nothing");
        check("CONNECT", 200, Some(0), "", "Nothing");
        check("CONNECT", 407, Some(0), "", "content-length: 0; Length(0)");
        check("GET", 101, Some(0), "upgrade: x", "upgrade: x; connection: upgrade; Nothing");
    }

    #[test]
    fn connection_is_ours_to_say() {
        check("GET", 200, Some(0), "connection: close", "content-length: 0; connection: close; Length(0)");
        check("GET/1.0", 200, Some(0), "", "content-length: 0; connection: keep-alive; Length(0)");
        check("GET", 200, Some(0), "connection: x\nkeep-alive: timeout=5", "content-length: 0; Length(0)");
    }

    #[test]
    fn every_status_has_a_line() {
        for code in 100..=999 {
            let mut out = Vec::new();
            let status = StatusCode::from_u16(code).unwrap();
            status_line(&mut out, status);
            let reason = status.canonical_reason().unwrap_or_default();
            assert_eq!(String::from_utf8(out).unwrap(), format!("HTTP/1.1 {code} {reason}\r\n"));
        }
    }

    #[test]
    fn a_body_keeps_its_word() {
        /// Puts pieces of these lengths, then the end.
        fn put(mut outgoing: Outgoing, pieces: &[usize]) -> Result<String, Invalid> {
            let mut outbox = Outbox::default();
            for &length in pieces {
                outgoing.put(&mut outbox, Bytes::from(vec![b'x'; length]))?;
            }
            outgoing.end(&mut outbox, None)?;
            Ok(outbox.single().unwrap_or_default().escape_ascii().to_string())
        }
        assert_eq!(put(Outgoing::Length(5), &[2, 0, 3]).unwrap(), "xxxxx");
        assert_eq!(put(Outgoing::Length(5), &[2, 4]), Err(Invalid::BodyTooLong));
        assert_eq!(put(Outgoing::Length(5), &[2, 2]), Err(Invalid::BodyTooShort));
        let chunks = r"2\r\nxx\r\nB\r\nxxxxxxxxxxx\r\n0\r\n\r\n";
        assert_eq!(put(Outgoing::Chunked, &[2, 0, 11]).unwrap(), chunks);
        assert_eq!(put(Outgoing::ToClose, &[2, 3]).unwrap(), "xxxxx");
        assert_eq!(put(Outgoing::Nothing, &[2, 3]).unwrap(), "");
    }
}
