//! The cases: what is sent, and what comes of it. The files beside this one hold them; this reads those files.
//!
//! ```text
//! case two lengths
//! wire POST / HTTP/1.1\nHost: a\nContent-Length: 3\nContent-Length: 0\n\nabc{next}
//! ours refused 400
//! hyper …      only if it differs
//! why …        only if it differs, and we do not simply refuse what hyper takes
//! ```
//!
//! In `wire`, `\n` is CR LF and `\\` a backslash. In braces: `{lf}`, `{cr}`, `{next}` (one more request), two
//! hexadecimal digits for any byte, or `{text*count}` for a text so many times. An outcome is written as
//! [`Outcome`](crate::outcome::Outcome) shows itself.

/// One connection, and what is expected of both servers.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) wire: Vec<u8>,
    pub(crate) ours: &'static str,
    /// Only if it differs from ours.
    pub(crate) hyper: Option<&'static str>,
    pub(crate) why: Option<&'static str>,
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    FILES.iter().flat_map(|file| cases(file)).collect()
}

/// A request that is always understood: whether it is seen says whether what came before it ended where it should.
pub(crate) const NEXT: &str = "GET /next HTTP/1.1\r\nHost: a\r\n\r\n";

const FILES: [&str; 5] = [
    include_str!("lines.txt"),
    include_str!("heads.txt"),
    include_str!("framing.txt"),
    include_str!("chunks.txt"),
    include_str!("connections.txt"),
];

fn cases(file: &'static str) -> impl Iterator<Item = Case> {
    let paragraphs = file.split("\n\n").map(str::trim_start);
    paragraphs.filter(|text| !text.starts_with('#') && !text.is_empty()).map(case)
}

fn case(text: &'static str) -> Case {
    let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    let needed = |key| line(key).unwrap_or_else(|| panic!("there is no `{key}` in\n{text}"));
    let name = needed("case");
    Case { name, wire: wire(needed("wire")), ours: needed("ours"), hyper: line("hyper"), why: line("why") }
}

/// The bytes that a text stands for.
pub(crate) fn wire(mut text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(byte) = text.bytes().next() {
        let mut length = 1;
        match byte {
            b'\\' => {
                bytes.extend_from_slice(if text.starts_with("\\n") { b"\r\n" } else { b"\\" });
                length = 2;
            }
            b'{' => {
                let end = text.find('}').expect("a closing brace");
                braced(&text[1..end], &mut bytes);
                length = end + 1;
            }
            _ => bytes.push(byte),
        }
        text = &text[length..];
    }
    bytes
}

fn braced(text: &str, bytes: &mut Vec<u8>) {
    match text.rsplit_once('*') {
        Some((piece, count)) => bytes.extend(wire(piece).repeat(count.parse().expect("a count"))),
        None if text == "next" => bytes.extend_from_slice(NEXT.as_bytes()),
        None if text == "lf" => bytes.push(b'\n'),
        None if text == "cr" => bytes.push(b'\r'),
        None => bytes.push(u8::from_str_radix(text, 16).expect("two digits")),
    }
}
