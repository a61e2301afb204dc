//! The arguments of a method: an array in their order, to which a method can add.
//!
//! A server that finds fewer than it takes has the missing ones read as serde reads a missing field: an `Option` is `None`, and
//! anything else is an error, a type around an `Option` too. Those that are more than it takes it passes over. So a method can gain an optional argument,
//! at its end, while old peers are about.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{self, Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeTuple, Serializer};

use super::Data;

/// The arguments of a method, as a tuple; in a form of its own on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arguments<A>(
    /// As the method takes them.
    pub A,
);

/// Tuples of up to twelve [`Data`].
pub trait ArgumentList: Sized {
    #[doc(hidden)]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error>;
    #[doc(hidden)]
    fn visit<'de, S: SeqAccess<'de>>(seq: S) -> Result<Self, S::Error>;
}

impl<A: ArgumentList> Serialize for Arguments<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, A: ArgumentList> Deserialize<'de> for Arguments<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(List(PhantomData)).map(Self)
    }
}

struct List<A>(PhantomData<fn() -> A>);

impl<'de, A: ArgumentList> Visitor<'de> for List<A> {
    type Value = A;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of arguments")
    }

    fn visit_seq<S: SeqAccess<'de>>(self, seq: S) -> Result<A, S::Error> {
        A::visit(seq)
    }
}

macro_rules! argument_lists {
    ($($argument:ident)*) => {
        impl<$($argument: Data),*> ArgumentList for ($($argument,)*) {
            #[allow(non_snake_case, reason = "a type's name is its value's, too")]
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let ($($argument,)*) = self;
                let count = 0 $(+ argument_lists!(@one $argument))*;
                #[allow(unused_mut, reason = "an empty list has nothing to write")]
                let mut tuple = serializer.serialize_tuple(count)?;
                $(tuple.serialize_element($argument)?;)*
                tuple.end()
            }

            fn visit<'de, S: SeqAccess<'de>>(mut seq: S) -> Result<Self, S::Error> {
                let arguments = ($(next::<$argument, S>(&mut seq)?,)*);
                while seq.next_element::<IgnoredAny>()?.is_some() {}
                #[allow(clippy::unit_arg, reason = "an empty list is a unit")]
                Ok(arguments)
            }
        }
    };
    (@one $argument:ident) => { 1 };
}

argument_lists!();
argument_lists!(A);
argument_lists!(A B);
argument_lists!(A B C);
argument_lists!(A B C D);
argument_lists!(A B C D E);
argument_lists!(A B C D E G);
argument_lists!(A B C D E G H);
argument_lists!(A B C D E G H I);
argument_lists!(A B C D E G H I J);
argument_lists!(A B C D E G H I J K);
argument_lists!(A B C D E G H I J K L);
argument_lists!(A B C D E G H I J K L M);

/// The next argument, or what stands for one that is missing.
fn next<'de, T: Deserialize<'de>, S: SeqAccess<'de>>(seq: &mut S) -> Result<T, S::Error> {
    match seq.next_element()? {
        Some(argument) => Ok(argument),
        None => T::deserialize(Missing(PhantomData)),
    }
}

/// Reads as `None`, and as nothing else.
struct Missing<E>(PhantomData<fn() -> E>);

impl<'de, E: de::Error> Deserializer<'de> for Missing<E> {
    type Error = E;

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, E> {
        Err(E::custom("an argument is missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, E> {
        visitor.visit_none()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Format, MessagePack};

    fn encode<A: ArgumentList>(arguments: A) -> Vec<u8> {
        let mut bytes = Vec::new();
        MessagePack::encode(&Arguments(arguments), &mut bytes).unwrap();
        bytes
    }

    fn decode<A: ArgumentList>(bytes: &[u8]) -> Result<A, String> {
        MessagePack::decode(bytes).map(|Arguments(arguments)| arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn they_are_an_array_in_their_order() {
        assert_eq!(encode(()), b"\x90");
        assert_eq!(encode((7,)), b"\x91\x07");
        assert_eq!(encode((7, "seven".to_owned())), b"\x92\x07\xa5seven");
        assert_eq!(decode::<(u32, String)>(b"\x92\x07\xa5seven"), Ok((7, "seven".to_owned())));
    }

    #[test]
    fn a_missing_optional_one_is_none_and_any_other_an_error() {
        assert_eq!(decode::<(u32, Option<u32>, Option<()>)>(b"\x91\x07"), Ok((7, None, None)));
        assert_eq!(decode::<(u32, u32)>(b"\x91\x07"), Err("an argument is missing".to_owned()));
        assert_eq!(decode::<(Vec<u8>,)>(b"\x90"), Err("an argument is missing".to_owned()));
        // As of a field, of which serde sees no more.
        #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        struct Edition(Option<u32>);
        #[derive(Debug, serde::Deserialize)]
        struct Book {
            edition: Edition,
        }
        assert_eq!(decode::<(Edition,)>(b"\x90"), Err("an argument is missing".to_owned()));
        let error = MessagePack::decode::<Book>(b"\x80").map(|book| book.edition).unwrap_err();
        assert_eq!(error.to_string(), "missing field `edition`");
    }

    #[test]
    fn those_that_are_too_many_are_passed_over() {
        assert_eq!(decode::<(u32,)>(b"\x93\x07\xa5seven\x91\xc0"), Ok((7,)));
        assert_eq!(decode::<()>(b"\x92\x07\x08"), Ok(()));
    }

    #[test]
    fn what_is_no_array_or_ends_early_is_an_error() {
        for bytes in [&b""[..], b"\x07", b"\x81\x07\x08", b"\x92\x07", b"\xdd\xff\xff\xff\xff", b"\xc1"] {
            assert!(decode::<(u32, Option<u32>)>(bytes).is_err(), "{}", bytes.escape_ascii());
        }
    }
}
