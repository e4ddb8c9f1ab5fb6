//! The first stage of windows: one shard's records, counted and cut into pieces for the second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_consumer::{
    BoxError, Checkpointer, Failure, RecordBatch, RecordProcessor, ShardStart, StatusBoard,
};

use super::evaluation::Chunk;
use super::progress::{Read, ShardCounter};
use super::{PieceStream, Shared, Stage, evaluation};
use crate::window::{Plan, Tally};

/// How often a shard looks whether it has passed the end of a window.
const TICK: Duration = Duration::from_millis(200);
/// Counted records wait so long for a piece at most; a restart counts them again.
const PIECE_INTERVAL_MAX: Duration = Duration::from_secs(5);
/// A stream's clock may be behind this machine's by so much before a record counts as late.
const CLOCK_SLACK_MS: i64 = 500;
const RETRY: Duration = Duration::from_millis(500);
const STOPPING: Duration = Duration::from_secs(5);

pub(super) struct FirstStage {
    shard_id: String,
    counter: ShardCounter,
    shared: Arc<Shared>,
    plan: Arc<Plan>,
    pieces: Arc<dyn PieceStream>,
    board: StatusBoard,
    tally: Tally,
    next_tick: Instant,
    last_cut: Instant,
}

impl FirstStage {
    pub(super) fn new(
        shard_id: &str,
        shared: Arc<Shared>,
        plan: Arc<Plan>,
        pieces: Arc<dyn PieceStream>,
        board: StatusBoard,
    ) -> Self {
        Self {
            tally: Tally::new(shard_id, None, None),
            counter: shared.progress.shard(Stage::Source, shard_id),
            shard_id: shard_id.to_owned(),
            shared,
            plan,
            pieces,
            board,
            next_tick: Instant::now() + TICK,
            last_cut: Instant::now(),
        }
    }

    /// Puts what is counted as a piece and checkpoints its end. A step that fails is taken again, with the same piece.
    async fn cut(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        let Some(end) = self.tally.up_to().cloned() else {
            return Ok(());
        };
        if !self.tally.is_prepared() {
            checkpointer.prepare(&end, None).await?;
            self.tally.prepared();
        }
        self.pieces.put(&self.tally.piece(&self.plan)).await?;
        self.counter.piece_out();
        checkpointer.checkpoint_at(&end).await?;
        self.tally.cut();
        self.last_cut = Instant::now();
        Ok(())
    }

    /// Counts the first of the records, at least one; how many.
    async fn take(&mut self, chunk: Chunk, checkpointer: &Checkpointer) -> Result<usize, BoxError> {
        let evaluated = evaluation::samples(&self.shared, &self.plan, chunk.clone()).await?;
        let taken = evaluated.of_records.len();
        let mut samples = &*evaluated.made;
        let mut read = Read::default();
        for (record, result) in chunk.records().iter().zip(evaluated.of_records) {
            let (of_record, rest) = samples.split_at(*result.as_ref().unwrap_or(&0));
            samples = rest;
            if self.tally.has_counted(&record.place) {
                continue;
            }
            if self.tally.must_cut_before(&record.place) {
                self.cut(checkpointer).await?;
            }
            if let Err(cause) = result {
                self.counter.rejected();
                self.shared
                    .rejections
                    .keep(&self.shard_id, record, &cause)
                    .await?;
            }
            read.record(record.data.len(), of_record.len());
            self.tally.count(
                &self.plan,
                &record.place,
                evaluation::arrived_ms(record),
                of_record,
            );
        }
        self.counter.read(&read);
        if self.tally.is_prepared() && self.tally.may_cut() && self.tally.has_records() {
            self.cut(checkpointer).await?;
        }
        Ok(taken)
    }

    /// Notes how far the shard has passed, if it is read up to its tip.
    fn look_at_tip(&mut self) {
        let caught_up = self
            .board
            .shards()
            .get(&self.shard_id)
            .and_then(|status| status.caught_up_at);
        let Some(at) = caught_up else {
            return;
        };
        let now_ms = i64::try_from(self.shared.clock.now().0).unwrap_or(i64::MAX);
        let ago = i64::try_from(at.elapsed().as_millis()).unwrap_or(i64::MAX);
        self.tally
            .pass(now_ms.saturating_sub(ago).saturating_sub(CLOCK_SLACK_MS));
    }

    /// Puts a piece where the second stage waits for one.
    async fn tick(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        self.look_at_tip();
        if !self.tally.may_cut() {
            return Ok(());
        }
        let has_news = self.tally.has_news(&self.plan);
        if self.tally.has_records() {
            if has_news || self.last_cut.elapsed() >= PIECE_INTERVAL_MAX {
                self.cut(checkpointer).await?;
            }
        } else if has_news {
            self.pieces.put(&self.tally.piece(&self.plan)).await?;
            self.tally.told();
        }
        Ok(())
    }
}

impl RecordProcessor for FirstStage {
    async fn started(&mut self, start: &ShardStart, _: &Checkpointer) -> Result<(), BoxError> {
        let pending = start.pending_checkpoint.as_ref();
        let prepared = pending.and_then(|pending| pending.checkpoint.place().cloned());
        self.tally = Tally::new(&self.shard_id, start.checkpoint.place().cloned(), prepared);
        Ok(())
    }

    async fn process(
        &mut self,
        batch: &RecordBatch,
        checkpointer: &Checkpointer,
    ) -> Result<(), Failure> {
        let mut taken_before = 0;
        while let rest = &batch.records()[taken_before..]
            && !rest.is_empty()
        {
            if batch.is_stopping() || self.shared.fatal.is_failed() {
                rest.iter().for_each(|record| batch.later(record));
                return if batch.is_stopping() {
                    Ok(())
                } else {
                    Err(Failure::retry_after(STOPPING, "the pipeline stops"))
                };
            }
            let chunk = Chunk::of(batch, taken_before);
            let taken = self.take(chunk, checkpointer).await;
            let taken = taken.map_err(|error| Failure::retry_after(RETRY, error))?;
            taken_before += taken;
            // The batch in hand may be long: what it has passed need not wait for its end.
            let ticked = self.tick(checkpointer).await;
            ticked.map_err(|error| Failure::retry_after(RETRY, error))?;
        }
        Ok(())
    }

    fn next_timer(&self) -> Option<Instant> {
        Some(self.next_tick)
    }

    async fn timer_fired(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        self.tick(checkpointer).await?;
        self.next_tick = Instant::now() + TICK;
        Ok(())
    }

    async fn shard_ended(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        if self.tally.has_records() {
            self.cut(checkpointer).await?;
        }
        Ok(())
    }

    async fn stop_requested(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        // Up to a predecessor's cut nothing may be cut; whoever comes next makes it.
        if self.tally.has_records() && self.tally.may_cut() {
            self.cut(checkpointer).await?;
        }
        Ok(())
    }
}
