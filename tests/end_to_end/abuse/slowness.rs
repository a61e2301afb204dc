//! Clients that take their time, or never come to the point. On a clock of the test's own, so every time-out here is
//! the real one, to the second.

use ekiden::http::{Body, Error, Request, Response, serve};
use ekiden::net::TcpListener;
use ekiden::service_fn;

use super::by_hand::ByHand;
use super::bystanders::{Bystanders, Language};
use super::peer::{End, Peer};

/// A server of HTTP whose service reads the whole body before it answers, as `hello` never does.
async fn counting(listener: TcpListener) {
    let count = service_fn(async |req: Request<Body>| {
        let name = req.uri().path().trim_start_matches('/').to_owned();
        let bytes = req.into_body().collect(1 << 20).await?.len();
        let text = if bytes == 0 { format!("hello, {name}\n") } else { format!("{bytes} bytes\n") };
        Ok::<_, Error>(Response::new(Body::from(text)))
    });
    serve(listener, count).await.expect("its listener does not fail");
}

struct Slow {
    server: ByHand,
    bystanders: Bystanders,
    abuser: Peer,
}

impl Slow {
    #[track_caller]
    fn start(server: ByHand) -> Self {
        Self::start_with(server, Language::Http)
    }

    #[track_caller]
    fn start_with(server: ByHand, language: Language) -> Self {
        let bystanders = Bystanders::arrive(server.addr, language);
        let abuser = Peer::connect(server.addr);
        Self { server, bystanders, abuser }
    }

    /// Each second the abuser sends its next byte; the bystanders are served all the while, and it hears nothing.
    #[track_caller]
    fn trickle(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.abuser.send([*byte]);
            self.bystanders.are_served();
            assert!(self.abuser.hears_nothing(), "it is not overdue yet");
            self.server.pass(1);
        }
    }

    /// So many seconds go by, in which the abuser does nothing and hears nothing.
    #[track_caller]
    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.bystanders.are_served();
            assert!(self.abuser.hears_nothing(), "it is not overdue yet");
            self.server.pass(1);
        }
    }

    /// The time is over, and the abuser has the answer that begins and ends so, and then the end.
    #[track_caller]
    fn finish(mut self, status: &str, body: &str) {
        let (answer, end) = self.abuser.read_to_end();
        let is_it = match status {
            "" => answer.is_empty(),
            status => {
                answer.starts_with(&format!("HTTP/1.1 {status}\r\n"))
                    && answer.contains("\r\nconnection: close\r\n")
                    && answer.ends_with(&format!("\r\n\r\n{body}"))
            }
        };
        assert!(is_it && end == End::Closed, "{end:?} behind: {answer}");
        self.bystanders.are_served();
        assert_eq!(self.server.finish(), [""; 0]);
    }
}

#[test]
fn a_head_that_comes_by_a_byte_a_second_has_thirty_of_them() {
    let mut slow = Slow::start(ByHand::hello());
    slow.trickle(&b"GET /a/long/path/and/so/on HTTP/1.1\r\nHost: x\r\n\r\n"[..30]);
    slow.finish("408 Request Timeout", "message too slow\n");
}

#[test]
fn a_second_head_has_no_more_time_than_the_first() {
    let mut slow = Slow::start(ByHand::hello());
    slow.trickle(b"GET / HTTP/1.0\r\nConnection: k");
    slow.abuser.send("eep-alive\r\n\r\n");
    slow.abuser.read_until(|answer| answer.ends_with("hello, world\n"));
    slow.trickle(&b"GET / HTTP/1.1\r\nX: aaaaaaaaaaaaa"[..30]);
    slow.finish("408 Request Timeout", "message too slow\n");
}

#[test]
fn a_line_that_comes_by_a_byte_a_second_has_thirty_of_them() {
    let mut slow = Slow::start_with(ByHand::lines(), Language::Lines);
    slow.abuser.send("first\n");
    slow.abuser.read_until(|answer| answer == "first\n");
    slow.trickle(&[b'x'; 30]);
    slow.finish("", "");
}

#[test]
fn who_says_nothing_is_kept_for_a_minute() {
    let mut slow = Slow::start(ByHand::hello());
    slow.wait(60);
    slow.finish("", "");
}

#[test]
fn who_says_nothing_more_is_kept_for_a_minute() {
    let mut slow = Slow::start(ByHand::hello());
    slow.abuser.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    slow.abuser.read_until(|answer| answer.ends_with("hello, world\n"));
    slow.wait(60);
    slow.finish("", "");
}

#[test]
fn a_body_that_nobody_reads_has_thirty_seconds_in_all() {
    let mut slow = Slow::start(ByHand::hello());
    slow.abuser.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n");
    slow.abuser.read_until(|answer| answer.ends_with("hello, world\n"));
    slow.trickle(&[b'x'; 30]);
    slow.finish("", "");
}

#[test]
fn a_body_that_stalls_has_thirty_seconds_for_its_next_byte() {
    let mut slow = Slow::start(ByHand::start(counting));
    slow.abuser.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n");
    slow.trickle(&[b'x'; 40]);
    slow.wait(29);
    slow.finish("408 Request Timeout", "Request Timeout\n");
}

#[test]
fn a_body_shorter_than_its_length_is_no_body() {
    let mut slow = Slow::start(ByHand::start(counting));
    slow.abuser.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n");
    slow.trickle(&[b'x'; 20]);
    slow.abuser.end();
    slow.finish("400 Bad Request", "Bad Request\n");
}

#[test]
fn a_body_shorter_than_its_length_is_not_missed_by_who_does_not_read_it() {
    let mut slow = Slow::start(ByHand::hello());
    slow.abuser.send("POST /name HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nshort");
    slow.bystanders.are_served();
    slow.abuser
        .read_until(|answer| answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("hello, name\n"));
    slow.abuser.end();
    slow.finish("", "");
}

#[test]
fn a_body_that_ends_between_two_chunks_is_no_body() {
    let mut slow = Slow::start(ByHand::start(counting));
    slow.abuser.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n");
    slow.wait(10);
    slow.abuser.end();
    slow.finish("400 Bad Request", "Bad Request\n");
}
