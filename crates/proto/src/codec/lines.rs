//! A line of text is a frame: [`Lines`] gives strings, [`ByteLines`] bytes.
//!
//! A line ends with LF or CRLF, and neither is part of it. There is no escaping, so a line cannot hold a line
//! break; who tries to send one gets an error, since the peer would take it for two lines.

use std::fmt;
use std::str::Utf8Error;

use bytes::{BufMut, Bytes, BytesMut};

use super::{Decoded, Decoder, Encoder, skip};

/// Lines of UTF-8 text, as `String`s.
///
/// Bytes that are not UTF-8 are an error, and so is a last line without an end: a sender that was cut off must
/// not have half a command obeyed. For text of another encoding take [`ByteLines`].
///
/// ```
/// use bytes::BytesMut;
/// use ekiden_proto::codec::{Decoded, Decoder, Encoder, Lines};
///
/// let mut lines = Lines::new(80);
/// let mut buf = BytesMut::from("GET a\r\nGET ");
/// assert_eq!(lines.decode(&mut buf), Ok(Decoded::Frame("GET a".to_owned())));
/// assert_eq!(lines.decode(&mut buf), Ok(Decoded::Incomplete));
///
/// buf.clear();
/// lines.encode("VALUE a", &mut buf)?;
/// assert_eq!(buf, "VALUE a\n");
/// # Ok::<(), ekiden_proto::codec::LinesError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Lines {
    frames: ByteLines,
}

/// Lines of whatever bytes, as [`Bytes`].
///
/// Apart from that it is [`Lines`].
#[derive(Clone, Debug)]
pub struct ByteLines {
    line_bytes_max: usize,
    ending: Ending,
    /// How much of the front of the buffer is known to hold no LF.
    scanned: usize,
}

#[derive(Clone, Copy, Debug)]
enum Ending {
    Lf,
    CrLf,
}

impl Lines {
    /// Lines of at most `line_bytes_max` bytes each, in both directions; their ends are not counted.
    ///
    /// The default is 8 KiB: more than people and the usual text protocols write, and little enough that ten
    /// thousand connections with half a line each hold 80 MiB.
    pub const fn new(line_bytes_max: usize) -> Self {
        Self { frames: ByteLines::new(line_bytes_max) }
    }

    /// Ends the lines that are sent with CRLF; otherwise it is LF. Both are taken from the peer either way.
    pub const fn crlf(self) -> Self {
        Self { frames: self.frames.crlf() }
    }
}

impl ByteLines {
    /// Lines of at most `line_bytes_max` bytes each, in both directions; their ends are not counted.
    ///
    /// The default is 8 KiB, as for [`Lines::new`].
    pub const fn new(line_bytes_max: usize) -> Self {
        Self { line_bytes_max, ending: Ending::Lf, scanned: 0 }
    }

    /// Ends the lines that are sent with CRLF; otherwise it is LF. Both are taken from the peer either way.
    pub const fn crlf(self) -> Self {
        Self { ending: Ending::CrLf, ..self }
    }

    /// Takes the next line off `buf` by what `keep` makes of its text.
    fn decode_with<T>(
        &mut self,
        buf: &mut BytesMut,
        keep: impl FnOnce(&[u8]) -> Result<T, LinesError>,
    ) -> Result<Decoded<T>, LinesError> {
        let Some(end) = self.find_end(buf)? else { return Ok(Decoded::Incomplete) };
        let line = &buf[..end];
        let item = keep(line.strip_suffix(b"\r").unwrap_or(line))?;
        skip(buf, end + 1);
        Ok(Decoded::Frame(item))
    }

    /// Where the LF of the first line is. Looks at every byte once, and at none behind the longest line allowed.
    fn find_end(&mut self, buf: &[u8]) -> Result<Option<usize>, LinesError> {
        let max = self.line_bytes_max;
        // The longest line, its CR and its LF.
        let seen = &buf[..buf.len().min(max.saturating_add(2))];
        if let Some(found) = memchr::memchr(b'\n', &seen[self.scanned..]) {
            let end = self.scanned + found;
            self.scanned = 0;
            let is_cr_over_max = end == max.saturating_add(1) && seen[max] == b'\r';
            return if end <= max || is_cr_over_max {
                Ok(Some(end))
            } else {
                Err(LinesError::TooLong { max })
            };
        }
        let scanned = seen.len();
        self.scanned = scanned;
        // One byte more than the maximum may still be the CR of a CRLF.
        let is_hopeful = scanned <= max || (scanned == max + 1 && seen[max] == b'\r');
        if is_hopeful { Ok(None) } else { Err(LinesError::TooLong { max }) }
    }

