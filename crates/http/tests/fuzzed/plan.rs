//! What an input means: the peer's bytes, in pieces, and what else it and the world do between the pieces.
//!
//! ```text
//!   setup (2 bytes) │ count │ operations (count bytes) │ bytes of the wire, pieces between record separators
//! ```
//!
//! The bytes of the wire come as they are, so that a fuzzer's dictionary and its splices mean something. The first
//! operation is done before the first piece, and so on; those that are left follow the last piece.

use std::borrow::Cow;
use std::time::Duration;

use crate::world::World;
use crate::world::pipe::Peer;

/// An input, understood. Every input means something.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    /// Decides what the end under test does: see there.
    pub(crate) setup: [u8; 2],
    operations: Vec<Operation>,
    /// A test may make others of them.
    pub(crate) pieces: Vec<Cow<'a, [u8]>>,
}

/// What may happen between two pieces.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Operation {
    Nothing,
    /// From now on so many bytes at most move by one read, and by one write.
    Steps {
        read_max: usize,
        write_max: usize,
    },
    /// The peer takes so many more bytes.
    Window(usize),
    Pass(Duration),
    /// Time passes up to the next moment that anybody waits for.
    PassToDeadline,
    /// The peer sends no more.
    End,
    Reset,
    /// Whatever the end under test is asked to do from outside.
    Nudge,
    /// At its end, the peer is silent and does not say that it has ended.
    Silence,
    /// The peer sends so many bytes of nothing in particular, as fast as they are taken.
    Flood(usize),
}

/// Between two pieces of the wire.
pub(crate) const SEPARATOR: u8 = 0x1e;

const OPERATIONS_MAX: usize = 32;

/// More would only take time.
const FLOODS_MAX: usize = 3;

impl<'a> Plan<'a> {
    pub(crate) fn new(input: &'a [u8]) -> Self {
        let at = |index: usize| input.get(index).copied().unwrap_or(0);
        let rest = input.get(3..).unwrap_or_default();
        let (operations, wire) = rest.split_at(rest.len().min(usize::from(at(2)) % OPERATIONS_MAX));
        let mut operations: Vec<_> = operations.iter().map(|byte| Operation::new(*byte)).collect();
        let floods = operations.iter_mut().filter(|operation| matches!(operation, Operation::Flood(_)));
        floods.skip(FLOODS_MAX).for_each(|flood| *flood = Operation::Nothing);
        let pieces = wire.split(|&byte| byte == SEPARATOR).map(Cow::Borrowed).collect();
        Self { setup: [at(0), at(1)], operations, pieces }
    }

    /// The same bytes, all at once.
    pub(crate) fn whole(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    /// Whether nothing happens but that bytes come, in whatever pieces.
    pub(crate) fn is_plain(&self) -> bool {
        self.operations
            .iter()
            .all(|operation| matches!(operation, Operation::Nothing | Operation::Steps { .. }))
    }

    /// Whether the connection may break by what the peer does, or by what it does not do in time.
    pub(crate) fn is_rough(&self) -> bool {
        let is_rough = |operation: &Operation| matches!(operation, Operation::Reset | Operation::Window(_));
        self.operations.iter().any(is_rough)
    }

    /// Plays it, and then lets the peer take everything and, mostly, end.
    pub(crate) async fn play(&self, world: &World, peer: &Peer, nudge: impl Fn()) {
        let count = self.operations.len().max(self.pieces.len());
        for index in 0..count {
            let operation = self.operations.get(index).copied().unwrap_or(Operation::Nothing);
            operation.apply(world, peer, &nudge).await;
            if let Some(piece) = self.pieces.get(index) {
                peer.send(piece);
                world.quiet().await;
            }
        }
        peer.open_window(usize::MAX);
        world.quiet().await;
        if !self.operations.iter().any(|operation| matches!(operation, Operation::Silence)) {
            peer.end();
            world.quiet().await;
        }
    }
}

impl Operation {
    fn new(byte: u8) -> Self {
        let argument = usize::from(byte & 31);
        let power = |exponent: usize| if exponent == 7 { usize::MAX } else { 1 << exponent };
        match byte >> 5 {
            0 => Self::Nothing,
            1 => Self::Steps { read_max: power(argument & 7), write_max: power(argument >> 2) },
            2 => Self::Window(if argument == 0 { 0 } else { 1 << argument }),
            3 => Self::Pass(Duration::from_secs(argument as u64)),
            4 => Self::PassToDeadline,
            5 => Self::End,
            6 if argument == 0 => Self::Reset,
            6 if argument == 1 => Self::Silence,
            6 => Self::Nudge,
            _ => Self::Flood(argument * 16 * 1024),
        }
    }

    async fn apply(self, world: &World, peer: &Peer, nudge: &impl Fn()) {
        match self {
            Self::Nothing | Self::Silence => return,
            Self::Steps { read_max, write_max } => peer.set_steps(read_max, write_max),
            Self::Window(bytes) => peer.open_window(bytes),
            Self::Pass(time) => return world.pass(time).await,
            Self::PassToDeadline => {
                world.pass_to_deadline().await;
                return;
            }
            Self::End => peer.end(),
            Self::Reset => peer.reset(),
            Self::Nudge => nudge(),
            Self::Flood(bytes) => {
                peer.set_steps(usize::MAX, usize::MAX);
                peer.send(&vec![b'x'; bytes]);
            }
        }
        world.quiet().await;
    }
}
