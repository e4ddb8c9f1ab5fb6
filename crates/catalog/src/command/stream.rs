//! Commands about a stream as a whole.

use std::collections::BTreeMap;

use millstream_types::{RecordDistributionStrategy, StreamMode};
use serde::{Deserialize, Serialize};

use super::CreatedLog;
use crate::resource_policy::ResourcePolicy;
use crate::setting::Setting;
use crate::stored;
use crate::stream::{StreamId, StreamKey};

/// What can be done to a stream as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "of the ids, which are the stream's")]
pub enum StreamCommand {
    /// Enters a stream as CREATING.
    BeginCreateStream {
        /// Its name, and what it is to be.
        stream: StreamSpec,
        /// The account's quota of shards, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_shards_max: Option<u64>,
    },
    /// The logs of the first shards exist: ACTIVE.
    FinishCreateStream {
        id: StreamId,
        /// One for each first shard.
        logs: Vec<CreatedLog>,
    },
    /// From now on the stream is DELETING.
    BeginDeleteStream {
        id: StreamId,
        /// Whether its consumers go with it; otherwise it must have none.
        #[serde(default, skip_serializing_if = "is_false")]
        enforce_consumer_deletion: bool,
    },
    /// Its logs are deleted: the name is free.
    FinishDeleteStream { id: StreamId },
    /// A longer retention period.
    IncreaseRetention {
        id: StreamId,
        /// The new period; the present one is accepted too.
        hours: u32,
    },
    /// A shorter retention period.
    DecreaseRetention {
        id: StreamId,
        /// The new period; the present one is accepted too.
        hours: u32,
    },
    /// A setting gets a new value: UPDATING, unless the setting takes effect at once.
    UpdateSetting {
        id: StreamId,
        /// What is to change.
        setting: Setting,
        /// How often this may be done within 24 hours, if that is limited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        per_day_max: Option<u32>,
        /// The account's quota of shards, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_shards_max: Option<u64>,
    },
    /// The new value holds: ACTIVE, unless it makes the stream grow.
    FinishUpdateSetting { id: StreamId },
    /// More came in a second than ever before on this day; only of an on-demand stream.
    NoteWritePeak {
        id: StreamId,
        /// How much.
        bytes_per_s: u64,
    },
    /// Attaches a policy to a stream, in place of the one that it has.
    PutResourcePolicy {
        id: StreamId,
        /// The policy.
        policy: ResourcePolicy,
    },
    /// Takes the policy from a stream.
    DeleteResourcePolicy { id: StreamId },
}

impl StreamCommand {
    /// The stored names.
    pub(crate) const NAMES: &'static [&'static str] = &[
        "begin_create_stream",
        "finish_create_stream",
        "begin_delete_stream",
        "finish_delete_stream",
        "increase_retention",
        "decrease_retention",
        "update_setting",
        "finish_update_setting",
        "note_write_peak",
        "put_resource_policy",
        "delete_resource_policy",
    ];
}

/// A stream to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamSpec {
    /// Its name and place.
    pub key: StreamKey,
    /// Its capacity mode.
    #[serde(with = "stored::stream_mode")]
    pub mode: StreamMode,
    /// How many shards it starts with; at least 1.
    pub shard_count: u32,
    /// How long records are kept, in hours.
    pub retention_hours: u32,
    /// Largest record, in KiB.
    pub max_record_size_kib: u32,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// Throughput to be ready for, in MiB per second; for on-demand mode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_throughput_mibps: Option<u32>,
    /// What decides to which shard a record goes.
    #[serde(
        default,
        skip_serializing_if = "stored::is_default",
        with = "stored::record_distribution"
    )]
    pub record_distribution: RecordDistributionStrategy,
}

fn is_false(truth: &bool) -> bool {
    !truth
}
