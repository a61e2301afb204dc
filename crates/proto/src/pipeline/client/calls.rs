//! The calls of a pipelined client: who has asked what, and is owed which answer.
//!
//! [`Calls`] is told what callers ask, what was sent, what came back and that the connection broke; it answers what
//! to send next, and to each caller what became of its call. It owns no socket, encodes nothing, reads no clock,
//! and wakes nobody: the wakers go to whoever told it, to be woken when nothing is borrowed.
//!
//! ```text
//!   caller ── ask ──► queued ── next_request ──► sent ── handle_answer ──► answered ── poll_answer ──► caller
//!                     give_up: taken back        give_up: the answer is swallowed
//! ```

use std::collections::VecDeque;
use std::task::Waker;

use ekiden_service::{Begun, Refused};

use crate::dispatch::error::{ConnectionError, Error};
use crate::slots::{self, Slots};

/// All calls of one connection.
#[derive(Debug)]
pub(super) struct Calls<Req, Resp> {
    /// The callers, at the places that their [`Call`]s name.
    callers: Slots<Caller<Resp>>,
    /// What was asked and not sent yet, in order.
    queued: VecDeque<(Call, Req)>,
    /// What was sent and not answered yet, in order: the answers come in the same.
    sent: VecDeque<Sent>,
    queue_max: usize,
    in_flight_max: usize,
    lost: Option<ConnectionError>,
}

/// Names one call until its caller is through with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call(usize);

#[derive(Debug)]
enum Caller<Resp> {
    Queued(Option<Waker>),
    Sent(Option<Waker>),
    /// It gave up while its request was on the way.
    Gone,
    Answered(Result<Resp, Error>),
}

#[derive(Debug)]
struct Sent {
    call: Call,
    /// The place in the stream of bytes where the request begins.
    from: u64,
}

/// Where an answer went.
#[derive(Debug)]
#[must_use = "a caller must be woken, an answer dropped when nothing is borrowed"]
pub(super) enum Delivery<Resp> {
    /// To its caller, who waits.
    Wake(Waker),
    /// To its caller, who has not looked yet.
    Kept,
    /// Nowhere, since its caller gave up.
    Late(Resp),
    /// Nowhere, since nobody has asked.
    Unasked(Resp),
}

impl<Req, Resp> Calls<Req, Resp> {
    pub(super) fn new(in_flight_max: usize, queue_max: usize) -> Self {
        Self {
            callers: Slots::new(),
            queued: VecDeque::new(),
            sent: VecDeque::new(),
            queue_max,
            in_flight_max,
            lost: None,
        }
    }

    /// A caller asks. Unless it polls the call to its end, it must [`give_up`](Self::give_up).
    pub(super) fn ask(&mut self, req: Req) -> Result<Call, (Error, Req)> {
        if let Some(lost) = &self.lost {
            return Err((Error::lost(lost.clone(), Begun::No), req));
        }
        // Those that may be sent at once pass through the queue, too, and are not meant by its limit.
        if self.sent.len() + self.queued.len() >= self.in_flight_max.saturating_add(self.queue_max) {
            return Err((Refused::new("too many calls wait for this connection").into(), req));
        }
        let call = Call(self.callers.insert(Caller::Queued(None)));
        self.queued.push_back((call, req));
        Ok(call)
    }

    /// What became of a call, once it is known; else keeps the waker, and returns the one it replaced, to be
    /// dropped when nothing is borrowed.
    pub(super) fn poll_answer(
        &mut self,
        call: Call,
        waker: &Waker,
    ) -> Result<Result<Resp, Error>, Option<Waker>> {
        let caller = self.callers.get_mut(call.0);
        match caller {
            Caller::Queued(Some(known)) | Caller::Sent(Some(known)) if known.will_wake(waker) => Err(None),
            Caller::Queued(known) | Caller::Sent(known) => Err(known.replace(waker.clone())),
            Caller::Answered(_) => match self.remove_caller(call) {
                Caller::Answered(answer) => Ok(answer),
                _ => unreachable!("it was answered"),
            },
            Caller::Gone => unreachable!("a caller who left asks for its answer"),
        }
    }

    /// A caller gives up. Returns what must be dropped when nothing is borrowed.
    #[must_use = "to drop it can come back to whoever holds this"]
    pub(super) fn give_up(&mut self, call: Call) -> (Option<Req>, impl Sized + use<Req, Resp>) {
        let caller = self.callers.get_mut(call.0);
        if let Caller::Sent(_) = caller {
            // Its place stays until the answer comes, which will be swallowed.
            return (None, std::mem::replace(caller, Caller::Gone));
        }
        // Those who give up are mostly the oldest, at the front.
        let place = self.queued.iter().position(|(queued, _)| *queued == call);
        let queued = place.and_then(|place| self.queued.remove(place));
        (queued.map(|(_, req)| req), self.remove_caller(call))
    }

