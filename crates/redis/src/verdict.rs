//! What is to be made of an error of the server: whose fault it was, and whether the command had been begun.
//!
//! All that there is to go by is the line, and its first word. Redis chooses the words of its own errors; a script may choose
//! any, so that they say little where one was run.

use ekiden_service::{Begun, Fault};

use crate::command::Command;
use crate::value::{ServerError, Value};

/// Who chose the words of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Runs {
    /// A command of the server's own.
    Itself,
    /// One that runs what somebody has written.
    Script,
}

impl Runs {
    /// Which of the two a command is; of several that go together, whether one is of the second kind.
    pub(crate) fn of(command: &Command) -> Self {
        if command.each().any(runs_script) { Self::Script } else { Self::Itself }
    }
}

impl ServerError {
    /// Whose fault it was.
    pub(crate) fn fault(&self) -> Fault {
        self.told().0
    }

    /// Whether the command that it answers had been begun.
    pub(crate) fn begun(&self, runs: Runs) -> Begun {
        match self.told().1 {
            // It may be what the script says itself, when it has done half of its work.
            Begun::No if runs == Runs::Script && !self.is_said_before_scripts() => Begun::Unknown,
            begun => begun,
        }
    }

    /// Whether the server does not know the script that was called by its hash. In these words no script says it but one that
    /// means to.
    pub(crate) fn is_unknown_script(&self) -> bool {
        self.line().starts_with(b"NOSCRIPT No matching script") && !self.is_of_a_script()
    }

    fn told(&self) -> (Fault, Begun) {
        match self.code() {
            // What a script or function had done before its error stays done.
            _ if self.is_of_a_script() => (Fault::Caller, Begun::Yes),
            // It will not, now: while it loads, while a script holds it, without memory, or as a replica that is cut off.
            "LOADING" | "BUSY" | "MASTERDOWN" | "OOM" | "MISCONF" | "NOREPLICAS" | "READONLY" => {
                (Fault::Service, Begun::No)
            }
            "CLUSTERDOWN" | "TRYAGAIN" | "MOVED" | "ASK" => (Fault::Service, Begun::No),
            // It waited in vain, since the server has become a replica; nothing was taken for it.
            "UNBLOCKED" if self.says(b"instance state changed") => (Fault::Service, Begun::No),
            // It spoke to another server, and lost it. Keys may be at both.
            "IOERR" => (Fault::Service, Begun::Yes),
            // It will not, for this caller, or does not know the script.
            "NOAUTH" | "WRONGPASS" | "NOPERM" | "NOPROTO" | "DENIED" | "NOSCRIPT" | "CROSSSLOT"
            | "EXECABORT" => (Fault::Caller, Begun::No),
            "ERR" if self.is_too_many_clients() => (Fault::Service, Begun::No),
            _ => (Fault::Caller, Begun::Yes),
        }
    }

    /// Whether Redis says it before it runs a script, in words that none is told from within.
    fn is_said_before_scripts(&self) -> bool {
        match self.code() {
            "LOADING" => self.says(b" is loading the dataset in memory"),
            "BUSY" => self.says(b" is busy running a "),
            "NOAUTH" => self.says(b"Authentication required"),
            "NOSCRIPT" => self.is_unknown_script(),
            "MOVED" | "ASK" => self.redirect().is_some(),
            "ERR" => self.is_too_many_clients(),
            _ => false,
        }
    }

    fn is_of_a_script(&self) -> bool {
        self.says(b"script: ")
    }

    fn is_too_many_clients(&self) -> bool {
        self.line().starts_with(b"ERR max number of clients reached")
    }

    fn says(&self, words: &[u8]) -> bool {
        memchr::memmem::find(self.line(), words).is_some()
    }
}

/// Whether any of these answers says that its command had been begun, or leaves it open.
pub(crate) fn begun(answers: &[Value], runs: Runs) -> Begun {
    let each = |answer: &Value| match answer {
        Value::Error(error) => error.begun(runs),
        _ => Begun::Yes,
    };
    let worse = |one, other| match (one, other) {
        (Begun::Yes, _) | (_, Begun::Yes) => Begun::Yes,
        (Begun::Unknown, _) | (_, Begun::Unknown) => Begun::Unknown,
        _ => Begun::No,
    };
    answers.iter().map(each).fold(Begun::No, worse)
}