    fn encode_line(&self, line: &[u8], buf: &mut BytesMut) -> Result<(), LinesError> {
        if line.len() > self.line_bytes_max {
            return Err(LinesError::TooLong { max: self.line_bytes_max });
        }
        // A CR at the end would be taken for a part of the line's end.
        if line.last() == Some(&b'\r') || memchr::memchr(b'\n', line).is_some() {
            return Err(LinesError::LineBreak);
        }
        let ending: &[u8] = match self.ending {
            Ending::Lf => b"\n",
            Ending::CrLf => b"\r\n",
        };
        buf.reserve(line.len() + ending.len());
        buf.put_slice(line);
        buf.put_slice(ending);
        Ok(())
    }
}

impl Default for ByteLines {
    fn default() -> Self {
        Self::new(LINE_BYTES_MAX)
    }
}

impl Decoder for Lines {
    type Item = String;
    type Error = LinesError;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<String>, LinesError> {
        self.frames.decode_with(buf, |line| {
            std::str::from_utf8(line).map(str::to_owned).map_err(LinesError::NotUtf8)
        })
    }
}

impl Decoder for ByteLines {
    type Item = Bytes;
    type Error = LinesError;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Bytes>, LinesError> {
        self.decode_with(buf, |line| Ok(Bytes::copy_from_slice(line)))
    }
}

impl<T: AsRef<str>> Encoder<T> for Lines {
    type Error = LinesError;

    fn encode(&mut self, line: T, buf: &mut BytesMut) -> Result<(), LinesError> {
        self.frames.encode_line(line.as_ref().as_bytes(), buf)
    }
}

impl<T: AsRef<[u8]>> Encoder<T> for ByteLines {
    type Error = LinesError;

    fn encode(&mut self, line: T, buf: &mut BytesMut) -> Result<(), LinesError> {
        self.encode_line(line.as_ref(), buf)
    }
}

/// Why there is no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinesError {
    /// The line is longer than allowed. Said as soon as it is, not when it ends.
    TooLong {
        /// The most bytes a line may have.
        max: usize,
    },
    /// The line from the peer is not UTF-8.
    NotUtf8(Utf8Error),
    /// The line to be sent holds a line break, or ends with a CR.
    LineBreak,
}

impl fmt::Display for LinesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { max } => write!(f, "a line of more than {max} bytes"),
            Self::NotUtf8(_) => f.write_str("a line that is not UTF-8"),
            Self::LineBreak => f.write_str("a line with a line break in it"),
        }
    }
}

impl std::error::Error for LinesError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::NotUtf8(error) => Some(error),
            Self::TooLong { .. } | Self::LineBreak => None,
        }
    }
}

