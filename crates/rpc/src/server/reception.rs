//! Between dispatch and the service: heads become requests, and what the service answers becomes heads ([`Reception`]).
//!
//! Here a call gets its context: the deadline and the trace that came over the wire.

use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use ekiden_proto::multiplex::Message;
use ekiden_reactor::Instant;
use ekiden_reactor::context::{Context, Trace, timeout_at};
use ekiden_service::{Begun, Expired, Failure, Service, Status as ServiceStatus};

use crate::error::{Error, ErrorKind};
use crate::message::{Request, Response};
use crate::method::Method;
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

    async fn call(&self, message: Message<RequestHead>) -> Result<Message<ReplyHead>, Error> {
        let Message { head, body } = message;
        let RequestHead { method, deadline_ms, trace, arguments } = head;
        let method = Method::from_id(method);
        let request = Request { method, format: self.format, arguments, items: body };
        let answer = match (deadline_ms, trace.and_then(known)) {
            // Nothing is in effect in a connection's task, so there is nothing to change.
            (None, None) => self.service.call(request).await,
            // In a box, since it holds the service's future too, and there is one of the two.
            (deadline_ms, trace) => Box::pin(self.call_within(request, deadline_ms, trace)).await,
        };
        self.reply(method, answer)
    }

    fn status(&self) -> ServiceStatus {
        self.service.status()
    }
}

impl<S> Reception<S>
where
    S: Service<Req = Request, Resp = Response, Error = Error>,
{
    async fn call_within(
        &self,
        request: Request,
        deadline_ms: Option<u32>,
        trace: Option<Trace>,
    ) -> Result<Response, Error> {
        let context = match trace {
            Some(trace) => Context::none().with_trace(trace),
            None => Context::none(),
        };
        let Some(left) = deadline_ms.map(|ms| Duration::from_millis(ms.into())) else {
            return context.scope(self.service.call(request)).await;
        };
        if left.is_zero() {
            return Err(Expired::unbegun().into());
        }
        // Whoever called waits no longer then, so the call is dropped, however far it has come.
        let call = timeout_at(Instant::now() + left, self.service.call(request));
        context.scope(call).await.unwrap_or_else(|_elapsed| Err(Expired::new(left).into()))
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
            (ErrorKind::BadArguments, _) => Status::BadArguments,
            (ErrorKind::BadItem, _) => Status::BadItem,
            (ErrorKind::BadResult, _) => Status::BadResult,
            (ErrorKind::Expired, Begun::No) => Status::Late,
            _ => return Err(error),
        };
        Ok(Message::new(ReplyHead { status, result: text_of(&error) }))
    }
}

/// What the other side may know of an error: its cause, shortly.
fn text_of(error: &Error) -> Bytes {
    let Some(source) = std::error::Error::source(error) else { return Bytes::new() };
    let mut text = source.to_string().into_bytes();
    text.truncate(TEXT_BYTES_MAX);
    text.into()
}

/// As W3C's Trace Context has it, what is not valid is forgotten.
fn known(trace: TraceContext) -> Option<Trace> {
    Some(Trace::new(trace.trace_id, trace.span_id)?.with_sampled(trace.flags & SAMPLED != 0))
}

const SAMPLED: u8 = 1;

/// A sentence. Every peer takes frames that are longer.
const TEXT_BYTES_MAX: usize = 256;
