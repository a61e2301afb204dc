//! Requests: bytes to [`Command`]s, at a server. [`RequestDecoder`].
//!
//! A request is an array of bulk strings, which stay as they are on the wire: a command takes one allocation however many
//! arguments it has. A person at a terminal may write a line of [`words`] instead.

use bytes::BytesMut;
use ekiden_proto::codec::{Decoded, Decoder};

use super::error::RespError;
use super::header;
use super::limits::Limits;
use super::{skip, words};
use crate::command::Command;

/// Makes commands of bytes.
///
/// ```
/// use bytes::BytesMut;
/// use ekiden_proto::codec::{Decoded, Decoder};
/// use ekiden_redis::Command;
/// use ekiden_redis::resp::RequestDecoder;
///
/// let mut decoder = RequestDecoder::default();
/// let mut buf = BytesMut::from("*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n");
/// assert_eq!(decoder.decode(&mut buf), Ok(Decoded::Frame(Command::new("GET").arg("a"))));
/// assert_eq!(decoder.decode(&mut buf), Ok(Decoded::Frame(Command::new("PING"))));
/// ```
///
/// A line of words is read as Redis reads one: what is in quotes is one word, and in double ones `\n` and `\x00` are what they are
/// elsewhere.
#[derive(Clone, Debug)]
pub struct RequestDecoder {
    limits: Limits,
    /// The request under way, if how many arguments it has is known.
    begun: Option<Begun>,
    /// How much of the line in front is known to have no end.
    scanned: usize,
}

#[derive(Clone, Copy, Debug)]
struct Begun {
    count: u32,
    /// How many arguments are not checked yet.
    left: u32,
    /// Where the arguments begin.
    from: usize,
    /// Where the next one does.
    at: usize,
}

impl RequestDecoder {
    /// Makes commands of no more than these limits.
    pub fn new(limits: Limits) -> Self {
        Self { limits, begun: None, scanned: 0 }
    }

    /// Reads how many arguments there are. `None`: that is not known yet. Empty requests are passed over.
    fn begin(&mut self, buf: &mut BytesMut) -> Result<Option<Begun>, RespError> {
        loop {
            let Some((count, read)) = header::count(&buf[1..])? else { return Ok(None) };
            let max = self.limits.values_max;
            if usize::try_from(count).is_ok_and(|count| count > max) {
                return Err(RespError::TooMany { max });
            }
            let from = read + 1;
            if let Some(count) = u32::try_from(count).ok().filter(|count| *count > 0) {
                return Ok(Some(Begun { count, left: count, from, at: from }));
            }
            skip(buf, from);
            if buf.first() != Some(&b'*') {
                return Ok(None);
            }
        }
    }

    /// Checks the arguments that are here. True if all are.
    fn check(&self, begun: &mut Begun, buf: &[u8]) -> Result<bool, RespError> {
        while begun.left > 0 {
            let Some(arg) = buf.get(begun.at..).filter(|arg| !arg.is_empty()) else { return Ok(false) };
            if arg[0] != b'$' {
                return Err(RespError::Type(arg[0]));
            }
            let Some((length, read)) = header::length(&arg[1..])? else { return Ok(false) };
            let length = length.ok_or(RespError::Number)?;
            let max = self.limits.frame_bytes_max;
            if length > max || begun.at + 1 + read + length + 2 > max {
                return Err(RespError::TooLarge { max });
            }
            let end = 1 + read + length;
            match arg.get(end..end + 2) {
                Some(b"\r\n") => begun.at += end + 2,
                Some(_) => return Err(RespError::LineEnd),
                None => return Ok(false),
            }
            begun.left -= 1;
        }
        Ok(true)
    }

    /// A line of words. `None`: it has none, and was passed over.
    fn inline(&mut self, buf: &mut BytesMut) -> Result<Decoded<Option<Command>>, RespError> {
        let Some(found) = memchr::memchr(b'\n', &buf[self.scanned..]) else {
            self.scanned = buf.len();
            let is_long = buf.len() > header::LINE_BYTES_MAX;
            return if is_long { Err(RespError::LongLine) } else { Ok(Decoded::Incomplete) };
        };
        let end = self.scanned + found;
        self.scanned = 0;
        if end > header::LINE_BYTES_MAX {
            return Err(RespError::LongLine);
        }
        let command = words::command(&buf[..end])?;
        if command.as_ref().is_some_and(is_http) {
            return Err(RespError::Http);
        }
        skip(buf, end + 1);
        Ok(Decoded::Frame(command))
    }
}

/// Whether it is how a request of HTTP or a line of its head begins. A page of the web may have its reader's browser send
/// such, and Redis hangs up on it however it is written.
fn is_http(command: &Command) -> bool {
    let name = command.name();
    name.eq_ignore_ascii_case(b"POST") || name.eq_ignore_ascii_case(b"Host:")
}

