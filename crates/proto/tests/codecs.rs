//! Any bytes, in any pieces, to the codecs: what they decode does not depend on the pieces, keeps to the maximum, and
//! comes back when it is encoded. The fuzz target `codecs` plays [`check`] too.

use std::fmt::Debug;

use bytes::BytesMut;
use ekiden_proto::codec::{ByteLines, Decoded, Decoder, Encoder, Endian, LengthDelimited, Lines, Width};

/// The input says which codec, how large the pieces are, and what they hold. Fails if anything is not as it should be.
pub(crate) fn check(input: &[u8]) {
    let [kind, max, step, wire @ ..] = input else { return };
    let (max, step) = (usize::from(*max), usize::from(*step).max(1));
    let (width, endian, head_bytes) = shape(*kind);
    match kind % 3 {
        0 => check_codec(|| Lines::new(max), max + 2, step, wire),
        1 => check_codec(|| ByteLines::new(max), max + 2, step, wire),
        _ => {
            let mut codec = LengthDelimited::new(max);
            (codec.width, codec.endian, codec.head_bytes) = (width, endian, head_bytes);
            check_codec(|| codec, max + usize::from(head_bytes) + 8, step, wire);
        }
    }
}

fn shape(kind: u8) -> (Width, Endian, u8) {
    let widths = [Width::U8, Width::U16, Width::U24, Width::U32, Width::U64];
    let endian = if kind & 4 == 0 { Endian::Big } else { Endian::Little };
    (widths[usize::from(kind >> 3) % widths.len()], endian, kind >> 6)
}

/// `waiting_bytes_max` is the longest beginning of a frame that may be waited with.
fn check_codec<D>(codec: impl Fn() -> D, waiting_bytes_max: usize, step: usize, wire: &[u8])
where
    D: Decoder<Error: Debug + PartialEq> + Encoder<D::Item, Error: Debug>,
    D::Item: AsRef<[u8]> + Clone + Debug + PartialEq,
{
    let whole = decode(codec(), waiting_bytes_max, wire.len().max(1), wire);
    let pieces = decode(codec(), waiting_bytes_max, step, wire);
    assert_eq!(whole, pieces, "in pieces of {step}");

    // A codec may refuse to send what it takes, such as a line that ends in CR, but must not send something else.
    let (mut encoded, mut sent) = (BytesMut::new(), Vec::new());
    for frame in whole.0 {
        assert!(frame.as_ref().len() <= waiting_bytes_max, "a frame over the maximum");
        let before = encoded.len();
        match codec().encode(frame.clone(), &mut encoded) {
            Ok(()) => sent.push(frame),
            Err(_) => encoded.truncate(before),
        }
    }
    assert_eq!(decode(codec(), waiting_bytes_max, encoded.len().max(1), &encoded), (sent, None));
}

/// The frames, and the error that ended them.
fn decode<D: Decoder>(
    mut codec: D,
    waiting_bytes_max: usize,
    step: usize,
    wire: &[u8],
) -> (Vec<D::Item>, Option<D::Error>) {
    let (mut buf, mut frames) = (BytesMut::new(), Vec::new());
    for piece in wire.chunks(step) {
        buf.extend_from_slice(piece);
        loop {
            let before = buf.len();
            match codec.decode(&mut buf) {
                Ok(Decoded::Incomplete) => break,
                Ok(Decoded::Frame(frame) | Decoded::Hold(frame)) => frames.push(frame),
                Err(error) => return (frames, Some(error)),
            }
            assert!(buf.len() < before, "a frame of nothing");
        }
        assert!(buf.len() <= waiting_bytes_max, "a frame over the maximum is waited for");
    }
    (frames, None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn codecs_stand_a_little_chance(
            head in any::<[u8; 3]>(),
            wire in prop::collection::vec(prop_oneof![Just(b'\n'), Just(b'\r'), Just(0), 0..9u8, any::<u8>()], 0..60),
        ) {
            super::check(&[&head[..], &wire].concat());
        }
    }
}
