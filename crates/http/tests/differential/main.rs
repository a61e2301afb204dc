//! The same bytes go to our server and to hyper's, both on the reactor, and what comes of them is compared.
//!
//! ```text
//!              ┌──► our server ─────► service ─┐
//!   bytes ─────┤                               ├──► the same, or we refuse, or explained beside the case
//!              └──► hyper's server ─► service ─┘
//! ```
//!
//! A difference between two servers is what smuggles a request past the one into the other. So each must be either
//! a refusal of ours, or explained beside the [case](cases); and an explanation that no longer applies fails too.
//! In reading order: the cases, an `outcome` in the same words for both; what is `known` and meant; the two servers are
//! `peers`; `mixed` are inputs that nobody thought of.
//!
//! The bytes come whole, split at every place, and cut short at every place; and mixed by chance, from a seed.

#[path = "../world/mod.rs"]
mod world;

mod cases;
mod outcome;
mod known;
mod peers;
mod mixed;

use cases::Case;
use outcome::{Outcome, Verdict};
use world::World;

#[test]
fn every_case_ends_as_it_says_and_every_disagreement_is_explained() {
    let cases = cases::all();
    let complaints: Vec<_> = world::run(async |world| {
        let mut complaints = Vec::new();
        for case in &cases {
            let (ours, hypers) = both(&world, &[&case.wire]).await;
            complaints.extend(complaint(case, &ours, &hypers));
        }
        complaints
    });
    assert!(complaints.is_empty(), "{} of {}:\n\n{}", complaints.len(), cases.len(), complaints.join("\n\n"));
}

#[test]
fn where_the_bytes_are_split_changes_nothing() {
    world::run(async |world| {
        for case in cases::all() {
            let whole = peers::ours(&world, &[&case.wire]).await;
            for cut in cuts(case.wire.len()) {
                let (first, second) = case.wire.split_at(cut);
                let (ours, hypers) = both(&world, &[first, second]).await;
                let place = format!("{}, split at {cut}", case.name);
                assert_eq!((&ours.exchanges, ours.end), (&whole.exchanges, whole.end), "{place}");
                expect_peace(&case, &place, &ours, &hypers);
            }
        }
    });
}

#[test]
fn what_is_cut_short_is_no_request() {
    world::run(async |world| {
        for case in cases::all() {
            let whole = peers::ours(&world, &[&case.wire]).await;
            for cut in cuts(case.wire.len()) {
                let (ours, hypers) = both(&world, &[&case.wire[..cut]]).await;
                let place = format!("{}, cut short at {cut}", case.name);
                expect_peace(&case, &place, &ours, &hypers);
                assert!(is_beginning(&ours, &whole), "{place}:\n{ours}\n{whole}");
            }
        }
    });
}

async fn both(world: &World, pieces: &[&[u8]]) -> (Outcome, Outcome) {
    (peers::ours(world, pieces).await, peers::hypers(world, pieces).await)
}

/// What is wrong with a case, and how it should be written down.
fn complaint(case: &Case, ours: &Outcome, hypers: &Outcome) -> Option<String> {
    let verdict = ours.compare(hypers);
    let told = (verdict != Verdict::Same).then(|| hypers.to_string());
    let needs_why = verdict == Verdict::Different;
    if ours.to_string() == case.ours && told.as_deref() == case.hyper && needs_why == case.why.is_some() {
        return None;
    }
    let mut text = format!("case {}\nours {ours}", case.name);
    if let Some(told) = told {
        text += &format!("\nhyper {told}");
    }
    match (needs_why, case.why) {
        (true, None) => text += "\nwhy … (it is no refusal of ours, so it must be explained)",
        (true, Some(why)) => text += &format!("\nwhy {why}"),
        (false, Some(_)) => text += "\n(and there is nothing left to explain)",
        (false, None) => {}
    }
    Some(text)
}

/// A piece of a case is read as hyper reads it, or refused, unless the case says why not.
#[track_caller]
fn expect_peace(case: &Case, place: &str, ours: &Outcome, hypers: &Outcome) {
    let is_peace = ours.compare(hypers) != Verdict::Different || case.why.is_some();
    assert!(is_peace, "{place}:\nours {ours}\nhyper {hypers}");
}

/// Whether what was seen of a part is what was seen first of the whole.
fn is_beginning(part: &Outcome, whole: &Outcome) -> bool {
    let complete: Vec<_> = part.exchanges.iter().filter(|exchange| exchange.body.is_some()).collect();
    complete.len() <= whole.exchanges.len() && complete.iter().zip(&whole.exchanges).all(|(a, b)| **a == *b)
}

/// Every place; of a long text only those near its ends, where something is decided, and some between.
fn cuts(length: usize) -> impl Iterator<Item = usize> {
    const LONG: usize = 1000;
    let (near, step) = if length < LONG { (length, 1) } else { (40, length / 10) };
    (1..length).filter(move |cut| *cut < near || length - cut < near || cut % step == 0)
}
