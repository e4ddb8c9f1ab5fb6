//! The key that data keys are wrapped with.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::digest::{SHA256, digest};
use zeroize::Zeroizing;

/// Length in bytes.
const BYTES: usize = 32;
/// Stands before the key in what its id is made of, so that the id says nothing to who looks for the key's own hash.
const ID_OF: &[u8] = b"millstream master key\0";

/// 32 bytes that are not kept in the data folder.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; BYTES]>);

/// A text that holds no master key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a master key is 32 random bytes in base64, 44 characters (`openssl rand -base64 32` makes one)"
)]
pub struct InvalidMasterKey;

impl MasterKey {
    /// From base64; spaces and line ends around it do not count.
    ///
    /// # Errors
    /// If it is not exactly 32 bytes.
    pub fn from_base64(text: &str) -> Result<Self, InvalidMasterKey> {
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(text.trim()).unwrap_or_default());
        let bytes: [u8; BYTES] = bytes[..].try_into().map_err(|_| InvalidMasterKey)?;
        Ok(Self(Zeroizing::new(bytes)))
    }

    /// By which people tell it from others; says nothing about the key itself.
    pub fn id(&self) -> String {
        let whole = Zeroizing::new([ID_OF, &self.0[..]].concat());
        let hash = digest(&SHA256, &whole);
        let half = &hash.as_ref()[..8];
        half.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    pub(crate) fn bytes(&self) -> &[u8; BYTES] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_32_bytes_in_base64_are_one() {
        let text = BASE64_STANDARD.encode([7; 32]);
        let key = MasterKey::from_base64(&format!(" {text}\n")).unwrap();
        assert_eq!(key.bytes(), &[7; 32]);
        for bad in [
            "",
            "AAAA",
            &BASE64_STANDARD.encode([7; 33]),
            &text[..43],
            "secret",
        ] {
            assert!(MasterKey::from_base64(bad).is_err(), "{bad}");
        }
    }

    /// Who writes ids down must find them again in later versions.
    #[test]
    fn ids_are_frozen_and_are_all_that_is_shown() {
        let key = MasterKey::from_base64(&BASE64_STANDARD.encode([7; 32])).unwrap();
        assert_eq!(key.id(), "e459223e01cf90e9");
        assert_eq!(format!("{key:?}"), "MasterKey(e459223e01cf90e9)");
    }
}
