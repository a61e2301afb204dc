//! Bodies in chunks (RFC 9112, section 7.1): a strict decoder, byte by byte where it matters, and the encoder.
//!
//! Chunk extensions are passed over, up to a limit for the whole body: nobody uses them but attackers. Trailers
//! are checked like the fields of a head and handed on, except for those that would change how the message is
//! read or routed (RFC 9110, 6.5.1): they are dropped.

use crate::refusal::Refusal;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::io::Write;

/// Takes a chunked body apart.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    state: State,
    /// Bytes of extensions so far, over all chunks.
    extension_bytes: usize,
}

#[derive(Debug)]
enum State {
    /// In the size line, so many digits of it seen.
    Size {
        size: u64,
        digits: u8,
    },
    /// In what follows the size, to be passed over.
    Extension {
        size: u64,
    },
    /// The CR of the size line came.
    SizeLineFeed {
        size: u64,
    },
    /// So many bytes of this chunk are still to come.
    Data {
        left: u64,
    },
    /// The chunk is complete but for its CR LF.
    DataReturn,
    DataLineFeed,
    /// The last chunk came: the lines behind it, as far as they came.
    Trailers(Vec<u8>),
    Done,
}

/// What comes out of a decoder.
#[derive(Debug)]
pub(crate) enum Piece<'a> {
    /// Some bytes of the body.
    Data(&'a [u8]),
    /// The body is complete.
    End(Option<HeaderMap>),
}

/// As many as hyper allows. It is for the whole body, or a million small chunks would carry a gigabyte of them.
const EXTENSION_BYTES_MAX: usize = 16 * 1024;

/// A trailer carries a checksum, a signature or a status.
const TRAILER_BYTES_MAX: usize = 8 * 1024;
const TRAILERS_MAX: usize = 32;

impl Decoder {
    /// Takes what belongs to the body off `input`. `None` if more is needed.
    pub(crate) fn read<'a>(&mut self, input: &mut &'a [u8]) -> Result<Option<Piece<'a>>, Refusal> {
        while let [byte, rest @ ..] = *input {
            match &mut self.state {
                State::Data { left } => {
                    let length = input.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                    let (data, rest) = input.split_at(length);
                    *input = rest;
                    *left -= length as u64;
                    if *left == 0 {
                        self.state = State::DataReturn;
                    }
                    return Ok(Some(Piece::Data(data)));
                }
                State::Trailers(lines) => {
                    *input = rest;
                    lines.push(*byte);
                    if let Some(trailers) = read_trailers(lines)? {
                        self.state = State::Done;
                        return Ok(Some(Piece::End(trailers)));
                    }
                }
                State::Done => return Ok(None),
                _ => {
                    *input = rest;
                    self.read_size_line(*byte)?;
                }
            }
        }
        Ok(None)
    }

    /// One byte of what stands between the bytes of two chunks.
    fn read_size_line(&mut self, byte: u8) -> Result<(), Refusal> {
        self.state = match (&self.state, byte) {
            // Sixteen digits fit into 64 bits.
            (&State::Size { size, digits: digits @ ..16 }, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                State::Size { size: size << 4 | u64::from(hex(byte)), digits: digits + 1 }
            }
            (&State::Size { size, digits: 1.. }, b'\r') => State::SizeLineFeed { size },
            (&State::Size { size, digits: 1.. }, b';') => State::Extension { size },
            (State::Size { .. }, _) => return Err(Refusal::ChunkSize),

            (&State::Extension { size }, b'\r') => State::SizeLineFeed { size },
            (&State::Extension { size }, b'\t' | b' '..=b'~' | 0x80..) => {
                self.extension_bytes += 1;
                if self.extension_bytes > EXTENSION_BYTES_MAX {
                    return Err(Refusal::ChunkExtension);
                }
                State::Extension { size }
            }
            (State::Extension { .. }, _) => return Err(Refusal::ChunkExtension),

            (State::SizeLineFeed { size: 0 }, b'\n') => State::Trailers(Vec::new()),
            (&State::SizeLineFeed { size }, b'\n') => State::Data { left: size },
            (State::SizeLineFeed { .. }, _) => return Err(Refusal::ChunkSize),

            (State::DataReturn, b'\r') => State::DataLineFeed,
            (State::DataLineFeed, b'\n') => State::default(),
            _ => return Err(Refusal::ChunkEnd),
        };
        Ok(())
    }
}

impl Default for State {
    fn default() -> Self {
        Self::Size { size: 0, digits: 0 }
    }
}

