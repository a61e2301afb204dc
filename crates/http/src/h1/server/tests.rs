//! Schedules, played by hand.

use super::*;
use crate::h1::outbox::Outbox;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use std::collections::HashMap;

/// A conversation with both ends in the test's hand.
struct Table {
    conversation: Conversation<(u16, String)>,
    /// What was received and not taken.
    input: Vec<u8>,
    due: HashMap<usize, Due>,
    requests: usize,
    reader: Reader,
    /// A reply that is being written.
    stream: Option<Outgoing>,
    outbox: Outbox,
    log: Vec<String>,
}

impl Table {
    fn new() -> Self {
        let limits = Limits { head_bytes_max: 200, headers_max: 8 };
        Self {
            conversation: Conversation::new(limits, 3, 10),
            input: Vec::new(),
            due: HashMap::new(),
            requests: 0,
            reader: Reader::Gone,
            stream: None,
            outbox: Outbox::default(),
            log: Vec::new(),
        }
    }

    fn note(&mut self, word: impl Into<String>) {
        let word = word.into();
        // A body comes in whatever pieces it was cut into.
        match (self.log.last_mut(), word.strip_prefix("data ")) {
            (Some(last), Some(more)) if last.starts_with("data ") => last.push_str(more),
            _ => self.log.push(word),
        }
    }

    fn step(&mut self, step: &str, cut: usize) {
        let (verb, rest) = step.split_once(' ').unwrap_or((step, ""));
        match verb {
            "recv" => {
                for piece in received(rest).chunks(cut) {
                    self.input.extend_from_slice(piece);
                    self.pump();
                }
            }
            "reply" | "stream" => {
                let (number, reply) = rest.split_once(' ').unwrap();
                let (status, text) = reply.split_once(' ').unwrap_or((reply, ""));
                let due = self.due.remove(&number.parse().unwrap()).expect("such a request");
                let text = if verb == "stream" { format!("stream:{text}") } else { text.to_owned() };
                let reply = (status.parse().unwrap(), text);
                match self.conversation.try_pass(due) {
                    Ok(terms) => self.write(terms, reply),
                    Err(due) => self.conversation.handle_reply(due, reply),
                }
            }
            "done" => {
                let outgoing = self.stream.take().expect("a stream");
                outgoing.end(&mut self.outbox, None).unwrap();
                self.outbox.clear();
                self.note(".");
                self.conversation.end_reply(self.reader);
            }
            "drop" => self.reader = Reader::Gone,
            "want" => {
                if self.conversation.try_continue(self.outbox.gather()) {
                    self.flush();
                }
            }
            "eof" => {
                let event = self.conversation.handle_end();
                self.handle(event);
            }
            "late" => {
                let wait = self.conversation.wait(self.reader);
                self.note(format!("waited for {wait:?}"));
                let event = self.conversation.handle_timeout();
                self.handle(event);
            }
            "drain" => self.conversation.handle_drain(),
            _ => panic!("no such step: {step}"),
        }
        self.pump();
    }

    /// Takes what can be taken and writes what can be written.
    fn pump(&mut self) {
        loop {
            let input = std::mem::take(&mut self.input);
            let mut rest = &input[..];
            while self.conversation.wants_input() || self.conversation.has_waiting() {
                let Some(event) = self.conversation.next_event(&mut rest) else { break };
                self.handle(Some(event));
            }
            self.input = rest.to_vec();
            let Some((terms, reply)) = self.conversation.next_reply() else { break };
            self.write(terms, reply);
        }
    }

    fn handle(&mut self, event: Option<Event<'_>>) {
        match event {
            None => {}
            Some(Event::Request { head, framing, due }) => {
                self.requests += 1;
                self.reader = if framing == Framing::Empty { Reader::Gone } else { Reader::Present };
                let framing = if framing == Framing::Empty { String::new() } else { format!(" {framing:?}") };
                self.note(format!("call {} {} {}{framing}", self.requests, head.method(), head.target()));
                self.due.insert(self.requests, due);
            }
            Some(Event::Data(data)) => {
                if self.reader == Reader::Gone {
                    self.conversation.handle_unread(data.len());
                }
                self.note(format!("data {}", data.escape_ascii()));
            }
            Some(Event::End(_)) => self.note("end"),
            Some(Event::Broken(refusal)) => self.note(format!("broken {refusal:?}")),
            Some(Event::Refused(refusal, due)) => {
                let status = refusal.status().as_u16();
                self.conversation.handle_reply(due, (status, format!("{refusal:?}")));
            }
        }
    }

