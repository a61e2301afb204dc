//! What a command does to its connection: [`Nature`].
//!
//! Most commands are questions with one answer, and any number of callers can ask theirs over one connection. A few are
//! not. Those that have a function say so in its table; the others are listed here. A command that nobody here has heard
//! of, of a module for example, counts as a question.

use std::sync::LazyLock;

use crate::command::{Args, Command};
use crate::commands::{EFFECTS, Effect};

/// What a command does to the connection that it is sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// Nothing: the connection can be shared.
    Question,
    /// It may have it wait, and all who are behind it.
    Blocks,
    /// It changes what follows on it. What to do instead, where it is shared.
    Changes(&'static str),
    /// It is not answered by one reply. What to do instead.
    Breaks(&'static str),
}

impl Nature {
    /// That of a command with all that goes behind it: the worst of them. What blocks does so in a transaction, too: it does
    /// not, there, but the server may refuse `MULTI`.
    #[inline]
    pub(crate) fn of(command: &Command) -> Self {
        if command.answers().is_none() {
            return Self::of_one(command);
        }
        let mut worst = Self::Question;
        let last = command.answers().unwrap_or(1) - 1;
        // Each without arguments: the server would take note of neither.
        let is_word = |command: &Command, word: &str| {
            command.len() == 1 && command.name().eq_ignore_ascii_case(word.as_bytes())
        };
        let is_transaction = is_word(command, "MULTI")
            && command.each().last().is_some_and(|command| is_word(command, "EXEC"));
        for (at, command) in command.each().enumerate() {
            match (Self::of_one(command), worst) {
                // These two are at their place. Any other such word between them would end it early.
                (Self::Changes(TRANSACTION), _) if is_transaction && (at == 0 || at == last) => {}
                (breaks @ Self::Breaks(_), _) => return breaks,
                (changes @ Self::Changes(_), _) => worst = changes,
                (Self::Blocks, Self::Question) => worst = Self::Blocks,
                _ => {}
            }
        }
        worst
    }

    /// Whether it may be answered late on purpose, whatever else it does.
    #[inline]
    pub(crate) fn waits(command: &Command) -> bool {
        matches!(Self::of_one(command), Self::Blocks | Self::Changes(WAIT))
    }

    #[inline]
    fn of_one(command: &Command) -> Self {
        let mut args = command.args();
        let name = args.next().unwrap_or_default();
        let Some(bucket) = bucket(name) else { return Self::Breaks("a command without a name") };
        let Some(known) = KNOWN.get(bucket) else { return Self::Question };
        let found = known.iter().find(|(word, second, _)| {
            name.eq_ignore_ascii_case(word)
                && second.is_none_or(|second| {
                    args.clone().next().is_some_and(|arg| arg.eq_ignore_ascii_case(second))
                })
        });
        match found {
            Some((.., nature)) => *nature,
            None if reads_streams(name) && blocks(args) => Self::Blocks,
            None => Self::Question,
        }
    }

    fn of_effect(effect: Effect) -> Self {
        match effect {
            Effect::Reads | Effect::Writes => Self::Question,
            Effect::Blocks => Self::Blocks,
            Effect::Waits => Self::Changes(WAIT),
            Effect::Binds => Self::Changes(OWN),
            Effect::Configures => Self::Changes(CONFIG),
            Effect::Transacts => Self::Changes(TRANSACTION),
            Effect::Ends => Self::Changes(END),
        }
    }
}

/// The first word of a command, the second if it has two, and what it is.
type Known = (&'static [u8], Option<&'static [u8]>, Nature);

/// All that are no questions, by the first letter, since this is asked of each call.
static KNOWN: LazyLock<[Vec<Known>; 26]> = LazyLock::new(|| {
    let of_tables = EFFECTS.into_iter().flatten().map(|(words, effect)| (*words, Nature::of_effect(*effect)));
    let mut known = [const { Vec::new() }; 26];
    for (words, nature) in of_tables.chain(WITHOUT_FUNCTION.iter().copied()) {
        let (first, second) =
            words.split_once(' ').map_or((words, None), |(one, two)| (one, Some(two.as_bytes())));
        let at = bucket(first.as_bytes()).and_then(|bucket| known.get_mut(bucket));
        if let Some(bucket) = at.filter(|_| nature != Nature::Question) {
            bucket.push((first.as_bytes(), second, nature));
        }
    }
    known
});

/// Which letter a name begins with, or something that is beyond them.
#[inline]
fn bucket(name: &[u8]) -> Option<usize> {
    Some(usize::from(name.first()?.to_ascii_uppercase().wrapping_sub(b'A')))
}

#[inline]
fn reads_streams(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"XREAD") || name.eq_ignore_ascii_case(b"XREADGROUP")
}

