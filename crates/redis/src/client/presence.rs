//! A client that is connected though nobody calls: [`Presence`], for those who are told of keys whoever reads them.

use std::cell::Cell;
use std::rc::{Rc, Weak};

use ekiden_middleware::{Reconnect, ReconnectConfig};
use ekiden_reactor::channel::Notify;
use ekiden_reactor::{JoinHandle, context, sleep, spawn_named};

use super::invalidations::Readers;
use super::shared::Connector;

/// A task that has the shared connection made, and made anew when it is lost, while somebody listens.
pub(super) struct Presence {
    lost: Notify,
    task: Cell<Option<JoinHandle<()>>>,
}

impl Presence {
    /// `lost` says when the connection is.
    pub(super) fn new(lost: Notify) -> Self {
        Self { lost, task: Cell::new(None) }
    }

    /// Somebody listens. If the task that cared for others has ended, or there was none, another begins.
    pub(super) fn begin(
        &self,
        shared: &Reconnect<Connector>,
        readers: &Rc<Readers>,
        config: &ReconnectConfig,
    ) {
        let task = self.task.take().filter(|task| !task.is_finished());
        let task = task.unwrap_or_else(|| {
            let stay = stay(shared.clone(), Rc::downgrade(readers), self.lost.clone(), config.clone());
            context::Context::none().sync_scope(|| spawn_named("redis presence", stay))
        });
        self.task.set(Some(task));
    }
}

async fn stay(shared: Reconnect<Connector>, readers: Weak<Readers>, lost: Notify, config: ReconnectConfig) {
    loop {
        // Before the look, so that nothing is missed after it.
        let is_lost = lost.notified();
        if !readers.upgrade().is_some_and(|readers| readers.is_heard()) {
            return;
        }
        match shared.connect().await {
            Ok(()) => is_lost.await,
            // It pauses by itself, but not if it takes nobody who waits.
            Err(_) => sleep(config.pause(1)).await,
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort_handle().abort();
        }
    }
}
