//! The key that iterators and tokens are sealed with.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::stored;

/// 32 random bytes. It is a secret: who has it can make iterators. Never shown, not even for debugging.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TokenKey(#[serde(with = "stored::hex")] [u8; 32]);

impl TokenKey {
    /// The key with these bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn bytes(&self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(..)")
    }
}