    /// The next request to send, which will begin at `from` in the stream of bytes.
    pub(super) fn next_request(&mut self, from: u64) -> Option<Req> {
        if self.sent.len() >= self.in_flight_max {
            return None;
        }
        let (call, req) = self.queued.pop_front()?;
        self.sent.push_back(Sent { call, from });
        let caller = self.callers.get_mut(call.0);
        if let Caller::Queued(waker) = caller {
            *caller = Caller::Sent(waker.take());
        }
        Some(req)
    }

    /// The last request cannot be sent, and nothing of it was.
    pub(super) fn handle_unsendable(&mut self, error: Error) -> Option<Waker> {
        let sent = self.sent.pop_back()?;
        self.deliver(sent.call, Err(error)).ok()?
    }

    /// The next answer came.
    pub(super) fn handle_answer(&mut self, resp: Resp) -> Delivery<Resp> {
        let Some(sent) = self.sent.pop_front() else { return Delivery::Unasked(resp) };
        match self.deliver(sent.call, Ok(resp)) {
            Ok(Some(waker)) => Delivery::Wake(waker),
            Ok(None) | Err(Err(_)) => Delivery::Kept,
            Err(Ok(resp)) => Delivery::Late(resp),
        }
    }

    /// The connection is lost after `written` bytes of it had left. Each caller learns whether its request was
    /// begun.
    ///
    /// Returns whom to wake, and the requests that nobody will send.
    #[must_use = "the callers must be woken"]
    pub(super) fn handle_lost(&mut self, error: &ConnectionError, written: u64) -> (Vec<Waker>, Vec<Req>) {
        self.lost.get_or_insert_with(|| error.clone());
        let mut wakers = Vec::new();
        for Sent { call, from } in std::mem::take(&mut self.sent) {
            let begun = if from < written { Begun::Unknown } else { Begun::No };
            wakers.extend(self.deliver(call, Err(Error::lost(error.clone(), begun))).ok().flatten());
        }
        let mut requests = Vec::new();
        for (call, req) in std::mem::take(&mut self.queued) {
            wakers.extend(self.deliver(call, Err(Error::lost(error.clone(), Begun::No))).ok().flatten());
            requests.push(req);
        }
        (wakers, requests)
    }

    /// Whether nobody waits and no answer is owed.
    pub(super) fn is_idle(&self) -> bool {
        self.queued.is_empty() && self.sent.is_empty()
    }

