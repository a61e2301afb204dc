//! Replies: bytes to [`Value`]s, at a client. [`ReplyDecoder`].
//!
//! A value is built as its parts come, so each byte is looked at once, in however many pieces it comes. Aggregates that
//! are not complete wait on a stack of our own, not on that of the thread.

use bytes::{Bytes, BytesMut};
use ekiden_proto::codec::{Decoded, Decoder};

use super::error::RespError;
use super::header::{self, Read};
use super::limits::Limits;
use super::skip;
use crate::value::{ServerError, Value};

/// Makes values of bytes, whichever version of RESP they are in.
///
/// ```
/// use bytes::BytesMut;
/// use ekiden_proto::codec::{Decoded, Decoder};
/// use ekiden_redis::Value;
/// use ekiden_redis::resp::ReplyDecoder;
///
/// let mut decoder = ReplyDecoder::default();
/// let mut buf = BytesMut::from("*2\r\n:1\r\n$3\r\ntw");
/// assert_eq!(decoder.decode(&mut buf), Ok(Decoded::Incomplete));
/// buf.extend_from_slice(b"o\r\n");
/// let expect = Value::from(vec![Value::from(1), Value::from("two")]);
/// assert_eq!(decoder.decode(&mut buf), Ok(Decoded::Frame(expect)));
/// ```
#[derive(Debug)]
pub struct ReplyDecoder {
    limits: Limits,
    /// Aggregates that are not complete, each within the one before.
    open: Vec<Open>,
    /// What the frame under way has taken of the limits.
    bytes: usize,
    values: usize,
    /// How much of the line in front is known to have no end.
    scanned: usize,
}

/// An aggregate that is not complete.
#[derive(Debug)]
struct Open {
    kind: Kind,
    /// How many values are to come.
    left: usize,
    values: Vec<Value>,
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Array,
    Set,
    Push,
    Map,
    /// What describes the value behind it. It is left out.
    Attribute,
}

/// The next part of a frame.
enum Part {
    /// A value that is complete.
    Value(Value),
    /// So many bytes of a string, which are here, and what they are.
    Bytes(usize, Text),
    /// So many values follow.
    Begin(Kind, usize),
}

/// What the bytes of a string are.
enum Text {
    Bulk,
    Error,
    Verbatim,
}

