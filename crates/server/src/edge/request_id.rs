//! Request ids: unique, shaped as AWS's are, and cheap: a random start in each process and a counter.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::HeaderValue;
use millstream_types::{NoRandomness, Randomness, random_bytes};

const HEX: &[u8; 16] = b"0123456789abcdef";
const BASE32: &[u8; 32] = b"0123456789ABCDEFGHIJKLMNOPQRSTUV";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Length of a UUID as text.
const UUID_BYTES: usize = 36;
/// Length of the extended id: 72 bytes in base64, drawn eight letters at a time.
const EXTENDED_BYTES: usize = 96;
/// Length of the tables' ids.
const TABLES_ID_BYTES: usize = 52;

/// Gives each request an id.
#[derive(Debug)]
pub(crate) struct RequestIds {
    prefix: u64,
    start: u64,
    count: AtomicU64,
}

/// A request's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RequestId {
    high: u64,
    low: u64,
}

impl RequestIds {
    /// Ids that no other process gives, as far as 120 random bits can tell.
    pub(crate) fn new(randomness: &dyn Randomness) -> Result<Self, NoRandomness> {
        Ok(Self {
            prefix: u64::from_le_bytes(random_bytes(randomness)?),
            start: u64::from_le_bytes(random_bytes(randomness)?),
            count: AtomicU64::new(0),
        })
    }

    pub(crate) fn next(&self) -> RequestId {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        // Multiplying by an odd number maps the 62-bit numbers onto themselves: unequal counts stay unequal.
        let low = self
            .start
            .wrapping_add(count)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        RequestId {
            high: (self.prefix & !0xf000) | 0x4000,
            low: (low & (u64::MAX >> 2)) | (1 << 63),
        }
    }
}

impl RequestId {
    /// The id as a UUID, and an extended id as AWS's services send beside it.
    pub(crate) fn headers(self) -> (HeaderValue, HeaderValue) {
        let mut text = [0; UUID_BYTES + EXTENDED_BYTES];
        let (uuid, extended) = text.split_at_mut(UUID_BYTES);
        uuid.copy_from_slice(&self.uuid());
        let mut random = Mixed(self.high ^ self.low);
        for letters in extended.chunks_exact_mut(8) {
            for (letter, byte) in letters.iter_mut().zip(random.next().to_le_bytes()) {
                *letter = BASE64[usize::from(byte & 63)];
            }
        }
        let text = Bytes::copy_from_slice(&text);
        let (uuid, extended) = (text.slice(..UUID_BYTES), text.slice(UUID_BYTES..));
        (header(uuid), header(extended))
    }

    /// The id as the tables' answers carry it: 52 digits and upper-case letters.
    pub(crate) fn tables_header(self) -> HeaderValue {
        let mut text = [0; TABLES_ID_BYTES];
        let mut random = Mixed(self.high ^ self.low);
        let (mut high, mut low) = (self.high, self.low);
        for (at, letter) in text.iter_mut().enumerate() {
            let part = match at {
                0..13 => &mut low,
                13..26 => &mut high,
                _ => &mut random.next(),
            };
            *letter = BASE32[(*part & 31) as usize];
            *part >>= 5;
        }
        header(Bytes::copy_from_slice(&text))
    }

    fn uuid(self) -> [u8; UUID_BYTES] {
        let mut text = [b'-'; UUID_BYTES];
        let mut digits = (u128::from(self.high) << 64) | u128::from(self.low);
        for at in (0..UUID_BYTES).rev() {
            if !matches!(at, 8 | 13 | 18 | 23) {
                text[at] = HEX[(digits & 15) as usize];
                digits >>= 4;
            }
        }
        text
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.uuid()).map_err(|_| fmt::Error)?)
    }
}

fn header(text: Bytes) -> HeaderValue {
    HeaderValue::from_maybe_shared(text).expect("ids are letters, digits and -+/")
}

/// SplitMix64: spreads a number over as many letters as an id has; no secret.
struct Mixed(u64);

impl Mixed {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests {
    use millstream_types::SystemRandomness;

    use super::*;

    #[test]
    fn ids_are_unequal_and_shaped_as_aws_shapes_them() {
        let ids = RequestIds::new(&SystemRandomness).unwrap();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let id = ids.next();
            let (uuid, extended) = id.headers();
            let uuid = uuid.to_str().unwrap().to_owned();
            assert_eq!(uuid, id.to_string());
            let groups: Vec<_> = uuid.split('-').collect();
            let lengths: Vec<_> = groups.iter().map(|group| group.len()).collect();
            assert_eq!(lengths, [8, 4, 4, 4, 12], "{uuid}");
            assert!(groups[2].starts_with('4'), "{uuid}");
            assert!(groups[3].starts_with(['8', '9', 'a', 'b']), "{uuid}");
            assert_eq!(extended.len(), 96);
            let tables = id.tables_header().to_str().unwrap().to_owned();
            assert_eq!(tables.len(), 52);
            assert!(
                tables
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
            );
            assert!(seen.insert(uuid));
            assert!(seen.insert(extended.to_str().unwrap().to_owned()));
            assert!(seen.insert(tables));
        }
    }
}
