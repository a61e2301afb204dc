//! What is asked: [`Command`], and what may be an argument of one: [`ToArg`], [`ToArgs`].
//!
//! A command is kept as it goes over the wire. So to send it is one copy, to keep or repeat it costs one allocation
//! however many arguments it has, and a server that received it hands it to its service as it came.

use std::fmt;

use bytes::{Bytes, BytesMut};

use crate::digits::{self, DIGITS};

/// A command with its arguments.
///
/// It knows nothing of what it says: any command can be made so.
///
/// ```
/// use ekiden_redis::Command;
///
/// let command = Command::new("SET").arg("key").arg(42).arg("EX").arg(60);
/// assert_eq!(command.name(), b"SET");
/// assert_eq!(command.args().collect::<Vec<_>>(), [&b"SET"[..], b"key", b"42", b"EX", b"60"]);
/// ```
///
/// When printed for debugging it shows its name and how many arguments it has, and not the arguments: they may be
/// secrets.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Command {
    /// The arguments, each as `$length\r\nbytes\r\n`. The name is the first.
    wire: Vec<u8>,
    count: u32,
    /// What goes right behind it: see [`then`](Self::then).
    #[expect(clippy::box_collection, reason = "one word in each command, as few have any")]
    rest: Option<Box<Vec<Self>>>,
}

impl Command {
    /// A command without arguments. A name of two words, such as `CONFIG GET`, is two of the wire's arguments.
    pub fn new(name: &str) -> Self {
        let mut command = Self::with_capacity(COMMAND_BYTES);
        name.as_bytes().split(|byte| *byte == b' ').for_each(|word| command.push(word));
        command
    }

    fn with_capacity(bytes: usize) -> Self {
        Self { wire: Vec::with_capacity(bytes), count: 0, rest: None }
    }

    /// What a server received: `count` arguments as they are on the wire, which was checked.
    pub(crate) fn from_wire(wire: &[u8], count: u32) -> Self {
        Self { wire: wire.to_vec(), count, rest: None }
    }

    /// With more arguments: one, or all of a slice, a pair, an option.
    pub fn arg(mut self, arg: impl ToArgs) -> Self {
        arg.push_to(&mut self);
        self
    }

    /// With one argument more if `is` says so: a flag, such as `NX`.
    pub fn flag(mut self, is: bool, flag: &str) -> Self {
        if is {
            self.push(flag.as_bytes());
        }
        self
    }

    /// With how many these arguments are, and then the arguments: as `numkeys key …` is wanted.
    pub fn counted(self, args: impl ToArgs) -> Self {
        let counted = Self::default().arg(args);
        let mut command = self.arg(counted.len());
        command.append(&counted);
        command
    }

    /// With arguments in front of the one with this index, of which the name is 0; at the end if there is none.
    pub fn insert(mut self, at: usize, args: impl ToArgs) -> Self {
        let added = Self::default().arg(args);
        let mut behind = self.args();
        // Until the index, or the end.
        (0..at).any(|_| behind.next().is_none());
        let from = self.wire.len() - behind.wire.len();
        self.wire.splice(from..from, added.wire);
        self.count += added.count;
        self
    }

    /// Adds one argument.
    pub fn push(&mut self, arg: &[u8]) {
        let mut digits = DIGITS;
        let head = digits::head(b'$', arg.len() as u64, &mut digits);
        self.wire.reserve(head.len() + arg.len() + 2);
        self.wire.extend_from_slice(head);
        self.wire.extend_from_slice(arg);
        self.wire.extend_from_slice(b"\r\n");
        self.count += 1;
    }

    /// Adds the arguments of another, its name among them.
    pub(crate) fn append(&mut self, other: &Self) {
        self.wire.extend_from_slice(&other.wire);
        self.count += other.count;
    }

    /// Sends `next` right behind this one, with nothing of other callers between the two.
    ///
    /// The answer is then an array of all answers, in which errors are values. It is what transactions are made of.
    pub fn then(mut self, mut next: Self) -> Self {
        let behind_next = next.rest.take();
        let rest = self.rest.get_or_insert_default();
        rest.push(next);
        rest.extend(behind_next.into_iter().flat_map(|behind| *behind));
        self
    }

    /// The first argument as it was given, mostly in upper case.
    pub fn name(&self) -> &[u8] {
        self.args().next().unwrap_or_default()
    }

