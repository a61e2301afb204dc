//! Why a task gave no result: what a panic left, in a form that may be sent and shown.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::origin::{Origin, OriginId};
use super::unread::{At, Unread};
use crate::core;

/// Why a task gave no result: it panicked, or it was aborted.
pub struct JoinError {
    /// `None` if it was aborted.
    panic: Option<Box<Panic>>,
}

struct Panic {
    /// Behind a lock that is never taken, so that the error is `Sync` like any other.
    payload: Mutex<Box<dyn Any + Send + 'static>>,
    message: Option<String>,
    /// As long as it is in a handle.
    unread: Option<Arc<Unread>>,
}

impl JoinError {
    pub(crate) fn aborted() -> Self {
        Self { panic: None }
    }

    pub(crate) fn panicked(payload: Box<dyn Any + Send + 'static>) -> Self {
        let message = message_of(&*payload).map(str::to_owned);
        Self { panic: Some(Box::new(Panic { payload: Mutex::new(payload), message, unread: None })) }
    }

    /// Whether the task panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        self.panic.is_some()
    }

    /// Whether the task was aborted, or its reactor ended first.
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.panic.is_none()
    }

    /// What the task panicked with, to resume it: `std::panic::resume_unwind(error.into_panic()?)`.
    #[must_use]
    pub fn into_panic(self) -> Option<Box<dyn Any + Send + 'static>> {
        self.panic.map(|panic| panic.payload.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The panic's message, if it is text, as it nearly always is.
    #[must_use]
    pub fn panic_message(&self) -> Option<&str> {
        self.panic.as_ref()?.message.as_deref()
    }

    /// It goes into a handle. Its core, which is this one, keeps it in mind if it is a panic.
    #[cold]
    pub(crate) fn put_into(&mut self, at: At, origin: impl FnOnce() -> Origin) {
        if let Some(panic) = &mut self.panic {
            let message = panic.message.clone();
            panic.unread = core::try_with(|core| core.tasks.unread.add(origin(), message, at));
        }
    }

    /// Somebody has asked the handle for it.
    #[cold]
    #[inline(never)]
    pub(crate) fn taken(mut self) -> Self {
        if let Some(panic) = &mut self.panic {
            panic.unread = None;
        }
        self
    }

    /// Tells the operator of a panic for which nobody waits; that a task was aborted is no news.
    pub(crate) fn report(&self, origin: Origin) {
        match self.panic.as_deref() {
            Some(Panic { unread: Some(unread), .. }) => unread.tell(),
            Some(_) => origin.report_panic("", self.panic_message()),
            None => {}
        }
    }

    /// The same, of the task with this origin.
    pub(super) fn report_lost(self, origin: OriginId) {
        if self.is_panic() {
            self.report(origin.known());
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.is_panic(), self.panic_message()) {
            (true, Some(message)) => write!(f, "the task panicked: {message}"),
            (true, None) => write!(f, "the task panicked"),
            (false, _) => write!(f, "the task was aborted"),
        }
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}

/// A panic's message, if it is text, as it nearly always is.
pub(crate) fn message_of(payload: &(dyn Any + Send)) -> Option<&str> {
    let text = payload.downcast_ref::<&'static str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}
