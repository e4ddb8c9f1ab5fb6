//! What waits for one shard.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use millstream_aggregation::UserRecord;
use millstream_types::HashKeyRange;

use crate::Settings;
use crate::kinesis_record::{Growing, KinesisRecord, Pending};
use crate::pacing::{Bucket, Rates};
use crate::shard_map::MappedShard;

/// The records of one predicted shard. While no shards are known, one lane holds all records; then nothing is aggregated
/// and nothing is paced.
#[derive(Debug)]
pub(crate) struct Lane<T> {
    /// `None` while no shards are known.
    pub(crate) shard_id: Option<Arc<str>>,
    pub(crate) range: HashKeyRange,
    growing: Growing<T>,
    /// Records to send, oldest first; what failed before what came later.
    pub(crate) ready: VecDeque<KinesisRecord<T>>,
    ready_bytes: usize,
    bucket: Option<Bucket>,
    /// Nothing is sent before: the shard failed or was throttled.
    pub(crate) not_before: Duration,
    failures: u32,
    /// Records of the stream under way whose range touches this one's; counted where order is kept.
    pub(crate) under_way: usize,
    /// No later than the first time to live of `ready` ends.
    pub(crate) expires_at: Duration,
    /// Whether it is among the lanes that are looked at.
    pub(crate) is_listed: bool,
}

impl<T> Lane<T> {
    /// Where everything waits until the shards are known.
    pub(crate) fn unmapped() -> Self {
        Self {
            shard_id: None,
            range: HashKeyRange::ALL,
            growing: Growing::default(),
            ready: VecDeque::new(),
            ready_bytes: 0,
            bucket: None,
            not_before: Duration::ZERO,
            failures: 0,
            under_way: 0,
            expires_at: Duration::MAX,
            is_listed: false,
        }
    }

    pub(crate) fn of(shard: MappedShard, settings: &Settings, now: Duration) -> Self {
        Self {
            shard_id: Some(shard.shard_id),
            range: shard.range,
            bucket: Some(Bucket::full(Rates::of(settings), now)),
            ..Self::unmapped()
        }
    }

