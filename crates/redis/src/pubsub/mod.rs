//! Messages of channels: [`Subscriber`], a stream.
//!
//! ```text
//!   subscribe ──► Topics ──► SUBSCRIBE … ──► a connection of its own ──► Event ──► who asks for the next
//!                   │                                │ lost
//!                   └──────── all of them again ◄────┘
//! ```
//!
//! There is no task and no queue between the connection and the reader: what is not asked for is not read.
//!
//! In reading order: `topics` is what is subscribed to and what was confirmed; [`Event`] is what is heard; this file moves
//! one to the other.

mod topics;
mod event;

use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use ekiden_reactor::sleep;
use ekiden_service::{Failure, Fault};
use futures_core::Stream;

use crate::command::Command;
use crate::error::Error;
use crate::link::{Address, Config, Wire, connect_in_time};
use crate::value::{ServerError, Value};
use event::Heard;
use topics::{Kind, Said, Ticket, Topics};

pub use event::{Event, Message};

/// Listens to channels and patterns, from [`Client::subscriber`](crate::Client::subscriber).
///
/// It has a connection of its own, which it makes anew when it was lost; then it subscribes again to all that it was
/// subscribed to, to each name by itself, and says [`Event::Missed`]: what was published meanwhile did not come. A server that
/// is not there, or is full, is tried again and again, with pauses that grow.
///
/// # What waits
///
/// Messages that nobody asks for stay with the server. It hangs up on a subscriber that falls back too far
/// (`client-output-buffer-limit pubsub`), which is a lost connection like any other. Only while it waits for the
/// confirmation of a subscription this end keeps messages: [`messages_max`](crate::client::Config::messages_max), and
/// beyond it the oldest are given up, and `Missed` says so.
///
/// # What it heeds of the configuration
///
/// Whom to log in as, the name, the version and the limits, as all connections do; `messages_max`; and of
/// [`reconnect`](crate::client::Config::reconnect) the time for an attempt and the pauses between them. Nothing else of that:
/// it waits for a connection without end, so no number and no time of waiting calls means anything to it. The
/// `database` means nothing to messages, which are of none.
///
/// ```no_run
/// use ekiden_redis::{Client, Event};
///
/// # async fn run() -> Result<(), ekiden_redis::Error> {
/// let mut news = Client::new("localhost:6379").subscriber();
/// news.subscribe(["weather", "sport"]).await?;
/// news.psubscribe(["news.*"]).await?;
/// loop {
///     match news.next().await? {
///         Event::Message(message) => println!("{:?}: {:?}", message.channel, message.payload),
///         _ => println!("there may have been more, and it is lost"),
///     }
/// }
/// # }
/// ```
pub struct Subscriber {
    address: Rc<Address>,
    config: Rc<Config>,
    topics: Topics,
    state: State,
    /// What was heard and not asked for yet.
    events: VecDeque<Event>,
    /// What was refused to a call that was given up, and not told yet.
    untold: Option<Error>,
    /// Attempts to connect that have failed, one after the other.
    failures: u32,
    /// Whether there was a connection before.
    has_connected: bool,
}

/// What the server says against something.
struct Refusal {
    error: Error,
    of: Refused,
}

/// What it says it against.
enum Refused {
    Connection,
    /// The command of a call.
    Call(Ticket),
    /// Something that was asked for again.
    Again,
}

enum State {
    /// Nothing was asked for yet.
    Idle,
    Connecting(Pin<Box<dyn Future<Output = Result<Wire, Error>>>>),
    Connected(Box<Wire>),
}

impl Subscriber {
    pub(crate) fn new(address: Rc<Address>, config: Rc<Config>) -> Self {
        let (topics, events) = (Topics::default(), VecDeque::new());
        let state = State::Idle;
        Self { address, config, topics, state, events, untold: None, failures: 0, has_connected: false }
    }

    /// Subscribes to channels, and waits until the server has confirmed it: what is published from then on is heard.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves them asked for; whether they are confirmed shows in the messages that come, and what the
    /// server says against them [`next`](Self::next) tells.
    ///
    /// # Errors
    ///
    /// What the server says against it, or against the connection, such as that the password is wrong; then none of these is
    /// subscribed to, but for those that were before. That a server is away, or full, is no error: it is tried until it is
    /// there, so mind the time.
    pub async fn subscribe<T: Into<Bytes>>(
        &mut self,
        channels: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        self.begin(Kind::Channel, channels).await
    }

