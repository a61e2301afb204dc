//! Typed calls: a trait, a server of whoever implements it, and a client, in one file.
//!
//! ```console
//! $ cargo run --release --example rpc
//! $ cargo run --release --example rpc 127.0.0.1:7005 Emma Ulysses
//! Emma: 474 pages
//! Ulysses: not here
//! 2 titles were looked for so far: Emma, Ulysses
//! ```
//!
//! With an address alone it serves there; with titles behind the address it asks the server that is there.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::error::Error;
use std::io::{Write, stdout};
use std::time::Duration;

use ekiden::net::TcpListener;
use ekiden::rpc::{self, Client};
use ekiden::{MiddlewareExt, spawn};
use futures_util::stream::{self, Stream, StreamExt};
use serde::{Deserialize, Serialize};

/// What both ends know.
#[ekiden::rpc]
pub trait Library {
    /// Looks a book up.
    async fn find(&self, title: String) -> Result<Book, NotFound>;
    /// What was looked for so far, or the last hundred of it.
    async fn searches(&self) -> impl Stream<Item = String>;
    /// Takes new books, while there is room, and says how many pages they have.
    async fn import(&self, books: impl Stream<Item = Book>) -> u64;
}

/// What is on the shelves.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Book {
    /// What it is called.
    pub title: String,
    /// How long it is.
    pub pages: u32,
}

/// What is not.
#[derive(Debug, Serialize, Deserialize)]
pub struct NotFound;

/// What only the server knows.
#[derive(Default)]
struct Shelves {
    books: RefCell<BTreeMap<String, Book>>,
    searches: RefCell<VecDeque<String>>,
}

// Whoever calls has these grow, so they have an end.
const BOOKS_MAX: usize = 10_000;
const SEARCHES_MAX: usize = 100;

impl Library for Shelves {
    async fn find(&self, title: String) -> Result<Book, NotFound> {
        let mut searches = self.searches.borrow_mut();
        searches.push_back(title.clone());
        if searches.len() > SEARCHES_MAX {
            searches.pop_front();
        }
        self.books.borrow().get(&title).cloned().ok_or(NotFound)
    }

    async fn searches(&self) -> impl Stream<Item = String> {
        stream::iter(self.searches.borrow().clone())
    }

    async fn import(&self, books: impl Stream<Item = Book>) -> u64 {
        let shelve = async |pages: u64, book: Book| {
            let mut books = self.books.borrow_mut();
            if books.len() >= BOOKS_MAX && !books.contains_key(&book.title) {
                return pages;
            }
            let more = u64::from(book.pages);
            books.insert(book.title.clone(), book);
            pages.saturating_add(more)
        };
        books.fold(0, shelve).await
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let addr = args.next().unwrap_or_else(|| "127.0.0.1:7005".to_owned());
    let titles: Vec<String> = args.collect();
    ekiden::run(async {
        if !titles.is_empty() {
            return ask(&addr, titles, &mut stdout()).await;
        }
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        println!("listening on {addr}; in another terminal: cargo run --release --example rpc {addr} Emma");
        serve(listener).await
    })
}

/// Serves a library, until somebody asks the program to end.
pub async fn serve(listener: TcpListener) -> Result<(), Box<dyn Error>> {
    // Middlewares fit around it: here no call takes longer, its streams included, whatever its caller says.
    let library = LibraryServer::new(Shelves::default()).timeout(Duration::from_secs(10));
    rpc::serve(listener, library).await?;
    Ok(())
}

/// Looks all titles up at once, over one connection.
pub async fn ask(addr: &str, titles: Vec<String>, output: &mut dyn Write) -> Result<(), Box<dyn Error>> {
    let library = LibraryClient::new(Client::connect(addr).await?.timeout(Duration::from_secs(2)));
    library.import(stream::iter([Book { title: "Emma".to_owned(), pages: 474 }])).await?;
    let calls: Vec<_> = titles
        .into_iter()
        .map(|title| {
            let library = library.clone();
            spawn(async move { (library.find(title.clone()).await, title) })
        })
        .collect();
    for call in calls {
        let (found, title) = call.await?;
        match found? {
            Ok(book) => writeln!(output, "{title}: {} pages", book.pages)?,
            Err(NotFound) => writeln!(output, "{title}: not here")?,
        }
    }
    let mut searches = library.searches().await?;
    let mut titles = Vec::new();
    while let Some(title) = searches.next().await {
        titles.push(title?);
    }
    writeln!(output, "{} titles were looked for so far: {}", titles.len(), titles.join(", "))?;
    Ok(())
}
