//! A request as bytes: where it goes, which host it means, and how its body is framed.
//!
//! The wire's own fields are ours to write. What a caller says of them is taken as a wish: one that can be kept is
//! kept, one that contradicts the body is an error of the caller's, before a byte is written.

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, request};
use http_body::SizeHint;

use super::config::{Config, TargetForm};
use crate::error::Error;
use crate::h1::client::Sent;
use crate::h1::encode::{self, Outgoing};
use crate::head::{decimal, list};

/// Writes the head of a request, behind what `out` holds already.
///
/// # Errors
///
/// It cannot be sent; `out` is as it was.
pub(super) fn encode(
    parts: &request::Parts,
    body: &SizeHint,
    config: &Config,
    out: &mut Vec<u8>,
) -> Result<Sent, Error> {
    let start = out.len();
    let sent = try_encode(parts, body, config, out);
    if sent.is_err() {
        out.truncate(start);
    }
    sent.map_err(|reason| Error::invalid("sending this request", reason))
}

fn try_encode(
    parts: &request::Parts,
    body: &SizeHint,
    config: &Config,
    out: &mut Vec<u8>,
) -> Result<Sent, &'static str> {
    let outgoing = outgoing_of(parts, body)?;
    let authority = parts.uri.authority().or(config.authority.as_ref());

    out.extend_from_slice(parts.method.as_str().as_bytes());
    out.push(b' ');
    write_target(out, &parts.method, &parts.uri, authority, config.target_form)?;
    out.extend_from_slice(b" HTTP/1.1\r\n");
    write_host(out, &parts.headers, authority)?;
    for (name, value) in &parts.headers {
        // Whoever sends nothing expects nothing (RFC 9110, section 10.1.1).
        let is_idle = *name == EXPECT && outgoing.is_done();
        if !is_ours(name) && !is_idle {
            encode::field(out, name.as_str(), value.as_bytes());
        }
    }
    match outgoing {
        Outgoing::Length(length) => encode::length_field(out, length),
        Outgoing::Chunked => encode::field(out, "transfer-encoding", b"chunked"),
        Outgoing::Nothing | Outgoing::ToClose => {}
    }
    out.extend_from_slice(b"\r\n");

    let connection = |option| lists(&parts.headers, &CONNECTION, option);
    Ok(Sent {
        method: parts.method.clone(),
        close: connection("close"),
        upgrade: connection("upgrade") && parts.headers.contains_key(UPGRADE),
        expects_continue: lists(&parts.headers, &EXPECT, "100-continue"),
        outgoing,
    })
}

/// How the body goes out: by what it is, and by what the caller said of it, which must agree.
fn outgoing_of(parts: &request::Parts, body: &SizeHint) -> Result<Outgoing, &'static str> {
    let declared = declared_length(&parts.headers)?;
    let is_chunked = declared_chunked(&parts.headers)?;
    if is_chunked && declared.is_some() {
        return Err("it has both a content-length and a transfer-encoding");
    }
    let length = match (body.exact(), declared) {
        (Some(exact), Some(declared)) if exact != declared => {
            return Err("its content-length is not that of its body");
        }
        (exact, declared) => exact.or(declared),
    };
    if parts.method == Method::CONNECT && length != Some(0) {
        return Err("a body of CONNECT would be taken for the tunnel's");
    }
    // A method that expects a body says that there is none (RFC 9110, section 8.6).
    let says_zero = declared.is_some() || [Method::POST, Method::PUT, Method::PATCH].contains(&parts.method);
    Ok(match length {
        Some(0) if !says_zero => Outgoing::Nothing,
        Some(0) => Outgoing::Length(0),
        Some(length) if !is_chunked => Outgoing::Length(length),
        _ => Outgoing::Chunked,
    })
}

fn declared_length(headers: &HeaderMap) -> Result<Option<u64>, &'static str> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let Some(value) = values.next() else { return Ok(None) };
    match (decimal(value.as_bytes()), values.next()) {
        (Some(length), None) => Ok(Some(length)),
        _ => Err("its content-length is not one number"),
    }
}

fn declared_chunked(headers: &HeaderMap) -> Result<bool, &'static str> {
    let mut values = headers.get_all(TRANSFER_ENCODING).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(false),
        (Some(value), None) if value.as_bytes().eq_ignore_ascii_case(b"chunked") => Ok(true),
        _ => Err("its transfer-encoding is not chunked"),
    }
}

