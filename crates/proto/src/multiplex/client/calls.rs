//! The calls of a multiplexed client: who has asked what, and is owed which answer.
//!
//! [`Calls`] is told what callers ask, what was sent, what came back and that the connection broke; it answers what to send
//! next, and to each caller what became of its call. It owns no socket, encodes nothing, reads no clock, and wakes nobody:
//! the wakers go to whoever told it, to be woken when nothing is borrowed.
//!
//! ```text
//!   caller ── ask ──► queued ── next_request ──► open ── handle_reply ──► answered ── poll_answer ──► caller
//!                       │                         │ ├─── handle_reset ──►
//!                     give_up: taken back         │ └─── handle_reply, more ──► body … handle_end
//!                                               give_up: Cancel; the id is kept until the peer has ended the call
//! ```
//!
//! A call's id is its place, and is used again when two things are over: its caller has its answer or has left, and the
//! peer has said the last of it. So what comes late never reaches another, and the ids in use are few and small.

use std::collections::VecDeque;
use std::rc::Rc;
use std::task::Waker;

use bytes::Bytes;
use ekiden_service::{Begun, Refused};

use crate::body::inlet::{Inlet, Whose};
use crate::body::{Body, Message};
use crate::dispatch::error::{BoxError, ConnectionError, Error};
use crate::dispatch::reset::Reset;
use crate::multiplex::outlet::Outlet;
use crate::multiplex::queue::{Control, Queue};
use crate::slots::{self, Slots};

/// All calls of one connection.
pub(super) struct Calls<Req, Resp> {
    /// The calls, at the places that are their ids.
    calls: Slots<Entry<Resp>>,
    /// What was asked and not sent yet, in order.
    queued: VecDeque<(Call, Req)>,
    /// How many are open at the peer.
    open: usize,
    limits: Limits,
    /// What bodies and bookkeeping have to say.
    queue: Rc<Queue>,
    lost: Option<ConnectionError>,
}

/// How much there may be of what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) in_flight_max: usize,
    pub(super) queue_max: usize,
    pub(super) window_bytes: u32,
}

/// Names one call until its caller is through with it: its id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call(pub(super) u32);

struct Entry<Resp> {
    caller: Caller<Resp>,
    wire: Wire,
    /// The request's body, while it may still be sent.
    outlet: Option<Rc<Outlet>>,
    /// The reply's body, while it comes and somebody may read it.
    inlet: Option<Rc<Inlet>>,
}

enum Caller<Resp> {
    Waits(Option<Waker>),
    Answered(Result<Message<Resp>, Error>),
    /// It has its answer, or gave up.
    Gone,
}

/// What the peer knows of a call.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wire {
    /// Nothing yet.
    Queued,
    /// It was asked, at this place in the stream of bytes.
    Asked { from: u64 },
    /// It has begun to answer.
    Answering,
    /// It is through with it.
    Over,
}

/// What came of something that happened: to be [settled](Told::settle) when nothing is borrowed.
#[must_use = "whoever waits must be woken"]
pub(super) struct Told<Resp> {
    /// Who waits for an answer, and who for a chunk.
    wakers: [Option<Waker>; 2],
    /// No more of this body is wanted.
    outlet: Option<Rc<Outlet>>,
    /// What nobody takes any more.
    late: Option<Late<Resp>>,
}

/// A call that waits to be sent, and where its body is to be put.
type Queued = (Call, Option<Rc<Outlet>>);

enum Late<Resp> {
    Head(Resp),
    Answer(Result<Message<Resp>, Error>),
}

impl<Req, Resp> Calls<Req, Resp> {
    pub(super) fn new(limits: Limits, queue: Rc<Queue>) -> Self {
        Self { calls: Slots::new(), queued: VecDeque::new(), open: 0, limits, queue, lost: None }
    }

