//! Transactions, command by command.

use std::time::Duration;

use ekiden::redis::commands::*;
use ekiden::redis::{IntoTyped, ServerError, Value};

use super::{Over, Step, fails, is, play};

#[test]
fn transactions() {
    play(&[], Over::Own, table);
}

pub(super) fn table() -> Vec<Step> {
    let queued = || Value::status("QUEUED");
    vec![
        is(multi(), ()),
        is(set("k", 1).into_typed().becoming(), queued()),
        is(incr("k").becoming(), queued()),
        is(exec(), Some(vec![Value::ok(), Value::Integer(2)])),
        is(multi(), ()),
        is(lpush("k", 1).becoming(), queued()),
        is(
            exec().becoming(),
            vec![Err::<Value, _>(ServerError::new(
                "WRONGTYPE Operation against a key holding the wrong kind of value",
            ))],
        ),
        is(multi(), ()),
        is(discard(), ()),
        fails(exec(), "EXEC without MULTI"),
        fails(discard(), "DISCARD without MULTI"),
        is(watch(["k", "other"]), ()),
        is(set("k", 5), ()),
        is(multi(), ()),
        is(exec(), None),
        is(watch("k"), ()),
        is(unwatch(), ()),
        is(wait_replicas(0, Duration::from_millis(1)), 0),
        is(wait_replicas(1, Duration::from_millis(1)), 0),
    ]
}
