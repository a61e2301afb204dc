//! One event loop per core, where using a source is asking for it.
#![forbid(unsafe_code)]