    /// A caller asks. Unless it polls the call to its end, it must [`give_up`](Self::give_up). With a body it is given
    /// where that is to be put.
    pub(super) fn ask(&mut self, head: Req, has_body: bool) -> Result<Queued, (Error, Req)> {
        if let Some(lost) = &self.lost {
            return Err((Error::lost(lost.clone(), Begun::No), head));
        }
        // Those that may be sent at once pass through the queue, too, and are not meant by its limit.
        if self.open + self.queued.len() >= self.limits.in_flight_max.saturating_add(self.limits.queue_max) {
            return Err((Refused::new("too many calls wait for this connection").into(), head));
        }
        let entry = Entry { caller: Caller::Waits(None), wire: Wire::Queued, outlet: None, inlet: None };
        // There are never as many as four billion: each takes more memory than its number can count.
        let call = Call(self.calls.insert(entry) as u32);
        self.queued.push_back((call, head));
        let new = || Rc::new(Outlet::new(call.0, self.limits.window_bytes, self.queue.clone()));
        let outlet = has_body.then(new);
        self.calls.get_mut(call.place()).outlet.clone_from(&outlet);
        Ok((call, outlet))
    }

    /// What became of a call, once it is known; else keeps the waker, and returns the one it replaced, to be dropped when
    /// nothing is borrowed.
    pub(super) fn poll_answer(
        &mut self,
        call: Call,
        waker: &Waker,
    ) -> Result<Result<Message<Resp>, Error>, Option<Waker>> {
        let entry = self.calls.get_mut(call.place());
        match &mut entry.caller {
            Caller::Waits(Some(known)) if known.will_wake(waker) => Err(None),
            Caller::Waits(known) => Err(known.replace(waker.clone())),
            Caller::Answered(_) => match std::mem::replace(&mut entry.caller, Caller::Gone) {
                Caller::Answered(answer) => {
                    self.release(call);
                    Ok(answer)
                }
                _ => unreachable!("it was answered"),
            },
            Caller::Gone => unreachable!("a caller who left asks for its answer"),
        }
    }

    /// A caller gives up. Its request comes back if the peer has not heard of it.
    pub(super) fn give_up(&mut self, call: Call) -> (Option<Req>, Told<Resp>) {
        let entry = self.calls.get_mut(call.place());
        let mut told = Told::nothing();
        told.outlet = entry.outlet.take();
        let mut req = None;
        match (std::mem::replace(&mut entry.caller, Caller::Gone), entry.wire) {
            (Caller::Answered(answer), _) => told.late = Some(Late::Answer(answer)),
            (Caller::Waits(waker), Wire::Queued) => {
                told.wakers[0] = waker;
                entry.wire = Wire::Over;
                // Those who give up are mostly the oldest, at the front.
                let place = self.queued.iter().position(|(queued, _)| *queued == call);
                req = place.and_then(|place| self.queued.remove(place)).map(|(_, req)| req);
            }
            (Caller::Waits(waker), Wire::Asked { .. } | Wire::Answering) => {
                told.wakers[0] = waker;
                self.queue.push(Control::Cancel { id: call.0 });
            }
            (Caller::Waits(_), Wire::Over) => unreachable!("whose call is over has an answer"),
            (Caller::Gone, _) => unreachable!("a caller leaves once"),
        }
        self.release(call);
        (req, told)
    }

    /// The next request to send, which will begin at `from` in the stream of bytes, and its body.
    pub(super) fn next_request(&mut self, from: u64) -> Option<(Call, Req, Option<Rc<Outlet>>)> {
        if self.open >= self.limits.in_flight_max {
            return None;
        }
        let (call, head) = self.queued.pop_front()?;
        let entry = self.calls.get_mut(call.place());
        entry.wire = Wire::Asked { from };
        self.open += 1;
        Some((call, head, entry.outlet.clone()))
    }

    /// A request cannot be sent, and nothing of it was.
    pub(super) fn handle_unsendable(&mut self, call: Call, error: Error) -> Told<Resp> {
        self.end(call, Err(error))
    }

