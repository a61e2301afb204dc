//! Counters of unlike elements (HyperLogLog): about how many there are, within a per cent, in 12 KB.

use crate::commands::table::commands;
use crate::{ToArg, ToArgs};

commands! { hyperloglog_methods;
    /// Counts elements. Answers whether the count may have changed.
    ///
    /// Redis 2.8.9.
    Writes "PFADD" pfadd(key: impl ToArg, elements: impl ToArgs) -> bool;

    /// About how many unlike elements were counted, at any of these keys.
    ///
    /// Redis 2.8.9.
    Reads "PFCOUNT" pfcount(keys: impl ToArgs) -> u64;

    /// Makes a counter of what was counted at others, and at its own key.
    ///
    /// Redis 2.8.9.
    Writes "PFMERGE" pfmerge(destination: impl ToArg, sources: impl ToArgs) -> ();
}
