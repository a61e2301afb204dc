//! A client that connects again: what was under way is told, what was not begun is sent when the server is back.

use std::time::Duration;

use ekiden_middleware::MiddlewareExt;
use ekiden_reactor::net::TcpListener;
use ekiden_reactor::{run, spawn};
use ekiden_rpc::client::Connector;
use ekiden_rpc::{ErrorKind, serve};
use ekiden_service::{Begun, Failure};

use crate::library::{LibraryClient, LibraryServer, Served, Shelves};

#[test]
fn a_client_is_back_when_its_server_is() {
    run(async {
        let served = Served::start().await;
        let library = LibraryClient::new(Connector::tcp(served.addr).reconnect());
        assert_eq!(library.count().await.unwrap(), 3);
        let waiting = library.clone();
        let begun = spawn(async move { waiting.wait(true).await });
        served.seen.until(|seen| seen.waiting.get() == 1).await;

        // The server is gone, with a call that it had begun.
        let addr = served.addr;
        served.server.drain(Duration::ZERO).await;
        let error = begun.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Lost);
        assert_ne!(error.begun(), Begun::No);

        // Who calls meanwhile waits, and is served by the next.
        let calls: Vec<_> = (0..10)
            .map(|_| {
                let library = library.clone();
                spawn(async move { library.count().await })
            })
            .collect();
        let shelves = Shelves::default();
        let server = serve(TcpListener::bind(addr).await.unwrap(), LibraryServer::new(shelves));
        for call in calls {
            assert_eq!(call.await.unwrap().unwrap(), 3);
        }
        assert_eq!(server.connections(), 1);
    });
}

#[test]
fn whoever_waits_in_vain_knows_that_nothing_was_begun() {
    run(async {
        // Nobody listens at a port that was given back.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        drop(listener);
        let nobody = Connector::tcp(addr).reconnect().timeout(Duration::from_millis(50));
        let error = LibraryClient::new(nobody).count().await.unwrap_err();
        assert_eq!(error.begun(), Begun::No, "{error:?}");
    });
}
