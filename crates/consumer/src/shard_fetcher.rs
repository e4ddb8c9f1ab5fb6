//! Reads one shard, one batch ahead of its processor.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::Rng;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::pacing::Pacing;
use crate::{
    Checkpoint, ExtendedSequenceNumber, GetRecords, InitialPosition, IteratorPosition, ReadError,
    ReadFuture, Record, RecordBatch, Settings, Shard, StatusBoard, StreamReader,
};

/// How long one call to the stream may take.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// What the fetcher hands to the processor.
#[derive(Debug)]
pub(crate) enum Fetched {
    Batch {
        batch: RecordBatch,
        /// If the batch reached the tip: when it was asked for.
        tip_at: Option<Instant>,
    },
    /// The shard has ended; these shards follow, as far as known.
    End(Vec<Shard>),
}

#[derive(Debug)]
pub(crate) struct ShardFetcher {
    pub(crate) reader: Arc<dyn StreamReader>,
    pub(crate) shard_id: String,
    pub(crate) settings: Arc<Settings>,
    pub(crate) board: StatusBoard,
    pub(crate) checkpoint: Checkpoint,
    /// Batches that the processor has finished.
    pub(crate) batches_done: Arc<AtomicU64>,
    pub(crate) jitter: StdRng,
}

impl ShardFetcher {
    /// Reads until the shard ends or nobody listens. A channel of capacity 1 keeps it one batch ahead.
    pub(crate) async fn run(mut self, to_processor: mpsc::Sender<Fetched>) {
        let mut pacing = Pacing::new(self.settings.poll_interval);
        let mut position = self.first_position();
        let mut iterator: Option<String> = None;
        let mut next_read = Instant::now();
        let mut batches_sent = 0;
        loop {
            // Room first: what is read is handed over at once, and an iterator does not grow old meanwhile.
            let Ok(room) = to_processor.reserve().await else {
                return;
            };
            sleep_until(next_read).await;
            let asked_at = Instant::now();
            let answer = match self.read(&mut iterator, &position).await {
                Ok(answer) => answer,
                Err(ReadError::ExpiredIterator) => {
                    iterator = None;
                    continue;
                }
                Err(error) => {
                    if self.is_gone(&error).await {
                        room.send(Fetched::End(Vec::new()));
                        return;
                    }
                    self.note_failure(&error);
                    if !matches!(error, ReadError::Throttled) {
                        iterator = None;
                    }
                    next_read = Instant::now() + pacing.after_failure(self.jitter.random());
                    continue;
                }
            };
            self.note_answer(&answer);
            let at_tip = answer.millis_behind_latest == 0;
            next_read =
                asked_at + pacing.after_answer(answer.records.len(), answer.millis_behind_latest);
            if let Some(last) = answer.records.last() {
                position = IteratorPosition::AfterSequenceNumber(last.sequence_number.clone());
            }
            let records = self.not_yet_processed(answer.records);
            if records.is_empty() {
                drop(room);
                if at_tip && self.batches_done.load(Ordering::Acquire) == batches_sent {
                    self.board.change(&self.shard_id, |status| {
                        status.caught_up_at = Some(asked_at)
                    });
                }
            } else {
                let batch = RecordBatch {
                    records,
                    millis_behind_latest: answer.millis_behind_latest,
                };
                batches_sent += 1;
                let tip_at = at_tip.then_some(asked_at);
                room.send(Fetched::Batch { batch, tip_at });
            }
            match answer.next_shard_iterator {
                Some(next) => iterator = Some(next),
                None => {
                    // If nobody listens any more, the shard is somebody else's.
                    if let Ok(room) = to_processor.reserve().await {
                        room.send(Fetched::End(answer.child_shards));
                    }
                    return;
                }
            }
        }
    }

    fn first_position(&self) -> IteratorPosition {
        match &self.checkpoint {
            Checkpoint::TrimHorizon | Checkpoint::ShardEnd => IteratorPosition::TrimHorizon,
            Checkpoint::Latest => IteratorPosition::Latest,
            Checkpoint::AtTimestamp => match self.settings.initial_position {
                InitialPosition::AtTimestamp(moment) => IteratorPosition::AtTimestamp(moment),
                // The row was made by a worker with other settings; leave nothing out.
                InitialPosition::TrimHorizon | InitialPosition::Latest => {
                    IteratorPosition::TrimHorizon
                }
            },
            // At, not after: an aggregated record may be half processed.
            Checkpoint::At(place) => {
                IteratorPosition::AtSequenceNumber(place.sequence_number().to_owned())
            }
        }
    }

    async fn read(
        &self,
        iterator: &mut Option<String>,
        position: &IteratorPosition,
    ) -> Result<GetRecords, ReadError> {
        let current = match iterator.take() {
            Some(current) => current,
            None => in_time(self.reader.shard_iterator(&self.shard_id, position.clone())).await?,
        };
        // Kept for another try: an iterator may be used again until it expires.
        *iterator = Some(current.clone());
        in_time(self.reader.get_records(&current, self.settings.records_max)).await
    }

    /// Whether the stream exists and does not list the shard any more: all its records are past retention.
    async fn is_gone(&self, error: &ReadError) -> bool {
        if !matches!(error, ReadError::NotFound(_)) {
            return false;
        }
        let Ok(shards) = in_time(self.reader.list_shards()).await else {
            return false;
        };
        let gone = !shards.iter().any(|shard| shard.shard_id == self.shard_id);
        if gone {
            tracing::warn!(
                shard_id = %self.shard_id, checkpoint = %self.checkpoint,
                "shard is past retention: records that were not processed are lost"
            );
        }
        gone
    }

    fn not_yet_processed(&self, mut records: Vec<Record>) -> Vec<Record> {
        let after = |place: &ExtendedSequenceNumber| match &self.checkpoint {
            Checkpoint::At(processed) => place > processed,
            Checkpoint::AtTimestamp
            | Checkpoint::TrimHorizon
            | Checkpoint::Latest
            | Checkpoint::ShardEnd => true,
        };
        records.retain(|record| after(&record.place));
        records
    }

    fn note_failure(&self, error: &ReadError) {
        tracing::warn!(shard_id = %self.shard_id, %error, "shard could not be read");
        let text = error.to_string();
        self.board
            .change(&self.shard_id, |status| status.read_error = Some(text));
    }

    fn note_answer(&self, answer: &GetRecords) {
        self.board.change(&self.shard_id, |status| {
            status.read_error = None;
            status.millis_behind_latest = Some(answer.millis_behind_latest);
        });
    }
}

pub(crate) async fn in_time<T>(call: ReadFuture<T>) -> Result<T, ReadError> {
    timeout(READ_TIMEOUT, call)
        .await
        .unwrap_or(Err(ReadError::TimedOut))
}
