//! What the store knows, without any I/O: what may be put, what is written when, and where an answer lies.

use std::collections::HashSet;

use crate::block::{Block, blocks_of};
use crate::checkpoint::Checkpoint;
use crate::head::{Buckets, Head};
use crate::tier::BlockRef;
use crate::{MetricSettings, Minute, Sample, Series};

/// How far before now a sample may lie, in minutes: two weeks.
pub(crate) const PAST_MINUTES: u32 = 14 * 24 * 60;
/// How far after now a sample may lie, in minutes: two hours.
pub(crate) const FUTURE_MINUTES: u32 = 2 * 60;

/// Why samples are not taken. Nothing of the put was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Refused {
    /// The names of all series would take more than they may. Fewer series, or wait until old ones are dropped.
    #[error(
        "there are too many metrics: the names of all metrics take more bytes than the store has for them"
    )]
    TooManySeries,
    /// A series of the put has as many bytes as one may have. Wait until old ones are dropped.
    #[error("one metric has more data than the store has room for in a metric")]
    SeriesFull,
    /// All series together have as many bytes as they may have. Wait until old ones are dropped.
    #[error("the store of metrics is full")]
    Full,
    /// More was put than could be written. Try again.
    #[error("more is put than can be written")]
    Busy,
}

/// The state of a store.
#[derive(Debug)]
pub(crate) struct State {
    settings: MetricSettings,
    kept: Checkpoint,
    head: Head,
    /// Bytes of the journal from the newest checkpoint on.
    journal_bytes: u64,
    /// When the newest checkpoint was, or the first sample after the start.
    checkpointed: Option<Minute>,
}

/// What samples would add, while several puts are looked at.
#[derive(Debug, Default)]
pub(crate) struct Admission {
    names_bytes: usize,
    journal_bytes: u64,
    new: HashSet<Series>,
}

impl State {
    pub(crate) fn new(settings: MetricSettings, kept: Checkpoint) -> Self {
        Self {
            settings,
            kept,
            head: Head::default(),
            journal_bytes: 0,
            checkpointed: None,
        }
    }

    pub(crate) fn kept(&self) -> &Checkpoint {
        &self.kept
    }

    pub(crate) fn head(&self) -> &Head {
        &self.head
    }

    /// Bytes of entries that are needed.
    pub(crate) fn stored_bytes(&self) -> u64 {
        self.kept.minutes.bytes() + self.kept.fives.bytes() + self.journal_bytes
    }

    /// Bytes of memory, about.
    pub(crate) fn memory_bytes(&self) -> usize {
        let kept = &self.kept;
        let tiers = kept.minutes.memory_bytes() + kept.fives.memory_bytes();
        kept.table.names_bytes() + tiers + self.head.memory_bytes()
    }

    /// Whether samples may be put, given what was admitted before them and is not applied yet. `entry_bytes` is what
    /// they take in the journal.
    pub(crate) fn admit(
        &self,
        admission: &mut Admission,
        samples: &[Sample],
        entry_bytes: u64,
    ) -> Result<(), Refused> {
        let settings = &self.settings;
        let journal_bytes = admission.journal_bytes + entry_bytes;
        if self.stored_bytes() + journal_bytes > settings.stored_bytes_max {
            return Err(Refused::Full);
        }
        if self.head.memory_bytes() >= settings.head_bytes_max {
            return Err(Refused::Busy);
        }
        let mut names_bytes = admission.names_bytes;
        let mut new = HashSet::new();
        for sample in samples {
            match self.kept.table.get(&sample.series) {
                Some(row) if row.stored_bytes >= settings.series_bytes_max => {
                    return Err(Refused::SeriesFull);
                }
                Some(_) => {}
                None if admission.new.contains(&sample.series) => {}
                None => {
                    if new.insert(&sample.series) {
                        names_bytes += sample.series.cost_bytes();
                    }
                }
            }
        }
        if !new.is_empty() && self.kept.table.names_bytes() + names_bytes > settings.names_bytes_max
        {
            return Err(Refused::TooManySeries);
        }
        admission.new.extend(new.into_iter().cloned());
        admission.names_bytes = names_bytes;
        admission.journal_bytes = journal_bytes;
        Ok(())
    }

