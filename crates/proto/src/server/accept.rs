//! Accepting: as many connections as there may be, whatever else accepting meets.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use ekiden_reactor::net::Setbacks;
use ekiden_reactor::notice::{Level, Seldom};
use ekiden_reactor::{notice, sleep, yield_now};

use super::connection::Connection;
use super::listener::Listener;
use super::seat::Seat;
use super::state::State;

/// Accepts for ever; returns only why it no longer can.
pub(super) async fn accept_all<L, F, C>(
    listener: &L,
    connections_max: usize,
    serve: F,
    state: &Rc<State>,
) -> io::Error
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
                let open = state.open();
                notice::debug("connection", format_args!("{open} is accepted, from {peer}"));
                let (serve, hangup) = (serve.clone(), listener.hangup(&io));
                let seat = Seat::new(state.clone(), hangup.clone());
                open.start(|open| Connection::new(open, hangup, move || serve(io, peer, seat)));
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

/// A handful, then back to the run queue: a connection storm should slow new arrivals, not the requests that we
/// already owe an answer.
///
/// Not the same as what an accept costs of a poll of the reactor's own listeners, which take as many: those count for whoever
/// accepts without a server, too. This is for the listeners of others ([`Listener`] is for anybody to implement), which may
/// have a thousand connections ready and cost nothing.
const ACCEPTS_PER_TURN: u32 = 8;
