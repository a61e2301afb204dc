//! What an answer looks like in RESP2 where more than types differ: [`Shape`].
//!
//! A service answers what a server says in version 3, as a client that is served does. Most of it version 2 says in other
//! types, and the [encoder](crate::resp::encode) sees to that. The answers to a few commands have another shape, and of
//! nothing it has two kinds, which nothing in the answer tells; so the command has to.

use bytes::{BufMut, BytesMut};

use crate::command::Command;
use crate::resp::{Version, answer, array_header};
use crate::value::Value;

/// The shape of an answer in RESP2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Shape {
    /// That of RESP3.
    #[default]
    Same,
    /// Pairs stand in turn, and not each in an array.
    Flat,
    /// A map is an array of pairs. Nothing, there and within, is a null array.
    Streams,
    /// Nothing is a null array, where nearly all others have a null string.
    NullArray,
    /// Nothing of one thing among others is so.
    NullArrays,
    /// Nothing at the end is so.
    NullArrayLast,
}

impl Shape {
    /// That of the answers to a command.
    pub(super) fn of(command: &Command) -> Self {
        let name = command.name();
        // What is asked most is shorter than all of these.
        if name.len() < SHORTEST {
            return Self::Same;
        }
        let is = |word: &str| name.eq_ignore_ascii_case(word.as_bytes());
        match SHAPES.iter().find(|(words, ..)| words.iter().any(|word| is(word))) {
            Some((_, args_min, shape)) if command.len() > *args_min => *shape,
            _ => Self::Same,
        }
    }

    /// Appends an answer in RESP2. What has not the shape that it would have in RESP3 is written as it is: the service has
    /// made it as RESP2 has it.
    pub(super) fn encode(self, value: &Value, buf: &mut BytesMut) {
        match (self, value) {
            (Self::NullArray | Self::Streams, Value::Nil) => buf.put_slice(NULL_ARRAY),
            (Self::Flat, Value::Array(pairs)) if pairs.iter().all(is_pair) => {
                array_header(pairs.len() * 2, buf);
                pairs.iter().flat_map(values_of).for_each(|value| answer(value, Version::Resp2, buf));
            }
            (Self::Streams, Value::Map(streams)) => {
                array_header(streams.len(), buf);
                for (name, entries) in streams {
                    array_header(2, buf);
                    answer(name, Version::Resp2, buf);
                    self.encode(entries, buf);
                }
            }
            (Self::Streams, Value::Array(values)) => {
                array_header(values.len(), buf);
                values.iter().for_each(|value| self.encode(value, buf));
            }
            (Self::NullArrays, Value::Array(values)) => {
                array_header(values.len(), buf);
                values.iter().for_each(|value| Self::NullArray.encode(value, buf));
            }
            (Self::NullArrayLast, Value::Array(values)) => {
                array_header(values.len(), buf);
                for (at, value) in values.iter().enumerate() {
                    let shape = if at + 1 == values.len() { Self::NullArray } else { Self::Same };
                    shape.encode(value, buf);
                }
            }
            (_, value) => answer(value, Version::Resp2, buf),
        }
    }
}

fn values_of(value: &Value) -> &[Value] {
    if let Value::Array(values) = value { values } else { &[] }
}

fn is_pair(value: &Value) -> bool {
    values_of(value).len() == 2
}

const NULL_ARRAY: &[u8] = b"*-1\r\n";

/// The length of "LPOP".
const SHORTEST: usize = 4;

/// Commands, the number of words that they must have more than, and the shape of their answers then.
const SHAPES: &[(&[&str], usize, Shape)] = &[
    // With scores, or with values. Of those that take a number of how many, also without.
    (&["ZRANGE", "ZREVRANGE", "ZRANGEBYSCORE", "ZREVRANGEBYSCORE", "ZRANDMEMBER"], 0, Shape::Flat),
    (&["ZPOPMIN", "ZPOPMAX", "ZDIFF", "ZINTER", "ZUNION", "HRANDFIELD"], 0, Shape::Flat),
    (&["XREAD", "XREADGROUP"], 0, Shape::Streams),
    // Of those that wait it is said when their time is over, whatever it would have been without waiting.
    (
        &["BLPOP", "BRPOP", "BLMOVE", "BRPOPLPUSH", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP"],
        0,
        Shape::NullArray,
    ),
    (&["LMPOP", "ZMPOP", "EXEC"], 0, Shape::NullArray),
    // With a number of how many.
    (&["LPOP", "RPOP"], 2, Shape::NullArray),
    // With a score.
    (&["ZRANK", "ZREVRANK"], 3, Shape::NullArray),
    (&["GEOPOS"], 0, Shape::NullArrays),
    // Without a range: the last are the consumers.
    (&["XPENDING"], 0, Shape::NullArrayLast),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, answer: impl Into<Value>, said: &str) {
        let command = line.split(' ').fold(Command::default(), |command, word| command.arg(word));
        let mut buf = BytesMut::new();
        Shape::of(&command).encode(&answer.into(), &mut buf);
        assert_eq!(String::from_utf8_lossy(&buf).replace("\r\n", "|"), said, "{line}");
    }

    // What Redis 7.0 answers is in the tests against it.

    #[test]
    fn nothing_is_a_null_array_where_something_would_be_an_array() {
        for line in ["EXEC", "exec", "ZRANK z a WITHSCORE", "LPOP a 2", "BZPOPMIN a 1"] {
            check(line, Value::Nil, "*-1|");
        }
        for line in ["GET a", "ZRANK z a", "LPOP a", "RPOPLPUSH a b", "PING"] {
            check(line, Value::Nil, "$-1|");
        }
    }

    #[test]
    fn what_was_made_as_resp2_has_it_stays_so() {
        check("ZRANGE z 0 1 WITHSCORES", vec!["a", "1"], "*2|$1|a|$1|1|");
        check("HRANDFIELD h 1 WITHVALUES", vec!["f", "v"], "*2|$1|f|$1|v|");
        let entries = || Value::from(vec![Value::from("1-1"), Value::Nil]);
        check(
            "XREAD STREAMS s 0",
            vec![Value::from(vec!["s".into(), entries()])],
            "*1|*2|$1|s|*2|$3|1-1|*-1|",
        );
        check("XREAD STREAMS s 0", Value::map([("s", entries())]), "*1|*2|$1|s|*2|$3|1-1|*-1|");
    }
}