impl Default for RequestDecoder {
    fn default() -> Self {
        Self::new(Limits::of_requests())
    }
}

impl Decoder for RequestDecoder {
    type Item = Command;
    type Error = RespError;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Command>, RespError> {
        loop {
            let mut begun = match (self.begun.take(), buf.first().copied()) {
                (Some(begun), _) => begun,
                (None, None) => return Ok(Decoded::Incomplete),
                (None, Some(b'*')) => match self.begin(buf)? {
                    Some(begun) => begun,
                    // Empty requests were passed over, and something else follows.
                    None if buf.first().is_some_and(|first| *first != b'*') => continue,
                    None => return Ok(Decoded::Incomplete),
                },
                (None, Some(_)) => match self.inline(buf)? {
                    Decoded::Frame(Some(command)) => return Ok(Decoded::Frame(command)),
                    Decoded::Frame(None) => continue,
                    _ => return Ok(Decoded::Incomplete),
                },
            };
            if !self.check(&mut begun, buf)? {
                self.begun = Some(begun);
                return Ok(Decoded::Incomplete);
            }
            let command = Command::from_wire(&buf[begun.from..begun.at], begun.count);
            if is_http(&command) {
                return Err(RespError::Http);
            }
            skip(buf, begun.at);
            return Ok(Decoded::Frame(command));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is made of `input`, which must be the same wherever it is cut in two: the arguments of each command with
    /// spaces between, and "!" with the error that ends them. At most 40 bytes and three arguments.
    fn check(input: &str, expect: &[&str]) {
        for cut in 0..=input.len() {
            let limits = Limits { frame_bytes_max: 40, values_max: 3, ..Limits::of_requests() };
            let mut decoder = RequestDecoder::new(limits);
            let mut buf = BytesMut::new();
            let mut told = Vec::new();
            'input: for piece in [&input[..cut], &input[cut..]] {
                buf.extend_from_slice(piece.as_bytes());
                loop {
                    match decoder.decode(&mut buf) {
                        Ok(Decoded::Incomplete) => break,
                        Ok(Decoded::Frame(command) | Decoded::Hold(command)) => {
                            let args: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
                            assert_eq!(args.len(), command.len());
                            told.push(args.join(" "));
                        }
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

    #[test]
    fn a_request_is_an_array_of_strings() {
        check("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n", &["GET a", "PING"]);
        check("*2\r\n$3\r\nGET\r\n$0\r\n\r\n", &["GET "]);
    }

    #[test]
    fn a_request_may_be_a_line_of_words() {
        check("PING\r\nSET  a b\nget a\r\n", &["PING", "SET a b", "get a"]);
        check("PING\r\n*1\r\n$4\r\nPING\r\nPING\n", &["PING", "PING", "PING"]);
        check("SET a \"b c\"\r\nPING\r\n", &["SET a b c", "PING"]);
        check("SET a \"b c\r\nPING\r\n", &["! a value that is not of its type"]);
    }

    #[test]
    fn requests_of_nothing_are_passed_over() {
        check("*0\r\n*-1\r\n\r\n  \r\nPING\r\n*0\r\nPING\r\n", &["PING", "PING"]);
    }

    #[test]
    fn what_is_no_request_is_refused() {
        check("*1\r\n:4\r\n", &["! a frame that begins with ':'"]);
        check("*1\r\n$-1\r\n", &["! a length or number that is none"]);
        check("*1\r\n$+1\r\n", &["! a length or number that is none"]);
        check("*x\r\n", &["! a length or number that is none"]);
        // What is handed on as it came is to mean the same to whoever reads it next.
        for number in ["-0", "00", "04", "+4"] {
            check(&format!("*1\r\n${number}\r\nPING\r\n"), &["! a length or number that is none"]);
            check(&format!("*{number}\r\n$4\r\nPING\r\n"), &["! a length or number that is none"]);
        }
        check("*1\r\n$1\r\nab\r\n", &["! no CRLF where there must be one"]);
        check("POST / HTTP/1.1\r\n", &["! an HTTP request"]);
        check("*1\r\n$4\r\npost\r\n", &["! an HTTP request"]);
        check("*2\r\n$5\r\nHost:\r\n$1\r\na\r\n", &["! an HTTP request"]);
        check("GET / HTTP/1.1\r\nHost: a\r\n", &["GET / HTTP/1.1", "! an HTTP request"]);
    }

    #[test]
    fn what_is_too_much_is_refused_before_it_is_here() {
        check("*3\r\n", &[]);
        check("*4\r\n", &["! a frame of more than 3 values"]);
        check("*9223372036854775807\r\n", &["! a frame of more than 3 values"]);
        check("*1\r\n$29\r\n", &[]);
        check("*1\r\n$30\r\n", &["! a frame of more than 40 bytes"]);
        check("*1\r\n$9223372036854775807\r\n", &["! a frame of more than 40 bytes"]);
    }
}
