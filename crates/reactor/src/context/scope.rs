//! Scopes: a context around a future or a call.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};

use pin_project_lite::pin_project;

use super::current::swap_in;
use super::value::Context;

impl Context {
    /// Runs a future in this context: it is in effect while the future is polled, and while it is dropped.
    ///
    /// ```
    /// use ekiden_reactor::context::{Context, Key};
    ///
    /// static TENANT: Key<&str> = Key::inherited();
    ///
    /// # ekiden_reactor::run(async {
    /// let tenant = || TENANT.with(|tenant| *tenant);
    /// let acme = Context::current().with(&TENANT, "acme").scope(async move { tenant() });
    /// assert_eq!((acme.await, tenant()), (Some("acme"), None));
    /// # });
    /// ```
    ///
    /// # Cancel safety
    ///
    /// That of the future.
    pub fn scope<F: Future>(self, future: F) -> Scope<F> {
        Scope { context: self, future: Some(future) }
    }

    /// Calls a function in this context: for what is not a future, such as spawning a task that begins with it.
    ///
    /// ```
    /// use ekiden_reactor::{TaskGroup, context::Context};
    /// # async fn clean_up() {}
    ///
    /// # ekiden_reactor::run(async {
    /// let mut group = TaskGroup::new(10);
    /// let spawned = Context::none().sync_scope(|| group.try_spawn(clean_up()));
    /// # assert!(spawned.is_ok());
    /// # });
    /// ```
    pub fn sync_scope<R>(mut self, call: impl FnOnce() -> R) -> R {
        let _swapped = swap_in(&mut self);
        call()
    }
}

pin_project! {
    /// A future in a context; see [`Context::scope`].
    #[must_use = "futures do nothing unless polled"]
    pub struct Scope<F> {
        // While the future is polled, the context around it.
        context: Context,
        // `None` only while it is dropped.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Scope<F> {
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            let _swapped = swap_in(this.context);
            this.future.set(None);
        }
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _swapped = swap_in(this.context);
        match this.future.as_pin_mut() {
            Some(future) => future.poll(cx),
            None => unreachable!("it is being dropped"),
        }
    }
}

impl<F> fmt::Debug for Scope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scope").field("context", &self.context).finish_non_exhaustive()
    }
}
