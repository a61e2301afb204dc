//! The two ends by hand: `client` and `server` each against a peer that a script plays, and `both` against each other with
//! the wire between them cut into pieces. Then what went wrong once: with peers that are `slow`, by `panics` of the
//! application's, and in the `truth` of what is said.

mod client;
mod server;
mod both;
mod slow;
mod panics;
mod truth;

use std::collections::BTreeMap;
use std::task::{Context, Poll};

use bytes::Bytes;
use ekiden_reactor::channel::mpsc;
use ekiden_reactor::yield_now;
use ekiden_service::Failure;
use futures_core::Stream as _;

use super::{Body, Error};

/// The bodies that a test makes and reads, by name.
#[derive(Default)]
struct Bodies {
    made: BTreeMap<String, mpsc::Sender<Result<Bytes, &'static str>>>,
    read: BTreeMap<String, Body>,
}

impl Bodies {
    /// A body that is made step by step.
    fn make(&mut self, name: &str) -> Body {
        let (sender, receiver) = mpsc::unbounded();
        self.made.insert(name.to_owned(), sender);
        Body::new(receiver)
    }

    /// Whether anybody waits for what is made.
    fn is_wanted(&self, name: &str) -> bool {
        !self.made[name].is_closed()
    }

    /// Plays `send NAME TEXT`, `finish NAME`, `fail NAME`, `read NAME`, `forget NAME`, `wanted NAME`. Says what came of it;
    /// nothing if it is another step.
    fn play(&mut self, verb: &str, what: &str, cx: &mut Context<'_>) -> Option<Option<String>> {
        let (name, text) = what.split_once(' ').unwrap_or((what, ""));
        match verb {
            "send" => drop(self.made[name].try_send(Ok(Bytes::from(text.to_owned())))),
            "fail" => drop(self.made[name].try_send(Err("no paper"))),
            "finish" => drop(self.made.remove(name)),
            "wanted" => return Some(Some(format!("{name} wanted: {}", self.is_wanted(name)))),
            "forget" => drop(self.read.remove(name).unwrap()),
            "read" => {
                let body = self.read.get_mut(name).unwrap();
                let read = match std::pin::Pin::new(body).poll_next(cx) {
                    Poll::Pending => format!("{name} waits"),
                    Poll::Ready(None) => format!("{name} ends"),
                    Poll::Ready(Some(Ok(bytes))) => format!("{name}: {}", String::from_utf8_lossy(&bytes)),
                    Poll::Ready(Some(Err(error))) => format!("{name} {}", told(&error)),
                };
                return Some(Some(read));
            }
            _ => return None,
        }
        Some(None)
    }
}

/// Lets all who can do something do it.
async fn settle() {
    for _ in 0..20 {
        yield_now().await;
    }
}

/// An error and all its causes, and whether the request was begun.
fn told(error: &Error) -> String {
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let causes: Vec<_> = causes.map(ToString::to_string).collect();
    format!("! {} (begun: {:?})", causes.join(": "), error.begun())
}
