//! The attributes of ekiden.
#![forbid(unsafe_code)]