/// What the lines behind the last chunk say, once the empty line has come.
fn read_trailers(lines: &[u8]) -> Result<Option<Option<HeaderMap>>, Refusal> {
    if lines == b"\r\n" {
        return Ok(Some(None));
    }
    let is_bare_line_feed = lines.ends_with(b"\n") && !lines.ends_with(b"\r\n");
    if is_bare_line_feed || lines.len() > TRAILER_BYTES_MAX {
        return Err(Refusal::Trailers);
    }
    if !lines.ends_with(b"\r\n\r\n") {
        return Ok(None);
    }
    let mut room = [httparse::EMPTY_HEADER; TRAILERS_MAX];
    let Ok(httparse::Status::Complete((_, fields))) = httparse::parse_headers(lines, &mut room) else {
        return Err(Refusal::Trailers);
    };
    let mut trailers = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_| Refusal::Trailers)?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_| Refusal::Trailers)?;
        if is_trailer(&name) {
            trailers.append(name, value);
        }
    }
    Ok(Some(Some(trailers)))
}

/// Whether a field may stand behind the body: none that frames, routes or authenticates the message.
fn is_trailer(name: &HeaderName) -> bool {
    const NEVER: [HeaderName; 14] = [
        header::TRANSFER_ENCODING,
        header::CONTENT_LENGTH,
        header::CONTENT_TYPE,
        header::CONTENT_ENCODING,
        header::CONTENT_RANGE,
        header::HOST,
        header::CONNECTION,
        header::UPGRADE,
        header::TE,
        header::TRAILER,
        header::EXPECT,
        header::AUTHORIZATION,
        header::COOKIE,
        header::SET_COOKIE,
    ];
    !NEVER.contains(name)
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 0x20) - b'a' + 10,
    }
}

/// Writes what stands before a chunk's bytes. An empty chunk would be the last one.
pub(crate) fn encode_size(out: &mut Vec<u8>, size: usize) {
    debug_assert!(size > 0, "an empty chunk ends the body");
    write!(out, "{size:X}\r\n").expect("a vector takes everything");
}

/// Writes what stands behind a chunk's bytes.
pub(crate) fn encode_end_of_chunk(out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\n");
}

