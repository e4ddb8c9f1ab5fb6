//! The shards of a stream that take records.

use millstream_types::{HashKey, ShardId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::shard::Shard;

/// Shards that take records, in the order of their ranges.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct OpenShards {
    shards: Vec<Shard>,
    /// Where each one's range starts: what a put looks at.
    starts: Vec<HashKey>,
    /// Each one's place, in order of id.
    by_id: Vec<(ShardId, u32)>,
}

impl OpenShards {
    pub(crate) fn new(mut shards: Vec<Shard>) -> Self {
        #[cfg(test)]
        crate::work::count(shards.len());
        shards.sort_by_key(|shard| shard.range.start);
        let starts = shards.iter().map(|shard| shard.range.start).collect();
        let mut by_id: Vec<_> = (0..).zip(&shards).map(|(at, one)| (one.id, at)).collect();
        by_id.sort_unstable();
        Self {
            shards,
            starts,
            by_id,
        }
    }

    pub(crate) fn as_slice(&self) -> &[Shard] {
        &self.shards
    }

    /// Place of the shard whose range has the key; `None` if there are none.
    pub(crate) fn route(&self, key: HashKey) -> Option<usize> {
        let after = self.starts.partition_point(|start| *start <= key);
        after.checked_sub(1)
    }

    pub(crate) fn get(&self, id: ShardId) -> Option<&Shard> {
        let found = self.by_id.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.shards.get(self.by_id[found].1 as usize)
    }

    /// Those with this id or a higher one, in order of id.
    pub(crate) fn from(&self, id: ShardId) -> impl Iterator<Item = &Shard> {
        let start = self.by_id.partition_point(|(one, _)| *one < id);
        let ids = self.by_id[start..].iter();
        ids.map(|(_, place)| &self.shards[*place as usize])
    }
}

/// In order of id.
impl Serialize for OpenShards {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let places = self.by_id.iter().map(|(_, place)| *place as usize);
        serializer.collect_seq(places.map(|place| &self.shards[place]))
    }
}

/// There may be closed ones among them: they were stored here before they had a form of their own.
impl<'de> Deserialize<'de> for OpenShards {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::new)
    }
}