    /// All arguments, with the name in front.
    pub fn args(&self) -> Args<'_> {
        Args { wire: &self.wire }
    }

    /// How many arguments there are, with the name.
    pub fn len(&self) -> usize {
        self.count as usize
    }

    /// Whether there is not even a name.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// This one, and those that go right behind it.
    pub(crate) fn each(&self) -> impl Iterator<Item = &Self> {
        std::iter::once(self).chain(self.rest.iter().flat_map(|rest| rest.iter()))
    }

    /// How many answers it gets if more than one.
    pub(crate) fn answers(&self) -> Option<usize> {
        self.rest.as_ref().map(|rest| rest.len() + 1)
    }

    /// Writes it, and those behind it.
    pub(crate) fn write_to(&self, buf: &mut BytesMut) {
        for command in self.each() {
            let mut digits = DIGITS;
            let head = digits::head(b'*', command.count.into(), &mut digits);
            buf.reserve(head.len() + command.wire.len());
            buf.extend_from_slice(head);
            buf.extend_from_slice(&command.wire);
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = String::from_utf8_lossy(self.name());
        let arguments = self.len().saturating_sub(1);
        let mut told = f.debug_struct("Command");
        told.field("name", &name).field("arguments", &arguments);
        if let Some(rest) = &self.rest {
            told.field("then", rest);
        }
        told.finish()
    }
}

/// The arguments of a [`Command`].
#[derive(Clone, Debug)]
pub struct Args<'a> {
    wire: &'a [u8],
}

impl<'a> Iterator for Args<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        // `$length\r\n`, as it was written or checked.
        let mut length = 0;
        let mut at = 1;
        loop {
            match *self.wire.get(at)? {
                b'\r' => break,
                digit => length = length * 10 + usize::from(digit - b'0'),
            }
            at += 1;
        }
        let arg = self.wire.get(at + 2..at + 2 + length)?;
        self.wire = self.wire.get(at + length + 4..)?;
        Some(arg)
    }
}

/// What may be arguments of a command, none, one or many: single ones, and slices, pairs and options of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an argument of a Redis command",
    label = "this must be a string, bytes, a number, or a slice, pair or option of such",
    note = "for other types implement `ToArgs`, and `ToArg` too if it is always exactly one argument"
)]
pub trait ToArgs {
    /// Adds the arguments to the command.
    fn push_to(&self, command: &mut Command);
}

/// What is exactly one argument of a command: strings, bytes and numbers.
///
/// A slice of `u8` is one argument, the bytes; a slice of anything else is many, and no `ToArg`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not exactly one argument of a Redis command",
    label = "this must be a string, bytes or a number",
    note = "for other types implement `ToArgs` and then `ToArg`"
)]
pub trait ToArg: ToArgs {}

macro_rules! bytes_are_one_argument {
    ($($type:ty),*) => {$(
        impl ToArgs for $type {
            fn push_to(&self, command: &mut Command) {
                command.push(self.as_ref());
            }
        }

        impl ToArg for $type {}
    )*};
}

bytes_are_one_argument!(str, String, [u8], Vec<u8>, Bytes, BytesMut);

macro_rules! numbers_are_one_argument {
    ($($type:ty),*) => {$(
        impl ToArgs for $type {
            fn push_to(&self, command: &mut Command) {
                let mut digits = DIGITS;
                command.push(digits::signed(i64::from(*self), &mut digits));
            }
        }

        impl ToArg for $type {}
    )*};
}

// Not u8, of which a slice is bytes.
numbers_are_one_argument!(i64, i32, i16, i8, u32, u16);

impl ToArgs for u64 {
    fn push_to(&self, command: &mut Command) {
        let mut digits = DIGITS;
        command.push(digits::decimal(*self, &mut digits));
    }
}

impl ToArg for u64 {}

impl ToArgs for usize {
    fn push_to(&self, command: &mut Command) {
        (*self as u64).push_to(command);
    }
}

impl ToArg for usize {}

/// As the shortest decimal that reads back as the same number; `inf` and `-inf`, which Redis knows.
impl ToArgs for f64 {
    fn push_to(&self, command: &mut Command) {
        command.push(self.to_string().as_bytes());
    }
}

impl ToArg for f64 {}

/// As for `f64`.
impl ToArgs for f32 {
    fn push_to(&self, command: &mut Command) {
        command.push(self.to_string().as_bytes());
    }
}

impl ToArg for f32 {}

impl<const N: usize> ToArgs for [u8; N] {
    fn push_to(&self, command: &mut Command) {
        command.push(self);
    }
}

impl<const N: usize> ToArg for [u8; N] {}

impl<T: ToArgs + ?Sized> ToArgs for &T {
    fn push_to(&self, command: &mut Command) {
        (**self).push_to(command);
    }
}

impl<T: ToArg + ?Sized> ToArg for &T {}

impl<T: ToArgs> ToArgs for [T] {
    fn push_to(&self, command: &mut Command) {
        self.iter().for_each(|arg| arg.push_to(command));
    }
}

impl<T: ToArgs> ToArgs for Vec<T> {
    fn push_to(&self, command: &mut Command) {
        self[..].push_to(command);
    }
}

