//! What no lint can see: the rules of ARCHITECTURE.md and STYLE.md, kept by ordinary tests.
//!
//! A rule is a function from the [`Repository`] to complaints. Each has two tests: it is kept here, and it notices
//! what it forbids when that is planted in a made-up repository, so no rule passes because it looks at nothing. What
//! a failure says is what to do about it.
//!
//! In reading order: `repository` is what the rules look at; `floors` are about who may know whom, `trees` about what is
//! depended on, `sources` about every source file, `papers` about what people are told, `planted` about the bugs
//! that are planted in tests.
//!
//! Nothing here builds or runs our code; cargo is only asked what it knows.
#![forbid(unsafe_code)]

mod repository;
mod floors;
mod trees;
mod sources;
mod papers;
mod planted;

use repository::Repository;

/// A rule: what is wrong, a line for each place, and nothing when it is kept.
type Rule = fn(&Repository) -> Vec<String>;

/// Fails with the remedy unless the rule is kept in this repository.
#[track_caller]
fn keep(rule: Rule, remedy: &str) {
    assert_none(rule(Repository::here()), remedy);
}

/// Fails with the remedy if there are complaints.
#[track_caller]
fn assert_none(complaints: Vec<String>, remedy: &str) {
    assert!(complaints.is_empty(), "\n\n  {}\n\n  remedy: {remedy}\n", complaints.join("\n  "));
}

/// Fails unless the rule complains about the planted repository, once, and names `place` in it.
#[track_caller]
fn notices(rule: Rule, planted: Repository, place: &str) {
    let complaints = rule(&planted);
    assert!(
        complaints.len() == 1 && complaints[0].contains(place),
        "want one about {place:?}, got {complaints:?}"
    );
}
