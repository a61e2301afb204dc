//! What a client speaks: commands out, values in. [`Codec`].
//!
//! Commands that belong together are one request and get one answer, so that no other caller's come between them: this
//! counts what was sent, and gathers the answers of such.

use std::cell::Cell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;

use bytes::BytesMut;
use ekiden_proto::codec::{Decoded, Decoder, Encoder};

use crate::command::Command;
use crate::resp::{Limits, ReplyDecoder, RespError};
use crate::value::Value;

/// Commands to bytes, and bytes to values.
///
/// A push is a frame like any other, for whoever sees it first to keep.
#[derive(Debug)]
pub(crate) struct Codec {
    replies: ReplyDecoder,
    /// How many requests were encoded and answered. They wrap, and only their equality matters.
    sent: u64,
    answered: u64,
    /// Their difference, for whoever watches the peer.
    owed: Owed,
    /// The requests that get more than one answer.
    groups: VecDeque<Group>,
    /// The answers of the first group, as far as they have come.
    gathered: Vec<Value>,
}

/// How many answers a peer owes, for whoever watches it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Owed(Rc<Cell<u64>>);

#[derive(Debug)]
struct Group {
    /// Which request it is.
    request: u64,
    answers: usize,
}

impl Codec {
    pub(crate) fn new(limits: Limits) -> Self {
        let (groups, gathered) = (VecDeque::new(), Vec::new());
        let (replies, owed) = (ReplyDecoder::new(limits), Owed::default());
        Self { replies, sent: 0, answered: 0, owed, groups, gathered }
    }

    /// How many answers are owed, at any time.
    pub(crate) fn owed(&self) -> Owed {
        self.owed.clone()
    }

    /// What is answered with `value`, if that completes an answer.
    #[inline]
    fn handle_reply(&mut self, value: Value) -> Option<Value> {
        let answer = match self.groups.front() {
            Some(group) if group.request == self.answered => {
                self.gathered.push(value);
                if self.gathered.len() < group.answers {
                    return None;
                }
                self.groups.pop_front();
                Value::Array(std::mem::take(&mut self.gathered))
            }
            _ => value,
        };
        self.answered = self.answered.wrapping_add(1);
        self.owed.take();
        Some(answer)
    }
}

impl Owed {
    /// Whether it owes any.
    pub(crate) fn is_any(&self) -> bool {
        self.0.get() > 0
    }

    pub(super) fn add(&self) {
        self.0.set(self.0.get() + 1);
    }

    pub(super) fn take(&self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

impl Decoder for Codec {
    type Item = Value;
    type Error = RespError;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<Value>, RespError> {
        loop {
            match self.replies.decode(buf)? {
                Decoded::Frame(push @ Value::Push(_)) => return Ok(Decoded::Frame(push)),
                Decoded::Frame(value) | Decoded::Hold(value) => {
                    if let Some(answer) = self.handle_reply(value) {
                        return Ok(Decoded::Frame(answer));
                    }
                }
                Decoded::Incomplete => return Ok(Decoded::Incomplete),
            }
        }
    }
}

impl Encoder<Command> for Codec {
    type Error = Infallible;

    fn encode(&mut self, command: Command, buf: &mut BytesMut) -> Result<(), Infallible> {
        command.write_to(buf);
        if let Some(answers) = command.answers() {
            self.groups.push_back(Group { request: self.sent, answers });
        }
        self.sent = self.sent.wrapping_add(1);
        self.owed.add();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends requests, each given by how many commands it is of, and says what answers come of the bytes.
    fn check(requests: &[usize], input: &str, expect: &[&str]) {
        let mut codec = Codec::new(Limits::of_replies());
        let mut buf = BytesMut::new();
        for count in requests {
            let commands = (0..*count).map(|_| Command::new("PING")).reduce(Command::then);
            codec.encode(commands.unwrap(), &mut buf).unwrap();
        }
        let commands = requests.iter().sum::<usize>();
        assert_eq!(buf, "*1\r\n$4\r\nPING\r\n".repeat(commands));
        buf.clear();
        let mut told = Vec::new();
        for byte in input.bytes() {
            buf.extend_from_slice(&[byte]);
            if let Decoded::Frame(value) = codec.decode(&mut buf).unwrap() {
                told.push(format!("{value:?}"));
            }
        }
        assert_eq!(told, expect, "{input:?}");
    }

    #[test]
    fn commands_that_belong_together_get_one_answer() {
        check(
            &[1, 2, 1],
            ":1\r\n:2\r\n:3\r\n:4\r\n",
            &["Integer(1)", "Array([Integer(2), Integer(3)])", "Integer(4)"],
        );
        check(
            &[2, 2],
            ":1\r\n:2\r\n:3\r\n:4\r\n",
            &["Array([Integer(1), Integer(2)])", "Array([Integer(3), Integer(4)])"],
        );
    }

    #[test]
    fn a_push_is_no_answer_wherever_it_comes() {
        check(
            &[2, 1],
            ":1\r\n>1\r\n:9\r\n:2\r\n>1\r\n:9\r\n:3\r\n",
            &["Push([Integer(9)])", "Array([Integer(1), Integer(2)])", "Push([Integer(9)])", "Integer(3)"],
        );
    }
}
