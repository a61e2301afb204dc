//! A server on all cores: one on each, over its share of the listener, and a task that speaks for all of them.
//!
//! ```text
//!   Server ── drain until ──► watch ──► core 0: listener, State, connections
//!      ▲                         └────► core 1: listener, State, connections
//!      └─ Drained of all ◄── the task "server" ◄── Drained of each ──┘
//! ```

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{self, Poll};
use std::time::Duration;

use ekiden_reactor::context::Context;
use ekiden_reactor::net::{Connections, Placed, Share, Spread, SpreadListener};
use ekiden_reactor::sync::watch;
use ekiden_reactor::{Instant, Latch, RemoteHandle, spawn_named, spawn_on};

use super::config::Config;
use super::drain::Drain;
use super::handle::{Drained, Server, Serving};
use super::life;
use super::listener::Listener;
use super::seat::Seat;
use super::state::State;

impl Config {
    /// Serves a listener on all cores of the runtime: each connection on the core that has the fewest.
    ///
    /// `make` is called once on each core, and makes what serves the connections there, as for [`serve`](Self::serve);
    /// only `make` itself is shared between cores. `connections_max` holds for all cores together.
    ///
    /// The returned server is of the core that made it, and stands for all.
    ///
    /// # Errors
    ///
    /// As the system's: too many open files.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread, or if `connections_max` is 0.
    pub fn serve_on_cores<L, Make, F, C>(self, listener: L, make: Make) -> io::Result<Server>
    where
        L: Spread,
        SpreadListener<L>: Listener<Io = Placed<L::Stream>, Addr = L::Addr>,
        Make: Fn() -> F + Send + Sync + 'static,
        F: Fn(Placed<L::Stream>, L::Addr, Seat) -> C + 'static,
        C: Future<Output = ()> + 'static,
    {
        assert!(self.connections_max > 0, "a server that may have no connection could never serve one");
        let shares = listener.spread(self.connections_max)?;
        let Some(connections) = shares.first().map(Share::connections) else {
            return Err(io::Error::other("no core can begin"));
        };
        let (orders, panics, make) = (watch::channel(None).0, Arc::<AtomicU64>::default(), Arc::new(make));
        // The listener has the maximum, for all cores.
        let config = Self { connections_max: usize::MAX, ..self };
        let drain_timeout = config.drain_timeout;
        let (at_work, ordered) = (panics.clone(), orders.subscribe());
        let serve = move |share: Share<L>| {
            let (config, make, panics, orders) =
                (config.clone(), make.clone(), at_work.clone(), ordered.clone());
            spawn_on(share.core(), move || serve_here(share, config, make, panics, orders))
        };
        let group =
            Rc::new(Group { orders, connections, panics, ended: Latch::new(), drained: Cell::default() });
        // They go on when whoever starts them is over.
        let task = Context::none().sync_scope(|| {
            let cores = shares.into_iter().map(serve).collect();
            spawn_named("server", await_all(cores, group.clone(), drain_timeout))
        });
        Ok(Server::new(task, group))
    }
}

/// The server of one core.
async fn serve_here<L, Make, F, C>(
    share: Share<L>,
    config: Config,
    make: Arc<Make>,
    panics: Arc<AtomicU64>,
    mut orders: watch::Receiver<Option<Instant>>,
) -> io::Result<Drained>
where
    L: Spread,
    SpreadListener<L>: Listener<Io = Placed<L::Stream>, Addr = L::Addr>,
    Make: Fn() -> F,
    F: Fn(Placed<L::Stream>, L::Addr, Seat) -> C + 'static,
    C: Future<Output = ()> + 'static,
{
    let serve = make();
    let state = Rc::new(State::new(Drain::new(), panics));
    let mut life = pin!(life::run(share.open()?, config, serve, state.clone()));
    poll_fn(|cx| {
        // Of a handle that was dropped come no orders; the server goes on.
        while let Poll::Ready(Ok(order)) = orders.poll_changed(cx) {
            if let Some(deadline) = *order {
                state.drain_until(deadline);
            }
        }
        life.as_mut().poll(cx)
    })
    .await
}

/// What the handle of such a server speaks to.
struct Group {
    /// Until when to drain: the earliest that anybody asked for.
    orders: watch::Sender<Option<Instant>>,
    connections: Connections,
    panics: Arc<AtomicU64>,
    ended: Latch,
    drained: Cell<Drained>,
}

impl Serving for Group {
    fn connections(&self) -> usize {
        self.connections.open()
    }

    fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    fn drain_until(&self, deadline: Instant) {
        let earlier = *self.orders.get();
        self.orders.send(Some(earlier.map_or(deadline, |earlier| earlier.min(deadline))));
    }

    fn ended(&self) -> &Latch {
        &self.ended
    }

    fn drained(&self) -> Drained {
        self.drained.get()
    }
}

/// Waits until all cores have drained. If the listener of one fails for good, or its code does, the others drain too.
async fn await_all(
    cores: Vec<RemoteHandle<io::Result<Drained>>>,
    group: Rc<Group>,
    drain_timeout: Duration,
) -> io::Result<Drained> {
    let (mut cores, mut failure) = (cores, None);
    poll_fn(|cx| {
        cores.retain_mut(|core| match poll_core(core, cx) {
            Poll::Pending => true,
            Poll::Ready(Ok(drained)) => {
                group.drained.update(|sum| sum.plus(drained));
                false
            }
            Poll::Ready(Err(error)) => {
                if failure.is_none() {
                    failure = Some(error);
                    group.drain_until(Instant::now() + drain_timeout);
                }
                false
            }
        });
        if cores.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    group.ended.open();
    failure.map_or(Ok(group.drained.get()), Err)
}

fn poll_core(
    core: &mut RemoteHandle<io::Result<Drained>>,
    cx: &mut task::Context<'_>,
) -> Poll<io::Result<Drained>> {
    Pin::new(core).poll(cx).map(|ended| ended.unwrap_or_else(|failure| Err(io::Error::other(failure))))
}
