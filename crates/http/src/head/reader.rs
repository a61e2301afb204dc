//! Waits for a head to be there as a whole, then parses it.
//!
//! Nearly every head arrives in one piece and is parsed where it lies. One that comes in pieces is kept here and
//! looked at again only when its first line, and then when all of it, has come: a peer that sends a byte at a
//! time makes us look at each byte once, not at each byte for each byte.

use super::{Limits, Marks, Parsed, RequestHead, ResponseHead};
use crate::refusal::Refusal;

/// Collects the bytes of one head after the other.
#[derive(Debug, Default)]
pub(crate) struct HeadReader {
    /// The beginning of a head that is not all there.
    kept: Vec<u8>,
    /// Line ends are searched from here on in `kept`.
    searched: usize,
    /// The end of the start line was seen in `kept`.
    past_start_line: bool,
    /// Bytes of empty lines skipped before this head: CR and LF by turns.
    empty_line_bytes: u8,
}

/// RFC 9112, 2.2 asks for at least one, since old clients sent one behind a body. More than a few mean nothing.
const EMPTY_LINES_MAX: u8 = 4;

impl HeadReader {
    /// Takes what belongs to the next request's head off `input`; the head, if this was the rest of it.
    #[inline]
    pub(crate) fn read_request(
        &mut self,
        input: &mut &[u8],
        limits: &Limits,
    ) -> Result<Option<(RequestHead, Marks)>, Refusal> {
        self.read(input, limits, RequestHead::parse)
    }

    /// Takes what belongs to the next response's head off `input`; the head, if this was the rest of it.
    pub(crate) fn read_response(
        &mut self,
        input: &mut &[u8],
        limits: &Limits,
    ) -> Result<Option<(ResponseHead, Marks)>, Refusal> {
        self.read(input, limits, ResponseHead::parse)
    }

    /// Whether the beginning of a head has come, and not all of it. Empty lines are no beginning.
    #[inline]
    pub(crate) fn has_begun(&self) -> bool {
        !self.kept.is_empty()
    }

    /// Whether not even an empty line has come since the last head.
    #[inline]
    pub(crate) fn is_fresh(&self) -> bool {
        self.kept.is_empty() && self.empty_line_bytes == 0
    }

    #[inline]
    fn read<T>(
        &mut self,
        input: &mut &[u8],
        limits: &Limits,
        parse: Parse<T>,
    ) -> Result<Option<(T, Marks)>, Refusal> {
        if self.kept.is_empty() {
            self.skip_empty_lines(input)?;
            if input.is_empty() {
                return Ok(None);
            }
        }
        // One byte more than is allowed tells the head that is too long from the one that just fits.
        let taken = input.len().min(limits.bytes() + 1 - self.kept.len());
        let parsed = if self.kept.is_empty() { parse(&input[..taken], limits)? } else { None };
        if let Some(Parsed { head, marks, length }) = parsed {
            *input = &input[length..];
            self.empty_line_bytes = 0;
            return Ok(Some((head, marks)));
        }
        self.kept.extend_from_slice(&input[..taken]);
        if let Some(Parsed { head, marks, length }) = self.parse_kept(limits, parse)? {
            let unread = self.kept.len() - length;
            *input = &input[taken - unread..];
            *self = Self::default();
            return Ok(Some((head, marks)));
        }
        if self.kept.len() > limits.bytes() {
            return Err(limits.exceeded_by(&self.kept));
        }
        *input = &input[taken..];
        Ok(None)
    }

    /// Parses what is kept if there is reason to.
    fn parse_kept<T>(&mut self, limits: &Limits, parse: Parse<T>) -> Result<Option<Parsed<T>>, Refusal> {
        let was_past_start_line = self.past_start_line;
        if self.search_end()? || self.past_start_line != was_past_start_line {
            // The first line is parsed when it has come, so that garbage need not wait for more of it.
            return parse(&self.kept, limits);
        }
        Ok(None)
    }

    /// Looks at each new line end: whether an empty line, and so the end of the head, has come.
    fn search_end(&mut self) -> Result<bool, Refusal> {
        while let Some(found) = self.kept[self.searched..].iter().position(|&byte| byte == b'\n') {
            let end = self.searched + found;
            self.searched = end + 1;
            if !self.kept[..end].ends_with(b"\r") {
                return Err(Refusal::LineEnd);
            }
            self.past_start_line = true;
            if self.kept[..end].ends_with(b"\r\n\r") {
                return Ok(true);
            }
        }
        self.searched = self.kept.len();
        Ok(false)
    }

