//! Frames as the page has them, byte for byte, and whatever else a peer may send.

use bytes::{Bytes, BytesMut};
use ekiden_proto::codec::{Decoded, Decoder, Encoder};
use ekiden_proto::multiplex::{Frame, Reset};
use proptest::prelude::*;

use super::codec::WireError;
use super::hello::CRC_32;
use super::{ClientCodec, ReplyHead, RequestHead, ServerCodec, Settings, Status, TraceContext};
use crate::short::Payload;

const MAX: usize = 100_000;

fn request() -> RequestHead {
    RequestHead {
        method: 0x1122_3344_5566_7788,
        deadline_ms: None,
        trace: None,
        arguments: Payload::copied(b"arguments"),
    }
}

fn all(mut request: RequestHead) -> RequestHead {
    request.deadline_ms = Some(1500);
    request.trace =
        Some(TraceContext::new(0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736, 0x00f0_67aa_0ba9_02b7, 1));
    request
}

fn reply(status: Status) -> ReplyHead {
    ReplyHead { status, result: Payload::copied(b"result") }
}

/// What a client sends is these bytes, and a server reads it from them.
#[track_caller]
fn from_client(frame: Frame<RequestHead>, bytes: &[u8]) {
    let mut buf = BytesMut::new();
    ClientCodec::new(MAX, MAX).encode(frame.clone(), &mut buf).unwrap();
    assert_eq!(buf.escape_ascii().to_string(), bytes.escape_ascii().to_string());
    assert_eq!(ServerCodec::new(MAX, MAX).decode(&mut buf), Ok(Decoded::Frame(frame)));
    assert!(buf.is_empty());
}

#[track_caller]
fn from_server(frame: Frame<ReplyHead>, bytes: &[u8]) {
    let mut buf = BytesMut::new();
    ServerCodec::new(MAX, MAX).encode(frame.clone(), &mut buf).unwrap();
    assert_eq!(buf.escape_ascii().to_string(), bytes.escape_ascii().to_string());
    assert_eq!(ClientCodec::new(MAX, MAX).decode(&mut buf), Ok(Decoded::Frame(frame)));
    assert!(buf.is_empty());
}

#[test]
fn a_request_is_as_the_page_says() {
    let plain = b"\x17\0\0\0\x01\x07\0\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11arguments";
    from_client(Frame::Open { id: 7, head: request(), more: false }, plain);
    let mut with_all = b"\x34\0\0\0\x01\x07\0\0\0\x07\x88\x77\x66\x55\x44\x33\x22\x11\xdc\x05\0\0".to_vec();
    with_all.extend(b"\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36");
    with_all.extend(b"\x00\xf0\x67\xaa\x0b\xa9\x02\xb7\x01arguments");
    from_client(Frame::Open { id: 7, head: all(request()), more: true }, &with_all);
}

#[test]
fn a_reply_is_as_the_page_says() {
    for (status, code) in [
        (Status::Done, 0),
        (Status::UnknownMethod, 1),
        (Status::BadArguments, 2),
        (Status::BadItem, 3),
        (Status::BadResult, 4),
        (Status::Late, 5),
    ] {
        let bytes = [b"\x0d\0\0\0\x02\x07\0\0\0\0", &[code][..], b"result"].concat();
        from_server(Frame::Reply { id: 7, head: reply(status), more: false }, &bytes);
    }
    from_server(
        Frame::Reply { id: 7, head: reply(Status::Done), more: true },
        b"\x0d\0\0\0\x02\x07\0\0\0\x01\0result",
    );
}

