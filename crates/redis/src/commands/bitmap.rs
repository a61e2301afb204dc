//! Bitmaps: strings as rows of bits, the first of a byte being its highest.

use crate::commands::record::if_natural;
use crate::commands::table::{commands, options};
use crate::{Command, ToArg, ToArgs};

commands! { bitmap_methods;
    /// How many bits are 1; 0 if there is no such key.
    ///
    /// Redis 2.6.
    Reads "BITCOUNT" bitcount(key: impl ToArg) -> u64;

    /// How many bits are 1 from one byte to another inclusive; negative ones count from the end. [`Bitcount`] counts
    /// in bits.
    ///
    /// Redis 2.6; in bits 7.0.
    Reads "BITCOUNT" bitcount_range(key: impl ToArg, start: i64, end: i64) -> u64 as Bitcount;

    /// Reads and writes integers of any width up to 64 bits, one after the other, as [`Bitfield`] says.
    ///
    /// Redis 3.2.
    Writes "BITFIELD" bitfield(key: impl ToArg) -> Vec<Option<i64>> as Bitfield;

    /// Reads integers of any width up to 64 bits, as [`BitfieldRo`] says.
    ///
    /// Redis 6.0.
    Reads "BITFIELD_RO" bitfield_ro(key: impl ToArg) -> Vec<i64> as BitfieldRo;

    /// Makes a string of the bits of others, of which shorter ones count as filled with 0; for [`BitOp::Not`] it is
    /// one. Answers its length in bytes.
    ///
    /// Redis 2.6.
    Writes "BITOP" bitop(operation: BitOp, destination: impl ToArg, keys: impl ToArgs) -> u64;

    /// The index of the first bit that is 1, or 0; `None` if there is none. [`Bitpos`] says where to look.
    ///
    /// Redis 2.8.7.
    Reads "BITPOS" bitpos(key: impl ToArg, bit: bool) -> Option<u64> as Bitpos =
        Command::new("BITPOS").arg(key).arg(u16::from(bit));

    /// A bit; `false` beyond the end, and if there is no such key.
    ///
    /// Redis 2.2.
    Reads "GETBIT" getbit(key: impl ToArg, offset: u64) -> bool;

    /// Sets a bit, and makes the string longer if need be. Answers what it was.
    ///
    /// Redis 2.2.
    Writes "SETBIT" setbit(key: impl ToArg, offset: u64, bit: bool) -> bool =
        Command::new("SETBIT").arg(key).arg(offset).arg(u16::from(bit));
}

options! {
    /// [`bitcount_range`] with its option.
    Bitcount -> u64 {
        /// The ends are bits, and not bytes. Redis 7.0.
        bit() = "BIT";
    }

    /// [`bitpos`] with its options.
    Bitpos -> Option<u64> = if_natural {
        /// From that byte on; if negative, counted from the end.
        start(byte: i64) = byte;
        /// From one byte to another inclusive; negative ones count from the end.
        range(start: i64, end: i64) = start, end;
        /// From one bit to another inclusive; negative ones count from the end. Redis 7.0.
        bits(start: i64, end: i64) = start, end, "BIT";
    }

    /// What [`bitfield`] does, in order. Each but [`overflow`](Self::overflow) has an answer.
    Bitfield -> Vec<Option<i64>> {
        /// Answers an integer.
        get(kind: BitType, offset: BitOffset) = "GET", kind, offset;
        /// Sets an integer. Answers what it was; `None` if it was not set, by [`Overflow::Fail`].
        set(kind: BitType, offset: BitOffset, value: i64) = "SET", kind, offset, value;
        /// Adds so much to an integer. Answers what it is then; `None` if nothing was added, by [`Overflow::Fail`].
        incrby(kind: BitType, offset: BitOffset, by: i64) = "INCRBY", kind, offset, by;
        /// What happens from here on if a number becomes too large.
        overflow(overflow: Overflow) = "OVERFLOW", overflow;
    }

    /// What [`bitfield_ro`] does, in order.
    BitfieldRo -> Vec<i64> {
        /// Answers an integer.
        get(kind: BitType, offset: BitOffset) = "GET", kind, offset;
    }
}

/// What becomes of the bits of several strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BitOp {
    /// 1 where all are.
    And,
    /// 1 where any is.
    Or,
    /// 1 where an odd number is.
    Xor,
    /// 1 where that of the one string is not.
    Not,
}

/// An integer within a string: with sign or without, and how wide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BitType {
    /// With sign, of so many bits, up to 64.
    Signed(u8),
    /// Without sign, of so many bits, up to 63.
    Unsigned(u8),
}

/// Where an integer is within a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BitOffset {
    /// Behind so many bits.
    Bit(u64),
    /// Behind so many integers of its own width.
    Index(u64),
}

/// What happens if a number becomes too large for its bits, or too small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Overflow {
    /// It goes round.
    Wrap,
    /// It is the largest, or the smallest.
    Saturate,
    /// It stays as it was.
    Fail,
}

impl ToArgs for BitOp {
    fn push_to(&self, command: &mut Command) {
        let word = match self {
            Self::And => "AND",
            Self::Or => "OR",
            Self::Xor => "XOR",
            Self::Not => "NOT",
        };
        command.push(word.as_bytes());
    }
}

impl ToArg for BitOp {}

impl ToArgs for BitType {
    fn push_to(&self, command: &mut Command) {
        let word = match self {
            Self::Signed(bits) => format!("i{bits}"),
            Self::Unsigned(bits) => format!("u{bits}"),
        };
        command.push(word.as_bytes());
    }
}

impl ToArg for BitType {}

impl ToArgs for BitOffset {
    fn push_to(&self, command: &mut Command) {
        match self {
            Self::Bit(offset) => offset.push_to(command),
            Self::Index(index) => command.push(format!("#{index}").as_bytes()),
        }
    }
}

impl ToArg for BitOffset {}

impl ToArgs for Overflow {
    fn push_to(&self, command: &mut Command) {
        let word = match self {
            Self::Wrap => "WRAP",
            Self::Saturate => "SAT",
            Self::Fail => "FAIL",
        };
        command.push(word.as_bytes());
    }
}

impl ToArg for Overflow {}
