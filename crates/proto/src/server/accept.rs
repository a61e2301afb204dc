//! Accepting, and surviving what it can meet: too many connections, too few files, clients that are gone already.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use ekiden_reactor::net::Hangup;
use ekiden_reactor::notice::Level;
use ekiden_reactor::{Instant, notice, shutdown, sleep, sleep_until, yield_now};

use super::Config;
use super::drain::Drain;
use super::handle::Drained;
use super::listener::Listener;
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
    F: Fn(L::Io, L::Addr, Drain) -> C + 'static,
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
    F: Fn(L::Io, L::Addr, Drain) -> C + 'static,
    C: Future<Output = ()> + 'static,
{
    let serve = Rc::new(serve);
    let mut trouble = Trouble::default();
    let mut full = Told::default();
    let mut accepts = 0;
    loop {
        if state.open() >= connections_max && full.is_due() {
            notice(
                Level::Warning,
                "accept",
                format_args!("{connections_max} connections are open, the most allowed; new ones wait"),
            );
        }
        poll_fn(|cx| state.poll_until(cx, |state| state.open() < connections_max)).await;
        match listener.accept().await {
            Ok((io, peer)) => {
                trouble.end();
                let (serve, drain, hangup) = (serve.clone(), state.drain.clone(), listener.hangup(&io));
                // Boxed, since an async function keeps room for what it is given beside that for what it waits for.
                state.start(move || while_there(hangup, Box::pin(serve(io, peer, drain))));
            }
            Err(error) => match Cause::of(&error) {
                Cause::Connection if trouble.in_a_row < FAILURES_IN_A_ROW_MAX => trouble.in_a_row += 1,
                Cause::Connection | Cause::Shortage => pause(state, trouble.pause(&error)).await,
                Cause::Listener => return error,
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
async fn while_there(hangup: Option<Hangup>, connection: impl Future<Output = ()>) {
    match hangup {
        // That a client has gone away is its own business.
        Some(hangup) => drop(hangup.guard(connection).await),
        None => connection.await,
    }
}

/// Waits, but not beyond the end of a connection, which gives back a file.
async fn pause(state: &State, time: Duration) {
    let open = state.open();
    let mut time = sleep(time);
    poll_fn(|cx| match state.poll_until(cx, |state| state.open() < open) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => Pin::new(&mut time).poll(cx),
    })
    .await;
}

/// Waits for the connections to finish, but not beyond the deadline.
async fn drain(state: &State) -> Drained {
    let open = state.open();
    let mut patience = sleep_until(Instant::recent());
    poll_fn(|cx| {
        if state.poll_until(cx, |state| state.open() == 0).is_ready() {
            return Poll::Ready(());
        }
        // Set before this began, and moved only to an earlier time.
        patience.reset(state.deadline().unwrap_or_else(Instant::recent));
        Pin::new(&mut patience).poll(cx)
    })
    .await;
    let dropped = state.open();
    if dropped > 0 {
        notice(
            Level::Warning,
            "drain",
            format_args!("{dropped} connections had not finished in time and are dropped"),
        );
        state.abort_all();
        poll_fn(|cx| state.poll_until(cx, |state| state.open() == 0)).await;
    }
    Drained { finished: open - dropped, dropped }
}

/// What an error of accepting is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// One connection, which is gone: the next one may be well. On Linux that is also any error that is waiting on
    /// the new socket, see accept(2).
    Connection,
    /// Files or memory have run out: it passes.
    Shortage,
    /// This is no listener, or is one no longer.
    Listener,
}

impl Cause {
    fn of(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(ENFILE | EMFILE | ENOBUFS | ENOMEM) => Self::Shortage,
            Some(EBADF | EINVAL | ENOTSOCK) => Self::Listener,
            _ => Self::Connection,
        }
    }
}

/// A time in which accepting fails: told once when it begins and once when it ends. At the edge of what the
/// system has, one such time follows on another; then only one in a while is told.
#[derive(Default)]
struct Trouble {
    /// Errors of single connections without a success between them.
    in_a_row: u32,
    pauses: u32,
    /// Whether the operator was told of it.
    is_told: bool,
    told: Told,
}

/// When the operator was told of something last.
#[derive(Clone, Copy, Default)]
struct Told(Option<Instant>);

impl Told {
    /// Whether to tell again: seldom, since the edge of what there is may be crossed at each connection.
    fn is_due(&mut self) -> bool {
        let now = Instant::recent();
        let is_due = self.0.is_none_or(|last| now.duration_since(last) >= TOLD_EVERY);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

impl Trouble {
    /// How long to wait: longer each time, as whoever holds the files needs time to give them back.
    fn pause(&mut self, error: &io::Error) -> Duration {
        if !self.is_told && self.told.is_due() {
            self.is_told = true;
            notice(
                Level::Warning,
                "accept",
                format_args!("cannot accept connections, will try again: {error}"),
            );
        }
        let pause = (PAUSE_MIN * 2u32.saturating_pow(self.pauses)).min(PAUSE_MAX);
        self.pauses += 1;
        pause
    }

    fn end(&mut self) {
        if self.is_told {
            notice(Level::Info, "accept", format_args!("connections are accepted again"));
        }
        *self = Self { told: self.told, ..Self::default() };
    }
}

/// A handful, then back to the run queue: a connection storm should slow new arrivals, not the requests that we
/// already owe an answer.
const ACCEPTS_PER_TURN: u32 = 8;

/// The first pause after a shortage: a request's time.
const PAUSE_MIN: Duration = Duration::from_millis(10);

/// The longest: new clients wait no longer than this once files allow.
const PAUSE_MAX: Duration = Duration::from_secs(1);

/// Often enough to notice a shortage that stays, and seldom enough not to fill the log with it.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// So many connections may fail one after the other before that is taken for more than bad luck.
const FAILURES_IN_A_ROW_MAX: u32 = 64;

// The numbers of Linux, for which std has no names. Where a number means something else, the cause is taken for
// one connection's, which ends in a pause too.
const EBADF: i32 = 9;
const ENOMEM: i32 = 12;
const EINVAL: i32 = 22;
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;
const ENOTSOCK: i32 = 88;
const ENOBUFS: i32 = 105;
