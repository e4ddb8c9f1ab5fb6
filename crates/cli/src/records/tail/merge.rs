//! Merges the records of many shards by arrival time, without a clock of its own.
//!
//! A record may be shown once no other shard can still bring an older one. Of a shard whose records are all shown this is
//! known up to its *watermark*: the arrival of its last record, or the newest arrival of any shard that was known before
//! the shard was last asked and had nothing new.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// A record and when it arrived.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Arrived<T> {
    pub(super) arrival_ms: i64,
    pub(super) size_bytes: usize,
    pub(super) record: T,
}

#[derive(Debug)]
struct Lane<T> {
    buffer: VecDeque<Arrived<T>>,
    /// No record that is not in the buffer has arrived before this.
    watermark_ms: i64,
    has_ended: bool,
}

/// The records that were read and not shown yet.
#[derive(Debug)]
pub(super) struct Merge<T> {
    lanes: BTreeMap<String, Lane<T>>,
    /// Shards with records, by the arrival of the first.
    heads: BTreeSet<(i64, String)>,
    /// Shards without records, by watermark.
    waiting: BTreeSet<(i64, String)>,
    finished: Vec<String>,
    newest_ms: i64,
    buffered_bytes: usize,
}

impl<T> Default for Merge<T> {
    fn default() -> Self {
        Self {
            lanes: BTreeMap::new(),
            heads: BTreeSet::new(),
            waiting: BTreeSet::new(),
            finished: Vec::new(),
            newest_ms: 0,
            buffered_bytes: 0,
        }
    }
}

impl<T> Merge<T> {
    /// Adds a shard of which nothing is known: nothing is shown before it was read once.
    pub(super) fn open(&mut self, shard: &str) {
        let lane = Lane {
            buffer: VecDeque::new(),
            watermark_ms: 0,
            has_ended: false,
        };
        self.lanes.insert(shard.to_owned(), lane);
        self.waiting.insert((0, shard.to_owned()));
    }

    /// Takes the records of a read of a shard that waits. `tip_ms` is the newest arrival that was known before the read, if
    /// the read reached the newest record.
    pub(super) fn received(
        &mut self,
        shard: &str,
        records: impl Iterator<Item = Arrived<T>>,
        tip_ms: Option<i64>,
    ) {
        let lane = self.lanes.get_mut(shard).expect("the shard was opened");
        self.waiting.remove(&(lane.watermark_ms, shard.to_owned()));
        for record in records {
            self.newest_ms = self.newest_ms.max(record.arrival_ms);
            self.buffered_bytes += record.size_bytes;
            lane.watermark_ms = lane.watermark_ms.max(record.arrival_ms);
            lane.buffer.push_back(record);
        }
        if let Some(tip_ms) = tip_ms {
            lane.watermark_ms = lane.watermark_ms.max(tip_ms);
        }
        self.place(shard);
    }

    /// The shard has no records beyond those received.
    pub(super) fn ended(&mut self, shard: &str) {
        let lane = self.lanes.get_mut(shard).expect("the shard was opened");
        lane.has_ended = true;
        self.place(shard);
    }

    /// The next record, if it is certain.
    pub(super) fn pop(&mut self) -> Option<(String, Arrived<T>)> {
        let (head_ms, _) = self.heads.first()?;
        if let Some((watermark_ms, _)) = self.waiting.first()
            && watermark_ms < head_ms
        {
            return None;
        }
        let (_, shard) = self.heads.pop_first()?;
        let lane = self.lanes.get_mut(&shard).expect("a head has a lane");
        let record = lane.buffer.pop_front().expect("a head has a record");
        self.buffered_bytes -= record.size_bytes;
        self.place(&shard);
        Some((shard, record))
    }

    /// Shards whose records have all been given out since the last call, and which have ended.
    pub(super) fn take_finished(&mut self) -> Vec<String> {
        std::mem::take(&mut self.finished)
    }

    /// Shards that should be read, the one that holds up the others first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &str> {
        self.waiting.iter().map(|(_, shard)| shard.as_str())
    }

    /// The newest arrival of any record received.
    pub(super) fn newest_ms(&self) -> i64 {
        self.newest_ms
    }

    /// Bytes of the records received and not given out.
    pub(super) fn buffered_bytes(&self) -> usize {
        self.buffered_bytes
    }

    /// Above `limit_bytes`, forgets the records of the shard whose turn is last, never of the one that is next.
    /// Returns the shard and its first forgotten record, at which it must be read again.
    pub(super) fn shed(&mut self, limit_bytes: usize) -> Option<(String, T)> {
        if self.buffered_bytes <= limit_bytes || self.heads.len() < 2 {
            return None;
        }
        let (_, shard) = self.heads.pop_last()?;
        let lane = self.lanes.get_mut(&shard).expect("a head has a lane");
        let bytes: usize = lane.buffer.iter().map(|record| record.size_bytes).sum();
        self.buffered_bytes -= bytes;
        let first = std::mem::take(&mut lane.buffer)
            .pop_front()
            .expect("a head has a record");
        lane.watermark_ms = first.arrival_ms;
        lane.has_ended = false;
        self.place(&shard);
        Some((shard, first.record))
    }

    /// Puts a shard where it belongs: among the heads, the waiting or the finished.
    fn place(&mut self, shard: &str) {
        let lane = self.lanes.get(shard).expect("the shard was opened");
        if let Some(head) = lane.buffer.front() {
            self.heads.insert((head.arrival_ms, shard.to_owned()));
        } else if lane.has_ended {
            self.waiting.remove(&(lane.watermark_ms, shard.to_owned()));
            self.lanes.remove(shard);
            self.finished.push(shard.to_owned());
        } else {
            self.waiting.insert((lane.watermark_ms, shard.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests;