    /// The same for patterns: `news.*`, `user-?`, `h[ae]llo`.
    ///
    /// # Cancel safety
    ///
    /// As for [`subscribe`](Self::subscribe).
    ///
    /// # Errors
    ///
    /// As for [`subscribe`](Self::subscribe).
    pub async fn psubscribe<T: Into<Bytes>>(
        &mut self,
        patterns: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        self.begin(Kind::Pattern, patterns).await
    }

    /// The same for channels of a shard (Redis 7 and later): what was published to them by `SPUBLISH`.
    ///
    /// # Cancel safety
    ///
    /// As for [`subscribe`](Self::subscribe).
    ///
    /// # Errors
    ///
    /// As for [`subscribe`](Self::subscribe).
    pub async fn ssubscribe<T: Into<Bytes>>(
        &mut self,
        channels: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        self.begin(Kind::Shard, channels).await
    }

    /// Ends the subscription to channels, and waits for the server to confirm it. While there is no connection it is ended at
    /// once.
    ///
    /// # Cancel safety
    ///
    /// As for [`subscribe`](Self::subscribe).
    ///
    /// # Errors
    ///
    /// What the server says against it. As for [`subscribe`](Self::subscribe) a connection that cannot be made is no error, and
    /// is tried without end, so mind the time.
    pub async fn unsubscribe<T: Into<Bytes>>(
        &mut self,
        channels: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        self.end(Kind::Channel, channels).await
    }

    /// Ends the subscription to patterns, which are given as they were.
    ///
    /// # Cancel safety
    ///
    /// As for [`subscribe`](Self::subscribe).
    ///
    /// # Errors
    ///
    /// As for [`unsubscribe`](Self::unsubscribe).
    pub async fn punsubscribe<T: Into<Bytes>>(
        &mut self,
        patterns: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        self.end(Kind::Pattern, patterns).await
    }

    /// Ends the subscription to channels of a shard.
    ///
    /// # Cancel safety
    ///
    /// As for [`subscribe`](Self::subscribe).
    ///
    /// # Errors
    ///
    /// As for [`unsubscribe`](Self::unsubscribe).
    pub async fn sunsubscribe<T: Into<Bytes>>(
        &mut self,
        channels: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        self.end(Kind::Shard, channels).await
    }

