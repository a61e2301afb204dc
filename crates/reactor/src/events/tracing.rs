//! The feature `tracing` is on: whoever subscribes is told. The only place that names the crate.
//!
//! All events have the target `ekiden`, a field `topic`, and where there is one the trace of the work that they are
//! about, as `trace`.

use std::fmt;

use tracing::field::display;
use tracing::{Level as TracingLevel, event, event_enabled};

use crate::context;
use crate::notice::{Level, Notice};

/// Whether anybody took it.
pub(crate) fn notice(notice: &Notice<'_>) -> bool {
    let Notice { level, topic, text, .. } = *notice;
    let trace = context::trace().map(display);
    // The level is a part of what is static of an event.
    match level {
        Level::Error => {
            event!(target: TARGET, TracingLevel::ERROR, topic, trace, "{text}");
            event_enabled!(target: TARGET, TracingLevel::ERROR)
        }
        Level::Warning => {
            event!(target: TARGET, TracingLevel::WARN, topic, trace, "{text}");
            event_enabled!(target: TARGET, TracingLevel::WARN)
        }
        Level::Info => {
            event!(target: TARGET, TracingLevel::INFO, topic, trace, "{text}");
            event_enabled!(target: TARGET, TracingLevel::INFO)
        }
    }
}

pub(crate) fn debug(topic: &'static str, text: fmt::Arguments<'_>) {
    event!(target: TARGET, TracingLevel::DEBUG, topic, trace = context::trace().map(display), "{text}");
}

/// What filters name.
const TARGET: &str = "ekiden";
