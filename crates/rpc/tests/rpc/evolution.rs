//! Old and new peers: what was added since breaks neither.

use ekiden_reactor::net::TcpListener;
use ekiden_reactor::run;
use ekiden_rpc::{Client, ErrorKind, serve};
use ekiden_service::{Begun, Failure};

/// As it was.
mod old {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(crate) struct Book {
        pub(crate) title: String,
    }

    #[ekiden_rpc::rpc(crate = ekiden_rpc)]
    pub(crate) trait Library {
        async fn find(&self, title: String) -> Option<Book>;
        async fn add(&self, book: Book) -> u32;
        async fn close(&self);
    }

    pub(crate) struct Shelves;

    impl Library for Shelves {
        async fn find(&self, title: String) -> Option<Book> {
            Some(Book { title })
        }

        async fn add(&self, _book: Book) -> u32 {
            1
        }

        async fn close(&self) {}
    }
}

/// With an optional argument, optional fields, a method more and one less.
mod new {
    use serde::{Deserialize, Serialize};

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    pub(crate) struct Book {
        pub(crate) title: String,
        pub(crate) isbn: Option<String>,
        #[serde(default)]
        pub(crate) authors: Vec<String>,
    }

    #[ekiden_rpc::rpc(crate = ekiden_rpc)]
    pub(crate) trait Library {
        async fn find(&self, title: String, edition: Option<u32>) -> Option<Book>;
        async fn add(&self, book: Book) -> u32;
        async fn remove(&self, title: String) -> u32;
    }

    pub(crate) struct Shelves;

    impl Library for Shelves {
        async fn find(&self, title: String, edition: Option<u32>) -> Option<Book> {
            let isbn = Some(format!("{edition:?}"));
            Some(Book { title, isbn, authors: vec!["Jane Austen".to_owned()] })
        }

        async fn add(&self, book: Book) -> u32 {
            book.authors.len() as u32
        }

        async fn remove(&self, _title: String) -> u32 {
            1
        }
    }
}

async fn connect<S>(service: S) -> Client
where
    S: ekiden_service::Service<
            Req = ekiden_rpc::Request,
            Resp = ekiden_rpc::Response,
            Error = ekiden_rpc::Error,
        > + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    drop(serve(listener, service));
    Client::connect(addr).await.unwrap()
}

fn is_unknown<T: std::fmt::Debug>(answer: Result<T, ekiden_rpc::Error>) {
    let error = answer.unwrap_err();
    assert_eq!((error.kind(), error.begun()), (ErrorKind::UnknownMethod, Begun::No));
}

#[test]
fn an_old_client_calls_a_new_server() {
    run(async {
        let library = old::LibraryClient::new(connect(new::LibraryServer::new(new::Shelves)).await);
        let title = "Emma".to_owned();
        assert_eq!(library.find(title.clone()).await.unwrap(), Some(old::Book { title: title.clone() }));
        assert_eq!(library.add(old::Book { title }).await.unwrap(), 0);
        is_unknown(library.close().await);
    });
}

#[test]
fn a_new_client_calls_an_old_server() {
    run(async {
        let library = new::LibraryClient::new(connect(old::LibraryServer::new(old::Shelves)).await);
        let title = "Emma".to_owned();
        let book = new::Book { title: title.clone(), isbn: None, authors: vec![] };
        assert_eq!(library.find(title.clone(), Some(2)).await.unwrap().as_ref(), Some(&book));
        assert_eq!(library.add(book).await.unwrap(), 1);
        is_unknown(library.remove(title).await);
    });
}

/// What does break is told by its name, and was not begun.
#[test]
fn an_argument_that_is_another_is_told() {
    #[ekiden_rpc::rpc(crate = ekiden_rpc)]
    trait Library {
        async fn find(&self, number: u32) -> Option<u32>;
        async fn add(&self) -> u32;
        async fn close(&self) -> u32;
    }
    run(async {
        let library = LibraryClient::new(connect(old::LibraryServer::new(old::Shelves)).await);
        for error in [library.find(7).await.unwrap_err(), library.add().await.unwrap_err()] {
            assert_eq!((error.kind(), error.begun()), (ErrorKind::BadArguments, Begun::No));
            assert!(std::error::Error::source(&error).is_some(), "{error:?}");
        }
        let error = library.close().await.unwrap_err();
        assert_eq!((error.kind(), error.begun()), (ErrorKind::BadAnswer, Begun::Yes));
        assert_eq!(error.to_string(), "Library.close: the result cannot be read");
    });
}
