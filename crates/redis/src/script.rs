//! Scripts in Lua, sent once and then called by their name: [`Script`].

use std::fmt;

use ekiden_service::Service;

use crate::ask::Ask;
use crate::command::{Command, ToArgs};
use crate::convert::FromValue;
use crate::error::Error;
use crate::sha1::sha1;
use crate::value::{ServerError, Value};

/// A script that the server runs as one command.
///
/// It is called by the hash of its text (`EVALSHA`), and sent whole (`EVAL`) to a server that does not know it, which from
/// then on does.
///
/// ```
/// use ekiden_redis::Script;
/// # use ekiden_redis::{Command, Error, Value};
/// # use ekiden_service::service_fn;
///
/// # ekiden_reactor::run(async {
/// # let client = service_fn(async |command: Command| match command.name() {
/// #     b"EVALSHA" => Err(Error::from(ekiden_redis::ServerError::new("NOSCRIPT No matching script."))),
/// #     _ => Ok(Value::from(5)),
/// # });
/// let add = Script::new("return redis.call('INCRBY', KEYS[1], ARGV[1])");
/// let sum: i64 = add.call(&client, "sum", 5).await?;
/// # assert_eq!(sum, 5);
/// # Ok::<_, Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Script {
    source: String,
    hash: String,
}

impl Script {
    /// A script of this text.
    pub fn new(source: impl Into<String>) -> Self {
        let source = source.into();
        let hash = sha1(source.as_bytes());
        Self { source, hash }
    }

    /// Its text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What the server calls it: the SHA-1 of its text, in hexadecimal digits.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Calls it with these keys (`KEYS` in the script) and other arguments (`ARGV`): any that may be arguments of a command,
    /// and `()` for none.
    ///
    /// # Cancel safety
    ///
    /// The server runs it to its end, if it was sent.
    ///
    /// # Errors
    ///
    /// Those of a call; and if the answer does not become a `T`. An error of the script's own may come after it has changed
    /// something, whatever its first word, so that it is never said to be unbegun. One that begins with `NOSCRIPT No matching
    /// script` is taken for the server's, and the script is sent whole: no script may say that.
    pub async fn call<T: FromValue>(
        &self,
        service: &impl Service<Req = Command, Resp = Value, Error = Error>,
        keys: impl ToArgs,
        args: impl ToArgs,
    ) -> Result<T, Error> {
        let named = self.command("EVALSHA", &self.hash, &keys, &args);
        match service.ask(named.typed::<T>()).await {
            // A script may say so of another: then it was begun, and is not called again.
            Err(error) if error.as_server().is_some_and(ServerError::is_unknown_script) => {
                service.ask(self.command("EVAL", &self.source, &keys, &args).typed::<T>()).await
            }
            answer => answer,
        }
    }

    fn command(&self, name: &str, script: &str, keys: &impl ToArgs, args: &impl ToArgs) -> Command {
        Command::new(name).arg(script).counted(keys).arg(args)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script").field("hash", &self.hash).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekiden_service::service_fn;
    use std::cell::RefCell;

    /// Calls a script of a server that says `first` to the first command, and 7 to others: what it was asked, and what
    /// came of it.
    fn check(first: &'static str, expect: &str, asked: &[&str]) {
        let heard = RefCell::new(Vec::new());
        let server = service_fn(async |command: Command| {
            let args: Vec<_> = command.args().map(String::from_utf8_lossy).collect();
            heard.borrow_mut().push(args.join(" "));
            if heard.borrow().len() > 1 { Ok(Value::from(7)) } else { Err(ServerError::new(first).into()) }
        });
        let script = Script::new("return 7");
        let came = ekiden_reactor::run(async { script.call::<i64>(&server, ["a", "b"], (1, "c")).await });
        let came = came.map_or_else(|error| format!("! {error}"), |number| number.to_string());
        assert_eq!(came, expect);
        let heard = heard.into_inner().join("; ").replace(script.hash(), "HASH");
        assert_eq!(heard, asked.join("; "));
    }

    #[test]
    fn it_is_sent_whole_to_a_server_that_does_not_know_it() {
        check(
            "NOSCRIPT No matching script. Please use EVAL.",
            "7",
            &["EVALSHA HASH 2 a b 1 c", "EVAL return 7 2 a b 1 c"],
        );
    }

    #[test]
    fn it_is_not_called_again_for_another_reason() {
        check("ERR no", "! the server said: ERR no", &["EVALSHA HASH 2 a b 1 c"]);
        check("NOSCRIPT of another", "! the server said: NOSCRIPT of another", &["EVALSHA HASH 2 a b 1 c"]);
        let inside = "NOSCRIPT No matching script. script: 0a, on @user_script:1.";
        check(inside, &format!("! the server said: {inside}"), &["EVALSHA HASH 2 a b 1 c"]);
    }

    #[test]
    fn it_may_have_neither_keys_nor_arguments() {
        let command = Script::new("").command("EVAL", "", &(), &());
        assert_eq!(command.args().collect::<Vec<_>>(), [&b"EVAL"[..], b"", b"0"]);
    }
}
