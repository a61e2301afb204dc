//! Keys: by which a program keeps values of its own in a context. A key is a static with a number.

use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::current;

/// Where a program keeps a value in each context: a tenant, a user's rights, the name of an experiment.
///
/// A key is a `static`, so what reads a value and what keeps it agree on its type by naming the key. The value need not
/// be `Send`, as it stays on its core; it is read, and replaced for what one calls, and never changed.
///
/// ```
/// use ekiden_reactor::context::{Context, Key};
///
/// /// Whoever works for the request knows for whom.
/// static USER: Key<String> = Key::inherited();
/// /// How often this call was tried; what it spawns is not a try.
/// static ATTEMPT: Key<u32> = Key::local();
///
/// # ekiden_reactor::run(async {
/// let context = Context::current().with(&USER, "ada".to_owned()).with(&ATTEMPT, 2);
/// context
///     .scope(async {
///         assert_eq!(USER.with(|user| user.len()), Some(3));
///         assert_eq!(ATTEMPT.get().as_deref(), Some(&2));
///     })
///     .await;
/// assert_eq!(USER.get(), None);
/// # });
/// ```
pub struct Key<T> {
    /// In the order in which they were first used, from 1; 0 before.
    number: AtomicUsize,
    passes: Passes,
    value: PhantomData<fn() -> T>,
}

/// Whether a task that is spawned begins with the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Passes {
    Yes,
    No,
}

impl<T: 'static> Key<T> {
    /// A key of a value that spawned tasks inherit: of the request, whoever works for it.
    #[must_use]
    pub const fn inherited() -> Self {
        Self::new(Passes::Yes)
    }

    /// A key of a value that a spawned task does not see: of this very call.
    #[must_use]
    pub const fn local() -> Self {
        Self::new(Passes::No)
    }

    const fn new(passes: Passes) -> Self {
        Self { number: AtomicUsize::new(0), passes, value: PhantomData }
    }

    /// The value in the current context, to keep for as long as one likes.
    #[must_use]
    pub fn get(&'static self) -> Option<Rc<T>> {
        let value = current::with_rest(|rest| rest.value(self.number()).cloned()).flatten()?;
        value.downcast().ok()
    }

    /// Calls `read` with the value in the current context, if there is one.
    pub fn with<R>(&'static self, read: impl FnOnce(&T) -> R) -> Option<R> {
        self.get().map(|value| read(&value))
    }

    pub(super) fn passes(&self) -> Passes {
        self.passes
    }

    /// Its place among the values of a context. Given when it is first asked for, so that they are dense.
    pub(super) fn number(&self) -> usize {
        match self.number.load(Ordering::Relaxed) {
            0 => self.take_number(),
            number => number - 1,
        }
    }

    #[cold]
    fn take_number(&self) -> usize {
        static TAKEN: AtomicUsize = AtomicUsize::new(0);
        let taken = TAKEN.fetch_add(1, Ordering::Relaxed) + 1;
        // Another thread may have been first; then a number is nobody's, and a place stays empty.
        match self.number.compare_exchange(0, taken, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => taken - 1,
            Err(number) => number - 1,
        }
    }
}

impl<T> fmt::Debug for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key<{}>", type_name::<T>())
    }
}