    /// Takes samples that are in the journal.
    pub(crate) fn apply(&mut self, samples: &[Sample], entry_bytes: u64, now: Minute) {
        self.checkpointed.get_or_insert(now);
        self.journal_bytes += entry_bytes;
        for sample in samples {
            let id = self.kept.table.touch(&sample.series, sample.minute);
            self.head.add(id, sample.minute, &sample.aggregate);
        }
    }

    /// Whether it is time to write what was put into blocks.
    pub(crate) fn is_checkpoint_due(&self, now: Minute) -> bool {
        let settings = &self.settings;
        let is_old = !Self::roll_up_due(&self.kept, settings, now).is_empty()
            || !Self::expired(&self.kept, settings, now).is_empty();
        let Some(since) = self.checkpointed else {
            return is_old;
        };
        let is_late = now.0.saturating_sub(since.0) >= settings.checkpoint_minutes;
        let is_large = self.head.memory_bytes() >= settings.head_bytes_max / 2
            || self.journal_bytes >= settings.head_bytes_max as u64 / 2 + self.kept_bytes();
        is_late || is_large || is_old
    }

    /// The blocks of what was put since the last checkpoint.
    pub(crate) fn head_blocks(&self) -> Vec<Block> {
        blocks_of(self.head.buckets(), self.settings.block_bytes)
    }

    /// The oldest blocks of minutes that have to become five minutes, about `bytes_max` bytes of them.
    pub(crate) fn roll_up_due(
        kept: &Checkpoint,
        settings: &MetricSettings,
        now: Minute,
    ) -> Vec<BlockRef> {
        // What was written then holds nothing that is younger than three days.
        let due = now.minus(settings.minutes_kept + FUTURE_MINUTES);
        let first = kept.minutes.blocks().next();
        if first.is_none_or(|block| block.written > due.minus(settings.roll_up_minutes)) {
            return Vec::new();
        }
        let mut bytes = 0;
        let blocks = kept.minutes.blocks();
        let due = blocks.take_while(|block| {
            let goes_on = block.written <= due && bytes < ROLL_UP_BYTES;
            bytes += block.bytes;
            goes_on
        });
        due.copied().collect()
    }

    /// The oldest blocks of five minutes of which everything is older than anything is kept.
    pub(crate) fn expired(
        kept: &Checkpoint,
        settings: &MetricSettings,
        now: Minute,
    ) -> Vec<BlockRef> {
        let oldest = now.minus(settings.kept_minutes);
        let blocks = kept.fives.blocks();
        blocks
            .take_while(|block| block.last < oldest)
            .copied()
            .collect()
    }

    /// Takes a checkpoint that is in the journal, and so many bytes there.
    pub(crate) fn checkpoint(&mut self, kept: Checkpoint, entry_bytes: u64) {
        self.kept = kept;
        self.head.clear();
        self.journal_bytes = entry_bytes;
        self.checkpointed = None;
    }

    /// What the last checkpoint takes in the journal, about: it is not counted twice when the next one is due.
    fn kept_bytes(&self) -> u64 {
        self.kept.table.names_bytes() as u64
            + (self.kept.minutes.memory_bytes() + self.kept.fives.memory_bytes()) as u64
    }
}

/// Bytes of blocks of minutes that become five minutes at once: bounds the memory that it takes.
const ROLL_UP_BYTES: u64 = 2 << 20;

/// Minutes as five minutes, merged into what is there.
pub(crate) fn roll_up(
    into: &mut Buckets,
    part: &crate::block::Part<'_>,
) -> Result<(), crate::codec::Malformed> {
    let of_series = into.entry(part.series).or_default();
    for (minute, aggregate) in part.points()? {
        of_series
            .entry(minute.five())
            .and_modify(|bucket| bucket.merge(&aggregate))
            .or_insert(aggregate);
    }
    Ok(())
}
