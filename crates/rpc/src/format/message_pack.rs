//! [`MessagePack`], by `rmp-serde` within [`Bounds`]: structs are maps by the names of their fields.

use std::error::Error;

use rmp_serde::decode::Deserializer;
use rmp_serde::encode::Serializer;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Format;
use super::bounded::Bounds;

/// [MessagePack](https://github.com/msgpack/msgpack/blob/master/spec.md), in which a struct is a map from the names of its
/// fields to their values, and an enum its variant's name, or a map of one from that to what is in it.
///
/// Values nest at most 128 deep; deeper ones are not read. Each array, map, and variant with something in it is a level; options
/// and newtype structs, which are nothing on the wire, are counted by themselves, up to as many.
///
/// Memory is taken as the bytes come, whatever a length says: in advance there is room for no more elements, in all lists
/// together, than there are bytes. But what a byte becomes can be larger than itself: a list of a million `null`s is a million
/// `Option`s.
///
/// What serde keeps for later (a field with `#[serde(flatten)]`, an enum with `#[serde(untagged)]` or a tag within) is bounded
/// while it is read, and no more when it is looked at again: of such, none may be a type that is an `Option` of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessagePack;

impl Format for MessagePack {
    const CODE: u32 = 1;

    #[inline]
    fn encode<T: Serialize>(value: &T, buf: &mut Vec<u8>) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(value.serialize(&mut Serializer::new(buf).with_struct_map())?)
    }

    #[inline]
    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Box<dyn Error + Send + Sync>> {
        let mut deserializer = Deserializer::from_read_ref(bytes);
        let bounds = Bounds::new(DEPTH_MAX, bytes.len());
        let value = T::deserialize(bounds.around(&mut deserializer))?;
        // It does not say what it has left, but that there is no further value to begin.
        match <()>::deserialize(&mut deserializer) {
            Err(rmp_serde::decode::Error::InvalidMarkerRead(_)) => Ok(value),
            _ => Err("there is more behind the value".into()),
        }
    }
}

