//! What a server still expects of its peer, and how it closes by that: [`Peer`].

use std::future::poll_fn;
use std::time::Duration;

use ekiden_reactor::timeout;
use futures_io::{AsyncRead, AsyncWrite};

use super::linger::close_gently;
use crate::transport::Transport;

/// What is to be expected of the peer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    /// It may send more.
    Sends,
    /// It has ended its direction.
    Ended,
    /// Nothing.
    Lost,
}

impl Peer {
    /// Closes the connection, which has ended. To be waited for in a box, as an idle connection needs no room for it.
    pub(crate) async fn close<Io: AsyncRead + AsyncWrite + Unpin, Codec>(
        self,
        transport: &mut Transport<Io, Codec>,
    ) {
        match self {
            Self::Sends => close_gently(transport.io_mut()).await,
            // To the peer it makes no difference any more, so it cannot be an error.
            Self::Ended => {
                let close = poll_fn(|cx| transport.poll_close(cx));
                drop(timeout(CLOSE_TIMEOUT, close).await);
            }
            Self::Lost => {}
        }
    }
}

/// So long a peer that says no more may take for the end of the stream beneath, such as TLS's. As for one that may say more
/// ([`close_gently`]).
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
