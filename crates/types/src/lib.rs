//! The words of Kinesis as Rust types: names, ids, states, hash keys, sequence numbers, ARNs, times and limits.
//!
//! Everything here is a plain value. A value that exists is valid: text is checked once, where it enters.
//! Deliberately absent: I/O, async, clocks that read the real time, and any rule of the service.
//!
//! Start with [`SequenceNumber`] (a place in a shard as clients see it) and [`HashKey`] (where a record goes).

mod arn;
mod call;
mod clock;
mod hash_key;
mod hot_keys;
pub mod limits;
mod names;
mod old_sequence_number;
mod randomness;
mod scaling;
mod sequence_number;
mod shard_id;
mod words;

pub use arn::{ArnParts, ConsumerArn, InvalidArn, InvalidConsumerArn, Partition, StreamArn};
pub use call::{
    CallError, CallRecord, CallRecorder, ErrorClass, NoRecorder, Plane, ShardUse, StreamUse,
};
pub use clock::{SystemClock, TimestampMs, WallClock};
pub use hash_key::{HashKey, HashKeyRange, InvalidHashKey};
pub use hot_keys::{HeavyKey, HotKeys, KeyWeight, ShardHeat};
pub use names::{AccountId, ConsumerName, InvalidName, Region, StreamName};
pub use old_sequence_number::OldSequenceNumber;
pub use randomness::{NoRandomness, Randomness, SystemRandomness, random_bytes};
pub use scaling::{Reshards, ScalingRecord, ScalingRecorder};
pub use sequence_number::{InvalidSequenceNumber, SequenceNumber};
pub use shard_id::{InvalidShardId, ShardId};
pub use words::{
    CommitmentStatus, ConsumerStatus, EncryptionType, MetricsName, RecordDistributionStrategy,
    StreamMode, StreamStatus,
};
