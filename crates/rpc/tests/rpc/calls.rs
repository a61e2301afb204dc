//! Calls of one answer: over TCP, over Unix sockets, over none, through middlewares, many at once, several traits.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use ekiden_middleware::MiddlewareExt;
use ekiden_reactor::net::{TcpListener, UnixListener};
use ekiden_reactor::{run, spawn};
use ekiden_rpc::{Client, Error, ErrorKind, Request, Response, Router, rpc, serve};
use ekiden_service::{Begun, Failure, Fault, Service, Status, service_fn};

use crate::library::{LibraryClient, LibraryServer, NotFound, Served, Shelves};

#[test]
fn an_answer_of_the_application_is_apart_from_an_error_of_the_call() {
    run(async {
        let served = Served::start().await;
        let library = served.client().await;
        assert_eq!(library.find("Emma".to_owned()).await.unwrap().unwrap().pages, 474);
        let title = "Ulysses".to_owned();
        assert_eq!(library.find(title.clone()).await.unwrap(), Err(NotFound { title }));
        assert_eq!(library.count().await.unwrap(), 3);
        library.wait(false).await.unwrap();
        assert_eq!((served.stats.begun(), served.stats.answered()), (4, 4));
    });
}

#[test]
fn a_client_needs_no_wire() {
    run(async {
        let library = LibraryClient::new(LibraryServer::new(Shelves::default()));
        assert_eq!(library.find("Emma".to_owned()).await.unwrap().unwrap().title, "Emma");
        assert_eq!(library.count().await.unwrap(), 3);
    });
}

#[test]
fn a_unix_socket_does_as_well() {
    run(async {
        let path = std::env::temp_dir().join(format!("ekiden-rpc-calls-{}", std::process::id()));
        drop(std::fs::remove_file(&path));
        let server = serve(UnixListener::bind(&path).unwrap(), LibraryServer::new(Shelves::default()));
        let library = LibraryClient::new(Client::connect_unix(&path).await.unwrap());
        assert_eq!(library.count().await.unwrap(), 3);
        server.drain(Duration::from_secs(1)).await;
        std::fs::remove_file(path).unwrap();
    });
}

#[test]
fn many_calls_share_a_connection_and_none_waits_for_another() {
    run(async {
        let served = Served::start().await;
        let library = served.client().await;
        let waiting = library.clone();
        let stuck = spawn(async move { waiting.wait(true).await });
        served.seen.until(|seen| seen.waiting.get() == 1).await;
        let calls: Vec<_> = (0..300)
            .map(|_| {
                let library = library.clone();
                spawn(async move { library.count().await })
            })
            .collect();
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap(), 3);
        }
        assert!(!stuck.is_finished());
        assert_eq!(served.server.connections(), 1);
    });
}

#[test]
fn a_panic_harms_its_call_alone() {
    run(async {
        let served = Served::start().await;
        let library = served.client().await;
        let error = library.panics().await.unwrap_err();
        assert_eq!((error.kind(), error.begun()), (ErrorKind::Failed, Begun::Yes));
        assert_eq!(library.count().await.unwrap(), 3);
        assert_eq!((served.server.panics(), served.stats.failed()), (1, 1));
    });
}

/// Refuses what comes while another is under way.
#[test]
fn a_refusal_survives_the_wire() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let shelves = Shelves::default();
        let seen = shelves.0.clone();
        let _server = serve(listener, LibraryServer::new(shelves).concurrency_limit(1, 0));
        let library = LibraryClient::new(Client::connect(addr).await.unwrap());
        let waiting = library.clone();
        let waiting = spawn(async move { waiting.wait(true).await });
        seen.until(|seen| seen.waiting.get() == 1).await;
        let error = library.count().await.unwrap_err();
        assert_eq!(
            (error.kind(), error.begun(), error.fault()),
            (ErrorKind::Refused, Begun::No, Fault::Service)
        );
        waiting.abort();
        seen.until(|seen| seen.dropped.get() == 1).await;
        assert_eq!(library.count().await.unwrap(), 3);
    });
}

