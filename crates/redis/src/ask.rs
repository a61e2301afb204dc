//! Typed commands, asked of any service that takes commands: [`Ask`].
//!
//! Whatever is around a client, a time-out, a limit, a retry, is still such a service, so all of this goes through it.

use std::future::Future;

use ekiden_service::{Begun, Service};

use crate::command::Command;
use crate::error::Error;
use crate::typed::{IntoTyped, Together};
use crate::value::Value;
use crate::verdict::{self, Runs};

/// Asks typed commands of a service that takes commands: a [`Client`](crate::Client), with any middleware around it. Its
/// error may be another than ours, if ours becomes one: what an answer should have been is found out here.
pub trait Ask: Service<Req = Command, Resp = Value, Error: From<Error>> {
    /// Asks a command, and makes of the answer what the command says.
    ///
    /// ```
    /// # use ekiden_redis::{Ask, Command, Error, Value};
    /// # use ekiden_service::service_fn;
    /// # ekiden_reactor::run(async {
    /// # let client = service_fn(async |_: Command| Ok::<_, Error>(Value::Integer(3)));
    /// let length = client.ask(Command::new("STRLEN").arg("key").typed::<u64>()).await?;
    /// # assert_eq!(length, 3);
    /// # Ok::<_, Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Cancel safety
    ///
    /// That of the service's call.
    ///
    /// # Errors
    ///
    /// Those of the service; of the server; and if the answer is of another type.
    fn ask<T: IntoTyped>(&self, typed: T) -> impl Future<Output = Result<T::Answer, Self::Error>> {
        let (command, convert) = typed.into_typed().into_parts();
        async move { Ok(convert(self.call(command).await?)?) }
    }

    /// Asks several commands that leave together, with nothing of other callers between them.
    ///
    /// They are no transaction: another connection's commands may be served between them, and if one fails those behind it
    /// are served all the same. Calls that are made at the same time, by several tasks or by `join`, leave together anyway;
    /// reach for this where one task has a list of commands.
    ///
    /// ```
    /// # use ekiden_redis::{Ask, Command, Error, Value};
    /// # use ekiden_service::service_fn;
    /// # ekiden_reactor::run(async {
    /// # let client = service_fn(async |_: Command| {
    /// #     Ok::<_, Error>(Value::from(vec![Value::Integer(1), Value::from("one")]))
    /// # });
    /// let visits = Command::new("INCR").arg("visits").typed::<i64>();
    /// let name = Command::new("GET").arg("name").typed::<String>();
    /// let (visits, name) = client.pipeline((visits, name)).await?;
    /// # assert_eq!((visits, &name[..]), (1, "one"));
    /// # Ok::<_, Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Cancel safety
    ///
    /// That of the service's call; all of them share one fate.
    ///
    /// # Errors
    ///
    /// Those of the service, and the first of an answer; to have each by itself make the commands
    /// [`becoming::<Result<T, ServerError>>`](crate::Typed::becoming). It says that something was [begun](ekiden_service::Failure::begun)
    /// unless the server began none of them, so that who sends all of them again does nothing twice; where one runs a script,
    /// whose error may be any, that nobody can tell.
    fn pipeline<G: Together>(&self, group: G) -> impl Future<Output = Result<G::Answers, Self::Error>> {
        let (commands, convert) = group.split();
        async move {
            let runs = runs(&commands);
            let answers = answers(self, commands).await?;
            let begun = verdict::begun(&answers, runs);
            Ok(convert(answers).map_err(|error| error.with_begun(begun))?)
        }
    }

    /// Has several commands done as one, by `MULTI` and `EXEC`: no command of anybody is served between them.
    ///
    /// They leave together on the connection that all callers share, so this needs none of its own. To do them only if some
    /// keys have not changed since they were read needs one: see [`Dedicated::watch`](crate::Dedicated::watch).
    ///
    /// # Cancel safety
    ///
    /// That of the service's call; all of them share one fate.
    ///
    /// # Errors
    ///
    /// If the server takes one of the commands not even into the transaction, nothing was done, and the error is of that
    /// command and says that it was not [begun](ekiden_service::Failure::begun). If one fails while it is done, those before and
    /// behind it are done all the same; the error is of the first that failed, and says that it was begun. So it does if the
    /// server does not allow `MULTI`, since it then serves the commands one by one.
    fn transaction<G: Together>(&self, group: G) -> impl Future<Output = Result<G::Answers, Self::Error>> {
        let (commands, convert) = group.split();
        async move {
            // Of nothing there is nothing to do.
            if commands.is_empty() {
                Ok(convert(Vec::new())?)
            } else {
                transact(self, commands, convert).await
            }
        }
    }
}