/// The reason is at [`Lines::new`].
const LINE_BYTES_MAX: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::decode_in_pieces;
    use proptest::prelude::*;

    /// What lines of at most four bytes make of `input`: the lines, and "!" with the error that ends them.
    /// It must be the same wherever the input is cut in two.
    fn check(input: impl AsRef<[u8]>, expect: &[&str]) {
        let input = input.as_ref();
        for cut in 0..=input.len() {
            let (mut lines, error) = decode_in_pieces(&mut Lines::new(4), input, &[cut]);
            lines.extend(error.map(|error| format!("! {error}")));
            assert_eq!(lines, expect, "{input:?} cut at {cut}");
        }
    }

    const TOO_LONG: &str = "! a line of more than 4 bytes";

    #[test]
    fn lines_end_with_lf_or_crlf() {
        check("a\nbc\r\n\n\r\nd\n", &["a", "bc", "", "", "d"]);
        check("a\rb\n", &["a\rb"]);
        check("a\r\r\n", &["a\r"]);
        check("", &[]);
        check("a\nbc", &["a"]);
    }

    #[test]
    fn the_longest_line_is_taken_with_either_end() {
        check("abcd\nabcd\r\nabcd\r", &["abcd", "abcd"]);
    }

    #[test]
    fn a_line_over_the_maximum_is_refused() {
        check("ok\nabcde\n", &["ok", TOO_LONG]);
        check("abcde\r\n", &[TOO_LONG]);
        check("abcd\r\r\n", &[TOO_LONG]);
        check("abcdefgh", &[TOO_LONG]);
    }

    #[test]
    fn a_line_over_the_maximum_is_refused_before_it_ends() {
        check("abcd", &[]);
        check("abcd\r", &[]);
        check("abcde", &[TOO_LONG]);
        check("abcd\rx", &[TOO_LONG]);
    }

    #[test]
    fn text_must_be_utf8_and_bytes_need_not() {
        check("ä\n", &["ä"]);
        check(b"a\n\xff\n", &["a", "! a line that is not UTF-8"]);
        let mut buf = BytesMut::from(&b"\xff\r\n"[..]);
        assert_eq!(ByteLines::default().decode(&mut buf), Ok(Decoded::Frame(Bytes::from_static(b"\xff"))));
    }

    #[test]
    fn no_byte_is_looked_at_twice() {
        let mut lines = Lines::new(80);
        let mut buf = BytesMut::from("abc");
        assert_eq!(lines.decode(&mut buf), Ok(Decoded::Incomplete));
        buf[0] = b'\n'; // A decoder that looked again would see this.
        buf.extend_from_slice(b"de\n");
        assert_eq!(lines.decode(&mut buf), Ok(Decoded::Frame("\nbcde".to_owned())));
    }

    #[test]
    fn what_is_sent_is_what_comes_back() {
        for mut codec in [Lines::new(4), Lines::new(4).crlf()] {
            let mut buf = BytesMut::new();
            for line in ["abcd", "", "\rb"] {
                codec.encode(line, &mut buf).unwrap();
            }
            check(&buf, &["abcd", "", "\rb"]);
        }
    }

    #[test]
    fn a_line_that_would_arrive_as_another_is_not_sent() {
        for (line, error) in [
            ("abcde", LinesError::TooLong { max: 4 }),
            ("a\nb", LinesError::LineBreak),
            ("\n", LinesError::LineBreak),
            ("a\r", LinesError::LineBreak),
        ] {
            let mut buf = BytesMut::new();
            assert_eq!(Lines::new(4).encode(line, &mut buf), Err(error), "{line:?}");
            assert!(buf.is_empty());
        }
    }

    #[test]
    fn extreme_maxima_are_maxima() {
        assert_eq!(decode_in_pieces(&mut Lines::new(0), b"\n\r\n", &[1]).0, ["", ""]);
        assert!(decode_in_pieces(&mut Lines::new(0), b"a", &[]).1.is_some());
        assert_eq!(decode_in_pieces(&mut Lines::new(usize::MAX), b"abc\n", &[2]).0, ["abc"]);
    }

    /// The plain reading of the rules, from the whole input at once.
    fn reference(input: &[u8], max: usize) -> (Vec<Bytes>, bool) {
        let mut lines = Vec::new();
        let mut rest = input;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line = rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]);
            if line.len() > max {
                return (lines, true);
            }
            lines.push(Bytes::copy_from_slice(line));
            rest = &rest[end + 1..];
        }
        let is_too_long = rest.strip_suffix(b"\r").unwrap_or(rest).len() > max;
        (lines, is_too_long)
    }

    proptest! {
        /// Few different bytes, so that ends of lines are everywhere.
        #[test]
        fn any_splitting_gives_the_same_lines(
            input in prop::collection::vec(prop::sample::select(b"ab\r\n\n".to_vec()), 0..60),
            cuts in prop::collection::vec(any::<usize>(), 0..10),
            max in 0usize..8,
        ) {
            let (lines, error) = decode_in_pieces(&mut ByteLines::new(max), &input, &cuts);
            prop_assert_eq!((lines, error.is_some()), reference(&input, max));
        }
    }
}
