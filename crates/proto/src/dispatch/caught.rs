//! A call whose panic is its outcome: [`Caught`].

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;

use crate::server::Panic;

pin_project! {
    /// Makes a call and runs it. A panic of the application's code ends this call, and not the connection with all others.
    ///
    /// That what it was working on may be left half-done is the application's to know; of ours it touches nothing.
    ///
    /// The call is made where it will run: its future may be large, and is not moved about.
    #[project = CaughtNow]
    #[derive(Debug)]
    pub(crate) enum Caught<Make, Arg, F> {
        // `None` only while it is made, and after a panic of that.
        Begins { make: Option<(Make, Arg)> },
        Runs { #[pin] future: F },
    }
}

impl<Make, Arg, F> Caught<Make, Arg, F> {
    pub(crate) const fn new(make: Make, arg: Arg) -> Self {
        Self::Begins { make: Some((make, arg)) }
    }
}

impl<Make: FnOnce(Arg) -> F, Arg, F: Future> Future for Caught<Make, Arg, F> {
    type Output = Result<F::Output, Panic>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let run = || {
            if let CaughtNow::Begins { make } = self.as_mut().project() {
                let (make, arg) = make.take().expect("a call is not polled again after a panic");
                self.set(Self::Runs { future: make(arg) });
            }
            let CaughtNow::Runs { future } = self.as_mut().project() else { unreachable!("it has begun") };
            let output = ready!(future.poll(cx));
            // Here, since to drop it may panic, too.
            self.set(Self::Begins { make: None });
            Poll::Ready(output)
        };
        match Panic::catch(run) {
            Ok(polled) => polled.map(Ok),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}
