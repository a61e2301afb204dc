//! What cannot be read, or can be read in two ways: the client is told what is wrong, and its connection ends.

use super::by_hand::ByHand;
use super::bystanders::{Bystanders, Language};
use super::peer::{End, Peer};
use super::started::Started;

/// A `hello` that is sent what it cannot read.
struct Refusing {
    server: Started,
    bystanders: Bystanders,
}

impl Refusing {
    #[track_caller]
    fn start() -> Self {
        let server = Started::new("hello");
        let bystanders = Bystanders::arrive(server.addr, Language::Http);
        Self { server, bystanders }
    }

    /// A client that sends this, piece by piece, is told that in one answer, and then its connection ends.
    #[track_caller]
    fn check<Piece: AsRef<[u8]>>(&mut self, pieces: impl AsRef<[Piece]>, status: &str, why: &str) {
        let mut abuser = Peer::connect(self.server.addr);
        for piece in pieces.as_ref() {
            assert!(abuser.hears_nothing(), "refused too early");
            abuser.send(piece);
            self.bystanders.are_served();
        }
        let refused = abuser.read_to_end();
        assert_refused(refused, status, why);
        self.bystanders.are_served();
    }

    /// Nobody needed to be told of any of this, and the server ends as it should.
    #[track_caller]
    fn finish(self) {
        assert_eq!(self.server.finish(), [""; 0]);
    }
}

#[track_caller]
fn assert_refused((answer, end): (String, End), status: &str, why: &str) {
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    assert!(head.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{answer}");
    assert!(head.lines().any(|line| line == "connection: close"), "{answer}");
    // Nothing may stand behind it: what was sent behind the mistake is no request.
    assert_eq!((body, end), (&*format!("{why}\n"), End::Closed), "{answer}");
}

const TOO_LARGE: &str = "431 Request Header Fields Too Large";

#[test]
fn a_request_line_over_the_limit_is_told_so() {
    let mut hello = Refusing::start();
    let half = "x".repeat(10_000);
    hello.check(["GET /", &half, &half], "414 URI Too Long", "request target too long");
    hello.check(["x".repeat(20_000)], "414 URI Too Long", "request target too long");
    hello.finish();
}

#[test]
fn a_header_block_over_the_limit_is_told_so() {
    let mut hello = Refusing::start();
    let half = "x".repeat(10_000);
    hello.check(["GET / HTTP/1.1\r\nHost: x\r\nA: ", &half, &half], TOO_LARGE, "head too long");
    let lines = "A: x\r\n".repeat(60);
    let many = ["GET / HTTP/1.1\r\nHost: x\r\n", &lines, &lines, "\r\n"];
    hello.check(many, TOO_LARGE, "too many header fields");
    hello.finish();
}

#[test]
fn garbage_is_told_so() {
    let mut hello = Refusing::start();
    hello.check([[0; 100]], "400 Bad Request", "invalid method");
    hello.check([b"\r\n".repeat(100)], "400 Bad Request", "a line does not end in CR LF");
    hello.check(["SSH-2.0-OpenSSH_10.0\r\n"], "400 Bad Request", "invalid method");
    hello.check(
        ["GET / HTTP/1.1\r\nHost: x\r\n", "no field\r\n\r\n"],
        "400 Bad Request",
        "invalid header name",
    );
    // What a client begins with who takes the server for one of TLS, of HTTP/2, of a database.
    hello.check([b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"], "400 Bad Request", "invalid method");
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    hello.check([preface], "505 HTTP Version Not Supported", "version of HTTP not supported");
    hello.check([b"\x00\x00\x00\x08\x04\xd2\x16\x2f"], "400 Bad Request", "invalid method");
    hello.finish();
}

#[test]
fn two_ways_to_frame_a_body_are_told_so() {
    let mut hello = Refusing::start();
    // Were either way taken, what stands behind would be a second request, and answered.
    let mut check = |fields: &str, why: &str| {
        let behind = "5\r\nhello\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n";
        let head = format!("POST / HTTP/1.1\r\nHost: x\r\n{fields}\r\n");
        hello.check([format!("{head}{behind}")], "400 Bad Request", why);
    };
    let both = "both content-length and transfer-encoding";
    check("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", both);
    check("Transfer-Encoding: chunked\r\nContent-Length: 15\r\n", both);
    check("Transfer-Encoding: identity\r\nContent-Length: 15\r\n", both);
    check("Content-Length: 5\r\nContent-Length: 15\r\n", "more than one content-length");
    check("Transfer-Encoding: chunked, identity\r\n", "invalid transfer-encoding");
    hello.finish();
}

#[test]
fn who_sends_on_for_long_sees_the_refusal_all_the_same() {
    // The server passes over what comes behind its answer, for two seconds: by a clock that stands still.
    let hello = ByHand::hello();
    let mut bystanders = Bystanders::arrive(hello.addr, Language::Http);
    let mut abuser = Peer::connect(hello.addr);
    abuser.send("GET / HTTP/1.1\r\nHost: x\r\n");
    // In small pieces, as a network brings it.
    for _ in 0..500 {
        abuser.send(format!("A: {}\r\n", "x".repeat(1_000)));
        bystanders.are_served();
    }
    assert_refused(abuser.read_to_end(), TOO_LARGE, "head too long");
    bystanders.are_served();
    assert_eq!(hello.finish(), [""; 0]);
}
