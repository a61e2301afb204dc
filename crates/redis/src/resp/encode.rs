//! Values to bytes, at a server: in the version that its client speaks.

use bytes::{BufMut, BytesMut};

use super::header::LINE_BYTES_MAX;
use crate::digits::{self, DIGITS};
use crate::value::Value;

/// The version of RESP in which a connection's replies are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// What every connection begins with, until its client says otherwise.
    #[default]
    Resp2,
    /// With types for all that a [`Value`] can be.
    Resp3,
}

/// Appends a value to `buf`. What RESP2 has no type for is said in another, as Redis does. A line has no more than 64 KiB, since
/// a peer may take no more: what is longer is written as a string, and an error, which is for people, is cut.
///
/// ```
/// use bytes::BytesMut;
/// use ekiden_redis::Value;
/// use ekiden_redis::resp::{Version, encode};
///
/// let mut buf = BytesMut::new();
/// encode(&Value::from(true), Version::Resp2, &mut buf);
/// encode(&Value::from(true), Version::Resp3, &mut buf);
/// assert_eq!(buf, ":1\r\n#t\r\n");
/// ```
///
/// A [push](Value::Push) is one by itself only: within another value it is written as an array.
pub fn encode(value: &Value, version: Version, buf: &mut BytesMut) {
    match value {
        Value::Push(values) if version == Version::Resp3 => many(b'>', values, version, buf),
        value => answer(value, version, buf),
    }
}

/// The same, of what answers a command, or is a part of that: no push does, and whoever read one there would take the answer
/// to the next command for that to this one. It is written as an array, as it is in RESP2.
pub(crate) fn answer(value: &Value, version: Version, buf: &mut BytesMut) {
    let is_3 = version == Version::Resp3;
    match value {
        Value::Nil => buf.put_slice(if is_3 { b"_\r\n" } else { b"$-1\r\n" }),
        // A line cannot hold a line break, and a peer would take it for two.
        Value::Status(text)
            if text.len() > LINE_BYTES_MAX || memchr::memchr2(b'\r', b'\n', text).is_some() =>
        {
            bulk(b'$', text, buf);
        }
        Value::Status(text) => line(b'+', text, buf),
        Value::Bulk(bytes) => bulk(b'$', bytes, buf),
        Value::Integer(number) => {
            let mut digits = DIGITS;
            line(b':', digits::signed(*number, &mut digits), buf);
        }
        Value::Double(number) => {
            let text = double(*number);
            if is_3 { line(b',', text.as_bytes(), buf) } else { bulk(b'$', text.as_bytes(), buf) }
        }
        Value::Boolean(is) if is_3 => buf.put_slice(if *is { b"#t\r\n" } else { b"#f\r\n" }),
        Value::Boolean(is) => buf.put_slice(if *is { b":1\r\n" } else { b":0\r\n" }),
        Value::BigNumber(digits) if is_3 && is_number(digits) => line(b'(', digits, buf),
        Value::BigNumber(digits) => bulk(b'$', digits, buf),
        Value::Verbatim { format, text } if is_3 => {
            header(b'=', text.len() + 4, buf);
            buf.put_slice(format);
            buf.put_u8(b':');
            buf.put_slice(text);
            buf.put_slice(b"\r\n");
        }
        Value::Verbatim { text, .. } => bulk(b'$', text, buf),
        Value::Error(error) => line(b'-', cut(error.line()), buf),
        Value::Array(values) | Value::Push(values) => many(b'*', values, version, buf),
        Value::Set(values) => many(if is_3 { b'~' } else { b'*' }, values, version, buf),
        Value::Map(pairs) => {
            let (kind, count) = if is_3 { (b'%', pairs.len()) } else { (b'*', pairs.len() * 2) };
            header(kind, count, buf);
            for (key, value) in pairs {
                answer(key, version, buf);
                answer(value, version, buf);
            }
        }
    }
}

/// How many values follow, which are one.
pub(crate) fn array_header(count: usize, buf: &mut BytesMut) {
    header(b'*', count, buf);
}