impl<S: Service<Req = Command, Resp = Value, Error: From<Error>> + ?Sized> Ask for S {}

/// The answers of commands that leave together.
async fn answers<S>(service: &S, commands: Vec<Command>) -> Result<Vec<Value>, S::Error>
where
    S: Service<Req = Command, Resp = Value, Error: From<Error>> + ?Sized,
{
    let count = commands.len();
    let Some(command) = commands.into_iter().reduce(Command::then) else { return Ok(Vec::new()) };
    match (service.call(command).await?, count) {
        (answer, 1) => Ok(vec![answer]),
        (Value::Array(answers), _) => Ok(answers),
        (answer, _) => Err(Error::mismatch("the answers of several commands", &answer).into()),
    }
}

/// What is made of the answers of commands that are done as one. There may be none of them: what was watched is then not
/// watched any more, and whether it has changed is told.
pub(crate) async fn transact<S, T>(
    service: &S,
    commands: Vec<Command>,
    convert: impl FnOnce(Vec<Value>) -> Result<T, Error>,
) -> Result<T, S::Error>
where
    S: Service<Req = Command, Resp = Value, Error: From<Error>> + ?Sized,
{
    let runs = runs(&commands);
    let all = std::iter::once(Command::new("MULTI")).chain(commands).chain([Command::new("EXEC")]);
    let answers = answers(service, all.collect()).await?;
    // One that failed is among others that were done.
    Ok(convert(of_exec(answers, runs)?).map_err(|error| error.with_begun(Begun::Yes))?)
}

/// The answers of commands that were done as one, among those of the transaction's own words.
fn of_exec(mut answers: Vec<Value>, runs: Runs) -> Result<Vec<Value>, Error> {
    let exec = answers.pop().unwrap_or(Value::Nil);
    let begun = match (answers.first(), &exec) {
        // There was another already, which ended here: with all that was in it.
        (Some(Value::Error(_)), Value::Array(_)) => Begun::Yes,
        // There is no transaction, so what could be served was, one by one.
        (Some(Value::Error(_)), _) => verdict::begun(&answers, runs),
        _ => Begun::No,
    };
    let is_nested = matches!(answers.first(), Some(Value::Error(_)));
    let refused = answers.into_iter().find_map(|answer| match answer {
        Value::Error(error) => Some(Error::from(error).with_begun(begun)),
        _ => None,
    });
    match (exec, refused) {
        // It was not even queued, which is also why `EXEC` says no.
        (Value::Error(_), Some(refused)) => Err(refused),
        (Value::Array(_), Some(refused)) if is_nested => Err(refused),
        (Value::Error(error), None) => Err(error.into()),
        (Value::Array(_), Some(_)) => Err(Error::protocol("a transaction without one of its commands")),
        (Value::Array(answers), None) => Ok(answers),
        (Value::Nil, _) => Err(Error::changed()),
        (other, _) => Err(Error::mismatch("the answers of a transaction", &other)),
    }
}

