//! The client's end of a pipelined connection: [`Client`], which is a service. Behind it is a [`Connection`].
//!
//! ```text
//!   Client ── req ──►┌───────┐── next_request ──►┌────────────┐
//!   Client ── req ──►│ Calls │                   │ Connection │◄──► Transport ◄──► the peer
//!   Client ◄─ resp ──└───────┘◄── handle_answer ─└────────────┘
//! ```
//!
//! Everything that callers ask in one turn of the loop leaves by one write. `calls` decides what becomes of each, `connection`
//! moves it.

mod calls;
mod connection;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use ekiden_reactor::{context, spawn_named};
use ekiden_service::{Expired, Service, Status};
use futures_io::{AsyncRead, AsyncWrite};

use crate::body::Message;
use crate::codec::{Decoder, Encoder};
use crate::dispatch::error::{BoxError, Error};
use crate::pipeline::config::ClientConfig;
use crate::pipeline::streamed::Frame;
use crate::transport::Transport;
use calls::Call;
use connection::Shared;

pub use connection::{Connection, StreamedConnection};

/// A service at the other end of one pipelined connection.
///
/// Clones are cheap and share the connection; any number of calls may be under way. Answers come in the order of
/// the requests, so a slow one holds back those behind it.
///
/// A caller that drops its call leaves the others in order: its request is taken back if it was not sent yet,
/// else its answer is swallowed when it comes. When the last client is dropped the connection is closed.
///
/// When the connection breaks, each call under way fails with an [`Error`] that says whether its request can have
/// been begun, [`status`](Service::status) is [`Closed`](Status::Closed), and later calls fail without being
/// begun. It does not connect again by itself.
///
/// # A peer that vanishes
///
/// It asks its peer for no sign of life: what could be asked is the protocol's to say, and its answer would wait behind all
/// others. Have the system ask (`TcpStream::set_keepalive`, and `set_user_timeout` for what was sent), which notices a peer
/// that is gone while nothing is under way, too, and costs it nothing; and put a `Timeout` around the client for one that is
/// there and does not answer.
///
/// ```
/// use ekiden_proto::codec::Lines;
/// use ekiden_proto::pipeline::Client;
/// use ekiden_reactor::net;
/// use ekiden_service::Service;
///
/// # ekiden_reactor::run(async {
/// # let listener = net::TcpListener::bind("127.0.0.1:0").await?;
/// # let addr = listener.local_addr()?;
/// # ekiden_reactor::spawn(async move {
/// #     let (stream, _) = listener.accept().await?;
/// #     let mut buf = [0; 64];
/// #     loop {
/// #         let read = stream.read(&mut buf).await?;
/// #         stream.write_all(&buf[..read]).await?;
/// #         if read == 0 {
/// #             return std::io::Result::Ok(());
/// #         }
/// #     }
/// # });
/// let stream = net::TcpStream::connect(addr).await?;
/// let echo = Client::<String, String>::new(stream, Lines::default());
///
/// assert_eq!(echo.call("one".to_owned()).await?, "one");
/// assert_eq!(echo.call("two".to_owned()).await?, "two");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// # }).unwrap();
/// ```
pub struct Client<Req, Resp> {
    owner: Rc<Owner<Req, Resp>>,
}

/// What all clones of a client are: when it is dropped, the last of them was.
struct Owner<Req, Resp>(Rc<Shared<Req, Resp>>);

/// A call under way.
struct Asked<'a, Req, Resp> {
    shared: &'a Shared<Req, Resp>,
    /// `None` once it is answered.
    call: Option<Call>,
}

impl<Req, Resp> Client<Req, Resp> {
    /// A client over `io`, with its connection in a task of its own on the current reactor.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn new<Io, Codec>(io: Io, codec: Codec) -> Self
    where
        Io: AsyncRead + AsyncWrite + Unpin + 'static,
        Codec: Decoder<Item = Resp, Error: Into<BoxError>> + Encoder<Req, Error: Into<BoxError>> + 'static,
        Req: 'static,
        Resp: 'static,
    {
        let (client, connection) = Self::with_config(io, codec, ClientConfig::default());
        // It serves whoever calls later, too. Its end concerns the callers, and each of them is told.
        context::Context::none().sync_scope(|| drop(spawn_named("pipeline client", connection)));
        client
    }

    /// A client over `io`, and its connection, to be polled by whoever likes to.
    pub fn with_config<Io, Codec>(
        io: Io,
        codec: Codec,
        config: ClientConfig,
    ) -> (Self, Connection<Io, Codec, Req>)
    where
        Codec: Decoder<Item = Resp>,
    {
        Self::with_transport(Transport::new(io, codec), config)
    }

