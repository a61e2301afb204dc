//! What a driver is given to begin a core.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use super::cores::{Cores, Membership};
use super::{Config, CoreId};
use crate::core::ReactorId;
use crate::driver::{Driver, Unpark};
use crate::inbox::Inbox;
use crate::latch::Latch;
use crate::notice::{Level, notice};
use crate::reactor::Reactor;
use crate::task::message_of;

/// The place of a core that has not begun; see [`Driver::start_core`].
///
/// The driver first says how the core is woken, for others write to it as soon as it was started.
pub struct CoreSeat {
    pub(super) id: CoreId,
    pub(super) cores: Arc<Cores>,
    pub(super) inbox: Arc<OnceLock<Arc<Inbox>>>,
}

impl CoreSeat {
    /// Which core it is.
    #[must_use]
    pub fn id(&self) -> CoreId {
        self.id
    }

    /// Takes the seat: the core's driver, once it is parked, is woken by this.
    #[must_use]
    pub fn take(self, unparker: Arc<dyn Unpark>) -> NewCore {
        let inbox = self.inbox.get_or_init(|| Arc::new(Inbox::new(ReactorId::new(), unparker))).clone();
        NewCore { id: self.id, cores: self.cores, inbox }
    }
}

impl fmt::Debug for CoreSeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CoreSeat").field(&self.id).finish()
    }
}

/// A core that is about to begin, on the thread to which this is sent.
pub struct NewCore {
    id: CoreId,
    cores: Arc<Cores>,
    inbox: Arc<Inbox>,
}

impl NewCore {
    /// Which core it is.
    #[must_use]
    pub fn id(&self) -> CoreId {
        self.id
    }

    /// Whether its thread should stay on one processor.
    #[must_use]
    pub fn is_pinned(&self) -> bool {
        self.cores.are_pinned
    }

    /// The core's reactor, in the world that a driver makes, and the future that it should [run](Reactor::run): that of
    /// the runtime's end.
    ///
    /// For drivers that run several reactors on one thread; [`run`](Self::run) is all that is to be done on one of its own.
    pub fn into_reactor(self, driver: impl Driver) -> (Reactor, impl Future<Output = ()> + 'static) {
        let Self { id, cores, inbox } = self;
        let config: Config = cores.config(id);
        let end = Latch::new();
        let ended = end.wait();
        let reactor = Reactor::of(Box::new(driver), config, inbox, Membership { id, cores, end });
        (reactor, ended)
    }

    /// Runs the core on this thread, until the runtime ends. If its loop fails, the runtime's `run` panics by that.
    pub fn run(self, driver: impl Driver) {
        let (id, cores, inbox) = (self.id, self.cores.clone(), self.inbox.clone());
        let run = || {
            let (reactor, ended) = self.into_reactor(driver);
            reactor.run(ended);
        };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(run)) {
            // Nobody reads what is sent here any more, also if there was no reactor yet.
            inbox.close().forget();
            if let Err(payload) = cores.fail(payload) {
                let message = message_of(&*payload).unwrap_or("no message");
                notice(Level::Error, "core", format_args!("{id} failed while the runtime ended: {message}"));
                std::mem::forget(payload); // its drop may panic in turn
            }
        }
    }
}

impl fmt::Debug for NewCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NewCore").field(&self.id).finish()
    }
}
