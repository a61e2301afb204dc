//! Accepting: as many connections as there may be, whatever else accepting meets.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use ekiden_reactor::net::{Hangup, Setbacks};
use ekiden_reactor::notice::{Level, Seldom};
use ekiden_reactor::{Instant, notice, shutdown, sleep, sleep_until, yield_now};

use super::Config;
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
        let mut accepting = pin!(accept_all(&listener, config.connections_max, serve, &state));
        let mut drain = state.drain.begun();
        let mut shutdown = config.drain_on_shutdown.then(shutdown);
        poll_fn(|cx| {
            if Pin::new(&mut drain).poll(cx).is_ready() {
                return Poll::Ready(Ok(()));
            }
            if shutdown.as_mut().is_some_and(|shutdown| Pin::new(shutdown).poll(cx).is_ready()) {
                return Poll::Ready(Ok(()));
            }
            accepting.as_mut().poll(cx).map(Err)
        })
        .await
    };
    // Closed before the wait, so that whoever comes now is told at once to go elsewhere.
    drop(listener);
    if state.deadline().is_none() {
        state.drain_within(config.drain_timeout);
    }
    let drained = drain(&state).await;
    state.drained.set(drained);
    state.ended.open();
    accepted.map(|()| drained)
}

/// Accepts for ever; returns only why it no longer can.
async fn accept_all<L, F, C>(listener: &L, connections_max: usize, serve: F, state: &Rc<State>) -> io::Error
where
    L: Listener,
    F: Fn(L::Io, L::Addr, Seat) -> C + 'static,
    C: Future<Output = ()> + 'static,
{
    let serve = Rc::new(serve);
    let mut setbacks = Setbacks::default();
    let mut full = Seldom::default();
    let mut accepts = 0;
    loop {
        if state.connections() >= connections_max && full.is_due() {
            notice(
                Level::Warning,
                "accept",
                format_args!("{connections_max} connections are open, the most allowed; new ones wait"),
            );
        }
        poll_fn(|cx| state.poll_until(cx, |state| state.connections() < connections_max)).await;
        match listener.accept().await {
            Ok((io, peer)) => {
                setbacks.handle_success();
                let (serve, seat, hangup) = (serve.clone(), Seat::new(state.clone()), listener.hangup(&io));
                state.start(move || WhileThere { hangup, connection: Box::pin(serve(io, peer, seat)) });
            }
            Err(error) => match setbacks.handle_error(error) {
                Ok(time) => pause(state, time).await,
                Err(error) => return error,
            },
        }
        accepts += 1;
        if accepts == ACCEPTS_PER_TURN {
            yield_now().await;
            accepts = 0;
        }
    }
}

/// Serves a connection for as long as it is there.
///
/// Not an async function, which would keep room for what it is given beside that for what it waits for: each idle
/// connection has one.
struct WhileThere<C> {
    hangup: Option<Hangup>,
    connection: Pin<Box<C>>,
}

impl<C: Future<Output = ()>> Future for WhileThere<C> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { hangup, connection } = &mut *self;
        match hangup {
            // That a client has gone away is its own business.
            Some(hangup) => hangup.poll_guarded(cx, connection.as_mut()).map(drop),
            None => connection.as_mut().poll(cx),
        }
    }
}

/// Waits, but not beyond the end of a connection, which gives back a file.
async fn pause(state: &State, time: Duration) {
    let open = state.connections();
    let mut time = sleep(time);
    poll_fn(|cx| match state.poll_until(cx, |state| state.connections() < open) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => Pin::new(&mut time).poll(cx),
    })
    .await;
}

/// Waits for the connections to finish, but not beyond the deadline.
async fn drain(state: &State) -> Drained {
    let open = state.connections();
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
    Drained { finished: open.saturating_sub(dropped + left), dropped, left }
}

/// A handful, then back to the run queue: a connection storm should slow new arrivals, not the requests that we
/// already owe an answer. The reactor's listeners take as many and count them themselves; this is for the listeners of
/// others, which need not count at all.
const ACCEPTS_PER_TURN: u32 = 8;
