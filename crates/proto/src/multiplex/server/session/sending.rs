//! What a session sends: replies, and the bodies behind them.

use std::fmt;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use ekiden_reactor::notice;
use ekiden_reactor::notice::{Causes, Level};
use ekiden_service::Failure;
use futures_io::{AsyncRead, AsyncWrite};

use super::{Session, tell_panic};
use crate::body::Message;
use crate::codec::{Decoder, Encoder};
use crate::dispatch::error::BoxError;
use crate::dispatch::reset::{Reset, Unsendable};
use crate::dispatch::running::Outcome;
use crate::multiplex::frame::Frame;
use crate::multiplex::outlet::{Next, Outlet};
use crate::multiplex::pump::{Dropped, Pump};
use crate::multiplex::queue::Control;
use crate::multiplex::server::streams::{Over, Phase, Streams};
use crate::server::{Panic, Seat};

impl<Io, Codec, Head, Asked> Session<Io, Codec, Head, Asked>
where
    Io: AsyncRead + AsyncWrite + Unpin,
    Codec: Decoder<Item = Frame<Asked>, Error: Into<BoxError>> + Encoder<Frame<Head>, Error: Into<BoxError>>,
{
    /// The service has answered, has an error, or has panicked.
    pub(super) fn handle_outcome<E: Failure>(
        &mut self,
        id: u32,
        outcome: Outcome<Result<Message<Head>, E>>,
        seat: &Seat,
    ) {
        match outcome {
            Ok(Ok(Message { head, body })) if body.is_empty() => {
                self.stats.count_answered();
                self.streams.finish(id).into_iter().for_each(Over::settle);
                self.reply(id, head);
            }
            Ok(Ok(Message { head, body })) => {
                let outlet = self.streams.reply_more(id);
                self.heads.push_back(head);
                self.fresh.push((id, Pump::new(body, outlet)));
            }
            Ok(Err(error)) => self.reset(id, Reset::of(&error), seat),
            Err(panic) => {
                tell_panic(&panic, seat);
                self.reset(id, Reset::Failed, seat);
            }
        }
    }

    /// Answers a call that is over: at once, if nothing waits to be said before it.
    #[inline]
    fn reply(&mut self, id: u32, head: Head) {
        if self.queue.is_said() && self.transport.has_room() {
            if let Err(error) = self.transport.start_send(Frame::Reply { id, head, more: false }) {
                self.handle_unsendable(id, &*error.into());
            }
        } else {
            self.heads.push_back(head);
            self.queue.push(Control::Reply { id, more: false });
        }
    }

    /// A reply, whole, cannot be encoded.
    fn handle_unsendable(&mut self, id: u32, error: &BoxedError) {
        self.stats.count_unsendable();
        self.tell_failure("a reply cannot be encoded", error);
        self.queue.push(Control::Reset { id, reason: Reset::Failed });
    }

    /// Has the bodies of replies made, as far as the peer has room for them.
    pub(super) fn pump(&mut self, cx: &mut Context<'_>, seat: &Seat) {
        let Self { pumps, streams, fresh, .. } = self;
        let handle_end = |streams: &mut Streams<_>, id, outcome| {
            streams.stop(id);
            if let Err(panic) = outcome {
                tell_panic(&panic, seat);
            }
        };
        pumps.poll(cx, |id, outcome| handle_end(streams, id, outcome));
        for (id, pump) in fresh.drain(..) {
            if let Some(call) = pumps.start(|| pump, id, cx, |id, outcome| handle_end(streams, id, outcome)) {
                streams.run(id, call);
            }
        }
        if fresh.capacity() > FRESH_MAX {
            *fresh = Vec::new();
        }
    }

    /// Sends what may be sent: what is to be said of calls, in its order, and then bodies, a chunk of each in
    /// turn, and one now and then of those that wait behind all that.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>, seat: &Seat) -> Poll<io::Result<()>> {
        loop {
            ready!(self.transport.poll_ready(cx))?;
            if let Some(outlet) = self.queue.next_overdue() {
                self.send_body(&outlet, seat)?;
            } else if let Some(control) = self.queue.next_control() {
                self.send(control, seat)?;
            } else if let Some(outlet) = self.queue.next_ready() {
                self.send_body(&outlet, seat)?;
            } else {
                return self.transport.poll_flush(cx);
            }
        }
    }

    fn send(&mut self, control: Control, seat: &Seat) -> io::Result<()> {
        let next_head = || self.heads.pop_front().expect("there is a head for each reply in the queue");
        let sent = self.transport.start_send(control.into_frame(next_head));
        match (control, sent) {
            (Control::Reply { id, more: true }, Ok(())) => self.streams.begin_body(id),
            (_, Ok(())) => {}
            (Control::Reply { id, more: false }, Err(error)) => self.handle_unsendable(id, &*error.into()),
            (Control::Reply { id, more: true }, Err(error)) => {
                self.tell_failure("a reply cannot be encoded", &*error.into());
                self.reset(id, Reset::Failed, seat);
            }
            (_, Err(error)) => return Err(io::Error::other(error)),
        }
        Ok(())
    }

    /// Sends the next piece of a reply's body.
    fn send_body(&mut self, outlet: &Rc<Outlet>, seat: &Seat) -> io::Result<()> {
        let id = outlet.id;
        let (next, writer) = outlet.next();
        writer.into_iter().for_each(Waker::wake);
        let failure = match next {
            Next::Nothing => None,
            Next::Chunk(bytes) => {
                let sent = self.transport.start_send(Frame::Chunk { id, bytes });
                sent.err().map(|error| Unsendable::new(error).into())
            }
            Next::End => {
                self.transport.start_send(Frame::End { id }).map_err(io::Error::other)?;
                self.stats.count_answered();
                self.streams.finish(id).into_iter().for_each(Over::settle);
                None
            }
            Next::Failed(error) => Some(error),
            Next::Unwanted => {
                self.give_up(id, seat);
                None
            }
        };
        if let Some(error) = failure {
            let reason = Reset::of_body(&*error);
            if matches!(reason, Reset::Failed | Reset::Unsendable) && !error.is::<Dropped>() {
                self.tell_failure("the body of a reply cannot be made", &*error);
            }
            self.reset(id, reason, seat);
        }
        Ok(())
    }

    /// A call that does not run any more is over without a reply, or without the rest of one.
    fn reset(&mut self, id: u32, reason: Reset, seat: &Seat) {
        self.stats.count_failed();
        self.stop(id, reason, seat);
    }

    /// The peer has left a call, and never said so.
    fn give_up(&mut self, id: u32, seat: &Seat) {
        self.stats.count_cancelled(1);
        self.stop(id, Reset::Cancelled, seat);
    }

    fn stop(&mut self, id: u32, reason: Reset, seat: &Seat) {
        let Some((runs, over)) = self.streams.reset(id, reason) else { return };
        over.settle();
        if let Some((Phase::Answering, call)) = runs {
            self.pumps.cancel(call).unwrap_or_else(|panic| tell_panic(&panic, seat));
        }
    }

    /// Tells the operator why there is no reply, or no rest of one: the first time as what it is, and then as a detail, since
    /// a peer can bring it about as often as it likes.
    fn tell_failure(&mut self, what: &str, error: &BoxedError) {
        let was_told = std::mem::replace(&mut self.has_told, true);
        // It is the application's, which says what it is.
        let told = Panic::catch(|| match was_told {
            false => tell(format_args!("{what}: {}", Causes(error))),
            true => notice::debug("multiplex", format_args!("{what}: {}", Causes(error))),
        });
        if let Err(panic) = told {
            tell(format_args!("{what}, and to say why panicked: {panic}"));
        }
    }
}

type BoxedError = dyn std::error::Error + Send + Sync;

pub(super) fn tell(what: fmt::Arguments<'_>) {
    notice(Level::Warning, "multiplex", what);
}

/// As many places for bodies that begin are kept.
const FRESH_MAX: usize = 16;
