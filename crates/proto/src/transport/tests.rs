//! Scripts for a transport, and frames through one in all pieces.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::BytesMut;
use proptest::prelude::*;

use ekiden_reactor::{spawn, yield_now};
use futures_io::AsyncRead;

use super::{SendError, Transport};
use crate::codec::{Decoded, Decoder, LengthDelimited, Lines};
use crate::wire::{Holding, Wire, by_hand};

/// Plays steps by hand. "/" stands for the end of a line. At the end, and whenever it waits, no buffer may be
/// held beyond the bytes that are left.
fn check(script: &str, expect: &str) {
    by_hand(|cx| assert_eq!(play(script, cx), expect, "{script}"));
}

fn play(script: &str, cx: &mut Context<'_>) -> String {
    let wire = Wire::new();
    let mut transport = Transport::new(wire.clone(), Holding(Lines::new(8)));
    transport.set_write_bytes_max(4);
    let mut log = Vec::new();
    for step in script.split(", ") {
        let (verb, what) = step.split_once(' ').unwrap_or((step, ""));
        match verb {
            "in" => wire.send(what.replace('/', "\n")),
            "end" => wire.end(),
            "reset" => wire.reset(),
            "room" => wire.set_room(what.parse().unwrap()),
            // Each future is given up when it has been polled once.
            "next" => log.push(match pin!(transport.next()).poll(cx) {
                Poll::Ready(Some(Ok(line))) => line,
                Poll::Ready(Some(Err(error))) => format!("! {error}"),
                Poll::Ready(None) => "none".to_owned(),
                Poll::Pending => "wait".to_owned(),
            }),
            "resume" => transport.resume(),
            "ready" => log.push(outcome(transport.poll_ready(cx))),
            "queue" => log.push(match transport.start_send(what) {
                Ok(()) => format!("{} queued", transport.queued_bytes()),
                Err(error) => format!("! {error}"),
            }),
            "flush" => log.push(outcome(pin!(transport.flush()).poll(cx))),
            "send" => log.push(match pin!(transport.send(what)).poll(cx) {
                Poll::Ready(Ok(())) => "ok".to_owned(),
                Poll::Ready(Err(error)) => format!("! {error}"),
                Poll::Pending => "wait".to_owned(),
            }),
            _ => panic!("no such step: {step}"),
        }
        let waits = log.last().is_some_and(|last| last == "wait");
        for (buf, name) in [(&transport.inbound.bytes, "read"), (&transport.outbound.bytes, "write")] {
            let Some(buf) = buf else { continue };
            if waits || buf.is_empty() {
                // The least that a buffer grows to is eight bytes.
                let most = if buf.is_empty() { 0 } else { (2 * buf.len()).max(8) };
                assert!(buf.capacity() <= most, "{script}: {} for {buf:?}, to {name}", buf.capacity());
            }
        }
        let written = wire.take_written();
        if !written.is_empty() {
            log.push(format!("out {}", written.replace('\n', "/")));
        }
    }
    log.join(", ")
}

fn outcome(polled: Poll<io::Result<()>>) -> String {
    match polled {
        Poll::Ready(Ok(())) => "ok".to_owned(),
        Poll::Ready(Err(error)) => format!("! {error}"),
        Poll::Pending => "wait".to_owned(),
    }
}

#[test]
fn a_codec_may_be_changed_between_two_frames() {
    by_hand(|cx| {
        let wire = Wire::new();
        let mut transport = Transport::new(wire.clone(), Holding(Lines::new(4)));
        wire.send("four\nlonger\n");
        assert!(matches!(transport.poll_next(cx), Poll::Ready(Some(Ok(line))) if line == "four"));
        transport.codec_mut().0 = Lines::new(6);
        assert!(matches!(transport.poll_next(cx), Poll::Ready(Some(Ok(line))) if line == "longer"));
    });
}

#[test]
fn frames_arrive_in_any_pieces() {
    check("in a/b, next, next, in b, next, in /, next, next", "a, wait, wait, bb, wait");
    check("next, in a/bb/ccc/, next, next, next, next", "wait, a, bb, ccc, wait");
}

#[test]
fn the_end_between_frames_is_an_end_and_within_one_an_error() {
    check("in a/, end, next, next, next", "a, none, none");
    check("in a/bc, end, next, next, next", "a, ! the connection ended 2 bytes into a frame, none");
}

