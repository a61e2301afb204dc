//! Which function of which trait is called: [`Method`].

use std::fmt;
use std::hash::{Hash, Hasher};

/// A method, by its name and by the number that stands for the name on the wire.
///
/// The number is the [FNV-1a](http://www.isthe.com/chongo/tech/comp/fnv/) hash, of 64 bits, of `Trait.method`: it
/// depends on nothing else, so a method keeps it however many others come and go around it. To rename a method, or its
/// trait, is to make another one. That two methods of a trait have the same number is refused by the compiler, and of
/// two traits by the [`Router`](crate::Router).
///
/// ```
/// use ekiden_rpc::Method;
///
/// const FIND: Method = Method::new("Library.find");
/// assert_eq!(FIND.id(), 0xa387_556d_e2b9_fd1d);
/// ```
#[derive(Clone, Copy)]
pub struct Method {
    id: u64,
    /// Empty where only the number is known: at a server.
    name: &'static str,
}

impl Method {
    /// The method of that name, `Trait.method`.
    #[must_use]
    pub const fn new(name: &'static str) -> Self {
        Self { id: hash(name.as_bytes()), name }
    }

    /// The method of that number, as it came over the wire.
    #[must_use]
    pub const fn from_id(id: u64) -> Self {
        Self { id, name: "" }
    }

    /// The number that stands for it on the wire.
    #[must_use]
    pub const fn id(self) -> u64 {
        self.id
    }

    /// Its name; `None` where it came over the wire, and nobody has looked it up.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        if self.name.is_empty() { None } else { Some(self.name) }
    }
}

/// By the number alone.
impl PartialEq for Method {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for Method {}

impl Hash for Method {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "{:#018x}", self.id),
        }
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Method({self})")
    }
}

/// FNV-1a of 64 bits.
const fn hash(bytes: &[u8]) -> u64 {
    let (mut hash, mut at) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From the list that the authors of the hash publish.
    #[test]
    fn the_hash_is_that_of_its_authors() {
        assert_eq!(hash(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(hash(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(hash(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_method_is_told_by_its_name_where_that_is_known() {
        let method = Method::new("Library.find");
        assert_eq!(method, Method::from_id(method.id()));
        assert_eq!(method.to_string(), "Library.find");
        assert_eq!(Method::from_id(0xaf63_dc4c_8601_ec8c).to_string(), "0xaf63dc4c8601ec8c");
    }
}
