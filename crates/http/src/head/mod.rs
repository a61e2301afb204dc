//! Heads: everything of a message before its body, as it was received.
//!
//! ```text
//!   bytes ──► HeadReader ──► RequestHead / ResponseHead ──► http::request::Parts
//!             waits for      one shared piece of            only for those
//!             the whole      memory, and offsets            who ask for it
//! ```
//!
//! A head owns one copy of its bytes and remembers where in them each field lies. Whoever wants `http`'s types
//! converts it, and the values of the header map are then slices of that same copy.
//!
//! Parsing is strict, because two programs that read one head differently are how requests are smuggled: lines
//! end in CR LF and nothing else, no folded lines, no space before a colon, `Host` once and valid, a target that
//! fits its method. What is wrong is said by a [`Refusal`], which knows the status that answers it. How the body
//! is framed is not decided here.
//!
//! In reading order: `request` and `response` are the two heads, on their [`Fields`]; `marks`
//! is what the few fields say that HTTP/1.1 itself reads, `target` which targets and hosts are accepted; `reader` waits
//! for the whole and parses it.
//!
//! Sources: RFC 9110 (semantics), RFC 9112 (HTTP/1.1).

mod request;
mod response;
mod fields;
mod marks;
mod target;
mod reader;

pub use fields::Fields;
pub use request::RequestHead;
pub use response::ResponseHead;

use crate::refusal::Refusal;

pub(crate) use marks::{Coding, Expectation, Length, Marks, decimal, list};
pub(crate) use reader::HeadReader;

/// How much of a head is accepted.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// The longest head, start line and final empty line included. 16 KiB: twice what nginx and Apache allow
    /// one line, and room for the largest cookies of browsers. More than 65,535 counts as that.
    pub head_bytes_max: usize,
    /// The most header fields. 100, as in Apache and hyper; browsers send about 20. More than 256 counts as that.
    pub headers_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head_bytes_max: 16 * 1024, headers_max: 100 }
    }
}

impl Limits {
    /// Offsets are 16 bits wide, so that a field takes eight bytes.
    fn bytes(&self) -> usize {
        self.head_bytes_max.min(u16::MAX as usize)
    }

    fn headers(&self) -> usize {
        self.headers_max.min(HEADERS_MAX)
    }

    /// What to say of a head that is longer.
    fn exceeded_by(&self, head: &[u8]) -> Refusal {
        let is_past_start_line = head[..self.bytes()].contains(&b'\n');
        if is_past_start_line { Refusal::HeadTooLong } else { Refusal::TargetTooLong }
    }
}

/// Room for the fields of a head while it is parsed; it lies on the stack, uninitialised.
const HEADERS_MAX: usize = 256;

/// A head that was all there.
struct Parsed<H> {
    head: H,
    marks: Marks,
    /// How many bytes it took.
    length: usize,
}

/// The parser takes a bare LF for the end of a line; this does not (RFC 9112, 2.2).
///
/// A name begins where its line does, so two bytes before each are all there is to look at, besides the end.
fn check_line_ends(head: &[u8], fields: &[httparse::Header<'_>]) -> Result<(), Refusal> {
    let is_after_line_end = |field: &httparse::Header<'_>| {
        let start = field.name.as_ptr().addr() - head.as_ptr().addr();
        head[..start].ends_with(b"\r\n")
    };
    if head.ends_with(b"\r\n\r\n") && fields.iter().all(is_after_line_end) {
        Ok(())
    } else {
        Err(Refusal::LineEnd)
    }
}
