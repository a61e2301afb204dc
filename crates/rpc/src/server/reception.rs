//! Between dispatch and the service: heads become requests, and what the service answers becomes heads ([`Reception`]).
//!
//! Here a call gets its context: the deadline and the trace that came over the wire.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{self, Poll, ready};
use std::time::Duration;

use ekiden_proto::multiplex::Message;
use ekiden_reactor::Instant;
use ekiden_reactor::context::{Context, Trace, timeout_at};
use ekiden_service::{Begun, Failure, Service, Status as ServiceStatus};
use pin_project_lite::pin_project;

use super::calling::Calling;
use crate::error::{Error, ErrorKind};
use crate::message::{Request, Response};
use crate::method::Method;
use crate::short::Payload;
use crate::wire::{Head, ReplyHead, RequestHead, Status, TraceContext};

/// The service, as one connection asks it.
pub(super) struct Reception<S> {
    service: Rc<S>,
    format: u32,
    /// Most bytes of a head that the client takes.
    head_bytes_max: usize,
}

impl<S> Reception<S> {
    pub(super) fn new(service: Rc<S>, format: u32, head_bytes_max: usize) -> Self {
        Self { service, format, head_bytes_max }
    }
}

impl<S> Service for Reception<S>
where
    S: Service<Req = Request, Resp = Response, Error = Error>,
{
    type Req = Message<RequestHead>;
    type Resp = Message<ReplyHead>;
    type Error = Error;

    fn call(&self, message: Message<RequestHead>) -> impl Future<Output = Result<Message<ReplyHead>, Error>> {
        let Message { head, body } = message;
        let RequestHead { method, deadline_ms, trace, arguments } = head;
        let method = Method::from_id(method);
        let request = Request { method, format: self.format, arguments, items: body };
        Answer { call: self.begin(request, deadline_ms, trace), method: method.id(), reception: self }
    }

    fn status(&self) -> ServiceStatus {
        self.service.status()
    }
}

impl<S> Reception<S>
where
    S: Service<Req = Request, Resp = Response, Error = Error>,
{
    /// Calls the service, in the context that came along.
    #[inline]
    fn begin(
        &self,
        request: Request,
        deadline_ms: Option<u32>,
        trace: Option<TraceContext>,
    ) -> impl Future<Output = Result<Response, Error>> {
        let call = |request| self.service.call(request);
        let trace = trace.and_then(known);
        if deadline_ms.is_none() && trace.is_none() {
            return Calling::Plain { call: call(request) };
        }
        let context = match trace {
            Some(trace) => Context::none().with_trace(trace),
            None => Context::none(),
        };
        match deadline_ms.map(|ms| Duration::from_millis(ms.into())) {
            None => Calling::Traced { call: context.scope(call(request)) },
            Some(Duration::ZERO) => Calling::Late,
            Some(left) => {
                let call = timeout_at(Instant::now() + left, call(request));
                Calling::Limited { call: context.scope(call), left }
            }
        }
    }

    /// What the client is told. An error that has no status is for dispatch to tell.
    fn reply(&self, method: Method, answer: Result<Response, Error>) -> Result<Message<ReplyHead>, Error> {
        let error = match answer {
            Ok(Response { result, items }) => {
                let head = ReplyHead { status: Status::Done, result };
                let bytes = head.encoded_bytes();
                if bytes <= self.head_bytes_max {
                    return Ok(Message::with_body(head, items));
                }
                Error::too_long(ErrorKind::BadResult, method, bytes, self.head_bytes_max)
            }
            Err(error) => error,
        };
        let status = match (error.kind(), error.begun()) {
            (ErrorKind::UnknownMethod, _) => Status::UnknownMethod,
            // Of a gateway what it cannot send on has not been refused: who sends it again fares no better.
            (ErrorKind::BadArguments | ErrorKind::Unsendable, _) => Status::BadArguments,
            (ErrorKind::BadItem, _) => Status::BadItem,
            (ErrorKind::BadResult, _) => Status::BadResult,
            (ErrorKind::Expired, Begun::No) => Status::Late,
            _ => return Err(error),
        };
        Ok(Message::new(ReplyHead { status, result: text_of(&error) }))
    }
}

pin_project! {
    /// A call under way, of which the client is told. Written by hand for the reason that its call is.
    struct Answer<'a, S, C> {
        #[pin]
        call: C,
        method: u64,
        reception: &'a Reception<S>,
    }
}

impl<S, C> Future for Answer<'_, S, C>
where
    S: Service<Req = Request, Resp = Response, Error = Error>,
    C: Future<Output = Result<Response, Error>>,
{
    type Output = Result<Message<ReplyHead>, Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let answer = ready!(this.call.poll(cx));
        Poll::Ready(this.reception.reply(Method::from_id(*this.method), answer))
    }
}

/// What the other side may know of an error: its cause, shortly.
fn text_of(error: &Error) -> Payload {
    let Some(source) = std::error::Error::source(error) else { return Payload::default() };
    let text = source.to_string();
    Payload::copied(&text.as_bytes()[..text.len().min(TEXT_BYTES_MAX)])
}

/// As W3C's Trace Context has it, what is not valid is forgotten.
fn known(trace: TraceContext) -> Option<Trace> {
    let (trace_id, span_id, flags) = trace.parts();
    Some(Trace::new(trace_id, span_id)?.with_sampled(flags & SAMPLED != 0))
}

const SAMPLED: u8 = 1;

/// A sentence. Every peer takes frames that are longer.
const TEXT_BYTES_MAX: usize = 256;
