//! The signals that a program may ask for, by name. What a number means is the system's business, in `os`.

/// A signal that a program may handle.
///
/// Those are left out that cannot be caught (`SIGKILL`, `SIGSTOP`), those that tell of a mistake in the program itself
/// and come back as soon as one returns from them (`SIGSEGV`, `SIGBUS`, `SIGFPE`, `SIGILL`, `SIGTRAP`, `SIGSYS`,
/// `SIGABRT`), and the nameless real-time ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// `SIGHUP`: the terminal is gone; to services it says by custom that they should read their settings again.
    Hangup,
    /// `SIGINT`: ctrl-c in a terminal. Begins the [`shutdown`](fn@crate::shutdown).
    Interrupt,
    /// `SIGQUIT`: ctrl-\ in a terminal.
    Quit,
    /// `SIGUSR1`: whatever the program says that it means.
    User1,
    /// `SIGUSR2`: whatever the program says that it means.
    User2,
    /// `SIGPIPE`: somebody wrote where nobody reads. Rust programs ignore it, and see the write fail.
    Pipe,
    /// `SIGALRM`: a timer of the system's ran out.
    Alarm,
    /// `SIGTERM`: what `kill`, service managers and containers send. Begins the [`shutdown`](fn@crate::shutdown).
    Terminate,
    /// `SIGCHLD`: a child process ended or stopped. To wait for one child, see [`process`](mod@crate::process).
    Child,
    /// `SIGCONT`: the program goes on after it was stopped.
    Continue,
    /// `SIGTSTP`: ctrl-z in a terminal. Who asks for it is not stopped by it.
    TerminalStop,
    /// `SIGTTIN`: the program reads from the terminal, in the background.
    TerminalInput,
    /// `SIGTTOU`: the program writes to the terminal, in the background.
    TerminalOutput,
    /// `SIGURG`: something out of band arrived at a socket.
    Urgent,
    /// `SIGXCPU`: the program has used the processor time that it may.
    CpuLimit,
    /// `SIGXFSZ`: a file has grown as large as it may.
    FileLimit,
    /// `SIGVTALRM`: a timer of the program's own processor time ran out.
    VirtualAlarm,
    /// `SIGPROF`: a timer of a profiler ran out.
    Profile,
    /// `SIGWINCH`: the terminal's window has another size.
    WindowChange,
    /// `SIGIO`: a file that asked for it can be read or written.
    Io,
}

impl Signal {
    /// Each of them, in the order in which they are told when several have come.
    pub const ALL: [Self; 20] = [
        Self::Hangup,
        Self::Interrupt,
        Self::Quit,
        Self::User1,
        Self::User2,
        Self::Pipe,
        Self::Alarm,
        Self::Terminate,
        Self::Child,
        Self::Continue,
        Self::TerminalStop,
        Self::TerminalInput,
        Self::TerminalOutput,
        Self::Urgent,
        Self::CpuLimit,
        Self::FileLimit,
        Self::VirtualAlarm,
        Self::Profile,
        Self::WindowChange,
        Self::Io,
    ];

    /// Whether it asks the program to end: those that begin the shutdown.
    pub(crate) fn asks_to_end(self) -> bool {
        matches!(self, Self::Interrupt | Self::Terminate)
    }
}
