//! A connection's task: it serves the connection for as long as that is there.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ekiden_reactor::net::Hangup;
use pin_project_lite::pin_project;

use super::state::Open;

pin_project! {
    /// Serves a connection, and then closes its place.
    ///
    /// Not an async function, which would keep room for what it is given beside that for what it waits for: each idle
    /// connection has one.
    pub(super) struct Connection<Begin, Serving> {
        #[pin]
        stage: Stage<Begin, Serving>,
        hangup: Option<Hangup>,
        // Last, so that the connection is closed when its place is free again.
        open: Open,
    }
}

pin_project! {
    /// What is called once and what it makes are never there at the same time, so they share their room.
    #[project = StageNow]
    enum Stage<Begin, Serving> {
        // `None` only while it is called, and after a panic of it.
        Begins { begin: Option<Begin> },
        Serves { #[pin] serving: Serving },
        Over,
    }
}

impl<Begin: FnOnce() -> Serving, Serving: Future<Output = ()>> Connection<Begin, Serving> {
    /// `begin` is called by the task, as if it panics, that is the connection's.
    pub(super) fn new(open: Open, hangup: Option<Hangup>, begin: Begin) -> Self {
        Self { stage: Stage::Begins { begin: Some(begin) }, hangup, open }
    }
}

impl<Begin: FnOnce() -> Serving, Serving: Future<Output = ()>> Future for Connection<Begin, Serving> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        if let StageNow::Begins { begin } = this.stage.as_mut().project() {
            let begin = begin.take().expect("a task is not polled again after a panic");
            let serving = begin();
            this.stage.set(Stage::Serves { serving });
        }
        let StageNow::Serves { serving } = this.stage.as_mut().project() else {
            panic!("a connection was polled after its end")
        };
        match this.hangup {
            // That a client has gone away is its own business.
            Some(hangup) => drop(ready!(hangup.poll_guarded(cx, serving))),
            None => ready!(serving.poll(cx)),
        }
        // First what was served: if dropping that panics, it has not come to its own end.
        this.stage.set(Stage::Over);
        this.open.handle_end();
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a connection that waits holds for its server, beside its place in the table of those that are open, and
    /// beside the future that was made for it.
    fn besides<F: Future>(_begin: impl FnOnce() -> F) -> usize {
        size_of::<Connection<fn() -> F, F>>() - size_of::<F>()
    }

    /// Each idle connection has one, so each word counts. It was 56 bytes, and two boxes.
    #[test]
    fn it_is_small() {
        let besides = besides(async || {
            let buffer = vec![0];
            std::future::pending::<()>().await;
            drop(buffer);
        });
        assert!(besides <= 32, "{besides}");
    }
}
