//! What a task asked for in its last poll and did not get, told by whatever it asked.
//!
//! Sockets and timers are in tables of the core, where whoever lists tasks finds who waits for them. Channels and their
//! like are in no table; so when one is about to answer "not yet" it leaves a note of one byte here, where the loop
//! takes it at the end of the poll. A note is a few instructions, and only on the way to a wait.

use std::cell::Cell;
use std::fmt;
use std::iter;
use std::task::Poll;

thread_local! {
    /// The notes of the poll that goes on, the latest in the lowest byte. The thread's and not the core's, as is the
    /// budget: a core runs on one thread, and to go and find the core would cost more than the note.
    static NOTES: Cell<u64> = const { Cell::new(0) };
}

/// The kinds of what is asked for, and how a listing names each: one list, by which a note is also read, so that none that
/// can be left can be missing there.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// What a task asked for and did not get yet. As a text it is what the table of tasks says: `mpsc recv`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum Asked {
            $($(#[$doc])* $kind,)*
        }

        impl Asked {
            /// By their numbers, from zero.
            const ALL: &[Self] = &[$(Self::$kind,)*];

            fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// What the core's own tables tell, a socket or a timer, and better: it is no [`Wait`](crate::inspect::Wait).
    #[doc(hidden)]
    Listed = "source",
    /// The value of a `oneshot`.
    OneshotRecv = "oneshot recv",
    /// That nobody waits for the value of a `oneshot` any more.
    OneshotClosed = "oneshot closed",
    /// An item of an `mpsc`.
    MpscRecv = "mpsc recv",
    /// A place for an item in an `mpsc`.
    MpscSend = "mpsc send",
    /// That nobody receives from an `mpsc` any more.
    MpscClosed = "mpsc closed",
    /// Another value of a `watch`.
    WatchChanged = "watch changed",
    /// That nobody looks at a `watch` any more.
    WatchClosed = "watch closed",
    /// An item of a `broadcast`.
    BroadcastRecv = "broadcast recv",
    /// Permits of a semaphore.
    Semaphore = "semaphore",
    /// A mutex.
    Mutex = "mutex",
    /// A `Notify`.
    Notify = "notify",
    /// A `Latch`.
    Latch = "latch",
    /// The shutdown.
    Shutdown = "shutdown",
    /// A signal of the system.
    Signal = "signal",
    /// The end of a task of the same reactor.
    Join = "join",
    /// The end of a task of a group, or a place in it.
    Group = "group join",
    /// The end of a task that was spawned from without its reactor.
    Remote = "join of a remote task",
    /// The end of a job that blocks.
    Blocking = "blocking job",
    /// What a name stands for.
    Lookup = "name look-up",
    /// A piece of the standard input.
    Input = "standard input",
    /// A timer, of something within the task: the core's own table does not tell whose that is.
    Timer = "timer",
}

/// The notes of one poll: the last seven, the latest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes(u64);

/// Leaves a note.
#[inline]
pub(crate) fn note(asked: Asked) {
    leave(asked.note());
}

/// Leaves a note of what is between threads.
#[inline]
pub(crate) fn note_between_threads(asked: Asked) {
    leave(asked.note() | BETWEEN_THREADS);
}

#[inline]
fn leave(note: u8) {
    NOTES.set((NOTES.get() << 8 | u64::from(note)) & ALL);
}

/// Polls what is made of other things that are waited for, and leaves one note in place of theirs, as it says more.
pub(crate) fn poll_as<T>(asked: Asked, poll: impl FnOnce() -> Poll<T>) -> Poll<T> {
    let before = NOTES.get();
    let polled = poll();
    if polled.is_pending() {
        NOTES.set(before);
        note(asked);
    }
    polled
}

/// The same for what a tick asks: one note in place of those that it leaves, if it leaves any.
pub(crate) fn try_as<T>(asked: Asked, ask: impl FnOnce() -> T) -> T {
    let before = NOTES.get();
    let answer = ask();
    if NOTES.get() != before {
        NOTES.set(before);
        note(asked);
    }
    answer
}

/// A poll begins.
#[inline]
pub(super) fn begin() {
    NOTES.set(0);
}

/// The notes of the poll that has just ended.
#[inline]
pub(super) fn taken() -> Notes {
    Notes(NOTES.get())
}

impl Notes {
    /// These; or if there are none, those of an earlier poll, marked as such: something within the task that the last
    /// poll did not ask anew may still wait.
    #[inline]
    pub(super) fn or_earlier(self, earlier: Self) -> Self {
        if self.0 == 0 { Self(earlier.0 | EARLIER) } else { self }
    }

    /// Whether there may have been more before them.
    pub(crate) fn are_full(self) -> bool {
        (self.0 & ALL) >> (6 * 8) != 0
    }

    /// Whether they are of an earlier poll than the last one.
    pub(crate) fn are_earlier(self) -> bool {
        self.0 & EARLIER != 0
    }

    /// What was asked, the latest first, and whether it is between threads.
    pub(crate) fn all(self) -> impl Iterator<Item = (Asked, bool)> {
        let mut left = self.0 & ALL;
        iter::from_fn(move || {
            let note = (left & 0xff) as u8;
            left >>= 8;
            let number = (note & !BETWEEN_THREADS).checked_sub(1)?;
            Some((Asked::ALL[usize::from(number)], note & BETWEEN_THREADS != 0))
        })
    }
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl Asked {
    /// Its note: its number from one, since a byte of zero is none.
    #[inline]
    fn note(self) -> u8 {
        self as u8 + 1
    }
}

const BETWEEN_THREADS: u8 = 0x80;
/// Seven bytes are notes.
const ALL: u64 = (1 << 56) - 1;
const EARLIER: u64 = 1 << 63;

#[cfg(test)]
mod tests {
    use super::*;

    fn names(notes: Notes) -> Vec<&'static str> {
        notes.all().map(|(asked, _)| asked.name()).collect()
    }

    #[test]
    fn every_note_is_read_as_it_was_left() {
        for &asked in Asked::ALL {
            begin();
            note(asked);
            note_between_threads(asked);
            assert_eq!(taken().all().collect::<Vec<_>>(), [(asked, true), (asked, false)]);
        }
    }

    #[test]
    fn the_last_seven_notes_are_kept() {
        begin();
        note(Asked::Latch);
        (0..7).for_each(|_| note(Asked::Notify));
        assert_eq!(names(taken()), ["notify"; 7]);
        assert!(taken().are_full());
        begin();
        (0..6).for_each(|_| note(Asked::Notify));
        assert!(!taken().are_full());
    }

    #[test]
    fn what_says_more_takes_the_place_of_what_it_is_made_of() {
        begin();
        note(Asked::MpscRecv);
        let pending = poll_as(Asked::Blocking, || {
            note(Asked::OneshotRecv);
            note(Asked::Listed);
            Poll::<()>::Pending
        });
        assert!(pending.is_pending());
        assert_eq!(names(taken()), ["blocking job", "mpsc recv"]);
    }

    #[test]
    fn notes_of_an_earlier_poll_say_so() {
        begin();
        note(Asked::Join);
        let first = taken().or_earlier(Notes::default());
        assert!(!first.are_earlier());
        begin();
        let second = taken().or_earlier(first);
        assert_eq!((names(second), second.are_earlier()), (vec!["join"], true));
        note(Asked::Latch);
        let third = taken().or_earlier(second);
        assert_eq!((names(third), third.are_earlier()), (vec!["latch"], false));
    }
}
