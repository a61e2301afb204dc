//! The fields of a head: where each name and value lies in the head's bytes.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;

/// The header fields of a head, in the order and the spelling they were received in.
///
/// Looking one up compares names one after the other, which for the number of fields that heads have is faster
/// than any table.
#[derive(Clone)]
pub struct Fields {
    /// The whole head, start line included, and behind it a [`Slot`] for each field: one allocation holds both.
    bytes: Bytes,
    /// How long the head is, and so where the slots begin.
    head_bytes: u16,
    len: u16,
}

/// Where one field lies. Offsets fit because [`Limits`](super::Limits) keeps heads below 64 KiB.
#[derive(Clone, Copy)]
struct Slot {
    name: Span,
    value: Span,
}

/// A piece of the head.
#[derive(Clone, Copy, Default)]
pub(super) struct Span {
    start: u16,
    end: u16,
}

impl Fields {
    /// The value of the first field with this name, in any case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.get_all(name).next()
    }

    /// The values of all fields with this name, in any case.
    pub fn get_all(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        let found = move |slot: &Slot| self.slice(slot.name).eq_ignore_ascii_case(name.as_bytes());
        self.slots().filter(found).map(|slot| self.slice(slot.value))
    }

    /// All fields, in the order they were received.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.slots().map(|slot| (self.text(slot.name), self.slice(slot.value)))
    }

    /// How many there are; a field that came twice counts twice.
    pub fn len(&self) -> usize {
        self.len.into()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Keeps `head` and where the fields that were parsed from it lie.
    pub(super) fn new(head: &[u8], parsed: &[httparse::Header<'_>]) -> Self {
        // An allocation of the exact size, for as long as the request lives: the buffer that the head lies in is
        // only lent.
        let mut bytes = Vec::with_capacity(head.len() + parsed.len() * Slot::BYTES);
        bytes.extend_from_slice(head);
        for field in parsed {
            let name = Span::new(head, field.name.as_bytes());
            let value = Span::new(head, field.value);
            bytes.extend_from_slice(&Slot { name, value }.to_bytes());
        }
        Self { bytes: bytes.into(), head_bytes: head.len() as u16, len: parsed.len() as u16 }
    }

    fn slots(&self) -> impl Iterator<Item = Slot> {
        self.bytes[self.head_bytes.into()..].as_chunks().0.iter().map(Slot::from_bytes)
    }

    /// As `http`'s map, whose values share these bytes.
    pub(super) fn to_map(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.len());
        for slot in self.slots() {
            let name = HeaderName::from_bytes(self.slice(slot.name));
            let value = HeaderValue::from_maybe_shared(self.share(slot.value));
            // The parser accepts no name and no value that `http` does not.
            if let (Ok(name), Ok(value)) = (name, value) {
                map.append(name, value);
            } else {
                debug_assert!(false, "a field that http refuses: {self:?}");
            }
        }
        map
    }

    pub(super) fn slice(&self, span: Span) -> &[u8] {
        &self.bytes[span.start as usize..span.end as usize]
    }

    /// For what the parser has checked to be ASCII.
    pub(super) fn text(&self, span: Span) -> &str {
        std::str::from_utf8(self.slice(span)).unwrap_or_default()
    }

    pub(super) fn share(&self, span: Span) -> Bytes {
        self.bytes.slice(span.start as usize..span.end as usize)
    }
}

impl Slot {
    const BYTES: usize = 8;

    fn to_bytes(self) -> [u8; Self::BYTES] {
        let Self { name, value } = self;
        let [a, b] = name.start.to_le_bytes();
        let [c, d] = name.end.to_le_bytes();
        let [e, f] = value.start.to_le_bytes();
        let [g, h] = value.end.to_le_bytes();
        [a, b, c, d, e, f, g, h]
    }

    fn from_bytes(&[a, b, c, d, e, f, g, h]: &[u8; Self::BYTES]) -> Self {
        let span = |start, end| Span { start: u16::from_le_bytes(start), end: u16::from_le_bytes(end) };
        Self { name: span([a, b], [c, d]), value: span([e, f], [g, h]) }
    }
}

impl Span {
    /// Where `part`, which is a piece of `whole`, lies in it.
    pub(super) fn new(whole: &[u8], part: &[u8]) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        // An empty part may point anywhere; everything else lies inside.
        if part.is_empty() {
            return Self::default();
        }
        debug_assert!(start + part.len() <= whole.len());
        Self { start: start as u16, end: (start + part.len()) as u16 }
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| (name, value.escape_ascii().to_string())))
            .finish()
    }
}
