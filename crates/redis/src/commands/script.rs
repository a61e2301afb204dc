//! Scripts and functions in Lua, which the server runs as one command.
//!
//! For a script that is called often reach for [`Script`](crate::Script), which sends its text only to a server that
//! does not know it.

use bytes::Bytes;

use crate::commands::Flush;
use crate::commands::record::Record;
use crate::commands::table::{commands, options, records};
use crate::{Command, Error, FromValue, ToArg, ToArgs, Value};

commands! { script_methods;
    /// Runs a script with these keys (`KEYS` in the script) and other arguments (`ARGV`); `()` is none.
    ///
    /// Redis 2.6.
    Writes "EVAL" eval<T>(script: impl ToArg, keys: impl ToArgs, args: impl ToArgs) -> T =
        Command::new("EVAL").arg(script).counted(keys).arg(args);

    /// Runs a script that only reads.
    ///
    /// Redis 7.0.
    Reads "EVAL_RO" eval_ro<T>(script: impl ToArg, keys: impl ToArgs, args: impl ToArgs) -> T =
        Command::new("EVAL_RO").arg(script).counted(keys).arg(args);

    /// Runs the script with that hash. An error (`NOSCRIPT`) if the server does not know it.
    ///
    /// Redis 2.6.
    Writes "EVALSHA" evalsha<T>(hash: impl ToArg, keys: impl ToArgs, args: impl ToArgs) -> T =
        Command::new("EVALSHA").arg(hash).counted(keys).arg(args);

    /// Runs the script with that hash, which only reads. An error (`NOSCRIPT`) if the server does not know it.
    ///
    /// Redis 7.0.
    Reads "EVALSHA_RO" evalsha_ro<T>(hash: impl ToArg, keys: impl ToArgs, args: impl ToArgs) -> T =
        Command::new("EVALSHA_RO").arg(hash).counted(keys).arg(args);

    /// Calls a function with these keys and other arguments; `()` is none.
    ///
    /// Redis 7.0.
    Writes "FCALL" fcall<T>(function: impl ToArg, keys: impl ToArgs, args: impl ToArgs) -> T =
        Command::new("FCALL").arg(function).counted(keys).arg(args);

    /// Calls a function that only reads, and says so by its flag `no-writes`.
    ///
    /// Redis 7.0.
    Reads "FCALL_RO" fcall_ro<T>(function: impl ToArg, keys: impl ToArgs, args: impl ToArgs) -> T =
        Command::new("FCALL_RO").arg(function).counted(keys).arg(args);

    /// Takes a library away with its functions. An error if there is none.
    ///
    /// Redis 7.0.
    Writes "FUNCTION DELETE" function_delete(library: impl ToArg) -> ();

    /// All libraries in Redis's own form, for [`function_restore`].
    ///
    /// Redis 7.0.
    Reads "FUNCTION DUMP" function_dump() -> Bytes;

    /// Takes all libraries away. [`Flush`] says when their memory is freed.
    ///
    /// Redis 7.0.
    Writes "FUNCTION FLUSH" function_flush() -> () as Flush;

    /// Ends the function that is running, if it has not changed anything. An error if there is none.
    ///
    /// Redis 7.0.
    Writes "FUNCTION KILL" function_kill() -> ();

    /// The libraries and their functions. [`FunctionList`] has some of them, and their code.
    ///
    /// Redis 7.0.
    Reads "FUNCTION LIST" function_list() -> Vec<Library> as FunctionList;

    /// Loads a library. Answers its name. An error if there is one of that name, unless [`FunctionLoad`] says
    /// otherwise.
    ///
    /// Redis 7.0.
    Writes "FUNCTION LOAD" function_load(code: impl ToArg) -> String as FunctionLoad;

    /// Loads the libraries that [`function_dump`] gave. An error if there is one of the same name, unless
    /// [`FunctionRestore`] says otherwise.
    ///
    /// Redis 7.0.
    Writes "FUNCTION RESTORE" function_restore(dump: impl ToArg) -> () as FunctionRestore;

    /// What function is running, and how many there are.
    ///
    /// Redis 7.0.
    Reads "FUNCTION STATS" function_stats() -> FunctionStats;

    /// Whether the server knows the scripts with these hashes, in their order.
    ///
    /// Redis 2.6.
    Reads "SCRIPT EXISTS" script_exists(hashes: impl ToArgs) -> Vec<bool>;

    /// Forgets all scripts. [`Flush`] says when their memory is freed.
    ///
    /// Redis 2.6; when memory is freed 6.2.
    Writes "SCRIPT FLUSH" script_flush() -> () as Flush;

    /// Ends the script that is running, if it has not changed anything. An error if there is none.
    ///
    /// Redis 2.6.
    Writes "SCRIPT KILL" script_kill() -> ();

    /// Has the server know a script without running it. Answers its hash.
    ///
    /// Redis 2.6.
    Writes "SCRIPT LOAD" script_load(script: impl ToArg) -> String;
}

options! {
    /// [`function_list`] with its options.
    FunctionList -> Vec<Library> {
        /// Only libraries whose names match a pattern.
        libraryname(pattern: impl ToArg) = "LIBRARYNAME", pattern;
        /// Answers their code too.
        withcode() = "WITHCODE";
    }

    /// [`function_load`] with its option.
    FunctionLoad at 2 -> String {
        /// Over a library of the same name.
        replace() = "REPLACE";
    }

    /// [`function_restore`] with its options, one of three.
    FunctionRestore -> () {
        /// Beside what there is, which is so unless said.
        append() = "APPEND";
        /// Instead of all there is.
        flush() = "FLUSH";
        /// Over libraries of the same name.
        replace() = "REPLACE";
    }
}

records! {
    /// A library of functions, of [`function_list`].
    Library {
        /// Its name.
        name: String = "library_name",
        /// What it is written for: `LUA`.
        engine: String = "engine",
        /// Its functions.
        functions: Vec<Function> = "functions",
        /// Its code, if that was asked for.
        code: Option<String> = "library_code",
    }

    /// A function of a [`Library`].
    Function {
        /// Its name.
        name: String = "name",
        /// What it says of itself.
        description: Option<String> = "description",
        /// What it promises, such as `no-writes`.
        flags: Vec<String> = "flags",
    }

    /// The function that is running, of [`function_stats`].
    RunningFunction {
        /// Its name.
        name: String = "name",
        /// How it was called.
        command: Vec<Bytes> = "command",
        /// For how long it has been running, in milliseconds.
        duration_ms: u64 = "duration_ms",
    }
}

/// What functions there are, of [`function_stats`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct FunctionStats {
    /// That which is running, if any is.
    pub running: Option<RunningFunction>,
    /// How many libraries and functions there are of each engine.
    pub engines: Vec<(String, EngineStats)>,
}

records! {
    /// How many libraries and functions there are of an engine.
    EngineStats {
        /// How many libraries.
        libraries_count: u64 = "libraries_count",
        /// How many functions.
        functions_count: u64 = "functions_count",
    }
}

impl FromValue for FunctionStats {
    fn from_value(value: Value) -> Result<Self, Error> {
        let mut record = Record::from_value(value)?;
        Ok(Self { running: record.take("running_script")?, engines: record.take("engines")? })
    }
}
