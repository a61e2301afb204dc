//! One request and its response, from the client's side, without a socket or a clock.
//!
//! ```text
//!   body ──► put, end ──► Outbox ──► wire
//!                                      │        head, data, end
//!   caller ◄── Received ◄── read ◄─────┘        (1xx are swallowed here)
//! ```
//!
//! The two directions are independent: a server may answer before it has the whole body, and then goes on or
//! gives up. What the exchange leaves behind, a connection for the next one or one to be closed, is its last
//! word.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version};

use super::chunked::Piece;
use super::content::Content;
use super::encode::{Invalid, Outgoing};
use super::framing::{self, Framing};
use super::outbox::Outbox;
use crate::head::{HeadReader, Limits, Marks, ResponseHead};
use crate::refusal::Refusal;

/// What is to be known of a request while it is on the wire.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) method: Method,
    /// How its body goes out; never `ToClose`.
    pub(crate) outgoing: Outgoing,
    /// The caller does not want the connection to be used again.
    pub(crate) close: bool,
    /// The caller offers another protocol.
    pub(crate) upgrade: bool,
    /// The body waits until the peer asks for it.
    pub(crate) expects_continue: bool,
}

/// One request and its response.
#[derive(Debug)]
pub(crate) struct Exchange {
    method: Method,
    offers_upgrade: bool,
    sending: Sending,
    receiving: Receiving,
    /// So far, nothing speaks against using the connection again.
    keep_alive: bool,
    /// At least one byte of an answer has come.
    is_answered: bool,
    interim_left: u8,
}

#[derive(Debug)]
enum Sending {
    /// The body is held back until the peer wants it.
    Held(Outgoing),
    Body(Outgoing),
    Done,
    /// Nobody will send the rest.
    Stopped,
}

#[derive(Debug)]
enum Receiving {
    Head(HeadReader),
    Content(Content),
    /// The connection is not HTTP's any more.
    Switched,
    Done,
}

/// What has come.
#[derive(Debug)]
pub(crate) enum Received<'a> {
    /// The final response's head, and how its body is framed.
    Head(ResponseHead, Framing),
    /// The last head that HTTP has to say: what follows belongs to the caller.
    Switch(ResponseHead),
    /// Some of the body.
    Data(&'a [u8]),
    /// The response is complete.
    End(Option<HeaderMap>),
}

/// More than one hundred-and-something is rare (a 103 or two); without a limit they could go on for ever.
const INTERIM_MAX: u8 = 16;

impl Exchange {
    /// The head of this request is on its way.
    pub(crate) fn new(sent: Sent) -> Self {
        let Sent { method, outgoing, close, upgrade, expects_continue } = sent;
        let sending = match outgoing {
            done if done.is_done() => Sending::Done,
            held if expects_continue => Sending::Held(held),
            outgoing => Sending::Body(outgoing),
        };
        Self {
            method,
            offers_upgrade: upgrade,
            sending,
            receiving: Receiving::Head(HeadReader::default()),
            keep_alive: !close,
            is_answered: false,
            interim_left: INTERIM_MAX,
        }
    }

    /// Whether the next piece of the request's body is wanted now.
    pub(crate) fn wants_body(&self) -> bool {
        matches!(self.sending, Sending::Body(_))
    }

    /// Whether the body is held back until the peer asks for it.
    pub(crate) fn is_held(&self) -> bool {
        matches!(self.sending, Sending::Held(_))
    }

    /// Holds the body back no longer: the peer has asked, or has let too much time pass.
    pub(crate) fn release(&mut self) {
        if let Sending::Held(outgoing) = &mut self.sending {
            self.sending = Sending::Body(std::mem::replace(outgoing, Outgoing::Nothing));
        }
    }

    /// Sends a piece of the body.
    pub(crate) fn put(&mut self, outbox: &mut Outbox, piece: Bytes) -> Result<(), Invalid> {
        let Sending::Body(outgoing) = &mut self.sending else { return Ok(()) };
        outgoing.put(outbox, piece)?;
        // So that nobody waits for the end of a body of which every byte is there.
        if outgoing.is_done() {
            self.sending = Sending::Done;
        }
        Ok(())
    }

