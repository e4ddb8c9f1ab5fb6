//! Reads one shard, one batch ahead of its processor.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use millstream_types::{HashKeyRange, TimestampMs};
use rand::Rng;
use rand::rngs::StdRng;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout};

use crate::deaggregation::user_records;
use crate::gone_shard::GoneShard;
use crate::held_lease::HeldLease;
use crate::pacing::Pacing;
use crate::start_position::first_position;
use crate::{
    Checkpoint, GetRecords, IteratorPosition, Lease, ReadError, ReadFuture, RecordBatch, Settings,
    Shard, ShardIterator, StatusBoard, StreamReader,
};

/// How long one call to the stream may take.
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// What the fetcher hands to the processor.
#[derive(Debug)]
pub(crate) enum Fetched {
    Batch {
        batch: RecordBatch,
        /// If the batch reached the tip: when it was asked for.
        tip_at: Option<std::time::Instant>,
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
    pub(crate) held: Arc<HeldLease>,
    pub(crate) hash_key_range: Option<HashKeyRange>,
    pub(crate) checkpoint: Checkpoint,
    /// What LATEST stands for, if it was opened before.
    pub(crate) latest_at: Option<TimestampMs>,
    /// What LATEST stands for, while the lease does not say so yet.
    pub(crate) latest_to_store: Option<TimestampMs>,
    pub(crate) gone: GoneShard,
    /// Batches that the processor has finished.
    pub(crate) batches_done: Arc<AtomicU64>,
    pub(crate) jitter: StdRng,
}

impl ShardFetcher {
    /// Reads until the shard ends or nobody listens. A channel of capacity 1 keeps it one batch ahead.
    pub(crate) async fn run(mut self, to_processor: mpsc::Sender<Fetched>) {
        let shard_id: Arc<str> = self.shard_id.as_str().into();
        let mut pacing = Pacing::new(self.settings.poll_interval);
        let mut position = first_position(
            &self.checkpoint,
            self.latest_at,
            self.settings.initial_position,
        );
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
            let answer = match self.read(&mut iterator, &mut position).await {
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
                    if matches!(error, ReadError::NotFound(_) | ReadError::Refused(_)) {
                        iterator = None;
                    }
                    next_read = Instant::now() + pacing.after_failure(self.jitter.random());
                    continue;
                }
            };
            self.gone.found();
            self.note_answer(&answer);
            let at_tip = answer.millis_behind_latest == 0;
            next_read =
                asked_at + pacing.after_answer(answer.records.len(), answer.millis_behind_latest);
            if let Some(last) = answer.records.last() {
                position = IteratorPosition::AfterSequenceNumber(last.sequence_number().to_owned());
            }
            let records = user_records(
                answer.records,
                self.hash_key_range.as_ref(),
                &self.checkpoint,
            );
            if records.is_empty() {
                drop(room);
                if at_tip && self.batches_done.load(Ordering::Acquire) == batches_sent {
                    self.board.change(&self.shard_id, |status| {
                        status.caught_up_at = Some(asked_at.into_std())
                    });
                }
            } else {
                let batch = RecordBatch::of(
                    Arc::clone(&shard_id),
                    records,
                    Duration::from_millis(answer.millis_behind_latest),
                    self.held.stop().clone(),
                );
                batches_sent += 1;
                let tip_at = at_tip.then_some(asked_at.into_std());
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

    async fn read(
        &mut self,
        iterator: &mut Option<String>,
        position: &mut IteratorPosition,
    ) -> Result<GetRecords, ReadError> {
        let current = match iterator.take() {
            Some(current) => current,
            None => {
                let call = self.reader.shard_iterator(&self.shard_id, position.clone());
                let made = in_time(call).await?;
                if *position == IteratorPosition::Latest {
                    self.fix_latest(&made, position);
                }
                made.token
            }
        };
        // Kept for another try: an iterator may be used again until it expires.
        *iterator = Some(current.clone());
        self.store_latest().await?;
        in_time(self.reader.get_records(&current, self.settings.records_max)).await
    }

    /// From now on this lease's LATEST is a moment: asked for again, it would leave out what came in between.
    fn fix_latest(&mut self, made: &ShardIterator, position: &mut IteratorPosition) {
        let Some(moment) = made.made_at else {
            tracing::warn!(
                shard_id = %self.shard_id,
                "the service does not tell its time: until the first record, an iterator that is lost begins anew at \
                 the newest record and leaves out what came before"
            );
            return;
        };
        *position = IteratorPosition::AtTimestamp(moment);
        self.latest_to_store = Some(moment);
    }

    /// Before the first read, so that whoever takes the lease over begins at the same moment.
    async fn store_latest(&mut self) -> Result<(), ReadError> {
        let Some(moment) = self.latest_to_store else {
            return Ok(());
        };
        let stored = self.held.update(|row| {
            let latest_at = (row.checkpoint == Checkpoint::Latest).then_some(moment);
            Ok(Lease {
                latest_at,
                ..row.clone()
            })
        });
        stored
            .await
            .map_err(|error| ReadError::Unavailable(error.into()))?;
        self.latest_to_store = None;
        Ok(())
    }

    /// Whether the stream exists and all records of the shard are past retention.
    async fn is_gone(&mut self, error: &ReadError) -> bool {
        if !matches!(error, ReadError::NotFound(_)) {
            return false;
        }
        let Ok(shards) = in_time(self.reader.list_shards()).await else {
            return false;
        };
        let gone = self.gone.is_gone(&self.shard_id, &shards, Instant::now());
        if gone {
            tracing::warn!(
                shard_id = %self.shard_id, checkpoint = %self.checkpoint,
                "shard is past retention: records that were not processed are lost"
            );
        }
        gone
    }

    fn note_failure(&self, error: &ReadError) {
        let text = match (error, &self.checkpoint) {
            (ReadError::Refused(_), Checkpoint::At(place)) => format!(
                "{error}; is checkpoint {place} of a stream of the same name that was deleted? Its lease is started \
                 again at the next look at the shards"
            ),
            _ => error.to_string(),
        };
        tracing::warn!(shard_id = %self.shard_id, error = %text, "shard could not be read");
        self.board
            .change(&self.shard_id, |status| status.read_error = Some(text));
    }

    fn note_answer(&self, answer: &GetRecords) {
        self.board.change(&self.shard_id, |status| {
            status.read_error = None;
            status.behind_latest = Some(Duration::from_millis(answer.millis_behind_latest));
        });
    }
}

pub(crate) async fn in_time<T>(call: ReadFuture<T>) -> Result<T, ReadError> {
    timeout(READ_TIMEOUT, call)
        .await
        .unwrap_or(Err(ReadError::TimedOut))
}