    /// A client over a transport that has been used already, for a greeting, and its connection: whatever it has read and
    /// not decoded is the beginning of the answers.
    pub fn with_transport<Io, Codec>(
        mut transport: Transport<Io, Codec>,
        config: ClientConfig,
    ) -> (Self, Connection<Io, Codec, Req>)
    where
        Codec: Decoder<Item = Resp>,
    {
        let shared = Rc::new(Shared::new(&config));
        transport.set_write_bytes_max(config.write_bytes_max);
        let owner = Rc::new(Owner(Rc::clone(&shared)));
        (Self { owner }, Connection::new(transport, shared))
    }
}

/// With bodies: a request is a head and what follows it in pieces, and so is a reply.
///
/// A request's body is sent by the connection's task, in which it is polled; the requests behind it wait for its end.
/// Dropping the call does not end it: on a wire without ids only its end says where the next request begins. The body of a
/// reply that is read slowly holds back the replies behind it; one that is dropped is read and thrown away, so of an endless
/// one drop the client. If a body cannot be made the connection is lost.
impl<Asked, Head> Client<Message<Asked>, Message<Head>> {
    /// As [`new`](Self::new), of messages with bodies.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn streamed<Io, Codec>(io: Io, codec: Codec) -> Self
    where
        Io: AsyncRead + AsyncWrite + Unpin + 'static,
        Codec: Decoder<Item = Frame<Head>, Error: Into<BoxError>>
            + Encoder<Frame<Asked>, Error: Into<BoxError>>
            + 'static,
        Asked: 'static,
        Head: 'static,
    {
        let (client, connection) = Self::streamed_with_config(io, codec, ClientConfig::default());
        context::Context::none().sync_scope(|| drop(spawn_named("pipeline client", connection)));
        client
    }

    /// As [`with_config`](Self::with_config), of messages with bodies.
    pub fn streamed_with_config<Io, Codec>(
        io: Io,
        codec: Codec,
        config: ClientConfig,
    ) -> (Self, StreamedConnection<Io, Codec, Asked, Head>)
    where
        Codec: Decoder<Item = Frame<Head>>,
    {
        let shared = Rc::new(Shared::new(&config));
        let mut transport = Transport::new(io, codec);
        transport.set_write_bytes_max(config.write_bytes_max);
        let owner = Rc::new(Owner(Rc::clone(&shared)));
        (Self { owner }, StreamedConnection::new(transport, shared, config.body_bytes_max.max(1)))
    }
}

impl<Req, Resp> Service for Client<Req, Resp> {
    type Req = Req;
    type Resp = Resp;
    type Error = Error;

    /// Sends a request and waits for its answer.
    ///
    /// Beyond [`in_flight_max`](ClientConfig::in_flight_max) it waits in a queue, in order, to be sent; beyond
    /// [`queue_max`](ClientConfig::queue_max) it is refused.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future takes the request back if no byte of it was encoded yet, else the peer may serve it
    /// and the answer is swallowed. Other calls do not notice.
    ///
    /// # Errors
    ///
    /// If the call is refused, the request cannot be encoded, or the connection is lost. See [`Error`]. If the
    /// [deadline](context::deadline) of the caller has passed, nothing is sent; that it may pass while the call is under
    /// way is for a `Timeout` around the client to see.
    async fn call(&self, req: Req) -> Result<Resp, Error> {
        if context::is_expired() {
            return Err(Expired::unbegun().into());
        }
        let shared = &*self.owner.0;
        let asked = shared.calls.borrow_mut().ask(req);
        match asked {
            Ok(call) => {
                shared.wake_connection();
                Asked { shared, call: Some(call) }.await
            }
            Err((error, _req)) => Err(error),
        }
    }

    fn status(&self) -> Status {
        let calls = self.owner.0.calls.borrow();
        match () {
            () if calls.is_lost() => Status::Closed,
            () if calls.is_busy() => Status::Busy,
            () => Status::Open,
        }
    }
}

impl<Req, Resp> Clone for Client<Req, Resp> {
    fn clone(&self) -> Self {
        Self { owner: Rc::clone(&self.owner) }
    }
}

impl<Req, Resp> fmt::Debug for Client<Req, Resp> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("status", &self.status()).finish()
    }
}

impl<Req, Resp> Drop for Owner<Req, Resp> {
    fn drop(&mut self) {
        self.0.is_orphan.set(true);
        self.0.wake_connection();
    }
}

