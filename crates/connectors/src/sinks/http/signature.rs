//! Signs requests as the Standard Webhooks specification says, so that receivers check them with its libraries: HMAC-SHA-256
//! over `id.timestamp.body`.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::Item;

/// What secrets of the specification begin with.
const PREFIX: &str = "whsec_";
/// Fewer bytes are guessed.
const BYTES_MIN: usize = 16;

/// What receiver and sender know.
#[derive(Clone)]
pub struct Secret(Vec<u8>);

/// The text is no secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a secret is whsec_ and base64 of {BYTES_MIN} bytes or more")]
pub struct InvalidSecret;

impl FromStr for Secret {
    type Err = InvalidSecret;

    fn from_str(text: &str) -> Result<Self, InvalidSecret> {
        let encoded = text.strip_prefix(PREFIX).ok_or(InvalidSecret)?;
        let bytes = STANDARD.decode(encoded).map_err(|_| InvalidSecret)?;
        (bytes.len() >= BYTES_MIN)
            .then_some(Self(bytes))
            .ok_or(InvalidSecret)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// The value of `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp_s: u64, body: &[u8]) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of every length");
        mac.update(format!("{id}.{timestamp_s}.").as_bytes());
        mac.update(body);
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The value of `webhook-id`: the same for the same items, and another for any others, since receivers pass over an id
/// that they have seen.
pub(super) fn id_of(items: &[Item]) -> String {
    let mut digest = Sha256::new();
    for item in items {
        let id = item.id();
        digest.update((id.len() as u64).to_be_bytes());
        digest.update(id.as_bytes());
        digest.update(item.revision.to_be_bytes());
    }
    let bytes: [u8; 32] = digest.finalize().into();
    let hex: String = bytes[..16]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("msg_{hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification() {
        let secret: Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let body = br#"{"test": 2432232314}"#;
        assert_eq!(
            secret.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        for bad in [
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_c2hvcnQ=",
            "whsec_???",
        ] {
            assert!(bad.parse::<Secret>().is_err(), "{bad}");
        }
    }
}