    /// A reply came, whole or with more to come.
    pub(super) fn handle_reply(
        &mut self,
        id: u32,
        head: Resp,
        more: bool,
    ) -> Result<Told<Resp>, &'static str> {
        let call = Call(id);
        let Some(entry) = self.calls.try_get_mut(call.place()) else {
            return Err("a reply that was not asked for");
        };
        if !matches!(entry.wire, Wire::Asked { .. }) {
            return Err("a second reply to one request");
        }
        if !more {
            let mut told = Told::nothing();
            (told.wakers[0], told.late) = entry.answer_head(head, Body::empty());
            told.outlet = entry.outlet.take();
            self.close(call);
            return Ok(told);
        }
        entry.wire = Wire::Answering;
        let mut told = Told::nothing();
        if let Caller::Waits(_) = entry.caller {
            let inlet = Inlet::new(id, Whose::Reply, self.limits.window_bytes, self.queue.clone());
            let inlet = Rc::new(inlet);
            entry.inlet = Some(inlet.clone());
            (told.wakers[0], told.late) = entry.answer_head(head, Body::coming(inlet));
        } else {
            told.late = Some(Late::Head(head));
        }
        Ok(told)
    }

    /// A chunk of a reply came.
    pub(super) fn handle_chunk(&mut self, id: u32, bytes: Bytes) -> Result<Option<Waker>, &'static str> {
        match self.calls.try_get_mut(Call(id).place()) {
            Some(Entry { inlet: Some(inlet), .. }) => inlet.handle_chunk(bytes),
            _ => Ok(None),
        }
    }

    /// A reply is complete.
    pub(super) fn handle_end(&mut self, id: u32) -> Told<Resp> {
        let mut told = Told::nothing();
        if let Some(entry) = self.calls.try_get_mut(Call(id).place())
            && entry.wire == Wire::Answering
        {
            told.wakers[1] = entry.inlet.take().and_then(|inlet| inlet.handle_end());
            told.outlet = entry.outlet.take();
            self.close(Call(id));
        }
        told
    }

    /// The peer says that there is no reply, or no rest of one.
    pub(super) fn handle_reset(&mut self, id: u32, reason: Reset) -> Told<Resp> {
        match self.calls.try_get_mut(Call(id).place()) {
            Some(Entry { wire: Wire::Asked { .. }, .. }) => {
                self.end(Call(id), Err(Error::from_reset(reason)))
            }
            Some(Entry { wire: Wire::Answering, .. }) => self.end(Call(id), Err(Error::broken_off(reason))),
            _ => Told::nothing(),
        }
    }

    /// The peer takes so much more of a request.
    pub(super) fn handle_credit(&mut self, id: u32, bytes: u32) -> Result<(), &'static str> {
        match self.calls.try_get_mut(Call(id).place()) {
            Some(Entry { outlet: Some(outlet), .. }) => outlet.handle_credit(bytes),
            _ => Ok(()),
        }
    }

    /// The rest of a request cannot be made. Its caller learns why, and the peer that it is given up.
    pub(super) fn handle_body_failed(&mut self, id: u32, error: BoxError) -> Told<Resp> {
        let mut told = Told::nothing();
        let Some(entry) = self.calls.try_get_mut(Call(id).place()) else { return told };
        let begun = match entry.wire {
            Wire::Asked { .. } => Begun::Unknown,
            Wire::Answering => Begun::Yes,
            Wire::Queued | Wire::Over => return told,
        };
        let error = Error::body(error, begun);
        entry.outlet = None;
        told.wakers[1] = entry.inlet.take().and_then(|inlet| inlet.fail(error.clone()));
        (told.wakers[0], told.late) = entry.answer(Err(error));
        self.queue.push(Control::Cancel { id });
        told
    }

    /// The peer takes no more calls. Those that it has not heard of were not begun.
    pub(super) fn handle_drain(&mut self, error: &ConnectionError) -> (Vec<Told<Resp>>, Vec<Req>) {
        self.lost.get_or_insert_with(|| error.clone());
        let queued = std::mem::take(&mut self.queued);
        queued
            .into_iter()
            .map(|(call, req)| (self.end(call, Err(Error::lost(error.clone(), Begun::No))), req))
            .unzip()
    }

    /// The connection is lost after `written` bytes of it had left. Each caller learns whether its request was begun.
    pub(super) fn handle_lost(
        &mut self,
        error: &ConnectionError,
        written: u64,
    ) -> (Vec<Told<Resp>>, Vec<Req>) {
        let (mut told, requests) = self.handle_drain(error);
        let places: Vec<_> = self.calls.places().collect();
        for place in places {
            let begun = match self.calls.get_mut(place).wire {
                Wire::Asked { from } if from >= written => Begun::No,
                Wire::Asked { .. } => Begun::Unknown,
                Wire::Answering => Begun::Yes,
                Wire::Queued | Wire::Over => continue,
            };
            told.push(self.end(Call(place as u32), Err(Error::lost(error.clone(), begun))));
        }
        (told, requests)
    }

    /// Whether nobody waits and no answer is owed.
    pub(super) fn is_idle(&self) -> bool {
        self.queued.is_empty() && self.open == 0
    }

    /// Whether anybody waits for an answer, or for the rest of one.
    pub(super) fn is_wanted(&self) -> bool {
        let is_read = |inlet: &Rc<Inlet>| !inlet.is_abandoned();
        let is_wanted = |entry: &Entry<Resp>| {
            !matches!(entry.caller, Caller::Gone) || entry.inlet.as_ref().is_some_and(is_read)
        };
        self.calls.iter().any(is_wanted)
    }

    /// Whether an answer is owed.
    pub(super) fn has_open(&self) -> bool {
        self.open > 0
    }

    /// Whether a call made now would wait for others before it is sent.
    pub(super) fn is_busy(&self) -> bool {
        self.open + self.queued.len() >= self.limits.in_flight_max
    }

    pub(super) fn is_lost(&self) -> bool {
        self.lost.is_some()
    }

    /// A call is over, with this answer if its caller still waits, and for who reads its body.
    fn end(&mut self, call: Call, answer: Result<Message<Resp>, Error>) -> Told<Resp> {
        let mut told = Told::nothing();
        let entry = self.calls.get_mut(call.place());
        if let (Some(inlet), Err(error)) = (entry.inlet.take(), &answer) {
            told.wakers[1] = inlet.fail(error.clone());
        }
        (told.wakers[0], told.late) = entry.answer(answer);
        told.outlet = entry.outlet.take();
        self.close(call);
        told
    }

    /// The peer is through with a call, or has never heard of it.
    fn close(&mut self, call: Call) {
        let entry = self.calls.get_mut(call.place());
        if std::mem::replace(&mut entry.wire, Wire::Over) != Wire::Queued {
            self.open -= 1;
        }
        self.release(call);
    }

    /// Gives the id back if both sides are through with it.
    fn release(&mut self, call: Call) {
        if let Entry { caller: Caller::Gone, wire: Wire::Over, .. } = self.calls.get_mut(call.place()) {
            self.calls.remove(call.place());
            if self.calls.len() == 0 && self.queued.capacity() > slots::KEPT_MAX {
                // What a burst took is given back; a handful of places stays.
                self.queued.shrink_to(slots::KEPT_MAX);
            }
        }
    }
}

