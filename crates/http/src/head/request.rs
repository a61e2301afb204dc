//! The head of a request.

use super::fields::Span;
use super::marks::Host;
use super::{Fields, HEADERS_MAX, Limits, Marks, Parsed, target};
use crate::refusal::Refusal;
use http::{Method, Version};
use httparse::Status;
use std::fmt;
use std::mem::MaybeUninit;

/// The head of a request as it was parsed: method, target, version and fields, all in one piece of memory.
///
/// This is what the lower of the two server interfaces hands to a service. Looking a field up converts nothing;
/// [`into_parts`](Self::into_parts) makes `http`'s types of it.
#[derive(Clone)]
pub struct RequestHead {
    method: Method,
    target: Span,
    version: Version,
    fields: Fields,
}

impl RequestHead {
    /// What is asked for.
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// The target as it was sent: a path with its query, or one of the rarer forms of RFC 9112, section 3.2.
    pub fn target(&self) -> &str {
        self.fields.text(self.target)
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
    pub fn into_parts(self) -> http::request::Parts {
        let Self { method, target, version, fields, .. } = self;
        let (mut parts, ()) = http::Request::new(()).into_parts();
        // The parser accepts no target that `http` does not.
        parts.uri = http::Uri::from_maybe_shared(fields.share(target)).unwrap_or_default();
        parts.headers = fields.to_map();
        parts.method = method;
        parts.version = version;
        parts
    }

    /// Parses the head that `buf` begins with. `None` if it is not all there.
    pub(super) fn parse(buf: &[u8], limits: &Limits) -> Result<Option<Parsed<Self>>, Refusal> {
        let mut room = [const { MaybeUninit::uninit() }; HEADERS_MAX];
        let mut request = httparse::Request::new(&mut []);
        let length = match request.parse_with_uninit_headers(buf, &mut room[..limits.headers()]) {
            Ok(Status::Complete(length)) => length,
            Ok(Status::Partial) => return Ok(None),
            Err(httparse::Error::Version) => return check_version(buf),
            Err(httparse::Error::Token) if request.method.is_none() => return Err(Refusal::Method),
            Err(error) => return Err(error.into()),
        };
        let httparse::Request { method: Some(method), path: Some(path), version: Some(minor), headers } =
            request
        else {
            return Err(Refusal::StartLine);
        };
        let head = &buf[..length];
        if length > limits.bytes() {
            return Err(limits.exceeded_by(buf));
        }
        super::check_line_ends(head, headers)?;
        let marks = Marks::gather(headers);
        check_host(marks.host, minor)?;
        let method = Method::from_bytes(method.as_bytes()).map_err(|_| Refusal::Method)?;
        if !target::is_valid(&method, path.as_bytes()) {
            return Err(Refusal::Target);
        }
        let version = if minor == 1 { Version::HTTP_11 } else { Version::HTTP_10 };
        let target = Span::new(head, path.as_bytes());
        let fields = Fields::new(head, headers);
        Ok(Some(Parsed { head: Self { method, target, version, fields }, marks, length }))
    }
}

/// RFC 9112, 3.2: a request of HTTP/1.1 names one host, and one of any version not two.
fn check_host(host: Host, minor: u8) -> Result<(), Refusal> {
    match host {
        Host::Once => Ok(()),
        Host::Absent if minor == 0 => Ok(()),
        Host::Absent => Err(Refusal::HostMissing),
        Host::Twice => Err(Refusal::HostTwice),
        Host::Invalid => Err(Refusal::HostInvalid),
    }
}

/// The version is none of ours: another one, or garbage? That is said when the line has come as a whole.
fn check_version<T>(buf: &[u8]) -> Result<Option<T>, Refusal> {
    let Some(end) = buf.iter().position(|byte| matches!(byte, b'\r' | b'\n')) else { return Ok(None) };
    let mut words = buf[..end].split(|&byte| byte == b' ').skip(2);
    let version = words.next().unwrap_or_default().strip_prefix(b"HTTP/");
    match (version, words.next()) {
        (Some([b'0'..=b'9', b'.', b'0'..=b'9']), None) => Err(Refusal::Version),
        _ => Err(Refusal::StartLine),
    }
}

impl fmt::Debug for RequestHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestHead")
            .field("method", &self.method)
            .field("target", &self.target())
            .field("version", &self.version)
            .field("headers", &self.fields)
            .finish()
    }
}
