//! A shard as the catalog keeps it.

use millstream_log::{LogId, Place};
use millstream_types::{HashKeyRange, SequenceNumber, ShardId, TimestampMs};
use serde::{Deserialize, Serialize};

use crate::stored;

/// How many bits of a sequence number's index say which record of an envelope it is.
const INDEX_BITS: u32 = 15;
/// Most records of one envelope: an entry of a shard's log.
pub const ENVELOPE_RECORDS_MAX: usize = 1 << INDEX_BITS;

/// A shard whose log exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// Its id.
    pub id: ShardId,
    /// The hash keys whose records it takes or took.
    pub range: HashKeyRange,
    /// The shard that was split, or the first of two that were merged. It may be removed by now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<ShardId>,
    /// The second of two that were merged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjacent_parent: Option<ShardId>,
    /// Second of its creation, as its sequence numbers carry it. May be a little ahead of or behind the clock.
    pub created_s: u64,
    /// When it was opened: of a child, right after its parents' end.
    pub opened_ms: TimestampMs,
    /// Its log.
    #[serde(with = "stored::log_id")]
    pub log: LogId,
    /// Where the engine keeps the log.
    #[serde(with = "stored::place")]
    pub place: Place,
    /// Whether it takes records.
    pub state: ShardState,
}

/// Whether a shard takes records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ShardState {
    /// It does.
    Open,
    /// It does until its log is closed, which is about to happen or has just happened.
    Closing,
    /// It does not.
    Closed {
        /// Offset of the CLOSE entry in its log.
        end: u64,
        /// Arrival time of its last record at the latest; the same for both parents of a merge.
        closed_ms: TimestampMs,
    },
}

/// A shard whose log is to be created.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewShard {
    /// Its id.
    pub id: ShardId,
    /// The hash keys whose records it will take.
    pub range: HashKeyRange,
    /// As in [`Shard::created_s`].
    pub created_s: u64,
    /// Its log.
    #[serde(with = "stored::log_id")]
    pub log: LogId,
}

/// What the sequence numbers of a shard have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardNumbers {
    /// The shard.
    pub id: ShardId,
    /// As in [`Shard::created_s`].
    pub created_s: u64,
}

impl ShardNumbers {
    /// Number of record `index` of the envelope at `offset`, which the log took at `time`.
    ///
    /// # Panics
    /// If the offset is 2^48 or more: more entries than a log can hold in practice.
    #[inline]
    pub fn sequence_number(self, offset: u64, index: u16, time: TimestampMs) -> SequenceNumber {
        assert!(offset < 1 << 48, "offsets have 48 bits");
        let seq_ix = (offset << INDEX_BITS) | u64::from(index);
        // A shard's creation second may run ahead of the clock; a write never looks older than its shard.
        let written_s = time.as_secs().max(self.created_s);
        SequenceNumber::new(self.created_s, self.id.index(), seq_ix, written_s)
    }

    /// The number at which the shard starts: that of no record, and below them all, so that a read after it leaves none
    /// out. Programs begin with the children of a shard by reading after their starting numbers.
    pub fn start(self) -> SequenceNumber {
        // The second of writing is below the shard's creation, which no record's is.
        SequenceNumber::new(self.created_s, self.id.index(), 0, 0)
    }
}

impl Shard {
    /// What the shard's sequence numbers are made of.
    pub fn numbers(&self) -> ShardNumbers {
        ShardNumbers {
            id: self.id,
            created_s: self.created_s,
        }
    }

    /// See [`ShardNumbers::start`].
    pub fn starting_sequence_number(&self) -> SequenceNumber {
        self.numbers().start()
    }

    /// A number that no record of the shard is above; only of a closed shard.
    pub fn ending_sequence_number(&self) -> Option<SequenceNumber> {
        let ShardState::Closed { closed_ms, .. } = self.state else {
            return None;
        };
        let written_s = closed_ms.as_secs().max(self.created_s);
        let seq_ix = SequenceNumber::SEQ_IX_MAX;
        Some(SequenceNumber::new(
            self.created_s,
            self.id.index(),
            seq_ix,
            written_s,
        ))
    }

    /// Offset and index that a sequence number of this shard stands for.
    pub fn place_in_log(number: SequenceNumber) -> (u64, u16) {
        let index = number.seq_ix() & (ENVELOPE_RECORDS_MAX as u64 - 1);
        let index = u16::try_from(index).expect("15 bits fit");
        (number.seq_ix() >> INDEX_BITS, index)
    }

    /// Whether the shard took records at `time`.
    pub fn was_open_at(&self, time: TimestampMs) -> bool {
        self.opened_ms <= time && self.was_open_at_or_after(time)
    }

    /// Whether the shard took records at `time` or takes or took some later.
    pub fn was_open_at_or_after(&self, time: TimestampMs) -> bool {
        match self.state {
            ShardState::Open | ShardState::Closing => true,
            ShardState::Closed { closed_ms, .. } => closed_ms >= time,
        }
    }

    /// Whether records go elsewhere by now.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, ShardState::Closed { .. })
    }
}
