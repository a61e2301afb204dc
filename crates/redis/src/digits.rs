//! Numbers as they are written: in decimal, and with what stands around them in front of everything.
//!
//! Each is written to the end of a small array, from behind, and what was written is given back.

/// As many bytes as the longest number takes, with its sign, what stands in front and what behind.
pub(crate) type Digits = [u8; 24];

/// Room for a number.
pub(crate) const DIGITS: Digits = [0; 24];

/// The digits of a number.
#[inline]
pub(crate) fn decimal(number: u64, digits: &mut Digits) -> &[u8] {
    let from = write(number, digits, digits.len());
    &digits[from..]
}

/// The digits of a number with its sign.
pub(crate) fn signed(number: i64, digits: &mut Digits) -> &[u8] {
    let mut from = write(number.unsigned_abs(), digits, digits.len());
    if number < 0 {
        from -= 1;
        digits[from] = b'-';
    }
    &digits[from..]
}

/// A length, or how many follow, as it stands in front: the kind, the number, and CRLF.
#[inline]
pub(crate) fn head(kind: u8, number: u64, digits: &mut Digits) -> &[u8] {
    let end = digits.len() - 2;
    digits[end..].copy_from_slice(b"\r\n");
    let from = write(number, digits, end) - 1;
    digits[from] = kind;
    &digits[from..]
}

/// Writes a number in front of `end`. Where it begins.
#[inline]
fn write(mut number: u64, digits: &mut Digits, end: usize) -> usize {
    let mut from = end;
    loop {
        from -= 1;
        digits[from] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_have_room() {
        assert_eq!(decimal(0, &mut DIGITS.clone()), b"0");
        assert_eq!(decimal(u64::MAX, &mut DIGITS.clone()), b"18446744073709551615");
        assert_eq!(signed(i64::MIN, &mut DIGITS.clone()), b"-9223372036854775808");
        assert_eq!(signed(7, &mut DIGITS.clone()), b"7");
        assert_eq!(head(b'$', u64::MAX, &mut DIGITS.clone()), b"$18446744073709551615\r\n");
        assert_eq!(head(b'*', 10, &mut DIGITS.clone()), b"*10\r\n");
    }
}
