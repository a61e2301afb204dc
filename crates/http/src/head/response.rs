//! The head of a response.

use super::{Fields, HEADERS_MAX, Limits, Marks, Parsed};
use crate::refusal::Refusal;
use http::{StatusCode, Version};
use httparse::Status;
use std::mem::MaybeUninit;

/// The head of a response as it was parsed, in one piece of memory.
///
/// The reason phrase is not kept: it means nothing (RFC 9112, section 4).
#[derive(Clone, Debug)]
pub struct ResponseHead {
    status: StatusCode,
    version: Version,
    fields: Fields,
}

impl ResponseHead {
    /// How the request went.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// HTTP/1.0 or HTTP/1.1.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The value of the first field with this name, in any case.
    pub fn header(&self, name: &str) -> Option<&[u8]> {
        self.fields.get(name)
    }

    /// All fields.
    pub fn headers(&self) -> &Fields {
        &self.fields
    }

    /// As `http`'s types. The values share this head's memory.
    pub fn into_parts(self) -> http::response::Parts {
        let (mut parts, ()) = http::Response::new(()).into_parts();
        parts.status = self.status;
        parts.version = self.version;
        parts.headers = self.fields.to_map();
        parts
    }

    /// Parses the head that `buf` begins with. `None` if it is not all there.
    pub(super) fn parse(buf: &[u8], limits: &Limits) -> Result<Option<Parsed<Self>>, Refusal> {
        let mut room = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut response = httparse::Response::new(&mut []);
        let parser = httparse::ParserConfig::default();
        let parsed =
            parser.parse_response_with_uninit_headers(&mut response, buf, &mut room[..limits.headers()]);
        let length = match parsed? {
            Status::Complete(length) => length,
            Status::Partial => return Ok(None),
        };
        let (Some(minor), Some(code)) = (response.version, response.code) else {
            return Err(Refusal::StartLine);
        };
        let head = &buf[..length];
        if length > limits.bytes() {
            return Err(limits.exceeded_by(buf));
        }
        super::check_line_ends(head, response.headers)?;
        let status = StatusCode::from_u16(code).map_err(|_| Refusal::StartLine)?;
        let version = if minor == 1 { Version::HTTP_11 } else { Version::HTTP_10 };
        let marks = Marks::gather(response.headers);
        let fields = Fields::new(head, response.headers);
        Ok(Some(Parsed { head: Self { status, version, fields }, marks, length }))
    }
}
