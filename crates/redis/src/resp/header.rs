//! Lines, lengths and numbers: what stands in front of everything in RESP.
//!
//! Each function is given the bytes from where it should read, and says what it read and how many bytes that took, or
//! `None` if the end is not here yet.

use super::error::RespError;

/// What was read, and how many bytes it took with its line end. `None`: not all of it is here.
pub(super) type Read<T> = Result<Option<(T, usize)>, RespError>;

/// A number in decimal, up to its CRLF.
pub(super) fn number(bytes: &[u8]) -> Read<i64> {
    let (is_negative, from) = match bytes.first() {
        Some(b'-') => (true, 1),
        Some(b'+') => (false, 1),
        Some(_) => (false, 0),
        None => return Ok(None),
    };
    let mut magnitude = 0_u64;
    let mut at = from;
    loop {
        match bytes.get(at) {
            // As many digits fit without overflow, and no number has more.
            Some(digit @ b'0'..=b'9') if at - from < 19 => {
                magnitude = magnitude * 10 + u64::from(digit - b'0');
                at += 1;
            }
            Some(b'\r') if at > from => break,
            Some(_) => return Err(RespError::Number),
            None => return Ok(None),
        }
    }
    let number =
        if is_negative { 0_i64.checked_sub_unsigned(magnitude) } else { i64::try_from(magnitude).ok() };
    let number = number.ok_or(RespError::Number)?;
    match bytes.get(at + 1) {
        Some(b'\n') => Ok(Some((number, at + 2))),
        Some(_) => Err(RespError::LineEnd),
        None => Ok(None),
    }
}

/// A number of what follows, up to its CRLF. It is written in one way only, as Redis has it too: what is handed on as it
/// came means the same to whoever reads it next.
pub(super) fn count(bytes: &[u8]) -> Read<i64> {
    let Some((count, read)) = number(bytes)? else { return Ok(None) };
    let digits = bytes.strip_prefix(b"-").unwrap_or(bytes);
    let is_canonical = match digits {
        [b'+', ..] => false,
        [b'0', ..] => read == b"0\r\n".len(),
        _ => true,
    };
    if is_canonical { Ok(Some((count, read))) } else { Err(RespError::Number) }
}

/// A length: `None` within is RESP2's null.
pub(super) fn length(bytes: &[u8]) -> Read<Option<usize>> {
    if bytes.first() == Some(&b'?') {
        return Err(RespError::Streamed);
    }
    match count(bytes)? {
        None => Ok(None),
        Some((-1, read)) => Ok(Some((None, read))),
        Some((length, read)) => {
            let length = usize::try_from(length).map_err(|_| RespError::Number)?;
            Ok(Some((Some(length), read)))
        }
    }
}

/// A line up to its CRLF. Where it ends was looked for up to `scanned` already, and that is brought up to date.
pub(super) fn line<'a>(bytes: &'a [u8], scanned: &mut usize) -> Read<&'a [u8]> {
    let from = (*scanned).min(bytes.len());
    let Some(found) = memchr::memchr2(b'\r', b'\n', &bytes[from..]) else {
        *scanned = bytes.len();
        return if bytes.len() > LINE_BYTES_MAX { Err(RespError::LongLine) } else { Ok(None) };
    };
    let end = from + found;
    *scanned = end;
    if end > LINE_BYTES_MAX {
        return Err(RespError::LongLine);
    }
    match (bytes[end], bytes.get(end + 1)) {
        (b'\r', Some(b'\n')) => {
            *scanned = 0;
            Ok(Some((&bytes[..end], end + 2)))
        }
        (b'\r', None) => Ok(None),
        _ => Err(RespError::LineEnd),
    }
}

/// Longest line. 64 KiB, as Redis has it for lines that it is sent; those that it sends are shorter, but for what a
/// script makes.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn told<T: std::fmt::Debug>(read: Read<T>) -> String {
        match read {
            Ok(Some((what, bytes))) => format!("{what:?} in {bytes}"),
            Ok(None) => "more".to_owned(),
            Err(error) => format!("! {error}"),
        }
    }

    #[test]
    fn numbers_are_decimal_and_fit() {
        for (bytes, expect) in [
            ("0\r\n", "0 in 3"),
            ("-1\r\nx", "-1 in 4"),
            ("+7\r\n", "7 in 4"),
            ("007\r\n", "7 in 5"),
            ("9223372036854775807\r\n", "9223372036854775807 in 21"),
            ("-9223372036854775808\r\n", "-9223372036854775808 in 22"),
            ("9223372036854775808\r\n", "! a length or number that is none"),
            ("-9223372036854775809\r\n", "! a length or number that is none"),
            ("111111111111111111111111111111\r\n", "! a length or number that is none"),
            ("\r\n", "! a length or number that is none"),
            ("-\r\n", "! a length or number that is none"),
            ("1 \r\n", "! a length or number that is none"),
            ("1\r1", "! no CRLF where there must be one"),
            ("", "more"),
            ("-", "more"),
            ("12", "more"),
            ("12\r", "more"),
        ] {
            assert_eq!(told(number(bytes.as_bytes())), expect, "{bytes:?}");
        }
    }

    #[test]
    fn a_length_may_be_nothing_and_not_negative() {
        for (bytes, expect) in [
            ("3\r\n", "Some(3) in 3"),
            ("-1\r\n", "None in 4"),
            ("-2\r\n", "! a length or number that is none"),
            ("0\r\n", "Some(0) in 3"),
            ("+2\r\n", "! a length or number that is none"),
            ("-0\r\n", "! a length or number that is none"),
            ("00\r\n", "! a length or number that is none"),
            ("04\r\n", "! a length or number that is none"),
            ("-01\r\n", "! a length or number that is none"),
            ("?\r\n", "! a streamed value, which this end does not take"),
        ] {
            assert_eq!(told(length(bytes.as_bytes())), expect, "{bytes:?}");
        }
    }

    #[test]
    fn a_line_is_looked_at_once_and_has_an_end() {
        let mut scanned = 0;
        assert_eq!(told(line(b"abc", &mut scanned)), "more");
        assert_eq!(scanned, 3);
        // What was looked at is not looked at again, or this would be an error.
        assert_eq!(told(line(b"\nbcd\r", &mut scanned)), "more");
        assert_eq!(told(line(b"\nbcd\r\n", &mut scanned)), "[10, 98, 99, 100] in 6");
        assert_eq!(scanned, 0);
        assert_eq!(told(line(b"a\nb\r\n", &mut scanned)), "! no CRLF where there must be one");
        let long = vec![b'a'; LINE_BYTES_MAX + 1];
        assert_eq!(told(line(&long[1..], &mut 0)), "more");
        assert_eq!(told(line(&long, &mut 0)), "! a line of more than 64 KiB");
    }
}
