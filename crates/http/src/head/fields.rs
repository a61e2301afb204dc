//! The fields of a head: where each name and value lies in the head's bytes.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::fmt;

/// The header fields of a head, in the order and the spelling they were received in.
///
/// Looking one up compares names one after the other, which for the number of fields that heads have is faster
/// than any table.
#[derive(Clone, Default)]
pub struct Fields {
    /// The whole head, start line included.
    bytes: Bytes,
    /// Offsets into `bytes`.
    slots: Vec<Slot>,
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
        let found = move |slot: &&Slot| self.slice(slot.name).eq_ignore_ascii_case(name.as_bytes());
        self.slots.iter().filter(found).map(|slot| self.slice(slot.value))
    }

    /// All fields, in the order they were received.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.slots.iter().map(|slot| (self.text(slot.name), self.slice(slot.value)))
    }

    /// How many there are; a field that came twice counts twice.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Keeps `head` and where the fields that were parsed from it lie.
    pub(super) fn new(head: &[u8], parsed: &[httparse::Header<'_>]) -> Self {
        // Two allocations a head, both of the exact size: its bytes, since the buffer they lie in is only lent,
        // and the table. They live as long as the request.
        let mut slots = Vec::with_capacity(parsed.len());
        slots.extend(parsed.iter().map(|field| Slot {
            name: Span::new(head, field.name.as_bytes()),
            value: Span::new(head, field.value),
        }));
        Self { bytes: Bytes::copy_from_slice(head), slots }
    }

    /// As `http`'s map, whose values share these bytes.
    pub(super) fn to_map(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.slots.len());
        for slot in &self.slots {
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
