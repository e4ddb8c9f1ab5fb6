//! Samples: how the first stage hands its counts to the second, so that every trade counts once.
//!
//! A *sample* holds the statistics of one shard over an exact range of sequence numbers: all records after `after`
//! (exclusive; none for the start of the shard) up to `up_to` (inclusive). A worker makes one per shard and interval,
//! in three steps:
//!
//! 1. **prepare**: the end of the range is stored in the shard's lease row as a pending checkpoint;
//! 2. **put**: the sample is put on the statistics stream;
//! 3. **checkpoint**: the end of the range becomes the shard's checkpoint.
//!
//! The start of a range is always the shard's checkpoint. Whoever takes the shard over after a crash starts at the
//! checkpoint and finds out from the lease row whether a cut was prepared. If so it makes the very same cut, whether
//! or not the sample was put before. If not, no sample of this range was ever put, and the cut is free. So the samples
//! of a shard form a chain without gaps, some of them more than once but then with the same range and the same counts;
//! the aggregator ([`crate::totals`]) counts each once by remembering, per shard, how far it has counted.
//!
//! The lease table refuses the first step to a worker that has lost its lease, so it cannot start a chain of its own.
//!
//! [`Cutter`] is that logic without I/O.

use millstream_consumer::ExtendedSequenceNumber;
use serde::{Deserialize, Serialize};

use crate::statistics::Tally;
use crate::trade::StockTrade;

/// So many ticker symbols make a sample that stays well below 1 MiB: then it is cut early.
pub(crate) const ENTRIES_MAX: usize = 2000;

/// The statistics of one shard over a range of its records: their sequence numbers, and behind a slash their index where
/// the writer joined several to one record of the stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sample {
    /// The shard of the trades' stream.
    pub(crate) shard_id: String,
    /// The record before the first one counted; absent at the start of the shard.
    pub(crate) after: Option<String>,
    /// The last record counted.
    pub(crate) up_to: String,
    /// The counts.
    #[serde(flatten)]
    pub(crate) tally: Tally,
}

/// What has to be done next for the sample in hand.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    /// Store this place as the pending checkpoint.
    Prepare(ExtendedSequenceNumber),
    /// Put this sample on the statistics stream.
    Put(Box<Sample>),
    /// Store this place as the checkpoint.
    Checkpoint(ExtendedSequenceNumber),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Prepare,
    Put,
    Checkpoint,
}

/// Counts the records of one shard and cuts them into samples.
#[derive(Debug)]
pub(crate) struct Cutter {
    shard_id: String,
    /// The checkpoint: where the range in hand starts, exclusive.
    after: Option<ExtendedSequenceNumber>,
    /// Where a predecessor prepared to cut.
    prepared: Option<ExtendedSequenceNumber>,
    /// The last record counted.
    last: Option<ExtendedSequenceNumber>,
    tally: Tally,
    cutting: Option<(Stage, ExtendedSequenceNumber)>,
}

impl Cutter {
    /// Starts at the shard's checkpoint, with the cut that a predecessor prepared.
    pub(crate) fn new(
        shard_id: &str,
        after: Option<ExtendedSequenceNumber>,
        prepared: Option<ExtendedSequenceNumber>,
    ) -> Self {
        let prepared = prepared.filter(|place| after.as_ref().is_none_or(|after| place > after));
        Self {
            shard_id: shard_id.to_owned(),
            last: after.clone(),
            after,
            prepared,
            tally: Tally::default(),
            cutting: None,
        }
    }

    /// Whether the record was counted before: a batch is delivered again after a failure.
    pub(crate) fn has_counted(&self, place: &ExtendedSequenceNumber) -> bool {
        self.last.as_ref().is_some_and(|last| place <= last)
    }

    /// Whether a sample must be finished before the record at `place` is counted: the predecessor's cut lies before it.
    pub(crate) fn must_cut_before(&self, place: &ExtendedSequenceNumber) -> bool {
        self.prepared
            .as_ref()
            .is_some_and(|prepared| prepared < place)
    }

    /// Counts a record; `None` is a record that is no trade. Records come in order, each once, and none while a cut
    /// is under way.
    pub(crate) fn count(&mut self, place: &ExtendedSequenceNumber, trade: Option<&StockTrade>) {
        assert!(self.cutting.is_none(), "a sample in hand is finished first");
        assert!(
            !self.has_counted(place) && !self.must_cut_before(place),
            "records are counted in order, up to the prepared cut"
        );
        match trade {
            Some(trade) => self.tally.add(trade),
            None => self.tally.unreadable += 1,
        }
        self.last = Some(place.clone());
    }

    /// Whether a sample must be cut here: at the predecessor's cut, or because the sample grows too large.
    pub(crate) fn must_cut(&self) -> bool {
        match &self.prepared {
            Some(prepared) => self.last.as_ref() == Some(prepared),
            None => self.tally.entries() >= ENTRIES_MAX,
        }
    }

    /// Whether a sample may be cut here: something is counted, and no predecessor's cut is outstanding.
    pub(crate) fn may_cut(&self) -> bool {
        !self.tally.is_empty() && self.prepared.is_none()
    }

    /// Begins a sample of what is counted; nothing if one is under way or there is nothing to cut.
    pub(crate) fn begin(&mut self) {
        if self.cutting.is_some() {
            return;
        }
        self.cutting = match (self.prepared.take(), &self.last) {
            // The first step was taken by the predecessor.
            (Some(prepared), _) => Some((Stage::Put, prepared)),
            (None, Some(last)) if !self.tally.is_empty() => Some((Stage::Prepare, last.clone())),
            (None, _) => None,
        };
    }

    /// The next step of the sample under way.
    pub(crate) fn next_step(&self) -> Option<Step> {
        let (stage, up_to) = self.cutting.as_ref()?;
        Some(match stage {
            Stage::Prepare => Step::Prepare(up_to.clone()),
            Stage::Put => Step::Put(Box::new(Sample {
                shard_id: self.shard_id.clone(),
                after: self.after.as_ref().map(ToString::to_string),
                up_to: up_to.to_string(),
                tally: self.tally.clone(),
            })),
            Stage::Checkpoint => Step::Checkpoint(up_to.clone()),
        })
    }

    /// The step has succeeded. A step that failed, or whose outcome is unknown, is simply taken again.
    pub(crate) fn step_done(&mut self) {
        self.cutting = match self.cutting.take() {
            Some((Stage::Prepare, up_to)) => Some((Stage::Put, up_to)),
            Some((Stage::Put, up_to)) => Some((Stage::Checkpoint, up_to)),
            Some((Stage::Checkpoint, up_to)) => {
                self.tally = Tally::default();
                self.last = self.last.take().max(Some(up_to.clone()));
                self.after = Some(up_to);
                None
            }
            None => None,
        };
    }
}

#[cfg(test)]
mod tests;
