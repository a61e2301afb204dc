//! How much a peer may send at once: [`Limits`].

/// How large a reply, or a request, may be.
///
/// What is beyond ends the connection, with an error that says which limit it was: what follows cannot be told from what
/// is passed over. All are checked before anything is allocated. A server answers with the error first; a peer that goes on
/// to send more than eight megabytes is cut off, and may not come to read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Most bytes of one frame. Of replies 512 MiB and 64 KiB: the longest string that Redis keeps, and what is around it.
    /// Of requests 64 MiB: enough for the values that belong into a store in memory, and a handful of strangers cannot
    /// take all of a machine.
    pub frame_bytes_max: usize,
    /// Most values in one frame, at any depth. Of replies 4 Mi, which take 160 MiB: whoever asks for more at once wants to
    /// `SCAN`. Of requests 1 Mi, as Redis has it.
    pub values_max: usize,
    /// Deepest that values of a reply may be nested. 32: what Redis itself answers goes to seven, and only a script can
    /// make more. Requests do not nest.
    pub depth_max: usize,
}

impl Limits {
    /// The limits of a client, for replies.
    pub const fn of_replies() -> Self {
        Self { frame_bytes_max: 512 * 1024 * 1024 + 64 * 1024, values_max: 4 * 1024 * 1024, depth_max: 32 }
    }

    /// The limits of a server, for requests.
    pub const fn of_requests() -> Self {
        Self { frame_bytes_max: 64 * 1024 * 1024, values_max: 1024 * 1024, depth_max: 1 }
    }
}
