//! How to close a connection so that the peer gets what was written.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use ekiden_reactor::{buffer, timeout};
use futures_io::{AsyncRead, AsyncWrite};

/// Ends what we send, and waits for the peer to end too, reading and dropping what it still sends.
///
/// Reach for it when a connection ends by our wish while the peer may still be sending: a refusal, a drain. A socket
/// that is closed with bytes unread resets the connection, and that can destroy what was written last before the
/// peer has read it (RFC 9112, section 9.6).
///
/// It waits no longer than a second and reads no more than 256 KiB: a peer that is still there has seen our end by
/// then.
///
/// # Cancel safety
///
/// Dropping the future leaves what was written on its way, and whether it arrives to chance.
///
/// # Panics
///
/// If no reactor runs on this thread.
pub async fn close_gently<Io: AsyncRead + AsyncWrite + Unpin>(io: &mut Io) {
    // Whatever fails, the connection is over.
    drop(timeout(LINGER_TIME, end_both(io)).await);
}

async fn end_both<Io: AsyncRead + AsyncWrite + Unpin>(io: &mut Io) -> std::io::Result<()> {
    poll_fn(|cx| Pin::new(&mut *io).poll_close(cx)).await?;
    let mut bytes_left = LINGER_BYTES_MAX;
    while bytes_left > 0 {
        match poll_fn(|cx| buffer::lend(|scratch| Pin::new(&mut *io).poll_read(cx, scratch))).await? {
            0 => break,
            bytes => bytes_left = bytes_left.saturating_sub(bytes),
        }
    }
    Ok(())
}

/// Some round trips on a bad network.
const LINGER_TIME: Duration = Duration::from_secs(1);

/// What was on its way when we ended: as much as a socket holds.
const LINGER_BYTES_MAX: usize = 256 * 1024;
