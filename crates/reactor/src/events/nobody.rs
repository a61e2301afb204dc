//! The feature `tracing` is off: nobody is told.

use std::fmt;

use crate::notice::Notice;

#[inline(always)]
pub(crate) fn notice(_: &Notice<'_>) -> bool {
    false
}

#[inline(always)]
pub(crate) fn debug(_: &'static str, _: fmt::Arguments<'_>) {}
