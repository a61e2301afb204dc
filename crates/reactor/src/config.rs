//! How a reactor behaves.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::notice::{self, Notice};

/// How a reactor behaves.
///
/// ```
/// use ekiden_reactor::{Config, OnLostPanic, Reactor};
/// use std::rc::Rc;
/// use std::sync::{Arc, mpsc};
/// use std::time::Duration;
///
/// let mut config = Config::default();
/// config.on_notice = Rc::new(|notice| eprintln!("my-program: {notice}"));
/// config.on_lost_panic = OnLostPanic::Abort;
/// config.spin_max = Duration::ZERO; // a core that has nothing to do sleeps at once
///
/// let (sender, told) = mpsc::channel();
/// config.held_max = Some(Duration::from_millis(1));
/// config.on_held = Arc::new(move |notice| drop(sender.send(notice.to_string())));
///
/// let line = Reactor::new(config)?.run(async move {
///     // Blocks, and so holds its core until somebody tells of that.
///     told.recv_timeout(Duration::from_secs(60))
/// });
/// assert!(line.unwrap().contains("watchdog"));
/// # std::io::Result::Ok(())
/// ```
#[non_exhaustive]
pub struct Config {
    /// Told what the operator should know. By default a line on stderr: it is seen by whoever looks, and costs nothing
    /// to set up. With the feature `tracing` a notice is an event too, and what a subscriber has taken is not written once
    /// more: who wants both sets this to a hook that writes.
    pub on_notice: Rc<dyn Fn(&Notice<'_>)>,
    /// For how long to look again and again for something to do before the thread sleeps; zero for not at all.
    ///
    /// 50 µs: what a virtual machine takes to put a thread to sleep and to wake it, which would otherwise be nearly
    /// all of the latency of a request that comes alone. It is done only while it pays, as recent turns have shown,
    /// and no more than a twentieth of a core is spent on it in vain. More than a millisecond counts as that.
    /// `EKIDEN_SPIN=off` in the environment makes the default zero, for whoever traces or measures a program as it is;
    /// a driver whose clock stands while it is asked has no use for it.
    pub spin_max: Duration,
    /// How long one poll of a task may hold the core before the operator is told, while it still does; `None` for not
    /// watching.
    ///
    /// 100 ms: no poll that is well takes so long, and a user who waits notices. It is told between this and a quarter
    /// more, by a thread that all reactors of the process share, and again when it is ten times as long.
    /// A machine that gives the core's thread no time for so long looks the same; a process that was stopped does not.
    /// [`CoreStats`](crate::inspect::CoreStats) counts them. Only on drivers whose time passes by itself.
    ///
    /// A [spread listener](crate::net::SpreadListener) passes over a core that has been in one turn for 10 ms, whatever this
    /// says; but without the watch nobody looks whether all cores that accept are held.
    pub held_max: Option<Duration>,
    /// Told by the watchdog's thread of a poll that holds its core: the core cannot tell its own hook. By default a line
    /// on stderr, unless a subscriber of tracing has it, as for [`on_notice`](Self::on_notice). That thread knows only the
    /// subscriber of the whole process (`set_global_default`).
    pub on_held: Arc<dyn Fn(&Notice<'_>) + Send + Sync>,
    /// Whether `SIGQUIT` (ctrl-\ in a terminal) prints what all reactors of the process do ([`inspect::dump`]) while this
    /// one runs, instead of ending the process with a core dump as it does by default. On by default, as it is asked
    /// for when nothing else is known. A program that listens for the signal by itself gets it instead. Only on drivers
    /// whose time passes by itself.
    ///
    /// [`inspect::dump`]: crate::inspect::dump()
    pub dump_on_quit: bool,
    /// What a panic of a task does that nobody receives. By default it is told, and the other tasks go on.
    pub on_lost_panic: OnLostPanic,
}

/// What a panic of a task does that nobody receives, as nobody has its handle.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnLostPanic {
    /// The operator is told, with the task's name and place, it is counted, and the other tasks go on.
    #[default]
    Report,
    /// After that the process is aborted, for those who would rather begin anew than go on with what a panic has left
    /// behind. No destructor runs and no other core does anything any more; whoever started the process sees `SIGABRT`,
    /// which is not what it does when it ends by itself.
    Abort,
}

impl Default for Config {
    fn default() -> Self {
        let is_off = std::env::var_os("EKIDEN_SPIN").is_some_and(|spin| spin == "off");
        let spin_max = if is_off { Duration::ZERO } else { Duration::from_micros(50) };
        Self {
            on_notice: Rc::new(notice::by_default),
            spin_max,
            held_max: Some(Duration::from_millis(100)),
            on_held: Arc::new(notice::by_default),
            dump_on_quit: true,
            on_lost_panic: OnLostPanic::default(),
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("spin_max", &self.spin_max)
            .field("held_max", &self.held_max)
            .field("dump_on_quit", &self.dump_on_quit)
            .field("on_lost_panic", &self.on_lost_panic)
            .finish_non_exhaustive()
    }
}
