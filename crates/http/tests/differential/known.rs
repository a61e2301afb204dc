//! Disagreements that are meant, where nobody can write them beside a case because chance made the input.
//!
//! Each is also a case of its own, with its reason.

use crate::outcome::{End, Exchange, Outcome};

/// Both outcomes, without that in which we mean not to agree.
pub(crate) fn reconciled(ours: &Outcome, hypers: &Outcome) -> (Outcome, Outcome) {
    let (mut ours, mut hypers) = (ours.clone(), hypers.clone());
    for outcome in [&mut ours, &mut hypers] {
        forget_behind(outcome, is_connect);
        forget_behind(outcome, has_connection_of_high_bytes);
        forget_trailers_that_mean_nothing(outcome);
        // The go-ahead is left out where the body has come already.
        outcome.continues = 0;
    }
    (ours, hypers)
}

/// As in the case "CONNECT".
fn is_connect(exchange: &Exchange) -> bool {
    exchange.head.starts_with("CONNECT ")
}

/// As in the case "close among high bytes".
fn has_connection_of_high_bytes(exchange: &Exchange) -> bool {
    exchange.head.split_once("connection: ").is_some_and(|(_, rest)| rest.contains("\\x"))
}

fn forget_behind(outcome: &mut Outcome, is_last: impl Fn(&Exchange) -> bool) {
    let is_last = |exchange: &Exchange| exchange.body.is_some() && is_last(exchange);
    if let Some(at) = outcome.exchanges.iter().position(is_last) {
        outcome.exchanges.truncate(at + 1);
        outcome.end = End::Closed;
    }
}

/// As in the case "a trailer that frames".
fn forget_trailers_that_mean_nothing(outcome: &mut Outcome) {
    const MEANINGLESS: [&str; 14] = [
        "authorization",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "expect",
        "host",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    for exchange in &mut outcome.exchanges {
        exchange
            .trailers
            .retain(|trailer| trailer.split_once(':').is_none_or(|(name, _)| !MEANINGLESS.contains(&name)));
    }
}
