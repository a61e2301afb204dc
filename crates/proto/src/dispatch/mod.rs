//! What both dispatchers need, [pipelined](crate::pipeline) and [multiplexed](crate::multiplex).
//!
//! In reading order: `error` is what a caller learns when it has no answer, and `reset` what the peer says of that;
//! `running` keeps the calls that a server runs for one connection, and `panic` is what one may end in; `patience` says for
//! how long a server waits for its peer, `peer` what it expects of that, and `linger` how a connection closes so that its
//! peer gets what was written; `pace` is how much is done in one poll, and `bell` wakes a connection when there is
//! something to send.

pub(crate) mod error;
pub(crate) mod reset;
pub(crate) mod running;
pub(crate) mod panic;
pub(crate) mod patience;
pub(crate) mod peer;
pub(crate) mod linger;
pub(crate) mod pace;
pub(crate) mod bell;