impl<T: ToArgs, const N: usize> ToArgs for [T; N] {
    fn push_to(&self, command: &mut Command) {
        self[..].push_to(command);
    }
}

/// Both, in order.
impl<A: ToArgs, B: ToArgs> ToArgs for (A, B) {
    fn push_to(&self, command: &mut Command) {
        self.0.push_to(command);
        self.1.push_to(command);
    }
}

/// None.
impl ToArgs for () {
    fn push_to(&self, _command: &mut Command) {}
}

/// None, or what it is.
impl<T: ToArgs> ToArgs for Option<T> {
    fn push_to(&self, command: &mut Command) {
        self.iter().for_each(|arg| arg.push_to(command));
    }
}

/// What a command is given room for at once. 64: a name, a key and a short value, and no more than the allocator
/// rounds up to anyway.
const COMMAND_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn check(command: Command, wire: &str) {
        let mut buf = BytesMut::new();
        command.write_to(&mut buf);
        assert_eq!(str::from_utf8(&buf).unwrap().replace("\r\n", "|"), wire, "{command:?}");
    }

    #[test]
    fn a_command_is_an_array_of_bulk_strings() {
        check(Command::new("PING"), "*1|$4|PING|");
        check(Command::new("CONFIG GET").arg("save"), "*3|$6|CONFIG|$3|GET|$4|save|");
        check(Command::new("SET").arg("k").arg(""), "*3|$3|SET|$1|k|$0||");
        check(Command::new("SET").flag(true, "NX").flag(false, "XX"), "*2|$3|SET|$2|NX|");
    }

    #[test]
    fn whatever_is_an_argument_is_written_as_redis_reads_it() {
        let numbers = Command::new("N").arg(0).arg(i64::MIN).arg(u64::MAX).arg(7u16);
        check(numbers, "*5|$1|N|$1|0|$20|-9223372036854775808|$20|18446744073709551615|$1|7|");
        let fractions = Command::new("N").arg(0.1).arg(1e21).arg(f64::NEG_INFINITY);
        check(fractions, "*4|$1|N|$3|0.1|$22|1000000000000000000000|$4|-inf|");
        let bytes = Command::new("N").arg(b"ab").arg(&b"c"[..]).arg(vec![b'd']).arg(Bytes::from_static(b"e"));
        check(bytes, "*5|$1|N|$2|ab|$1|c|$1|d|$1|e|");
        check(Command::new("N").arg(["a", "b"]).arg(&["c".to_owned()][..]), "*4|$1|N|$1|a|$1|b|$1|c|");
        check(Command::new("N").arg([("a", 1), ("b", 2)]), "*5|$1|N|$1|a|$1|1|$1|b|$1|2|");
        check(Command::new("N").arg(None::<&str>).arg(Some("a")), "*2|$1|N|$1|a|");
    }

    #[test]
    fn arguments_can_be_counted_and_put_between() {
        check(Command::new("E").counted(["a", "b"]).arg("c"), "*5|$1|E|$1|2|$1|a|$1|b|$1|c|");
        check(Command::new("E").counted(()), "*2|$1|E|$1|0|");
        for (at, expect) in [
            (0, "*4|$1|x|$1|y|$1|E|$2|ab|"),
            (1, "*4|$1|E|$1|x|$1|y|$2|ab|"),
            (2, "*4|$1|E|$2|ab|$1|x|$1|y|"),
            (usize::MAX, "*4|$1|E|$2|ab|$1|x|$1|y|"),
        ] {
            check(Command::new("E").arg("ab").insert(at, ["x", "y"]), expect);
        }
    }

    #[test]
    fn commands_that_belong_together_leave_together() {
        let (a, b, c) = (Command::new("A"), Command::new("B").arg(1), Command::new("C"));
        for together in [a.clone().then(b.clone()).then(c.clone()), a.then(b.then(c))] {
            assert_eq!(together.answers(), Some(3));
            check(together, "*1|$1|A|*2|$1|B|$1|1|*1|$1|C|");
        }
    }

    #[test]
    fn arguments_come_back_as_they_were_given() {
        let given: Vec<Vec<u8>> = vec![b"NAME".to_vec(), vec![], b"$3\r\n".to_vec(), vec![0xff; 1000]];
        let command = given.iter().skip(1).fold(Command::new("NAME"), |command, arg| command.arg(arg));
        assert_eq!(command.args().collect::<Vec<_>>(), given);
        assert_eq!((command.len(), command.name()), (4, &b"NAME"[..]));
    }

    #[test]
    fn no_argument_is_shown_for_debugging() {
        let command = Command::new("AUTH").arg("secret").then(Command::new("GET").arg("secret"));
        let expect =
            r#"Command { name: "AUTH", arguments: 1, then: [Command { name: "GET", arguments: 1 }] }"#;
        assert_eq!(format!("{command:?}"), expect);
    }
}
