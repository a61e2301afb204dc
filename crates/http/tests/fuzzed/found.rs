//! What the fuzzers found, made small, each with what was wrong.

pub(crate) const IN_SERVER: &[(&str, &[u8])] = &[];

pub(crate) const IN_CLIENT: &[(&str, &[u8])] = &[];