    fn write(&mut self, terms: Terms, (status, text): (u16, String)) {
        // Words in front of the text: fields.
        let (mut headers, mut text) = (HeaderMap::new(), &text[..]);
        let is_stream = text.strip_prefix("stream:").inspect(|rest| text = rest).is_some();
        while let Some((name, rest)) = text.split_once('=') {
            let (value, rest) = rest.split_once(' ').unwrap_or((rest, ""));
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
            text = rest;
        }
        let length = if is_stream { None } else { Some(text.len() as u64) };
        let reply = Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: &headers,
            length,
            date: b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n",
        };
        let out = self.outbox.gather();
        match self.conversation.begin_reply(out, terms, &reply, self.reader) {
            Ok(mut outgoing) => {
                outgoing.put(&mut self.outbox, Bytes::copy_from_slice(text.as_bytes())).unwrap();
                if is_stream {
                    self.stream = Some(outgoing);
                } else {
                    outgoing.end(&mut self.outbox, None).unwrap();
                    self.conversation.end_reply(self.reader);
                }
            }
            Err(invalid) => {
                self.note(format!("invalid {invalid:?}"));
                let reply = Reply { status: StatusCode::INTERNAL_SERVER_ERROR, length: Some(0), ..reply };
                let out = self.outbox.gather();
                self.conversation.begin_reply(out, terms, &reply, self.reader).unwrap();
                self.conversation.end_reply(self.reader);
            }
        }
        self.flush();
    }

    /// Tells what was written: "200 text", with "+" for keep-alive and "-" for close.
    fn flush(&mut self) {
        let text = String::from_utf8(self.outbox.single().unwrap().to_vec()).unwrap();
        self.outbox.clear();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap();
        let sign = match head {
            _ if head.contains("connection: close") => "-",
            _ if head.contains("connection: keep-alive") => "+",
            _ => "",
        };
        let body = if body.is_empty() { String::new() } else { format!(" {}", body.replace("\r\n", "|")) };
        self.note(format!("{status}{sign}{body}"));
    }
}

