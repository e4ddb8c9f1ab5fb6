//! Shard iterators.
//!
//! Content: `version u8 = 1 | issued, ms u64 | stream id u64 | shard index u32 | offset u64 | index u16 |
//! not before, ms u64 | name length u8 | name | zeros`, little-endian. The zeros give an iterator the length that
//! AWS's have for the same stream name.

use bytes::{Buf, BufMut};
use millstream_catalog::StreamId;
use millstream_types::limits::TOKEN_LIFE_MS;
use millstream_types::{ShardId, StreamName, TimestampMs};

use super::{FRAME_BYTES, Kind, Tokens, UtcText};

const VERSION: u8 = 1;

/// Where to read on in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Position {
    /// Offset of an entry of the shard's log; entries below may be trimmed by now.
    pub(crate) offset: u64,
    /// First record of that entry.
    pub(crate) index: u16,
    /// Records that arrived before are passed over; 0 for none.
    pub(crate) not_before: TimestampMs,
}

/// A position in one shard of one life of a stream, at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShardIterator {
    pub(crate) issued: TimestampMs,
    pub(crate) stream: StreamId,
    pub(crate) stream_name: StreamName,
    pub(crate) shard: ShardId,
    pub(crate) position: Position,
}

/// Why an iterator cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IteratorError {
    /// Not made by this service.
    Invalid,
    /// Older than 300 s.
    Expired { issued: UtcText, now: UtcText },
}

impl Tokens {
    /// The iterator as text; a different one each time.
    pub(crate) fn seal_iterator(&self, iterator: &ShardIterator) -> String {
        let name = iterator.stream_name.as_str().as_bytes();
        let length = 152 + (name.len() + 2) / 16 * 16 - FRAME_BYTES;
        let mut content = Vec::with_capacity(length);
        content.put_u8(VERSION);
        content.put_u64_le(iterator.issued.0);
        content.put_u64_le(iterator.stream.0);
        content.put_u32_le(iterator.shard.index());
        content.put_u64_le(iterator.position.offset);
        content.put_u16_le(iterator.position.index);
        content.put_u64_le(iterator.position.not_before.0);
        content.put_u8(u8::try_from(name.len()).expect("names have at most 128 bytes"));
        content.put_slice(name);
        content.resize(length, 0);
        self.seal(Kind::ShardIterator, &content)
    }

    /// Reads an iterator; one pair of quotes around it is taken off, as AWS does.
    pub(crate) fn open_iterator(
        &self,
        text: &str,
        now: TimestampMs,
    ) -> Result<ShardIterator, IteratorError> {
        let unquoted = text
            .strip_prefix('"')
            .and_then(|text| text.strip_suffix('"'));
        let content = self.open(Kind::ShardIterator, unquoted.unwrap_or(text));
        let iterator = content.as_deref().and_then(decode);
        let iterator = iterator.ok_or(IteratorError::Invalid)?;
        if now.ms_since(iterator.issued) > TOKEN_LIFE_MS {
            return Err(IteratorError::Expired {
                issued: UtcText(iterator.issued),
                now: UtcText(now),
            });
        }
        Ok(iterator)
    }
}

fn decode(mut content: &[u8]) -> Option<ShardIterator> {
    if content.try_get_u8().ok()? != VERSION {
        return None;
    }
    let issued = TimestampMs(content.try_get_u64_le().ok()?);
    let stream = StreamId(content.try_get_u64_le().ok()?);
    let shard = ShardId::new(content.try_get_u32_le().ok()?)?;
    let position = Position {
        offset: content.try_get_u64_le().ok()?,
        index: content.try_get_u16_le().ok()?,
        not_before: TimestampMs(content.try_get_u64_le().ok()?),
    };
    let name_length = usize::from(content.try_get_u8().ok()?);
    let name = std::str::from_utf8(content.get(..name_length)?).ok()?;
    Some(ShardIterator {
        issued,
        stream,
        stream_name: name.parse().ok()?,
        shard,
        position,
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    use proptest::prelude::*;

    use super::*;
    use millstream_catalog::TokenKey;
    use millstream_types::SystemRandomness;

    fn tokens() -> Tokens {
        Tokens::new(&TokenKey::new([7; 32]), &SystemRandomness).unwrap()
    }

    fn iterator(name: &str) -> ShardIterator {
        ShardIterator {
            issued: TimestampMs(1_000),
            stream: StreamId(3),
            stream_name: name.parse().unwrap(),
            shard: ShardId::new(4).unwrap(),
            position: Position {
                offset: 5,
                index: 6,
                not_before: TimestampMs(7),
            },
        }
    }

    proptest! {
        #[test]
        fn round_trips_with_aws_lengths(name in "[a-zA-Z0-9_.-]{1,128}") {
            let tokens = tokens();
            let iterator = iterator(&name);
            let text = tokens.seal_iterator(&iterator);
            prop_assert_eq!(&text[..10], "AAAAAAAAAA");
            prop_assert!("EFGH".contains(&text[10..11]));
            let bytes = BASE64_STANDARD.decode(&text).unwrap();
            prop_assert_eq!(bytes.len(), 152 + (name.len() + 2) / 16 * 16);
            prop_assert!(text.len() <= 512);
            let again = Tokens::new(&TokenKey::new([7; 32]), &SystemRandomness).unwrap();
            prop_assert_eq!(again.open_iterator(&text, TimestampMs(1_000)), Ok(iterator.clone()));
            let quoted = format!("\"{text}\"");
            prop_assert_eq!(tokens.open_iterator(&quoted, TimestampMs(1_000)), Ok(iterator.clone()));
            let twice = format!("\"{quoted}\"");
            prop_assert_eq!(tokens.open_iterator(&twice, TimestampMs(1_000)), Err(IteratorError::Invalid));
            prop_assert_ne!(tokens.seal_iterator(&iterator), text);
        }

        #[test]
        fn any_changed_bit_is_noticed(byte in 0usize..152, bit in 0u8..8) {
            let tokens = tokens();
            let text = tokens.seal_iterator(&iterator("meters"));
            let mut bytes = BASE64_STANDARD.decode(&text).unwrap();
            bytes[byte] ^= 1 << bit;
            let forged = BASE64_STANDARD.encode(bytes);
            prop_assert_eq!(tokens.open_iterator(&forged, TimestampMs(1_000)), Err(IteratorError::Invalid));
        }

        #[test]
        fn content_of_any_kind_never_panics(content in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = decode(&content);
        }
    }

    #[test]
    fn expires_after_300_seconds_and_not_before() {
        let tokens = tokens();
        let text = tokens.seal_iterator(&iterator("meters"));
        assert!(tokens.open_iterator(&text, TimestampMs(301_000)).is_ok());
        let expired = tokens.open_iterator(&text, TimestampMs(301_001));
        assert!(matches!(expired, Err(IteratorError::Expired { .. })));
        let other_key = Tokens::new(&TokenKey::new([8; 32]), &SystemRandomness).unwrap();
        let forged = other_key.open_iterator(&text, TimestampMs(1_000));
        assert_eq!(forged, Err(IteratorError::Invalid));
    }
}
