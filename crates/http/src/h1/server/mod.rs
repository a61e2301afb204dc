//! The server's half of a connection: requests come in, replies leave in their order.
//!
//! A [`Conversation`] is told what was received and what was answered, and says what to do next. It owns no
//! socket, reads no clock and calls no service, so the tests can play any schedule by hand.
//!
//! ```text
//!   bytes ──► next_event ──► Request ─► (the service) ─► handle_reply ─┐
//!                       ├──► Data, End, Broken ─► (its body)           ▼
//!                       └──► Refused ─► (an error answer) ────────► [ Order ] ──► next_reply
//!                                                                                    │
//!   bytes ◄── end_reply ◄── (its body) ◄── begin_reply ◄─────────────────────────────┘
//! ```
//!
//! What must be remembered of a request until it is answered is in `terms`. What is decided here:
//!
//! - **Pipelining.** Requests with safe methods are answered at once, as many as the order holds; any other waits
//!   until all before it are answered, and holds up those behind it (RFC 9112, 9.3.2).
//! - **Keep-alive.** HTTP/1.1 goes on unless either side says `close`, HTTP/1.0 ends unless the client asks to go
//!   on. The last reply says `close`, and nothing received behind its request is looked at.
//! - **Unread bodies.** What a service leaves unread is passed over up to a limit; beyond it the connection ends.
//! - **100-continue.** The go-ahead is given when the body is first wanted, and not if it is never wanted: then
//!   the final answer says `close`, since nobody can know whether the body still comes.
//! - **Upgrades and CONNECT.** Nothing behind such a request is decoded until it is answered. If it is granted,
//!   what was not decoded leaves with the connection. A refused CONNECT ends it: the client may have begun to
//!   speak another protocol. An upgrade is offered only by a request of HTTP/1.1 without a body; elsewhere the
//!   offer is ignored, as a server may (RFC 9110, 7.8).
//! - **A peer that sends no more** (a half-close) still gets the answers to what it sent as a whole.

mod terms;
#[cfg(test)]
mod tests;

use super::chunked::Piece;
use super::content::Content;
use super::encode::{self, CONTINUE, Form, Invalid, Outgoing, Place, Reply, Said};
use super::framing::{self, Asked, Framing};
use crate::head::{Expectation, HeadReader, Limits, Marks, RequestHead};
use crate::refusal::Refusal;
use ekiden_proto::pipeline::Order;
use http::{HeaderMap, StatusCode, Version};

use terms::Offer;

pub(crate) use terms::{Due, Terms};

/// The requests and replies of one connection. `R` is whatever stands for a reply.
#[derive(Debug)]
pub(crate) struct Conversation<R> {
    limits: Limits,
    unread_bytes_max: u64,
    reader: HeadReader,
    next: Next,
    /// A request that waits for those before it to be answered.
    waiting: Option<Box<(RequestHead, Marks)>>,
    order: Order<(Terms, R)>,
    /// A reply was begun and not ended.
    is_writing: bool,
    /// All requests that are not answered yet have safe methods.
    is_all_safe: bool,
    /// No request is begun behind those that were.
    is_ending: bool,
    /// What was begun behind the reply that is being written, or was written last, is not answered.
    is_cut: bool,
    /// The client holds the body back until it is told to go on.
    awaits_continue: bool,
    /// Bytes that nobody read: of the latest body, or behind the last request.
    unread_bytes: u64,
    /// The peer has not said that it would send nothing more.
    may_be_sending: bool,
    /// The peer has ended its direction.
    is_peer_done: bool,
}

/// What the next bytes are.
#[derive(Debug)]
enum Next {
    /// A request's head.
    Head,
    /// The body of the latest request.
    Body(Content),
    /// Not known before the latest request, which offers to change the protocol, is answered.
    Held,
    /// Another protocol's.
    Handed,
    /// Nothing that matters.
    Nothing,
}

/// What was received.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// A request, and its reply is due. `Data` and `End` follow unless it has no body.
    Request { head: RequestHead, framing: Framing, due: Due },
    /// A piece of the latest request's body.
    Data(&'a [u8]),
    /// The latest request's body is complete.
    End(Option<HeaderMap>),
    /// The latest request's body is broken. Its reply will be the last.
    Broken(Refusal),
    /// Something that cannot be read. An answer that says so is due, and will be the last.
    Refused(Refusal, Due),
}

/// Whether somebody still reads the latest request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    Present,
    Gone,
}

/// What the connection waits for from its peer, and so which time-out applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    /// Nothing: it is our turn.
    Nothing,
    NextRequest,
    /// The rest of a head.
    Head,
    /// More of a body.
    Body,
    /// The rest of a body that nobody reads.
    Unread,
    /// For it to close, since everything was said.
    Close,
}