    /// Whether nothing waits in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.growing.is_empty() && self.ready.is_empty()
    }

    /// Whether it is this shard's, as it was when a record was sent.
    pub(crate) fn is_of(&self, shard_id: Option<&Arc<str>>, range: HashKeyRange) -> bool {
        self.shard_id.as_ref() == shard_id && self.range == range
    }

    pub(crate) fn ready_bytes(&self) -> usize {
        self.ready_bytes
    }

    /// When the aggregate that grows is closed, full or not.
    pub(crate) fn closes_at(&self) -> Duration {
        if self.growing.is_empty() {
            Duration::MAX
        } else {
            self.growing.deadline
        }
    }

    /// Takes a new record; whether a record of the stream became ready.
    pub(crate) fn push(
        &mut self,
        user: UserRecord,
        pending: Pending<T>,
        settings: &Settings,
    ) -> bool {
        let deadline = pending.arrived + settings.record_max_buffered_time;
        let users_max = if self.shard_id.is_some() {
            settings.users_max()
        } else {
            1
        };
        let is_small =
            user.data.len() + user.partition_key.len() < settings.aggregation_max_size_bytes;
        if users_max <= 1 || !is_small {
            self.close(settings);
            let mut record = KinesisRecord::single(user, pending);
            record.due_at = deadline;
            self.push_back(record, settings);
            return true;
        }
        let mut became_ready = false;
        let size_max = settings.aggregation_max_size_bytes;
        if let Some((user, pending)) = self.growing.push(user, pending, size_max) {
            self.close(settings);
            became_ready = true;
            if let Some((user, pending)) = self.growing.push(user, pending, size_max) {
                // Barely too large: with what an aggregate adds to it.
                let mut record = KinesisRecord::single(user, pending);
                record.due_at = deadline;
                self.push_back(record, settings);
                return true;
            }
        }
        if self.growing.count() == 1 {
            self.growing.deadline = deadline;
        }
        if self.growing.count() >= users_max {
            self.close(settings);
            became_ready = true;
        }
        became_ready
    }

    /// Ends the aggregate that grows.
    pub(crate) fn close(&mut self, settings: &Settings) {
        if let Some(mut record) = self.growing.finish() {
            if settings.keep_order_per_key {
                // Others cannot join its call: this shard's next one waits for its answer.
                record.due_at = Duration::ZERO;
            }
            self.push_back(record, settings);
        }
    }

    fn push_back(&mut self, record: KinesisRecord<T>, settings: &Settings) {
        self.count_in(&record, settings);
        self.ready.push_back(record);
    }

    /// Puts records before all others, in their order.
    pub(crate) fn push_front(
        &mut self,
        records: impl DoubleEndedIterator<Item = KinesisRecord<T>>,
        settings: &Settings,
    ) {
        for record in records.rev() {
            self.count_in(&record, settings);
            self.ready.push_front(record);
        }
    }

    fn count_in(&mut self, record: &KinesisRecord<T>, settings: &Settings) {
        self.ready_bytes += record.size_bytes();
        let expires_at = record.oldest_arrival() + settings.record_ttl;
        self.expires_at = self.expires_at.min(expires_at);
    }

    /// Takes the first record to send it.
    pub(crate) fn pop(&mut self) -> Option<KinesisRecord<T>> {
        let record = self.ready.pop_front()?;
        self.ready_bytes -= record.size_bytes();
        if let Some(bucket) = &mut self.bucket {
            bucket.take(record.size_bytes());
        }
        Some(record)
    }

    /// Takes everything out, oldest first.
    pub(crate) fn drain(&mut self, settings: &Settings) -> VecDeque<KinesisRecord<T>> {
        self.close(settings);
        self.drain_ready()
    }

    /// Takes out what is ready, oldest first.
    pub(crate) fn drain_ready(&mut self) -> VecDeque<KinesisRecord<T>> {
        self.ready_bytes = 0;
        self.expires_at = Duration::MAX;
        std::mem::take(&mut self.ready)
    }

    /// All that wait in it.
    #[cfg(test)]
    pub(crate) fn users(&self) -> impl Iterator<Item = &Pending<T>> {
        let ready = self.ready.iter().flat_map(|record| &record.users);
        ready.chain(self.growing.users())
    }

    pub(crate) fn fill(&mut self, now: Duration) {
        if let Some(bucket) = &mut self.bucket {
            bucket.fill(now);
        }
    }

    /// When the first ready record may be sent as far as this shard is concerned; `None` if there is none, or if another
    /// of its records must be answered first.
    pub(crate) fn sendable_at(&self, now: Duration, settings: &Settings) -> Option<Duration> {
        let first = self.ready.front()?;
        if settings.keep_order_per_key && self.under_way > 0 {
            return None;
        }
        let wait = self
            .bucket
            .as_ref()
            .map_or(Duration::ZERO, |bucket| bucket.wait_for(first.size_bytes()));
        Some(self.not_before.max(now + wait))
    }

    /// Records and bytes that may be sent now, roughly; at least the first.
    pub(crate) fn offer(&self, settings: &Settings) -> (usize, usize) {
        if settings.keep_order_per_key {
            let first = self.ready.front().map_or(0, KinesisRecord::size_bytes);
            return (1, first);
        }
        let (bytes, records) = self
            .bucket
            .as_ref()
            .map_or((usize::MAX, usize::MAX), Bucket::room);
        (
            self.ready.len().min(records.max(1)),
            self.ready_bytes.min(bytes),
        )
    }

    /// A call that carried records of it failed: nothing more is sent for a while. Calls that fail in the meantime were
    /// sent before it was known, and lengthen nothing.
    pub(crate) fn failed(&mut self, now: Duration, jitter: f64) {
        if now >= self.not_before {
            self.failures = self.failures.saturating_add(1);
            self.not_before = now + crate::pacing::pause_after(self.failures, jitter);
        }
    }

    /// The shard took a record.
    pub(crate) fn succeeded(&mut self) {
        self.failures = 0;
    }
}
