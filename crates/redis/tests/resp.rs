//! Any bytes, in any pieces, to the decoders of RESP: what they decode does not depend on the pieces, keeps to the limits,
//! and comes back when it is encoded; and what the crate `redis-protocol` decodes is the same. The fuzz target `resp` plays
//! [`check`] too.

use bytes::BytesMut;
use ekiden_proto::codec::{Decoded, Decoder};
use ekiden_redis::resp::{Limits, ReplyDecoder, RequestDecoder, RespError, Version, encode};
use ekiden_redis::{Command, Value};

/// What the fuzzer begins with: each type, and what was once taken for what it is not.
pub(crate) const SEEDS: &[&[u8]] = &[
    b"\x01\0\x03*2\r\n$3\r\nGET\r\n$1\r\na\r\nPING\r\n*0\r\n*-1\r\n",
    b"\x01\x10\x01*3\r\n$3\r\nSET\r\n$0\r\n\r\n$3\r\n$1\r\r\n",
    b"\x01\0\x02*1\r\n$-0\r\n\r\n",
    b"\x01\0\x02*3\r\n$3\r\nSET\r\n$-0\r\n\r\n$1\r\nx\r\n",
    b"\x01\0\x07*1\r\n$04\r\nPING\r\n",
    b"\x01\0\x07*01\r\n$4\r\nPING\r\n*-0\r\n",
    b"\x01\0\x07*1\r\n$4\r\nPOST\r\n",
    b"\x01\0\x07host: a\r\n",
    b"\0\0\x03+OK\r\n-ERR no\r\n:-1\r\n:+007\r\n$1\r\na\r\n$-1\r\n*-1\r\n*2\r\n_\r\n#t\r\n",
    b"\0\0\x03%1\r\n+a\r\n,1.5\r\n~1\r\n,-inf\r\n>1\r\n(12\r\n=5\r\ntxt:a\r\n!3\r\nERR\r\n|1\r\n+a\r\n:1\r\n,nan\r\n",
    b"\0\x08\x02*1\r\n*1\r\n*1\r\n$-0\r\n\r\n",
    b"\0\0\x02*01\r\n$00\r\n\r\n",
];

/// The input says which decoder, which limits, how large the pieces are, and what they hold. Fails if anything is not as
/// it should be.
pub(crate) fn check(input: &[u8]) {
    let [kind, max, step, wire @ ..] = input else { return };
    let step = usize::from(*step).max(1);
    if kind % 2 == 0 {
        let limits = narrow(Limits::of_replies(), *max);
        check_replies(limits, step, wire);
    } else {
        let limits = narrow(Limits::of_requests(), *max);
        check_requests(limits, step, wire);
    }
}

/// Limits that an input of a few hundred bytes can reach, or the usual ones.
fn narrow(mut limits: Limits, max: u8) -> Limits {
    if max > 0 {
        limits.frame_bytes_max = usize::from(max) * 4;
        limits.values_max = usize::from(max);
        limits.depth_max = usize::from(max % 8);
    }
    limits
}

fn check_replies(limits: Limits, step: usize, wire: &[u8]) {
    let whole = decode(ReplyDecoder::new(limits), wire.len().max(1), wire);
    let pieces = decode(ReplyDecoder::new(limits), step, wire);
    assert_eq!(shown(&whole.0), shown(&pieces.0), "in pieces of {step}");
    assert_eq!(whole.1, pieces.1, "in pieces of {step}");
    for value in &whole.0 {
        let (values, depth) = size_of(value);
        assert!(
            values <= limits.values_max.max(1) && depth <= limits.depth_max,
            "{value:?} is over the limits"
        );
        assert_eq!(shown(&[again(value, Version::Resp3)]), shown(std::slice::from_ref(value)));
        // What RESP2 says in other words is at least said.
        let other = again(value, Version::Resp2);
        assert_eq!(shown(&[again(&other, Version::Resp2)]), shown(&[other]));
    }
}

fn check_requests(limits: Limits, step: usize, wire: &[u8]) {
    let whole = decode(RequestDecoder::new(limits), wire.len().max(1), wire);
    let pieces = decode(RequestDecoder::new(limits), step, wire);
    assert_eq!(whole, pieces, "in pieces of {step}");
    for command in whole.0 {
        let args: Vec<_> = command.args().collect();
        assert_eq!(args.len(), command.len());
        let copy = args.iter().fold(Command::default(), |command, arg| command.arg(*arg));
        // Byte for byte, as a proxy hands it on.
        assert_eq!(copy, command, "{args:?}");
    }
}