#[test]
fn an_error_is_told_once_behind_all_that_came_before() {
    check("in a/bbbbbbbbbb/c/, next, next, next", "a, ! the peer sent what is no frame, none");
    check("in a/b, reset, next, next, next", "a, ! reading failed, none");
}

#[test]
fn a_hold_keeps_what_is_behind_it() {
    check("in hold/a/, next, next, next, resume, next, next", "hold, none, none, a, wait");
    check("in hold/a/, end, next, resume, next, next", "hold, a, none");
}

#[test]
fn what_is_behind_a_hold_leaves_with_the_byte_stream() {
    by_hand(|cx| {
        let wire = Wire::new();
        let mut transport = Transport::new(wire.clone(), Holding(Lines::default()));
        wire.send("hold\n\0raw");
        assert!(matches!(transport.poll_next(cx), Poll::Ready(Some(Ok(_)))));
        assert!(transport.is_held());
        let parts = transport.into_parts();
        assert_eq!(&parts.read[..], b"\0raw");
        assert!(parts.write.is_empty());

        wire.send("\nb\n");
        let mut transport = Transport::with_read(parts.io, parts.codec.0, parts.read);
        for line in ["\0raw", "b"] {
            assert!(matches!(transport.poll_next(cx), Poll::Ready(Some(Ok(next))) if next == line));
        }
    });
}

#[test]
fn what_is_queued_leaves_by_one_flush() {
    check("queue a, queue bb, flush, flush", "2 queued, 5 queued, ok, out a/bb/, ok");
    check("room 3, queue a, queue bb, flush, room 9, flush", "2 queued, 5 queued, wait, out a/b, ok, out b/");
}

#[test]
fn a_full_queue_waits_for_the_peer() {
    check(
        "room 0, ready, queue a, ready, queue b, ready, room 3, ready, queue c, room 9, ready",
        "ok, 2 queued, ok, 4 queued, wait, wait, out a/b, 3 queued, ok",
    );
}

#[test]
fn what_cannot_be_encoded_leaves_the_queue_as_it_was() {
    check("queue a, queue bad, flush", "2 queued, ! a line with a line break in it, ok, out a/");
    check("queue bad, flush", "! a line with a line break in it, ok");
}

#[test]
fn a_flush_that_is_given_up_loses_nothing() {
    check(
        "room 1, queue a, queue bb, flush, flush, room 2, flush, room 9, flush, flush",
        "2 queued, 5 queued, wait, out a, wait, wait, out /b, ok, out b/, ok",
    );
}

#[test]
fn a_send_that_is_given_up_is_unsent_or_leaves_whole() {
    check("room 1, send a, room 9, flush, flush", "wait, out a, ok, out /, ok");
    check(
        "room 0, queue a, queue b, send c, room 9, flush, flush",
        "2 queued, 4 queued, wait, ok, out a/b/, ok",
    );
}

#[test]
fn a_wait_for_a_frame_that_is_given_up_loses_nothing() {
    check(
        "next, next, in a, next, in a, next, in a/b, next, next, in /, next",
        "wait, wait, wait, wait, aaa, wait, b",
    );
}

#[test]
fn a_broken_pipe_is_an_error() {
    check("queue a, reset, flush", "2 queued, ! broken pipe");
}

#[test]
fn a_burst_is_one_read_and_its_answer_one_write() {
    by_hand(|cx| {
        let wire = Wire::new();
        let mut transport = Transport::new(wire.clone(), Lines::default());
        wire.send("ping\n".repeat(1000));
        for _ in 0..1000 {
            let Poll::Ready(Some(Ok(line))) = transport.poll_frame(cx) else { panic!("a line is there") };
            transport.start_send(line).unwrap();
        }
        assert!(transport.poll_frame(cx).is_pending());
        assert!(transport.poll_flush(cx).is_ready());
        assert_eq!(wire.calls(), (1, 1));
        assert_eq!(wire.take_written(), "ping\n".repeat(1000));
        assert_eq!(transport.written_bytes(), 5000);
    });
}

