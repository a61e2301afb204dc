//! A network application framework.
#![forbid(unsafe_code)]
