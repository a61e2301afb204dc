//! Bitmaps.

use ekiden::redis::commands::*;

use super::{Over, Step, is, play};

#[test]
fn bitmaps() {
    play(&[], Over::Shared, table);
}

pub(super) fn table() -> Vec<Step> {
    let (byte, nibble) = (BitType::Unsigned(8), BitType::Signed(4));
    vec![
        is(setbit("b", 7, true), false),
        is(setbit("b", 7, true), true),
        is(getbit("b", 7), true),
        is(getbit("b", 100), false),
        is(setbit("b", 15, true), false),
        is(bitcount("b"), 2),
        is(bitcount_range("b", -1, -1), 1),
        is(bitcount_range("b", 0, 6).bit(), 0),
        is(bitpos("b", true), Some(7)),
        is(bitpos("b", true).start(1), Some(15)),
        is(bitpos("b", true).range(1, -1), Some(15)),
        is(bitpos("b", true).bits(0, 3), None),
        is(bitpos("none", true), None),
        is(bitop(BitOp::Not, "not", "b"), 2),
        is(bitop(BitOp::And, "and", ["b", "not"]), 2),
        is(bitop(BitOp::Or, "or", ["b", "not"]), 2),
        is(bitop(BitOp::Xor, "xor", ["b", "b"]), 2),
        is(bitcount("and"), 0),
        is(bitcount("or"), 16),
        is(bitcount("xor"), 0),
        is(
            bitfield("f").set(byte, BitOffset::Bit(0), 200).get(byte, BitOffset::Index(0)).incrby(
                byte,
                BitOffset::Index(0),
                100,
            ),
            vec![Some(0), Some(200), Some(44)],
        ),
        is(
            bitfield("f")
                .overflow(Overflow::Fail)
                .incrby(nibble, BitOffset::Index(2), 8)
                .overflow(Overflow::Saturate)
                .incrby(nibble, BitOffset::Index(2), 8)
                .overflow(Overflow::Wrap)
                .incrby(nibble, BitOffset::Index(2), 1),
            vec![None, Some(7), Some(-8)],
        ),
        is(bitfield_ro("f").get(nibble, BitOffset::Index(2)).get(byte, BitOffset::Bit(0)), vec![-8, 44]),
    ]
}