#[test]
fn the_written_bytes_are_those_that_the_peer_can_have() {
    by_hand(|cx| {
        let wire = Wire::new();
        let mut transport = Transport::new(wire.clone(), Lines::default());
        wire.set_room(3);
        transport.start_send("abc").unwrap();
        assert!(transport.poll_flush(cx).is_pending());
        assert_eq!((transport.written_bytes(), transport.queued_bytes()), (3, 1));
    });
}

#[test]
fn half_a_frame_behind_a_burst_keeps_no_more_than_itself() {
    by_hand(|cx| {
        let wire = Wire::new();
        let mut transport = Transport::new(wire.clone(), Lines::default());
        wire.send("ping\n".repeat(10_000) + "po");
        for _ in 0..10_000 {
            assert!(transport.poll_frame(cx).is_ready());
        }
        assert!(transport.poll_frame(cx).is_pending());
        // The capacity of the buffer counts only from where it begins, that of the vector beneath all of it.
        assert_eq!(transport.inbound.bytes.map(|bytes| Vec::from(*bytes).capacity()), Some(2));
    });
}

/// Takes the rest of the buffer, however long, whatever it is.
struct Rest;

impl Decoder for Rest {
    type Item = BytesMut;
    type Error = Infallible;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<BytesMut>, Infallible> {
        Ok(if buf.is_empty() { Decoded::Incomplete } else { Decoded::Frame(buf.split()) })
    }
}

#[test]
fn a_frame_that_is_kept_is_not_written_over() {
    by_hand(|cx| {
        let wire = Wire::new();
        let mut transport = Transport::new(wire.clone(), Rest);
        let mut kept = Vec::new();
        for text in ["a", "bb", "ccc"] {
            wire.send(text);
            let Poll::Ready(Some(Ok(frame))) = transport.poll_next(cx) else { panic!("it is there") };
            kept.push(frame);
        }
        assert_eq!(kept, ["a", "bb", "ccc"]);
    });
}

/// What `frames` are on the wire when the peer takes them in `pieces`.
fn send_in_pieces(frames: &[Vec<u8>], pieces: &[usize]) -> Vec<u8> {
    let wire = Wire::new();
    let mut sender = Transport::new(wire.clone(), LengthDelimited::default());
    let mut bytes = Vec::new();
    by_hand(|cx| {
        for (frame, piece) in frames.iter().zip(pieces.iter().cycle()) {
            sender.start_send(frame).unwrap();
            wire.set_room(*piece);
            assert!(sender.poll_flush(cx).is_pending() || sender.outbound.bytes.is_none());
            bytes.extend(wire.take_bytes());
        }
        wire.set_room(usize::MAX);
        assert!(sender.poll_flush(cx).is_ready());
        bytes.extend(wire.take_bytes());
    });
    bytes
}

/// The frames of `bytes` when they arrive in `pieces`.
fn receive_in_pieces(mut bytes: &[u8], pieces: &[usize]) -> Vec<bytes::Bytes> {
    let wire = Wire::new();
    let mut receiver = Transport::new(wire.clone(), LengthDelimited::default());
    let mut received = Vec::new();
    by_hand(|cx| {
        for piece in pieces.iter().cycle() {
            let (piece, rest) = bytes.split_at(bytes.len().min(*piece));
            bytes = rest;
            wire.send(piece);
            while let Poll::Ready(frame) = receiver.poll_frame(cx) {
                received.push(frame.unwrap().unwrap());
            }
            let rest = receiver.inbound.bytes.as_ref();
            assert!(rest.is_none_or(|rest| rest.capacity() <= (2 * rest.len()).next_multiple_of(8)));
            if bytes.is_empty() {
                break;
            }
        }
    });
    received
}

proptest! {
    /// Small and large frames, by reads and writes of all sizes.
    #[test]
    fn frames_pass_whatever_the_sizes_of_reads_and_writes(
        sizes in prop::collection::vec(prop_oneof![0usize..20, 3000usize..6000, 60_000usize..140_000], 0..8),
        pieces in prop::collection::vec(1usize..50_000, 1..8),
    ) {
        let frames: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, &size)| vec![i as u8; size]).collect();
        let bytes = send_in_pieces(&frames, &pieces);
        prop_assert_eq!(receive_in_pieces(&bytes, &pieces), frames);
    }
}

