//! What is subscribed to, and what of it was confirmed: [`Topics`].
//!
//! It is told what is wanted, what was sent and what came back; it owns no connection.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;

use crate::command::Command;

/// What can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Channel,
    Pattern,
    Shard,
}

/// All that is wanted, and the commands that wait for their confirmations.
#[derive(Debug, Default)]
pub(super) struct Topics {
    channels: BTreeSet<Bytes>,
    patterns: BTreeSet<Bytes>,
    shards: BTreeSet<Bytes>,
    /// What was sent and not confirmed, in order.
    sent: VecDeque<Sent>,
}

/// A command, which the server confirms once for each of its names.
#[derive(Debug)]
struct Sent {
    command: Command,
    left: usize,
}

impl Topics {
    /// More is wanted. The command that asks for it, if there are any names.
    pub(super) fn add(&mut self, kind: Kind, names: impl Iterator<Item = Bytes>) -> Option<Command> {
        let names: Vec<_> = names.collect();
        self.of(kind).extend(names.iter().cloned());
        let verb = match kind {
            Kind::Channel => "SUBSCRIBE",
            Kind::Pattern => "PSUBSCRIBE",
            Kind::Shard => "SSUBSCRIBE",
        };
        (!names.is_empty()).then(|| Command::new(verb).arg(names))
    }

    /// These are not wanted any more. The command that ends it, if there are any names: without names it would end all.
    pub(super) fn remove(&mut self, kind: Kind, names: impl Iterator<Item = Bytes>) -> Option<Command> {
        let names: Vec<_> = names.collect();
        let wanted = self.of(kind);
        names.iter().for_each(|name| drop(wanted.take(name)));
        let verb = match kind {
            Kind::Channel => "UNSUBSCRIBE",
            Kind::Pattern => "PUNSUBSCRIBE",
            Kind::Shard => "SUNSUBSCRIBE",
        };
        (!names.is_empty()).then(|| Command::new(verb).arg(names))
    }

    /// On a new connection: the commands that ask for all that is wanted, which are sent.
    pub(super) fn all(&mut self) -> Vec<Command> {
        self.sent.clear();
        let wanted =
            [("SUBSCRIBE", &self.channels), ("PSUBSCRIBE", &self.patterns), ("SSUBSCRIBE", &self.shards)];
        let wanted = wanted.into_iter().filter(|(_, names)| !names.is_empty());
        let commands: Vec<_> = wanted
            .map(|(verb, names)| names.iter().fold(Command::new(verb), |command, name| command.arg(name)))
            .collect();
        commands.iter().for_each(|command| self.handle_sent(command));
        commands
    }

    pub(super) fn handle_sent(&mut self, command: &Command) {
        self.sent.push_back(Sent { left: command.len() - 1, command: command.clone() });
    }

    /// One name was confirmed.
    pub(super) fn handle_confirmed(&mut self) {
        let Some(first) = self.sent.front_mut() else { return };
        first.left -= 1;
        if first.left == 0 {
            drop(self.sent.pop_front());
        }
    }

    /// The server has said no to a command, which this returns. What it asked for is not wanted any more, or it would be
    /// asked for again and again; but for what a later one asks for as well, of which the server has still to say.
    pub(super) fn handle_refused(&mut self) -> Option<Command> {
        let Sent { command, .. } = self.sent.pop_front()?;
        let kind = match command.name() {
            b"SUBSCRIBE" => Kind::Channel,
            b"PSUBSCRIBE" => Kind::Pattern,
            b"SSUBSCRIBE" => Kind::Shard,
            _ => return Some(command),
        };
        let later = self.sent.iter().filter(|sent| sent.command.name() == command.name());
        let later: BTreeSet<_> = later.flat_map(|sent| sent.command.args().skip(1)).collect();
        let gone: Vec<_> = command.args().skip(1).filter(|name| !later.contains(name)).collect();
        let wanted = self.of(kind);
        gone.into_iter().for_each(|name| drop(wanted.take(name)));
        Some(command)
    }

    /// Whether a command of the same name waits for the server.
    pub(super) fn waits_for(&self, command: &Command) -> bool {
        self.sent.iter().any(|sent| sent.command.name() == command.name())
    }

    /// Whether nothing waits for the server.
    pub(super) fn is_confirmed(&self) -> bool {
        self.sent.is_empty()
    }

    fn of(&mut self, kind: Kind) -> &mut BTreeSet<Bytes> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shards,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays what is wanted and what the server says; each command goes out at once.
    fn check(script: &str, expect: &str) {
        let mut topics = Topics::default();
        let mut log = Vec::new();
        for step in script.split(", ") {
            let (verb, names) = step.split_once(' ').unwrap_or((step, ""));
            let names =
                names.split(' ').filter(|name| !name.is_empty()).map(|name| Bytes::from(name.to_owned()));
            let command = match verb {
                "add" => topics.add(Kind::Channel, names),
                "padd" => topics.add(Kind::Pattern, names),
                "sadd" => topics.add(Kind::Shard, names),
                "remove" => topics.remove(Kind::Channel, names),
                "confirmed" => {
                    topics.handle_confirmed();
                    log.push(if topics.is_confirmed() { "all" } else { "more" }.to_owned());
                    None
                }
                "refused" => {
                    drop(topics.handle_refused());
                    None
                }
                "anew" => {
                    log.extend(topics.all().iter().map(told));
                    None
                }
                _ => panic!("no such step: {step}"),
            };
            if let Some(command) = command {
                topics.handle_sent(&command);
                log.push(told(&command));
            }
        }
        assert_eq!(log.join(", "), expect, "{script}");
    }

    fn told(command: &Command) -> String {
        command.args().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_name_is_confirmed() {
        check("add a b, confirmed, confirmed", "SUBSCRIBE a b, more, all");
        check("add a, padd b, confirmed, confirmed", "SUBSCRIBE a, PSUBSCRIBE b, more, all");
        check("add, confirmed", "all");
    }

    #[test]
    fn a_new_connection_is_asked_for_all_that_is_wanted() {
        check(
            "add b a, padd p, sadd s, remove a, anew, confirmed, confirmed, confirmed",
            "SUBSCRIBE b a, PSUBSCRIBE p, SSUBSCRIBE s, UNSUBSCRIBE a, \
             SUBSCRIBE b, PSUBSCRIBE p, SSUBSCRIBE s, more, more, all",
        );
    }

    #[test]
    fn what_is_refused_is_not_asked_for_again() {
        check("add a, add b c, confirmed, refused, anew", "SUBSCRIBE a, SUBSCRIBE b c, more, SUBSCRIBE a");
        check("add a b, add b, refused, anew", "SUBSCRIBE a b, SUBSCRIBE b, SUBSCRIBE b");
    }
}
