//! Messages to whoever listens to a channel, and who does.
//!
//! To listen is no command with an answer: [`Subscriber`](crate::Subscriber) does that.

use bytes::Bytes;

use crate::commands::table::commands;
use crate::{ToArg, ToArgs};

commands! { pubsub_methods;
    /// Sends a message to all who listen to a channel now. Answers how many do, at this server.
    ///
    /// Redis 2.0.
    Writes "PUBLISH" publish(channel: impl ToArg, message: impl ToArg) -> u64;

    /// The channels that somebody listens to by their name and not by a pattern. Those that match a pattern:
    /// [`pubsub_channels_matching`].
    ///
    /// Redis 2.8.
    Reads "PUBSUB CHANNELS" pubsub_channels() -> Vec<Bytes>;

    /// As [`pubsub_channels`], but only those that match a pattern.
    ///
    /// Redis 2.8.
    Reads "PUBSUB CHANNELS" pubsub_channels_matching(pattern: impl ToArg) -> Vec<Bytes>;

    /// How many patterns somebody listens to.
    ///
    /// Redis 2.8.
    Reads "PUBSUB NUMPAT" pubsub_numpat() -> u64;

    /// How many listen to each of these channels by its name.
    ///
    /// Redis 2.8.
    Reads "PUBSUB NUMSUB" pubsub_numsub(channels: impl ToArgs) -> Vec<(Bytes, u64)>;

    /// As [`pubsub_channels`], of the channels of [`spublish`].
    ///
    /// Redis 7.0.
    Reads "PUBSUB SHARDCHANNELS" pubsub_shardchannels() -> Vec<Bytes>;

    /// As [`pubsub_shardchannels`], but only those that match a pattern.
    ///
    /// Redis 7.0.
    Reads "PUBSUB SHARDCHANNELS" pubsub_shardchannels_matching(pattern: impl ToArg) -> Vec<Bytes>;

    /// As [`pubsub_numsub`], of the channels of [`spublish`].
    ///
    /// Redis 7.0.
    Reads "PUBSUB SHARDNUMSUB" pubsub_shardnumsub(channels: impl ToArgs) -> Vec<(Bytes, u64)>;

    /// Sends a message to all who listen to a channel of a shard of a cluster now. Answers how many do.
    ///
    /// Redis 7.0.
    Writes "SPUBLISH" spublish(channel: impl ToArg, message: impl ToArg) -> u64;
}