#[test]
fn a_time_limit_at_either_end_gives_up_the_call_at_both() {
    run(async {
        let served = Served::start().await;
        let limited = LibraryClient::new(
            Client::connect(served.addr).await.unwrap().timeout(Duration::from_millis(20)),
        );
        let error = limited.wait(true).await.unwrap_err();
        assert!(error.is_timeout() && error.begun() != Begun::No, "{error:?}");
        served.seen.until(|seen| seen.dropped.get() == 1).await;

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = LibraryServer::new(Shelves::default()).timeout(Duration::from_millis(20));
        let _server = serve(listener, server);
        let library = LibraryClient::new(Client::connect(addr).await.unwrap());
        let error = library.wait(true).await.unwrap_err();
        assert_eq!((error.kind(), error.begun()), (ErrorKind::Expired, Begun::Yes));
    });
}

#[rpc(crate = ekiden_rpc)]
trait Clock {
    async fn now(&self) -> u64;
}

#[rpc(crate = ekiden_rpc)]
trait Unserved {
    async fn anything(&self);
}

struct Stopped(Rc<Cell<u64>>);

impl Clock for Stopped {
    async fn now(&self) -> u64 {
        self.0.get()
    }
}

#[test]
fn several_traits_are_at_one_server() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let clock = ClockServer::new(Stopped(Rc::new(Cell::new(7)))).timeout(Duration::from_secs(10));
        let router = Router::new()
            .with(LibraryServer::<Shelves>::METHODS, LibraryServer::new(Shelves::default()))
            .with(ClockServer::<Stopped>::METHODS, clock);
        let _server = serve(listener, router);
        let client = Client::connect(addr).await.unwrap();
        assert_eq!(LibraryClient::new(client.clone()).count().await.unwrap(), 3);
        assert_eq!(ClockClient::new(client.clone()).now().await.unwrap(), 7);
        let error = UnservedClient::new(client).anything().await.unwrap_err();
        assert_eq!((error.kind(), error.begun()), (ErrorKind::UnknownMethod, Begun::No));
        assert_eq!(error.to_string(), "Unserved.anything: the server has no such method");
    });
}

#[test]
#[should_panic(expected = "Library.find is served twice")]
fn a_trait_is_served_once() {
    let shelves = || LibraryServer::new(Shelves::default());
    let methods = LibraryServer::<Shelves>::METHODS;
    drop(Router::new().with(methods, shelves()).with(methods, shelves()));
}

/// A server whose service is a client: requests and responses go through as they are.
#[test]
fn a_call_may_be_sent_on() {
    run(async {
        let served = Served::start().await;
        let behind = Client::connect(served.addr).await.unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let calls = Rc::new(Cell::new(0));
        let counted = calls.clone();
        let gateway = service_fn(async move |request: Request| -> Result<Response, Error> {
            counted.set(counted.get() + 1);
            behind.call(request).await
        });
        let _server = serve(listener, gateway);
        let library = LibraryClient::new(Client::connect(addr).await.unwrap());
        assert_eq!(library.count().await.unwrap(), 3);
        let mut numbers = library.numbers(1000).await.unwrap();
        for expected in 0..1000 {
            assert_eq!(numbers.next().await.unwrap().unwrap(), expected);
        }
        assert!(numbers.next().await.is_none());
        let error = UnservedClient::new(Client::connect(addr).await.unwrap()).anything().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnknownMethod);
        assert_eq!(calls.get(), 3);
    });
}

#[test]
fn a_client_whose_server_is_gone_says_so() {
    run(async {
        let served = Served::start().await;
        let client = Client::connect(served.addr).await.unwrap();
        let library = LibraryClient::new(client.clone());
        assert_eq!((client.status(), library.count().await.unwrap()), (Status::Open, 3));
        served.drain().await;
        let error = library.count().await.unwrap_err();
        assert_eq!((client.status(), error.begun()), (Status::Closed, Begun::No));
        let error = Client::connect("127.0.0.1:1").await.unwrap_err();
        assert_eq!((error.kind(), error.begun()), (ErrorKind::Connect, Begun::No));
    });
}
