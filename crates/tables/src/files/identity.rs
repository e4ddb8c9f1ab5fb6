//! What tells one file of tables from every other.

use std::fmt;
use std::io;
use std::str::FromStr;

use millstream_types::{SystemRandomness, random_bytes};

/// 128 random bits, given to a file when it is made and kept in the file and in the list. As text: 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity(u128);

impl Identity {
    /// One that no other file has.
    pub(super) fn random() -> io::Result<Self> {
        let bytes = random_bytes(&SystemRandomness).map_err(io::Error::other)?;
        Ok(Self(u128::from_be_bytes(bytes)))
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for Identity {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() != 32 || !text.bytes().all(is_digit) {
            return Err(());
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|_| ())
    }
}