/// As few digits as say which number it is, in the notation that Redis chooses since its version 7.2 (`d2string` and its
/// fpconv): without an exponent as long as few zeros are needed for that.
fn double(number: f64) -> String {
    let is_integer = number.fract() == 0.0 && number.abs() < (1_u64 << 52) as f64;
    if number.is_nan() {
        return "nan".to_owned();
    } else if is_integer || number.is_infinite() {
        return number.to_string();
    }
    let scientific = format!("{:e}", number.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let (digits, exponent) = (mantissa.replace('.', ""), exponent.parse::<i32>().unwrap_or(0));
    let count = digits.len() as i32; // 17 at most.
    // So many zeros at the end, or so many digits behind the point.
    let zeros = exponent - (count - 1);
    let sign = if number < 0.0 { "-" } else { "" };
    if zeros >= 0 && exponent < count + 7 {
        return format!("{sign}{digits}{}", "0".repeat(zeros as usize));
    }
    if zeros < 0 && (zeros > -7 || exponent.abs() < 4) {
        return match count + zeros {
            whole @ 1.. => format!("{sign}{}.{}", &digits[..whole as usize], &digits[whole as usize..]),
            whole => format!("{sign}0.{}{digits}", "0".repeat(whole.unsigned_abs() as usize)),
        };
    }
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    format!("{sign}{first}{point}{rest}e{exponent:+}")
}

fn many(kind: u8, values: &[Value], version: Version, buf: &mut BytesMut) {
    header(kind, values.len(), buf);
    values.iter().for_each(|value| answer(value, version, buf));
}

fn bulk(kind: u8, bytes: &[u8], buf: &mut BytesMut) {
    buf.reserve(bytes.len() + DIGITS.len() + 2);
    header(kind, bytes.len(), buf);
    buf.put_slice(bytes);
    buf.put_slice(b"\r\n");
}

fn header(kind: u8, length: usize, buf: &mut BytesMut) {
    let mut digits = DIGITS;
    buf.put_slice(digits::head(kind, length as u64, &mut digits));
}

fn line(kind: u8, text: &[u8], buf: &mut BytesMut) {
    buf.reserve(text.len() + 3);
    buf.put_u8(kind);
    buf.put_slice(text);
    buf.put_slice(b"\r\n");
}

/// No more of an error than a line may have, and no half of a character.
fn cut(text: &[u8]) -> &[u8] {
    if text.len() <= LINE_BYTES_MAX {
        return text;
    }
    // A character has four bytes at most, of which only the first is not of this form.
    let begins = |at: &usize| text[*at] & 0xc0 != 0x80;
    let end = (LINE_BYTES_MAX - 3..=LINE_BYTES_MAX).rev().find(begins).unwrap_or(LINE_BYTES_MAX);
    &text[..end]
}

fn is_number(digits: &[u8]) -> bool {
    let digits = digits.strip_prefix(b"-").unwrap_or(digits);
    !digits.is_empty() && digits.len() < LINE_BYTES_MAX && digits.iter().all(u8::is_ascii_digit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn check(value: impl Into<Value>, resp2: &str, resp3: &str) {
        let value = value.into();
        for (version, expect) in [(Version::Resp2, resp2), (Version::Resp3, resp3)] {
            let mut buf = BytesMut::new();
            encode(&value, version, &mut buf);
            assert_eq!(String::from_utf8_lossy(&buf).replace("\r\n", "|"), expect, "{value:?}");
        }
    }

    #[test]
    fn resp2_says_in_other_words_what_it_has_no_type_for() {
        check(Value::Nil, "$-1|", "_|");
        check(true, ":1|", "#t|");
        check(1.5, "$3|1.5|", ",1.5|");
        check(f64::NEG_INFINITY, "$4|-inf|", ",-inf|");
        check(f64::NAN, "$3|nan|", ",nan|");
        check(Value::BigNumber("123".into()), "$3|123|", "(123|");
        check(Value::Verbatim { format: *b"txt", text: "a".into() }, "$1|a|", "=5|txt:a|");
        check(Value::map([("a", 1)]), "*2|$1|a|:1|", "%1|$1|a|:1|");
        check(Value::set([1]), "*1|:1|", "~1|:1|");
        check(Value::Push(vec![1.into()]), "*1|:1|", ">1|:1|");
        check(vec![Value::Push(vec![Value::Push(vec![])])], "*1|*1|*0|", "*1|*1|*0|");
    }

    #[test]
    fn doubles_have_as_few_digits_as_they_need() {
        for (number, text) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (3.0, "3"),
            (-2.5, "-2.5"),
            (0.1, "0.1"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (-1.5e-7, "-1.5e-7"),
            (0.000_123_456_789, "1.23456789e-4"),
            (0.001_234_567_89, "0.00123456789"),
            (4_503_599_627_370_495.0, "4503599627370495"),
            (1e16, "1e+16"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1.5e300, "1.5e+300"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN_POSITIVE, "2.2250738585072014e-308"),
            (5e-324, "5e-324"),
        ] {
            assert_eq!(double(number), text);
            assert_eq!(text.parse(), Ok(number));
        }
    }

    #[test]
    fn what_we_write_we_can_read_however_long_it_is() {
        use crate::resp::ReplyDecoder;
        use ekiden_proto::codec::{Decoded, Decoder};
        let again = |value: &Value, version| {
            let mut buf = BytesMut::new();
            encode(value, version, &mut buf);
            let Ok(Decoded::Frame(value)) = ReplyDecoder::default().decode(&mut buf) else {
                panic!("it is whole")
            };
            value
        };
        for version in [Version::Resp2, Version::Resp3] {
            for length in [LINE_BYTES_MAX, LINE_BYTES_MAX + 1, 2 * LINE_BYTES_MAX] {
                let text = Bytes::from("7".repeat(length));
                assert_eq!(again(&Value::Status(text.clone()), version).as_bytes(), Some(&text[..]));
                assert_eq!(again(&Value::BigNumber(text.clone()), version).as_bytes(), Some(&text[..]));
                let error = again(&Value::error(text.clone()), version);
                assert_eq!(error, Value::error(text.slice(..LINE_BYTES_MAX)));
            }
        }
        // What is no text is cut all the same.
        let Value::Error(error) = again(&Value::error(vec![0x80; LINE_BYTES_MAX + 9]), Version::Resp2) else {
            panic!("an error stays one")
        };
        assert_eq!(error.line().len(), LINE_BYTES_MAX);
        // A character of two bytes would be cut in half.
        let error = Value::error("x".to_owned() + &"\u{e4}".repeat(LINE_BYTES_MAX));
        let Value::Error(error) = again(&error, Version::Resp3) else { panic!("an error stays one") };
        assert_eq!(error.line().len(), LINE_BYTES_MAX - 1);
        assert!(!error.to_string().contains('\u{fffd}'));
    }

    #[test]
    fn no_text_breaks_out_of_its_line() {
        check(Value::Status(Bytes::from_static(b"a\r\n+b")), "$5|a|+b|", "$5|a|+b|");
        check(Value::error("ERR a\r\n+b"), "-ERR a|", "-ERR a|");
        check(Value::BigNumber("1\r\n+b".into()), "$5|1|+b|", "$5|1|+b|");
    }
}
