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

/// Does something in which no panic of this thread is printed. It must catch them itself.
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
    let was_quiet = IS_QUIET.replace(true);
    let done = f();
    IS_QUIET.set(was_quiet);
    done
}
