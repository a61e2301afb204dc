//! A server's life: it accepts until it drains, then waits for what is owed.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use ekiden_reactor::notice::Level;
use ekiden_reactor::{Instant, notice, shutdown, sleep_until};

use super::accept;
use super::config::Config;
use super::handle::Drained;
use super::listener::Listener;
use super::seat::Seat;
use super::state::State;

/// A server's life: accepts until it drains, then waits for what is owed.
pub(super) async fn run<L, F, C>(
    listener: L,
    config: Config,
    serve: F,
    state: Rc<State>,
) -> io::Result<Drained>
where
    L: Listener,
    F: Fn(L::Io, L::Addr, Seat) -> C + 'static,
    C: Future<Output = ()> + 'static,
{
    let accepted = {
        let mut accepting = pin!(accept::accept_all(&listener, config.connections_max, serve, &state));
        let mut drain = state.drain.begun();
        let mut shutdown = config.drain_on_shutdown.then(shutdown);
        poll_fn(|cx| {
            if Pin::new(&mut drain).poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            if shutdown.as_mut().is_some_and(|shutdown| Pin::new(shutdown).poll(cx).is_ready()) {
                return Poll::Ready(Ok(()));
            }
            // A listener may be anybody's code, and its panic is no reason to forget the connections.
            match catch_unwind(AssertUnwindSafe(|| accepting.as_mut().poll(cx))) {
                Ok(polled) => polled.map(|error| Err(Failure::Error(error))),
                Err(payload) => Poll::Ready(Err(Failure::Panic(payload))),
            }
        })
        .await
    };
    if let Err(Failure::Error(error)) = &accepted {
        // Whoever has the handle is given the error at the end of the drain, if anybody has it.
        notice(
            Level::Error,
            "accept",
            format_args!("the listener has failed for good, and its server ends: {error}"),
        );
    }
    // Closed before the wait, so that whoever comes now is told at once to go elsewhere.
    drop(listener);
    if state.deadline().is_none() {
        state.drain_until(Instant::now() + config.drain_timeout);
    }
    let drained = drain(&state).await;
    state.drained.set(drained);
    state.ended.open();
    match accepted {
        Ok(()) => Ok(drained),
        Err(Failure::Error(error)) => Err(error),
        Err(Failure::Panic(payload)) => resume_unwind(payload),
    }
}

/// Why there will be no connection any more.
enum Failure {
    Error(io::Error),
    Panic(Box<dyn Any + Send>),
}

/// Waits for the connections to finish, but not beyond the deadline.
async fn drain(state: &State) -> Drained {
    let open = state.connections();
    notice::debug("drain", format_args!("{open} connections are open, and no other is accepted"));
    let mut patience = sleep_until(Instant::recent());
    poll_fn(|cx| {
        if state.poll_until(cx, |state| state.connections() == 0).is_ready() {
            return Poll::Ready(());
        }
        // Set before this began, and moved only to an earlier time.
        patience.reset(state.deadline().unwrap_or_else(Instant::recent));
        Pin::new(&mut patience).poll(cx)
    })
    .await;
    let (dropped, left) = (state.running(), state.kept.get());
    if dropped > 0 {
        notice(
            Level::Warning,
            "drain",
            format_args!("{dropped} connections had not finished in time and are dropped"),
        );
        state.abort_all();
        poll_fn(|cx| state.poll_until(cx, |state| state.running() == 0)).await;
    }
    if left > 0 {
        notice(
            Level::Warning,
            "drain",
            format_args!("{left} connections were given away, had not ended in time and go on"),
        );
    }
    let drained = Drained { finished: open.saturating_sub(dropped + left), dropped, left };
    notice::debug("drain", format_args!("it is over: {drained:?}"));
    drained
}
