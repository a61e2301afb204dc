//! Streams in both directions: whole, broken off at either end, and held back by who reads.

use std::cell::Cell;
use std::future::pending;
use std::rc::Rc;

use ekiden_reactor::run;
use ekiden_rpc::{Client, ErrorKind};
use ekiden_service::{Begun, Failure, Fault};
use futures_util::stream::{self, StreamExt};

use crate::library::{Blob, Book, LibraryClient, LibraryServer, NotFound, Served, Shelves, Summary, begin};

fn books(count: u32) -> impl stream::Stream<Item = Book> {
    stream::iter(0..count).map(|pages| Book { title: "Walden ".repeat(100), pages, isbn: None })
}

async fn all_of_it(
    library: &LibraryClient<
        impl ekiden_service::Service<
            Req = ekiden_rpc::Request,
            Resp = ekiden_rpc::Response,
            Error = ekiden_rpc::Error,
        >,
    >,
) {
    let numbers: Vec<_> = library.numbers(20_000).await.unwrap().map(Result::unwrap).collect().await;
    assert!(numbers.into_iter().eq(0..20_000));
    let pages = library.pages("Emma".to_owned()).await.unwrap().unwrap();
    assert_eq!(pages.count().await, 474);
    let title = "Ulysses".to_owned();
    assert_eq!(library.pages(title.clone()).await.unwrap().unwrap_err(), NotFound { title });
    assert_eq!(library.numbers(0).await.unwrap().count().await, 0);
    let summary = library.import(books(1000)).await.unwrap();
    assert_eq!(summary, Summary { books: 1000, pages: (0..1000).sum() });
    assert_eq!(library.import(stream::empty()).await.unwrap(), Summary { books: 0, pages: 0 });
    let words = stream::iter((0..5000).map(|n| format!("word {n}")));
    let upper: Vec<_> = library.upper(words).await.unwrap().map(Result::unwrap).collect().await;
    assert!(upper.into_iter().eq((0..5000).map(|n| format!("WORD {n}"))));
}

#[test]
fn streams_come_whole_in_either_direction_and_in_both() {
    run(async {
        let served = Served::start().await;
        all_of_it(&served.client().await).await;
        served.until(|stats| stats.answered() == 7).await;
        all_of_it(&LibraryClient::new(LibraryServer::new(Shelves::default()))).await;
    });
}

#[test]
fn items_come_while_others_are_yet_to_be_made() {
    run(async {
        let served = Served::start().await;
        let library = served.client().await;
        let (to_server, words) = ekiden_reactor::channel::mpsc::channel::<String>(1);
        let mut upper = library.upper(words).await.unwrap();
        for word in ["one", "two", "three"] {
            to_server.send(word.to_owned()).await.unwrap();
            assert_eq!(upper.next().await.unwrap().unwrap(), word.to_uppercase());
        }
        drop(to_server);
        assert!(upper.next().await.is_none());
    });
}

/// 64 KiB of credit is 64 blobs; a few more are made and wait for credit.
#[test]
fn a_reader_that_stops_stops_the_writer() {
    run(async {
        let served = Served::start().await;
        let library = served.client().await;
        let mut blobs = library.blobs(1000).await.unwrap();
        assert_eq!(blobs.next().await.unwrap().unwrap(), Blob(vec![b'x'; 1000]));
        // Others go on meanwhile, and when they have gone round so often, whatever could be made was.
        for _ in 0..200 {
            library.count().await.unwrap();
        }
        let made = served.seen.made.get();
        assert!((60..=100).contains(&made), "{made} blobs were made, of which one was taken");
        for _ in 0..300 {
            blobs.next().await.unwrap().unwrap();
        }
        assert!(served.seen.made.get() <= made + 310);
        // And when the reader goes, so does the writer.
        drop(blobs);
        served.until(|stats| stats.cancelled() == 1).await;
    });
}