impl ReplyDecoder {
    /// Makes values of no more than these limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, open: Vec::new(), bytes: 0, values: 0, scanned: 0 }
    }

    /// Reads the part of a frame that `bytes` begin with. For a string of bytes that is what stands before them.
    fn next_part(&mut self, bytes: &[u8]) -> Read<Part> {
        let Some((kind, rest)) = bytes.split_first() else { return Ok(None) };
        let part = match kind {
            b'$' => match header::length(rest)? {
                Some((Some(length), read)) => return self.text(length, Text::Bulk, rest, read),
                Some((None, read)) => Some((Part::Value(Value::Nil), read)),
                None => None,
            },
            b':' => header::number(rest)?.map(|(number, read)| (Part::Value(Value::Integer(number)), read)),
            b'+' => self.line(rest, |line| Ok(Value::Status(status(line))))?,
            b'-' => self.line(rest, |line| Ok(ServerError::new(Bytes::copy_from_slice(line)).into()))?,
            b'*' => match header::length(rest)? {
                Some((Some(count), read)) => Some((Part::Begin(Kind::Array, count), read)),
                Some((None, read)) => Some((Part::Value(Value::Nil), read)),
                None => None,
            },
            b'~' => begin(Kind::Set, rest)?,
            b'>' => begin(Kind::Push, rest)?,
            b'%' => begin(Kind::Map, rest)?,
            b'|' => begin(Kind::Attribute, rest)?,
            b'!' | b'=' => {
                let text = if *kind == b'!' { Text::Error } else { Text::Verbatim };
                match header::length(rest)? {
                    Some((length, read)) => {
                        return self.text(length.ok_or(RespError::Number)?, text, rest, read);
                    }
                    None => None,
                }
            }
            b'_' => {
                self.line(rest, |line| line.is_empty().then_some(Value::Nil).ok_or(RespError::Content))?
            }
            b'#' => self.line(rest, |line| match line {
                b"t" => Ok(Value::Boolean(true)),
                b"f" => Ok(Value::Boolean(false)),
                _ => Err(RespError::Content),
            })?,
            b',' => self.line(rest, double)?,
            b'(' => self.line(rest, big_number)?,
            b';' | b'.' => return Err(RespError::Streamed),
            other => return Err(RespError::Type(*other)),
        };
        Ok(part.map(|(part, read)| (part, read + 1)))
    }

    fn line(&mut self, rest: &[u8], make: impl FnOnce(&[u8]) -> Result<Value, RespError>) -> Read<Part> {
        match header::line(rest, &mut self.scanned)? {
            Some((line, read)) => Ok(Some((Part::Value(make(line)?), read))),
            None => Ok(None),
        }
    }

    /// A string of `length` bytes, if they are here, behind the `read` bytes that say so.
    fn text(&self, length: usize, text: Text, rest: &[u8], read: usize) -> Read<Part> {
        let max = self.limits.frame_bytes_max;
        // The kind and the CRLF are three bytes more.
        if length > max || self.bytes + read + length + 3 > max {
            return Err(RespError::TooLarge { max });
        }
        match rest.get(read + length..read + length + 2) {
            Some(b"\r\n") => Ok(Some((Part::Bytes(length, text), read + 1))),
            Some(_) => Err(RespError::LineEnd),
            None => Ok(None),
        }
    }

    /// So much of the frame was taken.
    fn count(&mut self, bytes: usize) -> Result<(), RespError> {
        self.bytes += bytes;
        let max = self.limits.frame_bytes_max;
        if self.bytes > max { Err(RespError::TooLarge { max }) } else { Ok(()) }
    }

    /// An aggregate begins, with `rest` bytes behind it. If it has no values it is complete.
    fn begin(&mut self, kind: Kind, count: usize, rest: usize) -> Result<Option<Value>, RespError> {
        let values = match kind {
            Kind::Map | Kind::Attribute => count.saturating_mul(2),
            Kind::Array | Kind::Set | Kind::Push => count,
        };
        self.values = self.values.saturating_add(values);
        if self.values > self.limits.values_max {
            return Err(RespError::TooMany { max: self.limits.values_max });
        }
        if self.open.len() >= self.limits.depth_max {
            return Err(RespError::TooDeep { max: self.limits.depth_max });
        }
        // Only for what can be here already: a value takes three bytes at least.
        let room = values.min(rest / 3);
        let open = Open { kind, left: values, values: Vec::with_capacity(room) };
        if values == 0 {
            return Ok(open.close().and_then(|value| self.add(value)));
        }
        self.open.push(open);
        Ok(None)
    }

    /// A value is complete. So may be what it is in, and so on. The frame, when that is.
    fn add(&mut self, mut value: Value) -> Option<Value> {
        while let Some(open) = self.open.last_mut() {
            open.values.push(value);
            open.left -= 1;
            if open.left > 0 {
                return None;
            }
            value = self.open.pop().and_then(Open::close)?;
        }
        Some(value)
    }
}

impl Default for ReplyDecoder {
    fn default() -> Self {
        Self::new(Limits::of_replies())
    }
}

impl Decoder for ReplyDecoder {
    type Item = Value;
    type Error = RespError;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Value>, RespError> {
        // What is taken leaves the buffer at the end, all at once.
        let mut at = 0;
        let mut block = None;
        let frame = loop {
            let Some((part, read)) = self.next_part(&buf[at..])? else { break None };
            at += read;
            self.count(read)?;
            let frame = match part {
                Part::Value(value) => self.add(value),
                Part::Begin(kind, count) => self.begin(kind, count, buf.len() - at)?,
                Part::Bytes(length, text) => {
                    self.count(length + 2)?;
                    let bytes = if length < SHARED_BYTES_MIN {
                        let is_one_of_many = self.open.last().is_some_and(|open| open.left >= MANY);
                        let bytes = if is_one_of_many {
                            Block::take(&mut block, buf, at, length)
                        } else {
                            Bytes::copy_from_slice(&buf[at..at + length])
                        };
                        at += length + 2;
                        bytes
                    } else {
                        skip(buf, at);
                        (at, block) = (2, None);
                        buf.split_to(length).freeze()
                    };
                    self.add(text.make(bytes)?)
                }
            };
            if frame.is_some() {
                break frame;
            }
        };
        skip(buf, at);
        Ok(match frame {
            Some(frame) => {
                (self.bytes, self.values) = (0, 0);
                Decoded::Frame(frame)
            }
            None => Decoded::Incomplete,
        })
    }
}

