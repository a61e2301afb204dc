//! Child processes and their pipes, as a driver gives them: the system's, or a boxed other.

use std::fmt;
use std::io::{self, IoSlice};
use std::process::ExitStatus;

use super::{Driver, Signal, Token, os};

/// A child process that was just started, and its ends of pipes, as many as the command asked for.
#[derive(Debug)]
pub struct Spawned {
    /// The process.
    pub child: Child,
    /// Writes to its standard input.
    pub stdin: Option<Pipe>,
    /// Reads its standard output.
    pub stdout: Option<Pipe>,
    /// Reads its standard error.
    pub stderr: Option<Pipe>,
}

/// A child process as the driver gives it: none of its methods waits.
#[derive(Debug)]
pub enum Child {
    /// The system's.
    Os(os::Child),
    /// Another driver's.
    Other(Box<dyn OtherChild>),
}

/// A child process of a driver other than the system's. Each method answers at once.
pub trait OtherChild: fmt::Debug {
    /// Takes the process up: from now on its end is told under `token`, as readable.
    ///
    /// # Errors
    ///
    /// As the system's.
    fn register(&mut self, token: Token) -> io::Result<()>;

    /// The system's number of the process.
    fn id(&self) -> u32;

    /// How it ended; [`WouldBlock`](io::ErrorKind::WouldBlock) while it runs.
    ///
    /// # Errors
    ///
    /// That, or as the system's.
    fn try_wait(&mut self) -> io::Result<ExitStatus>;

    /// Ends it at once.
    ///
    /// # Errors
    ///
    /// As the system's.
    fn kill(&mut self) -> io::Result<()>;

    /// Sends it a signal.
    ///
    /// # Errors
    ///
    /// As the system's.
    fn signal(&mut self, signal: Signal) -> io::Result<()>;
}

/// This program's end of a pipe, to be read or to be written, as the driver gives it.
#[derive(Debug)]
pub enum Pipe {
    /// The system's.
    Os(os::Pipe),
    /// Another driver's.
    Other(Box<dyn OtherPipe>),
}

/// An end of a pipe of a driver other than the system's. Each method answers at once, and
/// [`WouldBlock`](io::ErrorKind::WouldBlock) where it would have to wait.
#[expect(missing_docs, reason = "each other method is the one of the same name of std's")]
pub trait OtherPipe: fmt::Debug {
    /// Takes the pipe up: from now on its readiness is told under `token`.
    fn register(&mut self, token: Token) -> io::Result<()>;
    fn read(&self, buf: &mut [u8]) -> io::Result<usize>;
    fn write(&self, buf: &[u8]) -> io::Result<usize>;
    fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize>;
}

impl Child {
    /// Takes the process up: from now on its end is told under `token`.
    pub(crate) fn register(&mut self, driver: &dyn Driver, token: Token) -> io::Result<()> {
        match self {
            Self::Os(child) => os(driver)?.register_child(child, token),
            Self::Other(child) => child.register(token),
        }
    }

    pub(crate) fn id(&self) -> u32 {
        match self {
            Self::Os(child) => child.id(),
            Self::Other(child) => child.id(),
        }
    }

    pub(crate) fn try_wait(&mut self) -> io::Result<ExitStatus> {
        match self {
            Self::Os(child) => child.try_wait(),
            Self::Other(child) => child.try_wait(),
        }
    }

    pub(crate) fn kill(&mut self) -> io::Result<()> {
        match self {
            Self::Os(child) => child.kill(),
            Self::Other(child) => child.kill(),
        }
    }

    pub(crate) fn signal(&mut self, signal: Signal) -> io::Result<()> {
        match self {
            Self::Os(child) => child.signal(signal),
            Self::Other(child) => child.signal(signal),
        }
    }
}

impl Pipe {
    /// Takes the pipe up: from now on its readiness is told under `token`.
    pub(crate) fn register(&mut self, driver: &dyn Driver, token: Token) -> io::Result<()> {
        match self {
            Self::Os(pipe) => os(driver)?.register_pipe(pipe, token),
            Self::Other(pipe) => pipe.register(token),
        }
    }

    pub(crate) fn read(&self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Os(pipe) => pipe.read(buf),
            Self::Other(pipe) => pipe.read(buf),
        }
    }

    pub(crate) fn write(&self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Os(pipe) => pipe.write(buf),
            Self::Other(pipe) => pipe.write(buf),
        }
    }

    pub(crate) fn write_vectored(&self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match self {
            Self::Os(pipe) => pipe.write_vectored(bufs),
            Self::Other(pipe) => pipe.write_vectored(bufs),
        }
    }
}

fn os(driver: &dyn Driver) -> io::Result<&os::Os> {
    driver.os().ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, "the system's process elsewhere"))
}
