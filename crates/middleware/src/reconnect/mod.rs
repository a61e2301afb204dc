//! A connection that is made when it is asked for, and made anew when it was lost: [`Reconnect`].
//!
//! ```text
//!   call ──► Reconnect ── there is one ──────────────────► the connection's service
//!                │ there is none                                  ▲
//!                ▼                                                │
//!           wait: bounded in number, each for its own time        │
//!                                                                 │
//!           a task of its own: attempt ── failed ─► pause ─► … ───┘
//! ```
//!
//! In reading order: `config` has the knobs, [`link`] says whether there is a connection and what is next. This file only
//! asks it, and drives the attempts. Nothing here knows what a connection is made of.

mod config;
mod link;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use ekiden_reactor::channel::{Notify, oneshot};
use ekiden_reactor::{AbortHandle, Elapsed, Instant, context, sleep_until, spawn_named, timeout_at};
use ekiden_service::{Begun, Expired, Failure, Fault, Refused, Service, Status};

use link::{Link, Phase, Rested, Tenure};

pub use config::{ReconnectConfig, WhileApart};

/// A service behind a connection that comes and goes.
///
/// It is put around a connector: a service that answers `()` with a service. The first call has it connect, and whatever
/// is called meanwhile waits for the same attempt. When the connection says that it is [`Closed`](Status::Closed), the
/// next call has it connect anew. An attempt that fails is followed by a pause, and each pause by another attempt as long
/// as somebody waits; the pauses grow ([`Backoff`](crate::Backoff)). After a connection that had answered something the
/// first attempt is made at once, and after one that never did it waits its turn, or a peer that accepts connections and
/// ends them would be asked without end.
///
/// **It never sends a request twice.** A call that was given to a connection has the outcome that it has there, and its
/// error says by [`Failure::begun`] whether the request can have been begun. A call that was not, because there was no
/// connection in its time, fails with an error whose `begun` is [`No`](Begun::No). So whoever retries knows all that there is to know.
///
/// A call waits for a connection until the [deadline](context::deadline) of its caller, at most for
/// [`wait_timeout`](ReconnectConfig::wait_timeout); it then fails with what the last attempt failed with, and where none has
/// failed yet, with [`Expired`] or a [`Refused`]. No more than
/// [`waiting_max`](ReconnectConfig::waiting_max) wait; those beyond are refused. With [`WhileApart::Refuse`] nobody waits
/// for more than the attempt that is under way. So it is, whatever is configured, of an attempt that failed by the fault of this
/// end ([`Fault::Caller`]), such as a wrong password: no further one mends it, and whoever waits would be told late.
///
/// What an attempt fails with all those learn who wait for it, so errors are cloned. A connector's errors should say that
/// nothing was begun, which is true of every call that waits for it; one that says otherwise (the error of a handshake
/// does) is replaced by a [`Refused`], which does.
///
/// An attempt is made in a task of its own, in the context of nobody: it has its own time limit, and to drop the call
/// that was its cause does not end it. Clones share the connection. When the last is dropped the attempt is ended, and
/// the connection dropped.
///
/// Its [`status`](Service::status) is that of the connection; [`Busy`](Status::Busy) during attempts and pauses;
/// [`Open`](Status::Open) when a call would begin an attempt; and never `Closed`.
///
/// ```
/// use ekiden_middleware::MiddlewareExt;
/// use ekiden_service::{Service, service_fn};
/// # use ekiden_service::{Begun, Expired, Failure, Fault, Refused};
/// # #[derive(Clone, Debug)]
/// # struct Error;
/// # impl std::fmt::Display for Error { fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { Ok(()) } }
/// # impl std::error::Error for Error {}
/// # impl Failure for Error {
/// #     fn fault(&self) -> Fault { Fault::Network }
/// #     fn begun(&self) -> Begun { Begun::Unknown }
/// # }
/// # impl From<Refused> for Error { fn from(_: Refused) -> Self { Self } }
/// # impl From<Expired> for Error { fn from(_: Expired) -> Self { Self } }
///
/// # ekiden_reactor::run(async {
/// // Of a real protocol: `async |()| Ok(Client::new(TcpStream::connect(addr).await?, codec))`.
/// let connector = service_fn(async |()| Ok(service_fn(async |n: u32| Ok::<_, Error>(2 * n))));
/// let double = connector.reconnect();
///
/// double.connect().await?; // if the program should end when nobody is there
/// assert_eq!(double.call(21).await?, 42);
/// # Ok::<_, Error>(())
/// # }).unwrap();
/// ```
///
/// # Cancel safety
///
/// To drop a call that waits gives back its place, and changes nothing else. To drop one that was given to a connection
/// is what it is there.
///
/// # Panics
///
/// A call does that finds no connection, if no reactor runs on this thread.
pub struct Reconnect<C: Service> {
    owner: Rc<Owner<C>>,
}

