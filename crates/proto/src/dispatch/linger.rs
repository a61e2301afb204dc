//! How to close a connection so that the peer gets what was written.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use ekiden_reactor::{buffer, timeout, yield_now};
use futures_io::{AsyncRead, AsyncWrite};

/// Closes a connection so that the peer gets what was written, and waits for that no longer than two seconds.
///
/// Reach for it when a connection ends by our wish while the peer may still be sending: a refusal, a drain. It is what
/// [`Linger`] does, with a time limit: some round trips on a bad line. A peer that reads its answer closes at once.
///
/// # Cancel safety
///
/// Dropping the future leaves what was written on its way, and whether it arrives to chance.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn close_gently<Io: AsyncRead + AsyncWrite + Unpin>(io: &mut Io) {
    let mut linger = Linger::default();
    // Whatever fails, the connection is over.
    let _ = timeout(LINGER_TIME, poll_fn(|cx| linger.poll(cx, io))).await;
}

/// How far a connection that closes gently has come: for whoever polls, and knows how long it may take.
///
/// First what we send is ended; then what the peer still sends is read and passed over, until it ends too or has sent
/// 8 MiB. A socket that is closed with bytes unread resets the connection, and that can destroy what was written last
/// before the peer has read it (RFC 9112, section 9.6).
#[derive(Clone, Copy, Debug, Default)]
pub struct Linger {
    has_ended: bool,
    /// So many bytes came after our end.
    passed_over: u32,
}

impl Linger {
    /// Ready when the connection can be dropped: both ends have ended, or it broke, or the peer sent too much.
    ///
    /// It sets no time limit, and a peer may take for ever: whoever polls must have one.
    ///
    /// # Panics
    ///
    /// If no reactor runs on this thread.
    pub fn poll<Io: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        cx: &mut Context<'_>,
        io: &mut Io,
    ) -> Poll<()> {
        if !self.has_ended {
            if ready!(Pin::new(&mut *io).poll_close(cx)).is_err() {
                return Poll::Ready(());
            }
            self.has_ended = true;
        }
        for _ in 0..READS_AT_ONCE {
            match ready!(buffer::lend(|scratch| Pin::new(&mut *io).poll_read(cx, scratch))) {
                Ok(count @ 1..) if self.passed_over < BYTES_MAX => {
                    let count = u32::try_from(count).unwrap_or(u32::MAX);
                    self.passed_over = self.passed_over.saturating_add(count.max(READ_BYTES));
                }
                _ => return Poll::Ready(()),
            }
        }
        // To be continued, when everybody else has had a turn.
        let _ = pin!(yield_now()).poll(cx);
        Poll::Pending
    }
}

/// Some round trips on a bad line.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// How much is passed over: as much as the buffers of two sockets hold between them. Whoever is cut off before that may
/// never see the answer.
const BYTES_MAX: u32 = 8 * 1024 * 1024;

/// How much a read that brings less is taken for: a network brings it in pieces not much smaller.
const READ_BYTES: u32 = 2 * 1024;

/// Then others have a turn.
const READS_AT_ONCE: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Wire, by_hand};
    use ekiden_reactor::driver::hand::Hand;
    use ekiden_reactor::{Config, Reactor, spawn};

    /// Plays a peer: `read` is a poll, a number so many bytes that it sends. Says whether the connection can be dropped
    /// after the last word, and how many bytes are unread.
    #[track_caller]
    fn check(script: &str, is_left: bool, unread: usize) {
        let (wire, mut linger, mut left) = (Wire::new(), Linger::default(), false);
        by_hand(|cx| {
            for word in script.split_whitespace() {
                assert!(!left, "left before `{word}`");
                match word {
                    "read" => left = linger.poll(cx, &mut wire.clone()).is_ready(),
                    "end" => wire.end(),
                    "reset" => wire.reset(),
                    bytes => wire.send(vec![b'x'; bytes.parse().unwrap()]),
                }
            }
        });
        assert!(wire.is_closed());
        assert_eq!((left, wire.unread()), (is_left, unread), "{script}");
    }

    #[test]
    fn what_still_comes_is_passed_over_until_the_peer_ends() {
        check("read 10 read 10 read", false, 0);
        check("read 10 read end read", true, 0);
        check("10 end read", true, 0);
        check("10 read reset read", true, 0);
    }

    #[test]
    fn who_sends_very_much_is_left() {
        let megabyte = format!("1000000 {}", "read ".repeat(20));
        check(&megabyte.repeat(8), false, 0);
        // In pieces of a byte it is as much when there are four thousand of them.
        check(&"1 read ".repeat(4096), false, 0);
        check(&"1 read ".repeat(4097), true, 0);
        let (wire, mut linger) = (Wire::new(), Linger::default());
        wire.send(vec![b'x'; 10_000_000]);
        by_hand(|cx| while linger.poll(cx, &mut wire.clone()).is_pending() {});
        assert!((1_000_000..2_000_000).contains(&wire.unread()), "{}", wire.unread());
    }

    #[test]
    fn who_sends_without_a_pause_leaves_the_others_their_turn() {
        let (wire, mut linger) = (Wire::new(), Linger::default());
        wire.send(vec![b'x'; 5_000_000]);
        by_hand(|cx| assert!(linger.poll(cx, &mut wire.clone()).is_pending()));
        assert_eq!(wire.calls().0, READS_AT_ONCE);
    }

    #[test]
    fn nobody_is_waited_for_longer_than_two_seconds() {
        let (hand, clock) = Hand::new().unwrap();
        Reactor::with_driver(Config::default(), hand).run(async {
            let wire = Wire::new();
            let mut io = wire.clone();
            let closing = spawn(async move { close_gently(&mut io).await });
            yield_now().await;
            for (passes, is_over) in [(1999, false), (1, true)] {
                wire.send("more");
                clock.pass(Duration::from_millis(passes)).await;
                yield_now().await;
                assert_eq!(closing.is_finished(), is_over, "after {passes} ms more");
            }
        });
    }
}
