//! What each side says first: who it is, which version it speaks, what it takes.

use std::fmt;

use super::checksum;

/// What one side tells the other about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Most bytes behind the length of a frame that it takes.
    pub(crate) frame_bytes_max: u32,
    /// Most calls of a connection that it serves at once.
    pub(crate) in_flight_max: u32,
    /// With how much credit it would have a body begin; the smaller of both counts.
    pub(crate) window_bytes: u32,
    /// In which format it has arguments, results and items.
    pub(crate) format: u32,
    /// Which checksum it would have at the end of each frame; there is one if both say the same.
    pub(crate) checksum: u32,
}

/// The first bytes of a hello, which are the same in every version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Preface {
    pub(crate) version: u16,
    /// How many bytes of settings follow.
    pub(crate) settings_bytes: usize,
}

/// Why a connection did not come to be: the two sides do not understand each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HelloError {
    /// The peer speaks something else: these were its first bytes.
    Stranger {
        /// What it said in place of the magic.
        said: [u8; 6],
    },
    /// The peer speaks another version of the protocol.
    Version {
        /// That of this side.
        ours: u16,
        /// That of the peer.
        theirs: u16,
    },
    /// The peer has arguments and results in another format.
    Format {
        /// That of this side.
        ours: u32,
        /// That of the peer.
        theirs: u32,
    },
    /// The peer announced more settings than anybody has.
    TooLong {
        /// So many bytes.
        bytes: usize,
    },
    /// The peer's settings are not pairs of a key and a value.
    Malformed,
    /// What the peer said was changed on its way: it has checksums, and that of its hello is another, or is not there.
    Changed,
    /// A setting of the peer's has a value that nobody may give it: nothing could be sent with it, or counted.
    Setting {
        /// Which one.
        key: u16,
        /// What it was to be.
        value: u32,
    },
}

impl Default for Settings {
    /// What holds for whoever does not say otherwise.
    fn default() -> Self {
        Self { frame_bytes_max: 65_536, in_flight_max: 16, window_bytes: 65_536, format: 1, checksum: NONE }
    }
}

