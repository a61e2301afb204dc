//! What the accepting task, the connections and the handle share.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ekiden_reactor::{Instant, JoinHandle, Latch, spawn_named};

use super::drain::Drain;
use super::handle::Drained;

/// A server's connections, and how far its end has come.
pub(super) struct State {
    connections: RefCell<Connections>,
    /// The accepting task, when it waits for a connection to close or for a deadline to be set.
    waiting: Cell<Option<Waker>>,
    pub(super) drain: Drain,
    /// When the drain gives up: the earliest that anybody asked for.
    deadline: Cell<Option<Instant>>,
    pub(super) ended: Latch,
    pub(super) drained: Cell<Drained>,
}

/// The open connections, by the number under which each was opened.
///
/// A vector with holes: a place is reused once its connection has closed.
#[derive(Default)]
struct Connections {
    tasks: Vec<Option<JoinHandle<()>>>,
    free: Vec<usize>,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            connections: RefCell::default(),
            waiting: Cell::new(None),
            drain: Drain::new(),
            deadline: Cell::new(None),
            ended: Latch::new(),
            drained: Cell::default(),
        }
    }

    /// How many connections are open.
    pub(super) fn open(&self) -> usize {
        let connections = self.connections.borrow();
        connections.tasks.len() - connections.free.len()
    }

    /// Gives a connection its task.
    pub(super) fn start(self: &Rc<Self>, connection: impl Future<Output = ()> + 'static) {
        let place = self.connections.borrow_mut().place();
        let open = Open { state: self.clone(), place };
        let task = spawn_named("connection", async move {
            // Dropped with the future, however that ends: then the connection is closed.
            let _open = open;
            connection.await;
        });
        self.connections.borrow_mut().tasks[place] = Some(task);
    }

    /// Begins the drain, or hastens it.
    pub(super) fn drain_within(&self, time: Duration) {
        let deadline = Instant::now() + time;
        self.deadline.set(Some(self.deadline.get().map_or(deadline, |earlier| earlier.min(deadline))));
        self.drain.begin();
        self.wake();
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline.get()
    }

    /// Pending, and the task is woken by each connection that closes and each deadline that is set, until `ready`.
    pub(super) fn poll_until(&self, cx: &Context<'_>, ready: impl FnOnce(&Self) -> bool) -> Poll<()> {
        if ready(self) {
            return Poll::Ready(());
        }
        self.waiting.set(Some(cx.waker().clone()));
        Poll::Pending
    }

    /// Ends the tasks of all connections.
    pub(super) fn abort_all(&self) {
        for task in self.connections.borrow().tasks.iter().flatten() {
            task.abort();
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waiting.take() {
            waker.wake();
        }
    }
}

impl Connections {
    fn place(&mut self) -> usize {
        self.free.pop().unwrap_or_else(|| {
            self.tasks.push(None);
            self.tasks.len() - 1
        })
    }
}

/// An open connection: closes when it is dropped.
struct Open {
    state: Rc<State>,
    place: usize,
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut connections = self.state.connections.borrow_mut();
        let task = connections.tasks[self.place].take();
        connections.free.push(self.place);
        drop(connections);
        // With the handle gone, a panic of the connection is the operator's to know.
        drop(task);
        self.state.wake();
    }
}
