//! Who is asked before a call is served, and who is told of it afterwards: where limits, metrics and keys have their place.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use millstream_catalog::{ConsumerKey, Stream};
use millstream_sealing::KeyRing;
use millstream_types::{AccountId, CallRecorder, Randomness, Region, ScalingRecorder, ShardId};
use millstream_wire::Operation;

use crate::Failure;

/// Hooks of a service; none by default.
#[derive(Debug, Clone, Default)]
pub struct CallHooks {
    /// Lets calls in, or refuses them. None: all are let in.
    pub admission: Option<Arc<dyn Admission>>,
    /// Hears what each call did with the stream that it found, and each event of a subscription.
    pub recorder: Option<Arc<dyn CallRecorder>>,
    /// Hears of shards of on-demand streams that are split or merged.
    pub scaling: Option<Arc<dyn ScalingRecorder>>,
    /// What the records of encrypted streams are sealed with. None: they are stored as they are, and only the API shows
    /// that a stream is encrypted. Of one service alone: another one on the same engine would not know the keys that this one
    /// makes.
    pub keys: Option<Arc<KeyRing>>,
    /// Where the token key, nonces and the ids of commands come from. None: the operating system.
    pub randomness: Option<Arc<dyn Randomness>>,
}

/// Lets calls in, or refuses them: each call once it is known whether its caller may (who may not do something does not
/// learn how busy it is), and calls on the data plane once more at their shard. Called on the threads that serve: it must
/// be quick and must not wait.
pub trait Admission: Send + Sync + fmt::Debug {
    /// Whether the call is let in. Asked once per call, before anything is done.
    ///
    /// # Errors
    /// What the caller is told; [`LimitExceeded`](millstream_wire::ErrorCode::LimitExceeded) or
    /// [`ProvisionedThroughputExceeded`](millstream_wire::ErrorCode::ProvisionedThroughputExceeded), say.
    fn admit(&self, asking: &Asking<'_>) -> Result<(), Failure>;

    /// Whether a GetRecords, GetShardIterator or SubscribeToShard is let in at its shard. The default lets all in.
    ///
    /// # Errors
    /// As [`admit`](Self::admit).
    fn admit_at_shard(&self, at: &AtShard<'_>) -> Result<(), Failure> {
        let _ = at;
        Ok(())
    }

    /// Which records of a put a shard takes: those that it does not are marked. Asked once for each shard of a request
    /// that is valid, with the records in the request's order. The default takes all.
    fn admit_records(&self, stream: &Stream, shard: ShardId, records: &mut [AskingRecord]) {
        let _ = (stream, shard, records);
    }

    /// A GetRecords, or an event of a subscription, gives so many bytes of a shard. The default counts nothing.
    fn note_read(&self, at: &AtShard<'_>, bytes: u64) {
        let _ = (at, bytes);
    }

    /// How much the next event of a subscription may hold. The default sets no bound.
    fn event_room(&self, at: &AtShard<'_>) -> EventRoom {
        let _ = at;
        EventRoom::Bytes(u64::MAX)
    }

    /// What the catalog is to keep for an account. The default keeps nothing.
    fn quotas(&self, about: &Asking<'_>) -> Quotas {
        let _ = about;
        Quotas::default()
    }

    /// Frees what is kept of calls that have been forgotten. Called every few seconds; may look at all that is kept.
    fn tidy(&self) {}
}

/// A call that asks to be let in.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Asking<'a> {
    /// What is called.
    pub operation: Operation,
    /// The caller's account.
    pub account: &'a AccountId,
    /// Where.
    pub region: &'a Region,
    /// The stream that the request names; `None` for a call about no stream that is there.
    pub stream: Option<&'a Stream>,
}

/// A call at a shard that is there.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct AtShard<'a> {
    /// What is called; SubscribeToShard for each event of a subscription too.
    pub operation: Operation,
    /// The shard's stream.
    pub stream: &'a Stream,
    /// The shard.
    pub shard: ShardId,
    /// Of a subscription.
    pub consumer: Option<&'a ConsumerKey>,
}

/// A record that asks for its place in a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskingRecord {
    /// Of data and partition key.
    pub bytes: u64,
    /// Whether it gets its place; true at first.
    pub is_admitted: bool,
}

/// How much an event of a subscription may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventRoom {
    /// So many bytes of data and partition keys, or a single larger record.
    Bytes(u64),
    /// Nothing yet: ask again after this time.
    After(Duration),
}

/// How much there may be of something; `None` for no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quotas {
    /// Open shards of an account's provisioned streams in a region.
    pub shards_max: Option<u64>,
    /// On-demand streams of an account in a region.
    pub on_demand_streams_max: Option<u64>,
    /// Streams of an account in a region that are CREATING at a time.
    pub streams_creating_max: Option<u64>,
    /// Updates of a stream's shard count within 24 hours.
    pub shard_count_updates_per_day_max: Option<u32>,
}
