//! Shard iterators and next-tokens: opaque, stateless, authenticated.
//!
//! `0x0000000000000001 | nonce, 24 bytes | sealed content | tag, 16 bytes`, in padded base64. Sealed with
//! XChaCha20-Poly1305 under the catalog's key, so they survive a restart and cannot be made by anybody else; the kind
//! of token is authenticated beside the content, so one cannot be passed for the other.

mod next_token;
mod shard_iterator;
mod utc_text;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use chacha20poly1305::{AeadInOut, KeyInit, Tag, XChaCha20Poly1305, XNonce};
use millstream_catalog::TokenKey;
use millstream_types::{NoRandomness, Randomness, random_bytes};

pub(crate) use next_token::{ConsumersAfter, NextToken, NextTokenError, ShardsAfter};
pub(crate) use shard_iterator::{IteratorError, Position, ShardIterator};
pub(crate) use utc_text::UtcText;

/// AWS's tokens begin with these bytes.
const PREFIX: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, 1];
const NONCE_BYTES: usize = 24;
const TAG_BYTES: usize = 16;
/// Bytes of a token besides its content.
const FRAME_BYTES: usize = PREFIX.len() + NONCE_BYTES + TAG_BYTES;

/// What a token is for.
#[derive(Debug, Clone, Copy)]
enum Kind {
    ShardIterator = 1,
    NextToken = 2,
}

/// Seals and opens tokens.
pub(crate) struct Tokens {
    cipher: XChaCha20Poly1305,
    /// Random for each life of the process; with the counter it makes a nonce that is never used twice.
    nonce_start: [u8; 16],
    sealed: AtomicU64,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}

impl Tokens {
    /// # Errors
    /// If the system gives no random numbers.
    pub(crate) fn new(key: &TokenKey, randomness: &dyn Randomness) -> Result<Self, NoRandomness> {
        Ok(Self {
            cipher: XChaCha20Poly1305::new(&key.bytes().into()),
            nonce_start: random_bytes(randomness)?,
            sealed: AtomicU64::new(0),
        })
    }

    fn nonce(&self) -> [u8; NONCE_BYTES] {
        let count = self.sealed.fetch_add(1, Ordering::Relaxed);
        let mut nonce = [0; NONCE_BYTES];
        nonce[..16].copy_from_slice(&self.nonce_start);
        nonce[16..].copy_from_slice(&count.to_le_bytes());
        nonce
    }

    fn seal(&self, kind: Kind, content: &[u8]) -> String {
        let nonce = self.nonce();
        let mut token = Vec::with_capacity(FRAME_BYTES + content.len());
        token.extend_from_slice(&PREFIX);
        token.extend_from_slice(&nonce);
        token.extend_from_slice(content);
        let sealed = &mut token[PREFIX.len() + NONCE_BYTES..];
        let tag = self
            .cipher
            .encrypt_inout_detached(&XNonce::from(nonce), &[kind as u8], sealed.into())
            .expect("a token is far shorter than what the cipher takes");
        token.extend_from_slice(&tag);
        BASE64_STANDARD.encode(token)
    }

    /// The content of a token of this kind that was sealed here; `None` for anything else.
    fn open(&self, kind: Kind, token: &str) -> Option<Vec<u8>> {
        let token = BASE64_STANDARD.decode(token).ok()?;
        let sealed = token.strip_prefix(&PREFIX)?;
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE_BYTES>()?;
        let (content, tag) = sealed.split_last_chunk::<TAG_BYTES>()?;
        let mut content = content.to_vec();
        self.cipher
            .decrypt_inout_detached(
                &XNonce::from(*nonce),
                &[kind as u8],
                content.as_mut_slice().into(),
                &Tag::from(*tag),
            )
            .ok()?;
        Some(content)
    }
}
