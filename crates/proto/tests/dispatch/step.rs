//! What an input is: a byte that says how the end under test is configured, and steps of two bytes each, the first of which
//! says what happens and the second how much.

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) what: u8,
    pub(crate) how_much: u8,
}

/// The first byte, and the steps. A step that is cut short is not made.
pub(crate) fn steps(input: &[u8]) -> Option<(u8, impl Iterator<Item = Step>)> {
    let (setup, steps) = input.split_first()?;
    let step = |bytes: &[u8]| Step { what: bytes[0], how_much: bytes[1] };
    Some((*setup, steps.chunks_exact(2).take(STEPS_MAX).map(step)))
}

impl Step {
    /// One of so many, chosen by how much.
    pub(crate) fn choose(self, count: usize) -> Option<usize> {
        usize::from(self.how_much).checked_rem(count)
    }

    /// A number of bytes, from none over a few to all.
    pub(crate) fn bytes(self) -> usize {
        match self.how_much {
            few @ 0..=63 => usize::from(few),
            more @ 64..=191 => 1 << (more % 16),
            _ => usize::MAX,
        }
    }
}

/// More would only take time.
const STEPS_MAX: usize = 400;
