//! The name of a core among those of its runtime.

use std::fmt;
use std::iter::FusedIterator;
use std::ops::Range;

use crate::core;

/// A core of this runtime: its number, from 0, on which the main future runs.
///
/// It is a core as the runtime counts them, and not the machine's number of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoreId(u16);

impl CoreId {
    /// Where the main future runs.
    pub(crate) const FIRST: Self = Self(0);

    /// The core of that number, whether or not there is one.
    ///
    /// # Panics
    ///
    /// If the number is greater than 65,534.
    #[must_use]
    pub fn new(index: usize) -> Self {
        match u16::try_from(index) {
            Ok(index) if index < u16::MAX => Self(index),
            _ => panic!("there is no core {index}: a runtime has at most 65,535"),
        }
    }

    /// The core that runs on this thread.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    #[must_use]
    #[track_caller]
    pub fn current() -> Self {
        core::with(|core| core.runtime.id)
    }

    /// Its number, from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.0.into()
    }
}

impl fmt::Display for CoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "core {}", self.0)
    }
}

/// The cores of this runtime, whether or not they have begun. `cores().len()` says how many.
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub fn cores() -> CoreIds {
    let len = core::with(|core| core.runtime.cores.len());
    CoreIds(0..len)
}

/// The cores of a runtime; see [`cores`].
#[derive(Clone, Debug)]
pub struct CoreIds(Range<usize>);

impl Iterator for CoreIds {
    type Item = CoreId;

    fn next(&mut self) -> Option<CoreId> {
        self.0.next().map(CoreId::new)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for CoreIds {
    fn next_back(&mut self) -> Option<CoreId> {
        self.0.next_back().map(CoreId::new)
    }
}

impl ExactSizeIterator for CoreIds {}

impl FusedIterator for CoreIds {}
