//! One event loop per core, where using a source is asking for it.
#![forbid(unsafe_code)]

#[allow(dead_code, reason = "the loop that uses it comes next")]
mod time {
    pub(crate) mod wheel;
}

#[allow(dead_code, reason = "the sources and channels that use it come next")]
mod waiters;

#[cfg(test)]
mod woken;
