//! Pauses of listeners: one that finds no file for a connection tries again a little later, or as soon as a source of
//! the same reactor goes, which most likely gives a file back.
//!
//! Whoever waits for a listener waits for its [`Interest`](crate::interest::Interest), also while it pauses: the end of
//! a pause says that it is worth a try, as the driver does for a connection that came. So may pause who sends, where
//! the system does not tell of room.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use crate::core::{self, Core, ReactorId};
use crate::driver::{Readiness, Token};
use crate::events;
use crate::registration::Registration;
use crate::time::{Sleep, sleep};

/// The pauses of one listener, or of one who sends.
#[derive(Default)]
pub(crate) struct Pause(Cell<Option<Sleep>>);

impl Pause {
    pub(crate) fn is_on(&self, registration: &Registration) -> bool {
        let is_on = registration.core().pauses.is_on(registration.token());
        if !is_on {
            // It may have ended before its time.
            drop(self.0.take());
        }
        is_on
    }

    /// Begins a pause.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub(crate) fn begin(&self, registration: &Registration, time: Duration) {
        let (core, token) = (registration.core(), registration.token());
        core.pauses.begin(token);
        events::debug("accept", format_args!("a listener, or who sends, pauses for {time:?}"));
        let bell = Waker::from(Arc::new(Bell { reactor: core.id, token }));
        let mut timer = sleep(time);
        if Pin::new(&mut timer).poll(&mut Context::from_waker(&bell)).is_ready() {
            core.end_pause(token);
        }
        self.0.set(Some(timer));
    }
}

/// Ends a pause when its timer rings. Ids only, as a waker may be anywhere.
struct Bell {
    reactor: ReactorId,
    token: Token,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if let Some(core) = core::try_current().filter(|core| core.id == self.reactor) {
            core.end_pause(self.token);
        }
    }
}

/// The sources of a reactor that pause.
#[derive(Default)]
pub(crate) struct Pauses(RefCell<Vec<Token>>);

impl Pauses {
    fn is_on(&self, token: Token) -> bool {
        self.0.borrow().contains(&token)
    }

    fn begin(&self, token: Token) {
        self.0.borrow_mut().push(token);
    }

    fn end(&self, token: Token) {
        self.0.borrow_mut().retain(|&other| other != token);
    }
}

impl Core {
    fn end_pause(&self, token: Token) {
        self.pauses.end(token);
        if let Some(source) = self.source(token) {
            source.handle_ready(Readiness::new(true, true));
        }
    }

    /// A file was given back, most likely.
    pub(crate) fn end_pauses(&self) {
        // One after the other, since whoever is woken may begin a pause or end one.
        let pausing = self.pauses.0.take();
        for token in pausing {
            self.end_pause(token);
        }
    }
}
