//! Tasks that tick: state machines that are called when something they used becomes ready.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::job::Report;
use super::origin::OriginId;
use crate::core::{self, Core};
use crate::notice::{Level, notice};

/// A task that does what it can each time it is called.
///
/// It is called again when a source that it asked by a `try_` method, and that answered `Ok(None)`, becomes ready.
/// Asking is all it takes to wait; and whoever asks nothing must not say that it waits.
///
/// ```
/// use ekiden_reactor::{Task, Tick, net::TcpStream};
/// use std::io;
///
/// /// Sends back what it gets.
/// struct Echo {
///     stream: TcpStream,
///     owed: Vec<u8>,
/// }
///
/// impl Task for Echo {
///     fn tick(&mut self) -> io::Result<Tick> {
///         loop {
///             while !self.owed.is_empty() {
///                 let Some(n) = self.stream.try_write(&self.owed)? else { return Ok(Tick::WouldBlock) };
///                 self.owed.drain(..n);
///             }
///             let mut buf = [0; 1024];
///             match self.stream.try_read(&mut buf)? {
///                 Some(0) => return Ok(Tick::Final),
///                 Some(n) => self.owed.extend(&buf[..n]),
///                 None => return Ok(Tick::WouldBlock),
///             }
///         }
///     }
/// }
/// ```
pub trait Task {
    /// Does what it can. Called again when something it used, and found not ready, becomes ready.
    ///
    /// # Errors
    ///
    /// An error ends the task, and reaches whoever waits for it.
    fn tick(&mut self) -> io::Result<Tick>;
}

/// What a task says after a [`tick`](Task::tick).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tick {
    /// Something was not ready: call again when it is. Saying so with nothing to wait for is a bug in the task,
    /// which the operator is told.
    WouldBlock,
    /// There is more to do: call again after the others had their turn.
    Yield,
    /// The task has ended.
    Final,
}

/// Whether a tick is being run, and which waker is registered by what it finds not ready.
#[derive(Default)]
pub(crate) struct TickScope {
    state: RefCell<Ticker>,
    /// How often the tick asked something that was not ready.
    registrations: Cell<u32>,
}

#[derive(Default)]
enum Ticker {
    #[default]
    None,
    /// The running task itself ticks: its waker is at hand, with no count to keep.
    Running,
    /// A task that ticks inside another future, which has a waker of its own for it.
    Within(Waker),
}

/// The waker of the tick that is being run, which the caller is going to register; `None` outside a tick.
pub(crate) fn tick_waker() -> Option<Waker> {
    core::try_current().and_then(|core| tick_waker_of(&core))
}

pub(crate) fn tick_waker_of(core: &Core) -> Option<Waker> {
    with_tick_waker(core, Waker::clone)
}

/// The face for tasks that tick of what is polled: inside a tick, `None` has the task ticked again. Outside of one only
/// what is ready is polled, since nobody is there to be woken.
pub(crate) fn try_poll_if<T>(is_ready: bool, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Option<T> {
    let waker = if is_ready { Waker::noop().clone() } else { tick_waker()? };
    match poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(result) => Some(result),
        Poll::Pending => None,
    }
}

/// Calls `f` with the waker of the tick that is being run, to register it; does nothing outside a tick.
pub(crate) fn with_tick_waker<R>(core: &Core, f: impl FnOnce(&Waker) -> R) -> Option<R> {
    let scope = &core.tasks.tick;
    let (running, own);
    let state = scope.state.borrow();
    let waker = match &*state {
        Ticker::None => return None,
        Ticker::Within(waker) => waker,
        Ticker::Running => {
            running = core.tasks.running.borrow();
            own = running.as_ref()?.lend();
            &own
        }
    };
    scope.registrations.set(scope.registrations.get() + 1);
    Some(f(waker))
}

impl TickScope {
    pub(crate) fn is_ticking(&self) -> bool {
        !matches!(*self.state.borrow(), Ticker::None)
    }
}

/// The future of a task that ticks.
pub(crate) struct Ticking<T> {
    task: T,
}

impl<T> Ticking<T> {
    pub(crate) fn new(task: T) -> Self {
        Self { task }
    }
}

/// The task is never pinned: it is moved only with the future itself, and `tick` takes it by `&mut`.
impl<T> Unpin for Ticking<T> {}

impl<T: Task> Future for Ticking<T> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let core = core::current();
        let scope = InTick::enter(&core, cx.waker());
        let tick = self.task.tick()?;
        let (own, registrations) = (scope.own, scope.registrations());
        drop(scope);
        match tick {
            Tick::Final => Poll::Ready(Ok(())),
            Tick::Yield => {
                core.tasks.yield_running(cx.waker());
                Poll::Pending
            }
            Tick::WouldBlock => {
                if own && registrations == 0 {
                    core.tasks.report_idle_tick();
                }
                Poll::Pending
            }
        }
    }
}

/// A tick in progress; ends it when dropped, also by a panic.
struct InTick<'a> {
    core: &'a Core,
    /// Whether the running task itself ticks, and not something within it that has a waker of its own.
    own: bool,
    before: (Ticker, u32),
}

impl<'a> InTick<'a> {
    fn enter(core: &'a Core, waker: &Waker) -> Self {
        let running = core.tasks.running.borrow();
        let own = running.as_ref().is_some_and(|running| running.is_of(waker));
        drop(running);
        let ticker = if own { Ticker::Running } else { Ticker::Within(waker.clone()) };
        let scope = &core.tasks.tick;
        Self { core, own, before: (scope.state.replace(ticker), scope.registrations.replace(0)) }
    }

    fn registrations(&self) -> u32 {
        self.core.tasks.tick.registrations.get()
    }
}

impl Drop for InTick<'_> {
    fn drop(&mut self) {
        let (state, registrations) = std::mem::take(&mut self.before);
        let ended = self.core.tasks.tick.state.replace(state);
        self.core.tasks.tick.registrations.set(registrations);
        drop(ended);
    }
}

/// Tells the operator of a task that ended with an error for which nobody waits.
pub(crate) struct ReportErrors;

impl Report<io::Result<()>> for ReportErrors {
    fn report(result: &io::Result<()>, origin: OriginId) {
        if let Err(error) = result {
            let origin = origin.known();
            notice(Level::Warning, "task", format_args!("{origin}, ended with an error: {error}"));
        }
    }
}
