//! What a command does to its connection: [`Nature`].
//!
//! Most commands are questions with an answer, and any number of callers can ask theirs over one connection. A few are
//! not, and this knows them by name.

use crate::command::Command;

/// What a command does to the connection that it is sent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nature {
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
    /// That of a command with all that goes behind it: the worst of them.
    #[inline]
    pub(super) fn of(command: &Command) -> Self {
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
                // In a transaction nothing blocks.
                (Self::Blocks, _) if is_transaction => {}
                (breaks @ Self::Breaks(_), _) => return breaks,
                (changes @ Self::Changes(_), _) => worst = changes,
                (Self::Blocks, Self::Question) => worst = Self::Blocks,
                _ => {}
            }
        }
        worst
    }

    #[inline]
    fn of_one(command: &Command) -> Self {
        let name = command.name();
        let Some(first) = name.first() else { return Self::Breaks("a command without a name") };
        // By the first letter, since this is asked of each call.
        let known: &[(&str, Self)] = match first.to_ascii_uppercase() {
            b'A' => &[("AUTH", Self::Changes(CONFIG)), ("ASKING", Self::Changes(OWN))],
            b'B' => BLOCKING,
            b'C' => {
                return if name.eq_ignore_ascii_case(b"CLIENT") {
                    Self::of_client(command)
                } else {
                    Self::Question
                };
            }
            b'D' => &[("DISCARD", Self::Changes(TRANSACTION))],
            b'E' => &[("EXEC", Self::Changes(TRANSACTION))],
            b'H' => &[("HELLO", Self::Changes(CONFIG))],
            b'M' => &[("MULTI", Self::Changes(TRANSACTION)), ("MONITOR", Self::Breaks(NO_ANSWER))],
            b'P' => SUBSCRIBING,
            b'Q' => &[("QUIT", Self::Changes("to end the connection drop the client"))],
            b'R' => &[
                ("RESET", Self::Changes("a shared connection is never reset")),
                ("READONLY", Self::Changes(OWN)),
                ("READWRITE", Self::Changes(OWN)),
            ],
            b'S' if name.eq_ignore_ascii_case(b"SCRIPT") => {
                let is_debug = command.args().nth(1).is_some_and(|what| what.eq_ignore_ascii_case(b"DEBUG"));
                return if is_debug { Self::Breaks(DEBUGGER) } else { Self::Question };
            }
            b'S' => SUBSCRIBING,
            b'U' => UNSUBSCRIBING,
            b'W' => &[
                ("WATCH", Self::Changes(OWN)),
                ("WAIT", Self::Changes(WAIT)),
                ("WAITAOF", Self::Changes(WAIT)),
            ],
            b'X' => {
                let is_read = name.eq_ignore_ascii_case(b"XREAD") || name.eq_ignore_ascii_case(b"XREADGROUP");
                return if is_read && blocks(command) { Self::Blocks } else { Self::Question };
            }
            _ => return Self::Question,
        };
        let found = known.iter().find(|(word, _)| name.eq_ignore_ascii_case(word.as_bytes()));
        found.map_or(Self::Question, |(_, nature)| *nature)
    }

    fn of_client(command: &Command) -> Self {
        let Some(what) = command.args().nth(1) else { return Self::Question };
        if what.eq_ignore_ascii_case(b"REPLY") {
            Self::Breaks(NO_ANSWER)
        } else if what.eq_ignore_ascii_case(b"TRACKING") || what.eq_ignore_ascii_case(b"SETNAME") {
            Self::Changes(CONFIG)
        } else if [&b"CACHING"[..], b"NO-EVICT", b"NO-TOUCH"]
            .iter()
            .any(|word| what.eq_ignore_ascii_case(word))
        {
            Self::Changes(OWN)
        } else {
            Self::Question
        }
    }
}

