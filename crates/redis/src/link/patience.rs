//! A byte stream whose peer must not owe answers and be silent for too long: [`Patient`].
//!
//! A server that has vanished ends no connection: what was sent waits in the system, which gives up after a quarter of an
//! hour, and until then every call would go the same way.
//!
//! To take what is written for it is a word of the peer too, but only where it has to: what the system has room for says
//! nothing of the peer. So the limit of a large request begins anew with each piece that had to wait for room.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use ekiden_reactor::{Instant, Sleep, sleep_until};
use futures_io::{AsyncRead, AsyncWrite};

use super::codec::Owed;

/// A stream that fails when its peer owes something and sends nothing for so long.
#[derive(Debug)]
pub(crate) struct Patient<Io> {
    io: Io,
    owed: Owed,
    silence_max: Option<Duration>,
    /// Set while something is owed, from when it was, from what was heard last, or from what the peer has made room for.
    limit: Option<Instant>,
    /// Whether the last write found no room: the next that finds some has it from the peer.
    is_full: bool,
    /// In a box, and kept: a connection that is used at all is used again.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<Io> Patient<Io> {
    pub(crate) fn new(io: Io, owed: Owed, silence_max: Option<Duration>) -> Self {
        Self { io, owed, silence_max, limit: None, is_full: false, sleep: None }
    }

    /// Whether the peer was silent for too long. Else the task is woken when it will have been.
    fn poll_silence(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(silence_max) = self.silence_max.filter(|_| self.owed.is_any()) else {
            self.limit = None;
            return Poll::Pending;
        };
        let limit = *self.limit.get_or_insert_with(|| Instant::recent() + silence_max);
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(limit)));
        sleep.poll_until(cx, limit)
    }
}

impl<Io: AsyncRead + Unpin> AsyncRead for Patient<Io> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.io).poll_read(cx, buf) {
            Poll::Pending if self.poll_silence(cx).is_ready() => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the server owes answers and says nothing",
            ))),
            Poll::Pending => Poll::Pending,
            read => {
                self.limit = None;
                read
            }
        }
    }
}

impl<Io: AsyncWrite + Unpin> AsyncWrite for Patient<Io> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(cx, buf);
        if std::mem::replace(&mut self.is_full, written.is_pending()) && written.is_ready() {
            self.limit = None;
        }
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.io).poll_flush(cx);
        // What was written may be the first that is owed, and nothing is read before something comes. If the time is over
        // already the next read says so.
        if self.limit.is_none() && self.poll_silence(cx).is_ready() {
            cx.waker().wake_by_ref();
        }
        flushed
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekiden_reactor::driver::hand::Hand;
    use ekiden_reactor::{Config, Reactor};
    use std::task::Waker;

    /// A peer of whom nothing comes, and a system that has room for what is written, or has none.
    #[derive(Default)]
    struct Mute {
        is_full: bool,
    }

    impl AsyncRead for Mute {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Mute {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            if self.is_full { Poll::Pending } else { Poll::Ready(Ok(buf.len())) }
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Plays what happens, of which a minute of silence may be owed, and says when the stream fails: after so many seconds.
    fn check(script: &str, expect: Option<u64>) {
        let (hand, clock) = Hand::new().expect("the system gives a driver");
        Reactor::with_driver(Config::default(), hand).run(async {
            let owed = Owed::default();
            let mut patient = Patient::new(Mute::default(), owed.clone(), Some(Duration::from_secs(60)));
            let mut cx = Context::from_waker(Waker::noop());
            let mut seconds = 0;
            let mut failed = None;
            for step in script.split(", ") {
                let (verb, count) = step.split_once(' ').unwrap_or((step, "0"));
                match verb {
                    "ask" => owed.add(),
                    "answer" => owed.take(),
                    "full" => patient.io.is_full = true,
                    "room" => patient.io.is_full = false,
                    "write" => drop(Pin::new(&mut patient).poll_write(&mut cx, b"bytes")),
                    "pass" => {
                        let count: u64 = count.parse().unwrap();
                        clock.pass(Duration::from_secs(count)).await;
                        seconds += count;
                    }
                    _ => panic!("no such step: {step}"),
                }
                if !patient.is_full {
                    drop(Pin::new(&mut patient).poll_flush(&mut cx));
                }
                if Pin::new(&mut patient).poll_read(&mut cx, &mut [0]).is_ready() {
                    failed.get_or_insert(seconds);
                }
            }
            assert_eq!(failed, expect, "{script}");
        });
    }

    #[test]
    fn who_owes_and_is_silent_is_gone() {
        check("ask, write, pass 59, pass 1", Some(60));
        check("write, pass 100, ask, write, pass 59", None);
        check("ask, write, pass 59, answer, pass 100", None);
    }

    #[test]
    fn what_the_system_takes_is_no_sign_of_life() {
        check("ask, write, pass 30, ask, write, pass 30", Some(60));
    }

    #[test]
    fn who_takes_what_is_written_is_there() {
        check(
            "ask, write, full, write, pass 40, room, write, full, write, pass 40, room, write, pass 59",
            None,
        );
        check("ask, write, full, write, pass 40, room, write, full, write, pass 60", Some(100));
        check("ask, write, full, write, pass 60", Some(60));
    }
}