/// RFC 9112, section 3.2.
fn write_target(
    out: &mut Vec<u8>,
    method: &Method,
    uri: &Uri,
    authority: Option<&Authority>,
    form: TargetForm,
) -> Result<(), &'static str> {
    if *method == Method::CONNECT {
        let authority = uri.authority().ok_or("CONNECT needs a host and a port to connect to")?;
        if authority.port().is_none() {
            return Err("CONNECT needs a port to connect to");
        }
        write_authority(out, authority);
        return Ok(());
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    if path == "*" {
        if *method != Method::OPTIONS {
            return Err("only OPTIONS can be for the server as a whole");
        }
        out.push(b'*');
        return Ok(());
    }
    // `http` takes bytes that no target may have on the wire.
    if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("its target has bytes that must be percent-encoded");
    }
    if form == TargetForm::Absolute {
        let scheme = uri.scheme().unwrap_or(&Scheme::HTTP);
        out.extend_from_slice(scheme.as_str().as_bytes());
        out.extend_from_slice(b"://");
        write_authority(out, authority.ok_or(NO_AUTHORITY)?);
    }
    // A query alone, as in `http://host?query`, has an empty path before it.
    if !path.starts_with('/') {
        out.push(b'/');
    }
    out.extend_from_slice(path.as_bytes());
    Ok(())
}

/// RFC 9112, section 3.2: one `Host`, the caller's if there is one.
fn write_host(
    out: &mut Vec<u8>,
    headers: &HeaderMap,
    authority: Option<&Authority>,
) -> Result<(), &'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(_), Some(_)) => return Err("it names more than one host"),
        (Some(host), None) => encode::field(out, "host", host.as_bytes()),
        (None, _) => {
            let authority = authority.ok_or(NO_AUTHORITY)?;
            out.extend_from_slice(b"host: ");
            write_authority(out, authority);
            out.extend_from_slice(b"\r\n");
        }
    }
    Ok(())
}

const NO_AUTHORITY: &str = "it names no host, neither in its uri nor for the connection";

/// Host and port, without the user's name and password that a URI can carry.
fn write_authority(out: &mut Vec<u8>, authority: &Authority) {
    let text = authority.as_str();
    let host = text.rsplit_once('@').map_or(text, |(_user, host)| host);
    out.extend_from_slice(host.as_bytes());
}

/// The fields that are written here, and not with the caller's.
fn is_ours(name: &HeaderName) -> bool {
    [HOST, CONTENT_LENGTH, TRANSFER_ENCODING].contains(name)
}

