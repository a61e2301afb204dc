//! What may be assumed of a command that is only known by its words: whether it [only reads](Command::only_reads).
//!
//! It is looked up, not kept: who asks is somebody who decides about a call that has failed. What a command does to its
//! connection is asked of each call: a client makes a table of its own of these.

use crate::Command;
use crate::commands::EFFECTS;

/// What a command does, apart from its answer: the first word of each in the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It changes nothing.
    Reads,
    /// It changes data or the server.
    Writes,
    /// It changes data, and may wait on purpose, for as long as it says itself. It belongs on a connection of its
    /// own, which a client sees to.
    Blocks,
    /// It waits for what its own connection has written.
    Waits,
    /// It changes what follows on its connection, for somebody who has it alone.
    Binds,
    /// It says who speaks, and of what: for each connection the same, so it belongs into the configuration of a client.
    Configures,
    /// It begins or ends a transaction.
    Transacts,
    /// It ends the connection, or makes it as if it were new.
    Ends,
}

impl Command {
    /// Whether it is known to change nothing, so that to send it again is safe even if nobody knows whether it was
    /// served. Of several that belong together, whether all are.
    ///
    /// An [error](crate::Error) says whether a call was begun; what was not may be sent again whatever it is. This is
    /// for the others. Commands of modules are not known.
    ///
    /// ```
    /// use ekiden_redis::{Command, Error};
    /// use ekiden_service::Failure;
    ///
    /// fn may_be_sent_again(command: &Command, error: &Error) -> bool {
    ///     error.is_retry_safe() || error.is_lost() && command.only_reads()
    /// }
    ///
    /// assert!(Command::new("HGETALL").arg("key").only_reads());
    /// assert!(!Command::new("INCR").arg("key").only_reads());
    /// ```
    pub fn only_reads(&self) -> bool {
        self.each().all(|command| command.effect() == Some(Effect::Reads))
    }

    /// What the tables say of it; `None` if it is in none.
    fn effect(&self) -> Option<Effect> {
        let mut args = self.args();
        let (first, second) = (args.next().unwrap_or_default(), args.next().unwrap_or_default());
        let is_word = |arg: &[u8], word: &str| arg.eq_ignore_ascii_case(word.as_bytes());
        let is_this = |words: &str| match words.split_once(' ') {
            Some((one, two)) => is_word(first, one) && is_word(second, two),
            None => is_word(first, words),
        };
        // Two functions may have the same words, and one of them only read: `ACL LOG`, with `RESET` and without.
        let known = EFFECTS.iter().flat_map(|group| group.iter()).filter(|(words, _)| is_this(words));
        known.map(|(_, effect)| *effect).reduce(|one, other| if one == other { one } else { Effect::Writes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_effect_is_found_by_one_word_or_two() {
        for (command, only_reads) in [
            (Command::new("GET").arg("k"), true),
            (Command::new("get").arg("k"), true),
            (Command::new("SET").arg("k").arg("GET"), false),
            (Command::new("CONFIG GET").arg("*"), true),
            (Command::new("config set").arg("a").arg("b"), false),
            (Command::new("CONFIG"), false),
            (Command::new("BLPOP").arg("k").arg(0), false),
            (Command::new("SELECT").arg(1), false),
            (Command::new("SORT").arg("k"), false),
            (Command::new("ACL LOG").arg(10), false),
            (Command::new("MODULE.OF.OTHERS").arg(1), false),
        ] {
            assert_eq!(command.only_reads(), only_reads, "{command:?}");
        }
    }

    #[test]
    fn of_several_all_must_only_read() {
        let get = || Command::new("GET").arg("k");
        assert!(get().then(get()).only_reads());
        assert!(!get().then(Command::new("DEL").arg("k")).only_reads());
    }
}