/// Whether these arguments of a command that reads streams say `BLOCK`, which stands before the names of streams. Read as the
/// server does, which knows by its place what is a name of somebody's: a group may be called "block", and a consumer
/// "streams".
fn blocks(mut args: Args<'_>) -> bool {
    let is = |arg: &[u8], word: &str| arg.eq_ignore_ascii_case(word.as_bytes());
    while let Some(option) = args.next() {
        if is(option, "BLOCK") {
            return true;
        } else if is(option, "STREAMS") {
            return false;
        } else if is(option, "COUNT") {
            args.next();
        } else if is(option, "GROUP") {
            args.nth(1);
        } else if !is(option, "NOACK") {
            // Of an option of times to come nobody knows how many arguments it has.
            return args.any(|arg| is(arg, "BLOCK"));
        }
    }
    false
}

const CONFIG: &str = "this holds for a connection that others share: put it into the client's `Config`";
const OWN: &str = "this holds for a connection that others share: use `Client::dedicated`";
const TRANSACTION: &str = "others' commands would come between: use `transaction`, or `Client::dedicated`";
const WAIT: &str = "it waits for what its own connection has written: use `Client::dedicated`";
const END: &str = "others share the connection: to end it drop the client";
const NO_ANSWER: &str = "this is not answered by one reply, as each call is";
const DEBUGGER: &str = "a debugger talks over its connection, and not in answers";
const SUBSCRIBE: &str = "messages are no answers: use `Client::subscriber`";
const HTTP: &str = "a server takes this for HTTP, and hangs up";