/// Whether a comma-separated list has a member, in any case.
fn lists(headers: &HeaderMap, name: &HeaderName, member: &str) -> bool {
    let has_member = |value: &HeaderValue| {
        list(value.as_bytes()).any(|found| found.eq_ignore_ascii_case(member.as_bytes()))
    };
    headers.get_all(name).iter().any(has_member)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    /// How a request is told: "METHOD uri", then its header lines.
    fn parts(told: &str) -> request::Parts {
        let mut lines = told.lines();
        let (method, uri) = lines.next().and_then(|line| line.split_once(' ')).expect("a method and a uri");
        let mut request = Request::builder().method(method).uri(uri);
        for line in lines {
            let (name, value) = line.split_once(':').expect("a header line");
            request = request.header(name, value.trim());
        }
        request.body(()).expect("a valid request").into_parts().0
    }

    fn encode_to(authority: Option<&str>, form: TargetForm, request: &str, length: Option<u64>) -> String {
        let authority = authority.map(|authority| authority.parse().expect("an authority"));
        let config = Config { authority, target_form: form, ..Config::default() };
        let size = length.map(SizeHint::with_exact).unwrap_or_default();
        let mut out = b"-".to_vec();
        match encode(&parts(request), &size, &config, &mut out) {
            Ok(_) => String::from_utf8(out).expect("text").split_off(1).replace("\r\n", "\n"),
            Err(error) => {
                assert_eq!(out, b"-", "nothing is written of what cannot be sent");
                std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default()
            }
        }
    }

    /// What a request is on the wire of a connection to `a.test`.
    fn check(request: &str, length: Option<u64>, wire: &str) {
        assert_eq!(encode_to(Some("a.test"), TargetForm::Origin, request, length), wire);
    }

    #[test]
    fn a_target_is_a_path_and_the_host_a_field() {
        let wire = |target| format!("GET {target} HTTP/1.1\nhost: a.test\n\n");
        check("GET /", Some(0), &wire("/"));
        check("GET /b?c=d", Some(0), &wire("/b?c=d"));
        check("GET http://a.test", Some(0), &wire("/"));
        check("GET http://a.test?c", Some(0), &wire("/?c"));
        check("GET http://user:word@a.test/b", Some(0), &wire("/b"));
        check("GET http://b.test:81/c", Some(0), "GET /c HTTP/1.1\nhost: b.test:81\n\n");
        check("GET /\nHost: c.test\nAccept: x", Some(0), "GET / HTTP/1.1\nhost: c.test\naccept: x\n\n");
        check("GET /\nHost: c.test\nHost: c.test", Some(0), "it names more than one host");
    }

    #[test]
    fn the_rarer_forms_of_a_target() {
        check("OPTIONS *", Some(0), "OPTIONS * HTTP/1.1\nhost: a.test\n\n");
        check("GET *", Some(0), "only OPTIONS can be for the server as a whole");
        check("CONNECT b.test:443", Some(0), "CONNECT b.test:443 HTTP/1.1\nhost: b.test:443\n\n");
        check("CONNECT b.test", Some(0), "CONNECT needs a port to connect to");
        check("CONNECT /", Some(0), "CONNECT needs a host and a port to connect to");
        check("CONNECT b.test:443", Some(1), "a body of CONNECT would be taken for the tunnel's");
        let absolute = |request| encode_to(Some("a.test"), TargetForm::Absolute, request, Some(0));
        assert_eq!(absolute("GET /b"), "GET http://a.test/b HTTP/1.1\nhost: a.test\n\n");
        assert_eq!(absolute("GET http://u@b.test:81"), "GET http://b.test:81/ HTTP/1.1\nhost: b.test:81\n\n");
    }

    #[test]
    fn a_host_must_be_known() {
        let to = |request| encode_to(None, TargetForm::Origin, request, Some(0));
        assert_eq!(to("GET /"), "it names no host, neither in its uri nor for the connection");
        assert_eq!(to("GET /\nHost: b"), "GET / HTTP/1.1\nhost: b\n\n");
        assert_eq!(to("GET http://b/"), "GET / HTTP/1.1\nhost: b\n\n");
    }

    #[test]
    fn a_target_with_other_bytes_is_not_sent() {
        check("GET /é", Some(0), "its target has bytes that must be percent-encoded");
    }

    #[test]
    fn a_body_is_framed_in_one_way() {
        let wire = |fields| format!("POST / HTTP/1.1\nhost: a.test\n{fields}\n\n");
        check("POST /", Some(0), &wire("content-length: 0"));
        check("POST /", Some(5), &wire("content-length: 5"));
        check("POST /", None, &wire("transfer-encoding: chunked"));
        check("POST /\nContent-Length: 5", None, &wire("content-length: 5"));
        check("POST /\nContent-Length: 5", Some(5), &wire("content-length: 5"));
        check("POST /\nTransfer-Encoding: chunked", Some(5), &wire("transfer-encoding: chunked"));
        check("POST /\nTransfer-Encoding: chunked", None, &wire("transfer-encoding: chunked"));
        check("GET /\nContent-Length: 0", Some(0), "GET / HTTP/1.1\nhost: a.test\ncontent-length: 0\n\n");
    }

    #[test]
    fn a_caller_who_contradicts_the_body_is_told() {
        check("POST /\nContent-Length: 4", Some(5), "its content-length is not that of its body");
        check("POST /\nContent-Length: +5", Some(5), "its content-length is not one number");
        check(
            "POST /\nContent-Length: 5\nContent-Length: 5",
            Some(5),
            "its content-length is not one number",
        );
        check("POST /\nTransfer-Encoding: gzip, chunked", Some(5), "its transfer-encoding is not chunked");
        check("POST /\nTransfer-Encoding: gzip", Some(5), "its transfer-encoding is not chunked");
        check(
            "POST /\nTransfer-Encoding: chunked\nContent-Length: 5",
            Some(5),
            "it has both a content-length and a transfer-encoding",
        );
    }

    #[test]
    fn what_the_caller_wants_of_the_connection_is_known() {
        let sent = |request, length| {
            let config = &Config { authority: Some(Authority::from_static("a")), ..Config::default() };
            let size = SizeHint::with_exact(length);
            let sent = encode(&parts(request), &size, config, &mut Vec::new()).expect("valid");
            (sent.close, sent.upgrade, sent.expects_continue && !sent.outgoing.is_done())
        };
        assert_eq!(sent("GET /", 0), (false, false, false));
        assert_eq!(sent("GET /\nConnection: x, Close", 0), (true, false, false));
        assert_eq!(sent("GET /\nConnection: Upgrade\nUpgrade: websocket", 0), (false, true, false));
        assert_eq!(sent("GET /\nUpgrade: websocket", 0), (false, false, false));
        assert_eq!(sent("POST /\nExpect: 100-Continue", 1), (false, false, true));
        assert_eq!(sent("POST /\nExpect: 100-Continue", 0), (false, false, false));
    }
}
