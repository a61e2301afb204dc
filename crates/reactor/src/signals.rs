//! Signals: sources of whatever signals a program asks for by name.
//!
//! The driver tells that one came; here is who listens for it, and what each has not seen yet. Those that ask the
//! program to end are the [`shutdown`](fn@crate::shutdown)'s as long as nobody listens for them.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use slab::Slab;

use crate::core::{self, Core};
use crate::driver::Signal;
use crate::task::tick_waker;
use crate::task::waits::{self, Asked};
use crate::waiters::Waiter;

/// Listens for signals from now on.
///
/// From the first call on they no longer do what they do by default, in the whole process, as long as anybody listens;
/// when the last one is dropped they do again what they did before, and a signal that was ignored is ignored again.
/// Everybody who listens sees each signal, on every reactor of the process. Of signals of one kind that come before
/// somebody looks he sees one, as the system itself keeps no count of them: a signal says that there is something to
/// look at, not how often.
///
/// `SIGINT` and `SIGTERM` are the [`shutdown`](fn@crate::shutdown)'s, unless a program asks for them here: then, as long
/// as anybody in the process listens, such a signal neither begins the shutdown nor ends the process when it comes
/// again. So a shell of yours can give up its line on ctrl-c and still finish what it owes on `SIGTERM`.
///
/// ```
/// use ekiden_reactor::{Signal, signals};
///
/// # ekiden_reactor::run(async {
/// let mut signals = signals([Signal::Hangup, Signal::User1])?;
/// # let pid = std::process::id().to_string();
/// # std::process::Command::new("kill").args(["-s", "HUP", &pid]).status()?;
/// match signals.recv().await {
///     Signal::Hangup => println!("reading the settings again"),
///     _ => println!("showing what goes on"),
/// }
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// # Errors
///
/// As the system's; [`Unsupported`](io::ErrorKind::Unsupported) in a world without signals.
///
/// # Panics
///
/// If no reactor runs on this thread.
#[track_caller]
pub fn signals(kinds: impl IntoIterator<Item = Signal>) -> io::Result<Signals> {
    let kinds = kinds.into_iter().fold(Kinds::default(), Kinds::with);
    let core = core::current();
    let listener = Rc::new(Listener { kinds, ..Listener::default() });
    let known = core.signals.kinds();
    let mut asked = Kinds::default();
    for kind in kinds.without(known).iter() {
        if let Err(error) = core.driver.watch_signal(kind) {
            asked.iter().for_each(|kind| core.driver.unwatch_signal(kind));
            return Err(error);
        }
        asked = asked.with(kind);
    }
    let key = core.signals.0.borrow_mut().insert(listener.clone());
    Ok(Signals { core, listener, key })
}

/// Listens for signals, until it is dropped; see [`signals`]. Also a [`Stream`], which never ends.
#[must_use = "signals do what they did before as soon as nobody listens"]
pub struct Signals {
    core: Rc<Core>,
    listener: Rc<Listener>,
    key: usize,
}

impl Signals {
    /// Waits for a signal that this listener has not seen. Of several the one comes first that [`Signal::ALL`] names
    /// first.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: a signal is seen in the same poll that returns it.
    pub async fn recv(&mut self) -> Signal {
        Receiving { listener: &self.listener }.await
    }

    /// A signal that this listener has not seen. Inside a tick, `None` has the task ticked again when one comes.
    pub fn try_recv(&mut self) -> Option<Signal> {
        let signal = self.listener.take();
        if signal.is_none()
            && let Some(waker) = tick_waker()
        {
            self.listener.register(&waker);
        }
        signal
    }

    /// Asks for a signal that this listener has not seen, and has the task woken when one comes. As
    /// [`recv`](Self::recv) otherwise.
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Signal> {
        self.listener.poll(cx)
    }
}

impl Stream for Signals {
    type Item = Signal;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Signal>> {
        self.listener.poll(cx).map(Some)
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let gone = self.core.signals.0.borrow_mut().try_remove(self.key);
        drop(gone); // outside the borrow
        let waiting = self.listener.waiter.take();
        drop(waiting);
        for kind in self.listener.kinds.without(self.core.signals.kinds()).iter() {
            self.core.driver.unwatch_signal(kind);
        }
    }
}

impl fmt::Debug for Signals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signals").field(&self.listener.kinds.iter().collect::<Vec<_>>()).finish()
    }
}

/// A wait for a signal.
struct Receiving<'a> {
    listener: &'a Listener,
}

impl Future for Receiving<'_> {
    type Output = Signal;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Signal> {
        self.listener.poll(cx)
    }
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        let waiting = self.listener.waiter.take();
        drop(waiting);
    }
}

/// Who listens on one reactor.
#[derive(Default)]
pub(crate) struct SignalState(RefCell<Slab<Rc<Listener>>>);

impl SignalState {
    /// What anybody listens for.
    fn kinds(&self) -> Kinds {
        let listeners = self.0.borrow();
        Kinds(listeners.iter().fold(0, |kinds, (_, listener)| kinds | listener.kinds.0))
    }
}

impl Core {
    /// A signal came.
    pub(crate) fn handle_signal(&self, signal: Signal) {
        let listeners = self.signals.0.borrow();
        let heard: Vec<_> = listeners
            .iter()
            .filter(|(_, listener)| listener.kinds.has(signal))
            .map(|(_, listener)| listener.tell(signal))
            .collect();
        drop(listeners);
        if heard.is_empty() && signal.asks_to_end() {
            self.begin_shutdown();
        }
        // When nothing is borrowed, as waking may run anything.
        heard.into_iter().flatten().for_each(Waker::wake);
    }
}

/// One who listens.
#[derive(Default)]
struct Listener {
    kinds: Kinds,
    /// What came and was not seen.
    unseen: Cell<Kinds>,
    waiter: CellOfWaiter,
}

impl Listener {
    fn tell(&self, signal: Signal) -> Option<Waker> {
        self.unseen.set(self.unseen.get().with(signal));
        self.waiter.take()
    }

    fn take(&self) -> Option<Signal> {
        let unseen = self.unseen.get();
        let first = unseen.iter().next()?;
        self.unseen.set(unseen.without(Kinds::default().with(first)));
        Some(first)
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Signal> {
        if let Some(signal) = self.take() {
            return Poll::Ready(signal);
        }
        self.register(cx.waker());
        Poll::Pending
    }

    fn register(&self, waker: &Waker) {
        let replaced = self.waiter.0.borrow_mut().register(waker);
        drop(replaced);
        waits::note(Asked::Signal);
    }
}

/// The one who waits, as a listener is used by `&mut`.
#[derive(Default)]
struct CellOfWaiter(RefCell<Waiter>);

impl CellOfWaiter {
    fn take(&self) -> Option<Waker> {
        self.0.borrow_mut().take()
    }
}

/// A set of signals: a bit for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Kinds(u32);

impl Kinds {
    fn with(self, signal: Signal) -> Self {
        Self(self.0 | 1 << signal as u32)
    }

    fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    fn has(self, signal: Signal) -> bool {
        self.0 & 1 << signal as u32 != 0
    }

    fn iter(self) -> impl Iterator<Item = Signal> {
        Signal::ALL.into_iter().filter(move |&signal| self.has(signal))
    }
}
