//! Processes that were dropped before they ended: the reactor waits for them, so that the system can forget them.
//!
//! It is no task that waits, as a process may be dropped while the tasks are: it is a waker that looks at the one
//! process that it names.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;
use std::task::{Wake, Waker};

use super::child::Running;
use crate::core::{self, Core, ReactorId};
use crate::driver::Token;
use crate::interest::Way;

/// The processes of one reactor for which nobody waits.
#[derive(Default)]
pub(crate) struct Orphans {
    running: RefCell<Vec<Running>>,
    /// The reactor has ended.
    is_closed: Cell<bool>,
}

impl Running {
    /// Leaves the process to the reactor, unless it has ended.
    pub(super) fn leave(mut self) {
        let core = self.registration.core_rc();
        if self.runs() && !core.orphans.is_closed.get() {
            self.await_end();
            core.orphans.running.borrow_mut().push(self);
        }
    }

    fn runs(&mut self) -> bool {
        matches!(self.process.try_wait(), Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    fn await_end(&self) {
        let (reactor, token) = (self.registration.core().id, self.registration.token());
        let bell = Waker::from(Arc::new(Bell { reactor, token }));
        self.registration.interest().register(Way::Read, &bell);
    }
}

/// Rings when a process may have ended. Ids only, as a waker may be anywhere.
struct Bell {
    reactor: ReactorId,
    token: Token,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        if let Some(core) = core::try_current().filter(|core| core.id == self.reactor) {
            core.look_after(self.token);
        }
    }
}

impl Core {
    fn look_after(&self, token: Token) {
        let mut orphans = self.orphans.running.borrow_mut();
        let Some(at) = orphans.iter().position(|orphan| orphan.registration.token() == token) else { return };
        if orphans[at].runs() {
            orphans[at].await_end();
            return;
        }
        let ended = orphans.swap_remove(at);
        drop(orphans); // before what ends a registration, which may wake anybody
        drop(ended);
    }

    /// The reactor ends: nobody waits for them here any more.
    pub(crate) fn abandon_orphans(&self) {
        self.orphans.is_closed.set(true);
        drop(self.orphans.running.take());
    }
}
