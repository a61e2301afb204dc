//! Callers: so many at once, each asking for something of its own again and again, and telling what it was answered.

use std::cell::{Cell, RefCell};
use std::fmt::Debug;
use std::future::Future;
use std::rc::Rc;

use ekiden::channel::Notify;
use ekiden::{Begun, Failure, TaskGroup, yield_now};

/// Callers on the reactor of the test. Dropping it ends them.
pub(crate) struct Load {
    told: Rc<Told>,
    _callers: TaskGroup<()>,
}

/// What callers were answered so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Answers {
    pub(crate) right: u64,
    pub(crate) not_begun: u64,
    pub(crate) unknown: u64,
}

#[derive(Default)]
struct Told {
    answers: Cell<Answers>,
    wrong: RefCell<Vec<String>>,
    news: Notify,
}

impl Load {
    /// Has so many callers ask, each one request after the other. A request is a number that is asked once; its answer
    /// is to be what is expected of it.
    pub(crate) async fn begin<T, E, C, F>(callers: usize, call: C, expect: fn(u64) -> T) -> Self
    where
        T: PartialEq + Debug + 'static,
        E: Failure + 'static,
        C: Fn(u64) -> F + Clone + 'static,
        F: Future<Output = Result<T, E>> + 'static,
    {
        let told = Rc::new(Told::default());
        let numbers = Rc::new(Cell::new(0));
        let mut group = TaskGroup::new(callers);
        for _ in 0..callers {
            let (told, numbers, call) = (told.clone(), numbers.clone(), call.clone());
            let caller = async move {
                loop {
                    let number = numbers.replace(numbers.get() + 1);
                    told.handle_answer(number, call(number).await, expect(number));
                    // A refusal is there at once; whoever is to make an end of that has its turn.
                    yield_now().await;
                }
            };
            assert!(group.spawn(caller).await.is_ok(), "no caller has ended");
        }
        Self { told, _callers: group }
    }

    pub(crate) fn answers(&self) -> Answers {
        self.told.answers.get()
    }

    /// Waits until that is so. No answer may have been wrong.
    pub(crate) async fn until(&self, is_so: impl Fn(Answers) -> bool) {
        let waited = ekiden::timeout(PATIENCE, async {
            loop {
                let news = self.told.news.notified();
                if is_so(self.answers()) {
                    return;
                }
                news.await;
            }
        });
        assert!(waited.await.is_ok(), "it never came to that: {:?}", self.answers());
        assert_eq!(*self.told.wrong.borrow(), [""; 0], "these are wrong answers");
    }

    /// Waits until so many more have been answered rightly.
    pub(crate) async fn until_more_are_right(&self, more: u64) {
        let right = self.answers().right + more;
        self.until(|answers| answers.right >= right).await;
    }
}

impl Told {
    fn handle_answer<T: PartialEq + Debug, E: Failure>(&self, number: u64, answer: Result<T, E>, expect: T) {
        let mut answers = self.answers.get();
        match answer {
            Ok(answer) if answer == expect => answers.right += 1,
            Ok(answer) => self.wrong.borrow_mut().push(format!("{number}: {answer:?}")),
            Err(error) if error.begun() == Begun::No => answers.not_begun += 1,
            Err(_) => answers.unknown += 1,
        }
        self.answers.set(answers);
        self.news.notify_waiters();
    }
}

/// No machine takes this long: only a test that fails meets it.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);
