//! Which shard a record will land in.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use millstream_types::{HashKey, HashKeyRange};

use crate::OpenShard;

/// How long the range of a shard that is no longer listed is remembered: answers about it are still under way.
const CLOSED_KEPT: Duration = Duration::from_secs(60);

/// The list of shards has holes or overlaps, as while a stream is being resharded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotTiled;

/// An open shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MappedShard {
    pub(crate) shard_id: Arc<str>,
    pub(crate) range: HashKeyRange,
}

/// The shards in the order of their ranges, which must cover all hash keys, each once.
pub(crate) fn tile(shards: Vec<OpenShard>) -> Result<Vec<MappedShard>, NotTiled> {
    let mut tiles: Vec<MappedShard> = shards
        .into_iter()
        .map(|shard| MappedShard {
            shard_id: shard.shard_id.into(),
            range: shard.hash_key_range,
        })
        .collect();
    tiles.sort_by_key(|shard| shard.range.start);
    let begins = tiles
        .first()
        .is_some_and(|first| first.range.start == HashKey::MIN);
    let ends = tiles
        .last()
        .is_some_and(|last| last.range.end == HashKey::MAX);
    let joins = tiles
        .windows(2)
        .all(|pair| pair[0].range.is_followed_by(&pair[1].range));
    if begins && ends && joins {
        Ok(tiles)
    } else {
        Err(NotTiled)
    }
}

/// Ranges of shards that are or were open.
#[derive(Debug, Default)]
pub(crate) struct KnownShards(BTreeMap<Arc<str>, (HashKeyRange, Duration)>);

impl KnownShards {
    pub(crate) fn learn(&mut self, shards: &[MappedShard], now: Duration) {
        self.0
            .retain(|_, (_, listed_at)| *listed_at + CLOSED_KEPT > now);
        for shard in shards {
            self.0
                .insert(Arc::clone(&shard.shard_id), (shard.range, now));
        }
    }

    pub(crate) fn range(&self, shard_id: &str) -> Option<HashKeyRange> {
        self.0.get(shard_id).map(|(range, _)| *range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(number: u32, range: HashKeyRange) -> OpenShard {
        OpenShard {
            shard_id: format!("shardId-{number:012}"),
            hash_key_range: range,
        }
    }

    #[test]
    fn only_a_list_that_covers_every_hash_key_once_is_a_map() {
        let ranges: Vec<_> = HashKeyRange::uniform(3).collect();
        let all = [2, 0, 1].map(|number: u32| shard(number, ranges[number as usize]));
        let tiles = tile(all.to_vec()).unwrap();
        let ids: Vec<_> = tiles.iter().map(|tile| &tile.shard_id[19..]).collect();
        assert_eq!(ids, ["0", "1", "2"]);
        assert_eq!(tile(all[..2].to_vec()), Err(NotTiled));
        assert_eq!(tile(Vec::new()), Err(NotTiled));
        let twice = [all.to_vec(), vec![shard(3, ranges[1])]].concat();
        assert_eq!(tile(twice), Err(NotTiled));
    }

    #[test]
    fn a_closed_shard_is_remembered_for_a_minute() {
        let mut known = KnownShards::default();
        let tiles = tile(vec![shard(0, HashKeyRange::ALL)]).unwrap();
        known.learn(&tiles, Duration::ZERO);
        known.learn(&[], Duration::from_secs(59));
        assert_eq!(known.range("shardId-000000000000"), Some(HashKeyRange::ALL));
        known.learn(&[], Duration::from_secs(60));
        assert_eq!(known.range("shardId-000000000000"), None);
    }
}