/// A value, encoded and decoded.
fn again(value: &Value, version: Version) -> Value {
    let mut buf = BytesMut::new();
    encode(value, version, &mut buf);
    let mut limits = Limits::of_replies();
    // Maps are twice as many in RESP2, and deeper than a test's limits they were not.
    limits.depth_max = 300;
    match ReplyDecoder::new(limits).decode(&mut buf) {
        Ok(Decoded::Frame(value)) if buf.is_empty() => value,
        other => panic!("{value:?} came back as {other:?}"),
    }
}

/// How many values are in it, and how deep.
fn size_of(value: &Value) -> (usize, usize) {
    let add = |(values, depth): (usize, usize), (more, deeper): (usize, usize)| {
        (values + 1 + more, depth.max(deeper))
    };
    let (values, depth) = match value {
        Value::Array(values) | Value::Set(values) | Value::Push(values) => {
            values.iter().map(size_of).fold((0, 0), add)
        }
        Value::Map(pairs) => {
            pairs.iter().flat_map(|(key, value)| [size_of(key), size_of(value)]).fold((0, 0), add)
        }
        _ => return (0, 0),
    };
    (values, depth + 1)
}

/// For comparing: as bytes, in which a number that is none equals itself.
fn shown(values: &[Value]) -> BytesMut {
    let mut buf = BytesMut::new();
    values.iter().for_each(|value| encode(value, Version::Resp3, &mut buf));
    buf
}