    /// The body has ended.
    pub(crate) fn end(&mut self, outbox: &mut Outbox, trailers: Option<&HeaderMap>) -> Result<(), Invalid> {
        match std::mem::replace(&mut self.sending, Sending::Done) {
            Sending::Body(outgoing) => outgoing.end(outbox, trailers),
            _ => Ok(()),
        }
    }

    /// The rest of the body will not be sent, so the connection ends with the response.
    pub(crate) fn stop(&mut self) {
        if !matches!(self.sending, Sending::Done) {
            self.sending = Sending::Stopped;
        }
        self.keep_alive = false;
    }

    /// Whether every byte of the request is out, or never will be.
    pub(crate) fn is_sent(&self) -> bool {
        matches!(self.sending, Sending::Done | Sending::Stopped)
    }

    /// Takes what belongs to this response off `input`. `None` if more is needed, or the end was told before.
    pub(crate) fn read<'a>(
        &mut self,
        input: &mut &'a [u8],
        limits: &Limits,
    ) -> Result<Option<Received<'a>>, Refusal> {
        self.is_answered |= !input.is_empty();
        loop {
            match &mut self.receiving {
                Receiving::Head(reader) => {
                    let Some((head, marks)) = reader.read_response(input, limits)? else { return Ok(None) };
                    if let Some(received) = self.handle_head(head, &marks)? {
                        return Ok(Some(received));
                    }
                }
                Receiving::Content(content) => {
                    return Ok(match content.read(input)? {
                        Some(Piece::Data(data)) => Some(Received::Data(data)),
                        Some(Piece::End(trailers)) => {
                            self.receiving = Receiving::Done;
                            Some(Received::End(trailers))
                        }
                        None => None,
                    });
                }
                Receiving::Switched | Receiving::Done => return Ok(None),
            }
        }
    }

    /// The peer sends nothing more. It may be that this was the end of the body.
    pub(crate) fn handle_end(&mut self) -> Result<Received<'static>, Refusal> {
        match &mut self.receiving {
            Receiving::Content(content) => content.handle_end()?,
            Receiving::Head(_) => return Err(Refusal::Unfinished),
            Receiving::Switched | Receiving::Done => {}
        }
        self.receiving = Receiving::Done;
        Ok(Received::End(None))
    }

    /// Whether the head of the final response has not come, or not all of it.
    pub(crate) fn awaits_head(&self) -> bool {
        matches!(self.receiving, Receiving::Head(_))
    }

    /// Whether at least one byte of an answer has come.
    pub(crate) fn is_answered(&self) -> bool {
        self.is_answered
    }

    /// Whether the response is complete.
    pub(crate) fn is_received(&self) -> bool {
        matches!(self.receiving, Receiving::Done)
    }

    /// How much of the response's body is still to come, if that is known.
    pub(crate) fn left(&self) -> Option<u64> {
        match &self.receiving {
            Receiving::Content(content) => content.left(),
            _ => None,
        }
    }

    /// Whether the connection will be able to carry another request once the rest of this response has come.
    pub(crate) fn may_leave_open(&self) -> bool {
        self.keep_alive && matches!(self.sending, Sending::Done)
    }

    /// Whether the connection can carry another request: this one is complete in both directions, and neither
    /// side wants it to end.
    pub(crate) fn leaves_open(&self) -> bool {
        self.may_leave_open() && self.is_received()
    }

    fn handle_head(
        &mut self,
        head: ResponseHead,
        marks: &Marks,
    ) -> Result<Option<Received<'static>>, Refusal> {
        let status = head.status();
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return self.handle_switch(head, marks);
        }
        if status.is_informational() {
            self.interim_left = self.interim_left.checked_sub(1).ok_or(Refusal::InterimResponses)?;
            if status == StatusCode::CONTINUE {
                self.release();
            }
            self.receiving = Receiving::Head(HeadReader::default());
            return Ok(None);
        }
        if self.method == Method::CONNECT && status.is_success() {
            self.receiving = Receiving::Switched;
            return Ok(Some(Received::Switch(head)));
        }
        let framing = framing::of_response(&self.method, &head, marks)?;
        self.keep_alive &= framing != Framing::ToClose && is_persistent(&head, marks);
        if self.is_held() {
            // It has answered without the body, which then never comes where its length says that it would.
            self.stop();
        }
        self.receiving = Receiving::Content(Content::new(framing));
        if framing == Framing::Empty {
            // Nothing comes that would make anybody look for the end.
            self.receiving = Receiving::Done;
        }
        Ok(Some(Received::Head(head, framing)))
    }

    /// RFC 9110, section 7.8: only what was offered, and not in the middle of a body.
    fn handle_switch(
        &mut self,
        head: ResponseHead,
        marks: &Marks,
    ) -> Result<Option<Received<'static>>, Refusal> {
        let is_sent = matches!(self.sending, Sending::Done);
        if !self.offers_upgrade || !marks.is_upgrade() || !is_sent {
            return Err(Refusal::Switch);
        }
        self.receiving = Receiving::Switched;
        Ok(Some(Received::Switch(head)))
    }
}

