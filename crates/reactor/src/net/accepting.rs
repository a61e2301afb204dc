//! What all listeners have in common: they live through what accepting can meet besides connections.

use std::cell::Cell;
use std::io;
use std::task::{Context, Poll};

use super::{Incoming, Setbacks};
use crate::interest::Way;
use crate::pauses::Pause;
use crate::registration::Registration;
use crate::task::budget::ACCEPT_COST;

/// The part of a listener that is the same for every kind of socket; `one` accepts from the socket.
pub(super) struct Accepting {
    registration: Registration,
    setbacks: Cell<Setbacks>,
    pause: Pause,
}

impl Accepting {
    pub(super) fn new(registration: Registration) -> Self {
        Self { registration, setbacks: Cell::default(), pause: Pause::default() }
    }

    pub(super) fn registration(&self) -> &Registration {
        &self.registration
    }

    pub(super) async fn accept<T>(&self, one: impl Fn() -> io::Result<T>) -> io::Result<T> {
        let one = &one;
        self.registration.use_by(Way::Read, ACCEPT_COST, move || self.accept_now(one)).await
    }

    pub(super) fn try_accept<T>(&self, one: impl Fn() -> io::Result<T>) -> io::Result<Option<T>> {
        self.registration.try_use(Way::Read, ACCEPT_COST, || self.accept_now(&one))
    }

    pub(super) fn poll_accept<T>(
        &self,
        cx: &Context<'_>,
        one: impl Fn() -> io::Result<T>,
    ) -> Poll<io::Result<T>> {
        self.registration.poll_use(Way::Read, ACCEPT_COST, cx, || self.accept_now(&one))
    }

    /// What [`accept`](Self::accept) returns, again and again.
    pub(super) fn incoming<'a, T>(&'a self, one: impl Fn() -> io::Result<T> + 'a) -> Incoming<'a, T> {
        Incoming::new(&self.registration, move || self.accept_now(&one).map(Some))
    }

    /// The next connection that is well, or `WouldBlock`.
    pub(super) fn accept_now<T>(&self, one: &impl Fn() -> io::Result<T>) -> io::Result<T> {
        if self.pause.is_on(&self.registration) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        loop {
            match one() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    let pause = Setbacks::among(&self.setbacks, |setbacks| setbacks.handle_error(error))?;
                    if !pause.is_zero() {
                        self.pause.begin(&self.registration, pause);
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                }
                accepted_or_none => {
                    Setbacks::among(&self.setbacks, Setbacks::handle_success);
                    return accepted_or_none;
                }
            }
        }
    }
}
