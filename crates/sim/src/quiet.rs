//! Panics that nobody needs to read: those of runs that are done again and again to learn whether they fail.
//!
//! What each of them has to say is in its [`Failure`](crate::Failure). The process's hook is put behind one that looks at the
//! thread, as tests of other threads go on meanwhile, and stays there.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Does something in which no panic of this thread is printed. It should catch them itself.
pub(crate) fn quietly<T>(f: impl FnOnce() -> T) -> T {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_QUIET.get() {
                before(info);
            }
        }));
    });
    let _quiet = Quiet { was_quiet: IS_QUIET.replace(true) };
    f()
}

/// A thread that is quiet until this is dropped, be it by a panic.
struct Quiet {
    was_quiet: bool,
}

impl Drop for Quiet {
    fn drop(&mut self) {
        IS_QUIET.set(self.was_quiet);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_that_gets_out_leaves_no_quiet_behind() {
        assert!(panic::catch_unwind(|| quietly(|| panic!("it gets out"))).is_err());
        assert!(!IS_QUIET.get());
        quietly(|| {
            quietly(|| ());
            assert!(IS_QUIET.get(), "the outer one goes on");
        });
    }
}
