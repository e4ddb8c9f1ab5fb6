//! Commands about the shards of a stream.

use millstream_types::{HashKey, ShardId, TimestampMs};
use serde::{Deserialize, Serialize};

use super::CreatedLog;
use crate::stream::StreamId;

/// What can be done to the shards of a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "of the ids, which are the stream's")]
pub enum ShardCommand {
    /// Shards are numbered to follow one that is to be split: UPDATING.
    BeginSplitShard {
        id: StreamId,
        /// The parent.
        shard: ShardId,
        /// First hash key of the second child.
        new_starting_hash_key: HashKey,
        /// The account's quota of shards, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_shards_max: Option<u64>,
    },
    /// A shard is numbered to follow two that are to be merged: UPDATING.
    BeginMergeShards {
        id: StreamId,
        /// The parent with the lower range.
        shard: ShardId,
        /// The parent whose range follows.
        adjacent_shard: ShardId,
    },
    /// Shards are numbered to follow those that are split or merged on the way to another count: UPDATING.
    BeginUpdateShardCount {
        id: StreamId,
        /// Open shards at the end; between half of those that there are and twice as many.
        target: u32,
        /// The account's quota of shards, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_shards_max: Option<u64>,
        /// How often this may be done within 24 hours, if that is limited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        per_day_max: Option<u32>,
    },
    /// Shards of an on-demand stream are numbered to follow those that its traffic has split or merged: UPDATING.
    BeginScaleOnDemand {
        id: StreamId,
        /// Shards to split.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        splits: Vec<SplitAt>,
        /// Shards to merge, each with the one whose range follows. No shard is in two changes.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        merges: Vec<(ShardId, ShardId)>,
    },
    /// The children's logs exist and the parents' logs are closed: the children take over. ACTIVE, unless an update
    /// of the shard count has another round to go, which begins with this.
    FinishReshard {
        id: StreamId,
        /// One for each parent, in the order of the change.
        closed: Vec<ClosedShard>,
        /// One for each child, in the order of the change.
        logs: Vec<CreatedLog>,
    },
    /// Forgets closed shards whose records are all past retention and whose logs are deleted.
    RemoveShards {
        id: StreamId,
        /// The shards; those that are gone already are passed over.
        shards: Vec<ShardId>,
    },
}

impl ShardCommand {
    /// The stored names.
    pub(crate) const NAMES: &'static [&'static str] = &[
        "begin_split_shard",
        "begin_merge_shards",
        "begin_update_shard_count",
        "begin_scale_on_demand",
        "finish_reshard",
        "remove_shards",
    ];
}

/// Where a shard is to be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitAt {
    /// The parent.
    pub shard: ShardId,
    /// First hash key of the second child.
    pub new_starting_hash_key: HashKey,
}

/// A shard whose log was closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClosedShard {
    /// The shard.
    pub shard: ShardId,
    /// Offset of the CLOSE entry.
    pub end: u64,
    /// Append time of the CLOSE entry.
    pub closed_ms: TimestampMs,
}
