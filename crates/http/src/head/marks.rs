//! Marks: what the few fields say that HTTP/1.1 itself reads.
//!
//! They are gathered once, while the head is parsed, so that nobody searches for them again. They only say what
//! was found; [`framing`](crate::h1::framing) and the state machines decide what follows from it.

use super::target;

/// What was found in one head.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    pub(crate) length: Length,
    pub(crate) coding: Coding,
    pub(crate) host: Host,
    pub(crate) expectation: Expectation,
    options: Options,
}

/// What `Connection` lists, and whether there is an `Upgrade` field: a bit for each. Left as four `bool`s they are
/// taken apart and put together again whenever a head moves, a hundred instructions a request.
#[derive(Clone, Copy, Debug, Default)]
struct Options(u8);

const CLOSE: u8 = 1;
const KEEP_ALIVE: u8 = 2;
const CONNECTION_UPGRADE: u8 = 4;
const UPGRADE: u8 = 8;

/// `Content-Length`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Length {
    #[default]
    Absent,
    Once(u64),
    Twice,
    Invalid,
}

/// `Transfer-Encoding`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Coding {
    #[default]
    Absent,
    /// `chunked`, once and alone.
    Chunked,
    /// Some other coding, with `chunked` last.
    Unknown,
    Invalid,
}

/// `Host`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Host {
    #[default]
    Absent,
    Once,
    Twice,
    Invalid,
}

/// `Expect`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Expectation {
    #[default]
    Absent,
    Continue,
    Unknown,
}

impl Marks {
    pub(super) fn gather(fields: &[httparse::Header<'_>]) -> Self {
        let mut marks = Self::default();
        for field in fields {
            // The length decides for almost every field that it is none of these.
            match field.name.len() {
                4 if is(field, b"host") => marks.host = marks.host.and(field.value),
                6 if is(field, b"expect") => marks.expectation = marks.expectation.and(field.value),
                7 if is(field, b"upgrade") => marks.options.0 |= UPGRADE,
                10 if is(field, b"connection") => marks.read_connection(field.value),
                14 if is(field, b"content-length") => marks.length = marks.length.and(field.value),
                17 if is(field, b"transfer-encoding") => marks.coding = marks.coding.and(field.value),
                _ => {}
            }
        }
        marks
    }

    /// Whether the sender offers (or, in a response, makes) a change of protocol (RFC 9110, 7.8).
    pub(crate) fn is_upgrade(&self) -> bool {
        self.options.0 & (CONNECTION_UPGRADE | UPGRADE) == CONNECTION_UPGRADE | UPGRADE
    }

    /// `Connection` lists `close`.
    pub(crate) fn is_close(&self) -> bool {
        self.options.0 & CLOSE != 0
    }

    /// `Connection` lists `keep-alive`.
    pub(crate) fn is_keep_alive(&self) -> bool {
        self.options.0 & KEEP_ALIVE != 0
    }

    fn read_connection(&mut self, value: &[u8]) {
        for option in list(value) {
            self.options.0 |= match option.len() {
                5 if option.eq_ignore_ascii_case(b"close") => CLOSE,
                10 if option.eq_ignore_ascii_case(b"keep-alive") => KEEP_ALIVE,
                7 if option.eq_ignore_ascii_case(b"upgrade") => CONNECTION_UPGRADE,
                _ => 0,
            };
        }
    }
}

impl Length {
    fn and(self, value: &[u8]) -> Self {
        match (self, decimal(value)) {
            (Self::Absent, Some(length)) => Self::Once(length),
            (Self::Absent, None) => Self::Invalid,
            // RFC 9112, 6.3 would let equal ones pass. A sender that repeats itself is broken or tries something.
            _ => Self::Twice,
        }
    }
}

impl Coding {
    fn and(self, value: &[u8]) -> Self {
        if self != Self::Absent {
            return Self::Invalid;
        }
        let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
        let mut codings = list(value).rev();
        match codings.next() {
            Some(last) if is_chunked(last) => match codings.next() {
                None => Self::Chunked,
                Some(before) if before.is_empty() || is_chunked(before) || codings.any(is_chunked) => {
                    Self::Invalid
                }
                Some(_) => Self::Unknown,
            },
            _ => Self::Invalid,
        }
    }
}

impl Host {
    fn and(self, value: &[u8]) -> Self {
        match self {
            Self::Absent if target::is_host(value) => Self::Once,
            Self::Absent => Self::Invalid,
            _ => Self::Twice,
        }
    }
}

impl Expectation {
    fn and(self, value: &[u8]) -> Self {
        match self {
            Self::Unknown => Self::Unknown,
            _ if value.eq_ignore_ascii_case(b"100-continue") => Self::Continue,
            _ => Self::Unknown,
        }
    }
}

/// Whether this is the field with this name, which is given in lower case.
fn is<const N: usize>(field: &httparse::Header<'_>, name: &[u8; N]) -> bool {
    // A token has no byte but a capital letter that this turns into a small one.
    field.name.as_bytes().first_chunk().is_some_and(|start: &[u8; N]| start.map(|byte| byte | 0x20) == *name)
        && field.name.len() == N
}

/// The members of a comma-separated list, without the space around them.
pub(crate) fn list(value: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii)
}

