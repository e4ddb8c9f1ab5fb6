//! What becomes of a stream's shards, from what is known of its traffic. Pure: no clock, no catalog.

use millstream_types::{HashKey, HashKeyRange, ShardId};

use super::key_sample::{Middle, can_be_cut};

/// What a shard takes, in bytes a second.
pub(super) const SHARD_BYTES_PER_S: u64 = 1024 * 1024;
/// And in records a second.
const SHARD_RECORDS_PER_S: u64 = 1_000;
/// A shard with more is split: AWS's 500 KB/s.
pub(super) const HOT: Load = Load(500 * 1024);
/// A shard with more is not merged. Two that have less, together, are at a quarter of what would split them again: the
/// week's busy days after its quiet ones do not.
pub(super) const QUIET: Load = Load(HOT.0 / 8);
/// Fewer shards no stream is made to have: those that a new one begins with.
pub(super) const SHARDS_MIN: usize = 4;
/// A stream is kept ready for so many times its peak.
const HEADROOM: u64 = 2;

/// How much comes in a second, in bytes. Small records weigh as much as makes a shard's records a shard's bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Load(pub(super) u64);

impl Load {
    /// Of so many bytes and records in so many milliseconds.
    pub(super) fn of(bytes: u64, records: u64, elapsed_ms: u64) -> Self {
        let as_bytes = records.saturating_mul(SHARD_BYTES_PER_S) / SHARD_RECORDS_PER_S;
        Self(bytes.max(as_bytes).saturating_mul(1000) / elapsed_ms.max(1))
    }
}

/// An open shard and what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ShardNow {
    pub(super) id: ShardId,
    pub(super) range: HashKeyRange,
    pub(super) load: Load,
    pub(super) middle: Middle,
    /// Whether it has had less than [`QUIET`] for long, and is not younger than that.
    pub(super) rests: bool,
}

/// A stream and what is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StreamNow<'a> {
    /// In the order of their ranges.
    pub(super) shards: &'a [ShardNow],
    /// The highest load of the last thirty days, that of now included.
    pub(super) peak: Load,
    /// What the stream's owner asks it to be ready for, in MiB/s.
    pub(super) warm_mibps: Option<u32>,
    /// Most open shards that it may have.
    pub(super) shards_max: usize,
    /// Most splits and merges together.
    pub(super) reshards_max: usize,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision {
    Nothing,
    /// Each shard before its key.
    Split(Vec<(ShardId, HashKey)>),
    /// Each shard with the one whose range follows.
    Merge(Vec<(ShardId, ShardId)>),
}

impl StreamNow<'_> {
    /// How many shards the stream's capacity needs.
    pub(super) fn wanted(&self) -> usize {
        let for_peak = self
            .peak
            .0
            .saturating_mul(HEADROOM)
            .div_ceil(SHARD_BYTES_PER_S);
        let wanted = for_peak.max(u64::from(self.warm_mibps.unwrap_or(0)));
        usize::try_from(wanted)
            .unwrap_or(usize::MAX)
            .min(self.shards_max)
    }

    /// Shards that are hot and cannot be relieved by a split.
    pub(super) fn helpless(&self) -> impl Iterator<Item = &ShardNow> {
        let hot = self.shards.iter().filter(|shard| shard.load > HOT);
        hot.filter(|shard| shard.middle == Middle::Nowhere)
    }

    /// Splits first; merges only where nothing is to be split.
    pub(super) fn decide(&self) -> Decision {
        let splits = self.splits();
        if !splits.is_empty() {
            return Decision::Split(splits);
        }
        let merges = self.merges();
        if !merges.is_empty() {
            return Decision::Merge(merges);
        }
        Decision::Nothing
    }

    /// Hot shards where their traffic's middle is, and others until there is the capacity that is wanted: those with the
    /// most traffic first. One whose middle is not measured waits, if it is hot, and is cut in half if it is not.
    fn splits(&self) -> Vec<(ShardId, HashKey)> {
        let room = self.shards_max.saturating_sub(self.shards.len());
        let mut by_load: Vec<&ShardNow> = self.shards.iter().collect();
        by_load.sort_by_key(|shard| {
            let width = shard.range.end.0 - shard.range.start.0;
            std::cmp::Reverse((shard.load, width))
        });
        let missing = self.wanted().saturating_sub(self.shards.len());
        let mut splits = Vec::new();
        for shard in by_load {
            let is_hot = shard.load > HOT;
            if splits.len() >= room.min(self.reshards_max) || !is_hot && splits.len() >= missing {
                break;
            }
            let key = match (shard.middle, is_hot) {
                (Middle::At(key), _) => Some(key),
                (Middle::Unknown, false) => half(shard.range),
                (Middle::Unknown, true) | (Middle::Nowhere, _) => None,
            };
            splits.extend(key.map(|key| (shard.id, key)));
        }
        splits
    }

    /// Neighbours that both rest, from the lowest range on, as far as the capacity stays.
    fn merges(&self) -> Vec<(ShardId, ShardId)> {
        let least = self.wanted().max(SHARDS_MIN);
        let spare = self.shards.len().saturating_sub(least);
        let mut merges = Vec::new();
        let mut shards = self.shards.iter().peekable();
        while let Some(shard) = shards.next() {
            if merges.len() >= spare.min(self.reshards_max) {
                break;
            }
            let rests = |shard: &ShardNow| shard.rests && shard.load <= QUIET;
            if rests(shard)
                && let Some(next) = shards.next_if(|next| rests(next))
            {
                merges.push((shard.id, next.id));
            }
        }
        merges
    }
}

fn half(range: HashKeyRange) -> Option<HashKey> {
    let width = range.end.0 - range.start.0;
    let key = HashKey(range.start.0 + width / 2 + 1);
    can_be_cut(range, key).then_some(key)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod year;