/// How the connection leaves HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// It is closed.
    Close,
    /// It is closed for writing first, and what still comes is passed over for a while: closing it at once would
    /// reset it, and the peer might never see the last answer (RFC 9112, 9.6).
    Linger,
    /// It goes to another protocol, with the bytes that were not taken.
    HandOver,
}

/// What a reply means for its connection.
struct Verdict {
    /// Nothing is answered behind it, whatever was asked.
    is_cut: bool,
    /// No request is begun any more.
    is_ending: bool,
    place: Place,
}

impl<R> Conversation<R> {
    /// At most `in_flight_max` requests are begun and not answered; at least one.
    pub(crate) fn new(limits: Limits, in_flight_max: usize, unread_bytes_max: u64) -> Self {
        Self {
            limits,
            unread_bytes_max,
            reader: HeadReader::default(),
            next: Next::Head,
            waiting: None,
            order: Order::new(in_flight_max.max(1)),
            is_writing: false,
            is_all_safe: true,
            is_ending: false,
            is_cut: false,
            awaits_continue: false,
            unread_bytes: 0,
            may_be_sending: false,
            is_peer_done: false,
        }
    }

    /// Takes the next thing off `input`. `None` if more is needed, or if it cannot be taken yet.
    pub(crate) fn next_event<'a>(&mut self, input: &mut &'a [u8]) -> Option<Event<'a>> {
        match &mut self.next {
            Next::Head => self.next_request(input),
            Next::Body(content) => match content.read(input) {
                Ok(None) => None,
                Ok(Some(Piece::Data(data))) => {
                    self.awaits_continue = false;
                    Some(Event::Data(data))
                }
                Ok(Some(Piece::End(trailers))) => {
                    self.end_of_request();
                    Some(Event::End(trailers))
                }
                Err(refusal) => Some(self.break_body(refusal)),
            },
            Next::Held | Next::Handed => None,
            Next::Nothing => {
                self.unread_bytes += input.len() as u64;
                self.may_be_sending |= !input.is_empty();
                *input = &[];
                None
            }
        }
    }

    /// The peer sends no more.
    pub(crate) fn handle_end(&mut self) -> Option<Event<'static>> {
        self.is_peer_done = true;
        match self.next {
            Next::Head if self.reader.has_begun() => return Some(self.refuse(Refusal::Unfinished)),
            Next::Body(_) => return Some(self.break_body(Refusal::Unfinished)),
            Next::Head => self.next = Next::Nothing,
            Next::Held | Next::Handed | Next::Nothing => {}
        }
        self.is_ending = true;
        None
    }

    /// The peer was too slow: with a head, which is answered, or with a body, which is broken.
    pub(crate) fn handle_timeout(&mut self) -> Option<Event<'static>> {
        match self.next {
            Next::Head if self.reader.has_begun() => Some(self.refuse(Refusal::Slow)),
            Next::Body(_) => Some(self.break_body(Refusal::Slow)),
            Next::Head => {
                self.leave();
                None
            }
            _ => None,
        }
    }

    /// The server is to end: what was begun is answered, and nothing else is begun.
    ///
    /// A request that is here already, if only in part, is answered too, unless it is behind another one that is not
    /// answered yet: that one's answer says that it is the last.
    pub(crate) fn handle_drain(&mut self) {
        self.is_ending = true;
        self.waiting = None;
        if matches!(self.next, Next::Head) && self.is_busy() {
            self.next = Next::Nothing;
        }
    }

    /// Takes the turn of a reply that is there, if it has come: then it is to be written now.
    ///
    /// # Errors
    ///
    /// It has not come, and the reply must be [handled](Self::handle_reply).
    pub(crate) fn try_pass(&mut self, due: Due) -> Result<Terms, Due> {
        let Due { ticket, terms } = due;
        if self.is_writing {
            return Err(Due { ticket, terms });
        }
        self.order.try_pass(ticket).map(|()| terms).map_err(|ticket| Due { ticket, terms })
    }

    /// The reply to a request is there; it leaves when its turn comes.
    pub(crate) fn handle_reply(&mut self, due: Due, reply: R) {
        if !self.is_cut {
            self.order.done(due.ticket, (due.terms, reply));
        }
    }

    /// Whether the calls that still run are in vain: a reply before theirs was made the last.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The reply that is to be written now, if it is there.
    pub(crate) fn next_reply(&mut self) -> Option<(Terms, R)> {
        if self.is_writing { None } else { self.order.next_reply() }
    }

    /// Writes the head of the reply, and says how its body goes out.
    ///
    /// If the reply is invalid nothing was written, and another must be begun in its place.
    #[inline]
    pub(crate) fn begin_reply(
        &mut self,
        out: &mut Vec<u8>,
        terms: Terms,
        reply: &Reply<'_>,
        reader: Reader,
    ) -> Result<Outgoing, Invalid> {
        let is_granted = terms.is_granted(reply.status);
        if reply.status == StatusCode::SWITCHING_PROTOCOLS && !is_granted {
            return Err(Invalid::Switch);
        }
        let said = Said::of(reply.headers)?;
        let verdict = self.verdict(terms, is_granted, said.close, reader);
        // Also if the reply turns out to be invalid: what is said in its place ends the connection as well.
        self.is_ending = verdict.is_ending;
        let outgoing = encode::response(out, reply, &said, terms.form, verdict.place)?;
        self.is_writing = true;
        if verdict.is_cut || outgoing == Outgoing::ToClose {
            self.cut();
        }
        if is_granted {
            self.next = Next::Handed;
        } else if self.is_latest() && matches!(self.next, Next::Held) {
            self.end_of_request();
        }
        Ok(outgoing)
    }

    /// What a reply that is about to be written means for the connection.
    #[inline]
    fn verdict(&self, terms: Terms, is_granted: bool, says_close: bool, reader: Reader) -> Verdict {
        let is_cut = !is_granted && (says_close || terms.offer == Offer::Tunnel);
        let is_ending = self.is_ending || is_granted || is_cut || self.is_body_forsaken(reader);
        let is_last = is_cut || (is_ending && !is_granted && self.is_latest());
        Verdict { is_cut, is_ending, place: if is_last { Place::Last } else { Place::Amid } }
    }

    /// The reply was written to its end.
    pub(crate) fn end_reply(&mut self, reader: Reader) {
        self.is_writing = false;
        if self.is_latest() && matches!(self.next, Next::Body(_)) {
            self.is_ending |= self.is_body_forsaken(reader);
            if self.is_ending {
                self.may_be_sending = true;
                self.next = Next::Nothing;
            }
        }
    }

    /// The reply that was begun cannot be ended: it was the last, and the client must notice that it is not whole.
    pub(crate) fn cut_reply(&mut self) {
        self.is_writing = false;
        self.cut();
        self.leave();
    }

    /// Whether the client waits to be told to send its body.
    pub(crate) fn awaits_continue(&self) -> bool {
        self.awaits_continue && matches!(self.next, Next::Body(_))
    }

    /// The body of the latest request is wanted. If the client waits for that, it is told, as soon as the turn
    /// of its reply has come; says whether it was.
    pub(crate) fn try_continue(&mut self, out: &mut Vec<u8>) -> bool {
        let is_its_turn = self.order.owed() == 1 && !self.is_writing;
        if self.awaits_continue() && is_its_turn {
            self.awaits_continue = false;
            out.extend_from_slice(CONTINUE);
            return true;
        }
        false
    }

    /// So many bytes of the latest body were passed over, since nobody reads it.
    pub(crate) fn handle_unread(&mut self, count: usize) {
        self.unread_bytes += count as u64;
        if self.unread_bytes > self.unread_bytes_max && !self.is_busy() {
            self.is_ending = true;
            self.may_be_sending = true;
            self.next = Next::Nothing;
        }
    }

    /// Whether there is reason to read.
    pub(crate) fn wants_input(&self) -> bool {
        let is_within_limit = self.unread_bytes <= self.unread_bytes_max;
        match self.next {
            Next::Head => self.waiting.is_none() && !self.order.is_full(),
            Next::Body(_) => is_within_limit,
            // Only to notice a connection that breaks.
            Next::Nothing => self.is_busy() && !self.is_peer_done && is_within_limit,
            Next::Held | Next::Handed => false,
        }
    }

    /// What the peer owes us.
    pub(crate) fn wait(&self, reader: Reader) -> Wait {
        match self.next {
            Next::Head if self.reader.has_begun() => Wait::Head,
            Next::Head if !self.is_busy() => Wait::NextRequest,
            Next::Body(_) if self.awaits_continue => Wait::Nothing,
            Next::Body(_) if reader == Reader::Present => Wait::Body,
            Next::Body(_) if !self.is_busy() => Wait::Unread,
            _ => Wait::Nothing,
        }
    }

    /// Whether a reply is owed, or is being written.
    pub(crate) fn is_busy(&self) -> bool {
        self.is_writing || self.order.owed() > 0
    }

    /// Whether it is as if nothing had been said yet: whatever was, is settled, and another may follow.
    pub(crate) fn is_at_rest(&self) -> bool {
        let is_between = matches!(self.next, Next::Head) && self.reader.is_fresh() && self.waiting.is_none();
        is_between && !self.is_busy() && !self.is_ending
    }

    /// Whether a request waits for others to be answered; then `next_event` has something without input.
    pub(crate) fn has_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// How to end, once there is nothing more to do here. What was written must have left first.
    pub(crate) fn farewell(&self) -> Option<Farewell> {
        match self.next {
            _ if self.is_busy() => None,
            Next::Handed => Some(Farewell::HandOver),
            Next::Nothing if self.may_be_sending && !self.is_peer_done => Some(Farewell::Linger),
            Next::Nothing => Some(Farewell::Close),
            // A drain, and nothing to wait for.
            Next::Head if self.is_ending && !self.reader.has_begun() => Some(Farewell::Close),
            Next::Head | Next::Body(_) | Next::Held => None,
        }
    }

    #[inline]
    fn next_request(&mut self, input: &mut &[u8]) -> Option<Event<'static>> {
        if self.order.is_full() {
            return None;
        }
        let (head, marks) = match self.waiting.take() {
            Some(waiting) => *waiting,
            None => match self.reader.read_request(input, &self.limits) {
                Ok(head) => head?,
                Err(refusal) => return Some(self.refuse(refusal)),
            },
        };
        let is_safe = head.method().is_safe();
        if self.is_busy() && !(is_safe && self.is_all_safe) {
            // Boxed, so that the many connections without one do not carry its room.
            self.waiting = Some(Box::new((head, marks)));
            return None;
        }
        self.is_all_safe = is_safe;
        Some(self.begin(head, &marks))
    }

    #[inline]
    fn begin(&mut self, head: RequestHead, marks: &Marks) -> Event<'static> {
        let is_http10 = head.version() == Version::HTTP_10;
        let framing = match framing::of_request(&head, marks) {
            Ok(_) if marks.expectation == Expectation::Unknown && !is_http10 => {
                return self.refuse(Refusal::Expectation);
            }
            Ok(framing) => framing,
            Err(refusal) => return self.refuse(refusal),
        };
        let is_last = marks.is_close() || (is_http10 && !marks.is_keep_alive());
        self.is_ending |= is_last;
        self.may_be_sending = !is_last;
        self.unread_bytes = 0;
        let has_body = framing != Framing::Empty;
        self.awaits_continue = has_body && marks.expectation == Expectation::Continue && !is_http10;

        let asked = Asked::from(head.method());
        let offer = match asked {
            Asked::Connect => Offer::Tunnel,
            _ if marks.is_upgrade() && !has_body && !is_http10 => Offer::Upgrade,
            _ => Offer::None,
        };
        match offer {
            _ if has_body => self.next = Next::Body(Content::new(framing)),
            Offer::None => self.end_of_request(),
            Offer::Upgrade | Offer::Tunnel => self.next = Next::Held,
        }
        let due = self.due(Terms { form: Form { asked, is_http10 }, offer });
        Event::Request { head, framing, due }
    }

    /// All of the latest request was received.
    fn end_of_request(&mut self) {
        self.next = if self.is_ending { Next::Nothing } else { Next::Head };
    }

    fn refuse(&mut self, refusal: Refusal) -> Event<'static> {
        self.is_ending = true;
        self.may_be_sending = true;
        self.next = Next::Nothing;
        Event::Refused(refusal, self.due(Terms::UNKNOWN))
    }

    fn break_body(&mut self, refusal: Refusal) -> Event<'static> {
        self.is_ending = true;
        self.may_be_sending = true;
        self.next = Next::Nothing;
        Event::Broken(refusal)
    }

    fn due(&mut self, terms: Terms) -> Due {
        // Heads are only read while the order has room, so its own mistake would be ours.
        let ticket = self.order.begin().expect("a head was read while no more replies may be owed");
        Due { ticket, terms }
    }

    /// The reply that was begun is the last, whatever was received behind its request.
    fn cut(&mut self) {
        self.is_ending = true;
        if self.order.owed() > 0 || matches!(self.next, Next::Head) {
            self.may_be_sending = true;
            self.waiting = None;
            self.next = Next::Nothing;
            self.order = Order::new(1);
            self.is_cut = true;
        }
    }

    /// There is nothing to say goodbye about.
    fn leave(&mut self) {
        self.is_ending = true;
        self.may_be_sending = false;
        self.next = Next::Nothing;
    }

    /// Whether the reply that is being written is that of the latest request.
    fn is_latest(&self) -> bool {
        self.order.owed() == 0
    }

    /// Whether so much of a body will not be read that it is better to end the connection.
    fn is_body_forsaken(&self, reader: Reader) -> bool {
        let Next::Body(content) = &self.next else { return false };
        let passed_over = self.unread_bytes.saturating_add(content.left().unwrap_or(0));
        let is_too_much = reader == Reader::Gone && passed_over > self.unread_bytes_max;
        self.is_latest() && (self.awaits_continue || is_too_much)
    }
}
