//! What becomes of the shards of an on-demand stream, for whoever tells of it or counts it.

use std::fmt;

use crate::{AccountId, Region, ShardId, StreamName};

/// How the shards of a stream change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reshards {
    /// Shards are split.
    Splits,
    /// Neighbours are merged.
    Merges,
}

impl Reshards {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Splits, Self::Merges];

    /// As a label: `split` or `merge`.
    pub fn label(self) -> &'static str {
        match self {
            Self::Splits => "split",
            Self::Merges => "merge",
        }
    }
}

/// A decision about the shards of an on-demand stream, and the numbers that it comes from. It has begun when it is told.
#[derive(Debug, Clone, Copy)]
pub struct ScalingRecord<'a> {
    /// The stream's owner.
    pub account: &'a AccountId,
    /// The stream's region.
    pub region: &'a Region,
    /// Its name; another account or region may have it too.
    pub stream: &'a StreamName,
    /// What is done.
    pub reshards: Reshards,
    /// Open shards before.
    pub shards_before: usize,
    /// Open shards once it is done.
    pub shards_after: usize,
    /// Open shards that the stream's capacity needs.
    pub shards_wanted: usize,
    /// What came in a second since the last look, in bytes; small records weigh as much as they keep a shard busy.
    pub bytes_per_s: u64,
    /// The highest of the last thirty days, in the same measure.
    pub peak_bytes_per_s: u64,
    /// The shard with most, and what it had.
    pub busiest: Option<(ShardId, u64)>,
}

/// Hears of decisions. Called a few times a minute at most; must not wait.
pub trait ScalingRecorder: Send + Sync + fmt::Debug {
    /// A change of shards has begun.
    fn scaled(&self, record: &ScalingRecord<'_>);
}