/// What all clones are: when it is dropped, the last of them was.
struct Owner<C: Service>(Rc<Shared<C>>);

/// What clones share, with the task that connects for them.
struct Shared<C: Service> {
    connector: C,
    config: ReconnectConfig,
    // Never borrowed while anybody else's code runs.
    link: RefCell<Link<Connection<C::Resp>, C::Error>>,
    /// That the link has something to say to those who wait.
    news: Notify,
    /// The task that connects, or the last one that did.
    driver: Cell<Option<AbortHandle>>,
}

struct Connection<S> {
    service: S,
    since: Instant,
    /// Whether it has ever answered anything.
    is_proven: Cell<bool>,
}

/// What somebody waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// A connection, for a call.
    Connection,
    /// One attempt, and what became of it.
    Attempt,
}

/// Somebody who waits, counted.
struct Waiting<'a, C: Service>(&'a Shared<C>);

/// Ends a task when it is dropped.
struct Ends(AbortHandle);

impl<C> Reconnect<C>
where
    C: Service<Req = ()> + 'static,
    C::Resp: Service<Error = C::Error>,
    C::Error: Failure + From<Refused> + From<Expired> + Clone,
{
    /// Connects by `connector` when it is first called.
    pub fn new(connector: C) -> Self {
        Self::with_config(connector, ReconnectConfig::default())
    }

    /// The same with other times and limits.
    pub fn with_config(connector: C, config: ReconnectConfig) -> Self {
        let (link, driver) = (RefCell::new(Link::new()), Cell::new(None));
        let shared = Shared { connector, config, link, news: Notify::new(), driver };
        Self { owner: Rc::new(Owner(Rc::new(shared))) }
    }

    /// Connects, unless there is a connection: for a program that wants to know before its first call, or not to make
    /// that one wait.
    ///
    /// It waits for one attempt: for the one that is under way, or one that begins now or when the pause is over. One whose
    /// connection is lost before anybody could use it has failed.
    ///
    /// # Cancel safety
    ///
    /// To drop it changes nothing: an attempt that has begun goes on.
    ///
    /// # Errors
    ///
    /// What the attempt failed with, as the connector has it. [`Refused`] if it took longer than
    /// [`connect_timeout`](ReconnectConfig::connect_timeout), if its connection was lost at once, or if too many wait; [`Expired`] if the
    /// [deadline](context::deadline) of the caller passed.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub async fn connect(&self) -> Result<(), C::Error> {
        let shared = &self.owner.0;
        if shared.connection().is_none() {
            drop(shared.wait(Wanted::Attempt).await?);
        }
        Ok(())
    }
}

