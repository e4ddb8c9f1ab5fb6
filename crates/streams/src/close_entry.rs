//! Payload of the CLOSE entry that ends a shard's log: who follows.
//!
//! `version u8 = 1 | zero, 3 bytes | child count u32 | per child: index u32, first hash key u128, last hash key u128`,
//! little-endian. The catalog knows the same; the entry tells it to whoever has the log alone.

use bytes::Bytes;
use millstream_catalog::NewShard;

const VERSION: u8 = 1;

/// The payload that names these children.
pub(crate) fn encode(children: &[NewShard]) -> Bytes {
    let count = u32::try_from(children.len()).expect("a shard has one or two children");
    let mut bytes = vec![VERSION, 0, 0, 0];
    bytes.extend(count.to_le_bytes());
    for child in children {
        bytes.extend(child.id.index().to_le_bytes());
        bytes.extend(child.range.start.0.to_le_bytes());
        bytes.extend(child.range.end.0.to_le_bytes());
    }
    bytes.into()
}

#[cfg(test)]
mod tests {
    use millstream_log::LogId;
    use millstream_types::{HashKey, HashKeyRange, ShardId};

    use super::*;

    #[test]
    fn layout_is_frozen() {
        let child = NewShard {
            id: ShardId::new(7).unwrap(),
            range: HashKeyRange {
                start: HashKey(1),
                end: HashKey(0x0203),
            },
            created_s: 9,
            log: LogId(10),
        };
        let mut expected = vec![1, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0];
        expected.extend([1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        expected.extend([3, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(encode(&[child])[..], expected[..]);
        assert_eq!(encode(&[])[..], [1, 0, 0, 0, 0, 0, 0, 0]);
    }
}
