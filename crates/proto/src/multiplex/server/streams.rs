//! The calls that are open on one connection of a server: [`Streams`].
//!
//! It is told what the peer says of calls and how they end, and answers what to do: begin one, drop one, break off. It owns
//! no socket, runs no call, reads no clock, and wakes nobody: what is to be woken goes to whoever told it.
//!
//! ```text
//!   Open ── handle_open ──► calling ── reply_more ──► answering ── finish ──► over
//!             │ refused        │  whole: finish            │
//!             ▼                └────── handle_cancel ──────┴─────────────────► over
//!           Reset                          Reset
//! ```

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;
use std::task::Waker;

use bytes::Bytes;

use crate::body::inlet::{Inlet, Whose};
use crate::dispatch::error::Error;
use crate::dispatch::reset::Reset;
use crate::multiplex::outlet::Outlet;
use crate::multiplex::queue::{Control, Queue};

/// The open calls, by their ids. `C` names the future that runs for one.
pub(super) struct Streams<C> {
    open: HashMap<u32, Stream<C>, BuildHasherDefault<IdHasher>>,
    in_flight_max: usize,
    window_bytes: u32,
    is_draining: bool,
    /// Whether the peer says no more.
    is_silent: bool,
    queue: Rc<Queue>,
}

/// One open call.
struct Stream<C> {
    running: Option<C>,
    phase: Phase,
    /// The request's body, while more of it may come.
    inlet: Option<Rc<Inlet>>,
    /// The reply's body.
    outlet: Option<Rc<Outlet>>,
}

/// What runs for a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The service.
    Calling,
    /// What makes the body of its reply.
    Answering,
}

/// What becomes of a request.
#[derive(Debug)]
pub(super) enum Opened {
    /// Ask the service, with this body if there is one.
    Begin(Option<Rc<Inlet>>),
    /// It was refused.
    Refused,
}

/// What is left of a call that is over: to be [settled](Over::settle) when nothing is borrowed.
#[derive(Debug)]
#[must_use = "whoever waits must be woken"]
pub(super) struct Over {
    reader: Option<Waker>,
    outlet: Option<Rc<Outlet>>,
}

impl<C> Streams<C> {
    pub(super) fn new(in_flight_max: usize, window_bytes: u32, queue: Rc<Queue>) -> Self {
        Self {
            open: HashMap::default(),
            in_flight_max,
            window_bytes,
            is_draining: false,
            is_silent: false,
            queue,
        }
    }

