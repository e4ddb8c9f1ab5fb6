//! A stream as the catalog keeps it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use millstream_log::GroupId;
use millstream_policy::Policy;
use millstream_types::{
    AccountId, EncryptionType, MetricsName, Partition, RecordDistributionStrategy, Region, ShardId,
    StreamArn, StreamMode, StreamName, StreamStatus, TimestampMs,
};
use serde::{Deserialize, Serialize};

use crate::closed_shards::ClosedShards;
use crate::consumer::Consumer;
use crate::counted_change::CountedChange;
use crate::open_shards::OpenShards;
use crate::resource_policy::ResourcePolicy;
use crate::setting::Setting;
use crate::shard::NewShard;
use crate::stored;
use crate::write_peaks::WritePeaks;

/// One life of a stream: a stream that is deleted and created again has another id. Never reused, starts at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StreamId(pub u64);

impl StreamId {
    /// The group that holds the stream's logs.
    pub fn group(self) -> GroupId {
        GroupId(self.0)
    }
}

/// What a stream is called, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamKey {
    /// Whose it is.
    pub account: AccountId,
    /// Where it is.
    pub region: Region,
    /// Its name there.
    pub name: StreamName,
}

impl fmt::Display for StreamKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.account, self.region, self.name)
    }
}

/// What has begun and is not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Change {
    /// The logs of the first shards are to be created.
    Create {
        /// The first shards.
        shards: Vec<NewShard>,
    },
    /// The children's logs are to be created and the parents' logs to be closed.
    Reshard {
        /// One shard that is split, or two that are merged, the lower range first.
        parents: Vec<ShardId>,
        /// What follows them.
        children: Vec<NewShard>,
    },
    /// A setting is about to get a new value; nothing is to be done but to wait.
    Update {
        /// The setting and its value.
        setting: Setting,
    },
    /// One round on the way to another count of shards: all of its reshards are done together.
    Scale {
        /// Open shards at the end of the last round.
        target: u32,
        /// Of different shards.
        reshards: Vec<Reshard>,
    },
}

/// Shards that close together, and what follows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reshard {
    /// One shard that is split, or two that are merged, the lower range first.
    pub parents: Vec<ShardId>,
    /// What follows them.
    pub children: Vec<NewShard>,
}

impl Change {
    /// The shards that are to be closed, each list with those that follow; none of a stream that is being created.
    pub fn reshards(&self) -> Vec<(&[ShardId], &[NewShard])> {
        match self {
            Self::Create { .. } | Self::Update { .. } => Vec::new(),
            Self::Reshard { parents, children } => vec![(parents, children)],
            Self::Scale { reshards, .. } => reshards
                .iter()
                .map(|reshard| (&reshard.parents[..], &reshard.children[..]))
                .collect(),
        }
    }
}

