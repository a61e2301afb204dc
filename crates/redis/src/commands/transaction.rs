//! Transactions, command by command, for a connection of one's own.
//!
//! Mostly [`transaction`](crate::Ask::transaction) is what you want, which sends all of it at once and needs no
//! connection of its own; or [`exec`](crate::Dedicated::exec), if keys are watched.

use crate::commands::table::commands;
use crate::{ToArgs, Value};

commands! { transaction_methods;
    /// Forgets the commands of a transaction, and what is watched.
    ///
    /// Redis 2.0.
    Transacts "DISCARD" discard() -> ();

    /// Does the commands of a transaction. Answers what each answers, errors among them; `None` if it was not done
    /// since a key that is watched has changed. Nothing is watched then.
    ///
    /// Redis 1.2.
    Transacts "EXEC" exec() -> Option<Vec<Value>>;

    /// Begins a transaction: what follows is answered with `QUEUED` until [`exec`], which is `()` or a [`Value`] and no other answer.
    ///
    /// Redis 1.2.
    Transacts "MULTI" multi() -> ();

    /// Watches nothing any more.
    ///
    /// Redis 2.2.
    Binds "UNWATCH" unwatch() -> ();

    /// Watches keys: if one changes until [`exec`], that does nothing.
    ///
    /// Redis 2.2.
    Binds "WATCH" watch(keys: impl ToArgs) -> ();
}