/// Whether it reads streams with `BLOCK`, which stands before the names of streams.
fn blocks(command: &Command) -> bool {
    let options = command.args().skip(1).take_while(|arg| !arg.eq_ignore_ascii_case(b"STREAMS"));
    let mut options = options.peekable();
    // A group or consumer may be called "block".
    if options.next_if(|arg| arg.eq_ignore_ascii_case(b"GROUP")).is_some() {
        options.nth(1);
    }
    options.any(|arg| arg.eq_ignore_ascii_case(b"BLOCK"))
}

const CONFIG: &str = "this holds for a connection that others share: put it into the client's `Config`";
const OWN: &str = "this holds for a connection that others share: use `Client::dedicated`";
const TRANSACTION: &str = "others' commands would come between: use `transaction`, or `Client::dedicated`";
const WAIT: &str = "it waits for what its own connection has written: use `Client::dedicated`";
const NO_ANSWER: &str = "this is not answered by one reply, as each call is";
const DEBUGGER: &str = "a debugger talks over its connection, and not in answers";
const SUBSCRIBE: &str = "messages are no answers: use `Client::subscriber`";

const BLOCKING: &[(&str, Nature)] = &[
    ("BLPOP", Nature::Blocks),
    ("BRPOP", Nature::Blocks),
    ("BLMOVE", Nature::Blocks),
    ("BLMPOP", Nature::Blocks),
    ("BZMPOP", Nature::Blocks),
    ("BZPOPMIN", Nature::Blocks),
    ("BZPOPMAX", Nature::Blocks),
    ("BRPOPLPUSH", Nature::Blocks),
];

const SUBSCRIBING: &[(&str, Nature)] = &[
    ("SUBSCRIBE", Nature::Breaks(SUBSCRIBE)),
    ("PSUBSCRIBE", Nature::Breaks(SUBSCRIBE)),
    ("SSUBSCRIBE", Nature::Breaks(SUBSCRIBE)),
    ("PUNSUBSCRIBE", Nature::Breaks(SUBSCRIBE)),
    ("SUNSUBSCRIBE", Nature::Breaks(SUBSCRIBE)),
    ("PSYNC", Nature::Breaks(NO_ANSWER)),
    ("SYNC", Nature::Breaks(NO_ANSWER)),
    ("SELECT", Nature::Changes(CONFIG)),
];

const UNSUBSCRIBING: &[(&str, Nature)] =
    &[("UNSUBSCRIBE", Nature::Breaks(SUBSCRIBE)), ("UNWATCH", Nature::Changes(OWN))];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::{EFFECTS, Effect};

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
        ] {
            check(line, "changes");
        }
    }

    #[test]
    fn the_tables_of_commands_say_the_same() {
        for (words, effect) in EFFECTS.iter().flat_map(|group| group.iter()) {
            let nature = Nature::of(&Command::new(words));
            let is_same = match effect {
                Effect::Reads | Effect::Writes => nature == Nature::Question,
                Effect::Blocks => matches!(nature, Nature::Blocks | Nature::Changes(WAIT)),
                Effect::Binds => matches!(nature, Nature::Changes(_)),
            };
            assert!(is_same, "{words}: {nature:?}, and the table says {effect:?}");
        }
    }

    #[test]
    fn what_has_no_answer_of_its_own_breaks_it() {
        for line in
            ["SUBSCRIBE a", "punsubscribe", "MONITOR", "CLIENT REPLY OFF", "SYNC", "script debug YES", ""]
        {
            check(line, "breaks");
        }
    }

    #[test]
    fn commands_that_leave_together_are_as_the_worst_of_them() {
        check("GET a; GET b", "question");
        check("GET a; BLPOP b 0; GET c", "blocks");
        check("BLPOP b 0; SELECT 1", "changes");
        check("SELECT 1; SUBSCRIBE b", "breaks");
        check("MULTI; BLPOP a 0; INCR b; EXEC", "question");
        check("MULTI; SELECT 1; EXEC", "changes");
        check("GET a; MULTI", "changes");
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
