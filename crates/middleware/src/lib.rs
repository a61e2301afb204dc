//! Time-outs and limits for any service, on either side of any protocol.
#![forbid(unsafe_code)]
