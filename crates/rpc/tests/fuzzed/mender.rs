//! Whether there are [`Checksums`]; the frames of a fuzzer are given theirs, which no chance finds.

use crate::checksum::{asking, checked};
use crate::plan::Plan;

/// What an input does about checksums.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Checksums {
    /// There are none.
    Off,
    /// The frames of the input have none, and each is given one.
    Mended,
    /// What the input has at the end of its frames is taken for them.
    Raw,
}

impl Checksums {
    /// As the setup of a plan says, whose frames are given theirs.
    pub(crate) fn of(plan: &mut Plan<'_>) -> Self {
        match plan.setup[1] & 6 {
            2 => {
                mend(plan);
                Self::Mended
            }
            6 => Self::Raw,
            _ => Self::Off,
        }
    }

    pub(crate) fn are_on(self) -> bool {
        self != Self::Off
    }

    /// What the peer begins with.
    pub(crate) fn hello(self) -> Vec<u8> {
        if self.are_on() { asking() } else { b"ekiden\x01\0\0\0".to_vec() }
    }
}

/// A frame comes when it is whole, and what is none at last.
fn mend(plan: &mut Plan<'_>) {
    let mut unmended = Vec::new();
    let mut left = plan.pieces.len();
    for piece in &mut plan.pieces {
        left -= 1;
        unmended.extend_from_slice(piece);
        let mut mended = Vec::new();
        while let Some(bytes) = frame_bytes(&unmended) {
            mended.extend(checked(&unmended.drain(..bytes).collect::<Vec<_>>()));
        }
        if left == 0 {
            mended.append(&mut unmended);
        }
        *piece = mended.into();
    }
}

/// How long the frame is, if these bytes begin with one.
fn frame_bytes(bytes: &[u8]) -> Option<usize> {
    let length = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    (bytes.len() >= 4 + length).then_some(4 + length)
}
