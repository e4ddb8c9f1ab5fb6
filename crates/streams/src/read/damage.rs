//! What becomes of a read that meets records that are damaged on the disk.

use std::sync::atomic::{AtomicU64, Ordering};

use millstream_catalog::StreamKey;
use millstream_types::ShardId;

use super::ReadShardError;

/// What readers passed over because it is damaged on the disk, since the service was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SkippedDamage {
    /// How often a reader passed over something: each reader, and each time that one comes by again, counts.
    pub times: u64,
    /// How many entries that were, at most: the records that one request put into a shard are one entry.
    pub entries: u64,
}

/// Passes over what is damaged, if the operator wants that, and counts it.
#[derive(Debug)]
pub(crate) struct Damage {
    skips: bool,
    times: AtomicU64,
    entries: AtomicU64,
}

impl Damage {
    pub(crate) fn new(skips: bool) -> Self {
        Self {
            skips,
            times: AtomicU64::new(0),
            entries: AtomicU64::new(0),
        }
    }

    pub(crate) fn skipped(&self) -> SkippedDamage {
        SkippedDamage {
            times: self.times.load(Ordering::Relaxed),
            entries: self.entries.load(Ordering::Relaxed),
        }
    }

    /// Where a read at offset `from` goes on behind damage.
    ///
    /// # Errors
    /// It does not.
    pub(super) fn pass(
        &self,
        stream: &StreamKey,
        shard: ShardId,
        from: u64,
        next: Option<u64>,
        reason: String,
    ) -> Result<u64, ReadShardError> {
        let Some(next) = next.filter(|next| self.skips && *next > from) else {
            return Err(ReadShardError::Damaged { reason, next });
        };
        self.times.fetch_add(1, Ordering::Relaxed);
        self.entries.fetch_add(next - from, Ordering::Relaxed);
        tracing::warn!(%stream, shard_id = %shard, from, next, reason, "damaged records were passed over");
        Ok(next)
    }
}
