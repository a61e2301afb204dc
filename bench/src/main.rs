//! The bench: runs our programs and our peers' side by side. See README.md.
#![forbid(unsafe_code)]

fn main() {}
