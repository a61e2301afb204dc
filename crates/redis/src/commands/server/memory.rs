//! What needs how much memory.

use std::collections::BTreeMap;

use crate::commands::table::{commands, options};
use crate::{ToArg, Value};

commands! { server_memory_methods;
    /// What the server thinks of it, as a text for people.
    ///
    /// Redis 4.0.
    Reads "MEMORY DOCTOR" memory_doctor() -> String;

    /// What the allocator knows, as a text for people.
    ///
    /// Redis 4.0.
    Reads "MEMORY MALLOC-STATS" memory_malloc_stats() -> String;

    /// Has the allocator give memory back to the system.
    ///
    /// Redis 4.0.
    Writes "MEMORY PURGE" memory_purge() -> ();

    /// What needs how much, by name: mostly integers, some doubles, and maps for data bases.
    ///
    /// Redis 4.0.
    Reads "MEMORY STATS" memory_stats() -> BTreeMap<String, Value>;

    /// About how many bytes a key needs with what is at it; `None` if there is no such key. [`MemoryUsage`] says how
    /// exactly.
    ///
    /// Redis 4.0.
    Reads "MEMORY USAGE" memory_usage(key: impl ToArg) -> Option<u64> as MemoryUsage;
}

options! {
    /// [`memory_usage`] with its option.
    MemoryUsage -> Option<u64> {
        /// Looks at so many of its parts, and takes the rest to be alike; at all if 0; at 5 unless said.
        samples(count: u64) = "SAMPLES", count;
    }
}