#[test]
fn a_server_that_stops_reading_stops_the_caller() {
    run(async {
        let served = Served::start().await;
        let library = served.client().await;
        let sent = Rc::new(Cell::new(0));
        let counted = sent.clone();
        let blobs = stream::iter(0..500).map(move |n| {
            counted.set(n + 1);
            Blob(vec![b'x'; 1000])
        });
        let mut call = Box::pin(library.swallow(1, blobs));
        begin(&mut call).await;
        served.seen.until(|seen| seen.taken.get() == 1).await;
        for _ in 0..200 {
            library.count().await.unwrap();
        }
        assert!((60..=100).contains(&sent.get()), "{} blobs were sent, of which one was taken", sent.get());
        served.seen.go_on.set(true);
        served.seen.changed.notify_waiters();
        assert_eq!(call.await.unwrap(), 500);
        assert_eq!(sent.get(), 500);
    });
}

/// What is read is dropped at both ends as it comes, so this passes through some hundred kilobytes.
#[test]
fn a_stream_of_many_megabytes_is_never_held() {
    run(async {
        let served = Served::start().await;
        let library = served.client().await;
        let mut blobs = library.blobs(64 * 1024).await.unwrap();
        for taken in 1..=1600 {
            assert_eq!(blobs.next().await.unwrap().unwrap().0.len(), 64 * 1024);
            assert!(
                served.seen.made.get() <= taken + 3,
                "{} were made when {taken} were taken",
                served.seen.made.get()
            );
        }
    });
}

#[test]
fn a_caller_that_breaks_off_is_never_taken_for_one_that_ends() {
    run(async {
        let served = Served::start().await;
        let library = served.client().await;
        let endless = books(3).chain(stream::once(pending()));
        let mut call = Box::pin(library.import(endless));
        begin(&mut call).await;
        served.until(|stats| stats.begun() == 1).await;
        drop(call);
        served.until(|stats| stats.cancelled() == 1).await;
        assert_eq!(served.stats.answered(), 0);
    });
}

#[test]
fn an_item_that_cannot_be_read_ends_the_call() {
    run(async {
        let served = Served::start().await;
        served.seen.go_on.set(true);
        let library = served.client().await;
        // Of items that cannot be read as what they should be, none is taken for the end either.
        #[ekiden_rpc::rpc(crate = ekiden_rpc)]
        trait Library {
            async fn import(&self, books: impl stream::Stream<Item = u32>) -> super::library::Summary;
        }
        let wrong = LibraryClient::new(Client::connect(served.addr).await.unwrap());
        let error = wrong.import(stream::iter([7])).await.unwrap_err();
        assert_eq!((error.kind(), error.begun()), (ErrorKind::BadItem, Begun::Yes));
        assert_eq!(library.count().await.unwrap(), 3);
    });
}

#[test]
fn an_item_that_cannot_be_read_ends_a_stream_that_is_made_of_it() {
    #[ekiden_rpc::rpc(crate = ekiden_rpc)]
    trait Library {
        async fn upper(&self, words: impl stream::Stream<Item = u32>) -> impl stream::Stream<Item = String>;
    }
    run(async {
        let served = Served::start().await;
        let remote = Client::connect(served.addr).await.unwrap();
        let local = super::library::LibraryServer::new(Shelves::default());
        let (to_remote, words) = ekiden_reactor::channel::mpsc::channel::<u32>(1);
        let remote = LibraryClient::new(remote).upper(words).await.unwrap();
        let (to_local, words) = ekiden_reactor::channel::mpsc::channel::<u32>(1);
        let local = LibraryClient::new(local).upper(words).await.unwrap();
        // Both have answered by now, as far as they can without an item.
        for (words, mut upper) in [(to_remote, remote), (to_local, local)] {
            words.send(7).await.unwrap();
            let error = upper.next().await.unwrap().unwrap_err();
            assert_eq!((error.kind(), error.begun()), (ErrorKind::BadItem, Begun::Yes), "{error:?}");
            assert_eq!(error.fault(), Fault::Caller);
        }
    });
}

#[test]
fn a_stream_whose_server_is_lost_has_no_end() {
    run(async {
        let served = Served::start().await;
        let library = served.client().await;
        let mut blobs = library.blobs(10).await.unwrap();
        blobs.next().await.unwrap().unwrap();
        // What has come is still there; but then it is told.
        served.server.drain(std::time::Duration::ZERO).await;
        let error = loop {
            match blobs.next().await {
                Some(Ok(_)) => {}
                Some(Err(error)) => break error,
                None => panic!("it was taken for the end"),
            }
        };
        assert_eq!(error.kind(), ErrorKind::Lost);
        assert!(blobs.next().await.is_none());
    });
}
