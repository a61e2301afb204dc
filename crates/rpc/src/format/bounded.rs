//! A value that is read within limits, whatever its bytes say: [`Bounds`], and [`Bounded`] around a format's deserializer.
//!
//! Two things of a value are said by few bytes, or by none. How deep it nests: an `Option` of a box of itself is begun again
//! and again by the same byte, which no format counts, and ends the process by its stack. And how much comes: a list makes
//! room by its length before the first of it is there, and each list within it does so again.
//!
//! ```text
//!   T::deserialize ──► Bounded ──► the format's deserializer
//!                                       │ calls back
//!   T's visitor   ◄── Watching ◄────────┘      and gives parts, each of which is Bounded again
//! ```
//!
//! It knows of no format. What has no parts passes through it.

use std::cell::Cell;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};

/// What is left of the limits while one value is read.
#[derive(Debug)]
pub(super) struct Bounds {
    /// How many arrays, maps, and variants with something in them may still be within each other.
    levels: Cell<u32>,
    /// The same of what takes no byte: options, and structs of one field without a name.
    folds: Cell<u32>,
    /// For how many elements room may still be made in advance.
    elements: Cell<usize>,
}

/// What reads within bounds: a deserializer, or the parts that one gives.
pub(super) struct Bounded<'a, I> {
    inner: I,
    bounds: &'a Bounds,
    /// For how many elements room may be made, where there are some.
    room: Option<usize>,
}

/// A visitor, whose parts are bounded too.
struct Watching<'a, V> {
    inner: V,
    bounds: &'a Bounds,
}

impl Bounds {
    /// For a value of so many bytes. Each element takes a byte at least, so there is room for all that there can be; but what
    /// says that it has more, or says so again within itself, is not believed.
    pub(super) const fn new(depth_max: u32, bytes: usize) -> Self {
        Self { levels: Cell::new(depth_max), folds: Cell::new(depth_max), elements: Cell::new(bytes) }
    }

    pub(super) const fn around<I>(&self, inner: I) -> Bounded<'_, I> {
        Bounded { inner, bounds: self, room: None }
    }

    /// Reads what is one deeper.
    #[inline]
    fn within<T, E: Error>(left: &Cell<u32>, read: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let below = left.get().checked_sub(1).filter(|below| *below > 0);
        left.set(below.ok_or_else(|| E::custom("it nests too deep"))?);
        let read = read();
        left.set(left.get() + 1);
        read
    }

    /// For how many of so many elements room may be made.
    #[inline]
    fn make_room(&self, elements: Option<usize>) -> Option<usize> {
        let room = elements?.min(self.elements.get());
        self.elements.set(self.elements.get() - room);
        Some(room)
    }
}

/// Has each of these functions called with a visitor that watches, and with nothing else or with what is named.
macro_rules! forward {
    ($($name:ident($($argument:ident: $type:ty),*))*) => {
        $(
            #[inline]
            fn $name<V: Visitor<'de>>(self $(, $argument: $type)*, visitor: V) -> Result<V::Value, D::Error> {
                self.inner.$name($($argument,)* Watching { inner: visitor, bounds: self.bounds })
            }
        )*
    };
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Bounded<'_, D> {
    type Error = D::Error;

    forward! {
        deserialize_any() deserialize_bool() deserialize_char() deserialize_str() deserialize_string()
        deserialize_i8() deserialize_i16() deserialize_i32() deserialize_i64() deserialize_i128()
        deserialize_u8() deserialize_u16() deserialize_u32() deserialize_u64() deserialize_u128()
        deserialize_f32() deserialize_f64() deserialize_bytes() deserialize_byte_buf() deserialize_option()
        deserialize_unit() deserialize_unit_struct(name: &'static str)
        deserialize_newtype_struct(name: &'static str) deserialize_seq() deserialize_tuple(len: usize)
        deserialize_tuple_struct(name: &'static str, len: usize) deserialize_map()
        deserialize_struct(name: &'static str, fields: &'static [&'static str])
        deserialize_enum(name: &'static str, variants: &'static [&'static str])
        deserialize_identifier() deserialize_ignored_any()
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.inner.is_human_readable()
    }
}

/// The same of a visitor, for what has no parts.
macro_rules! pass {
    ($($name:ident: $type:ty,)*) => {
        $(
            #[inline]
            fn $name<E: Error>(self, value: $type) -> Result<V::Value, E> {
                self.inner.$name(value)
            }
        )*
    };
}

impl<'de, V: Visitor<'de>> Visitor<'de> for Watching<'_, V> {
    type Value = V::Value;

    pass! {
        visit_bool: bool, visit_char: char,
        visit_i8: i8, visit_i16: i16, visit_i32: i32, visit_i64: i64, visit_i128: i128,
        visit_u8: u8, visit_u16: u16, visit_u32: u32, visit_u64: u64, visit_u128: u128,
        visit_f32: f32, visit_f64: f64,
        visit_str: &str, visit_borrowed_str: &'de str, visit_string: String,
        visit_bytes: &[u8], visit_borrowed_bytes: &'de [u8], visit_byte_buf: Vec<u8>,
    }

    #[inline]
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.expecting(f)
    }

    #[inline]
    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_none()
    }

    #[inline]
    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.inner.visit_unit()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, what: D) -> Result<V::Value, D::Error> {
        let Self { inner, bounds } = self;
        Bounds::within(&bounds.folds, || inner.visit_some(bounds.around(what)))
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, field: D) -> Result<V::Value, D::Error> {
        let Self { inner, bounds } = self;
        Bounds::within(&bounds.folds, || inner.visit_newtype_struct(bounds.around(field)))
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        let Self { inner, bounds } = self;
        let room = bounds.make_room(seq.size_hint());
        Bounds::within(&bounds.levels, || inner.visit_seq(Bounded { inner: seq, bounds, room }))
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        let Self { inner, bounds } = self;
        let room = bounds.make_room(map.size_hint());
        Bounds::within(&bounds.levels, || inner.visit_map(Bounded { inner: map, bounds, room }))
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, variant: A) -> Result<V::Value, A::Error> {
        self.inner.visit_enum(self.bounds.around(variant))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Bounded<'_, S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Value, D::Error> {
        self.inner.deserialize(self.bounds.around(deserializer))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_element_seed(self.bounds.around(seed))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.room
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        self.inner.next_key_seed(self.bounds.around(seed))
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.inner.next_value_seed(self.bounds.around(seed))
    }

    #[inline]
    fn size_hint(&self) -> Option<usize> {
        self.room
    }
}

impl<'a, 'de, A: EnumAccess<'de>> EnumAccess<'de> for Bounded<'a, A> {
    type Error = A::Error;
    type Variant = Bounded<'a, A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (name, what) = self.inner.variant_seed(self.bounds.around(seed))?;
        Ok((name, self.bounds.around(what)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Bounded<'_, A> {
    type Error = A::Error;

    #[inline]
    fn unit_variant(self) -> Result<(), A::Error> {
        self.inner.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        let Self { inner, bounds, .. } = self;
        Bounds::within(&bounds.levels, || inner.newtype_variant_seed(bounds.around(seed)))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        let Self { inner, bounds, .. } = self;
        Bounds::within(&bounds.levels, || inner.tuple_variant(len, Watching { inner: visitor, bounds }))
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        let Self { inner, bounds, .. } = self;
        Bounds::within(&bounds.levels, || inner.struct_variant(fields, Watching { inner: visitor, bounds }))
    }
}