/// An idle connection is little more than its transport and the future that waits for a frame, so each word counts: with
/// the handles of both buffers in it a transport had 56 bytes more.
#[test]
fn it_is_small() {
    let besides_io_and_codec = size_of::<Transport<(), ()>>();
    assert!(besides_io_and_codec <= 40, "{besides_io_and_codec}");
    by_hand(|_| {
        let mut transport = Transport::new(Wire::new(), LengthDelimited::default());
        assert_eq!(size_of_val(&transport.next()), size_of::<usize>());
        assert_eq!(size_of_val(&transport.flush()), size_of::<usize>());
        let sending = size_of_val(&transport.send(bytes::Bytes::new()));
        assert_eq!(sending, 2 * size_of::<usize>(), "where it goes, and what is left to do");
    });
}

/// That of an echo holds its transport, and what the longest of its waits takes, which is to send.
#[test]
fn a_future_around_it_is_small() {
    let mut frames = Transport::new(Wire::new(), LengthDelimited::default());
    let held = size_of_val(&frames) + 2 * size_of::<usize>();
    let echo = async move {
        loop {
            let Some(Ok(frame)) = frames.next().await else { return };
            if frames.send(frame).await.is_err() {
                return;
            }
        }
    };
    let besides = size_of_val(&echo) - held;
    assert!(besides <= 8, "{besides}");
}

#[test]
fn what_there_is_room_for_is_queued_by_the_call_that_sends_it() {
    let mut transport = Transport::new(Wire::new(), Holding(Lines::new(8)));
    transport.set_write_bytes_max(4);
    drop(transport.send("abc"));
    assert_eq!(transport.queued_bytes(), 4);
    drop(transport.send("d"));
    assert_eq!(transport.queued_bytes(), 4, "there is no room");
}

#[test]
fn what_cannot_be_encoded_is_told_when_the_future_is_polled() {
    by_hand(|cx| {
        let mut transport = Transport::new(Wire::new(), Holding(Lines::new(8)));
        let sent = pin!(transport.send("longer than that")).poll(cx);
        assert!(matches!(sent, Poll::Ready(Err(SendError::Encode(_)))));
        assert_eq!(transport.queued_bytes(), 0);
    });
}

/// A peer that sends the same for ever, and counts how often it was asked.
struct Flood(&'static [u8], Rc<Cell<usize>>);

impl AsyncRead for Flood {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        self.1.set(self.1.get() + 1);
        assert!(self.1.get() < 1_000, "others have their turn before");
        let piece = self.0.len();
        let bytes = buf.len() / piece * piece;
        buf[..bytes].chunks_exact_mut(piece).for_each(|buf| buf.copy_from_slice(self.0));
        Poll::Ready(Ok(bytes))
    }
}

/// Lines, of which empty ones are none.
struct Filled(Lines);

impl Decoder for Filled {
    type Item = String;
    type Error = crate::codec::LinesError;

    fn decode(&mut self, buf: &mut BytesMut) -> Result<Decoded<String>, Self::Error> {
        loop {
            match self.0.decode(buf)? {
                Decoded::Frame(line) if line.is_empty() => {}
                decoded => return Ok(decoded),
            }
        }
    }
}

#[test]
fn who_takes_frames_from_a_peer_without_pauses_leaves_others_their_turn() {
    ekiden_reactor::run(async {
        let reads = Rc::<Cell<usize>>::default();
        let taken = Rc::<Cell<usize>>::default();
        let mut lines = Transport::new(Flood(b"a\n", reads), Filled(Lines::new(8)));
        let taking = Rc::clone(&taken);
        let task = spawn(async move {
            while let Some(Ok(_)) = lines.next().await {
                taking.set(taking.get() + 1);
            }
        });
        for turn in 1..20 {
            yield_now().await;
            assert!((turn * 100..=turn * 128).contains(&taken.get()), "{} after {turn}", taken.get());
        }
        task.abort_handle().abort();
    });
}

#[test]
fn what_is_passed_over_leaves_others_their_turn() {
    ekiden_reactor::run(async {
        let reads = Rc::<Cell<usize>>::default();
        let mut lines = Transport::new(Flood(b"\n", Rc::clone(&reads)), Filled(Lines::new(8)));
        let task = spawn(async move { lines.next().await.is_some() });
        for turn in 1..20 {
            yield_now().await;
            assert!((turn..=turn * 8).contains(&reads.get()), "{} after {turn}", reads.get());
        }
        task.abort_handle().abort();
    });
}
