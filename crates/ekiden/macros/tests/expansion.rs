//! What `#[ekiden::test]` makes of functions, with a stand-in for `ekiden` that polls once.

extern crate self as ekiden;

mod testing {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    pub(crate) fn run<F: Future>(test: F) -> F::Output {
        match pin!(test).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("the stand-in polls once"),
        }
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