/// A stream. Later fields are added with a default, so that snapshots of today stay readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    /// Its id.
    pub id: StreamId,
    /// Its name and place.
    pub key: StreamKey,
    /// When CreateStream was called.
    pub created_ms: TimestampMs,
    /// Where it is in its life.
    #[serde(with = "stored::stream_status")]
    pub status: StreamStatus,
    /// Its capacity mode.
    #[serde(with = "stored::stream_mode")]
    pub mode: StreamMode,
    /// How long records are kept, in hours.
    pub retention_hours: u32,
    /// Largest record, data and partition key, in KiB.
    pub max_record_size_kib: u32,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Shards that take records.
    #[serde(rename = "shards", with = "stored::shared")]
    pub(crate) open: Arc<OpenShards>,
    /// Shards that take none, and may still hold some.
    #[serde(default, skip_serializing_if = "no_closed", with = "stored::shared")]
    pub(crate) closed: Arc<ClosedShards>,
    /// Index of the next shard.
    pub next_shard_index: u32,
    /// Creation second of its youngest shard, removed ones included.
    pub last_created_s: u64,
    /// What has begun and is not finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// The key that records are encrypted with, as its user named it; `None` for no encryption.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// Shard-level metrics that are switched on; never [`MetricsName::All`].
    #[serde(
        default,
        skip_serializing_if = "BTreeSet::is_empty",
        with = "stored::metrics"
    )]
    pub shard_level_metrics: BTreeSet<MetricsName>,
    /// Throughput to be ready for, in MiB per second; only in on-demand mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_throughput_mibps: Option<u32>,
    /// What decides to which shard a record goes.
    #[serde(
        default,
        skip_serializing_if = "stored::is_default",
        with = "stored::record_distribution"
    )]
    pub record_distribution: RecordDistributionStrategy,
    /// When, within the last 24 hours, changes were made that are counted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub counted_changes: BTreeMap<CountedChange, Vec<TimestampMs>>,
    /// The most that came in a second, in bytes, on those of the last thirty days that no later one surpassed; only in
    /// on-demand mode.
    #[serde(default, skip_serializing_if = "WritePeaks::is_empty")]
    pub(crate) write_peaks: WritePeaks,
    /// Who else may do what with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<ResourcePolicy>,
    /// Its fan-out consumers by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub consumers: Vec<Consumer>,
    /// Creation second of the youngest consumer that was removed: the next one is younger.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub consumers_floor_s: u64,
}

fn no_closed(closed: &Arc<ClosedShards>) -> bool {
    closed.is_empty()
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Stream {
    /// The stream's ARN.
    pub fn arn(&self) -> StreamArn {
        StreamArn {
            partition: Partition::Aws,
            region: self.key.region.clone(),
            account: self.key.account.clone(),
            stream: self.key.name.clone(),
        }
    }

    /// What the stream's own policy means, if it has one.
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_ref().map(ResourcePolicy::policy)
    }

    /// Whether records can be written and read.
    pub fn is_usable(&self) -> bool {
        matches!(self.status, StreamStatus::Active | StreamStatus::Updating)
    }

    /// Whether work outside the catalog is due.
    pub fn is_changing(&self) -> bool {
        self.change.is_some() || self.status == StreamStatus::Deleting
    }

    /// How long records are kept, in milliseconds.
    pub fn retention_ms(&self) -> u64 {
        u64::from(self.retention_hours) * 60 * 60 * 1000
    }

    /// The oldest arrival time that may still be read: records that arrived before it are past retention.
    pub fn trim_horizon(&self, now: TimestampMs) -> TimestampMs {
        TimestampMs(now.0.saturating_add(1).saturating_sub(self.retention_ms()))
    }

    /// The most that came in a second within the thirty days before `now`, in bytes; 0 if nothing was noted.
    pub fn write_peak(&self, now: TimestampMs) -> u64 {
        self.write_peaks.highest(now)
    }

    /// The most that came in a second on the day of `now`, in bytes; 0 if nothing was noted.
    pub fn write_peak_of_day(&self, now: TimestampMs) -> u64 {
        self.write_peaks.of_day(now)
    }

    /// Largest record, data and partition key, in bytes.
    pub fn record_bytes_max(&self) -> usize {
        self.max_record_size_kib as usize * 1024
    }

    /// Whether records are encrypted with a key of the user's.
    pub fn encryption_type(&self) -> EncryptionType {
        match self.key_id {
            Some(_) => EncryptionType::Kms,
            None => EncryptionType::None,
        }
    }

    /// Shards that count toward the account's quota.
    pub(crate) fn shards_in_quota(&self) -> u64 {
        if self.mode != StreamMode::Provisioned {
            return 0;
        }
        match &self.change {
            Some(Change::Create { shards }) => shards.len() as u64,
            Some(Change::Scale { target, .. }) => u64::from(*target),
            Some(Change::Reshard { .. } | Change::Update { .. }) | None => {
                self.open_shards().len() as u64
            }
        }
    }
}
