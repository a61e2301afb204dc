//! HTTP/1.1 as services.
#![forbid(unsafe_code)]
