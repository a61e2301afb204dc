//! What is subscribed to, and what of it was confirmed: [`Topics`].
//!
//! It is told what is wanted, what came back and that the connection is lost; it owns no connection.
//!
//! ```text
//!   add ──► asked ── confirmed ──► confirmed ── a new connection ──► asked again, each name by itself
//!             │ └───── a new connection ─────► asked again, as it was
//!             └ refused, withdrawn: not wanted any more
//! ```

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::command::Command;

/// What can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Channel,
    Pattern,
    Shard,
}

/// What becomes of the subscription to a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    Begin,
    End,
}

/// Which of the commands that were asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ticket(u64);

/// All that is wanted, and the commands that wait for their confirmations.
#[derive(Debug, Default)]
pub(super) struct Topics {
    channels: BTreeMap<Bytes, Topic>,
    patterns: BTreeMap<Bytes, Topic>,
    shards: BTreeMap<Bytes, Topic>,
    /// What was asked and not confirmed, in order. While there is no connection, what will be.
    asked: VecDeque<Asked>,
    /// How many tickets were given.
    tickets: u64,
}

/// A name that is wanted, or that a command asks for which waits.
#[derive(Debug, Default)]
struct Topic {
    is_wanted: bool,
    /// Whether a server has confirmed it since it is wanted, on this connection or one before.
    is_confirmed: bool,
    /// How often it is asked for by the commands that wait.
    asks: usize,
}

/// A command, which the server confirms once for each of its names, in their order.
#[derive(Debug)]
struct Asked {
    kind: Kind,
    change: Change,
    names: Vec<Bytes>,
    confirmed: usize,
    /// Whose it is: of a call; or of nobody, if it is asked again.
    ticket: Option<Ticket>,
}

/// What it means that the server says of a name that it is, or is not any more, subscribed to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// It was asked to.
    Awaited,
    /// It has ended what is wanted, as it does when the shard of a channel moves. The command that asks for it again.
    TakenAway(Command),
    /// Nobody has asked, and it concerns nobody.
    Unasked,
}

impl Topics {
    /// More is wanted. The command that asks for it, and its ticket, if there are any names.
    pub(super) fn add(
        &mut self,
        kind: Kind,
        names: impl Iterator<Item = Bytes>,
    ) -> Option<(Ticket, Command)> {
        let names: Vec<_> = names.collect();
        let topics = self.of(kind);
        names.iter().for_each(|name| topics.entry(name.clone()).or_default().is_wanted = true);
        self.ask(kind, Change::Begin, names)
    }

    /// These are not wanted any more. The command that ends it, and its ticket, if there are any names: without names it
    /// would end all.
    pub(super) fn remove(
        &mut self,
        kind: Kind,
        names: impl Iterator<Item = Bytes>,
    ) -> Option<(Ticket, Command)> {
        let names: Vec<_> = names.collect();
        for name in &names {
            self.update(kind, name, |topic| (topic.is_wanted, topic.is_confirmed) = (false, false));
        }
        self.ask(kind, Change::End, names)
    }

    fn ask(&mut self, kind: Kind, change: Change, names: Vec<Bytes>) -> Option<(Ticket, Command)> {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        (!names.is_empty()).then(|| (ticket, self.push(kind, change, names, Some(ticket))))
    }

    fn push(&mut self, kind: Kind, change: Change, names: Vec<Bytes>, ticket: Option<Ticket>) -> Command {
        if change == Change::Begin {
            names.iter().for_each(|name| self.update(kind, name, |topic| topic.asks += 1));
        }
        let asked = Asked { kind, change, names, confirmed: 0, ticket };
        let command = asked.command();
        self.asked.push_back(asked);
        command
    }

