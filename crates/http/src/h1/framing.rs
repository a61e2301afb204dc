//! Framing: where the body of a message ends, decided in one way only.
//!
//! The source is RFC 9112, sections 6.1 to 6.3 and 11.2. Where those let a lenient reader pick, this refuses: a
//! message that two readers can cut in two ways is how one request is smuggled inside another.

use crate::head::{Coding, Length, Marks, RequestHead, ResponseHead};
use crate::refusal::Refusal;
use http::{Method, StatusCode, Version};

/// How the body that follows a head is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is none.
    Empty,
    /// So many bytes, at least one.
    Length(u64),
    /// In chunks.
    Chunked,
    /// Everything until the peer closes. Only a response can be like that.
    ToClose,
}

/// How a request's body is framed.
pub(crate) fn of_request(head: &RequestHead, marks: &Marks) -> Result<Framing, Refusal> {
    let framing = declared(marks.coding, marks.length, head.version())?;
    match framing {
        // What follows a CONNECT belongs to the tunnel (RFC 9110, 9.3.6), so a length is a contradiction.
        Some(Framing::Length(_) | Framing::Chunked) if *head.method() == Method::CONNECT => {
            Err(Refusal::ContentInConnect)
        }
        _ => Ok(framing.unwrap_or(Framing::Empty)),
    }
}

/// How the body of a response to a request with this method is framed.
pub(crate) fn of_response(method: &Method, head: &ResponseHead, marks: &Marks) -> Result<Framing, Refusal> {
    // These never have a body, whatever their fields say of one (RFC 9112, 6.3, rules 1 and 2).
    if has_no_content(method.into(), head.status()) {
        return Ok(Framing::Empty);
    }
    let framing = declared(marks.coding, marks.length, head.version())?;
    Ok(framing.unwrap_or(Framing::ToClose))
}

/// What of a request's method decides how its response is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Head,
    Connect,
    Other,
}

impl From<&Method> for Asked {
    fn from(method: &Method) -> Self {
        match *method {
            Method::HEAD => Self::Head,
            Method::CONNECT => Self::Connect,
            _ => Self::Other,
        }
    }
}

/// Whether a response with this status to such a request is over with its head.
pub(crate) fn has_no_content(asked: Asked, status: StatusCode) -> bool {
    asked == Asked::Head
        || status.is_informational()
        || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
        || (asked == Asked::Connect && status.is_success())
}

