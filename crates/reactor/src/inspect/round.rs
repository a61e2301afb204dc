//! A round of questions: every core is asked what its tasks do, while whoever asks stands still.
//!
//! A core that asks shows its own answer first, to whoever else may ask: two that ask each other would both stand still until
//! their patience ends, and each would take the other for held.

use std::panic::Location;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::tasks::{Listing, worst};
use crate::core::{self, ReactorId};
use crate::driver::os;
use crate::inbox::{Inbox, Maker};
use crate::presence::Life;

/// What one core has answered.
pub(super) type Answer = (ReactorId, Arc<Listing>);

/// One who asks, until it is dropped.
pub(super) struct Round(u64);

/// All that was answered in the rounds that go on.
struct Board {
    /// How many rounds there were.
    rounds: u64,
    going_on: Vec<u64>,
    answers: Vec<Posted>,
}

struct Posted {
    round: u64,
    /// Whether it is for every round that has begun before this one ends: it is of the core that asks in this one.
    is_shown: bool,
    /// Once the round has ended: the last that had begun by then.
    last: Option<u64>,
    answer: Answer,
}

static BOARD: Mutex<Board> = Mutex::new(Board { rounds: 0, going_on: Vec::new(), answers: Vec::new() });

/// Something was posted.
static POSTED: Condvar = Condvar::new();

impl Round {
    /// Somebody asks; with the answer of the core on which that is.
    pub(super) fn begin(here: Option<Answer>) -> Self {
        let mut board = lock();
        board.rounds += 1;
        let round = board.rounds;
        board.going_on.push(round);
        board.answers.extend(here.map(|answer| Posted { round, is_shown: true, last: None, answer }));
        POSTED.notify_all();
        Self(round)
    }

    /// Asks a core, by a letter; false if nobody would read it.
    pub(super) fn ask(&self, reactor: &Arc<Inbox>) -> bool {
        // In a world made up for a test nothing goes on while we wait.
        if !reactor.time_passes() || reactor.life() == Life::Out {
            return false;
        }
        let round = self.0;
        let make = Box::new(move || {
            // Nobody may wait any more, and a look at all tasks takes its time.
            let goes_on = lock().goes_on(round);
            if goes_on
                && let Some(answer) = core::try_with(|core| (core.id, Arc::new(worst(core, TASKS_MAX))))
            {
                post(Posted { round, is_shown: false, last: None, answer });
            }
        });
        reactor.send(Maker { make, place: Location::caller() }).is_ok()
    }

    /// Waits for the answers of those who were asked, as long as patience lasts.
    pub(super) fn wait_for(&self, mut asked: Vec<ReactorId>) -> Vec<Answer> {
        let until = os::now() + PATIENCE;
        let (mut answers, mut board) = (Vec::new(), lock());
        loop {
            asked.retain(|reactor| match board.answer_of(*reactor, self.0) {
                Some(answer) => {
                    answers.push(answer);
                    false
                }
                None => true,
            });
            let left = until - os::now();
            if asked.is_empty() || left.is_zero() {
                return answers;
            }
            board = POSTED.wait_timeout(board, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Round {
    fn drop(&mut self) {
        let mut board = lock();
        let gone = board.end(self.0);
        drop(board);
        drop(gone);
    }
}

impl Board {
    fn goes_on(&self, round: u64) -> bool {
        self.going_on.contains(&round)
    }

    fn answer_of(&self, reactor: ReactorId, round: u64) -> Option<Answer> {
        let is_for = |posted: &Posted| {
            posted.round == round || posted.is_shown && posted.last.is_none_or(|last| round <= last)
        };
        let fits = |posted: &&Posted| posted.answer.0 == reactor && is_for(posted);
        self.answers.iter().find(fits).map(|posted| posted.answer.clone())
    }

    /// A round ends. Returns what is not needed any more. What was shown in it stays for the rounds beside it, which may not
    /// have looked yet while the core that showed it goes on to something else.
    fn end(&mut self, round: u64) -> Vec<Posted> {
        let Self { rounds, going_on, answers } = self;
        going_on.retain(|other| *other != round);
        for posted in answers.iter_mut().filter(|posted| posted.round == round) {
            posted.last = Some(if posted.is_shown { *rounds } else { 0 });
        }
        let is_gone = |posted: &mut Posted| {
            posted.last.is_some_and(|last| !going_on.iter().any(|round| *round <= last))
        };
        answers.extract_if(.., is_gone).collect()
    }
}

fn post(posted: Posted) {
    let mut board = lock();
    if board.goes_on(posted.round) {
        board.answers.push(posted);
        POSTED.notify_all();
    }
}

fn lock() -> MutexGuard<'static, Board> {
    // Nothing under the lock panics half-way.
    BOARD.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A core that is well answers within a turn of its loop, which is a millisecond.
const PATIENCE: Duration = Duration::from_millis(250);

/// Of one core. More than anybody reads; the worst are the first.
pub(super) const TASKS_MAX: usize = 1_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn board() -> Board {
        Board { rounds: 0, going_on: Vec::new(), answers: Vec::new() }
    }

    impl Board {
        fn begin(&mut self, shows: u64) -> u64 {
            self.rounds += 1;
            self.going_on.push(self.rounds);
            self.put(self.rounds, shows, true);
            self.rounds
        }

        fn put(&mut self, round: u64, reactor: u64, is_shown: bool) {
            let answer = (ReactorId::of(reactor), Arc::new(Listing { tasks: Vec::new(), more: 0 }));
            self.answers.push(Posted { round, is_shown, last: None, answer });
        }
    }

    #[test]
    fn what_one_who_asks_shows_is_for_all_who_ask_at_the_same_time_and_for_nobody_later() {
        let mut board = board();
        let first = board.begin(1);
        let second = board.begin(2);
        assert!(board.answer_of(ReactorId::of(1), second).is_some());
        assert!(board.answer_of(ReactorId::of(2), first).is_some());
        assert!(board.end(second).is_empty(), "the first may not have looked");
        let third = board.begin(3);
        assert!(board.answer_of(ReactorId::of(2), first).is_some());
        assert!(board.answer_of(ReactorId::of(2), third).is_none(), "it is old");
        assert_eq!(board.end(first).len(), 1, "that of the second; the third may look at this one");
        assert_eq!(board.end(third).len(), 2);
        assert!(board.answers.is_empty() && board.going_on.is_empty());
    }

    #[test]
    fn what_was_answered_to_one_is_for_no_other() {
        let mut board = board();
        let (first, second) = (board.begin(1), board.begin(2));
        board.put(first, 7, false);
        assert!(board.answer_of(ReactorId::of(7), first).is_some());
        assert!(board.answer_of(ReactorId::of(7), second).is_none());
        assert_eq!(board.end(first).len(), 1);
        assert_eq!(board.end(second).len(), 2);
    }
}
