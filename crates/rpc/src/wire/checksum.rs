//! The checksum of what is on the wire, where both sides have asked for one: CRC-32, as zlib, Ethernet and PNG have it.
//!
//! It finds what a bad memory or cable did on the way, all of it that is within 32 bits of one another and of the rest all but one in
//! four thousand million. It is no defence against anybody: whoever can change the bytes can change it too.

/// Of these bytes.
pub(super) fn of(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// Whether these bytes end with the checksum of those before it. There must be as many.
pub(super) fn is_right(bytes: &[u8]) -> bool {
    let Some((before, &checksum)) = bytes.split_last_chunk() else { return false };
    of(before) == u32::from_le_bytes(checksum)
}

/// So long it is.
pub(super) const BYTES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    /// What `zlib.crc32` of Python says.
    #[test]
    fn it_is_that_of_zlib() {
        assert_eq!((of(b""), of(b"123456789")), (0, 0xcbf4_3926));
        assert!(is_right(b"123456789\x26\x39\xf4\xcb"));
        assert!(!is_right(b"123456788\x26\x39\xf4\xcb"));
        assert!(!is_right(b"\x26\x39"));
    }
}