/// Names stand for requests, so that a schedule fits on a line.
fn received(name: &str) -> Vec<u8> {
    let host = "Host: a\r\n";
    let body = |fields: &str, body: &str| format!("POST /p HTTP/1.1\r\n{host}{fields}\r\n{body}");
    match name {
        "get" => format!("GET / HTTP/1.1\r\n{host}\r\n"),
        "get get" => received_text("get").repeat(2),
        "get get get get" => received_text("get").repeat(4),
        "get post" => received_text("get") + &received_text("post"),
        "post get" => received_text("post") + &received_text("get"),
        "get close" => format!("GET / HTTP/1.1\r\n{host}Connection: close\r\n\r\n"),
        "get close get" => received_text("get close") + &received_text("get"),
        "get/1.0" => "GET / HTTP/1.0\r\n\r\n".to_owned(),
        "get/1.0 keep" => "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".to_owned(),
        "head" => format!("HEAD / HTTP/1.1\r\n{host}\r\n"),
        "post" => body("Content-Length: 5\r\n", "hello"),
        "post head" => body("Content-Length: 5\r\n", ""),
        "post close head" => body("Content-Length: 5\r\nConnection: close\r\n", ""),
        "post large head" => body("Content-Length: 11\r\n", ""),
        "post chunked head" => body("Transfer-Encoding: chunked\r\n", ""),
        "post chunked" => body("Transfer-Encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
        "post expect head" => body("Content-Length: 5\r\nExpect: 100-continue\r\n", ""),
        "post expect" => body("Content-Length: 5\r\nExpect: 100-continue\r\n", "hello"),
        "post/1.0 expect head" => {
            "POST /p HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n".to_owned()
        }
        "get expect" => format!("GET / HTTP/1.1\r\n{host}Expect: 100-continue\r\n\r\n"),
        "expect else" => format!("GET / HTTP/1.1\r\n{host}Expect: else\r\n\r\n"),
        "upgrade" => format!("GET /u HTTP/1.1\r\n{host}Connection: upgrade\r\nUpgrade: x\r\n\r\n"),
        "upgrade/1.0" => "GET /u HTTP/1.0\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n".to_owned(),
        "upgrade body" => body("Connection: upgrade\r\nUpgrade: x\r\nContent-Length: 5\r\n", "hello"),
        "upgrade more" => received_text("upgrade") + "more",
        "upgrade get" => received_text("upgrade") + &received_text("get"),
        "connect" => "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n".to_owned(),
        "connect more" => received_text("connect") + "more",
        "both" => body("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "hello"),
        "garbage" => "\0\0\0\0".to_owned(),
        "get garbage" => received_text("get") + "(((\r\n\r\n",
        "long" => format!("GET / HTTP/1.1\r\nA: {}", "b".repeat(200)),
        "part" => "GET / HT".to_owned(),
        "rest" => format!("TP/1.1\r\n{host}\r\n"),
        bytes => bytes.replace('|', "\r\n"),
    }
    .into_bytes()
}

fn received_text(name: &str) -> String {
    String::from_utf8(received(name)).unwrap()
}

/// Plays a schedule, with what is received cut into pieces of many sizes, and tells all that happened.
fn check(schedule: &str, expect: &str) {
    for cut in [usize::MAX, 1, 2, 3, 5, 7, 11, 40] {
        let mut table = Table::new();
        for step in schedule.split(", ") {
            table.step(step, cut);
        }
        if let Some(farewell) = table.conversation.farewell() {
            table.note(format!("{farewell:?}"));
        }
        let is_over = matches!(table.conversation.farewell(), Some(Farewell::Close | Farewell::Linger));
        if !table.input.is_empty() && !is_over {
            table.note(format!("left {}", table.input.escape_ascii()));
        }
        assert_eq!(table.log.join(", "), expect, "{schedule}, cut into pieces of {cut}");
    }
}

#[test]
fn requests_are_answered_one_after_the_other() {
    check("recv get, reply 1 200 a, recv get, reply 2 404 b", "call 1 GET /, 200 a, call 2 GET /, 404 b");
    check("recv head, reply 1 200 body", "call 1 HEAD /, 200");
    check("recv get, reply 1 204", "call 1 GET /, 204");
    check("recv get, stream 1 200 x, done", "call 1 GET /, 200 1|x|, .");
    check("recv part, recv rest, reply 1 200", "call 1 GET /, 200");
}

#[test]
fn replies_to_pipelined_requests_leave_in_order() {
    check("recv get get, reply 2 200 b, reply 1 200 a", "call 1 GET /, call 2 GET /, 200 a, 200 b");
    check(
        "recv get get, stream 1 200 a, reply 2 200 b, done",
        "call 1 GET /, call 2 GET /, 200 1|a|, ., 200 b",
    );
}

#[test]
fn no_more_requests_are_begun_than_replies_may_be_owed() {
    let three = "call 1 GET /, call 2 GET /, call 3 GET /";
    let left = r"left GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    check("recv get get get get", &format!("{three}, {left}"));
    check("recv get get get get, reply 1 200", &format!("{three}, 200, call 4 GET /"));
}

#[test]
fn a_request_that_is_not_safe_runs_alone() {
    let post = "call 2 POST /p Length(5), data hello, end";
    check("recv get post, reply 1 200, reply 2 200", &format!("call 1 GET /, 200, {post}, 200"));
    check("recv get post, stream 1 200 a, done", &format!("call 1 GET /, 200 1|a|, ., {post}"));
    check(
        "recv post get, reply 1 200, reply 2 200",
        "call 1 POST /p Length(5), data hello, end, 200, call 2 GET /, 200",
    );
}

#[test]
fn close_is_kept() {
    check("recv get close, reply 1 200", "call 1 GET /, 200-, Close");
    check("recv get close get, reply 1 200", "call 1 GET /, 200-, Linger");
    check("recv get/1.0, reply 1 200", "call 1 GET /, 200-, Close");
    check("recv get/1.0 keep, reply 1 200, recv get/1.0", "call 1 GET /, 200+, call 2 GET /");
    check("recv get/1.0 keep, stream 1 200 x, done", "call 1 GET /, 200- x, ., Linger");
    check("recv get, reply 1 200 connection=close", "call 1 GET /, 200-, Linger");
    check("recv get, reply 1 200 connection=x,Close", "call 1 GET /, 200-, Linger");
    check(
        "recv post close head, recv hello, reply 1 200",
        "call 1 POST /p Length(5), data hello, end, 200-, Close",
    );
}

#[test]
fn a_reply_that_says_close_is_the_last() {
    check(
        "recv get get, reply 2 200, reply 1 200 connection=close",
        "call 1 GET /, call 2 GET /, 200-, Linger",
    );
    check(
        "recv get get, reply 1 200 connection=close, reply 2 200",
        "call 1 GET /, call 2 GET /, 200-, Linger",
    );
    check("recv get post, reply 1 200 connection=close", "call 1 GET /, 200-, Linger");
    check(
        "recv get/1.0 keep, recv get/1.0, stream 1 200 x, done",
        "call 1 GET /, call 2 GET /, 200- x, ., Linger",
    );
}

#[test]
fn bodies_come_in_pieces() {
    check("recv post, reply 1 200", "call 1 POST /p Length(5), data hello, end, 200");
    check("recv post chunked, reply 1 200", "call 1 POST /p Chunked, data hello, end, 200");
    check(
        "recv post head, reply 1 200 early, recv hello, recv get",
        "call 1 POST /p Length(5), 200 early, data hello, end, call 2 GET /",
    );
    check("recv post head, recv helloGET", r"call 1 POST /p Length(5), data hello, end");
}

#[test]
fn what_is_left_unread_is_passed_over_up_to_a_limit() {
    let small = "call 1 POST /p Length(5)";
    check(
        "recv post head, drop, reply 1 200, recv hello, recv get",
        &format!("{small}, 200, data hello, end, call 2 GET /"),
    );
    let large = "call 1 POST /p Length(11)";
    check("recv post large head, drop, reply 1 200", &format!("{large}, 200-, Linger"));
    check(
        "recv post large head, reply 1 200, drop, recv hello hello, recv get",
        &format!("{large}, 200, data hello hello, Linger"),
    );
    check(
        "recv post large head, recv hello hello, drop, reply 1 200",
        &format!("{large}, data hello hello, end, 200"),
    );
    let chunked = "call 1 POST /p Chunked";
    check("recv post chunked head, drop, reply 1 200, recv 5|hello|", &format!("{chunked}, 200, data hello"));
    check(
        "recv post chunked head, drop, reply 1 200, recv 5|hello|6| hello|",
        &format!("{chunked}, 200, data hello hello, Linger"),
    );
    // While the reply is awaited, too much is a reason to read no more, and not one to hang up.
    check(
        "recv post chunked head, drop, recv b|hello hello|0||, reply 1 200",
        &format!("{chunked}, data hello hello, 200-, Linger"),
    );
    check("recv post close head, drop, reply 1 200", &format!("{small}, 200-, Linger"));
}

#[test]
fn the_go_ahead_is_given_when_the_body_is_wanted() {
    let call = "call 1 POST /p Length(5)";
    check(
        "recv post expect head, want, want, recv hello, reply 1 200",
        &format!("{call}, 100, data hello, end, 200"),
    );
    check("recv post expect, want, reply 1 200", &format!("{call}, data hello, end, 200"));
    check("recv post expect head, recv h, want", &format!("{call}, data h"));
    check("recv post expect head, reply 1 413", &format!("{call}, 413-, Linger"));
    check("recv post expect head, drop, reply 1 200", &format!("{call}, 200-, Linger"));
    check("recv post expect head, reply 1 200, want", &format!("{call}, 200-, Linger"));
    check("recv post/1.0 expect head, want", call);
    check("recv get expect, want, reply 1 200", "call 1 GET /, 200");
    check("recv expect else", "417- Expectation, Linger");
}

#[test]
fn an_upgrade_takes_what_follows_along() {
    let call = "call 1 GET /u";
    check("recv upgrade more, reply 1 101 upgrade=x ", &format!("{call}, 101, HandOver, left more"));
    check("recv upgrade, reply 1 101 upgrade=x ", &format!("{call}, 101, HandOver"));
    check("recv upgrade get, reply 1 200, reply 2 200", &format!("{call}, 200, call 2 GET /, 200"));
    check("recv get, reply 1 101 upgrade=x ", "call 1 GET /, invalid Switch, 500");
    check("recv upgrade/1.0, reply 1 101 upgrade=x ", &format!("{call}, invalid Switch, 500-, Close"));
    check("recv upgrade body, reply 1 200", "call 1 POST /p Length(5), data hello, end, 200");
    check("recv upgrade, drain, reply 1 101 upgrade=x ", &format!("{call}, 101, HandOver"));
    check("recv upgrade, drain, reply 1 200", &format!("{call}, 200-, Linger"));
}

#[test]
fn a_tunnel_takes_what_follows_along() {
    let call = "call 1 CONNECT a:1";
    check("recv connect more, reply 1 200", &format!("{call}, 200, HandOver, left more"));
    check("recv connect more, reply 1 407 no", &format!("{call}, 407- no, Linger"));
    check(
        "recv get, recv connect, reply 1 200, reply 2 200",
        "call 1 GET /, 200, call 2 CONNECT a:1, 200, HandOver",
    );
}

#[test]
fn what_cannot_be_read_is_refused_and_ends_it() {
    check("recv garbage", "400- Method, Linger");
    check("recv garbage, recv get", "400- Method, Linger");
    check("recv both", "400- LengthAndCoding, Linger");
    check("recv long", "431- HeadTooLong, Linger");
    check("recv get garbage, reply 1 200", "call 1 GET /, 200, 400- Method, Linger");
    check(
        "recv post chunked head, recv x, reply 1 400",
        "call 1 POST /p Chunked, broken ChunkSize, 400-, Linger",
    );
}

#[test]
fn a_peer_that_sends_no_more_is_still_answered() {
    check("eof", "Close");
    check("recv get, eof, reply 1 200", "call 1 GET /, 200-, Close");
    check("recv get get, eof, reply 1 200, reply 2 200", "call 1 GET /, call 2 GET /, 200, 200-, Close");
    check("recv get, reply 1 200, eof", "call 1 GET /, 200, Close");
    check("recv part, eof", "400- Unfinished, Close");
    check(
        "recv post head, recv hel, eof, reply 1 400",
        "call 1 POST /p Length(5), data hel, broken Unfinished, 400-, Close",
    );
    check(
        "recv post head, drop, reply 1 200, eof",
        "call 1 POST /p Length(5), 200, broken Unfinished, Close",
    );
    check("recv |, eof", "Close");
}

#[test]
fn who_is_too_slow_is_told() {
    check("late", "waited for NextRequest, Close");
    check("recv part, late", "waited for Head, 408- Slow, Linger");
    check("recv get, late", "call 1 GET /, waited for Nothing");
    check("recv get, recv part, late, reply 1 200", "call 1 GET /, waited for Head, 200, 408- Slow, Linger");
    check("recv get, reply 1 200, late", "call 1 GET /, 200, waited for NextRequest, Close");
    let call = "call 1 POST /p Length(5)";
    check(
        "recv post head, late, reply 1 408",
        &format!("{call}, waited for Body, broken Slow, 408-, Linger"),
    );
    check("recv post head, drop, late", &format!("{call}, waited for Nothing, broken Slow"));
    check(
        "recv post head, drop, reply 1 200, late",
        &format!("{call}, 200, waited for Unread, broken Slow, Linger"),
    );
    check("recv post expect head, late", &format!("{call}, waited for Nothing, broken Slow"));
}

#[test]
fn a_drain_finishes_what_was_begun() {
    check("drain", "Close");
    check("drain, recv get, reply 1 200", "call 1 GET /, 200-, Linger");
    check("recv get, reply 1 200, drain", "call 1 GET /, 200, Close");
    check("recv get, drain, reply 1 200", "call 1 GET /, 200-, Linger");
    check("recv get get, drain, reply 1 200, reply 2 200", "call 1 GET /, call 2 GET /, 200, 200-, Linger");
    check("recv get post, drain, reply 1 200", "call 1 GET /, 200-, Linger");
    check("recv part, drain, recv rest, reply 1 200", "call 1 GET /, 200-, Linger");
    check("recv get, recv part, drain, reply 1 200", "call 1 GET /, 200-, Linger");
    check(
        "recv post head, drain, recv hello, reply 1 200",
        "call 1 POST /p Length(5), data hello, end, 200-, Linger",
    );
    check("recv get, stream 1 200 a, drain, done", "call 1 GET /, 200 1|a|, ., Linger");
}
