//! A command that knows what its answer becomes: [`Typed`], and several of them at once: [`Together`].
//!
//! So the same typed command can be called by itself, in a pipeline, and in a transaction.

use std::fmt;

use crate::command::Command;
use crate::convert::FromValue;
use crate::error::Error;
use crate::value::Value;

/// A command whose answer becomes a `T`.
///
/// ```
/// use ekiden_redis::{Command, Typed, Value};
///
/// let incr: Typed<i64> = Command::new("INCR").arg("visits").typed();
/// assert_eq!(incr.convert(Value::Integer(7))?, 7);
/// # Ok::<(), ekiden_redis::Error>(())
/// ```
#[derive(Clone)]
pub struct Typed<T> {
    command: Command,
    convert: Convert<T>,
}

/// What makes a `T` of an answer.
pub type Convert<T> = fn(Value) -> Result<T, Error>;

/// A [`Typed`] command, or one that still takes options.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a typed Redis command",
    label = "this must be a `Typed`, or become one",
    note = "of a `Command` make one by `.typed()`"
)]
pub trait IntoTyped {
    /// What its answer becomes.
    type Answer;

    /// The command with all its options.
    fn into_typed(self) -> Typed<Self::Answer>;
}

/// Several typed commands that are sent together, and what their answers become together: tuples, arrays and `Vec`s
/// of [`Typed`], and of those that still take options.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a group of typed Redis commands",
    label = "this must be a tuple, an array or a `Vec` of typed commands"
)]
pub trait Together {
    /// What the answers become.
    type Answers;

    /// The commands, and what makes their answers, of which there must be as many, in order.
    #[expect(clippy::type_complexity, reason = "an `impl` can have no name")]
    fn split(self) -> (Vec<Command>, impl FnOnce(Vec<Value>) -> Result<Self::Answers, Error>);
}

impl Command {
    /// The same command, knowing that its answer becomes a `T`.
    pub fn typed<T: FromValue>(self) -> Typed<T> {
        self.typed_with(T::from_value)
    }

    /// The same command, knowing that `convert` makes a `T` of its answer.
    pub fn typed_with<T>(self, convert: Convert<T>) -> Typed<T> {
        Typed { command: self, convert }
    }
}

impl<T> Typed<T> {
    /// The command.
    pub fn command(&self) -> &Command {
        &self.command
    }

    /// The command alone.
    pub fn into_command(self) -> Command {
        self.command
    }

    /// With more arguments, as [`Command::arg`].
    pub fn arg(self, arg: impl crate::ToArgs) -> Self {
        Self { command: self.command.arg(arg), ..self }
    }

    /// What its answer becomes.
    ///
    /// # Errors
    ///
    /// If the answer is an error, or of another type.
    pub fn convert(&self, answer: Value) -> Result<T, Error> {
        (self.convert)(answer)
    }

    /// Apart into the command, and what makes a `T` of its answer.
    pub fn into_parts(self) -> (Command, Convert<T>) {
        (self.command, self.convert)
    }

    /// The same command with its answer as something else: `get("n").becoming::<i64>()`.
    pub fn becoming<U: FromValue>(self) -> Typed<U> {
        self.command.typed()
    }
}

impl<T> IntoTyped for Typed<T> {
    type Answer = T;

    fn into_typed(self) -> Self {
        self
    }
}

impl<T: FromValue> From<Command> for Typed<T> {
    fn from(command: Command) -> Self {
        command.typed()
    }
}

impl<T> fmt::Debug for Typed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Typed").field(&self.command).finish()
    }
}

impl<T: IntoTyped> Together for Vec<T> {
    type Answers = Vec<T::Answer>;

    fn split(self) -> (Vec<Command>, impl FnOnce(Vec<Value>) -> Result<Self::Answers, Error>) {
        let parts = self.into_iter().map(|one| one.into_typed().into_parts());
        let (commands, converts): (Vec<_>, Vec<_>) = parts.unzip();
        let convert = move |answers: Vec<Value>| {
            check_count(converts.len(), &answers)?;
            converts.into_iter().zip(answers).map(|(convert, answer)| convert(answer)).collect()
        };
        (commands, convert)
    }
}

impl<T: IntoTyped, const N: usize> Together for [T; N] {
    type Answers = Vec<T::Answer>;

    fn split(self) -> (Vec<Command>, impl FnOnce(Vec<Value>) -> Result<Self::Answers, Error>) {
        Vec::from(self).split()
    }
}

macro_rules! tuples_go_together {
    ($($count:literal: $($name:ident)*;)*) => {$(
        impl<$($name: IntoTyped),*> Together for ($($name,)*) {
            type Answers = ($($name::Answer,)*);

            #[expect(non_snake_case, reason = "each command is named as its type")]
            fn split(self) -> (Vec<Command>, impl FnOnce(Vec<Value>) -> Result<Self::Answers, Error>) {
                let ($($name,)*) = self;
                let mut commands = Vec::with_capacity($count);
                $(let $name = {
                    let (command, convert) = $name.into_typed().into_parts();
                    commands.push(command);
                    convert
                };)*
                let convert = move |answers: Vec<Value>| {
                    check_count($count, &answers)?;
                    let mut answers = answers.into_iter();
                    Ok(($($name(answers.next().unwrap_or(Value::Nil))?,)*))
                };
                (commands, convert)
            }
        }
    )*};
}

tuples_go_together! {
    1: A;
    2: A B;
    3: A B C;
    4: A B C D;
    5: A B C D E;
    6: A B C D E F;
    7: A B C D E F G;
    8: A B C D E F G H;
}

fn check_count(commands: usize, answers: &[Value]) -> Result<(), Error> {
    if commands == answers.len() {
        Ok(())
    } else {
        Err(Error::protocol("another number of answers than of commands"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> Command {
        Command::new(name)
    }

    fn answers(group: impl Together<Answers: fmt::Debug>, answers: Vec<Value>) -> String {
        let (commands, convert) = group.split();
        let names: Vec<_> = commands.iter().map(|command| String::from_utf8_lossy(command.name())).collect();
        match convert(answers) {
            Ok(answers) => format!("{}: {answers:?}", names.join(" ")),
            Err(error) => format!("{}: {error}", names.join(" ")),
        }
    }

    #[test]
    fn each_answer_becomes_what_its_command_says() {
        let group = || (named("A").typed::<i64>(), named("B").typed::<String>());
        assert_eq!(answers(group(), vec![1.into(), "b".into()]), r#"A B: (1, "b")"#);
        assert_eq!(
            answers(group(), vec!["a".into(), "b".into()]),
            "A B: an integer was wanted, and the answer is a text that is none"
        );
        let many = vec![named("A").typed::<i64>(), named("B").typed()];
        assert_eq!(answers(many, vec![1.into(), 2.into()]), "A B: [1, 2]");
        let other = named("A").typed::<i64>().becoming::<String>();
        assert_eq!(answers([other], vec!["a".into()]), r#"A: ["a"]"#);
    }

    #[test]
    fn too_few_answers_and_too_many_are_an_error() {
        let told = "A B: the server breaks its protocol: another number of answers than of commands";
        for count in [1, 3] {
            let group = (named("A").typed::<i64>(), named("B").typed::<i64>());
            assert_eq!(answers(group, vec![Value::Integer(1); count]), told);
        }
    }
}