/// Those that have no function, since nobody is to call them so.
const WITHOUT_FUNCTION: &[(&str, Nature)] = &[
    ("ASKING", Nature::Changes(OWN)),
    ("BRPOPLPUSH", Nature::Blocks),
    ("CLIENT CAPA", Nature::Changes(OWN)),
    ("CLIENT IMPORT-SOURCE", Nature::Changes(OWN)),
    ("CLIENT NO-TOUCH", Nature::Changes(OWN)),
    ("CLIENT REPLY", Nature::Breaks(NO_ANSWER)),
    ("CLUSTER SYNCSLOTS", Nature::Breaks(NO_ANSWER)),
    ("HOST:", Nature::Breaks(HTTP)),
    ("MONITOR", Nature::Breaks(NO_ANSWER)),
    ("POST", Nature::Breaks(HTTP)),
    ("PSUBSCRIBE", Nature::Breaks(SUBSCRIBE)),
    ("PSYNC", Nature::Breaks(NO_ANSWER)),
    ("PUNSUBSCRIBE", Nature::Breaks(SUBSCRIBE)),
    ("READONLY", Nature::Changes(OWN)),
    ("READWRITE", Nature::Changes(OWN)),
    ("REPLCONF", Nature::Breaks(NO_ANSWER)),
    ("SCRIPT DEBUG", Nature::Breaks(DEBUGGER)),
    ("SSUBSCRIBE", Nature::Breaks(SUBSCRIBE)),
    ("SUBSCRIBE", Nature::Breaks(SUBSCRIBE)),
    ("SUNSUBSCRIBE", Nature::Breaks(SUBSCRIBE)),
    ("SYNC", Nature::Breaks(NO_ANSWER)),
    ("UNSUBSCRIBE", Nature::Breaks(SUBSCRIBE)),
    ("WAITAOF", Nature::Changes(WAIT)),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: &str) {
        let mut commands = line
            .split("; ")
            .map(|line| line.split(' ').fold(Command::default(), |command, word| command.arg(word)));
        let first = commands.next().unwrap();
        let nature = match Nature::of(&commands.fold(first, Command::then)) {
            Nature::Question => "question",
            Nature::Blocks => "blocks",
            Nature::Changes(_) => "changes",
            Nature::Breaks(_) => "breaks",
        };
        assert_eq!(nature, expect, "{line}");
    }

    #[test]
    fn most_commands_are_questions() {
        for line in ["GET a", "set a b", "BITCOUNT a", "CLIENT LIST", "SCAN 0", "SCRIPT FLUSH", "WHATEVER"] {
            check(line, "question");
        }
    }

    #[test]
    fn what_waits_blocks() {
        for line in [
            "BLPOP a 0",
            "blmpop 0 1 a LEFT",
            "XREAD COUNT 1 BLOCK 0 STREAMS a $",
            "XREADGROUP GROUP g c block 0 STREAMS a >",
        ] {
            check(line, "blocks");
        }
        check("XREAD COUNT 1 STREAMS block 0", "question");
        check("XREADGROUP GROUP block block STREAMS a >", "question");
        check("XREADGROUP COUNT block GROUP block block NOACK STREAMS block block", "question");
    }

    #[test]
    fn what_may_be_answered_late_on_purpose_is_known() {
        let waits = |line: &str| {
            Nature::waits(&line.split(' ').fold(Command::default(), |command, word| command.arg(word)))
        };
        for line in
            ["BLPOP a 0", "brpoplpush a b 0", "WAIT 1 0", "WAITAOF 1 0 0", "XREAD BLOCK 0 STREAMS a $"]
        {
            assert!(waits(line), "{line}");
        }
        for line in ["GET a", "LPOP a", "XREAD STREAMS a 0", "SELECT 1", "SUBSCRIBE a"] {
            assert!(!waits(line), "{line}");
        }
    }

    #[test]
    fn whatever_a_group_or_consumer_is_called_what_waits_blocks() {
        for line in [
            "XREADGROUP GROUP streams c BLOCK 0 STREAMS a >",
            "XREADGROUP GROUP g streams BLOCK 0 STREAMS a >",
            "XREADGROUP NOACK GROUP STREAMS GROUP COUNT streams block 0 STREAMS a >",
            "XREADGROUP GROUP g c OF-THE-FUTURE streams BLOCK 0 STREAMS a >",
        ] {
            check(line, "blocks");
        }
    }

    #[test]
    fn what_holds_for_the_connection_changes_it() {
        for line in [
            "SELECT 1",
            "WATCH a",
            "MULTI",
            "exec",
            "AUTH a",
            "HELLO 3",
            "WAIT 1 0",
            "CLIENT TRACKING ON",
            "ASKING",
            "CLIENT NO-TOUCH ON",
            "CLIENT CAPA redirect",
            "quit",
            "RESET",
        ] {
            check(line, "changes");
        }
    }

    #[test]
    fn what_has_no_answer_of_its_own_breaks_it() {
        for line in [
            "SUBSCRIBE a",
            "punsubscribe",
            "MONITOR",
            "client reply OFF",
            "SYNC",
            "PSYNC ? -1",
            "REPLCONF ACK 0",
            "replconf GETACK *",
            "script debug YES",
            "POST / HTTP/1.1",
            "host: a",
            "",
        ] {
            check(line, "breaks");
        }
    }

    #[test]
    fn commands_that_leave_together_are_as_the_worst_of_them() {
        check("GET a; GET b", "question");
        check("GET a; BLPOP b 0; GET c", "blocks");
        check("BLPOP b 0; SELECT 1", "changes");
        check("SELECT 1; SUBSCRIBE b", "breaks");
        check("MULTI; INCR b; EXEC", "question");
        check("MULTI; SELECT 1; EXEC", "changes");
        check("GET a; MULTI", "changes");
    }

    #[test]
    fn what_would_wait_if_there_were_no_transaction_blocks() {
        check("MULTI; BLPOP a 0; INCR b; EXEC", "blocks");
    }

    #[test]
    fn a_transaction_that_does_not_end_where_it_should_changes_the_connection() {
        for line in [
            "MULTI; INCR a",
            "MULTI; BLPOP a 0",
            "MULTI; MULTI",
            "MULTI; DISCARD; BLPOP a 0; EXEC",
            "MULTI; EXEC; BLPOP a 0; EXEC",
            "MULTI; MULTI; INCR a; EXEC",
            "MULTI; EXEC; INCR a",
            "MULTI; INCR a; EXEC now",
            "MULTI now; BLPOP a 0; EXEC",
            "INCR a; MULTI; INCR a; EXEC",
        ] {
            check(line, "changes");
        }
        check("multi; exec", "question");
    }
}
