//! One file per program.
#![forbid(unsafe_code)]
