//! Checksums of frames by a hand that is not ours: CRC-32 bit by bit, as it is defined.

/// That of zlib.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

/// A hello of version 1 with these settings, and the one of its own checksum.
pub(crate) fn hello(settings: &[(u16, u32)]) -> Vec<u8> {
    let mut hello = b"ekiden\x01\0".to_vec();
    hello.extend((6 * (settings.len() + 1) as u16).to_le_bytes());
    for (key, value) in settings {
        hello.extend(key.to_le_bytes());
        hello.extend(value.to_le_bytes());
    }
    let checksum = crc32(&hello);
    hello.extend([6, 0]);
    hello.extend(checksum.to_le_bytes());
    hello
}

/// A hello that asks for checksums, and for nothing else.
pub(crate) fn asking() -> Vec<u8> {
    hello(&[(5, 1)])
}

/// A frame that has no checksum, with one.
pub(crate) fn checked(frame: &[u8]) -> Vec<u8> {
    let (length, rest) = frame.split_first_chunk().expect("a length");
    let mut checked = (u32::from_le_bytes(*length) + 4).to_le_bytes().to_vec();
    checked.extend(rest);
    checked.extend(crc32(&checked).to_le_bytes());
    checked
}

/// The frame without its checksum, which must be right.
pub(crate) fn unchecked(frame: &[u8]) -> Vec<u8> {
    let (before, checksum) = frame.split_last_chunk().expect("a checksum");
    assert_eq!(u32::from_le_bytes(*checksum), crc32(before), "{}", frame.escape_ascii());
    let (length, rest) = before.split_first_chunk().expect("a length");
    let mut frame = (u32::from_le_bytes(*length) - 4).to_le_bytes().to_vec();
    frame.extend(rest);
    frame
}
