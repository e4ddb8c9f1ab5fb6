//! Commands, and their stored form: one JSON object `{"v":1,"at_ms":…,"command":{…}}` per entry of the command log.
//!
//! A new command, or a new field whose absence would mean something else, is a new variant; a reader that does not
//! know it stops. Nothing in a command is ever skipped.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use millstream_log::Place;
use millstream_types::{AccountId, ConsumerName, HashKey, Region, ShardId, TimestampMs};
use millstream_wire::shapes::{RecordDistributionStrategy, StreamMode};
use serde::{Deserialize, Serialize};

use super::{ConsumerKey, ResourcePolicy, Setting, StreamId, StreamKey, Tagged, TokenKey, stored};

/// Version of the stored form.
const VERSION: u16 = 1;

/// A command and the time at which it was proposed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandEntry {
    v: u16,
    /// The proposer's clock.
    pub at_ms: TimestampMs,
    /// What to do.
    pub command: Command,
}

/// What can be done to the catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Sets the key of iterators and tokens; accepted once.
    SetTokenKey {
        /// Made of random bytes.
        key: TokenKey,
    },
    /// Enters a stream as CREATING.
    BeginCreateStream {
        /// The stream.
        stream: StreamSpec,
        /// The account's quota of shards, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_shards_max: Option<u64>,
    },
    /// The logs of the first shards exist: ACTIVE.
    FinishCreateStream {
        /// The stream.
        id: StreamId,
        /// One for each first shard.
        logs: Vec<CreatedLog>,
    },
    /// From now on the stream is DELETING.
    BeginDeleteStream {
        /// The stream.
        id: StreamId,
        /// Whether its consumers go with it; otherwise it must have none.
        #[serde(default, skip_serializing_if = "is_false")]
        enforce_consumer_deletion: bool,
    },
    /// Its logs are deleted: the name is free.
    FinishDeleteStream {
        /// The stream.
        id: StreamId,
    },
    /// Shards are numbered to follow one that is to be split: UPDATING.
    BeginSplitShard {
        /// The stream.
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
        /// The stream.
        id: StreamId,
        /// The parent with the lower range.
        shard: ShardId,
        /// The parent whose range follows.
        adjacent_shard: ShardId,
    },
    /// Shards are numbered to follow those that are split or merged on the way to another count: UPDATING.
    BeginUpdateShardCount {
        /// The stream.
        id: StreamId,
        /// Open shards at the end; between half of those that there are and twice as many.
        target: u32,
        /// The account's quota of shards, if there is one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account_shards_max: Option<u64>,
    },
    /// The children's logs exist and the parents' logs are closed: the children take over. ACTIVE, unless an update
    /// of the shard count has another round to go, which begins with this.
    FinishReshard {
        /// The stream.
        id: StreamId,
        /// One for each parent, in the order of the change.
        closed: Vec<ClosedShard>,
        /// One for each child, in the order of the change.
        logs: Vec<CreatedLog>,
    },
    /// A longer retention period.
    IncreaseRetention {
        /// The stream.
        id: StreamId,
        /// The new period; the present one is accepted too.
        hours: u32,
    },
    /// A shorter retention period.
    DecreaseRetention {
        /// The stream.
        id: StreamId,
        /// The new period; the present one is accepted too.
        hours: u32,
    },
    /// Forgets closed shards whose records are all past retention and whose logs are deleted.
    RemoveShards {
        /// The stream.
        id: StreamId,
        /// The shards; those that are gone already are passed over.
        shards: Vec<ShardId>,
    },
    /// Adds tags, and gives new values to those that are there.
    AddTags {
        /// What carries them.
        resource: Tagged,
        /// Keys and values.
        tags: BTreeMap<String, String>,
    },
    /// Takes tags away.
    RemoveTags {
        /// What carries them.
        resource: Tagged,
        /// Their keys; those that are not there are passed over.
        keys: BTreeSet<String>,
    },
    /// A setting gets a new value: UPDATING, unless the setting takes effect at once.
    UpdateSetting {
        /// The stream.
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
    FinishUpdateSetting {
        /// The stream.
        id: StreamId,
    },
    /// An account commits itself in a region to a least throughput, or ends that.
    UpdateCommitment {
        /// The account.
        account: AccountId,
        /// Where.
        region: Region,
        /// Whether it begins or ends.
        enabled: bool,
        /// How long a commitment that begins lasts at least, in milliseconds.
        minimum_ms: u64,
    },
    /// Attaches a policy to a stream, in place of the one that it has.
    PutResourcePolicy {
        /// The stream.
        id: StreamId,
        /// The policy.
        policy: ResourcePolicy,
    },
    /// Takes the policy from a stream.
    DeleteResourcePolicy {
        /// The stream.
        id: StreamId,
    },
    /// Attaches a policy to a consumer, in place of the one that it has.
    PutConsumerPolicy {
        /// The stream.
        id: StreamId,
        /// The consumer.
        consumer: ConsumerKey,
        /// The policy.
        policy: ResourcePolicy,
    },
    /// Takes the policy from a consumer.
    DeleteConsumerPolicy {
        /// The stream.
        id: StreamId,
        /// The consumer.
        consumer: ConsumerKey,
    },
    /// Enters a consumer as CREATING.
    BeginRegisterConsumer {
        /// The stream.
        id: StreamId,
        /// The consumer.
        name: ConsumerName,
        /// Its tags.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        tags: BTreeMap<String, String>,
    },
    /// The consumer is ACTIVE.
    FinishRegisterConsumer {
        /// The stream.
        id: StreamId,
        /// The consumer.
        consumer: ConsumerKey,
    },
    /// From now on the consumer is DELETING.
    BeginDeregisterConsumer {
        /// The stream.
        id: StreamId,
        /// The consumer.
        consumer: ConsumerKey,
    },
    /// The consumer is gone: its name is free.
    FinishDeregisterConsumer {
        /// The stream.
        id: StreamId,
        /// The consumer.
        consumer: ConsumerKey,
    },
}

