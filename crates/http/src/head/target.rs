//! Request targets and hosts: which bytes and which forms are accepted.
//!
//! What passes here is also a valid `http::Uri`, which the tests hold; the reverse is not true: a fragment, a
//! user's name and password, and bytes outside of ASCII have no business in a request.

use http::Method;

/// Whether the target has a form that its method allows (RFC 9112, 3.2).
pub(super) fn is_valid(method: &Method, target: &[u8]) -> bool {
    if *method == Method::CONNECT {
        return is_authority_form(target);
    }
    match target {
        [b'/', ..] => is_path_and_query(target),
        b"*" => *method == Method::OPTIONS,
        _ => is_absolute_form(target),
    }
}

/// Whether this can be the value of `Host`: `uri-host [ ":" port ]`, or nothing.
pub(super) fn is_host(value: &[u8]) -> bool {
    // RFC 9110, 7.2: it is empty if the target has no authority.
    value.is_empty() || split_host(value).is_some()
}

/// `host:port`, for CONNECT.
fn is_authority_form(target: &[u8]) -> bool {
    split_host(target).is_some_and(|port| !port.is_empty())
}

/// `scheme://host[:port][/path][?query]`, as a proxy is asked.
fn is_absolute_form(target: &[u8]) -> bool {
    let Some(colon) = target.iter().position(|&byte| byte == b':') else { return false };
    let Some(rest) = target[colon..].strip_prefix(b"://") else { return false };
    let path = rest.iter().position(|byte| matches!(byte, b'/' | b'?')).unwrap_or(rest.len());
    is_scheme(&target[..colon]) && split_host(&rest[..path]).is_some() && is_path_and_query(&rest[path..])
}

fn is_scheme(scheme: &[u8]) -> bool {
    let is_scheme_byte = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    // `http` knows no longer ones.
    scheme.len() <= 64
        && scheme.first().is_some_and(u8::is_ascii_alphabetic)
        && scheme.iter().all(is_scheme_byte)
}

fn is_path_and_query(target: &[u8]) -> bool {
    // Nearly every target is a path alone. No byte is looked at twice unless there is a query, or something wrong.
    all(target, PATH)
        || match skip(target, PATH) {
            [b'?', query @ ..] => all(query, QUERY),
            _ => false,
        }
}

/// Checks a host, which is a name, an IPv4 address, or an IPv6 address in brackets, and gives the port behind it.
fn split_host(authority: &[u8]) -> Option<&[u8]> {
    if let [b'[', inside @ ..] = authority {
        let end = inside.iter().position(|&byte| byte == b']')?;
        std::str::from_utf8(&inside[..end]).ok()?.parse::<std::net::Ipv6Addr>().ok()?;
        return match &inside[end + 1..] {
            [] => Some(&[]),
            [b':', port @ ..] if port.iter().all(u8::is_ascii_digit) => Some(port),
            _ => None,
        };
    }
    // A colon with nothing but digits behind it begins the port; a host has none.
    let (host, port) = match authority.iter().rposition(|byte| !byte.is_ascii_digit()) {
        Some(at) if authority[at] == b':' => (&authority[..at], &authority[at + 1..]),
        _ => (authority, &[][..]),
    };
    (!host.is_empty() && all(host, HOST)).then_some(port)
}

/// What is left behind the bytes of a class.
fn skip(bytes: &[u8], class: u8) -> &[u8] {
    let end = bytes.iter().position(|&byte| !has(byte, class)).unwrap_or(bytes.len());
    &bytes[end..]
}

/// Whether all bytes are of a class. It looks at all of them, since that is faster than to stop at the first.
fn all(bytes: &[u8], class: u8) -> bool {
    bytes.iter().fold(class, |classes, &byte| classes & CLASSES[byte as usize]) != 0
}

fn has(byte: u8, class: u8) -> bool {
    CLASSES[byte as usize] & class != 0
}

const PATH: u8 = 1;
const QUERY: u8 = 2;
const HOST: u8 = 4;

/// The classes a byte belongs to. For paths and queries those of the WHATWG URL standard that browsers send
/// unescaped, and `"`, `{`, `}` in paths, which programs send; for hosts those of RFC 3986's `reg-name`, without
/// the percent escapes that no resolver takes.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0x21;
    while byte < 0x7f {
        classes[byte as usize] = match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => PATH | QUERY | HOST,
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' => PATH | QUERY | HOST,
            b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' => PATH | QUERY | HOST,
            b'#' | b'<' | b'>' => 0,
            b'"' => PATH,
            b'?' | b'`' => QUERY,
            b'^' => PATH | QUERY,
            _ => PATH | QUERY,
        };
        byte += 1;
    }
    classes
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_form_fits_its_method() {
        for (method, target, expect) in [
            ("GET", "/", true),
            ("GET", "/a/b?c=d&e", true),
            ("GET", "/?q=a?b/c", true),
            ("GET", "http://example.org", true),
            ("GET", "http://example.org:80/x?y", true),
            ("GET", "http://[::1]:80?y", true),
            ("OPTIONS", "*", true),
            ("OPTIONS", "/x", true),
            ("CONNECT", "example.org:443", true),
            ("CONNECT", "[::1]:443", true),
            ("GET", "*", false),
            ("GET", "", false),
            ("GET", "x", false),
            ("GET", "x/y", false),
            ("GET", "example.org:80", false),
            ("GET", "http:/x", false),
            ("GET", "http://", false),
            ("GET", "http:///x", false),
            ("GET", "://x/", false),
            ("GET", "1http://x/", false),
            ("GET", "http://user@example.org/", false),
            ("GET", "http://user:pass@example.org/", false),
            ("GET", "http://a b/", false),
            ("GET", "/#fragment", false),
            ("GET", "/?#fragment", false),
            ("GET", "/<", false),
            ("GET", "/\u{e9}", false),
            ("GET", "/\u{7f}", false),
            ("CONNECT", "/", false),
            ("CONNECT", "*", false),
            ("CONNECT", "example.org", false),
            ("CONNECT", "example.org:", false),
            ("CONNECT", ":443", false),
            ("CONNECT", "http://example.org:443", false),
            ("OPTIONS", "**", false),
        ] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            assert_eq!(is_valid(&method, target.as_bytes()), expect, "{method} {target}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address() {
        for host in ["", "a", "a.b-c_d", "127.0.0.1", "127.0.0.1:80", "a:", "[::1]", "[::1]:8080"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in
            ["a b", "a/b", "a@b", "a:b", "a:80:80", ":80", "[", "[]", "[::1", "[::1]x", "::1", "a%20b"]
        {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }

    proptest! {
        /// Whatever passes here, `http` takes too: the conversion to its types cannot fail.
        #[test]
        fn what_passes_is_a_uri(target in prop_oneof![
            "/[!-~]{0,12}",
            "[a-z]{1,3}://[!-~]{1,12}",
            "[!-~]{1,12}:[0-9]{0,3}",
            "http://\\[[0-9a-f:.]{2,8}\\][:/0-9]{0,3}",
            "[!-~]{0,8}",
        ]) {
            for method in [Method::GET, Method::CONNECT, Method::OPTIONS] {
                if is_valid(&method, target.as_bytes()) {
                    prop_assert!(target.parse::<http::Uri>().is_ok(), "{method} {target}");
                }
            }
        }
    }
}
