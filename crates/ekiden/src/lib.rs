//! A network application framework: services, a reactor, protocols.
//!
//! Three ideas carry it. A **service** is an asynchronous function from request to response; every client is one, and
//! every server takes one. **Using a source is asking for it**: a task reads a socket or waits for a timer, and what was
//! not ready remembers who asked. A **protocol** is a codec and a dispatch rule.
//!
//! # A server
//!
//! A server is given a service. Here it is a function, with a time limit around it:
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use ekiden::http::{self, Body, Request, Response};
//! use ekiden::net::TcpListener;
//! use ekiden::{MiddlewareExt, service_fn};
//!
//! async fn hello(req: Request<Body>) -> Result<Response<Body>, http::Error> {
//!     Ok(Response::new(Body::from(format!("hello, {}\n", req.uri().path()))))
//! }
//!
//! fn main() -> std::io::Result<()> {
//!     ekiden::run(async {
//!         let listener = TcpListener::bind("127.0.0.1:8080").await?;
//!         let service = service_fn(hello).timeout(Duration::from_secs(10));
//!         http::serve(listener, service).await?;
//!         Ok(())
//!     })
//! }
//! ```
//!
//! That is one core, which answers some hundred thousand requests a second. For all of them say what makes the service
//! of each, which is then called there: `http::serve_on_cores(listener, || service_fn(hello))?.await?`. Each connection goes
//! to the core that has the fewest, and the service is as free of `Send` and of locks as before.
//!
//! It is safe as it stands: every phase of a connection has a time limit, every queue a maximum, a handler that panics
//! harms one connection, and ctrl-c or `SIGTERM` [drains](proto::server::Server::drain) it. Whoever wants to know its peer
//! has a service made for each connection, by `http::server::Config::serve_each`.
//!
//! # A client
//!
//! A client is a service too, so the same middleware goes around it:
//!
//! ```
//! # use ekiden::http::{Response, Error, serve};
//! # use ekiden::{net::TcpListener, service_fn};
//! use std::time::Duration;
//!
//! use ekiden::http::client::Client;
//! use ekiden::http::{Body, Request};
//! use ekiden::{MiddlewareExt, Service};
//!
//! # ekiden::run(async {
//! # let listener = TcpListener::bind("127.0.0.1:0").await?;
//! # let addr = listener.local_addr()?;
//! # let _server = serve(listener, service_fn(async |_req| Ok::<_, Error>(Response::new(Body::from("hello")))));
//! let client = Client::connect(addr).await?.timeout(Duration::from_secs(10));
//! let response = client.call(Request::get("/").body(Body::empty())?).await?;
//! assert_eq!(response.into_body().collect(1024).await?, "hello");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! An error of a call answers the questions that its caller has ([`Failure`]): whose fault it was, whether the request
//! was begun, so whether it can be sent again, and whether time ran out.
//!
//! Redis is one too, behind the feature `redis`: `redis::Client` takes commands, pipelines whatever is asked at the same time over
//! one connection, and has the commands as typed methods.
//!
//! # A service of your own
//!
//! Implement [`Service`] with an `async fn`. There is no readiness to poll, nothing to pin or to box, and nothing must
//! be `Send`. A middleware is a service around a service:
//!
//! ```
//! use std::cell::Cell;
//!
//! use ekiden::{Service, service_fn};
//!
//! /// Counts the calls that pass.
//! struct Counting<S> {
//!     inner: S,
//!     calls: Cell<u64>,
//! }
//!
//! impl<S: Service> Service for Counting<S> {
//!     type Req = S::Req;
//!     type Resp = S::Resp;
//!     type Error = S::Error;
//!
//!     async fn call(&self, req: S::Req) -> Result<S::Resp, S::Error> {
//!         self.calls.set(self.calls.get() + 1);
//!         self.inner.call(req).await
//!     }
//! }
//!
//! # ekiden::run(async {
//! let double = service_fn(async |n: u32| Ok::<_, std::convert::Infallible>(2 * n));
//! let counting = Counting { inner: double, calls: Cell::new(0) };
//! assert_eq!(counting.call(21).await, Ok(42));
//! assert_eq!(counting.calls.get(), 1);
//! # });
//! ```
//!
//! # A protocol of your own
//!
//! Say where a frame ends, by a [`Decoder`](proto::codec::Decoder) and an [`Encoder`](proto::codec::Encoder), and
//! [pipelined dispatch](proto::pipeline) makes of it a server that takes a service, and a client that is one:
//!
//! ```
//! use std::convert::Infallible;
//!
//! use ekiden::net::{TcpListener, TcpStream};
//! use ekiden::proto::codec::Lines;
//! use ekiden::proto::pipeline::{self, Client};
//! use ekiden::{Service, service_fn};
//!
//! # ekiden::run(async {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let addr = listener.local_addr()?;
//! let shout = service_fn(async |line: String| Ok::<_, Infallible>(line.to_uppercase()));
//! let _server = pipeline::serve(listener, Lines::default(), shout);
//!
//! let client = Client::<String, String>::new(TcpStream::connect(addr).await?, Lines::default());
//! assert_eq!(client.call("hello".to_owned()).await?, "HELLO");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! A client is one connection, and ends with it. A [`Reconnect`] around whatever connects is a client that does so when it is
//! first asked, and anew when the connection was lost, with pauses that grow; it never sends a request twice:
//!
//! ```
//! use ekiden::net::{TcpListener, TcpStream};
//! use ekiden::proto::codec::Lines;
//! use ekiden::proto::pipeline::{self, Client, Error};
//! use ekiden::{MiddlewareExt, Service, service_fn};
//!
//! # ekiden::run(async {
//! # let listener = TcpListener::bind("127.0.0.1:0").await?;
//! # let addr = listener.local_addr()?;
//! # let echo = service_fn(async |line: String| Ok::<_, std::convert::Infallible>(line));
//! # let _server = pipeline::serve(listener, Lines::default(), echo);
//! let connector = service_fn(async move |()| match TcpStream::connect(addr).await {
//!     Ok(stream) => Ok(Client::<String, String>::new(stream, Lines::default())),
//!     Err(error) => Err(Error::unconnected(error)),
//! });
//! let client = connector.reconnect();
//! assert_eq!(client.call("hello".to_owned()).await?, "hello");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Typed calls
//!
//! With the feature `rpc`, a trait with async functions becomes a client and a server. Streams go both ways, and the
//! caller's deadline, trace and giving up go along:
//!
#![cfg_attr(feature = "rpc", doc = "```")]
#![cfg_attr(not(feature = "rpc"), doc = "```ignore")]
//! use ekiden::net::TcpListener;
//! use ekiden::rpc::{self, Client};
//!
//! #[ekiden::rpc]
//! trait Greeter {
//!     async fn greet(&self, name: String) -> String;
//! }
//!
//! struct Polite;
//!
//! impl Greeter for Polite {
//!     async fn greet(&self, name: String) -> String {
//!         format!("good evening, {name}")
//!     }
//! }
//!
//! # ekiden::run(async {
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let addr = listener.local_addr()?;
//! let _server = rpc::serve(listener, GreeterServer::new(Polite));
//!
//! let greeter = GreeterClient::new(Client::connect(addr).await?);
//! assert_eq!(greeter.greet("Ada".to_owned()).await?, "good evening, Ada");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Tasks
//!
//! What runs beside is a task: a future that is [spawned](spawn), or a state machine that [ticks](Task) and is
//! [scheduled](schedule). Both use the same sockets, timers and [channels](channel). A panic of a task reaches whoever
//! waits for it by the [`JoinHandle`], or else the operator, by a [`notice`](fn@notice); the others go on.
//!
//! # Seeing inside
//!
//! What each task does and waits for is known in a normal build: [`inspect::tasks`] lists them, [`inspect::stats`] are
//! the counters of each core, and `SIGQUIT` (ctrl-\ in a terminal) prints a table of it all on stderr, also while a core
//! is held by a task. One that holds its core for a tenth of a second is told with its name and place while it does
//! ([`Config::held_max`]).
//!
//! ```
//! use ekiden::{inspect, sleep, spawn_named, yield_now};
//! use std::time::Duration;
//!
//! ekiden::run(async {
//!     drop(spawn_named("clerk", sleep(Duration::from_secs(4))));
//!     yield_now().await;
//!     for task in inspect::tasks() {
//!         println!("{}: {:?} {}", task.spawned, task.state, task.waits.len()); // clerk, spawned at …: Waiting 1
//!     }
//! });
//! ```
//!
//! # Cores
//!
//! [`run`] is on one thread until somebody asks for more: a task is [spawned on](spawn_on) another core, or
//! [on every core](on_every_core), by a function that makes it there. So a task never leaves its core, and nothing in it
//! needs to be `Send`; what goes between cores are the function, the result, and what is sent by the channels in [`sync`].
//!
//! ```
//! use ekiden::{CoreId, cores, on_every_core};
//!
//! ekiden::run(async {
//!     let greetings = on_every_core(|| async { format!("hello from {}", CoreId::current()) });
//!     for (core, greeting) in cores().zip(greetings) {
//!         assert_eq!(greeting.await.unwrap(), format!("hello from {core}"));
//!     }
//! });
//! ```
//!
//! How many cores, and how each is configured, is a [`Runtime`]'s to say. Threads that are no cores speak to one by a
//! [`Handle`], and work that [blocks](blocking) runs elsewhere, as [files](fs) and the [standard streams](stdio) do.
//! [Child processes](process) and [signals](fn@signals) are sources as sockets are.
//!
//! # Deadlines, and what else goes along
//!
//! A piece of work has a [`context`]: a deadline, a trace, and values of your own. It goes along through everything that
//! is called and spawned, without being passed by hand. A [`Timeout`] narrows the deadline for what it calls, so the
//! time-outs of a server and of the clients that its handlers use need not know of each other: each call has the time
//! that is left, and one that has none left is not begun.
//!
//! ```
//! use std::time::Duration;
//!
//! use ekiden::context::{self, Context, Key};
//! use ekiden::{Expired, MiddlewareExt, Service, service_fn};
//!
//! static TENANT: Key<&str> = Key::inherited();
//!
//! # ekiden::run(async {
//! let table = service_fn(async |()| {
//!     assert!(context::remaining() <= Some(Duration::from_secs(1)));
//!     Ok::<_, Expired>(format!("the orders of {}", TENANT.get().as_deref().unwrap_or(&"nobody")))
//! });
//! let table = table.timeout(Duration::from_secs(30)); // the client's
//! let orders = service_fn(async |()| table.call(()).await);
//! let orders = orders.timeout(Duration::from_secs(1)); // the server's, which is less
//!
//! let answer = Context::current().with(&TENANT, "acme").scope(orders.call(())).await;
//! assert_eq!(answer.unwrap(), "the orders of acme");
//! # });
//! ```
//!
//! # Tests
//!
//! `#[ekiden::test]` makes a test of an async function. Where time matters, a [clock set by hand](driver::hand) tests
//! a time-out of a minute without waiting, and without racing:
//!
//! ```
//! use std::time::Duration;
//!
//! use ekiden::driver::hand::Hand;
//! use ekiden::{Config, Expired, MiddlewareExt, Reactor, Service, service_fn, spawn, yield_now};
//!
//! let (hand, clock) = Hand::new()?;
//! Reactor::with_driver(Config::default(), hand).run(async {
//!     let stuck = service_fn(async |()| std::future::pending::<Result<(), Expired>>().await);
//!     let service = stuck.timeout(Duration::from_secs(60));
//!     let call = spawn(async move { service.call(()).await });
//!     yield_now().await;
//!     clock.pass(Duration::from_secs(60)).await;
//!     assert!(call.await.unwrap().is_err());
//! });
//! # std::io::Result::Ok(())
//! ```
//!
//! # What you have already
//!
//! The types are those of the `http`, `http-body`, `bytes` and `futures-io` crates. With the feature `hyper`, hyper's
//! own server and client run on the reactor, HTTP/2 included; with the feature `tower`, a tower service (an axum router
//! under tower-http's layers) is served here, and a client of ours is a tower service. See `http::adapt`.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! |---|---|---|
//! | `http` | yes | `http`: HTTP/1.1 servers and clients |
//! | `redis` | no | `redis`: a Redis client, and servers that speak its protocol |
//! | `macros` | yes | `#[ekiden::test]` |
//! | `hyper` | no | `http::adapt::hyper`: the traits of `hyper::rt` on our sockets, timers and tasks |
//! | `tower` | no | `http::adapt::tower`: services of tower as ours, and ours as services of tower |
//! | `rpc` | no | `rpc` and `#[ekiden::rpc]`: typed calls from a trait |
//! | `tracing` | no | notices, and what happens at the edges (cores, connections, drains, panics of tasks), as events of the `tracing` crate with the target `ekiden` |
//!
//! A feature adds; none changes what is there without it.
//!
//! # The house
//!
//! The front door shows the paved path. Behind it each floor is a crate of its own: [`service`] (no dependency at all),
//! [`reactor`], [`middleware`], [`proto`], `http`, `redis` and `rpc`.
#![forbid(unsafe_code)]

