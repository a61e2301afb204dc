//! The trait that the tests call, and a library that implements it.

use std::cell::{Cell, RefCell};
use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use ekiden_proto::multiplex::Stats;
use ekiden_proto::server::Server;
use ekiden_reactor::channel::Notify;
use ekiden_reactor::context;
use ekiden_reactor::net::TcpListener;
use ekiden_rpc::server::Config;
use ekiden_rpc::{Client, rpc};
use futures_util::stream::{self, Stream, StreamExt};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Book {
    pub(crate) title: String,
    pub(crate) pages: u32,
    pub(crate) isbn: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NotFound {
    pub(crate) title: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    pub(crate) books: u32,
    pub(crate) pages: u32,
}

#[rpc(crate = ekiden_rpc)]
pub(crate) trait Library {
    async fn find(&self, title: String) -> Result<Book, NotFound>;
    async fn count(&self) -> u32;
    /// Waits for ever, if it is to.
    async fn wait(&self, for_ever: bool);
    async fn panics(&self);
    async fn numbers(&self, until: u32) -> impl Stream<Item = u32>;
    /// What `take` takes of a stream that has no end, and counts in `made`.
    async fn blobs(&self, bytes: u32) -> impl Stream<Item = Blob>;
    async fn pages(&self, title: String) -> Result<impl Stream<Item = u32>, NotFound>;
    async fn import(&self, books: impl Stream<Item = Book>) -> Summary;
    async fn swallow(&self, until: u32, blobs: impl Stream<Item = Blob>) -> u32;
    async fn upper(&self, words: impl Stream<Item = String>) -> impl Stream<Item = String>;
    /// How many milliseconds are left.
    async fn left(&self) -> Option<u64>;
    async fn trace(&self) -> Option<String>;
    /// So many bytes.
    async fn bytes(&self, count: u32) -> Blob;
}

/// Bytes as such, and not as a list of numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Blob(pub(crate) Vec<u8>);

impl Serialize for Blob {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Blob {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl serde::de::Visitor<'_> for Bytes {
            type Value = Blob;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Blob, E> {
                Ok(Blob(bytes.to_vec()))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// A library with three books.
#[derive(Clone, Default)]
pub(crate) struct Shelves(pub(crate) Rc<Seen>);

/// What a test sees of its calls.
#[derive(Default)]
pub(crate) struct Seen {
    /// Calls of `wait` that have begun, and that were dropped.
    pub(crate) waiting: Cell<u32>,
    pub(crate) dropped: Cell<u32>,
    /// Items that `numbers` and `blobs` have made, and that `swallow` has taken.
    pub(crate) made: Cell<u32>,
    pub(crate) taken: Cell<u32>,
    /// What `swallow` waits for when it has taken enough.
    pub(crate) go_on: Cell<bool>,
    pub(crate) titles: RefCell<Vec<String>>,
    pub(crate) changed: Notify,
}

impl Seen {
    /// Waits until something is seen.
    pub(crate) async fn until(&self, is_seen: impl Fn(&Self) -> bool) {
        while !is_seen(self) {
            self.changed.notified().await;
        }
    }

    fn count(&self, counter: &Cell<u32>) {
        counter.set(counter.get() + 1);
        self.changed.notify_waiters();
    }
}

struct CountsDrops(Rc<Seen>);

impl Drop for CountsDrops {
    fn drop(&mut self) {
        self.0.count(&self.0.dropped);
    }
}

fn emma() -> Book {
    Book { title: "Emma".to_owned(), pages: 474, isbn: None }
}

impl Library for Shelves {
    async fn find(&self, title: String) -> Result<Book, NotFound> {
        self.0.titles.borrow_mut().push(title.clone());
        if title == "Emma" { Ok(emma()) } else { Err(NotFound { title }) }
    }

    async fn count(&self) -> u32 {
        3
    }

    async fn wait(&self, for_ever: bool) {
        let _drops = CountsDrops(self.0.clone());
        self.0.count(&self.0.waiting);
        if for_ever {
            pending::<()>().await;
        }
    }

    async fn panics(&self) {
        panic!("as the test has it");
    }

    async fn numbers(&self, until: u32) -> impl Stream<Item = u32> {
        stream::iter(0..until).inspect(|_| self.0.count(&self.0.made))
    }

    async fn blobs(&self, bytes: u32) -> impl Stream<Item = Blob> {
        stream::repeat_with(move || Blob(vec![b'x'; bytes as usize])).inspect(|_| self.0.count(&self.0.made))
    }

    async fn pages(&self, title: String) -> Result<impl Stream<Item = u32>, NotFound> {
        if title == "Emma" { Ok(stream::iter(1..=474)) } else { Err(NotFound { title }) }
    }

    async fn import(&self, books: impl Stream<Item = Book>) -> Summary {
        let none = Summary { books: 0, pages: 0 };
        books
            .fold(none, async |sum, book| Summary { books: sum.books + 1, pages: sum.pages + book.pages })
            .await
    }

    async fn swallow(&self, until: u32, blobs: impl Stream<Item = Blob>) -> u32 {
        let mut blobs = pin!(blobs);
        while self.0.taken.get() < until && blobs.next().await.is_some() {
            self.0.count(&self.0.taken);
        }
        self.0.until(|seen| seen.go_on.get()).await;
        while blobs.next().await.is_some() {
            self.0.count(&self.0.taken);
        }
        self.0.taken.get()
    }

    async fn upper(&self, words: impl Stream<Item = String>) -> impl Stream<Item = String> {
        words.map(|word| word.to_uppercase())
    }

    async fn left(&self) -> Option<u64> {
        context::remaining().map(|left| left.as_millis() as u64)
    }

    async fn trace(&self) -> Option<String> {
        context::trace().map(|trace| trace.to_string())
    }

    async fn bytes(&self, count: u32) -> Blob {
        Blob(vec![b'x'; count as usize])
    }
}

/// A server of that library, on a free port.
pub(crate) struct Served {
    pub(crate) server: Server,
    pub(crate) addr: SocketAddr,
    pub(crate) stats: Stats,
    pub(crate) seen: Rc<Seen>,
}

impl Served {
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    pub(crate) async fn with(mut config: Config) -> Self {
        let stats = Stats::default();
        config.dispatch.stats = stats.clone();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a place to listen");
        let addr = listener.local_addr().expect("it has one");
        let shelves = Shelves::default();
        let seen = shelves.0.clone();
        let server = config.serve(listener, LibraryServer::new(shelves));
        Self { server, addr, stats, seen }
    }

    pub(crate) async fn client(&self) -> LibraryClient<Client> {
        LibraryClient::new(Client::connect(self.addr).await.expect("somebody listens"))
    }

    /// Waits until the counters say so. They change on this thread, in other tasks.
    pub(crate) async fn until(&self, is_so: impl Fn(&Stats) -> bool) {
        for _ in 0..TURNS_MAX {
            if is_so(&self.stats) {
                return;
            }
            ekiden_reactor::yield_now().await;
        }
        panic!("it does not come about: {:?}", self.stats);
    }

    pub(crate) async fn drain(self) {
        self.server.drain(Duration::from_secs(30)).await;
    }
}

/// Some seconds. Only what never comes about takes so many.
const TURNS_MAX: u32 = 1_000_000;

/// Polls a future a little, and leaves it.
pub(crate) async fn begin<F: Future + Unpin>(future: &mut F) {
    poll_fn(|cx| {
        assert!(std::pin::Pin::new(&mut *future).poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}
