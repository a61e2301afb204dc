//! The line that runs a failure again: that test, and nothing else.
//!
//! ```text
//!   EKIDEN_SEED=3 cargo test -p shop orders::are_shipped_once -- --exact      a test, by the name of its thread
//!   EKIDEN_SEED=3 cargo test -p shop --doc                                    a doc test, which does not know its name
//!   EKIDEN_SEED=3 target/debug/examples/cluster 1000                          a program that is no test
//! ```
//!
//! It is to be pasted into a shell, so what a shell would take for something else is quoted. A test of the same name in
//! another target of the package is run as well: no process is told which target it is. And a thread that a test begins by
//! itself is not told which test that is: the line runs all of the package, or, if the thread has a name, takes that for the test's.

use std::any;
use std::borrow::Cow;
use std::env;
use std::fmt::{self, Display};
use std::path::Path;
use std::thread;

/// How the test that this is can be run alone.
pub(super) struct Replay {
    what: What,
    /// The package of the test, which cargo says to whatever it runs, and nextest too.
    package: Option<String>,
}

/// What is run.
#[derive(Debug, PartialEq, Eq)]
enum What {
    Test(String),
    /// On a thread that a test has begun, which does not say which test that is: this may be its name, or that of what it calls.
    OfTest(String),
    /// It is in a process of its own and not told its name, which would be of no use: rustdoc takes each word of
    /// `src/lib.rs - (line 7)` for the name of others.
    DocTest,
    /// What ran it, with its arguments.
    Program(Vec<String>),
}

impl Replay {
    /// That of the test that runs on this thread.
    pub(super) fn here<S>(_scenario: &S) -> Self {
        let program = env::args_os().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let what = What::of(thread::current().name(), any::type_name::<S>(), program);
        Self { what, package: env::var("CARGO_PKG_NAME").ok() }
    }

    /// What the test is called, beside others of its process.
    pub(super) fn name(&self) -> &str {
        match &self.what {
            What::Test(name) | What::OfTest(name) => name,
            What::DocTest => "a doc test",
            What::Program(_) => "main",
        }
    }

    /// The line that runs it with these variables.
    pub(super) fn line(&self, variables: &[(&str, &dyn Display)]) -> String {
        let variables: String =
            variables.iter().map(|(name, value)| format!("{name}={} ", quoted(&value.to_string()))).collect();
        format!("{variables}{self}")
    }
}

impl What {
    /// `thread` is the name of the thread, which for a test is the test's own, and `scenario` that of the type.
    fn of(thread: Option<&str>, scenario: &str, program: Vec<String>) -> Self {
        match thread {
            Some("main") if is_doc_test(&program) => Self::DocTest,
            Some("main") => Self::Program(program),
            Some(test) => Self::Test(test.to_owned()),
            // A thread that the test has begun. The scenario is a closure within the test, or within what that calls.
            None => {
                let path = scenario.replace("::{{closure}}", "");
                Self::OfTest(path.split_once("::").map_or(path.clone(), |(_crate, path)| path.to_owned()))
            }
        }
    }
}

impl Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let What::Program(words) = &self.what {
            let words: Vec<_> = words.iter().map(|word| quoted(word)).collect();
            return f.write_str(&words.join(" "));
        }
        f.write_str("cargo test")?;
        if let Some(package) = &self.package {
            write!(f, " -p {}", quoted(package))?;
        }
        match &self.what {
            What::Test(name) => write!(f, " {} -- --exact", quoted(name)),
            What::DocTest => f.write_str(" --doc"),
            // A name that is none would run nothing, and pass.
            _ => Ok(()),
        }
    }
}

/// Whether it is what rustdoc makes of an example.
fn is_doc_test(program: &[String]) -> bool {
    program.first().and_then(|program| Path::new(program).file_stem()).is_some_and(|name| name == "rust_out")
}

/// A word as a shell takes it for that word.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |c: char| c.is_alphanumeric() || "_-+=:,./@%#".contains(c);
    // Where a word begins, this would be a comment.
    if !word.is_empty() && word.chars().all(is_plain) && !word.starts_with('#') {
        return word.into();
    }
    format!("'{}'", word.replace('\'', r"'\''")).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(thread: Option<&str>, scenario: &str, program: &[&str], line: &str) {
        let what = What::of(thread, scenario, program.iter().map(|word| (*word).to_owned()).collect());
        let replay = Replay { what, package: Some("shop".to_owned()) };
        assert_eq!(replay.line(&[("EKIDEN_SEED", &3)]), line);
    }

    const BINARY: &[&str] = &["/target/debug/deps/shop-95d0178b7f13746b", "--test-threads", "1"];

    #[test]
    fn a_test_is_named_by_its_thread_and_alone() {
        check(
            Some("orders::are_shipped_once"),
            "shop::orders::ship",
            BINARY,
            "EKIDEN_SEED=3 cargo test -p shop orders::are_shipped_once -- --exact",
        );
    }

    #[test]
    fn a_thread_that_a_test_has_begun_is_of_some_test_of_its_package() {
        check(
            None,
            "shop::orders::are_shipped_once::{{closure}}::{{closure}}",
            BINARY,
            "EKIDEN_SEED=3 cargo test -p shop",
        );
    }

    #[test]
    fn a_name_with_odd_characters_is_one_word_of_a_shell() {
        for (name, word) in [
            ("orders::r#match", "orders::r#match"),
            ("größe", "größe"),
            ("two words", "'two words'"),
            ("it's $HOME", r"'it'\''s $HOME'"),
            ("#7", "'#7'"),
            ("", "''"),
        ] {
            check(Some(name), "", BINARY, &format!("EKIDEN_SEED=3 cargo test -p shop {word} -- --exact"));
        }
    }

    #[test]
    fn a_doc_test_is_one_of_its_package() {
        check(
            Some("main"),
            "doctest_bundle_2024::__doctest_0::main::{{closure}}",
            &["/tmp/rustdoctestx5AvnH/rust_out"],
            "EKIDEN_SEED=3 cargo test -p shop --doc",
        );
    }

    #[test]
    fn a_program_that_is_no_test_is_run_as_it_was() {
        check(
            Some("main"),
            "cluster::main::{{closure}}",
            &["target/debug/examples/cluster", "two words"],
            "EKIDEN_SEED=3 target/debug/examples/cluster 'two words'",
        );
    }

    #[test]
    fn without_cargo_the_package_is_left_out() {
        let replay = Replay { what: What::Test("it".to_owned()), package: None };
        assert_eq!(replay.line(&[]), "cargo test it -- --exact");
    }
}
