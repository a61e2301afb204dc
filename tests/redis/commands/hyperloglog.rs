//! Counters of unlike elements.

use ekiden::redis::commands::*;

use super::{Over, Step, is, play};

#[test]
fn counters_of_unlike_elements() {
    play(&[], Over::Shared, table);
}

pub(super) fn table() -> Vec<Step> {
    vec![
        is(pfadd("a", ["x", "y"]), true),
        is(pfadd("a", "x"), false),
        is(pfadd("b", ["y", "z"]), true),
        is(pfcount("a"), 2),
        is(pfcount(["a", "b"]), 3),
        is(pfmerge("c", ["a", "b"]), ()),
        is(pfcount("c"), 3),
    ]
}