impl Settings {
    /// The whole hello.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut settings = vec![
            (FRAME_BYTES_MAX, self.frame_bytes_max),
            (IN_FLIGHT_MAX, self.in_flight_max),
            (WINDOW_BYTES, self.window_bytes),
            (FORMAT, self.format),
        ];
        if self.checksum != NONE {
            // The hello's own is known when the rest of it is written.
            settings.extend([(CHECKSUM, self.checksum), (HELLO_CHECKSUM, 0)]);
        }
        let preface = Preface { version: VERSION, settings_bytes: settings.len() * SETTING_BYTES };
        let mut bytes = preface.encode().to_vec();
        for (key, value) in settings {
            let value = if key == HELLO_CHECKSUM { checksum::of(&bytes) } else { value };
            bytes.extend(key.to_le_bytes());
            bytes.extend(value.to_le_bytes());
        }
        bytes
    }

    /// The settings of a peer of our version, which follow its preface. Those that we do not know are passed over.
    pub(crate) fn decode(preface: &Preface, bytes: &[u8]) -> Result<Self, HelloError> {
        let (pairs, rest) = bytes.as_chunks::<SETTING_BYTES>();
        if !rest.is_empty() {
            return Err(HelloError::Malformed);
        }
        let mut settings = Self::default();
        let mut is_checked = false;
        for (at, &[key_low, key_high, a, b, c, d]) in pairs.iter().enumerate() {
            let (key, value) = (u16::from_le_bytes([key_low, key_high]), u32::from_le_bytes([a, b, c, d]));
            let (place, bounds) = match key {
                FRAME_BYTES_MAX => (&mut settings.frame_bytes_max, FRAME_BYTES_LEAST..=u32::MAX),
                IN_FLIGHT_MAX => (&mut settings.in_flight_max, 1..=u32::MAX),
                WINDOW_BYTES => (&mut settings.window_bytes, 1..=WINDOW_BYTES_MOST),
                FORMAT => (&mut settings.format, 0..=u32::MAX),
                CHECKSUM => (&mut settings.checksum, 0..=u32::MAX),
                HELLO_CHECKSUM => {
                    let before = [&preface.encode(), &bytes[..at * SETTING_BYTES]].concat();
                    if value != checksum::of(&before) {
                        return Err(HelloError::Changed);
                    }
                    is_checked = true;
                    continue;
                }
                _ => continue,
            };
            if !bounds.contains(&value) {
                return Err(HelloError::Setting { key, value });
            }
            *place = value;
        }
        if settings.checksum != NONE && !is_checked {
            return Err(HelloError::Changed);
        }
        Ok(settings)
    }

    /// Panics if every peer would hang up on these: a mistake of whoever has configured this side.
    pub(crate) fn assert_sound(&self) {
        let Self { frame_bytes_max, in_flight_max, window_bytes, .. } = *self;
        assert!(
            frame_bytes_max >= FRAME_BYTES_LEAST,
            "`frame_bytes_max` is {frame_bytes_max}, and an answer needs {FRAME_BYTES_LEAST}"
        );
        assert!(in_flight_max > 0, "`dispatch.in_flight_max` is 0, and there could be no call");
        assert!(window_bytes > 0, "`dispatch.window_bytes` is 0, and no stream could begin");
    }

    /// What both sides go by, seen from the one whose settings these are.
    pub(crate) fn agree(&self, theirs: &Self) -> Result<Self, HelloError> {
        if self.format != theirs.format {
            return Err(HelloError::Format { ours: self.format, theirs: theirs.format });
        }
        Ok(Self {
            frame_bytes_max: theirs.frame_bytes_max,
            in_flight_max: self.in_flight_max.min(theirs.in_flight_max),
            window_bytes: self.window_bytes.min(theirs.window_bytes),
            format: self.format,
            checksum: if self.checksum == theirs.checksum { self.checksum } else { NONE },
        })
    }
}

impl Preface {
    fn encode(&self) -> [u8; PREFACE_BYTES] {
        let mut bytes = [0; PREFACE_BYTES];
        bytes[..6].copy_from_slice(&MAGIC);
        bytes[6..8].copy_from_slice(&self.version.to_le_bytes());
        bytes[8..].copy_from_slice(&(self.settings_bytes as u16).to_le_bytes());
        bytes
    }

    pub(crate) fn decode(bytes: &[u8; PREFACE_BYTES]) -> Result<Self, HelloError> {
        let [said @ .., version_low, version_high, length_low, length_high] = *bytes;
        if said != MAGIC {
            return Err(HelloError::Stranger { said });
        }
        let bytes = usize::from(u16::from_le_bytes([length_low, length_high]));
        if bytes > SETTINGS_BYTES_MAX {
            return Err(HelloError::TooLong { bytes });
        }
        Ok(Self { version: u16::from_le_bytes([version_low, version_high]), settings_bytes: bytes })
    }

    pub(crate) fn check_version(&self) -> Result<(), HelloError> {
        if self.version == VERSION {
            Ok(())
        } else {
            Err(HelloError::Version { ours: VERSION, theirs: self.version })
        }
    }
}

impl fmt::Display for HelloError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger { said } => {
                write!(f, "the peer speaks another protocol: it began with \"{}\"", said.escape_ascii())
            }
            Self::Version { ours, theirs } => {
                write!(f, "the peer speaks version {theirs} of the protocol, and this side version {ours}")
            }
            Self::Format { ours, theirs } => {
                write!(f, "the peer has its data in format {theirs}, and this side in format {ours}")
            }
            Self::TooLong { bytes } => write!(f, "the peer announced {bytes} bytes of settings"),
            Self::Malformed => f.write_str("the peer's settings are not pairs of key and value"),
            Self::Changed => f.write_str("what the peer said was changed on its way"),
            Self::Setting { key, value } => {
                write!(f, "the peer's setting {key} is {value}, which is out of its bounds")
            }
        }
    }
}