impl<Resp> Entry<Resp> {
    /// Hands a caller its answer, or back what it does not want any more. Says whom to wake.
    fn answer(&mut self, answer: Result<Message<Resp>, Error>) -> (Option<Waker>, Option<Late<Resp>>) {
        if let Caller::Waits(waker) = &mut self.caller {
            let waker = waker.take();
            self.caller = Caller::Answered(answer);
            return (waker, None);
        }
        (None, Some(Late::Answer(answer)))
    }

    fn answer_head(&mut self, head: Resp, body: Body) -> (Option<Waker>, Option<Late<Resp>>) {
        self.answer(Ok(Message::with_body(head, body)))
    }
}

impl Call {
    fn place(self) -> usize {
        self.0 as usize
    }
}

impl<Resp> Told<Resp> {
    const fn nothing() -> Self {
        Self { wakers: [None, None], outlet: None, late: None }
    }

    /// Wakes whom it concerns, and drops what is left.
    pub(super) fn settle(self) {
        let Self { wakers, outlet, late } = self;
        wakers.into_iter().flatten().for_each(Waker::wake);
        if let Some(outlet) = outlet {
            let (writer, left) = outlet.close();
            writer.into_iter().for_each(Waker::wake);
            drop(left);
        }
        drop(late);
    }
}