/// A copy of a part of the buffer, which short strings share.
struct Block {
    /// Where in the buffer it begins.
    from: usize,
    bytes: Bytes,
}

impl Block {
    /// The string at that place of the buffer: a part of the block, or of a new one, if it is in none.
    fn take(block: &mut Option<Self>, buf: &[u8], at: usize, length: usize) -> Bytes {
        if let Some(Self { from, bytes }) = block
            && at + length <= *from + bytes.len()
        {
            return bytes.slice(at - *from..at - *from + length);
        }
        if length > BLOCK_BYTES / 4 {
            return Bytes::copy_from_slice(&buf[at..at + length]);
        }
        let end = buf.len().min(at + BLOCK_BYTES);
        let made = block.insert(Self { from: at, bytes: Bytes::copy_from_slice(&buf[at..end]) });
        made.bytes.slice(..length)
    }
}

impl Open {
    /// The value that it is, unless it only describes another.
    fn close(self) -> Option<Value> {
        Some(match self.kind {
            Kind::Array => Value::Array(self.values),
            Kind::Set => Value::Set(self.values),
            Kind::Push => Value::Push(self.values),
            Kind::Map => {
                let mut pairs = Vec::with_capacity(self.values.len() / 2);
                let mut values = self.values.into_iter();
                while let (Some(key), Some(value)) = (values.next(), values.next()) {
                    pairs.push((key, value));
                }
                Value::Map(pairs)
            }
            Kind::Attribute => return None,
        })
    }
}

impl Text {
    fn make(self, bytes: Bytes) -> Result<Value, RespError> {
        match self {
            Self::Bulk => Ok(Value::Bulk(bytes)),
            Self::Error => Ok(ServerError::new(bytes).into()),
            Self::Verbatim => {
                let (format, text) = bytes.split_first_chunk::<3>().ok_or(RespError::Content)?;
                if text.first() != Some(&b':') {
                    return Err(RespError::Content);
                }
                Ok(Value::Verbatim { format: *format, text: bytes.slice(4..) })
            }
        }
    }
}

fn begin(kind: Kind, rest: &[u8]) -> Read<Part> {
    match header::length(rest)? {
        Some((count, read)) => Ok(Some((Part::Begin(kind, count.ok_or(RespError::Number)?), read))),
        None => Ok(None),
    }
}

/// The frequent ones without an allocation.
fn status(line: &[u8]) -> Bytes {
    match line {
        b"OK" => Bytes::from_static(b"OK"),
        b"QUEUED" => Bytes::from_static(b"QUEUED"),
        b"PONG" => Bytes::from_static(b"PONG"),
        line => Bytes::copy_from_slice(line),
    }
}

fn double(line: &[u8]) -> Result<Value, RespError> {
    let number = str::from_utf8(line).ok().and_then(|text| text.parse().ok());
    number.map(Value::Double).ok_or(RespError::Content)
}

fn big_number(line: &[u8]) -> Result<Value, RespError> {
    let digits = line.strip_prefix(b"-").or(line.strip_prefix(b"+")).unwrap_or(line);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(RespError::Content);
    }
    Ok(Value::BigNumber(Bytes::copy_from_slice(line)))
}

/// From this length on a string keeps what was read with it, instead of being copied. 32 KiB: longer than most reads, so
/// that there is little else, and to copy as much takes longer than to share it.
const SHARED_BYTES_MIN: usize = 32 * 1024;

/// While so many values of an aggregate are to come its short strings share copies, and an allocation each is saved. 16:
/// what is shared costs two.
const MANY: usize = 16;