    /// The connection was lost. On the next one nothing is subscribed to, so nothing is to be ended.
    pub(super) fn handle_lost(&mut self) {
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            self.of(kind).retain(|_, topic| {
                topic.asks = 0;
                topic.is_wanted
            });
        }
        for Asked { kind, change, mut names, ticket, .. } in std::mem::take(&mut self.asked) {
            names.retain(|name| self.of(kind).contains_key(name));
            if ticket.is_some() && change == Change::Begin && !names.is_empty() {
                self.push(kind, change, names, ticket);
            }
        }
    }

    /// On a new connection: the commands that ask for all that is wanted, which are sent.
    ///
    /// What was confirmed before is asked for each name by itself, or a server that allows one of them no longer would say no
    /// to all. What never was is asked for as its caller did, who is told what becomes of it as a whole.
    pub(super) fn all(&mut self) -> Vec<Command> {
        self.handle_lost();
        let calls = std::mem::take(&mut self.asked);
        for kind in [Kind::Channel, Kind::Pattern, Kind::Shard] {
            let confirmed = self.of(kind).iter().filter(|(_, topic)| topic.is_confirmed);
            let names: Vec<_> = confirmed.map(|(name, _)| name.clone()).collect();
            names.into_iter().for_each(|name| drop(self.push(kind, Change::Begin, vec![name], None)));
        }
        self.asked.extend(calls);
        self.asked.iter().map(Asked::command).collect()
    }

    /// The server says of a name that it is subscribed to, or is not any more.
    pub(super) fn handle_said(&mut self, kind: Kind, change: Change, name: &Bytes) -> Said {
        let front = self.asked.front_mut();
        let Some(front) = front.filter(|front| front.is_next((kind, change), name)) else {
            return self.handle_unasked(kind, change, name);
        };
        front.confirmed += 1;
        if front.confirmed == front.names.len() {
            drop(self.asked.pop_front());
        }
        if change == Change::Begin {
            self.update(kind, name, |topic| {
                topic.asks -= 1;
                topic.is_confirmed = topic.is_wanted;
            });
        }
        Said::Awaited
    }

    fn handle_unasked(&mut self, kind: Kind, change: Change, name: &Bytes) -> Said {
        let is_had = self.of(kind).get(name).is_some_and(|topic| topic.is_confirmed && topic.asks == 0);
        if change == Change::Begin || !is_had {
            return Said::Unasked;
        }
        Said::TakenAway(self.push(kind, Change::Begin, vec![name.clone()], None))
    }

    /// The server has said no to a command, whose ticket this returns. What it asked for is not wanted any more, or it would
    /// be asked for again and again; but for what was confirmed to another call before, and what a later one asks for as well.
    pub(super) fn handle_refused(&mut self) -> Option<Ticket> {
        let asked = self.asked.pop_front()?;
        self.give_up(&asked);
        asked.ticket
    }

    /// There is no connection, and whoever has this ticket does not want to wait for one. To the names it is as if the server
    /// had said no.
    pub(super) fn withdraw(&mut self, ticket: Ticket) {
        let at = self.asked.iter().position(|asked| asked.ticket == Some(ticket));
        if let Some(asked) = at.and_then(|at| self.asked.remove(at)) {
            self.give_up(&asked);
        }
    }

    fn give_up(&mut self, asked: &Asked) {
        if asked.change == Change::End {
            return;
        }
        for name in &asked.names[asked.confirmed..] {
            self.update(asked.kind, name, |topic| {
                topic.asks -= 1;
                // What was confirmed before was asked for again, and is so no more.
                topic.is_confirmed &= asked.ticket.is_some();
                topic.is_wanted &= topic.is_confirmed || topic.asks > 0;
            });
        }
    }

    /// Whether the server has still to say of that command.
    pub(super) fn waits_for(&self, ticket: Ticket) -> bool {
        self.asked.iter().any(|asked| asked.ticket == Some(ticket))
    }

    /// Whether what the server says next is of something that was asked again, and of no call.
    pub(super) fn is_asked_again(&self) -> bool {
        self.asked.front().is_some_and(|asked| asked.ticket.is_none())
    }

    /// Changes a name that is known, and forgets it if it matters to nobody any more.
    fn update(&mut self, kind: Kind, name: &Bytes, change: impl FnOnce(&mut Topic)) {
        let topics = self.of(kind);
        let Some(topic) = topics.get_mut(name) else { return };
        change(topic);
        if !topic.is_wanted && topic.asks == 0 {
            topics.remove(name);
        }
    }

    fn of(&mut self, kind: Kind) -> &mut BTreeMap<Bytes, Topic> {
        match kind {
            Kind::Channel => &mut self.channels,
            Kind::Pattern => &mut self.patterns,
            Kind::Shard => &mut self.shards,
        }
    }
}

impl Asked {
    fn command(&self) -> Command {
        let verb = match (self.kind, self.change) {
            (Kind::Channel, Change::Begin) => "SUBSCRIBE",
            (Kind::Pattern, Change::Begin) => "PSUBSCRIBE",
            (Kind::Shard, Change::Begin) => "SSUBSCRIBE",
            (Kind::Channel, Change::End) => "UNSUBSCRIBE",
            (Kind::Pattern, Change::End) => "PUNSUBSCRIBE",
            (Kind::Shard, Change::End) => "SUNSUBSCRIBE",
        };
        Command::new(verb).arg(&self.names)
    }