#[test]
fn what_either_side_sends_is_as_the_page_says() {
    fn check<T>() -> [(Frame<T>, &'static [u8]); 5] {
        [
            (Frame::Chunk { id: 7, bytes: Bytes::from("item") }, b"\x09\0\0\0\x03\x07\0\0\0item"),
            (Frame::End { id: 7 }, b"\x05\0\0\0\x04\x07\0\0\0"),
            (Frame::Credit { id: 7, bytes: 1500 }, b"\x09\0\0\0\x05\x07\0\0\0\xdc\x05\0\0"),
            (Frame::Ping { token: 1500 }, b"\x0d\0\0\0\x08\0\0\0\0\xdc\x05\0\0\0\0\0\0"),
            (Frame::Pong { token: 1500 }, b"\x0d\0\0\0\x09\0\0\0\0\xdc\x05\0\0\0\0\0\0"),
        ]
    }
    check().into_iter().for_each(|(frame, bytes)| from_client(frame, bytes));
    check().into_iter().for_each(|(frame, bytes)| from_server(frame, bytes));
}

#[test]
fn what_only_one_side_sends_is_as_the_page_says() {
    from_client(Frame::Cancel { id: 7 }, b"\x05\0\0\0\x06\x07\0\0\0");
    for (reason, code) in [
        (Reset::Refused, 1),
        (Reset::Expired, 2),
        (Reset::Failed, 3),
        (Reset::Cancelled, 4),
        (Reset::Unreadable, 5),
        (Reset::Unsendable, 6),
    ] {
        let bytes = [b"\x06\0\0\0\x07\x07\0\0\0", &[code][..]].concat();
        from_server(Frame::Reset { id: 7, reason }, &bytes);
    }
    from_server(Frame::Drain, b"\x05\0\0\0\x0a\0\0\0\0");
}

/// What each side says to these bytes.
#[track_caller]
fn wrong(bytes: &[u8], at_server: WireError, at_client: WireError) {
    let server = ServerCodec::new(MAX, MAX).decode(&mut BytesMut::from(bytes));
    assert_eq!(server, Err(at_server), "a server");
    let client = ClientCodec::new(MAX, MAX).decode(&mut BytesMut::from(bytes));
    assert_eq!(client, Err(at_client), "a client");
}

#[test]
fn what_is_no_frame_is_refused_by_either_side() {
    let both = |bytes: &[u8], error: WireError| wrong(bytes, error, error);
    both(b"\xff\xff\xff\xff", WireError::TooLong { bytes: 0xffff_ffff, max: MAX });
    both(b"\xa1\x86\x01\0", WireError::TooLong { bytes: MAX + 1, max: MAX });
    both(b"\x04\0\0\0", WireError::Truncated { kind: 0 });
    both(b"\x05\0\0\0\0\0\0\0\0", WireError::Kind { kind: 0 });
    both(b"\x05\0\0\0\x0b\0\0\0\0", WireError::Kind { kind: 11 });
    both(b"\x06\0\0\0\x04\0\0\0\0\0", WireError::Excess { kind: 4 });
    both(b"\x08\0\0\0\x05\0\0\0\0\0\0\0", WireError::Truncated { kind: 5 });
    both(b"\x0a\0\0\0\x05\0\0\0\0\0\0\0\0\0", WireError::Excess { kind: 5 });
    both(b"\x05\0\0\0\x08\0\0\0\0", WireError::Truncated { kind: 8 });
}

#[test]
fn what_the_other_side_sends_is_refused() {
    let (server, client) = (ServerCodec::new(MAX, MAX), ClientCodec::new(MAX, MAX));
    let at_server = |bytes: &[u8]| server.clone().decode(&mut BytesMut::from(bytes)).unwrap_err();
    let at_client = |bytes: &[u8]| client.clone().decode(&mut BytesMut::from(bytes)).unwrap_err();
    assert_eq!(at_server(b"\x07\0\0\0\x02\0\0\0\0\0\0"), WireError::Kind { kind: 2 });
    assert_eq!(at_server(b"\x06\0\0\0\x07\0\0\0\0\x01"), WireError::Kind { kind: 7 });
    assert_eq!(at_server(b"\x05\0\0\0\x0a\0\0\0\0"), WireError::Kind { kind: 10 });
    assert_eq!(at_client(b"\x0e\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0\0"), WireError::Kind { kind: 1 });
    assert_eq!(at_client(b"\x05\0\0\0\x06\0\0\0\0"), WireError::Kind { kind: 6 });
}

#[test]
fn heads_that_are_cut_or_say_what_is_unknown_are_refused() {
    let server = |bytes: &[u8]| ServerCodec::new(MAX, MAX).decode(&mut BytesMut::from(bytes)).unwrap_err();
    let client = |bytes: &[u8]| ClientCodec::new(MAX, MAX).decode(&mut BytesMut::from(bytes)).unwrap_err();
    assert_eq!(server(b"\x05\0\0\0\x01\0\0\0\0"), WireError::Truncated { kind: 1 });
    assert_eq!(server(b"\x0d\0\0\0\x01\0\0\0\0\0\0\0\0\0\0\0\0"), WireError::Truncated { kind: 1 });
    let deadline = b"\x11\0\0\0\x01\0\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0";
    assert_eq!(server(deadline), WireError::Truncated { kind: 1 });
    let flags = b"\x0e\0\0\0\x01\0\0\0\0\x08\0\0\0\0\0\0\0\0";
    assert_eq!(server(flags), WireError::Flags { kind: 1, flags: 8 });
    assert_eq!(client(b"\x06\0\0\0\x02\0\0\0\0\0"), WireError::Truncated { kind: 2 });
    assert_eq!(client(b"\x07\0\0\0\x02\0\0\0\0\x02\0"), WireError::Flags { kind: 2, flags: 2 });
    assert_eq!(client(b"\x07\0\0\0\x02\0\0\0\0\0\x06"), WireError::Status { status: 6 });
    assert_eq!(client(b"\x06\0\0\0\x07\0\0\0\0\x07"), WireError::Reason { reason: 7 });
}

#[test]
fn what_the_peer_does_not_take_is_not_sent() {
    let mut codec = ClientCodec::new(MAX, 14 + 9);
    let mut buf = BytesMut::new();
    codec.encode(Frame::Open { id: 7, head: request(), more: false }, &mut buf).unwrap();
    buf.clear();
    let longer = RequestHead { arguments: Payload::copied(b"arguments!"), ..request() };
    let refused = codec.encode(Frame::Open { id: 7, head: longer, more: false }, &mut buf);
    assert_eq!((refused, buf.len()), (Err(WireError::TooLong { bytes: 24, max: 23 }), 0));
}

/// Both codecs of two that have agreed upon checksums.
fn checked() -> (ClientCodec, ServerCodec) {
    let agreed = Settings { frame_bytes_max: MAX as u32, checksum: CRC_32, ..Settings::default() };
    (ClientCodec::agreed(MAX as u32, &agreed), ServerCodec::agreed(MAX as u32, &agreed))
}

#[test]
fn a_checksum_is_as_the_page_says() {
    let (mut client, mut server) = checked();
    let from_client: [(Frame<RequestHead>, &[u8]); 4] = [
        (
            Frame::Open { id: 7, head: request(), more: false },
            b"\x1b\0\0\0\x01\x07\0\0\0\0\x88\x77\x66\x55\x44\x33\x22\x11argumentsI\xcd\x1dc",
        ),
        (Frame::Chunk { id: 7, bytes: Bytes::from("item") }, b"\x0d\0\0\0\x03\x07\0\0\0item\x22\xe9OE"),
        (Frame::End { id: 7 }, b"\x09\0\0\0\x04\x07\0\0\0\x8c<\xfd\x22"),
        (Frame::Credit { id: 7, bytes: 1500 }, b"\x0d\0\0\0\x05\x07\0\0\0\xdc\x05\0\0`\xaeCb"),
    ];
    for (frame, bytes) in from_client {
        let mut buf = BytesMut::new();
        client.encode(frame.clone(), &mut buf).unwrap();
        assert_eq!(buf.escape_ascii().to_string(), bytes.escape_ascii().to_string());
        assert_eq!(server.decode(&mut buf), Ok(Decoded::Frame(frame)));
        assert!(buf.is_empty());
    }
    let from_server: [(Frame<ReplyHead>, &[u8]); 2] = [
        (
            Frame::Reply { id: 7, head: reply(Status::Done), more: false },
            b"\x11\0\0\0\x02\x07\0\0\0\0\0result\xf7\x9ft\xef",
        ),
        (Frame::Drain, b"\x09\0\0\0\x0a\0\0\0\0T\xba\x1a\0"),
    ];
    for (frame, bytes) in from_server {
        let mut buf = BytesMut::new();
        server.encode(frame.clone(), &mut buf).unwrap();
        assert_eq!(buf.escape_ascii().to_string(), bytes.escape_ascii().to_string());
        assert_eq!(client.decode(&mut buf), Ok(Decoded::Frame(frame)));
        assert!(buf.is_empty());
    }
}

#[test]
fn a_checksum_counts_to_what_the_peer_takes() {
    let agreed = Settings { frame_bytes_max: 27, checksum: CRC_32, ..Settings::default() };
    let mut codec = ClientCodec::agreed(27, &agreed);
    assert_eq!((codec.head_bytes_max(), ClientCodec::new(27, 27).head_bytes_max()), (18, 22));
    let mut buf = BytesMut::new();
    codec.encode(Frame::Open { id: 7, head: request(), more: false }, &mut buf).unwrap();
    buf.clear();
    let longer = RequestHead { arguments: Payload::copied(b"arguments!"), ..request() };
    let refused = codec.encode(Frame::Open { id: 7, head: longer, more: false }, &mut buf);
    assert_eq!((refused, buf.len()), (Err(WireError::TooLong { bytes: 28, max: 27 }), 0));
}

/// If a hello was changed such that one side has checksums and the other has none, the first frame says so.
#[test]
fn with_a_checksum_at_one_side_only_nothing_is_understood() {
    let (mut checked_client, mut checked_server) = checked();
    let (mut client, mut server) = (ClientCodec::new(MAX, MAX), ServerCodec::new(MAX, MAX));
    let ask = || Frame::Open { id: 7, head: request(), more: false };
    let mut buf = BytesMut::new();
    client.encode(ask(), &mut buf).unwrap();
    assert_eq!(checked_server.decode(&mut buf), Err(WireError::Changed));
    let mut buf = BytesMut::new();
    server.encode(Frame::Reply { id: 7, head: reply(Status::Done), more: false }, &mut buf).unwrap();
    assert_eq!(checked_client.decode(&mut buf), Err(WireError::Changed));
    // Arguments with more behind them cannot be read, and the answer that says so has no checksum.
    let mut buf = BytesMut::new();
    checked_client.encode(ask(), &mut buf).unwrap();
    let Ok(Decoded::Frame(Frame::Open { head, .. })) = server.decode(&mut buf) else { panic!("a request") };
    assert_eq!(head.arguments.len(), b"arguments".len() + 4);
    let mut buf = BytesMut::new();
    checked_client.encode(Frame::End { id: 7 }, &mut buf).unwrap();
    assert_eq!(server.decode(&mut buf), Err(WireError::Excess { kind: 4 }));
}

/// The frames that a codec finds in bytes that come in pieces, and how it ends.
fn in_pieces<C: Decoder>(codec: &mut C, bytes: &[u8], cuts: &[usize]) -> (Vec<C::Item>, Option<C::Error>) {
    let (mut buf, mut frames) = (BytesMut::new(), Vec::new());
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    for piece in cuts.windows(2) {
        buf.extend_from_slice(&bytes[piece[0]..piece[1]]);
        loop {
            match codec.decode(&mut buf) {
                Ok(Decoded::Frame(frame)) => frames.push(frame),
                Ok(_) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, None)
}

proptest! {
    #[test]
    fn any_splitting_gives_the_same_frames(
        lengths in prop::collection::vec(0_usize..3000, 1..6),
        cuts in prop::collection::vec(any::<usize>(), 0..10),
    ) {
        let (mut bytes, mut frames) = (BytesMut::new(), Vec::new());
        for (at, length) in lengths.into_iter().enumerate() {
            let id = at as u32;
            let arguments = Bytes::from(vec![b'x'; length]);
            let head = RequestHead { arguments: arguments.clone().into(), ..all(request()) };
            for frame in [Frame::Open { id, head, more: at == 1 }, Frame::Chunk { id, bytes: arguments }] {
                frames.push(frame.clone());
                ClientCodec::new(MAX, MAX).encode(frame, &mut bytes).unwrap();
            }
        }
        prop_assert_eq!(in_pieces(&mut ServerCodec::new(MAX, MAX), &bytes, &cuts), (frames, None));
    }

    /// Whatever was changed, in a frame or in its length: no frame is taken for another.
    #[test]
    fn what_was_changed_is_no_frame(
        length in 0_usize..300,
        at in any::<prop::sample::Index>(),
        bits in 1_u8..,
        cuts in prop::collection::vec(any::<usize>(), 0..3),
    ) {
        let (mut client, mut server) = checked();
        let mut bytes = BytesMut::new();
        let head = RequestHead { arguments: Payload::copied(&vec![b'x'; length]), ..all(request()) };
        let frame = Frame::Open { id: 7, head, more: true };
        client.encode(frame.clone(), &mut bytes).unwrap();
        client.encode(frame.clone(), &mut bytes).unwrap();
        prop_assert_eq!(in_pieces(&mut server, &bytes, &cuts), (vec![frame.clone(), frame.clone()], None));
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        let (frames, _) = in_pieces(&mut server, &bytes, &cuts);
        prop_assert_eq!(frames, vec![frame; usize::from(at >= bytes.len() / 2)]);
    }

    #[test]
    fn no_bytes_make_it_panic(
        input in prop::collection::vec(prop_oneof![Just(0_u8), 1_u8..12, any::<u8>()], 0..80),
        cut in any::<usize>(),
    ) {
        let whole = in_pieces(&mut ServerCodec::new(64, MAX), &input, &[]);
        prop_assert_eq!(in_pieces(&mut ServerCodec::new(64, MAX), &input, &[cut]), whole);
        let whole = in_pieces(&mut ClientCodec::new(64, MAX), &input, &[]);
        prop_assert_eq!(in_pieces(&mut ClientCodec::new(64, MAX), &input, &[cut]), whole);
        prop_assert_eq!(in_pieces(&mut checked().0, &input, &[cut]).0, vec![]);
        prop_assert_eq!(in_pieces(&mut checked().1, &input, &[cut]).0, vec![]);
    }
}
