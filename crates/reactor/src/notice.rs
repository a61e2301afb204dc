//! Notices: what a reactor, or what runs on it, tells the operator.
//!
//! A notice is about the process, not about a request: a task panicked and nobody waited for it, files have run
//! out, a server drains. It goes to a hook that the [`Config`](crate::Config) names; by default to a line on stderr.

use std::error::Error;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use crate::core;
use crate::driver::os::stderr;
use crate::events;
use crate::time::Instant;

/// Something that the operator should know.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Notice<'a> {
    /// How bad it is.
    pub level: Level,
    /// What it is about, in a word. Those of the reactor, and where each is told:
    ///
    /// - `task` (`task`, and `reactor`): a panic or an error that nobody waits for, a task that can never run again;
    /// - `watchdog` (`watchdog`, to [`Config::on_held`](crate::Config::on_held)): a task holds its core;
    /// - `shutdown` (`shutdown`, and `reactor`): signals cannot be watched for; tasks had not ended when a program that was
    ///   asked to end did so;
    /// - `core` (`runtime` and `inbox`, and the system's driver): a core cannot begin or be pinned, or its loop fails; what was
    ///   sent to one that has ended panicked;
    /// - `files` (`runtime`): the limit of open files was raised, or cannot be;
    /// - `accept` (`net`): connections wait for files, or for others to close; they are accepted again.
    ///
    /// What runs on it has more, and says so on its own page: of ekiden's crates, ekiden-proto on its first one, and
    /// ekiden-http on that of its servers.
    pub topic: &'static str,
    /// The notice, in a line.
    pub text: fmt::Arguments<'a>,
    is_event: bool,
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Level {
    /// Something went wrong and somebody should mend it.
    Error,
    /// Something is not as it should be, and the program copes.
    Warning,
    /// Something worth knowing, seldom.
    Info,
}

/// An error and all that caused it, for a notice: what was being done, why that failed, and so on to the last cause.
///
/// ```
/// use ekiden_reactor::notice::Causes;
/// use std::{error::Error, fmt, io};
///
/// #[derive(Debug)]
/// struct NotSaved(io::Error);
///
/// impl fmt::Display for NotSaved {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         f.write_str("the cart was not saved")
///     }
/// }
///
/// impl Error for NotSaved {
///     fn source(&self) -> Option<&(dyn Error + 'static)> {
///         Some(&self.0)
///     }
/// }
///
/// let error = NotSaved(io::Error::other("the disk is full"));
/// assert_eq!(Causes(&error).to_string(), "the cart was not saved: the disk is full");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Causes<'a>(pub &'a (dyn Error + 'static));

/// When the operator was told of something last that may come again and again: lets a notice of it through once a
/// minute.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seldom(Option<Instant>);

impl Seldom {
    /// Whether to tell of it now; the answer `true` is taken for having told.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    #[must_use]
    pub fn is_due(&mut self) -> bool {
        let now = Instant::recent();
        let is_due = self.0.is_none_or(|last| now.duration_since(last) >= TOLD_EVERY);
        if is_due {
            self.0 = Some(now);
        }
        is_due
    }
}

/// Often enough to notice what stays, and seldom enough not to fill the log with it.
const TOLD_EVERY: Duration = Duration::from_secs(60);

/// Where notices go.
pub(crate) type Hook = Rc<dyn Fn(&Notice<'_>)>;

/// Tells the operator, by the hook of the reactor that runs on this thread; where none runs, by a line on stderr.
///
/// ```
/// use ekiden_reactor::{notice, notice::Level};
///
/// # ekiden_reactor::run(async {
/// notice(Level::Warning, "cache", format_args!("{} entries were dropped", 17));
/// # });
/// ```
///
/// With the feature `tracing` it is an event of the `tracing` crate first, at the same level (`ERROR`, `WARN`, `INFO`), with
/// the target `ekiden` and the field `topic`. The hook is called in any case, so who logs by both has it twice; what
/// [`Config`](crate::Config) has by default writes no line of what a subscriber has taken.
pub fn notice(level: Level, topic: &'static str, text: fmt::Arguments<'_>) {
    match core::try_current() {
        Some(core) => tell(level, topic, text, &*core.on_notice),
        None => tell(level, topic, text, &by_default),
    }
}

/// Tells subscribers, and then a hook.
pub(crate) fn tell(level: Level, topic: &'static str, text: fmt::Arguments<'_>, hook: &dyn Fn(&Notice<'_>)) {
    let mut notice = Notice { level, topic, text, is_event: false };
    // A hook or a subscriber that panics must not end what the notice is about, nor keep the operator from it.
    match catch_unwind(AssertUnwindSafe(|| events::notice(&notice))) {
        Ok(is_event) => notice.is_event = is_event,
        Err(payload) => std::mem::forget(payload), // its drop may panic in turn
    }
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| hook(&notice))) {
        to_stderr(&notice);
        std::mem::forget(payload);
    }
}

/// Tells subscribers of the `tracing` crate, at its level of debugging, that something began or ended that lasts. Without
/// the feature `tracing` it is nothing, and the operator never hears of it.
///
/// For the floors above, at their edges: that a connection was accepted, and not that it asks something.
///
/// ```
/// use ekiden_reactor::notice;
///
/// notice::debug("cache", format_args!("it is loaded from {}", "/var/cache"));
/// ```
#[inline]
pub fn debug(topic: &'static str, text: fmt::Arguments<'_>) {
    events::debug(topic, text);
}

/// The default hook: a line on stderr, unless a subscriber has it.
pub(crate) fn by_default(notice: &Notice<'_>) {
    if !notice.is_event {
        to_stderr(notice);
    }
}

/// A line on stderr.
fn to_stderr(notice: &Notice<'_>) {
    stderr::tell(&format!("{notice}\n"));
}

impl Notice<'_> {
    /// Whether a subscriber of the `tracing` crate has been told of it: a hook that writes where that does, too, leaves it
    /// out. Never without the feature `tracing`.
    ///
    /// ```
    /// use ekiden_reactor::{Config, Reactor, notice, notice::Level};
    /// use std::rc::Rc;
    ///
    /// let mut config = Config::default();
    /// config.on_notice = Rc::new(|notice| {
    ///     if !notice.is_event() {
    ///         println!("{notice}"); // as the subscriber would
    ///     }
    /// });
    /// Reactor::new(config)?.run(async {
    ///     notice(Level::Info, "cache", format_args!("it is warm"));
    /// });
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn is_event(&self) -> bool {
        self.is_event
    }
}

impl fmt::Display for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = match self.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Info => "info",
        };
        write!(f, "{level}: {}: {}", self.topic, self.text)
    }
}

impl fmt::Debug for Notice<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Notice({self})")
    }
}

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut source = self.0.source();
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}
