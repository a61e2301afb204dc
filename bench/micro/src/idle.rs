//! Very many tasks that wait, of which one after the other is woken; and what so many of a thing hold.

use std::cell::{Cell, RefCell};
use std::fs;
use std::future::poll_fn;
use std::task::{Poll, Waker};

use crate::wake::remember;

thread_local! {
    static WAITING: RefCell<Vec<Place>> = const { RefCell::new(Vec::new()) };
    static CALLED: Cell<usize> = const { Cell::new(0) };
}

#[derive(Clone, Default)]
struct Place {
    waker: Option<Waker>,
    is_called: bool,
}

/// Makes room for so many who wait.
pub fn make_room(count: usize) {
    WAITING.with_borrow_mut(|waiting| waiting.resize(count, Place::default()));
}

/// Waits to be called, again and again, for ever.
pub async fn wait(me: usize) {
    poll_fn(|cx| {
        WAITING.with_borrow_mut(|waiting| {
            let place = &mut waiting[me];
            if std::mem::take(&mut place.is_called) {
                CALLED.set(CALLED.get() - 1);
            }
            remember(&mut place.waker, cx.waker());
        });
        Poll::<()>::Pending
    })
    .await;
}

/// Calls one of those who wait.
pub fn call(number: usize) {
    WAITING.with_borrow_mut(|waiting| {
        let place = &mut waiting[number];
        if !std::mem::replace(&mut place.is_called, true) {
            CALLED.set(CALLED.get() + 1);
        }
        place.waker.iter().for_each(Waker::wake_by_ref);
    });
}

/// Whether all who were called have run.
#[must_use]
pub fn all_have_heard() -> bool {
    CALLED.get() == 0
}

/// How many bytes each of so many things holds that `make` makes, by what becomes resident.
pub async fn bytes_each(count: u64, make: impl Future<Output = ()>) -> f64 {
    let before = resident();
    make.await;
    (resident() - before) / count as f64
}

/// What the process holds in memory that is nobody else's.
fn resident() -> f64 {
    let statm = fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let mut pages = statm.split(' ').skip(1).map(|field| field.parse::<f64>().expect("a number"));
    let (resident, shared) = (pages.next().expect("resident"), pages.next().expect("shared"));
    (resident - shared) * 4096.0
}
