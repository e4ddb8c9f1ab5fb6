//! The API's own words for states and choices, spelled as clients send and read them.

use serde::{Deserialize, Serialize};

/// How a stream's number of shards is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StreamMode {
    /// By its owner.
    Provisioned,
    /// By its traffic.
    OnDemand,
}

/// Where a stream is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StreamStatus {
    /// Not yet usable.
    Creating,
    /// On its way out.
    Deleting,
    /// Usable.
    Active,
    /// Usable, and changing.
    Updating,
}

impl StreamStatus {
    /// As the API spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Creating => "CREATING",
            Self::Deleting => "DELETING",
            Self::Active => "ACTIVE",
            Self::Updating => "UPDATING",
        }
    }
}

/// Whether records are encrypted with a key of the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EncryptionType {
    /// They are not.
    None,
    /// They are.
    Kms,
}

/// What decides to which shard a record goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RecordDistributionStrategy {
    /// The service.
    Auto,
    /// The record's partition key.
    #[default]
    UserPartitionKey,
}

/// Where a consumer is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ConsumerStatus {
    /// Not yet usable.
    Creating,
    /// On its way out.
    Deleting,
    /// Usable.
    Active,
}

/// Whether an account commits to a least throughput.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CommitmentStatus {
    /// It does.
    Enabled,
    /// It does not.
    Disabled,
    /// It does until it may end.
    EnabledUntilEarliestAllowedEnd,
}

/// A metric of a single shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum MetricsName {
    /// Bytes that were put.
    IncomingBytes,
    /// Records that were put.
    IncomingRecords,
    /// Bytes that were read.
    OutgoingBytes,
    /// Records that were read.
    OutgoingRecords,
    /// Records that were refused because of the shard's limit on writes.
    WriteProvisionedThroughputExceeded,
    /// Reads that were refused because of the shard's limit on reads.
    ReadProvisionedThroughputExceeded,
    /// How old the last record of a read was.
    IteratorAgeMilliseconds,
    /// Stands for every metric in a request; never in an answer.
    #[serde(rename = "ALL")]
    All,
}

impl MetricsName {
    /// Every metric that there is, in the model's order.
    pub const EVERY: [Self; 7] = [
        Self::IncomingBytes,
        Self::IncomingRecords,
        Self::OutgoingBytes,
        Self::OutgoingRecords,
        Self::WriteProvisionedThroughputExceeded,
        Self::ReadProvisionedThroughputExceeded,
        Self::IteratorAgeMilliseconds,
    ];

    /// Its name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::IncomingBytes => "IncomingBytes",
            Self::IncomingRecords => "IncomingRecords",
            Self::OutgoingBytes => "OutgoingBytes",
            Self::OutgoingRecords => "OutgoingRecords",
            Self::WriteProvisionedThroughputExceeded => "WriteProvisionedThroughputExceeded",
            Self::ReadProvisionedThroughputExceeded => "ReadProvisionedThroughputExceeded",
            Self::IteratorAgeMilliseconds => "IteratorAgeMilliseconds",
            Self::All => "ALL",
        }
    }
}