/// RFC 9112, section 9.3.
fn is_persistent(head: &ResponseHead, marks: &Marks) -> bool {
    !marks.is_close() && (head.version() == Version::HTTP_11 || marks.is_keep_alive())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was asked: "METHOD", then any of `close`, `upgrade`, `held` and a body of `length` or `chunked`.
    fn sent(asked: &str) -> Sent {
        let mut words = asked.split(' ');
        let method = words.next().and_then(|word| word.parse().ok()).expect("a method");
        let mut sent = Sent {
            method,
            outgoing: Outgoing::Nothing,
            close: false,
            upgrade: false,
            expects_continue: false,
        };
        for word in words {
            match word {
                "close" => sent.close = true,
                "upgrade" => sent.upgrade = true,
                "held" => sent.expects_continue = true,
                "chunked" => sent.outgoing = Outgoing::Chunked,
                length => sent.outgoing = Outgoing::Length(length.parse().expect("a length")),
            }
        }
        sent
    }

    /// Feeds `wire`, cut at `cuts`, then its end if it has one, and tells what came.
    fn play(asked: &str, wire: &[u8], cuts: &[usize], closes: bool) -> String {
        let mut exchange = Exchange::new(sent(asked));
        let limits = Limits::default();
        let (mut log, mut body, mut start) = (Vec::new(), Vec::new(), 0);
        let mut left_over = 0;
        for end in cuts.iter().copied().chain([wire.len()]) {
            let mut input = &wire[start..end];
            start = end;
            loop {
                match exchange.read(&mut input, &limits) {
                    Ok(Some(Received::Head(head, framing))) => {
                        log.push(format!("{} {framing:?}", head.status().as_str()));
                    }
                    Ok(Some(Received::Switch(head))) => {
                        log.push(format!("{} switch", head.status().as_str()))
                    }
                    Ok(Some(Received::Data(data))) => body.extend_from_slice(data),
                    Ok(Some(Received::End(_))) => log.push(format!("'{}' end", body.escape_ascii())),
                    Ok(None) => break,
                    Err(refusal) => {
                        log.push(format!("{refusal:?}"));
                        return log.join(", ");
                    }
                }
            }
            left_over += input.len();
        }
        if closes && !exchange.is_received() {
            match exchange.handle_end() {
                Ok(_) => log.push(format!("'{}' end", body.escape_ascii())),
                Err(refusal) => log.push(format!("{refusal:?}")),
            }
        }
        if left_over > 0 {
            log.push(format!("{left_over} over"));
        }
        if exchange.is_received() {
            log.push(if exchange.leaves_open() { "open" } else { "close" }.to_owned());
        } else if exchange.wants_body() {
            log.push("wants body".to_owned());
        }
        log.join(", ")
    }

    /// Whole, split at every place, and a byte at a time, it must be the same. A `$` at the end closes.
    fn check(asked: &str, wire: &str, expect: &str) {
        let closes = wire.ends_with('$');
        let wire = wire.trim_end_matches('$').replace('\n', "\r\n");
        let wire = wire.as_bytes();
        let shown = wire.escape_ascii();
        assert_eq!(play(asked, wire, &[], closes), expect, "{asked}: {shown}");
        for cut in 0..wire.len() {
            assert_eq!(play(asked, wire, &[cut], closes), expect, "{asked}: split at {cut}: {shown}");
        }
        let cuts: Vec<_> = (1..wire.len()).collect();
        assert_eq!(play(asked, wire, &cuts, closes), expect, "{asked}: byte by byte: {shown}");
    }

    #[test]
    fn a_body_ends_where_its_framing_says() {
        check("GET", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "200 Length(5), 'hello' end, open");
        check("GET", "HTTP/1.1 200 OK\nContent-Length: 0\n\n", "200 Empty, open");
        check(
            "GET",
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\n\n",
            "200 Chunked, 'hello' end, open",
        );
        check("GET", "HTTP/1.1 200 OK\n\nhello$", "200 ToClose, 'hello' end, close");
        check("GET", "HTTP/1.1 204 No\nContent-Length: 5\n\n", "204 Empty, open");
        check("GET", "HTTP/1.1 304 No\nContent-Length: 5\n\n", "304 Empty, open");
        check("HEAD", "HTTP/1.1 200 OK\nContent-Length: 5\n\n", "200 Empty, open");
        check("HEAD", "HTTP/1.1 200 OK\n\n", "200 Empty, open");
    }

    #[test]
    fn what_comes_behind_the_response_is_left_over() {
        check(
            "GET",
            "HTTP/1.1 200 OK\nContent-Length: 1\n\nxHTTP/1.1 200 OK\n",
            "200 Length(1), 'x' end, 17 over, open",
        );
        check("HEAD", "HTTP/1.1 200 OK\nContent-Length: 1\n\nx", "200 Empty, 1 over, open");
    }

    #[test]
    fn a_response_that_is_cut_short_is_noticed() {
        check("GET", "$", "Unfinished");
        check("GET", "HTTP/1.1 200 OK\nContent-$", "Unfinished");
        check("GET", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhell$", "200 Length(5), Unfinished");
        check(
            "GET",
            "HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n5\nhello\n0\n$",
            "200 Chunked, Unfinished",
        );
    }

    #[test]
    fn garbage_and_ambiguity_are_refused() {
        check("GET", "\u{16}\u{3}\n\n", "StartLine");
        check("GET", "SSH-2.0-x\n", "StartLine");
        check("GET", "HTTP/2 200\n\n", "StartLine");
        check("GET", "HTTP/1.1 20 OK\n\n", "StartLine");
        let head = "HTTP/1.1 200 OK\n";
        check("GET", &format!("{head}Content-Length: 5\nTransfer-Encoding: chunked\n\n"), "LengthAndCoding");
        check("GET", &format!("{head}Content-Length: 5\nContent-Length: 5\n\n"), "LengthTwice");
        check("GET", &format!("{head}Content-Length: +5\n\n"), "LengthInvalid");
        check("GET", &format!("{head}Transfer-Encoding: gzip, chunked\n\n"), "CodingUnknown");
        check("GET", &format!("{head}Transfer-Encoding: chunked\n\nx\n"), "200 Chunked, ChunkSize");
        check("GET", "HTTP/1.0 200 OK\nTransfer-Encoding: chunked\n\n", "CodingInHttp10");
        check("GET", &format!("{head}A : b\n\n"), "HeaderName");
    }

    #[test]
    fn either_side_may_end_the_connection() {
        let body = "Content-Length: 1\n\nx";
        check("GET close", &format!("HTTP/1.1 200 OK\n{body}"), "200 Length(1), 'x' end, close");
        check("GET", &format!("HTTP/1.1 200 OK\nConnection: close\n{body}"), "200 Length(1), 'x' end, close");
        check("GET", &format!("HTTP/1.0 200 OK\n{body}"), "200 Length(1), 'x' end, close");
        check(
            "GET",
            &format!("HTTP/1.0 200 OK\nConnection: Keep-Alive\n{body}"),
            "200 Length(1), 'x' end, open",
        );
    }

    #[test]
    fn interim_responses_are_swallowed_up_to_a_limit() {
        let interim = "HTTP/1.1 103 Early\nLink: x\n\n";
        let last = "HTTP/1.1 200 OK\nContent-Length: 0\n\n";
        check("GET", &format!("{}{last}", interim.repeat(2)), "200 Empty, open");
        check("GET", &format!("{}{last}", interim.repeat(17)), "InterimResponses");
    }

    #[test]
    fn a_body_is_held_until_it_is_asked_for() {
        check("POST 5 held", "", "");
        check("POST 5 held", "HTTP/1.1 100 Continue\n\n", "wants body");
        check("POST 5 held", "HTTP/1.1 417 No\nContent-Length: 0\n\n", "417 Empty, close");
        check("POST 5", "", "wants body");
    }

    #[test]
    fn an_early_answer_ends_the_connection_unless_the_body_gets_through() {
        check("POST 5", "HTTP/1.1 413 Large\nContent-Length: 0\n\n", "413 Empty, close");
        let mut exchange = Exchange::new(sent("POST 5"));
        let mut input = &b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"[..];
        assert!(exchange.read(&mut input, &Limits::default()).is_ok_and(|received| received.is_some()));
        let mut outbox = Outbox::default();
        exchange.put(&mut outbox, Bytes::from_static(b"hello")).expect("five bytes");
        assert!(exchange.is_sent(), "the last byte is the end");
        let mut input = &b"x"[..];
        while exchange.read(&mut input, &Limits::default()).expect("valid").is_some() {}
        assert!(exchange.leaves_open());
    }

    #[test]
    fn only_an_offer_can_be_taken() {
        let switch = "HTTP/1.1 101 Switching\nConnection: upgrade\nUpgrade: x\n\n";
        check("GET upgrade", &format!("{switch}leftover"), "101 switch, 8 over");
        check("GET", switch, "Switch");
        check("GET upgrade", "HTTP/1.1 101 Switching\n\n", "Switch");
        check("POST 5 upgrade", switch, "Switch");
        check("CONNECT", "HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", "200 switch, 5 over");
        check("CONNECT", "HTTP/1.1 407 No\nContent-Length: 0\n\n", "407 Empty, open");
    }

    /// Pieces that responses are made of, good and bad.
    const PIECES: [&str; 24] = [
        "HTTP/1.1 200 OK\n",
        "HTTP/1.0 200 OK\n",
        "HTTP/1.1 100 Continue\n\n",
        "HTTP/1.1 101 Switching\n",
        "HTTP/1.1 204 No\n",
        "HTTP/1.1 304 No\n",
        "HTTP/1.1 ",
        "Content-Length: 5\n",
        "Content-Length: 0\n",
        "Transfer-Encoding: chunked\n",
        "Connection: close\n",
        "Connection: upgrade\nUpgrade: x\n",
        "A: b\n",
        "\n",
        "\n\n",
        "5\n",
        "hello",
        "5\nhello\n",
        "0\n\n",
        "0\nA: b\n\n",
        ";x=y",
        "\0",
        "é",
        "$",
    ];

    proptest::proptest! {
        /// However a response is cut, it is the same response, and nothing in it makes us panic.
        #[test]
        fn a_response_is_the_same_however_it_is_cut(
            asked in proptest::sample::select(vec!["GET", "HEAD", "CONNECT", "GET upgrade", "POST 5", "POST chunked held"]),
            pieces in proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..14),
            cuts in proptest::collection::vec(proptest::prelude::any::<proptest::sample::Index>(), 0..6),
        ) {
            // With an end to the head, since a wrong line in half of one may be noticed sooner or later.
            let wire = pieces.concat() + "\n\n";
            let closes = wire.contains('$');
            let wire = wire.replace('$', "").replace('\n', "\r\n");
            let wire = wire.as_bytes();
            let whole = play(asked, wire, &[], closes);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(wire.len() + 1)).collect();
            cuts.sort_unstable();
            proptest::prop_assert_eq!(&whole, &play(asked, wire, &cuts, closes));
            let each: Vec<_> = (1..wire.len()).collect();
            proptest::prop_assert_eq!(&whole, &play(asked, wire, &each, closes));
        }
    }
}