impl<Req, Resp> Future for Asked<'_, Req, Resp> {
    type Output = Result<Resp, Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(call) = self.call else { unreachable!("it was answered") };
        let answer = self.shared.calls.borrow_mut().poll_answer(call, cx.waker());
        match answer {
            Ok(answer) => {
                self.call = None;
                Poll::Ready(answer)
            }
            Err(_replaced) => Poll::Pending,
        }
    }
}

impl<Req, Resp> Drop for Asked<'_, Req, Resp> {
    fn drop(&mut self) {
        if let Some(call) = self.call {
            let left = self.shared.calls.borrow_mut().give_up(call);
            drop(left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Lines;
    use crate::wire::{Holding, Wire, by_hand};
    use ekiden_service::Failure;
    use std::cell::Cell;
    use std::collections::BTreeMap;

    type UnderWay = Pin<Box<dyn Future<Output = Result<String, Error>>>>;

    /// Plays steps: callers ask and drop their calls, the peer sends and breaks; after each the connection runs.
    /// "/" stands for the end of a line. Pushes begin with ">". Two calls are in flight at most, two wait.
    fn check(script: &'static str, expect: &str) {
        by_hand(|cx| assert_eq!(play(script, cx), expect, "{script}"));
    }

    fn play(script: &'static str, cx: &mut Context<'_>) -> String {
        let wire = Wire::new();
        let config = ClientConfig { in_flight_max: 2, queue_max: 2, ..ClientConfig::default() };
        let (client, connection) = Client::with_config(wire.clone(), Holding(Lines::new(20)), config);
        let pushes = Rc::new(Cell::new(0));
        let counted = Rc::clone(&pushes);
        let mut connection = Some(connection.on_frame(move |frame| {
            let is_push = frame.starts_with('>');
            counted.set(counted.get() + u32::from(is_push));
            (!is_push).then_some(frame)
        }));
        let mut client = Some(client);
        let mut calls = BTreeMap::<&str, UnderWay>::new();
        let mut log = Vec::new();
        for step in script.split(", ") {
            let (verb, what) = step.split_once(' ').unwrap_or((step, ""));
            match verb {
                "ask" => {
                    let client = client.clone().unwrap();
                    let mut call: UnderWay = Box::pin(async move { client.call(what).await });
                    match call.as_mut().poll(cx) {
                        Poll::Ready(answer) => log.push(told(what, answer)),
                        Poll::Pending => drop(calls.insert(what, call)),
                    }
                }
                "drop" => match what {
                    "client" => client = None,
                    "connection" => connection = None,
                    _ => drop(calls.remove(what).unwrap()),
                },
                "in" => wire.send(what.replace('/', "\n")),
                "room" => wire.set_room(what.parse().unwrap()),
                "end" => wire.end(),
                "reset" => wire.reset(),
                "reset-by" => wire.reset_by_write(what.replace('/', "\n")),
                "status" => log.push(format!("{:?}", client.as_ref().unwrap().status())),
                _ => panic!("no such step: {step}"),
            }
            if let Some(driven) = &mut connection
                && let Poll::Ready(end) = Pin::new(driven).poll(cx)
            {
                connection = None;
                log.push(match end {
                    Ok(parts) => format!("over {:?}", parts.read),
                    Err(error) => format!("broken: {error}"),
                });
            }
            let written = wire.take_written();
            if !written.is_empty() {
                log.push(format!("out {}", written.replace('\n', "/")));
            }
            calls.retain(|name, call| match call.as_mut().poll(cx) {
                Poll::Ready(answer) => {
                    log.push(told(name, answer));
                    false
                }
                Poll::Pending => true,
            });
        }
        if pushes.get() > 0 {
            log.push(format!("{} pushed", pushes.get()));
        }
        log.join(", ")
    }

    fn told(name: &str, answer: Result<String, Error>) -> String {
        match answer {
            Ok(answer) => format!("{name} = {answer}"),
            Err(error) => format!("{name} begun: {:?}", error.begun()),
        }
    }

    #[test]
    fn an_answer_comes_back_to_who_asked() {
        check("ask a, in 1/", "out a/, a = 1");
        check("ask a, ask b, in 1/2/", "out a/, out b/, a = 1, b = 2");
        check("ask a, ask b, in 1/, in 2/", "out a/, out b/, a = 1, b = 2");
    }

    #[test]
    fn what_is_asked_in_one_turn_leaves_by_one_write() {
        check("room 0, ask a, ask b, room 99", "out a/b/");
        by_hand(|cx| {
            let wire = Wire::new();
            let (client, mut connection) =
                Client::<_, String>::with_config(wire.clone(), Lines::default(), ClientConfig::default());
            let mut calls: Vec<_> = (0..50).map(|_| Box::pin(client.call("ping"))).collect();
            calls.iter_mut().for_each(|call| assert!(call.as_mut().poll(cx).is_pending()));
            assert!(Pin::new(&mut connection).poll(cx).is_pending());
            wire.send("pong\n".repeat(50));
            assert!(Pin::new(&mut connection).poll(cx).is_pending());
            assert!(calls.iter_mut().all(|call| call.as_mut().poll(cx).is_ready()));
            assert_eq!(wire.calls(), (1, 1));
        });
    }

    #[test]
    fn a_dropped_call_leaves_the_others_in_order() {
        check("ask a, ask b, drop a, in 1/, in 2/", "out a/, out b/, b = 2");
        check(
            "ask a, ask b, ask c, drop b, drop c, in 1/2/, ask d, in 4/",
            "out a/, out b/, a = 1, out d/, d = 4",
        );
    }

    #[test]
    fn calls_wait_their_turn_and_beyond_that_are_refused() {
        check(
            "ask a, ask b, ask c, ask d, status, ask e, in 1/, in 2/3/, status",
            "out a/, out b/, Busy, e begun: No, out c/, a = 1, out d/, b = 2, c = 3, Open",
        );
    }

    #[test]
    fn where_none_may_be_in_flight_one_is() {
        by_hand(|cx| {
            let wire = Wire::new();
            let config = ClientConfig { in_flight_max: 0, queue_max: 1, ..ClientConfig::default() };
            let (client, mut connection) =
                Client::<_, String>::with_config(wire.clone(), Lines::new(20), config);
            let mut calls = ["a", "b", "c"].map(|req| Box::pin(client.call(req)));
            let begun: Vec<_> = calls.iter_mut().map(|call| call.as_mut().poll(cx).is_pending()).collect();
            assert_eq!(begun, [true, true, false], "the third is refused");
            assert!(Pin::new(&mut connection).poll(cx).is_pending());
            assert_eq!(wire.take_written(), "a\n");
        });
    }

    #[test]
    fn a_broken_connection_says_what_was_begun() {
        let broken = "broken: the connection failed";
        check(
            "ask a, ask b, ask c, reset",
            &format!("out a/, out b/, {broken}, a begun: Unknown, b begun: Unknown, c begun: No"),
        );
        check("room 0, ask a, ask b, reset", &format!("{broken}, a begun: No, b begun: No"));
        check(
            "room 0, ask aa, ask b, room 1, reset",
            &format!("out a, {broken}, aa begun: Unknown, b begun: No"),
        );
        check("room 1, ask a, ask b, reset", &format!("out a, {broken}, a begun: Unknown, b begun: No"));
        check(
            "ask a, room 0, ask b, reset, status, ask c",
            &format!("out a/, {broken}, a begun: Unknown, b begun: No, Closed, c begun: No"),
        );
    }

    #[test]
    fn answers_that_came_before_the_break_are_good() {
        check(
            "ask a, ask b, in 1/, reset",
            "out a/, out b/, a = 1, broken: the connection failed, b begun: Unknown",
        );
    }

    #[test]
    fn answers_that_came_while_writing_failed_are_good() {
        let broken = "broken: the connection failed";
        check("ask a, reset-by 1/, ask b", &format!("out a/, {broken}, a = 1, b begun: No"));
    }

    #[test]
    fn an_end_is_an_error_only_for_those_who_wait() {
        check("ask a, in 1/, end, status, ask b", "out a/, a = 1, over b\"\", Closed, b begun: No");
        check("ask a, end", "out a/, broken: the peer ended the connection, a begun: Unknown");
        check(
            "ask a, in 1, end",
            "out a/, broken: the peer ended the connection 1 bytes into a frame, a begun: Unknown",
        );
    }

    #[test]
    fn an_answer_that_nobody_asked_for_breaks_the_connection() {
        check("in 1/, status", "broken: the peer answered what it was not asked, Closed");
        check("ask a, in 1/2/", "out a/, broken: the peer answered what it was not asked, a = 1");
    }

    #[test]
    fn a_frame_that_is_none_breaks_the_connection() {
        check(
            "ask a, in 123456789012345678901",
            "out a/, broken: the peer sent what is no frame, a begun: Unknown",
        );
    }

    #[test]
    fn a_push_answers_nothing() {
        check("in >x/, ask a, in >y/1/>z/", "out a/, a = 1, 3 pushed");
    }

    #[test]
    fn a_request_that_cannot_be_encoded_concerns_its_caller_alone() {
        check("ask a\nb, ask c, in 1/", "a\nb begun: No, out c/, c = 1");
    }

    #[test]
    fn a_held_frame_ends_the_pipeline_and_hands_over_the_rest() {
        check(
            "ask a, ask b, in hold/raw, ask c",
            "out a/, out b/, over b\"raw\", a = hold, b begun: Unknown, c begun: No",
        );
    }

    #[test]
    fn the_last_client_closes_the_connection() {
        check("ask a, in 1/, drop client", "out a/, a = 1, over b\"\"");
        check("ask a, drop client, in 1/", "out a/, a = 1");
    }

    #[test]
    fn a_connection_that_is_dropped_loses_its_calls() {
        check("ask a, drop connection, status, ask b", "out a/, a begun: Unknown, Closed, b begun: No");
    }

    #[test]
    fn a_flood_of_answers_lets_those_who_were_answered_go_on() {
        ekiden_reactor::run(async {
            let wire = Wire::new();
            let client = Client::<_, String>::new(wire.clone(), Lines::default());
            let answered = Rc::new(Cell::new(0));
            for _ in 0..200 {
                let (client, answered) = (client.clone(), answered.clone());
                let call = async move { client.call("ping").await.map(|_| answered.set(answered.get() + 1)) };
                drop(ekiden_reactor::spawn(call));
            }
            let mut sent = 0;
            while sent < 200 {
                ekiden_reactor::yield_now().await;
                sent += wire.take_written().lines().count();
            }
            wire.send("pong\n".repeat(200));
            let mut most = 0;
            while answered.get() < 200 {
                let before = answered.get();
                ekiden_reactor::yield_now().await;
                most = most.max(answered.get() - before);
            }
            // What they ask next is on its way, and the peer at work, while the others are answered.
            assert!(most <= 64, "{most} were answered in one turn");
        });
    }

    #[test]
    fn a_break_loses_none_of_the_answers_that_were_here() {
        by_hand(|cx| {
            let wire = Wire::new();
            let (client, mut connection) =
                Client::<_, String>::with_config(wire.clone(), Lines::default(), ClientConfig::default());
            let mut calls: Vec<_> = (0..200).map(|_| Box::pin(client.call("ping"))).collect();
            calls.iter_mut().for_each(|call| assert!(call.as_mut().poll(cx).is_pending()));
            assert!(Pin::new(&mut connection).poll(cx).is_pending());
            wire.reset_by_write("pong\n".repeat(200));
            let mut last = Box::pin(client.call("ping"));
            assert!(last.as_mut().poll(cx).is_pending());
            assert!(Pin::new(&mut connection).poll(cx).is_ready());
            let is_answered = |call: Poll<Result<_, Error>>| matches!(call, Poll::Ready(Ok(_)));
            assert!(calls.iter_mut().all(|call| is_answered(call.as_mut().poll(cx))));
            assert!(!is_answered(last.as_mut().poll(cx)));
        });
    }

    #[test]
    fn a_greeting_may_go_before_the_calls() {
        by_hand(|cx| {
            let wire = Wire::new();
            let mut transport = Transport::new(wire.clone(), Lines::default());
            wire.send("welcome\n1\n");
            let Poll::Ready(Some(Ok(greeting))) = transport.poll_next(cx) else { panic!("it is here") };
            assert_eq!(greeting, "welcome");
            let (client, mut connection) =
                Client::<_, String>::with_transport(transport, ClientConfig::default());
            let mut call = Box::pin(client.call("a"));
            assert!(call.as_mut().poll(cx).is_pending());
            assert!(Pin::new(&mut connection).poll(cx).is_ready(), "what was read already answers nothing");
            let Poll::Ready(Err(error)) = call.as_mut().poll(cx) else { panic!("it is lost") };
            assert_eq!(error.begun(), ekiden_service::Begun::No);
        });
    }

    #[test]
    fn errors_tell_whose_fault_and_why() {
        by_hand(|cx| {
            let wire = Wire::new();
            let (client, mut connection) =
                Client::<_, String>::with_config(wire.clone(), Lines::default(), ClientConfig::default());
            wire.reset();
            assert!(Pin::new(&mut connection).poll(cx).is_ready());
            let Poll::Ready(Err(error)) = Box::pin(client.call("a")).as_mut().poll(cx) else {
                panic!("it is lost")
            };
            let causes =
                std::iter::successors(Some(&error as &dyn std::error::Error), |error| error.source());
            let told: Vec<_> = causes.map(ToString::to_string).collect();
            assert_eq!(
                told,
                [
                    "the connection was lost before the request was sent",
                    "the connection failed",
                    "connection reset"
                ],
            );
            assert_eq!((error.fault(), error.is_lost()), (ekiden_service::Fault::Network, true));
        });
    }
}