/// What the fields say; `None` if they say nothing.
fn declared(coding: Coding, length: Length, version: Version) -> Result<Option<Framing>, Refusal> {
    match (coding, length) {
        (Coding::Absent, Length::Absent) => Ok(None),
        (Coding::Absent, Length::Once(0)) => Ok(Some(Framing::Empty)),
        (Coding::Absent, Length::Once(length)) => Ok(Some(Framing::Length(length))),
        (Coding::Absent, Length::Twice) => Err(Refusal::LengthTwice),
        (Coding::Absent, Length::Invalid) => Err(Refusal::LengthInvalid),
        (_, Length::Once(_) | Length::Twice | Length::Invalid) => Err(Refusal::LengthAndCoding),
        (_, Length::Absent) if version != Version::HTTP_11 => Err(Refusal::CodingInHttp10),
        (Coding::Chunked, Length::Absent) => Ok(Some(Framing::Chunked)),
        (Coding::Unknown, Length::Absent) => Err(Refusal::CodingUnknown),
        (Coding::Invalid, Length::Absent) => Err(Refusal::CodingInvalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::{HeadReader, Limits};

    /// A request with these fields is framed like this. `start` is its method and the minor version.
    fn check(start: &str, fields: &str, expect: Result<Framing, Refusal>) {
        let (method, minor) = start.split_once(' ').unwrap();
        let target = if method == "CONNECT" { "a:1" } else { "/" };
        let text = format!("{method} {target} HTTP/1.{minor}\r\nHost: a\r\n{fields}\r\n");
        let head = HeadReader::default().read_request(&mut text.as_bytes(), &Limits::default());
        let (head, marks) = head.unwrap().unwrap();
        assert_eq!(of_request(&head, &marks), expect, "{text}");
    }

    /// A response with this status line and these fields, to a request with this method.
    fn check_response(method: Method, status: &str, fields: &str, expect: Result<Framing, Refusal>) {
        let text = format!("HTTP/{status} Reason\r\n{fields}\r\n");
        let head = HeadReader::default().read_response(&mut text.as_bytes(), &Limits::default());
        let (head, marks) = head.unwrap().unwrap();
        assert_eq!(of_response(&method, &head, &marks), expect, "{method}: {text}");
    }

    #[test]
    fn a_request_without_fields_has_no_body() {
        check("GET 1", "", Ok(Framing::Empty));
        check("POST 1", "", Ok(Framing::Empty));
        check("POST 0", "", Ok(Framing::Empty));
    }

    #[test]
    fn a_length_is_a_length() {
        check("POST 1", "Content-Length: 0\r\n", Ok(Framing::Empty));
        check("POST 1", "Content-Length: 5\r\n", Ok(Framing::Length(5)));
        check("GET 0", "content-length: 5\r\n", Ok(Framing::Length(5)));
        check("POST 1", "Content-Length: 5, 5\r\n", Err(Refusal::LengthInvalid));
        check("POST 1", "Content-Length: 5\r\nContent-Length: 5\r\n", Err(Refusal::LengthTwice));
        check("POST 1", "Content-Length: 5\r\nContent-Length: 6\r\n", Err(Refusal::LengthTwice));
        check("POST 1", "Content-Length: 5x\r\n", Err(Refusal::LengthInvalid));
        check("POST 1", "Content-Length:\r\n", Err(Refusal::LengthInvalid));
        check("POST 1", "Content-Length: 18446744073709551616\r\n", Err(Refusal::LengthInvalid));
    }

    #[test]
    fn a_coding_is_chunked_or_nothing() {
        check("POST 1", "Transfer-Encoding: chunked\r\n", Ok(Framing::Chunked));
        check("GET 1", "Transfer-Encoding: CHUNKED\r\n", Ok(Framing::Chunked));
        check("POST 1", "Transfer-Encoding: gzip, chunked\r\n", Err(Refusal::CodingUnknown));
        check("POST 1", "Transfer-Encoding: gzip\r\n", Err(Refusal::CodingInvalid));
        check("POST 1", "Transfer-Encoding: identity\r\n", Err(Refusal::CodingInvalid));
        check(
            "POST 1",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n",
            Err(Refusal::CodingInvalid),
        );
        check("POST 0", "Transfer-Encoding: chunked\r\n", Err(Refusal::CodingInHttp10));
    }

    #[test]
    fn two_ways_to_frame_are_refused() {
        let both = Err(Refusal::LengthAndCoding);
        check("POST 1", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", both);
        check("POST 1", "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n", both);
        check("POST 1", "Transfer-Encoding: identity\r\nContent-Length: 5\r\n", both);
        check("POST 0", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", both);
        check("POST 1", "Content-Length: x\r\nTransfer-Encoding: chunked\r\n", both);
        check_response(Method::GET, "1.1 200", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", both);
    }

    #[test]
    fn connect_has_no_content() {
        check("CONNECT 1", "", Ok(Framing::Empty));
        check("CONNECT 1", "Content-Length: 0\r\n", Ok(Framing::Empty));
        check("CONNECT 1", "Content-Length: 5\r\n", Err(Refusal::ContentInConnect));
        check("CONNECT 1", "Transfer-Encoding: chunked\r\n", Err(Refusal::ContentInConnect));
    }

    #[test]
    fn a_response_may_last_until_the_close() {
        check_response(Method::GET, "1.1 200", "", Ok(Framing::ToClose));
        check_response(Method::GET, "1.0 200", "", Ok(Framing::ToClose));
        check_response(Method::GET, "1.1 200", "Content-Length: 5\r\n", Ok(Framing::Length(5)));
        check_response(Method::GET, "1.1 200", "Content-Length: 0\r\n", Ok(Framing::Empty));
        check_response(Method::GET, "1.1 200", "Transfer-Encoding: chunked\r\n", Ok(Framing::Chunked));
        check_response(Method::GET, "1.1 200", "Transfer-Encoding: gzip\r\n", Err(Refusal::CodingInvalid));
        check_response(
            Method::GET,
            "1.0 200",
            "Transfer-Encoding: chunked\r\n",
            Err(Refusal::CodingInHttp10),
        );
    }

    #[test]
    fn some_responses_never_have_a_body() {
        let fields = "Content-Length: 5\r\n";
        check_response(Method::HEAD, "1.1 200", fields, Ok(Framing::Empty));
        check_response(Method::HEAD, "1.1 200", "Transfer-Encoding: chunked\r\n", Ok(Framing::Empty));
        check_response(Method::GET, "1.1 304", fields, Ok(Framing::Empty));
        check_response(Method::GET, "1.1 204", fields, Ok(Framing::Empty));
        check_response(Method::GET, "1.1 100", "", Ok(Framing::Empty));
        check_response(Method::CONNECT, "1.1 200", fields, Ok(Framing::Empty));
        check_response(Method::CONNECT, "1.1 407", fields, Ok(Framing::Length(5)));
    }
}