    #[inline]
    fn skip_empty_lines(&mut self, input: &mut &[u8]) -> Result<(), Refusal> {
        while let [byte @ (b'\r' | b'\n'), rest @ ..] = *input {
            let is_next = *byte == if self.is_inside_empty_line() { b'\n' } else { b'\r' };
            if !is_next || self.empty_line_bytes >= 2 * EMPTY_LINES_MAX {
                return Err(Refusal::LineEnd);
            }
            self.empty_line_bytes += 1;
            *input = rest;
        }
        if self.is_inside_empty_line() && !input.is_empty() { Err(Refusal::LineEnd) } else { Ok(()) }
    }

    /// A CR was skipped, and its LF has not come yet.
    fn is_inside_empty_line(&self) -> bool {
        self.empty_line_bytes % 2 == 1
    }
}

type Parse<T> = fn(&[u8], &Limits) -> Result<Option<Parsed<T>>, Refusal>;

impl From<httparse::Error> for Refusal {
    fn from(error: httparse::Error) -> Self {
        match error {
            httparse::Error::HeaderName => Self::HeaderName,
            httparse::Error::HeaderValue => Self::HeaderValue,
            httparse::Error::NewLine => Self::LineEnd,
            httparse::Error::TooManyHeaders => Self::TooManyHeaders,
            httparse::Error::Token => Self::Target,
            httparse::Error::Status | httparse::Error::Version => Self::StartLine,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { head_bytes_max: 120, headers_max: 4 };

    /// Reads all requests of `input`, cut into pieces at `cuts`: their targets, and the refusal that ends them.
    fn read(input: &[u8], cuts: &[usize]) -> String {
        let mut reader = HeadReader::default();
        let mut log = Vec::new();
        let mut start = 0;
        for end in cuts.iter().copied().chain([input.len()]) {
            let mut piece = &input[start..end];
            start = end;
            while !piece.is_empty() {
                match reader.read_request(&mut piece, &LIMITS) {
                    Ok(Some((head, _))) => log.push(format!("{} {}", head.method(), head.target())),
                    Ok(None) => assert!(piece.is_empty(), "all is taken before more is asked for"),
                    Err(refusal) => {
                        log.push(format!("{refusal:?}"));
                        return log.join(", ");
                    }
                }
            }
        }
        if reader.has_begun() {
            log.push("…".to_owned());
        }
        log.join(", ")
    }

    /// Whole, split at every place, and a byte at a time, it must be the same.
    fn check(input: impl AsRef<[u8]>, expect: &str) {
        let input = input.as_ref();
        let shown = input.escape_ascii();
        assert_eq!(read(input, &[]), expect, "{shown}");
        for cut in 0..input.len() {
            assert_eq!(read(input, &[cut]), expect, "split at {cut}: {shown}");
        }
        let cuts: Vec<_> = (1..input.len()).collect();
        assert_eq!(read(input, &cuts), expect, "byte by byte: {shown}");
    }

    #[test]
    fn a_head_is_read_whole_or_in_pieces() {
        check("GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET /");
        check("GET / HTTP/1.0\r\n\r\n", "GET /");
        check("M-SEARCH * HTTP/1.1\r\nHost:\r\n\r\n", "Target");
        check("GET / HTTP/1.1\r\nHost: a\r\nX:\t y \t\r\nZ:\r\n\r\n", "GET /");
    }

    #[test]
    fn one_head_follows_the_other() {
        let one = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
        check(one.repeat(3), "GET /a, GET /a, GET /a");
        check(format!("{one}GET /b HT"), "GET /a, …");
    }

    #[test]
    fn a_few_empty_lines_are_skipped() {
        check("\r\n\r\nGET / HTTP/1.0\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n\r\n", "GET /, GET /");
        check("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\n", "LineEnd");
        check("\nGET / HTTP/1.0\r\n\r\n", "LineEnd");
        check("\r\rGET / HTTP/1.0\r\n\r\n", "LineEnd");
        check("\rGET / HTTP/1.0\r\n\r\n", "LineEnd");
    }

    #[test]
    fn a_start_line_is_strict() {
        check(" GET / HTTP/1.0\r\n\r\n", "Method");
        check("G(T / HTTP/1.0\r\n\r\n", "Method");
        check("\0\0\0\r\n\r\n", "Method");
        check("\x16\x03\x01\x02\0\x01", "Method");
        check("GET  / HTTP/1.0\r\n\r\n", "Target");
        check("GET /  HTTP/1.0\r\n\r\n", "StartLine");
        check("GET /\r\n\r\n", "Target");
        check("GET\t/ HTTP/1.0\r\n\r\n", "Method");
        check("GET /a b HTTP/1.0\r\n\r\n", "StartLine");
        check("GET / HTTP/1.0 \r\n\r\n", "LineEnd");
        check("GET / http/1.1\r\n\r\n", "StartLine");
        check("GET / HTTP/11\r\n\r\n\r\n", "StartLine");
        check("GET /\x7f HTTP/1.0\r\n\r\n", "Target");
        check(b"GET /\xff HTTP/1.0\r\n\r\n", "Target");
        check("GET /\u{e9} HTTP/1.0\r\n\r\n", "Target");
    }

    #[test]
    fn other_versions_are_told_so() {
        check("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "Version");
        check("GET / HTTP/2.0\r\n\r\n", "Version");
        check("GET / HTTP/1.2\r\n\r\n", "Version");
        check("GET / HTTP/0.9\r\n\r\n", "Version");
    }

    #[test]
    fn a_line_ends_in_cr_lf() {
        check("GET / HTTP/1.0\n\n", "LineEnd");
        check("GET / HTTP/1.0\nA: b\r\n\r\n", "LineEnd");
        check("GET / HTTP/1.0\r\nA: b\nC: d\r\n\r\n", "LineEnd");
        check("GET / HTTP/1.0\r\nA: b\r\n\n", "LineEnd");
        check("GET / HTTP/1.0\r\nA: b\n\r\n", "LineEnd");
        check("GET / HTTP/1.0\r\n\n", "LineEnd");
        check("GET / HTTP/1.0\r\nA: b\rc\r\n\r\n", "HeaderValue");
        check("GET / HTTP/1.0\r\nA: b\r\n\rc\r\n\r\n", "LineEnd");
    }

    #[test]
    fn a_field_is_strict() {
        check("GET / HTTP/1.0\r\nA : b\r\n\r\n", "HeaderName");
        check("GET / HTTP/1.0\r\nA\t: b\r\n\r\n", "HeaderName");
        check("GET / HTTP/1.0\r\n A: b\r\n\r\n", "HeaderName");
        check("GET / HTTP/1.0\r\nA: b\r\n c\r\n\r\n", "HeaderName");
        check("GET / HTTP/1.0\r\nA: b\r\n\tc\r\n\r\n", "HeaderName");
        check("GET / HTTP/1.0\r\n: b\r\n\r\n", "HeaderName");
        check("GET / HTTP/1.0\r\nA\r\n\r\n", "HeaderName");
        check("GET / HTTP/1.0\r\nA(: b\r\n\r\n", "HeaderName");
        check(b"GET / HTTP/1.0\r\nA\xe9: b\r\n\r\n", "HeaderName");
        check("GET / HTTP/1.0\r\nA: b\0\r\n\r\n", "HeaderValue");
        check("GET / HTTP/1.0\r\nA: b\x7f\r\n\r\n", "HeaderValue");
        check("GET / HTTP/1.0\r\nTransfer-Encoding: \x0bchunked\r\n\r\n", "HeaderValue");
        check(b"GET / HTTP/1.0\r\nA: \xe9\r\n\r\n", "GET /");
    }

    #[test]
    fn a_host_is_named_once() {
        check("GET / HTTP/1.1\r\n\r\n", "HostMissing");
        check("GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", "HostTwice");
        check("GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n", "HostTwice");
        check("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", "HostInvalid");
        check("GET http://b/ HTTP/1.1\r\n\r\n", "HostMissing");
    }

    #[test]
    fn a_head_has_limits() {
        let line = |bytes: usize| format!("GET /{} HTTP/1.0\r\n", "a".repeat(bytes - 16));
        let field = |bytes: usize| format!("A: {}\r\n", "b".repeat(bytes - 5));
        check(line(118) + "\r\n", &format!("GET /{}", "a".repeat(102)));
        check(line(60) + &field(58) + "\r\n", &format!("GET /{}", "a".repeat(44)));
        check(line(60) + &field(59) + "\r\n", "HeadTooLong");
        check(line(119) + "\r\n", "HeadTooLong");
        check(line(120) + "\r\n", "HeadTooLong");
        check(line(121) + "\r\n", "TargetTooLong");
        check("G".repeat(500), "TargetTooLong");
        check(line(20) + &field(5).repeat(4) + "\r\n", "GET /aaaa");
        check(line(20) + &field(5).repeat(5) + "\r\n", "TooManyHeaders");
    }

    #[test]
    fn a_slow_head_is_not_read_again_for_each_byte() {
        // Were it, this would take minutes.
        let limits = Limits { head_bytes_max: 65_000, headers_max: 100 };
        let mut reader = HeadReader::default();
        let head = format!("GET / HTTP/1.0\r\nA: {}\r\n\r\n", "b".repeat(64_000));
        let reads = head.as_bytes().chunks(1).map(|mut piece| reader.read_request(&mut piece, &limits));
        assert_eq!(reads.filter(|read| matches!(read, Ok(Some(_)))).count(), 1);
    }
}