    fn is_next(&self, what: (Kind, Change), name: &Bytes) -> bool {
        (self.kind, self.change) == what && self.names.get(self.confirmed) == Some(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays what is wanted and what the server says, and tells what it is sent and what its words mean. While there is no
    /// connection, from "lost" to "anew", nothing is sent.
    fn check(script: &str, expect: &str) {
        let mut topics = Topics::default();
        let (mut log, mut tickets) = (Vec::new(), Vec::new());
        let mut is_connected = true;
        for step in script.split(", ") {
            let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
            let names =
                rest.split(' ').filter(|name| !name.is_empty()).map(|name| Bytes::from(name.to_owned()));
            let asked = match verb {
                "add" => topics.add(Kind::Channel, names),
                "padd" => topics.add(Kind::Pattern, names),
                "sadd" => topics.add(Kind::Shard, names),
                "remove" => topics.remove(Kind::Channel, names),
                "has" | "hasp" | "hass" | "ended" | "sended" => {
                    let kind = match verb {
                        "hasp" => Kind::Pattern,
                        "hass" | "sended" => Kind::Shard,
                        _ => Kind::Channel,
                    };
                    let change = if verb.starts_with("has") { Change::Begin } else { Change::End };
                    for name in names {
                        log.push(match topics.handle_said(kind, change, &name) {
                            Said::Awaited if topics.asked.is_empty() => "all".to_owned(),
                            Said::Awaited => "more".to_owned(),
                            Said::TakenAway(command) => told(&command),
                            Said::Unasked => "unasked".to_owned(),
                        });
                    }
                    None
                }
                "refused" => {
                    let ticket = topics.handle_refused();
                    log.push(format!("call {:?}", ticket.map_or(0, |Ticket(number)| number)));
                    None
                }
                "withdraw" => {
                    topics.withdraw(tickets.pop().unwrap());
                    None
                }
                "known" => {
                    log.push(format!(
                        "{} known",
                        topics.channels.len() + topics.patterns.len() + topics.shards.len()
                    ));
                    None
                }
                "lost" => {
                    is_connected = false;
                    topics.handle_lost();
                    None
                }
                "anew" => {
                    is_connected = true;
                    log.extend(topics.all().iter().map(told));
                    None
                }
                _ => panic!("no such step: {step}"),
            };
            if let Some((ticket, command)) = asked {
                tickets.push(ticket);
                log.extend(is_connected.then(|| told(&command)));
            }
        }
        assert_eq!(log.join(", "), expect, "{script}");
    }

    fn told(command: &Command) -> String {
        command.args().map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_name_is_confirmed() {
        check("add a b, has a b", "SUBSCRIBE a b, more, all");
        check("add a, padd b, has a, hasp b", "SUBSCRIBE a, PSUBSCRIBE b, more, all");
        check("add a a, has a a, remove a, ended a", "SUBSCRIBE a a, more, all, UNSUBSCRIBE a, all");
        check("add, has a", "unasked");
    }

    #[test]
    fn what_nobody_has_asked_confirms_nothing() {
        check("add a, hasp a, has b, ended a, has a", "SUBSCRIBE a, unasked, unasked, unasked, all");
        check("sadd s, hass s, add a, sended s", "SSUBSCRIBE s, all, SUBSCRIBE a, SSUBSCRIBE s");
    }

    #[test]
    fn what_is_taken_away_is_asked_for_again_once() {
        let script = "sadd s, hass s, sended s, sended s, hass s, sended other, sended s";
        let told = "SSUBSCRIBE s, all, SSUBSCRIBE s, unasked, all, unasked, SSUBSCRIBE s";
        check(script, told);
        check("sadd s, hass s, sended s, refused, anew", "SSUBSCRIBE s, all, SSUBSCRIBE s, call 0");
    }

    #[test]
    fn a_new_connection_is_asked_for_all_that_is_wanted() {
        check(
            "lost, add b a, padd p, sadd s, anew, has b a",
            "SUBSCRIBE b a, PSUBSCRIBE p, SSUBSCRIBE s, more, more",
        );
        check(
            "add b a, padd p, has b a, hasp p, add c d, has c, remove b, lost, anew, has a c, hasp p, has c d",
            "SUBSCRIBE b a, PSUBSCRIBE p, more, more, all, SUBSCRIBE c d, more, UNSUBSCRIBE b, \
             SUBSCRIBE a, SUBSCRIBE c, PSUBSCRIBE p, SUBSCRIBE c d, more, more, more, more, all",
        );
        check("add a b, remove a b, lost, anew", "SUBSCRIBE a b, UNSUBSCRIBE a b");
    }

    #[test]
    fn one_name_that_is_not_allowed_any_more_takes_no_other_with_it() {
        check(
            "add a b, has a b, lost, anew, has a, refused, lost, anew",
            "SUBSCRIBE a b, more, all, SUBSCRIBE a, SUBSCRIBE b, more, call 0, SUBSCRIBE a",
        );
    }

    #[test]
    fn what_is_refused_is_not_asked_for_again() {
        check(
            "add a, add b c, has a, refused, lost, anew",
            "SUBSCRIBE a, SUBSCRIBE b c, more, call 2, SUBSCRIBE a",
        );
        check("add a b, add b, refused, lost, anew", "SUBSCRIBE a b, SUBSCRIBE b, call 1, SUBSCRIBE b");
        check(
            "add a, has a, add a b, refused, lost, anew",
            "SUBSCRIBE a, all, SUBSCRIBE a b, call 2, SUBSCRIBE a",
        );
    }

    #[test]
    fn what_matters_to_nobody_is_forgotten() {
        check("add a b, known, refused, known", "SUBSCRIBE a b, 2 known, call 1, 0 known");
        check("add a b, has a, refused, known", "SUBSCRIBE a b, more, call 1, 1 known");
        check("add a, has a, remove a, ended a, known", "SUBSCRIBE a, all, UNSUBSCRIBE a, all, 0 known");
        check("lost, add a, withdraw, known", "0 known");
    }

    #[test]
    fn what_is_withdrawn_is_not_asked_for() {
        check("lost, add a b, add b c, withdraw, anew", "SUBSCRIBE a b");
        check("add a, has a, lost, add a b, withdraw, anew", "SUBSCRIBE a, all, SUBSCRIBE a");
    }
}