impl std::error::Error for HelloError {}

/// What every hello begins with, of every version.
pub(crate) const MAGIC: [u8; 6] = *b"ekiden";

/// The version that this is.
pub(crate) const VERSION: u16 = 1;

/// The magic, the version, and the length of the settings.
pub(crate) const PREFACE_BYTES: usize = 10;

/// A key and a value.
const SETTING_BYTES: usize = 6;

/// A hundred settings: more than there will ever be, and nothing to hold.
const SETTINGS_BYTES_MAX: usize = 600;

/// A peer that takes less could not even be told what is wrong with its call.
const FRAME_BYTES_LEAST: u32 = 1024;

/// All the credit that dispatch counts for a body. With more the first that is added would end the connection.
pub(crate) const WINDOW_BYTES_MOST: u32 = i32::MAX as u32;

const FRAME_BYTES_MAX: u16 = 1;
const IN_FLIGHT_MAX: u16 = 2;
const WINDOW_BYTES: u16 = 3;
const FORMAT: u16 = 4;
const CHECKSUM: u16 = 5;
/// The checksum of all of the hello that is before it: where there are checksums, it is its last setting.
const HELLO_CHECKSUM: u16 = 6;

/// Of [`Settings::checksum`]: none.
const NONE: u32 = 0;
/// The one that there is, of [`checksum`].
pub(crate) const CRC_32: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SETTINGS: Settings = Settings {
        frame_bytes_max: 0x0102_0304,
        in_flight_max: 5,
        window_bytes: 6,
        format: 7,
        checksum: NONE,
    };

    fn decode(hello: &[u8]) -> Result<Settings, HelloError> {
        let (preface, settings) = hello.split_first_chunk().expect("a preface");
        let preface = Preface::decode(preface)?;
        preface.check_version()?;
        assert_eq!(preface.settings_bytes, settings.len());
        Settings::decode(&preface, settings)
    }

    #[test]
    fn a_hello_is_as_the_page_says() {
        let hello =
            b"ekiden\x01\0\x18\0\x01\0\x04\x03\x02\x01\x02\0\x05\0\0\0\x03\0\x06\0\0\0\x04\0\x07\0\0\0";
        assert_eq!(SETTINGS.encode(), hello);
        assert_eq!(decode(hello), Ok(SETTINGS));
    }

    #[test]
    fn what_is_not_said_has_a_default_and_what_is_not_known_is_passed_over() {
        assert_eq!(decode(b"ekiden\x01\0\0\0"), Ok(Settings::default()));
        let hello = b"ekiden\x01\0\x0c\0\x09\xff\0\0\0\0\x02\0\x08\0\0\0";
        assert_eq!(decode(hello), Ok(Settings { in_flight_max: 8, ..Settings::default() }));
    }

    #[test]
    fn whoever_is_not_understood_is_told_apart() {
        assert_eq!(decode(b"GET / HTTP"), Err(HelloError::Stranger { said: *b"GET / " }));
        assert_eq!(decode(b"ekiden\x02\0\0\0"), Err(HelloError::Version { ours: 1, theirs: 2 }));
        assert_eq!(decode(b"ekiden\x01\0\x59\x02"), Err(HelloError::TooLong { bytes: 601 }));
        assert_eq!(decode(b"ekiden\x01\0\x01\0\0"), Err(HelloError::Malformed));
        for (key, value) in [(1, 1023), (2, 0), (3, 0), (3, 1 << 31), (3, u32::MAX)] {
            let mut hello = b"ekiden\x01\0\x06\0".to_vec();
            hello.extend([key, 0]);
            hello.extend(u32::to_le_bytes(value));
            assert_eq!(decode(&hello), Err(HelloError::Setting { key: key.into(), value }));
        }
        let most = Settings { window_bytes: (1 << 31) - 1, ..SETTINGS };
        assert_eq!(decode(&most.encode()), Ok(most));
    }

    #[test]
    fn what_no_peer_takes_is_told_before_it_is_said() {
        let is_sound = |settings: &Settings| std::panic::catch_unwind(|| settings.assert_sound()).is_ok();
        for frame_bytes_max in [0, 1023, 1024, u32::MAX] {
            for in_flight_max in [0, 1, u32::MAX] {
                for window_bytes in [0, 1, WINDOW_BYTES_MOST] {
                    let settings =
                        Settings { frame_bytes_max, in_flight_max, window_bytes, ..Settings::default() };
                    assert_eq!(is_sound(&settings), decode(&settings.encode()).is_ok(), "{settings:?}");
                }
            }
        }
    }

    #[test]
    fn the_smaller_limits_count_and_frames_go_by_the_receiver() {
        let theirs = Settings { frame_bytes_max: 9999, in_flight_max: 4, window_bytes: 8, ..SETTINGS };
        let agreed = Settings { frame_bytes_max: 9999, in_flight_max: 4, window_bytes: 6, ..SETTINGS };
        assert_eq!(SETTINGS.agree(&theirs), Ok(agreed));
        let other = Settings { format: 8, ..theirs };
        assert_eq!(SETTINGS.agree(&other), Err(HelloError::Format { ours: 7, theirs: 8 }));
    }

    const CHECKED: Settings = Settings { checksum: CRC_32, ..SETTINGS };

    #[test]
    fn a_hello_that_asks_for_checksums_has_one() {
        let hello =
            b"ekiden\x01\0\x24\0\x01\0\x04\x03\x02\x01\x02\0\x05\0\0\0\x03\0\x06\0\0\0\x04\0\x07\0\0\0\
            \x05\0\x01\0\0\0\x06\0\x0f]\x8d\xe4";
        assert_eq!(CHECKED.encode().escape_ascii().to_string(), hello.escape_ascii().to_string());
        assert_eq!(decode(hello), Ok(CHECKED));
        assert_eq!(
            decode(&[&b"ekiden\x01\0\x06\0"[..], b"\x05\0\x01\0\0\0"].concat()),
            Err(HelloError::Changed)
        );
    }

    /// Whoever reads it waits for what does not come, or knows that it was changed; but for one byte of the length, which cuts
    /// both settings off, and has them be read as a frame.
    #[test]
    fn a_hello_of_which_a_byte_was_changed_is_never_taken_for_another() {
        let hello = CHECKED.encode();
        for (at, byte) in (0..hello.len()).flat_map(|at| (0..=u8::MAX).map(move |byte| (at, byte))) {
            let mut changed = hello.clone();
            changed[at] = byte;
            let (preface, settings) = changed.split_first_chunk().expect("a preface");
            let Ok(preface) = Preface::decode(preface) else { continue };
            let Some(settings) = settings.get(..preface.settings_bytes) else { continue };
            let read = preface.check_version().and_then(|()| Settings::decode(&preface, settings));
            let is_cut = preface.settings_bytes <= 24;
            assert!(byte == hello[at] || read.is_err() || is_cut, "{byte} at {at}: {read:?}");
        }
    }

    #[test]
    fn checksums_are_what_both_sides_ask_for() {
        for (ours, theirs, agreed) in [(0, 0, 0), (1, 1, 1), (0, 1, 0), (1, 0, 0), (1, 2, 0)] {
            let of = |checksum| Settings { checksum, ..SETTINGS };
            assert_eq!(of(ours).agree(&of(theirs)), Ok(of(agreed)), "{ours} and {theirs}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(preface: [u8; PREFACE_BYTES], settings in prop::collection::vec(any::<u8>(), 0..40)) {
            let _ = Preface::decode(&preface);
            let _ = Settings::decode(&Preface { version: VERSION, settings_bytes: settings.len() }, &settings);
        }
    }
}