fn is_false(truth: &bool) -> bool {
    !truth
}

/// A stream to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamSpec {
    /// Its name and place.
    pub key: StreamKey,
    /// Its capacity mode.
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
    #[serde(default, skip_serializing_if = "stored::is_default")]
    pub record_distribution: RecordDistributionStrategy,
}

/// A log that was created for a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreatedLog {
    /// The shard.
    pub shard: ShardId,
    /// Where the engine keeps its log.
    #[serde(with = "stored::place")]
    pub place: Place,
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

/// Bytes of the command log that this version does not understand: it must not go on.
#[derive(Debug, thiserror::Error)]
pub enum InvalidCommand {
    /// Written by a version that this one does not know.
    #[error("a command has the form of version {0}, which this version does not know")]
    Version(u16),
    /// Not a command, or not one that this version knows.
    #[error("a command cannot be understood")]
    Form(#[source] serde_json::Error),
}

impl CommandEntry {
    /// A command as proposed at `at_ms`.
    pub fn new(at_ms: TimestampMs, command: Command) -> Self {
        Self {
            v: VERSION,
            at_ms,
            command,
        }
    }

    /// The stored form.
    pub fn encode(&self) -> Bytes {
        serde_json::to_vec(self)
            .expect("a command has text keys only")
            .into()
    }

    /// Reads the stored form.
    ///
    /// # Errors
    /// If anything in it is unknown. Stop: going on would make a catalog that differs from the one that was promised.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidCommand> {
        #[derive(Deserialize)]
        struct Version {
            v: u16,
        }
        let Version { v } = serde_json::from_slice(bytes).map_err(InvalidCommand::Form)?;
        if v != VERSION {
            return Err(InvalidCommand::Version(v));
        }
        serde_json::from_slice(bytes).map_err(InvalidCommand::Form)
    }
}