    /// Whether a call made now would wait for others before it is sent.
    pub(super) fn is_busy(&self) -> bool {
        self.sent.len() + self.queued.len() >= self.in_flight_max
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// Hands a caller what became of its call, or back if it has left. Says whom to wake.
    fn deliver(
        &mut self,
        call: Call,
        answer: Result<Resp, Error>,
    ) -> Result<Option<Waker>, Result<Resp, Error>> {
        let caller = self.callers.get_mut(call.0);
        if let Caller::Queued(waker) | Caller::Sent(waker) = caller {
            let waker = waker.take();
            *caller = Caller::Answered(answer);
            return Ok(waker);
        }
        // It holds nothing: its caller is gone.
        drop(self.remove_caller(call));
        Err(answer)
    }

    fn remove_caller(&mut self, call: Call) -> Caller<Resp> {
        let is_large = self.queued.capacity().max(self.sent.capacity()) > slots::KEPT_MAX;
        if is_large && self.callers.len() == 1 && self.is_idle() {
            // What a burst took is given back; a handful of places stays.
            self.queued.shrink_to(slots::KEPT_MAX);
            self.sent.shrink_to(slots::KEPT_MAX);
        }
        self.callers.remove(call.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dispatch::error::Cause;
    use ekiden_service::Failure;
    use std::collections::BTreeMap;

    /// Plays steps on the calls of a connection with two in flight and two queued at most. Every request is ten
    /// bytes long.
    fn check(script: &str, expect: &str) {
        let mut calls = Calls::new(2, 2);
        let mut names = BTreeMap::new();
        let mut log = Vec::new();
        let mut from = 0;
        for step in script.split(", ") {
            let (verb, what) = step.split_once(' ').unwrap_or((step, ""));
            match verb {
                "ask" => match calls.ask(what) {
                    Ok(call) => drop(names.insert(what, call)),
                    Err((error, req)) => log.push(format!("{req}: {error}")),
                },
                "send" => match calls.next_request(from) {
                    Some(req) => {
                        from += 10;
                        log.push(format!("send {req}"));
                    }
                    None => log.push("nothing to send".to_owned()),
                },
                "unsendable" => {
                    from -= 10;
                    drop(calls.handle_unsendable(Error::unsendable("it is too long")));
                }
                "answer" => match calls.handle_answer(what) {
                    Delivery::Kept => log.push("kept".to_owned()),
                    Delivery::Wake(_) => {}
                    Delivery::Late(resp) => log.push(format!("late {resp}")),
                    Delivery::Unasked(resp) => log.push(format!("unasked {resp}")),
                },
                "give" => {
                    let (req, _) = calls.give_up(names.remove(what).unwrap());
                    log.extend(req.map(|req| format!("back {req}")));
                }
                "lose" => {
                    let (wakers, reqs) = calls.handle_lost(&Cause::Ended.into(), what.parse().unwrap());
                    assert_eq!(wakers.len(), names.len());
                    log.extend(reqs.iter().map(|req| format!("back {req}")));
                }
                _ => panic!("no such step: {step}"),
            }
            names.retain(|name, call| match calls.poll_answer(*call, Waker::noop()) {
                Ok(Ok(resp)) => {
                    log.push(format!("{name} = {resp}"));
                    false
                }
                Ok(Err(error)) => {
                    log.push(format!("{name} begun: {:?}", error.begun()));
                    false
                }
                Err(_) => true,
            });
        }
        assert_eq!(log.join(", "), expect, "{script}");
        let gone = calls.callers.iter().filter(|caller| matches!(caller, Caller::Gone)).count();
        assert_eq!(calls.callers.len(), names.len() + gone, "{script}");
    }

    #[test]
    fn answers_go_to_those_who_asked_in_their_order() {
        check("ask a, send, answer 1", "send a, a = 1");
        check("ask a, ask b, send, send, answer 1, answer 2", "send a, send b, a = 1, b = 2");
        check(
            "ask a, send, ask b, answer 1, send, answer 2, send",
            "send a, a = 1, send b, b = 2, nothing to send",
        );
    }

    #[test]
    fn who_gives_up_in_the_queue_takes_the_request_back() {
        check("ask a, ask b, give a, send, send, answer 1", "back a, send b, nothing to send, b = 1");
    }

    #[test]
    fn the_answer_of_who_gave_up_is_swallowed() {
        check("ask a, ask b, send, send, give a, answer 1, answer 2", "send a, send b, late 1, b = 2");
        check("ask a, send, give a, ask b, send, answer 1, answer 2", "send a, send b, late 1, b = 2");
    }

    #[test]
    fn no_more_are_in_flight_than_allowed_and_no_more_wait() {
        check(
            "ask a, ask b, ask c, ask d, ask e, send, send, ask e, send, answer 1, ask e, send",
            "e: the call was not begun, send a, send b, e: the call was not begun, nothing to send, a = 1, send c",
        );
    }

    #[test]
    fn who_gives_up_makes_room_in_the_queue_but_not_on_the_wire() {
        check("ask a, ask b, ask c, ask d, give a, ask e, ask f", "back a, f: the call was not begun");
        check(
            "ask a, ask b, send, send, give a, ask c, send, answer 1, send",
            "send a, send b, nothing to send, late 1, send c",
        );
    }

    #[test]
    fn on_a_loss_everyone_learns_whether_the_request_was_begun() {
        let asked = "ask a, ask b, send, send, ask c";
        for (written, a, b) in
            [(0, "No", "No"), (1, "Unknown", "No"), (10, "Unknown", "No"), (11, "Unknown", "Unknown")]
        {
            check(
                &format!("{asked}, lose {written}"),
                &format!("send a, send b, back c, a begun: {a}, b begun: {b}, c begun: No"),
            );
        }
        check("ask a, send, answer 1, ask b, send, lose 10", "send a, a = 1, send b, b begun: No");
    }

    #[test]
    fn after_a_loss_nothing_is_begun() {
        check("lose 0, ask a", "a: the connection was lost before the request was sent");
        check("ask a, send, give a, lose 10, send", "send a, nothing to send");
    }

    #[test]
    fn an_answer_that_nobody_asked_for_is_told() {
        check("answer 1", "unasked 1");
        check("ask a, answer 1", "unasked 1");
        check("ask a, send, answer 1, answer 2", "send a, a = 1, unasked 2");
    }

    #[test]
    fn what_cannot_be_sent_concerns_its_caller_alone() {
        check("ask a, ask b, send, unsendable, send, answer 1", "send a, a begun: No, send b, b = 1");
        check("ask a, ask b, send, send, unsendable, answer 1", "send a, send b, b begun: No, a = 1");
    }

    #[test]
    fn an_idle_client_keeps_a_handful_of_places() {
        let mut calls = Calls::new(1000, 1000);
        let asked: Vec<_> = (0..1000).map(|_| calls.ask("ping").unwrap()).collect();
        while calls.next_request(0).is_some() {}
        for call in asked {
            assert!(matches!(calls.handle_answer("pong"), Delivery::Kept));
            assert!(calls.poll_answer(call, Waker::noop()).is_ok());
        }
        assert_eq!((calls.queued.capacity(), calls.sent.capacity()), (slots::KEPT_MAX, slots::KEPT_MAX));
    }
}