/// The frames, and the error that ended them.
fn decode<D: Decoder<Error = RespError>>(
    mut decoder: D,
    step: usize,
    wire: &[u8],
) -> (Vec<D::Item>, Option<RespError>) {
    let (mut buf, mut frames) = (BytesMut::new(), Vec::new());
    for piece in wire.chunks(step) {
        buf.extend_from_slice(piece);
        loop {
            let before = buf.len();
            match decoder.decode(&mut buf) {
                Ok(Decoded::Incomplete) => break,
                Ok(Decoded::Frame(frame) | Decoded::Hold(frame)) => frames.push(frame),
                Err(error) => return (frames, Some(error)),
            }
            assert!(buf.len() < before, "a frame of nothing");
        }
    }
    (frames, None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use ekiden_redis::ServerError;
    use proptest::prelude::*;
    use redis_protocol::{resp2, resp3};

    fn text() -> impl Strategy<Value = Bytes> {
        "[ -~]{0,12}".prop_map(Bytes::from)
    }

    /// Values that are written as they are, without maps and sets if `redis-protocol` shall read them: it has them in
    /// another order, and does not take every value as a key.
    fn values(is_for_others: bool) -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            text().prop_map(Value::Status),
            prop::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Value::Bulk(bytes.into())),
            any::<i64>().prop_map(Value::Integer),
            any::<f64>().prop_map(Value::Double),
            any::<bool>().prop_map(Value::Boolean),
            "-?[0-9]{1,30}".prop_map(|digits| Value::BigNumber(digits.into())),
            text().prop_map(|text| Value::Verbatim { format: *b"txt", text }),
            text().prop_map(|line| Value::Error(ServerError::new(line))),
        ];
        leaf.prop_recursive(4, 40, 6, move |inner| {
            let many = prop::collection::vec(inner.clone(), 0..6);
            let pairs = prop::collection::vec((inner.clone(), inner), 0..4);
            let array = many.clone().prop_map(Value::Array);
            if is_for_others {
                array.boxed()
            } else {
                prop_oneof![
                    array,
                    many.clone().prop_map(Value::Set),
                    many.prop_map(Value::Push),
                    pairs.prop_map(Value::Map)
                ]
                .boxed()
            }
        })
    }

    fn of_resp3(frame: resp3::types::BytesFrame) -> Value {
        use resp3::types::BytesFrame;
        match frame {
            BytesFrame::Null => Value::Nil,
            BytesFrame::SimpleString { data, .. } => Value::Status(data),
            BytesFrame::BlobString { data, .. } => Value::Bulk(data),
            BytesFrame::Number { data, .. } => Value::Integer(data),
            BytesFrame::Double { data, .. } => Value::Double(data),
            BytesFrame::Boolean { data, .. } => Value::Boolean(data),
            BytesFrame::BigNumber { data, .. } => Value::BigNumber(data),
            BytesFrame::VerbatimString { data, .. } => Value::Verbatim { format: *b"txt", text: data },
            BytesFrame::SimpleError { data, .. } => Value::error(data.inner().clone()),
            BytesFrame::Array { data, .. } => Value::Array(data.into_iter().map(of_resp3).collect()),
            other => panic!("{other:?} was not written"),
        }
    }

    fn of_resp2(frame: resp2::types::BytesFrame) -> Value {
        use resp2::types::BytesFrame;
        match frame {
            BytesFrame::Null => Value::Nil,
            BytesFrame::SimpleString(text) => Value::Status(text),
            BytesFrame::BulkString(bytes) => Value::Bulk(bytes),
            BytesFrame::Integer(number) => Value::Integer(number),
            BytesFrame::Error(line) => Value::error(line.inner().clone()),
            BytesFrame::Array(values) => Value::Array(values.into_iter().map(of_resp2).collect()),
        }
    }

    #[test]
    fn what_the_fuzzer_begins_with_is_decoded_or_refused() {
        SEEDS.iter().for_each(|seed| check(seed));
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(input in prop::collection::vec(any::<u8>(), 0..200)) {
            check(&input);
        }

        /// Bytes that look like RESP more often than not.
        #[test]
        fn bytes_of_resp_are_decoded_or_refused(
            head in any::<[u8; 3]>(),
            parts in prop::collection::vec("[$*:+_#,(!=%~>|-]|[0-9]{1,2}|\r\n|[a-z]{1,3}|-1|txt:|inf", 0..60),
        ) {
            let mut input = head.to_vec();
            input.extend_from_slice(parts.concat().as_bytes());
            check(&input);
        }

        #[test]
        fn a_value_comes_back_as_it_was(value in values(false)) {
            let once = again(&value, Version::Resp3);
            prop_assert_eq!(shown(&[once]), shown(&[value]));
        }

        #[test]
        fn arguments_come_back_as_they_were(
            args in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 1..10), step in 1_usize..50,
        ) {
            let mut wire = format!("*{}\r\n", args.len()).into_bytes();
            for arg in &args {
                wire.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
                wire.extend_from_slice(arg);
                wire.extend_from_slice(b"\r\n");
            }
            let (commands, error) = decode(RequestDecoder::default(), step, &wire.repeat(2));
            prop_assert_eq!((commands.len(), error), (2, None));
            prop_assert!(commands.iter().all(|command| command.args().eq(args.iter())));
        }

        #[test]
        fn others_read_the_same_in_version_3(value in values(true)) {
            let wire = shown(std::slice::from_ref(&value)).freeze();
            let read = resp3::decode::complete::decode_bytes(&wire).unwrap();
            let (frame, length) = read.expect("it is whole");
            prop_assert_eq!(length, wire.len());
            let mut buf = BytesMut::from(&wire[..]);
            let Ok(Decoded::Frame(ours)) = ReplyDecoder::default().decode(&mut buf) else { panic!("it is whole") };
            prop_assert_eq!(shown(&[of_resp3(frame)]), shown(&[ours]));
        }

        #[test]
        fn others_read_the_same_in_version_2(value in values(true)) {
            let mut wire = BytesMut::new();
            encode(&value, Version::Resp2, &mut wire);
            let read = resp2::decode::decode_bytes(&wire.clone().freeze()).unwrap();
            let (frame, length) = read.expect("it is whole");
            prop_assert_eq!(length, wire.len());
            let Ok(Decoded::Frame(ours)) = ReplyDecoder::default().decode(&mut wire) else { panic!("it is whole") };
            prop_assert_eq!(of_resp2(frame), ours);
        }

        /// Where both take what is no longer quite RESP, they take it for the same.
        #[test]
        fn others_read_the_same_of_what_was_damaged(value in values(true), at in any::<prop::sample::Index>(), byte: u8) {
            let mut wire = shown(&[value]);
            let at = at.index(wire.len());
            wire[at] = byte;
            let theirs = resp3::decode::complete::decode_bytes(&wire.clone().freeze());
            let Ok(Some((frame, _))) = theirs else { return Ok(()) };
            if is_in_words(&frame)
                && let Ok(Decoded::Frame(ours)) = ReplyDecoder::default().decode(&mut wire)
            {
                prop_assert_eq!(shown(&[of_resp3(frame)]), shown(&[ours]));
            }
        }
    }

    /// Whether it is of the types that are compared.
    fn is_in_words(frame: &resp3::types::BytesFrame) -> bool {
        use resp3::types::BytesFrame;
        match frame {
            BytesFrame::Array { data, attributes: None } => data.iter().all(is_in_words),
            BytesFrame::Null
            | BytesFrame::SimpleString { .. }
            | BytesFrame::BlobString { .. }
            | BytesFrame::Number { .. }
            | BytesFrame::Double { .. }
            | BytesFrame::Boolean { .. }
            | BytesFrame::BigNumber { .. }
            | BytesFrame::SimpleError { .. } => true,
            _ => false,
        }
    }
}