    /// Waits for the next event. As a stream it is the same, and never ends.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    ///
    /// What the server says against a connection, such as that the password is not right any more; whoever asks again tries
    /// again. And what it says against a subscription, by which that one ends and no other does: a channel that is not allowed
    /// any more, or one of a shard that this server does not have any more. That a server is away, or full, is no error.
    #[expect(
        clippy::should_implement_trait,
        reason = "the name is that of `StreamExt`, and an iterator it is not"
    )]
    pub fn next(&mut self) -> impl Future<Output = Result<Event, Error>> {
        poll_fn(|cx| self.poll_event(cx))
    }

    async fn begin<T: Into<Bytes>>(
        &mut self,
        kind: Kind,
        names: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        match self.topics.add(kind, names.into_iter().map(Into::into)) {
            Some((ticket, command)) => self.settle(ticket, command).await,
            None => Ok(()),
        }
    }

    async fn end<T: Into<Bytes>>(
        &mut self,
        kind: Kind,
        names: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        match self.topics.remove(kind, names.into_iter().map(Into::into)) {
            Some((ticket, command)) => self.settle(ticket, command).await,
            None => Ok(()),
        }
    }

    /// Sends a command, now or when there is a connection, and waits for what the server says of it.
    async fn settle(&mut self, ticket: Ticket, command: Command) -> Result<(), Error> {
        match &mut self.state {
            State::Connected(wire) => {
                let Ok(()) = wire.start_send(command);
            }
            // If it ends something, it has ended.
            _ => self.topics.handle_lost(),
        }
        poll_fn(|cx| {
            while self.topics.waits_for(ticket) {
                let Err(refusal) = ready!(self.poll_step(cx)) else { continue };
                match refusal.of {
                    Refused::Connection => self.topics.withdraw(ticket),
                    Refused::Call(refused) if refused == ticket => {}
                    // Whoever asked for it is gone.
                    Refused::Call(_) | Refused::Again => {
                        self.untold.get_or_insert(refusal.error);
                        continue;
                    }
                }
                return Poll::Ready(Err(refusal.error));
            }
            Poll::Ready(Ok(()))
        })
        .await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event, Error>> {
        if let Some(error) = self.untold.take() {
            return Poll::Ready(Err(error));
        }
        loop {
            if let Some(event) = self.events.pop_front() {
                return Poll::Ready(Ok(event));
            }
            ready!(self.poll_step(cx)).map_err(|refusal| refusal.error)?;
        }
    }

    /// Goes one step: hears one thing, or connects.
    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Refusal>> {
        match &mut self.state {
            State::Idle => self.state = State::Connecting(self.connecting()),
            State::Connecting(connecting) => match ready!(connecting.as_mut().poll(cx)) {
                Ok(wire) => self.handle_connected(wire),
                Err(error) => {
                    self.handle_lost();
                    // Of what time mends nobody is told.
                    if error.fault() == Fault::Caller {
                        return Poll::Ready(Err(Refusal { error, of: Refused::Connection }));
                    }
                }
            },
            State::Connected(wire) => {
                if let Poll::Ready(Err(_lost)) = wire.poll_flush(cx) {
                    self.handle_lost();
                    return Poll::Ready(Ok(()));
                }
                match ready!(wire.poll_next(cx)) {
                    Some(Ok(value)) => return Poll::Ready(self.handle_value(value)),
                    Some(Err(_)) | None => self.handle_lost(),
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn connecting(&self) -> Pin<Box<dyn Future<Output = Result<Wire, Error>>>> {
        let pause = self.config.reconnect.pause(self.failures);
        let (address, config) = (Rc::clone(&self.address), Rc::clone(&self.config));
        Box::pin(async move {
            if !pause.is_zero() {
                sleep(pause).await;
            }
            connect_in_time(&address, &config).await
        })
    }

    /// Subscribes to everything again.
    fn handle_connected(&mut self, mut wire: Wire) {
        for command in self.topics.all() {
            let Ok(()) = wire.start_send(command);
        }
        self.state = State::Connected(Box::new(wire));
        if std::mem::replace(&mut self.has_connected, true) {
            self.keep(Event::Missed);
        }
    }

    /// Connects anew. One that was of no use counts as a failure: it is not made again without a pause.
    fn handle_lost(&mut self) {
        self.failures = self.failures.saturating_add(1);
        self.topics.handle_lost();
        self.state = State::Connecting(self.connecting());
    }

    fn handle_value(&mut self, value: Value) -> Result<(), Refusal> {
        match event::heard(value) {
            Heard::Event(event) => self.keep(event),
            Heard::Said(kind, change, name) => match self.topics.handle_said(kind, change, &name) {
                Said::Awaited | Said::Unasked => {}
                Said::TakenAway(command) => {
                    self.keep(Event::Missed);
                    if let State::Connected(wire) = &mut self.state {
                        let Ok(()) = wire.start_send(command);
                    }
                }
            },
            // It will take it again; nobody was told no.
            Heard::Error(error) if is_for_now(&error) && self.topics.is_asked_again() => {
                self.handle_lost();
                return Ok(());
            }
            Heard::Error(error) => {
                let of = self.topics.handle_refused().map_or(Refused::Again, Refused::Call);
                return Err(Refusal { error: error.into(), of });
            }
            Heard::Other => {}
        }
        self.failures = 0;
        Ok(())
    }

    fn keep(&mut self, event: Event) {
        if self.events.len() >= self.config.messages_max {
            drop(self.events.pop_front());
            // In place of those that are gone, once.
            if self.events.front() != Some(&Event::Missed) {
                drop(self.events.pop_front());
                self.events.push_front(Event::Missed);
            }
        }
        self.events.push_back(event);
    }
}

/// Whether it says of the server as it is now, and not of what was asked.
fn is_for_now(error: &ServerError) -> bool {
    matches!(error.code(), "BUSY" | "LOADING" | "MASTERDOWN")
}

impl Stream for Subscriber {
    type Item = Result<Event, Error>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_event(cx).map(Some)
    }
}

impl fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_connected = matches!(self.state, State::Connected(_));
        f.debug_struct("Subscriber")
            .field("topics", &self.topics)
            .field("is_connected", &is_connected)
            .field("events", &self.events.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
