//! A panic of the application's code, caught: what is an outcome for one call is not the end of others.

use std::any::Any;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// What the application's code panicked with.
///
/// For a protocol whose connections have several calls under way, of which one may panic without harm to the others. Tell
/// the [`Seat`](crate::server::Seat) of it, which counts.
///
/// ```
/// use ekiden_proto::server::Panic;
///
/// # std::panic::set_hook(Box::new(|_| {}));
/// let panic = Panic::catch(|| panic!("no such shelf")).unwrap_err();
/// assert_eq!(panic.to_string(), "no such shelf");
/// ```
pub struct Panic(Option<Box<dyn Any + Send>>);

impl Panic {
    /// Runs the application's code, whose panic is the outcome.
    ///
    /// That what it was working on may be left half-done is the application's to know, hence no bound of
    /// [`UnwindSafe`](std::panic::UnwindSafe). What it drops belongs in here, too: that may panic as well as the rest.
    ///
    /// # Errors
    ///
    /// It panicked. To tell the operator is left to whoever catches it; the panic's own hook has been called.
    #[inline]
    pub fn catch<R>(run: impl FnOnce() -> R) -> Result<R, Self> {
        catch_unwind(AssertUnwindSafe(run)).map_err(|payload| Self(Some(payload)))
    }

    /// Goes on with it, where it is the end of more than a call.
    pub(crate) fn resume(mut self) -> ! {
        match self.0.take() {
            Some(payload) => resume_unwind(payload),
            None => unreachable!("it is taken only here, and when it is dropped"),
        }
    }
}

impl Drop for Panic {
    fn drop(&mut self) {
        // It may be a value of the application's, whose drop panics once more: and what comes of that is left alone.
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(self.0.take())));
        if let Err(payload) = dropped {
            mem::forget(payload);
        }
    }
}

/// The message, if it is a text, as it nearly always is.
impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let payload = self.0.as_deref();
        let text = payload.and_then(|payload| payload.downcast_ref::<&str>().copied());
        let text = text.or_else(|| payload?.downcast_ref::<String>().map(String::as_str));
        f.write_str(text.unwrap_or("(not with a text)"))
    }
}

impl fmt::Debug for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Panic({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::panic::panic_any;

    use super::*;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            panic_any(Self);
        }
    }

    #[test]
    fn one_whose_payload_panics_when_it_is_dropped_harms_nobody() {
        let panic = Panic::catch(|| panic_any(Bomb)).unwrap_err();
        assert_eq!(panic.to_string(), "(not with a text)");
        drop(panic);
    }

    #[test]
    fn its_text_is_that_of_the_panic() {
        let number = 7;
        assert_eq!(Panic::catch(|| panic!("shelf {number}")).unwrap_err().to_string(), "shelf 7");
        assert_eq!(Panic::catch(|| panic!("no shelf")).unwrap_err().to_string(), "no shelf");
        assert_eq!(Panic::catch(|| 7).unwrap(), 7);
    }
}