pub use ekiden_middleware as middleware;
pub use ekiden_proto as proto;
pub use ekiden_reactor as reactor;
pub use ekiden_service as service;

#[cfg(feature = "http")]
pub use ekiden_http as http;

#[cfg(feature = "redis")]
pub use ekiden_redis as redis;

#[cfg(feature = "rpc")]
pub use ekiden_rpc as rpc;
#[cfg(feature = "rpc")]
pub use ekiden_rpc::rpc;

pub use ekiden_middleware::{ConcurrencyLimit, MiddlewareExt, Reconnect, Timeout};
pub use ekiden_reactor::{
    AbortHandle, Blocking, BlockingError, ChildError, Config, CoreId, Elapsed, FileLimit, Handle, Instant,
    Interval, JoinError, JoinHandle, Latch, OnLostPanic, Reactor, RemoteHandle, Runtime, Signal, Signals,
    Sleep, Source, Task, TaskGroup, Tick, blocking, buffer, channel, context, cores, driver, entropy, fs,
    inspect, interval, is_shutting_down, net, notice, on_every_core, process, request_shutdown, run,
    schedule, shutdown, signals, sleep, sleep_until, spawn, spawn_named, spawn_on, stdio, sync, timeout,
    timeout_at, wall_clock, yield_now,
};
pub use ekiden_service::{
    Begun, BoxService, Expired, Failure, Fault, Refused, Service, ServiceExt, ServiceFn, Status, service_fn,
};

#[cfg(feature = "macros")]
pub use ekiden_macros::test;