/// Writes the end of the body. Fields that may not be trailers are left out.
pub(crate) fn encode_end(out: &mut Vec<u8>, trailers: Option<&HeaderMap>) {
    out.extend_from_slice(b"0\r\n");
    for (name, value) in trailers.into_iter().flatten() {
        if is_trailer(name) {
            super::encode::field(out, name.as_str(), value.as_bytes());
        }
    }
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Decodes `input`, cut into pieces at `cuts`: the data, the trailers, and what was left over.
    fn decode(input: &[u8], cuts: &[usize]) -> String {
        let mut decoder = Decoder::default();
        let (mut body, mut start) = (Vec::new(), 0);
        for end in cuts.iter().copied().chain([input.len()]) {
            let mut piece = &input[start..end];
            start = end;
            loop {
                match decoder.read(&mut piece) {
                    Ok(Some(Piece::Data(data))) => body.extend_from_slice(data),
                    Ok(Some(Piece::End(trailers))) => {
                        let rest = [piece, &input[end..]].concat();
                        let trailers = trailers.map(|trailers| format!(" {trailers:?}")).unwrap_or_default();
                        return format!("{}{trailers}, {}", body.escape_ascii(), rest.escape_ascii());
                    }
                    Ok(None) => break,
                    Err(refusal) => return format!("{refusal:?}"),
                }
            }
        }
        format!("{} …", body.escape_ascii())
    }

    /// Whole, split at every place, and a byte at a time, it must be the same.
    fn check(input: impl AsRef<[u8]>, expect: &str) {
        let input = input.as_ref();
        let shown = input.escape_ascii();
        assert_eq!(decode(input, &[]), expect, "{shown}");
        for cut in 0..input.len() {
            assert_eq!(decode(input, &[cut]), expect, "split at {cut}: {shown}");
        }
        let cuts: Vec<_> = (1..input.len()).collect();
        assert_eq!(decode(input, &cuts), expect, "byte by byte: {shown}");
    }

    #[test]
    fn chunks_are_joined() {
        check("0\r\n\r\n", ", ");
        check("5\r\nhello\r\n0\r\n\r\nGET", "hello, GET");
        check("5\r\nhello\r\n1\r\n \r\n5\r\nworld\r\n0\r\n\r\n", "hello world, ");
        check("a\r\n0123456789\r\nA\r\n0123456789\r\n00\r\n\r\n", "01234567890123456789, ");
        check("0000000000000001\r\nx\r\n0000000000000000\r\n\r\n", "x, ");
        check("3\r\n\r\n0\r\n0\r\n\r\n", "\\r\\n0, ");
        check("5\r\nhel", "hel …");
        check("ffffffffffffffff\r\nx", "x …");
    }

    #[test]
    fn a_size_is_hexadecimal_digits() {
        for size in
            ["", " 1", "1 ", "\t1", "+1", "-1", "0x1", "1\n", "g", "1,", "11111111111111111", "\r", "1\r1"]
        {
            check(format!("{size}\r\nx\r\n0\r\n\r\n"), "ChunkSize");
        }
        check("1\nx\n0\n\n", "ChunkSize");
    }

    #[test]
    fn a_chunk_ends_where_its_size_says() {
        check("1\r\nxy\r\n0\r\n\r\n", "ChunkEnd");
        check("2\r\nx\r\n0\r\n\r\n", "ChunkEnd");
        check("1\r\nx\n0\r\n\r\n", "ChunkEnd");
        check("1\r\nx\r0\r\n\r\n", "ChunkEnd");
        check("1\r\nx\r\r\n0\r\n\r\n", "ChunkEnd");
    }

    #[test]
    fn extensions_are_passed_over_and_limited() {
        check("1;a=b;c=\"d\"\r\nx\r\n0;e\r\n\r\n", "x, ");
        check("1;a\nx\r\n0\r\n\r\n", "ChunkExtension");
        check("1;a\x7f\r\nx\r\n0\r\n\r\n", "ChunkExtension");
        check("1;a\rb\r\nx\r\n0\r\n\r\n", "ChunkSize");
        let chunk = |bytes: usize| format!("1;{}\r\nx\r\n", "e".repeat(bytes));
        let most = chunk(EXTENSION_BYTES_MAX / 4).repeat(4);
        assert_eq!(decode(format!("{most}0\r\n\r\n").as_bytes(), &[]), "xxxx, ");
        assert_eq!(decode(format!("{most}0;e\r\n\r\n").as_bytes(), &[]), "ChunkExtension");
    }

    #[test]
    fn trailers_are_fields_behind_the_body() {
        check("0\r\nA: b\r\nC: d\r\n\r\nGET", r#" {"a": "b", "c": "d"}, GET"#);
        check("0\r\nContent-Length: 5\r\nHost: a\r\nETag: x\r\n\r\n", r#" {"etag": "x"}, "#);
        check("0\r\nTransfer-Encoding: chunked\r\n\r\n", " {}, ");
        for lines in
            ["A : b\r\n", "A: b\n", " A: b\r\n", "A: b\r\n c\r\n", "A\r\n", "A: \0\r\n", ": b\r\n", "\n"]
        {
            check(format!("0\r\n{lines}\r\n"), "Trailers");
        }
        let lines = |count: usize| format!("0\r\n{}\r\n", "A: b\r\n".repeat(count));
        assert!(decode(lines(TRAILERS_MAX).as_bytes(), &[]).ends_with(", "));
        assert_eq!(decode(lines(TRAILERS_MAX + 1).as_bytes(), &[]), "Trailers");
        assert_eq!(decode(format!("0\r\nA: {}", "b".repeat(TRAILER_BYTES_MAX)).as_bytes(), &[]), "Trailers");
    }

    #[test]
    fn forbidden_trailers_are_not_sent() {
        let mut trailers = HeaderMap::new();
        trailers.insert(header::CONTENT_LENGTH, HeaderValue::from_static("5"));
        trailers.insert(header::ETAG, HeaderValue::from_static("x"));
        let mut out = Vec::new();
        encode_end(&mut out, Some(&trailers));
        assert_eq!(out.escape_ascii().to_string(), "0\\r\\netag: x\\r\\n\\r\\n");
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..8),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                encode_size(&mut wire, chunk.len());
                wire.extend_from_slice(chunk);
                encode_end_of_chunk(&mut wire);
            }
            encode_end(&mut wire, None);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(wire.len())).collect();
            cuts.sort_unstable();
            prop_assert_eq!(decode(&wire, &cuts), format!("{}, ", chunks.concat().escape_ascii()));
        }

        #[test]
        fn garbage_is_survived(garbage in "[0-9a-fA-F;=\\r\\n xyz]{0,60}") {
            let cuts: Vec<_> = (1..garbage.len()).collect();
            prop_assert_eq!(decode(garbage.as_bytes(), &[]), decode(garbage.as_bytes(), &cuts));
        }
    }
}