    /// A request came. One without a body is not open yet: mostly it is answered at once, and there is nothing to keep. If
    /// not, it [runs](Self::run).
    pub(super) fn handle_open(&mut self, id: u32, more: bool) -> Result<Opened, &'static str> {
        if !self.open.is_empty() && self.open.contains_key(&id) {
            return Err("a call with the id of another that is open");
        }
        if self.is_draining || self.open.len() >= self.in_flight_max {
            self.queue.push(Control::Reset { id, reason: Reset::Refused });
            return Ok(Opened::Refused);
        }
        if !more {
            return Ok(Opened::Begin(None));
        }
        let inlet = Rc::new(Inlet::new(id, Whose::Request, self.window_bytes, self.queue.clone()));
        self.open.insert(id, Stream { inlet: Some(inlet.clone()), ..Stream::new() });
        Ok(Opened::Begin(Some(inlet)))
    }

    /// The call waits to be asked, and is open meanwhile.
    pub(super) fn hold(&mut self, id: u32) {
        self.open.entry(id).or_insert_with(Stream::new);
    }

    /// What the call did not do at once goes on by this name.
    pub(super) fn run(&mut self, id: u32, running: C) {
        self.open.entry(id).or_insert_with(Stream::new).running = Some(running);
    }

    /// What ran for it has ended.
    pub(super) fn stop(&mut self, id: u32) {
        if let Some(stream) = self.open.get_mut(&id) {
            stream.running = None;
        }
    }

    /// A chunk of a request came. Says whom to wake.
    pub(super) fn handle_chunk(&mut self, id: u32, bytes: Bytes) -> Result<Option<Waker>, &'static str> {
        match self.open.get(&id) {
            Some(Stream { inlet: Some(inlet), .. }) => inlet.handle_chunk(bytes),
            _ => Ok(None),
        }
    }

    /// A request's body is complete. Says whom to wake.
    pub(super) fn handle_end(&mut self, id: u32) -> Option<Waker> {
        self.open.get_mut(&id)?.inlet.take()?.handle_end()
    }

    /// The peer takes so much more of a reply.
    pub(super) fn handle_credit(&mut self, id: u32, bytes: u32) -> Result<(), &'static str> {
        match self.open.get(&id) {
            Some(Stream { outlet: Some(outlet), .. }) => outlet.handle_credit(bytes),
            // Of a reply that was not begun there is nothing to grant, nor of one that is over.
            _ => Ok(()),
        }
    }

    /// The caller gave up: this is what runs for it, and is to be dropped.
    pub(super) fn handle_cancel(&mut self, id: u32) -> Option<(Option<(Phase, C)>, Over)> {
        let cancelled = self.remove(id)?;
        self.queue.push(Control::Reset { id, reason: Reset::Cancelled });
        Some(cancelled)
    }

    /// The service has answered, and more follows: this is where it is put. The head goes to the end of those that wait.
    pub(super) fn reply_more(&mut self, id: u32) -> Rc<Outlet> {
        let stream = self.open.entry(id).or_insert_with(Stream::new);
        stream.phase = Phase::Answering;
        stream.running = None;
        let outlet = Rc::new(Outlet::new(id, self.window_bytes, self.queue.clone()));
        if self.is_silent {
            outlet.handle_silence();
        }
        stream.outlet = Some(outlet.clone());
        self.queue.push(Control::Reply { id, more: true });
        outlet
    }

    /// The head of a reply has been sent, so its body may follow.
    pub(super) fn begin_body(&mut self, id: u32) {
        if let Some(Stream { outlet: Some(outlet), .. }) = self.open.get(&id) {
            outlet.begin();
        }
    }

    /// The call is over without a reply, or without the rest of one. What makes it is to be dropped.
    pub(super) fn reset(&mut self, id: u32, reason: Reset) -> Option<(Option<(Phase, C)>, Over)> {
        let over = self.remove(id);
        self.queue.push(Control::Reset { id, reason });
        over
    }

    /// The service has answered, whole, or the end of a reply's body has been sent.
    #[inline]
    pub(super) fn finish(&mut self, id: u32) -> Option<Over> {
        // Most calls are answered at once, and were never open.
        if self.open.is_empty() {
            return None;
        }
        self.remove(id).map(|(_, over)| over)
    }

    /// From now on every request is refused.
    pub(super) fn drain(&mut self) {
        if !std::mem::replace(&mut self.is_draining, true) {
            self.queue.push(Control::Drain);
        }
    }

    /// Nothing comes of the peer any more: bodies that are not complete never will be, and there is no more room for those of
    /// replies than it has granted. Says whom to wake.
    #[must_use = "whoever waits must be woken"]
    pub(super) fn handle_silence(&mut self, error: &Error) -> Vec<Waker> {
        self.is_silent = true;
        self.open.values().filter_map(|stream| stream.outlet.as_ref()).for_each(Outlet::handle_silence);
        let inlets: Vec<_> = self.open.values_mut().filter_map(|stream| stream.inlet.take()).collect();
        inlets.into_iter().filter_map(|inlet| inlet.fail(error.clone())).collect()
    }

    /// How many calls may be open.
    pub(super) fn in_flight_max(&self) -> usize {
        self.in_flight_max
    }

    /// How many calls are open.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Gives up all calls.
    pub(super) fn clear(&mut self) -> Vec<Over> {
        let ids: Vec<_> = self.open.keys().copied().collect();
        ids.into_iter().filter_map(|id| self.finish(id)).collect()
    }

    fn remove(&mut self, id: u32) -> Option<(Option<(Phase, C)>, Over)> {
        let Stream { running, phase, inlet, outlet } = self.open.remove(&id)?;
        if self.open.is_empty() && self.open.capacity() > KEPT_MAX {
            self.open = HashMap::default();
        }
        let reader = inlet.and_then(|inlet| inlet.fail(Error::from_reset(Reset::Cancelled)));
        Some((running.map(|running| (phase, running)), Over { reader, outlet }))
    }
}

impl<C> Stream<C> {
    const fn new() -> Self {
        Self { running: None, phase: Phase::Calling, inlet: None, outlet: None }
    }
}

impl Over {
    /// Wakes whom it concerns, and drops what is left.
    pub(super) fn settle(self) {
        self.reader.into_iter().for_each(Waker::wake);
        if let Some(outlet) = self.outlet {
            let (writer, left) = outlet.close();
            writer.into_iter().for_each(Waker::wake);
            drop(left);
        }
    }
}

/// Spreads ids, which peers choose. It need not withstand one that chooses them to collide: there are few, so
/// the worst that it gets is a search through all of its own calls.
#[derive(Default)]
pub(super) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u32(u32::from(*byte)));
    }

    fn write_u32(&mut self, id: u32) {
        // By the golden ratio (Knuth, The Art of Computer Programming 3, 6.4), whose best bits are the upper ones; the table
        // looks at both ends.
        let spread = (self.0 ^ u64::from(id)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        self.0 = spread.rotate_left(32);
    }
}

/// As many places are kept while no call is open.
const KEPT_MAX: usize = 16;
