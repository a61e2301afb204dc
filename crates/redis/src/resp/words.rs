//! A line that a person typed, as the words that it is of.
//!
//! As Redis reads it: between blanks, in single quotes, or in double ones with escapes. A quote that is not closed is an
//! error, and so is one with something right behind it, since it would be taken for something else.

use super::error::RespError;
use crate::command::Command;

/// The command that a line without its end says. `None`: there is no word in it.
pub(super) fn command(line: &[u8]) -> Result<Option<Command>, RespError> {
    let (mut command, mut word, mut rest) = (Command::default(), Vec::new(), line.trim_ascii());
    while !rest.is_empty() {
        word.clear();
        rest = next(rest, &mut word)?.trim_ascii_start();
        command.push(&word);
    }
    Ok((!command.is_empty()).then_some(command))
}

/// Adds the word in front to `word`. What is behind it.
fn next<'a>(mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], RespError> {
    while let [first, behind @ ..] = rest {
        rest = match first {
            b'"' | b'\'' => {
                let behind = quoted(*first, behind, word)?;
                return if behind.first().is_none_or(u8::is_ascii_whitespace) {
                    Ok(behind)
                } else {
                    Err(RespError::Content)
                };
            }
            blank if blank.is_ascii_whitespace() => return Ok(rest),
            byte => {
                word.push(*byte);
                behind
            }
        };
    }
    Ok(rest)
}

/// Adds what is in quotes. What is behind the closing one.
fn quoted<'a>(quote: u8, mut rest: &'a [u8], word: &mut Vec<u8>) -> Result<&'a [u8], RespError> {
    loop {
        let (byte, behind) = match rest {
            [b'\\', b'x', high, low, behind @ ..]
                if quote == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                (digit(*high) << 4 | digit(*low), behind)
            }
            [b'\\', escaped, behind @ ..] if quote == b'"' => (unescaped(*escaped), behind),
            [b'\\', b'\'', behind @ ..] if quote == b'\'' => (b'\'', behind),
            [byte, behind @ ..] if *byte == quote => return Ok(behind),
            [byte, behind @ ..] => (*byte, behind),
            [] => return Err(RespError::Content),
        };
        word.push(byte);
        rest = behind;
    }
}

fn unescaped(byte: u8) -> u8 {
    match byte {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'a' => 7,
        other => other,
    }
}

fn digit(hex: u8) -> u8 {
    match hex {
        b'0'..=b'9' => hex - b'0',
        _ => hex.to_ascii_lowercase() - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, expect: Option<&[&str]>) {
        let words = command(line.as_bytes()).map(|command| {
            let command = command.unwrap_or_default();
            command.args().map(|arg| String::from_utf8_lossy(arg).into_owned()).collect::<Vec<_>>()
        });
        match expect {
            Some(expect) => assert_eq!(words.unwrap(), expect, "{line}"),
            None => assert_eq!(words, Err(RespError::Content), "{line}"),
        }
    }

    #[test]
    fn words_are_between_blanks_or_in_quotes() {
        check("SET  a\tb \r", Some(&["SET", "a", "b"]));
        check("  ", Some(&[]));
        check(r#"SET "a b" 'c d'"#, Some(&["SET", "a b", "c d"]));
        check(r#"SET "" ''"#, Some(&["SET", "", ""]));
        check(r#"a"b c""#, Some(&["ab c"]));
        check(r#""it's" 'say "so"'"#, Some(&["it's", r#"say "so""#]));
    }

    #[test]
    fn escapes_are_read_in_double_quotes_only() {
        check(r#""\n\r\t\x41\"\\\q" '\n\'\x41' \n"#, Some(&["\n\r\tA\"\\q", r"\n'\x41", r"\n"]));
        check(r#""\x4""#, Some(&["x4"]));
    }

    #[test]
    fn a_quote_is_closed_and_ends_its_word() {
        for line in [r#"SET "a"#, "SET 'a", r#"SET "a"b"#, "SET 'a''b'", r#"SET "a\""#] {
            check(line, None);
        }
    }
}
