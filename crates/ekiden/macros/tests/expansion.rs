//! What `#[ekiden::test]` makes of functions, with a stand-in for `ekiden` that polls once.

extern crate self as ekiden;

use std::pin::pin;
use std::task::{Context, Poll, Waker};

fn run<F: Future>(test: F) -> F::Output {
    match pin!(test).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the stand-in polls once"),
    }
}

async fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    text.parse()
}

#[ekiden_macros::test]
async fn a_test_awaits() {
    assert_eq!(parse("7").await, Ok(7));
}

#[ekiden_macros::test]
#[should_panic(expected = "assertion")]
async fn a_panic_fails_it() {
    assert_eq!(parse("7").await, Ok(8));
}

#[ekiden_macros::test]
async fn a_result_allows_question_marks() -> Result<(), Box<dyn std::error::Error>> {
    assert_eq!(parse("7").await?, 7);
    let unlike = "7.0".parse::<f32>()?;
    assert_eq!(unlike, 7.0);
    Ok(())
}

#[should_panic(expected = "the stand-in polls once")]
#[ekiden_macros::test]
async fn attributes_may_stand_on_either_side() {
    std::future::pending().await
}

/// Documented, with a body that [`ignore`] keeps from running.
#[ekiden_macros::test]
#[ignore = "the stand-in would panic"]
pub(crate) async fn an_ignored_test_does_not_run() {
    std::future::pending().await
}

#[ekiden_macros::test]
async fn r#async() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}

macro_rules! tests {
    ($(#[$attribute:meta])* $visibility:vis $name:ident $body:block) => {
        #[ekiden_macros::test]
        $(#[$attribute])*
        $visibility async fn $name() $body
    };
}

tests!(a_macro_may_write_tests {
    assert_eq!(parse("7").await, Ok(7));
});

tests!(#[should_panic] pub(crate) a_macro_may_pass_on_attributes {
    parse("x").await.unwrap();
});

mod elsewhere {
    #[ekiden_macros::test]
    pub(super) async fn a_visibility_is_kept() {}
}

/// Not `super`, but what the macro has passed on as such.
mod passed_on {
    tests!(pub(super) a_visibility_that_was_passed_on_is_kept {});
}

#[test]
fn what_is_visible_can_be_called() {
    elsewhere::a_visibility_is_kept();
    passed_on::a_visibility_that_was_passed_on_is_kept();
}

/// One that is forgotten would never fail.
#[test]
fn all_of_them_are_run_as_tests() {
    let this = std::env::current_exe().expect("it runs");
    let listed = std::process::Command::new(this).arg("--list").output().expect("it lists its tests");
    let listed = String::from_utf8(listed.stdout).expect("names are text");
    let mut names: Vec<_> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "a_macro_may_pass_on_attributes",
            "a_macro_may_write_tests",
            "a_panic_fails_it",
            "a_result_allows_question_marks",
            "a_test_awaits",
            "all_of_them_are_run_as_tests",
            "an_ignored_test_does_not_run",
            "attributes_may_stand_on_either_side",
            "elsewhere::a_visibility_is_kept",
            "passed_on::a_visibility_that_was_passed_on_is_kept",
            "r#async",
            "what_is_visible_can_be_called",
        ]
    );
}