fn runs(commands: &[Command]) -> Runs {
    let is_script = commands.iter().any(|command| Runs::of(command) == Runs::Script);
    if is_script { Runs::Script } else { Runs::Itself }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::typed::Typed;
    use crate::value::ServerError;
    use ekiden_service::{Failure, service_fn};
    use std::cell::RefCell;
    use std::fmt::Debug;

    /// Asks a transaction of A and B of a server that answers so; what comes of it, and what it was sent.
    fn check(answer: Vec<Value>, expect: &str) {
        let asked = RefCell::new(Vec::new());
        let server = service_fn(async |command: Command| {
            let names = command.each().map(|command| String::from_utf8_lossy(command.name()).into_owned());
            asked.borrow_mut().extend(names);
            Ok::<_, Error>(Value::Array(answer.clone()))
        });
        let group = (Command::new("A").typed::<i64>(), Command::new("B").typed::<i64>());
        let told = ekiden_reactor::run(async { told(server.transaction(group).await) });
        assert_eq!(told, expect);
        assert_eq!(asked.into_inner(), ["MULTI", "A", "B", "EXEC"]);
    }

    fn told(answers: Result<impl Debug, Error>) -> String {
        answers
            .map_or_else(|error| format!("! {:?}: {error}", error.begun()), |answers| format!("{answers:?}"))
    }

    fn queued() -> Value {
        Value::status("QUEUED")
    }

    #[test]
    fn the_answers_of_a_transaction_are_those_of_exec() {
        let done = Value::from(vec![1, 2]);
        check(vec![Value::ok(), queued(), queued(), done], "(1, 2)");
        let done = Value::from(vec![Value::from(1), Value::error("ERR no number")]);
        check(vec![Value::ok(), queued(), queued(), done], "! Yes: the server said: ERR no number");
    }

    #[test]
    fn what_the_server_does_not_take_is_the_error_and_not_that_of_exec() {
        let aborted = Value::error("EXECABORT Transaction discarded because of previous errors.");
        check(
            vec![Value::ok(), queued(), Value::error("ERR unknown command 'B'"), aborted],
            "! No: the server said: ERR unknown command 'B'",
        );
    }

    #[test]
    fn who_sends_a_transaction_again_does_nothing_twice() {
        let done = Value::from(vec![
            Value::error("READONLY You can't write against a read only replica."),
            1.into(),
        ]);
        check(
            vec![Value::ok(), queued(), queued(), done],
            "! Yes: the server said: READONLY You can't write against a read only replica.",
        );
        let done = Value::from(vec![1.into(), Value::error("NOSCRIPT No matching script.")]);
        check(
            vec![Value::ok(), queued(), queued(), done],
            "! Yes: the server said: NOSCRIPT No matching script.",
        );
        // Without a transaction the commands were served one by one.
        let (no, exec) = (Value::error("NOPERM no multi"), Value::error("ERR EXEC without MULTI"));
        check(vec![no.clone(), 1.into(), 2.into(), exec.clone()], "! Yes: the server said: NOPERM no multi");
        let none = Value::error("NOAUTH Authentication required.");
        check(
            vec![none.clone(), none.clone(), none.clone(), none],
            "! No: the server said: NOAUTH Authentication required.",
        );
    }

    #[test]
    fn within_another_transaction_there_is_none() {
        let nested = Value::error("ERR MULTI calls can not be nested");
        check(
            vec![nested, queued(), queued(), Value::from(vec![1, 2, 3])],
            "! Yes: the server said: ERR MULTI calls can not be nested",
        );
        check(
            vec![Value::ok(), queued(), Value::error("ERR no"), Value::from(vec![1])],
            "! Yes: the server breaks its protocol: a transaction without one of its commands",
        );
    }

    #[test]
    fn who_sends_several_again_does_nothing_twice() {
        ekiden_reactor::run(async {
            let (no, one) = (Value::error("LOADING not yet"), Value::from(1));
            let unknown = Value::error("NOSCRIPT No matching script.");
            for (answers, expect) in [
                (vec![one.clone(), unknown], "! Yes: the server said: NOSCRIPT No matching script."),
                (vec![no.clone(), one], "! Yes: the server said: LOADING not yet"),
                (vec![no.clone(), no], "! No: the server said: LOADING not yet"),
            ] {
                let server = service_fn(async |_: Command| Ok::<_, Error>(Value::Array(answers.clone())));
                let group = [Command::new("A").typed::<i64>(), Command::new("B").typed()];
                assert_eq!(told(server.pipeline(group).await), expect);
            }
        });
    }

    #[test]
    fn a_transaction_is_not_done_when_what_is_watched_has_changed() {
        check(
            vec![Value::ok(), queued(), queued(), Value::Nil],
            "! No: the transaction was not done, since keys that were watched have changed",
        );
    }

    #[test]
    fn answers_may_be_had_each_by_itself() {
        ekiden_reactor::run(async {
            let answer = Value::from(vec![Value::error("ERR no"), Value::from(2)]);
            let server = service_fn(async |_: Command| Ok::<_, Error>(answer.clone()));
            let one = || Command::new("A").typed::<Result<i64, ServerError>>();
            let answers = server.pipeline([one(), one()]).await;
            assert_eq!(answers.unwrap(), [Err(ServerError::new("ERR no")), Ok(2)]);
            let none: Vec<i64> = server.pipeline(Vec::<Typed<i64>>::new()).await.unwrap();
            assert_eq!(none, []);
        });
    }
}