/// Digits and nothing else, not even a sign; `None` also if it does not fit.
pub(crate) fn decimal(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0u64, |number, &byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        number.checked_mul(10)?.checked_add(digit.into())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gather(text: &str) -> Marks {
        let mut fields = [httparse::EMPTY_HEADER; 8];
        let text = format!("{text}\r\n\r\n");
        let (_, fields) = httparse::parse_headers(text.as_bytes(), &mut fields).unwrap().unwrap();
        Marks::gather(fields)
    }

    #[test]
    fn a_length_is_digits_once() {
        for (value, expect) in [
            ("0", Length::Once(0)),
            ("007", Length::Once(7)),
            ("18446744073709551615", Length::Once(u64::MAX)),
            ("18446744073709551616", Length::Invalid),
            ("99999999999999999999999999999999", Length::Invalid),
            ("", Length::Invalid),
            ("+1", Length::Invalid),
            ("-1", Length::Invalid),
            ("1 1", Length::Invalid),
            ("1, 1", Length::Invalid),
            ("0x1", Length::Invalid),
            ("1\r\nContent-Length: 1", Length::Twice),
            ("x\r\nContent-Length: 1", Length::Twice),
        ] {
            assert_eq!(gather(&format!("content-length: {value}")).length, expect, "{value}");
        }
    }

    #[test]
    fn a_coding_is_chunked_alone() {
        for (value, expect) in [
            ("chunked", Coding::Chunked),
            ("  ChunkeD  ", Coding::Chunked),
            ("gzip, chunked", Coding::Unknown),
            ("gzip", Coding::Invalid),
            ("identity", Coding::Invalid),
            ("", Coding::Invalid),
            ("chunked, chunked", Coding::Invalid),
            ("chunked, gzip, chunked", Coding::Invalid),
            ("chunked, identity", Coding::Invalid),
            (", chunked", Coding::Invalid),
            ("chunked,", Coding::Invalid),
            ("chunked;q=1", Coding::Invalid),
            ("xchunked", Coding::Invalid),
            ("chunked\r\nTransfer-Encoding: chunked", Coding::Invalid),
            ("gzip\r\nTransfer-Encoding: chunked", Coding::Invalid),
        ] {
            assert_eq!(gather(&format!("transfer-encoding: {value}")).coding, expect, "{value}");
        }
    }

    #[test]
    fn connection_is_a_list() {
        let marks = gather("Connection: foo, Keep-Alive\r\nconnection: ,upgrade,\r\nUpgrade: websocket");
        assert!(marks.is_keep_alive() && !marks.is_close() && marks.is_upgrade());
        assert!(gather("Connection: CLOSE").is_close());
        assert!(!gather("Connection: closed").is_close());
        assert!(!gather("Connection: upgrade").is_upgrade());
        assert!(!gather("Upgrade: websocket").is_upgrade());
    }

    #[test]
    fn an_expectation_is_100_continue() {
        assert_eq!(gather("Expect: 100-Continue").expectation, Expectation::Continue);
        assert_eq!(gather("Expect: 100-continue, 200-ok").expectation, Expectation::Unknown);
        assert_eq!(gather("Expect: x\r\nExpect: 100-continue").expectation, Expectation::Unknown);
    }
}
