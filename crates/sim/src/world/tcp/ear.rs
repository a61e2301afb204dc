//! What an end hears: bytes in order, whatever the order in which they come, and how many more it has room for.

use std::collections::{BTreeMap, VecDeque};

use super::line::{Piece, Said};

/// The way into an end.
#[derive(Debug)]
pub(super) struct Ear {
    /// What has come in order and was not read.
    pub(super) received: VecDeque<u8>,
    /// What has come before something that was said before it.
    early: BTreeMap<u64, Said>,
    /// The number of the byte that is heard next: all before it are acknowledged.
    pub(super) expected: u64,
    pub(super) has_heard_end: bool,
    pub(super) reads_no_more: bool,
    /// How many bytes were read, and for how many more there is room.
    read: u64,
    window: u64,
    /// Up to where the other has been told that there is room.
    told: u64,
    /// When something last came.
    pub(super) heard_last: u64,
}

impl Ear {
    pub(super) fn new(now: u64, window: u64) -> Self {
        Self {
            received: VecDeque::new(),
            early: BTreeMap::new(),
            expected: 0,
            has_heard_end: false,
            reads_no_more: false,
            read: 0,
            window,
            told: 0,
            heard_last: now,
        }
    }

    /// A piece comes: what of it is to be heard now, if it is its turn. If not it is kept, unless it was heard before.
    pub(super) fn handle_piece(&mut self, piece: Piece) -> Option<Said> {
        if piece.first > self.expected {
            self.early.insert(piece.first, piece.said);
            return None;
        }
        (piece.first == self.expected).then(|| self.pass(piece.said))
    }

    /// What was kept and is to be heard now, behind what was heard last.
    pub(super) fn next_in_order(&mut self) -> Option<Said> {
        let said = self.early.remove(&self.expected)?;
        Some(self.pass(said))
    }

    fn pass(&mut self, said: Said) -> Said {
        self.expected += said.len();
        self.has_heard_end |= matches!(said, Said::End);
        said
    }

    /// The program has read so many bytes.
    pub(super) fn handle_read(&mut self, bytes: usize) {
        self.read += bytes as u64;
    }

    /// Up to where there is room, which the other is told now.
    pub(super) fn tell_edge(&mut self) -> u64 {
        self.told = self.read + self.window;
        self.told
    }

    /// Whether it is worth telling the other of more room. Whoever waits for room has said as much as there was, so a part of
    /// that is always reached.
    pub(super) fn is_worth_telling(&self) -> bool {
        !self.has_heard_end && (self.read + self.window - self.told) * 4 >= self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_heard_once_and_in_order() {
        let mut ear = Ear::new(0, 100);
        let piece = |first, bytes: &[u8]| Piece { first, said: Said::Bytes(bytes.into()) };
        let mut heard = Vec::new();
        let come = [
            piece(3, b"de"),
            piece(0, b"abc"),
            piece(3, b"de"),
            Piece { first: 6, said: Said::End },
            piece(5, b"f"),
        ];
        for piece in come {
            let mut next = ear.handle_piece(piece);
            while let Some(said) = next {
                heard.push(match said {
                    Said::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
                    Said::End => "end".to_owned(),
                });
                next = ear.next_in_order();
            }
        }
        assert_eq!(heard, ["abc", "de", "f", "end"]);
        assert_eq!((ear.expected, ear.has_heard_end), (7, true));
    }
}