/// Far above what data has, and far below what a stack holds: a level takes some hundred bytes of it.
const DEPTH_MAX: u32 = 128;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    enum Event {
        Closed,
        Lent(String),
        Moved { from: Option<u32>, to: Vec<u8> },
    }

    /// Whatever is thrown at it, it has all the shapes that a deserializer is asked for.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
    struct Everything {
        event: Event,
        events: Vec<Event>,
        by_name: BTreeMap<String, (bool, i64, f64)>,
        within: Option<Box<Self>>,
        result: Result<char, ()>,
    }

    fn encode<T: Serialize>(value: &T) -> Vec<u8> {
        let mut bytes = Vec::new();
        MessagePack::encode(value, &mut bytes).unwrap();
        bytes
    }

    fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
        MessagePack::decode(bytes).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_written_is_as_the_page_says() {
        assert_eq!(encode(&Event::Closed), b"\xa6Closed");
        assert_eq!(encode(&Event::Lent("x".into())), b"\x81\xa4Lent\xa1x");
        let moved = Event::Moved { from: None, to: vec![1, 2] };
        assert_eq!(encode(&moved), b"\x81\xa5Moved\x82\xa4from\xc0\xa2to\x92\x01\x02");
        assert_eq!(encode(&Ok::<u32, ()>(7)), b"\x81\xa2Ok\x07");
        assert_eq!(encode(&()), b"\xc0");
    }

    #[test]
    fn a_struct_may_gain_and_lose_fields() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Old {
            title: String,
            pages: u32,
        }
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct New {
            title: String,
            #[serde(default)]
            pages: u32,
            isbn: Option<String>,
        }
        let (title, isbn) = ("x".to_owned(), Some("y".to_owned()));
        let old = decode::<Old>(&encode(&New { title: title.clone(), pages: 7, isbn }));
        assert_eq!(old, Ok(Old { title: title.clone(), pages: 7 }));
        let new = decode::<New>(&encode(&Old { title: title.clone(), pages: 7 }));
        assert_eq!(new, Ok(New { title: title.clone(), pages: 7, isbn: None }));
        assert!(decode::<Old>(b"\x81\xa5title\xa1x").unwrap_err().contains("pages"));
        assert_eq!(decode::<New>(b"\x81\xa5title\xa1x"), Ok(New { title, pages: 0, isbn: None }));
    }

    /// Who reads on, and who does not, would have two calls of one.
    #[test]
    fn what_has_more_behind_it_is_not_read() {
        assert_eq!(decode::<(String,)>(b"\x91\xa1x"), Ok(("x".to_owned(),)));
        for more in [&b"\xff"[..], b"\xff\xff\xff", b"\xc0", b"\xc1", b"\xa1", b"\xdd", b"\xd9\xff"] {
            for value in [&b"\x91\xa1x"[..], b"\x91\xa0"] {
                let read = decode::<(String,)>(&[value, more].concat());
                assert_eq!(read, Err("there is more behind the value".to_owned()), "{}", more.escape_ascii());
            }
            assert!(decode::<Option<u8>>(&[b"\xc0", more].concat()).is_err());
            assert!(decode::<()>(&[b"\xc0", more].concat()).is_err());
        }
    }

    #[test]
    fn what_nests_too_deep_is_not_read() {
        let nested = |depth| [vec![0x91; depth], vec![0xc0]].concat();
        let deepest = DEPTH_MAX as usize - 1;
        assert!(decode::<serde::de::IgnoredAny>(&nested(deepest)).is_ok());
        for depth in [deepest + 1, 1_000_000] {
            assert!(decode::<serde::de::IgnoredAny>(&nested(depth)).is_err());
        }
    }

    /// A variant takes a few bytes, which `rmp-serde` does not count.
    #[test]
    fn variants_within_variants_are_levels_too() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        enum Doll {
            Last,
            Next(Box<Self>),
            Pair(u8, Box<Self>),
            Named { next: Box<Self> },
        }
        let within = |before: &[u8], depth| [before.repeat(depth), b"\xa4Last".to_vec()].concat();
        for before in [&b"\x81\xa4Next"[..], b"\x81\xa4Pair\x92\x07", b"\x81\xa5Named\x81\xa4next"] {
            let levels = if before.starts_with(b"\x81\xa4Next") { 1 } else { 2 };
            let deepest = (DEPTH_MAX as usize - 1) / levels;
            decode::<Doll>(&within(before, deepest)).unwrap();
            for depth in [deepest + 1, 100_000] {
                assert_eq!(decode::<Doll>(&within(before, depth)), Err("it nests too deep".to_owned()));
            }
        }
    }

    /// No byte says how deep these are: each asks for the next by the one that is there.
    #[test]
    fn what_is_an_option_of_itself_is_read_no_deeper_than_others() {
        #[derive(Debug, Serialize, Deserialize)]
        struct Chain(Option<Box<Self>>);
        #[derive(Debug, Serialize, Deserialize)]
        #[serde(transparent)]
        struct Link {
            next: Option<Box<Self>>,
        }
        for byte in [b"\x07", b"\x80", b"\x90", b"\xa0", b"\xc3"] {
            assert_eq!(decode::<Chain>(byte).unwrap_err(), "it nests too deep");
            assert_eq!(decode::<Link>(byte).unwrap_err(), "it nests too deep");
        }
        assert!(decode::<Chain>(b"\xc0").unwrap().0.is_none());
        #[derive(Debug, Serialize, Deserialize)]
        struct Node {
            next: Option<Box<Self>>,
        }
        let depth = DEPTH_MAX as usize - 1;
        let list = (0..depth - 1).fold(Node { next: None }, |next, _| Node { next: Some(Box::new(next)) });
        assert_eq!(encode(&list), [b"\x81\xa4next".repeat(depth), b"\xc0".to_vec()].concat());
        decode::<Node>(&encode(&list)).unwrap();
    }

    /// Neither that of one list nor that of all that are within each other: these were megabytes.
    #[test]
    fn room_is_made_for_no_more_elements_than_there_are_bytes() {
        #[derive(Debug, Serialize, Deserialize)]
        struct Tree {
            value: [u64; 8],
            children: Vec<Self>,
        }
        let most = |read: fn(&[u8]), bytes: &[u8]| allocation_counter::measure(|| read(bytes)).bytes_max;
        let one = most(|bytes| drop(decode::<Vec<[u64; 32]>>(bytes)), b"\xdd\xff\xff\xff\xff");
        assert!(one < 5 * 256 + 1_000, "5 bytes took {one}");
        let tree = b"\x92\x98\0\0\0\0\0\0\0\0\xdd\xff\xff\xff\xff".repeat(60);
        let many = most(|bytes| drop(decode::<Tree>(bytes)), &tree);
        assert!(
            many < tree.len() as u64 * size_of::<Tree>() as u64 + 1_000,
            "{} bytes took {many}",
            tree.len()
        );
        // And what is there is given its room at once.
        let list = encode(&vec![7_u8; 1_000]);
        assert_eq!(allocation_counter::measure(|| drop(decode::<Vec<u8>>(&list))).count_total, 1);
    }

    /// Beyond what is there nothing is reserved: these would be gigabytes.
    #[test]
    fn a_length_that_lies_allocates_nothing() {
        for bytes in [
            &b"\xdd\xff\xff\xff\xff"[..],
            b"\xdf\xff\xff\xff\xff",
            b"\xdb\xff\xff\xff\xffx",
            b"\xc6\xff\xff\xff\xffx",
        ] {
            assert!(decode::<Vec<[u64; 32]>>(bytes).is_err());
            assert!(decode::<String>(bytes).is_err());
            assert!(decode::<BTreeMap<String, u8>>(bytes).is_err());
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(
            input in prop::collection::vec(prop_oneof![any::<u8>(), 0x80_u8..0xa0, 0xc0_u8..0xe0], 0..64),
        ) {
            drop(decode::<Everything>(&input));
            drop(decode::<Vec<Everything>>(&input));
            drop(decode::<Event>(&input));
        }

        #[test]
        fn a_value_with_one_byte_changed_never_panics(at in 0_usize..100, byte: u8) {
            let within = Everything {
                event: Event::Lent("x".into()),
                events: vec![Event::Closed, Event::Moved { from: Some(1), to: vec![2] }],
                by_name: BTreeMap::from([("one".to_owned(), (true, -1, 1.5))]),
                within: None,
                result: Err(()),
            };
            let everything = Everything { within: Some(Box::new(within.clone())), result: Ok('x'), ..within };
            let mut bytes = encode(&everything);
            prop_assert_eq!(decode(&bytes), Ok(everything));
            let at = at % bytes.len();
            bytes[at] = byte;
            drop(decode::<Everything>(&bytes));
        }
    }
}
