//! Signatures of requests: AWS Signature Version 4, as a header or in the query string.
//!
//! [`Presented::of`] reads what a request says of its sender, [`verify`] says whether it is true, [`Signer`] makes
//! signatures. Nothing here knows a clock, a store of keys or an HTTP library: the caller gives the time, the key and
//! the parts of the request.

mod authentication_error;
mod canonical;
mod date;
mod presented;
mod secret_key;
mod sign;
#[cfg(test)]
mod tests;
mod verify;

pub use authentication_error::AuthenticationError;
pub use date::amz_date;
pub use presented::Presented;
pub use secret_key::SecretKey;
pub use sign::Signer;
pub use verify::{SKEW_MAX_S, check_head, verify};

use sha2::{Digest, Sha256};

/// The one algorithm.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";
/// What ends every credential scope.
const TERMINATOR: &str = "aws4_request";

/// A header: its name in any case, and its value.
pub type Header<'a> = (&'a str, &'a [u8]);

/// What a signature covers of a request.
#[derive(Debug, Clone, Copy)]
pub struct SignedRequest<'a> {
    /// `POST`, say.
    pub method: &'a str,
    /// As sent: still percent-encoded.
    pub path: &'a str,
    /// As sent, without the question mark; empty if there is none.
    pub query: &'a str,
    /// All headers. With HTTP/2 the caller adds `:authority`, and `host` of the same value.
    pub headers: &'a [Header<'a>],
    /// The body.
    pub body: Body<'a>,
}

/// A request's body, for its hash.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// The whole body. It is hashed only once everything else about the request was found right.
    Whole(&'a [u8]),
    /// Its SHA-256.
    Sha256([u8; 32]),
}

impl Body<'_> {
    fn sha256(&self) -> [u8; 32] {
        match self {
            Self::Whole(bytes) => Sha256::digest(bytes).into(),
            Self::Sha256(hash) => *hash,
        }
    }
}

/// The first header of this name, which is in lower case.
fn find_header<'a>(headers: &[Header<'a>], name: &str) -> Option<&'a [u8]> {
    headers
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| *value)
}

/// The names in a list with semicolons between them.
fn header_names(list: &str) -> impl Iterator<Item = &[u8]> {
    list.as_bytes().split(|byte| *byte == b';')
}

/// 32 bytes as 64 lower-case hexadecimal digits.
fn hex(bytes: &[u8; 32]) -> [u8; 64] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 64];
    for (pair, byte) in text.chunks_exact_mut(2).zip(bytes) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
    text
}

/// The inverse of [`hex`]; upper-case digits are no signature's.
fn unhex(text: &[u8]) -> Option<[u8; 32]> {
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let text: &[u8; 64] = text.try_into().ok()?;
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}
