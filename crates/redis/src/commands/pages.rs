//! Scans, which go through much in many small steps: a [`Page`] of one, and all [`Pages`].

use crate::commands::table::options;
use crate::{Ask, Error, FromValue, IntoTyped, ToArg, Value};

/// Some of what a scan goes through, and where to go on.
///
/// Go on with [`cursor`](Self::cursor) until [`is_last`](Self::is_last), or have
/// [`Commands::pages`](crate::Commands::pages) do that. A page may be empty and not be the last. What was there all
/// the time comes at least once, maybe more often; what came or went meanwhile may come or not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Page<T> {
    /// Where to go on; 0 if this is the last page.
    pub cursor: u64,
    /// What is on it.
    pub items: Vec<T>,
}

/// All pages of a scan, one after the other, of [`Commands::pages`](crate::Commands::pages).
#[must_use = "nothing is scanned until the next page is asked for"]
#[derive(Debug)]
pub struct Pages<'a, S: ?Sized, F> {
    service: &'a S,
    make: F,
    /// Where to go on; `None` behind the last page.
    cursor: Option<u64>,
}

impl<T> Page<T> {
    /// Whether there is no page behind this one.
    pub fn is_last(&self) -> bool {
        self.cursor == 0
    }
}

impl<'a, S: ?Sized, F> Pages<'a, S, F> {
    pub(super) fn new(service: &'a S, make: F) -> Self {
        Self { service, make, cursor: Some(0) }
    }
}

impl<S, F, R, T> Pages<'_, S, F>
where
    S: Ask + ?Sized,
    F: FnMut(u64) -> R,
    R: IntoTyped<Answer = Page<T>>,
{
    /// The next items, as many as come at once; `None` when all have come.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing: the same page is asked for again.
    ///
    /// # Errors
    ///
    /// Those of a call. After one the same page is asked for again.
    pub async fn next(&mut self) -> Result<Option<Vec<T>>, S::Error> {
        while let Some(cursor) = self.cursor {
            let page = self.service.ask((self.make)(cursor)).await?;
            self.cursor = (!page.is_last()).then_some(page.cursor);
            if !page.items.is_empty() {
                return Ok(Some(page.items));
            }
        }
        Ok(None)
    }
}

impl<T: FromValue> FromValue for Page<T> {
    fn from_value(value: Value) -> Result<Self, Error> {
        let (cursor, items) = FromValue::from_value(value)?;
        Ok(Self { cursor, items })
    }
}

options! {
    /// A scan of what is at one key with its options.
    ScanItems<T> -> Page<T> {
        /// Only items that match a pattern: of a hash its fields.
        matching(pattern: impl ToArg) = "MATCH", pattern;
        /// About how many to look at; 10 unless said. What is small comes at once.
        count(count: u64) = "COUNT", count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::scan;
    use crate::{Command, Commands, ServerError};
    use ekiden_service::service_fn;
    use std::cell::RefCell;

    /// Asks all pages of a server with these answers: what comes of it, and from which cursors on.
    fn check(
        answers: Vec<Result<(&'static str, Vec<&'static str>), &'static str>>,
        expect: &str,
        cursors: &[&str],
    ) {
        let asked = RefCell::new(Vec::new());
        let answers = RefCell::new(answers.into_iter());
        let server = service_fn(async |command: Command| {
            asked.borrow_mut().push(String::from_utf8_lossy(command.args().nth(1).unwrap()).into_owned());
            match answers.borrow_mut().next().expect("no page behind the last is asked for") {
                Ok((cursor, items)) => Ok(Value::Array(vec![cursor.into(), items.into()])),
                Err(line) => Err(Error::from(ServerError::new(line))),
            }
        });
        let told = ekiden_reactor::run(async {
            let mut told = Vec::new();
            let mut pages = server.pages(scan::<String>);
            loop {
                match pages.next().await {
                    Ok(Some(items)) => told.push(items.join(" ")),
                    Ok(None) => break told.join(", "),
                    Err(_) => told.push("!".to_owned()),
                }
            }
        });
        assert_eq!(told, expect);
        assert_eq!(asked.into_inner(), cursors);
    }

    #[test]
    fn pages_end_with_the_cursor_0_and_not_before() {
        check(
            vec![Ok(("7", vec!["a", "b"])), Ok(("5", vec![])), Ok(("0", vec!["c"]))],
            "a b, c",
            &["0", "7", "5"],
        );
        check(vec![Ok(("0", vec![]))], "", &["0"]);
    }

    #[test]
    fn after_an_error_the_same_page_is_asked_for_again() {
        check(vec![Ok(("7", vec!["a"])), Err("LOADING"), Ok(("0", vec!["c"]))], "a, !, c", &["0", "7", "7"]);
    }
}
