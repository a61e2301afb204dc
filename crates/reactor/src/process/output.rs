//! All that a command says, for those who want to know nothing else of it.

use std::future::poll_fn;
use std::io;
use std::process::{Command, Output, Stdio};
use std::task::{Context, Poll};

use super::{PipeReader, spawn};
use crate::buffer::lend;
use crate::task::poll_budget;

/// Runs a command to its end and collects what it writes to its standard output and its standard error, of each at most
/// so many bytes. It reads nothing: its standard input is empty.
///
/// There is no time limit; put a [`timeout`](crate::timeout) around it.
///
/// ```
/// use ekiden_reactor::process::{Command, output};
///
/// # ekiden_reactor::run(async {
/// let date = output(Command::new("date").arg("+%Y"), 1024).await?;
/// assert!(date.status.success());
/// assert_eq!(date.stdout.len(), "2026\n".len());
/// # std::io::Result::Ok(())
/// # }).unwrap();
/// ```
///
/// # Cancel safety
///
/// Dropping the future kills the process, as nobody would see what it says; what it has started itself goes on.
///
/// # Errors
///
/// As for [`spawn`](fn@spawn); [`FileTooLarge`](io::ErrorKind::FileTooLarge) when it writes more than `bytes_max`, by
/// which it is killed.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn output(command: &mut Command, bytes_max: usize) -> io::Result<Output> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = spawn(command)?.kill_on_drop();
    let mut stdout = Collected::of(child.stdout.take(), bytes_max);
    let mut stderr = Collected::of(child.stderr.take(), bytes_max);
    poll_fn(|cx| {
        let (stdout, stderr) = (stdout.poll_end(cx)?, stderr.poll_end(cx)?);
        if stdout.is_ready() && stderr.is_ready() { Poll::Ready(io::Result::Ok(())) } else { Poll::Pending }
    })
    .await?;
    let status = child.wait().await?;
    Ok(Output { status, stdout: stdout.bytes, stderr: stderr.bytes })
}

struct Collected {
    /// `None` at its end.
    pipe: Option<PipeReader>,
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Collected {
    fn of(pipe: Option<PipeReader>, bytes_max: usize) -> Self {
        Self { pipe, bytes: Vec::new(), bytes_max }
    }

    /// Reads to the end. Answers the same when asked again after that.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(pipe) = &self.pipe {
            std::task::ready!(poll_budget(cx));
            let (bytes, bytes_max) = (&mut self.bytes, self.bytes_max);
            let n = std::task::ready!(lend(|buf| {
                pipe.poll_read(cx, buf).map_ok(|n| {
                    bytes.extend_from_slice(&buf[..n]);
                    n
                })
            }))?;
            if bytes.len() > bytes_max {
                let error = format!("the command writes more than {bytes_max} bytes");
                return Poll::Ready(Err(io::Error::new(io::ErrorKind::FileTooLarge, error)));
            }
            if n == 0 {
                self.pipe = None;
            }
        }
        Poll::Ready(Ok(()))
    }
}