/// As many bytes are copied at once for short strings to share: 1 KiB, which is also what one of them keeps that is kept
/// when all others are gone.
const BLOCK_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::{Version, encode};

    /// What is made of `input`: the values, and "!" with the error that ends them. It must be the same wherever the input
    /// is cut in two.
    fn check_with(limits: Limits, input: &str, expect: &[&str]) {
        for cut in 0..=input.len() {
            let mut decoder = ReplyDecoder::new(limits);
            let mut buf = BytesMut::new();
            let mut told = Vec::new();
            'input: for piece in [&input[..cut], &input[cut..]] {
                buf.extend_from_slice(piece.as_bytes());
                loop {
                    match decoder.decode(&mut buf) {
                        Ok(Decoded::Incomplete) => break,
                        Ok(Decoded::Frame(value) | Decoded::Hold(value)) => told.push(show(&value)),
                        Err(error) => {
                            told.push(format!("! {error}"));
                            break 'input;
                        }
                    }
                }
            }
            assert_eq!(told, expect, "{input:?} cut at {cut}");
        }
    }

    fn check(input: &str, expect: &[&str]) {
        check_with(Limits::of_replies(), input, expect);
    }

    /// A value in RESP3, with "|" for line ends.
    fn show(value: &Value) -> String {
        let mut buf = BytesMut::new();
        encode(value, Version::Resp3, &mut buf);
        String::from_utf8_lossy(&buf).replace("\r\n", "|")
    }

    fn few() -> Limits {
        Limits { frame_bytes_max: 40, values_max: 4, depth_max: 2 }
    }

    #[test]
    fn every_type_of_either_version_is_read() {
        check("+OK\r\n+PONG\r\n", &["+OK|", "+PONG|"]);
        check("-ERR no\r\n", &["-ERR no|"]);
        check(":-7\r\n", &[":-7|"]);
        check("$3\r\na\r\n\r\n$0\r\n\r\n$-1\r\n", &["$3|a||", "$0||", "_|"]);
        check("*2\r\n:1\r\n*1\r\n$1\r\na\r\n*-1\r\n*0\r\n", &["*2|:1|*1|$1|a|", "_|", "*0|"]);
        check("_\r\n#t\r\n#f\r\n", &["_|", "#t|", "#f|"]);
        check(",3.25\r\n,inf\r\n,-inf\r\n,nan\r\n,10\r\n", &[",3.25|", ",inf|", ",-inf|", ",nan|", ",10|"]);
        check(
            "(-3492890328409238509324850943850943825024385\r\n",
            &["(-3492890328409238509324850943850943825024385|"],
        );
        check("!6\r\nERR no\r\n=8\r\ntxt:some\r\n", &["-ERR no|", "=8|txt:some|"]);
        check("%2\r\n+a\r\n:1\r\n+b\r\n*1\r\n_\r\n", &["%2|+a|:1|+b|*1|_|"]);
        check("~2\r\n:1\r\n:2\r\n>1\r\n+a\r\n%0\r\n", &["~2|:1|:2|", ">1|+a|", "%0|"]);
    }

    #[test]
    fn what_describes_a_value_is_left_out() {
        check("|1\r\n+ttl\r\n:3600\r\n$1\r\na\r\n", &["$1|a|"]);
        check("*2\r\n:1\r\n|1\r\n+a\r\n*1\r\n:9\r\n:2\r\n", &["*2|:1|:2|"]);
        check("|0\r\n:1\r\n", &[":1|"]);
    }

    #[test]
    fn what_is_no_reply_is_refused() {
        check(":1\r\nx", &[":1|", "! a frame that begins with 'x'"]);
        check("$1\r\nab\r\n", &["! no CRLF where there must be one"]);
        check("$x\r\n", &["! a length or number that is none"]);
        check("%-1\r\n", &["! a length or number that is none"]);
        check("!-1\r\n", &["! a length or number that is none"]);
        check("#x\r\n", &["! a value that is not of its type"]);
        check("_x\r\n", &["! a value that is not of its type"]);
        check(",x\r\n", &["! a value that is not of its type"]);
        check("(1x\r\n", &["! a value that is not of its type"]);
        check("=3\r\ntxt\r\n", &["! a value that is not of its type"]);
        check("=4\r\ntxt_\r\n", &["! a value that is not of its type"]);
        check("*?\r\n", &["! a streamed value, which this end does not take"]);
        check(";1\r\n", &["! a streamed value, which this end does not take"]);
    }

    #[test]
    fn what_is_too_much_is_refused_before_it_is_here() {
        check_with(few(), "$33\r\n", &[]);
        check_with(few(), "$34\r\n", &["! a frame of more than 40 bytes"]);
        check_with(few(), "$9223372036854775807\r\n", &["! a frame of more than 40 bytes"]);
        check_with(few(), "*4\r\n", &[]);
        check_with(few(), "*5\r\n", &["! a frame of more than 4 values"]);
        check_with(few(), "%3\r\n", &["! a frame of more than 4 values"]);
        check_with(few(), "%9223372036854775807\r\n", &["! a frame of more than 4 values"]);
        check_with(few(), "*2\r\n*2\r\n:1\r\n:1\r\n*1\r\n", &["! a frame of more than 4 values"]);
        check_with(few(), "*1\r\n*1\r\n:1\r\n", &["*1|*1|:1|"]);
        check_with(few(), "*1\r\n*1\r\n*0\r\n", &["! a frame nested deeper than 2"]);
        check_with(few(), "*1\r\n$29\r\n", &[]);
        check_with(few(), "*1\r\n$30\r\n", &["! a frame of more than 40 bytes"]);
    }

    #[test]
    fn each_frame_has_the_limits_to_itself() {
        let frame = "*4\r\n:1\r\n:2\r\n:3\r\n:4\r\n";
        check_with(few(), &frame.repeat(3), &["*4|:1|:2|:3|:4|"; 3]);
        // Descriptions do not begin a new one.
        check_with(few(), &"|2\r\n:1\r\n:2\r\n:3\r\n:4\r\n".repeat(2), &["! a frame of more than 4 values"]);
    }

    #[test]
    fn a_long_string_is_not_copied_and_what_follows_it_is_read() {
        for length in [SHARED_BYTES_MIN - 1, SHARED_BYTES_MIN, 100_000] {
            let text = "x".repeat(length);
            let mut buf = BytesMut::from(&format!("*2\r\n${length}\r\n{text}\r\n:1\r\n:2\r\n")[..]);
            let from = buf.as_ptr() as usize;
            let mut decoder = ReplyDecoder::default();
            let Ok(Decoded::Frame(Value::Array(values))) = decoder.decode(&mut buf) else {
                panic!("no array")
            };
            let [Value::Bulk(bytes), Value::Integer(1)] = &values[..] else { panic!("{values:?}") };
            assert_eq!(bytes, &text);
            let is_shared = (bytes.as_ptr() as usize).wrapping_sub(from) < 20;
            assert_eq!(is_shared, length >= SHARED_BYTES_MIN);
            assert_eq!(decoder.decode(&mut buf), Ok(Decoded::Frame(Value::Integer(2))));
        }
    }

    #[test]
    fn short_strings_of_many_share_what_was_copied() {
        let mut expect = Vec::new();
        let mut wire = String::from("*200\r\n");
        for number in 0..200 {
            let text = number.to_string().repeat(if number % 50 == 7 { 300 } else { 3 });
            wire += &format!("${}\r\n{text}\r\n", text.len());
            expect.push(text);
        }
        let mut buf = BytesMut::from(&wire[..]);
        let Ok(Decoded::Frame(Value::Array(values))) = ReplyDecoder::default().decode(&mut buf) else {
            panic!("no array")
        };
        let came: Vec<_> = values.iter().map(|value| value.as_bytes().unwrap()).collect();
        assert!(came.iter().copied().eq(expect.iter().map(String::as_bytes)), "{came:?}");
        // As far apart as on the wire, so in one copy; and the last, which are few, are each by itself.
        let apart = |one: usize| (came[one + 1].as_ptr() as usize).wrapping_sub(came[one].as_ptr() as usize);
        assert_eq!(apart(10), came[10].len() + "\r\n$6\r\n".len());
        assert!(values.iter().all(|value| matches!(value, Value::Bulk(bytes) if bytes.len() < 1000)));
    }

    #[test]
    fn strings_at_the_edges_of_copies_are_whole() {
        // Of each length some end with the copy, or one byte beyond it; and a long one takes the buffer apart.
        for length in 1..40 {
            let texts = (0..300).map(|number| match number {
                100 => "y".repeat(SHARED_BYTES_MIN),
                number => format!("{number:0length$}"),
            });
            let texts: Vec<_> = texts.collect();
            let wire: String = texts.iter().map(|text| format!("${}\r\n{text}\r\n", text.len())).collect();
            let mut buf = BytesMut::from(&format!("*300\r\n{wire}")[..]);
            let Ok(Decoded::Frame(Value::Array(values))) = ReplyDecoder::default().decode(&mut buf) else {
                panic!("no array")
            };
            let came = values.iter().filter_map(Value::as_bytes);
            assert!(came.eq(texts.iter().map(String::as_bytes)), "of length {length}");
        }
    }

    #[test]
    fn no_room_is_made_on_the_word_of_a_peer() {
        let mut decoder = ReplyDecoder::default();
        let mut buf = BytesMut::from("*4000000\r\n:1\r\n");
        assert_eq!(decoder.decode(&mut buf), Ok(Decoded::Incomplete));
        assert!(decoder.open[0].values.capacity() <= 4, "{}", decoder.open[0].values.capacity());
    }
}