fn runs_script(command: &Command) -> bool {
    let name = command.name();
    // By the first letter, since this is asked of each call.
    matches!(name.first(), Some(b'E' | b'e' | b'F' | b'f'))
        && ["EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"]
            .iter()
            .any(|word| name.eq_ignore_ascii_case(word.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &'static str, fault: Fault, begun: Begun) {
        let error = ServerError::new(line);
        assert_eq!((error.fault(), error.begun(Runs::Itself)), (fault, begun), "{line}");
    }

    #[test]
    fn what_the_server_did_not_begin_may_be_sent_again() {
        check("LOADING Redis is loading the dataset in memory", Fault::Service, Begun::No);
        check(
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
            Fault::Service,
            Begun::No,
        );
        check("OOM command not allowed when used memory > 'maxmemory'.", Fault::Service, Begun::No);
        check("READONLY You can't write against a read only replica.", Fault::Service, Begun::No);
        check("ERR max number of clients reached", Fault::Service, Begun::No);
        check("NOAUTH Authentication required.", Fault::Caller, Begun::No);
        check("EXECABORT Transaction discarded because of previous errors.", Fault::Caller, Begun::No);
        check("BUSYGROUP Consumer Group name already exists", Fault::Caller, Begun::Yes);
    }

    #[test]
    fn what_the_server_says_of_the_data_was_begun() {
        check("WRONGTYPE Operation against a key holding the wrong kind of value", Fault::Caller, Begun::Yes);
        check("ERR value is not an integer or out of range", Fault::Caller, Begun::Yes);
    }

    #[test]
    fn a_server_that_changes_its_part_or_loses_another_is_no_fault_of_the_callers() {
        check(
            "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
            Fault::Service,
            Begun::No,
        );
        check("UNBLOCKED client unblocked via CLIENT UNBLOCK", Fault::Caller, Begun::Yes);
        check("IOERR error or timeout reading to target instance", Fault::Service, Begun::Yes);
    }

    #[test]
    fn a_script_that_fails_may_have_done_something() {
        check(
            "OOM command not allowed when used memory > 'maxmemory'. script: 0a1b, on @user_script:1.",
            Fault::Caller,
            Begun::Yes,
        );
    }

    #[test]
    fn the_first_word_of_an_error_says_little_where_a_script_may_have_chosen_it() {
        for (line, begun) in [
            ("DENIED too many attempts", Begun::Unknown),
            ("LOADING of my own", Begun::Unknown),
            ("NOSCRIPT of another", Begun::Unknown),
            ("MOVED somewhere", Begun::Unknown),
            ("OOM command not allowed when used memory > 'maxmemory'.", Begun::Unknown),
            ("NOPERM this user has no permissions to run the 'set' command", Begun::Unknown),
            ("ERR no", Begun::Yes),
            ("LOADING Redis is loading the dataset in memory", Begun::No),
            ("BUSY Redis is busy running a script. You can only call SCRIPT KILL.", Begun::No),
            ("NOAUTH Authentication required.", Begun::No),
            ("NOSCRIPT No matching script. Please use EVAL.", Begun::No),
            ("MOVED 3999 127.0.0.1:6381", Begun::No),
            ("ERR max number of clients reached", Begun::No),
        ] {
            assert_eq!(ServerError::new(line).begun(Runs::Script), begun, "{line}");
        }
    }

    #[test]
    fn what_runs_a_script_is_known_by_its_name() {
        for (name, runs) in [("EVAL", Runs::Script), ("fcall_ro", Runs::Script), ("EXPIRE", Runs::Itself)] {
            assert_eq!(Runs::of(&Command::new(name)), runs, "{name}");
            assert_eq!(Runs::of(&Command::new("GET").then(Command::new(name))), runs, "{name}");
        }
    }

    #[test]
    fn several_have_begun_if_one_has() {
        let error = Value::error("DENIED no");
        assert_eq!(begun(&[error.clone(), error.clone()], Runs::Itself), Begun::No);
        assert_eq!(begun(&[error.clone(), error.clone()], Runs::Script), Begun::Unknown);
        assert_eq!(begun(&[error, Value::ok()], Runs::Script), Begun::Yes);
    }
}