impl<C> Service for Reconnect<C>
where
    C: Service<Req = ()> + 'static,
    C::Resp: Service<Error = C::Error>,
    C::Error: Failure + From<Refused> + From<Expired> + Clone,
{
    type Req = <C::Resp as Service>::Req;
    type Resp = <C::Resp as Service>::Resp;
    type Error = C::Error;

    async fn call(&self, req: Self::Req) -> Result<Self::Resp, C::Error> {
        let shared = &self.owner.0;
        let connection = match shared.connection() {
            Some(connection) => connection,
            // In a box, since the usual call has no use for it.
            None => Box::pin(shared.wait(Wanted::Connection)).await?,
        };
        let answer = connection.service.call(req).await;
        connection.handle_answer(&answer);
        answer
    }

    fn status(&self) -> Status {
        let (connection, phase) = {
            let link = self.owner.0.link.borrow();
            (link.connection().cloned(), link.phase())
        };
        match (connection.map(|connection| connection.service.status()), phase) {
            // The call that finds it closed connects anew.
            (Some(Status::Closed), _) | (None, Phase::Apart) => Status::Open,
            (Some(status), _) => status,
            (None, _) => Status::Busy,
        }
    }
}

impl<C> Shared<C>
where
    C: Service<Req = ()> + 'static,
    C::Resp: Service<Error = C::Error>,
    C::Error: Failure + From<Refused> + From<Expired> + Clone,
{
    /// The connection, if there is one that was not lost. A loss is noticed here.
    fn connection(self: &Rc<Self>) -> Option<Rc<Connection<C::Resp>>> {
        let connection = self.link.borrow().connection().cloned()?;
        if connection.service.status() != Status::Closed {
            return Some(connection);
        }
        let tenure = if connection.is_proven.get() { Tenure::Proven } else { Tenure::Unproven };
        let (lost, phase) = {
            let mut link = self.link.borrow_mut();
            (link.handle_lost(&connection, tenure), link.phase())
        };
        if lost.is_some() && phase == Phase::Pausing {
            // From when it was made: one that was lost after an hour of silence has no pause left.
            let due = connection.since + self.pause();
            if due > Instant::now() {
                self.drive_from(Some(due));
            } else if self.link.borrow_mut().handle_rested() == Rested::Attempt {
                self.drive_from(None);
            }
        }
        None
    }

    /// Waits for a connection or for an attempt, within limits.
    async fn wait(self: &Rc<Self>, wanted: Wanted) -> Result<Rc<Connection<C::Resp>>, C::Error> {
        if context::is_expired() {
            return Err(Expired::unbegun().into());
        }
        let entered = self.link.borrow_mut().enter(self.config.waiting_max);
        entered?;
        let _waiting = Waiting(self);
        let patience = match wanted {
            Wanted::Connection => self.config.wait_timeout,
            Wanted::Attempt => Duration::MAX, // it has a limit of its own
        };
        let limit = Instant::now() + patience;
        let limit = context::deadline().map_or(limit, |deadline| deadline.min(limit));
        match timeout_at(limit, self.outcome(wanted)).await {
            Ok(outcome) => outcome,
            // That the time of the caller's is over he knows. Why there was no connection in it he does not.
            Err(Elapsed) if context::is_expired() => {
                let why = self.why_unbegun().filter(|_| wanted == Wanted::Connection);
                Err(why.unwrap_or_else(|| Expired::unbegun().into()))
            }
            Err(Elapsed) => Err(self.why("there was no connection in time")),
        }
    }

    async fn outcome(self: &Rc<Self>, wanted: Wanted) -> Result<Rc<Connection<C::Resp>>, C::Error> {
        let failed = self.link.borrow().failed();
        loop {
            // Before the look, so that nothing is missed after it.
            let news = self.news.notified();
            if let Some(connection) = self.connection() {
                return Ok(connection);
            }
            let (phase, has_failed) = {
                let link = self.link.borrow();
                (link.phase(), link.failed() > failed)
            };
            if wanted == Wanted::Attempt && has_failed {
                let why = self.link.borrow().why().cloned();
                return Err(why.unwrap_or_else(|| {
                    Refused::new("the connection was lost as soon as it was made").into()
                }));
            }
            if wanted == Wanted::Connection && (has_failed || phase == Phase::Pausing) {
                let refuses = self.config.while_apart == WhileApart::Refuse && phase == Phase::Pausing;
                if refuses || self.is_our_fault() {
                    return Err(
                        self.why("the last connection was of no use, and the next attempt is not due")
                    );
                }
            }
            if self.link.borrow_mut().begin() {
                self.drive_from(None);
            }
            news.await;
        }
    }

    /// Whether the last attempt failed by what no further one mends. That time ran out is nothing of the kind.
    fn is_our_fault(&self) -> bool {
        self.link.borrow().why().is_some_and(|why| {
            (why.begun(), why.fault(), why.is_timeout()) == (Begun::No, Fault::Caller, false)
        })
    }

    /// What the last attempt failed with, if that tells the truth about a call that was not begun.
    fn why_unbegun(&self) -> Option<C::Error> {
        let why = self.link.borrow().why().cloned();
        why.filter(|why| why.begun() == Begun::No)
    }

    fn why(&self, otherwise: &'static str) -> C::Error {
        self.why_unbegun().unwrap_or_else(|| Refused::new(otherwise).into())
    }

    /// Has attempts made by a task of their own, the first of them now or at that moment.
    fn drive_from(self: &Rc<Self>, due: Option<Instant>) {
        // It serves whoever calls later, too.
        let task = context::Context::none()
            .sync_scope(|| spawn_named("reconnect", Rc::clone(self).drive(due)).abort_handle());
        self.driver.set(Some(task));
    }

    /// Makes one attempt after the other, until there is a connection or nobody waits for one.
    async fn drive(self: Rc<Self>, mut due: Option<Instant>) {
        loop {
            if let Some(due) = due {
                sleep_until(due).await;
                let rested = self.link.borrow_mut().handle_rested();
                if rested == Rested::NobodyWaits {
                    return;
                }
            }
            let answer = self.attempt().await;
            let is_connected = answer.is_ok();
            let replaced = match answer {
                Ok(service) => {
                    let (since, is_proven) = (Instant::now(), Cell::new(false));
                    let connection = Rc::new(Connection { service, since, is_proven });
                    self.link.borrow_mut().handle_connected(connection)
                }
                Err(why) => self.link.borrow_mut().handle_failed(why),
            };
            drop(replaced);
            self.news.notify_waiters();
            if is_connected {
                return;
            }
            due = Some(Instant::now() + self.pause());
        }
    }

    async fn attempt(self: &Rc<Self>) -> Result<C::Resp, C::Error> {
        let shared = Rc::clone(self);
        let limit = Instant::now() + self.config.connect_timeout;
        let (sender, answer) = oneshot::channel();
        // In a task of its own: if it panics the operator is told, and the attempt has failed like others.
        let task = spawn_named("connect", async move {
            let answer = context::timeout_at(limit, shared.connector.call(())).await;
            drop(sender.send(answer));
        });
        let _ends = Ends(task.abort_handle());
        drop(task);
        match answer.await {
            Ok(Ok(answer)) => answer,
            Ok(Err(Elapsed)) => Err(Refused::new("no connection could be made within its time").into()),
            Err(_closed) => Err(Refused::new("the attempt to connect panicked").into()),
        }
    }

    /// How long to wait after what has failed.
    fn pause(&self) -> Duration {
        self.config.pause(self.link.borrow().failures())
    }
}

impl<S: Service<Error: Failure>> Connection<S> {
    fn handle_answer(&self, answer: &Result<S::Resp, S::Error>) {
        if answer.as_ref().map_or_else(|error| error.begun() == Begun::Yes, |_| true) {
            self.is_proven.set(true);
        }
    }
}

impl<C: Service> Drop for Owner<C> {
    fn drop(&mut self) {
        if let Some(driver) = self.0.driver.take() {
            driver.abort();
        }
    }
}

impl<C: Service> Drop for Waiting<'_, C> {
    fn drop(&mut self) {
        self.0.link.borrow_mut().leave();
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl<C: Service> Clone for Reconnect<C> {
    fn clone(&self) -> Self {
        Self { owner: Rc::clone(&self.owner) }
    }
}

impl<C: Service> fmt::Debug for Reconnect<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let link = self.owner.0.link.borrow();
        let (phase, failures) = (link.phase(), link.failures());
        f.debug_struct("Reconnect").field("phase", &phase).field("failures", &failures).finish()
    }
}
