//! A latch.
#![allow(missing_docs, missing_debug_implementations, reason = "a stand-in for an hour")]
use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
#[derive(Clone, Default)]
pub struct Latch(Rc<(Cell<bool>, RefCell<Vec<Waker>>)>);
pub struct Wait(Latch);
impl std::fmt::Debug for Latch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Latch")
    }
}
impl Latch {
    pub fn new() -> Self {
        Self::default()
    }
    pub fn open(&self) {
        self.0.0.set(true);
        let w = std::mem::take(&mut *self.0.1.borrow_mut());
        for w in w {
            w.wake();
        }
    }
    pub fn is_open(&self) -> bool {
        self.0.0.get()
    }
    pub fn wait(&self) -> Wait {
        Wait(self.clone())
    }
}
impl Future for Wait {
    type Output = ();
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0.is_open() {
            return Poll::Ready(());
        }
        self.0.0.1.borrow_mut().push(cx.waker().clone());
        Poll::Pending
    }
}
