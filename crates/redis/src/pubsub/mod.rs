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
use ekiden_reactor::{entropy, sleep};
use futures_core::Stream;

use crate::client::{Address, Config, Wire, connect_in_time};
use crate::command::Command;
use crate::error::Error;
use crate::value::Value;
use event::Heard;
use topics::{Kind, Topics};

pub use event::{Event, Message};

/// Listens to channels and patterns, from [`Client::subscriber`](crate::Client::subscriber).
///
/// It has a connection of its own, which it makes anew when it was lost; then it subscribes again to all that it was
/// subscribed to, and says [`Event::Missed`]: what was published meanwhile did not come. A server that is not there is tried
/// again and again, with pauses that grow.
///
/// # What waits
///
/// Messages that nobody asks for stay with the server. It hangs up on a subscriber that falls back too far
/// (`client-output-buffer-limit pubsub`), which is a lost connection like any other. Only while it waits for the
/// confirmation of a subscription this end keeps messages: [`messages_max`](crate::client::Config::messages_max), and
/// beyond it the oldest are given up, and `Missed` says so.
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

/// What the server says against a command, or a connection if there is none.
struct Refusal {
    error: Error,
    command: Option<Command>,
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
    /// What the server says against it; then none of these is subscribed to. A connection that cannot be made is no error: it
    /// is tried without end, so mind the time.
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

    /// Ends the subscription to channels, and waits for the server to confirm it; for a connection first, if there is none.
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
    /// What the server says against a connection or a subscription, such as a password that was changed; whoever asks again
    /// tries again. That a server is away is no error.
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
        let command = self.topics.add(kind, names.into_iter().map(Into::into));
        self.confirm(command).await
    }

    async fn end<T: Into<Bytes>>(
        &mut self,
        kind: Kind,
        names: impl IntoIterator<Item = T>,
    ) -> Result<(), Error> {
        let command = self.topics.remove(kind, names.into_iter().map(Into::into));
        self.confirm(command).await
    }

    /// Sends a command, if there is one to send, and waits until nothing waits for the server any more.
    async fn confirm(&mut self, command: Option<Command>) -> Result<(), Error> {
        let Some(command) = command else { return Ok(()) };
        if let State::Connected(wire) = &mut self.state {
            self.topics.handle_sent(&command);
            let Ok(()) = wire.start_send(command.clone());
        }
        poll_fn(|cx| {
            loop {
                if matches!(self.state, State::Connected(_)) && self.topics.is_confirmed() {
                    return Poll::Ready(Ok(()));
                }
                let Err(refusal) = ready!(self.poll_step(cx)) else { continue };
                let is_of_another = refusal.command.is_some_and(|refused| {
                    refused.name() != command.name() || self.topics.waits_for(&command)
                });
                if !is_of_another {
                    return Poll::Ready(Err(refusal.error));
                }
                // Whoever called is gone.
                self.untold.get_or_insert(refusal.error);
            }
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
                    if error.as_server().is_some() {
                        return Poll::Ready(Err(Refusal { error, command: None }));
                    }
                }
            },
            State::Connected(wire) => {
                if let Poll::Ready(Err(_lost)) = wire.poll_flush(cx) {
                    self.handle_lost();
                    return Poll::Ready(Ok(()));
                }
                match ready!(wire.poll_next(cx)) {
                    Some(Ok(value)) => {
                        self.failures = 0;
                        return Poll::Ready(self.handle_value(value));
                    }
                    Some(Err(_)) | None => self.handle_lost(),
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn connecting(&self) -> Pin<Box<dyn Future<Output = Result<Wire, Error>>>> {
        let mut chance = [0; 8];
        let drawn = entropy(&mut chance).map_or(u64::MAX, |()| u64::from_ne_bytes(chance));
        let pause = self.config.reconnect.backoff.pause(self.failures, drawn);
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
        self.state = State::Connecting(self.connecting());
    }

    fn handle_value(&mut self, value: Value) -> Result<(), Refusal> {
        match event::heard(value) {
            Heard::Event(event) => self.keep(event),
            Heard::Confirmed => self.topics.handle_confirmed(),
            Heard::Error(error) => {
                return Err(Refusal { error: error.into(), command: self.topics.handle_refused() });
            }
            Heard::Other => {}
        }
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
