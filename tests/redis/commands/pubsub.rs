//! Messages, and who listens.

use ekiden::redis::commands::*;

use super::{Over, Step, is, play};

#[test]
fn messages_to_nobody() {
    play(&[], Over::Shared, table);
}

pub(super) fn table() -> Vec<Step> {
    vec![
        is(publish("news", "hello"), 0),
        is(spublish("news", "hello"), 0),
        is(pubsub_channels(), vec![]),
        is(pubsub_channels_matching("n*"), vec![]),
        is(pubsub_numpat(), 0),
        is(pubsub_numsub(["news", "other"]), vec![("news".into(), 0), ("other".into(), 0)]),
        is(pubsub_numsub(()), vec![]),
        is(pubsub_shardchannels(), vec![]),
        is(pubsub_shardchannels_matching("n*"), vec![]),
        is(pubsub_shardnumsub("news"), vec![("news".into(), 0)]),
    ]
}
