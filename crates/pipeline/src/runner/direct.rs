//! A shard whose records go straight to the sinks.

use std::sync::Arc;
use std::time::{Duration, Instant};

use millstream_connectors::Item;
use millstream_consumer::{
    BoxError, Checkpointer, Failure, RecordBatch, RecordProcessor, ShardStart,
};

use super::cuts::Cuts;
use super::evaluation::Chunk;
use super::lanes::Lanes;
use super::progress::{Read, ShardCounter};
use super::{Shared, Stage, evaluation};

/// Time between two checkpoints of what has arrived.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(1);
/// How soon it is looked again whether what is on its way has arrived, once a checkpoint is due.
const ARRIVAL_LOOK: Duration = Duration::from_millis(100);
/// How long a batch may take to reach the sinks once the worker is told to stop.
const STOP_PATIENCE: Duration = Duration::from_secs(5);
/// Pause after a failure that is going to stop the worker.
const STOPPING: Duration = Duration::from_secs(5);

pub(super) struct DirectProcessor {
    shard_id: String,
    shared: Arc<Shared>,
    counter: ShardCounter,
    lanes: Lanes,
    cuts: Cuts,
    /// Items of records that are taken and not sent yet.
    in_hand: Vec<Item>,
    by_cuts: bool,
    /// Time of the soonest flush of all sinks.
    flush_time: Duration,
    /// When the first record of the cut in hand was taken.
    cut_began: Option<Instant>,
    next_checkpoint: Instant,
    /// Some sinks may have items that others have not: no cut may be made of them.
    is_torn: bool,
}

impl DirectProcessor {
    pub(super) fn new(shard_id: &str, shared: Arc<Shared>) -> Self {
        let flushes = || {
            shared
                .sinks
                .iter()
                .filter_map(|sink| sink.spec.sink.flush())
        };
        Self {
            counter: shared.progress.shard(Stage::Source, shard_id),
            lanes: Lanes::open(&shared, shard_id),
            cuts: Cuts::new(shard_id, None, None),
            in_hand: Vec::new(),
            by_cuts: shared.pipeline.delivers_by_cuts(),
            flush_time: flushes()
                .map(|flush| flush.time)
                .min()
                .unwrap_or(Duration::MAX),
            cut_began: None,
            // The first one is due at once: a lease that is lost soon after, as all are where failover is short and the
            // machine is busy, must not take back everything, or the same records come again for ever.
            next_checkpoint: Instant::now(),
            is_torn: false,
            shard_id: shard_id.to_owned(),
            shared,
        }
    }

    /// Takes the first of the records, at least one: rejects what has to be, and sends the rest. How many it took.
    async fn take(&mut self, chunk: Chunk, checkpointer: &Checkpointer) -> Result<usize, BoxError> {
        let evaluated = evaluation::items(&self.shared, chunk.clone()).await?;
        let taken = evaluated.of_records.len();
        let mut items = evaluated.made.into_iter();
        let mut read = Read::default();
        for (record, result) in chunk.records().iter().zip(evaluated.of_records) {
            let values = *result.as_ref().unwrap_or(&0);
            let of_record = items.by_ref().take(values);
            if self.cuts.has(&record.place) {
                of_record.for_each(drop);
                continue;
            }
            if self.cuts.must_cut_before(&record.place) {
                self.send().await?;
                self.cut(checkpointer).await?;
            }
            match result {
                Ok(_) => self.in_hand.extend(of_record),
                Err(cause) => {
                    self.counter.rejected();
                    self.shared
                        .rejections
                        .keep(&self.shard_id, record, &cause)
                        .await?;
                }
            }
            self.cuts.take(&record.place);
            read.record(record.data.len(), values);
            self.cut_began.get_or_insert_with(Instant::now);
        }
        self.counter.read(&read);
        self.send().await?;
        Ok(taken)
    }

    async fn send(&mut self) -> Result<(), BoxError> {
        let Some(up_to) = self.cuts.last().cloned() else {
            return Ok(());
        };
        self.is_torn = true;
        let sent = self
            .lanes
            .send(std::mem::take(&mut self.in_hand), up_to)
            .await;
        self.is_torn = sent.is_err();
        sent.map_err(|failed| self.fail(&failed.to_string()))
    }

    fn fail(&self, why: &str) -> BoxError {
        self.shared.fatal.fail(why);
        why.to_owned().into()
    }

    /// Delivers what is in hand as one whole, and checkpoints it.
    async fn cut(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        let Some((cut, to_prepare)) = self.cuts.cut() else {
            return Ok(());
        };
        if let Some(end) = to_prepare {
            checkpointer.prepare(end, None).await?;
            self.cuts.prepared();
        }
        let flushed = self.lanes.flush(&cut).await;
        flushed.map_err(|failed| self.fail(&failed.to_string()))?;
        if let Some(end) = self.cuts.last() {
            checkpointer.checkpoint_at(end).await?;
        }
        self.cuts.done();
        self.cut_began = None;
        Ok(())
    }

    /// Cuts where it is due, or checkpoints what has arrived.
    async fn keep_up(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        if self.by_cuts {
            let full = self.lanes.is_full();
            let old = self
                .cut_began
                .is_some_and(|began| began.elapsed() >= self.flush_time);
            if self.cuts.must_cut() || ((full || old) && self.cuts.may_cut()) {
                self.cut(checkpointer).await?;
            }
            return Ok(());
        }
        if Instant::now() < self.next_checkpoint {
            return Ok(());
        }
        let arrived = self
            .lanes
            .arrived()
            .map_err(|failed| self.fail(&failed.to_string()))?;
        let pause = match arrived {
            None if self.lanes.has_sent() => ARRIVAL_LOOK,
            None | Some(_) => CHECKPOINT_INTERVAL,
        };
        self.next_checkpoint = Instant::now() + pause;
        if let Some(place) = arrived {
            checkpointer.checkpoint_at(&place).await?;
        }
        Ok(())
    }

    /// Delivers and checkpoints everything in hand.
    async fn finish(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        if self.is_torn || self.shared.fatal.is_failed() {
            return Ok(());
        }
        if self.by_cuts {
            // Up to a predecessor's cut that lies ahead nothing may be cut; whoever comes next makes it.
            if self.cuts.may_cut() {
                self.cut(checkpointer).await?;
            }
            return Ok(());
        }
        let Some((cut, _)) = self.cuts.cut() else {
            return Ok(());
        };
        let flushed = self.lanes.flush(&cut).await;
        flushed.map_err(|failed| self.fail(&failed.to_string()))?;
        if let Some(place) = self
            .lanes
            .arrived()
            .map_err(|failed| self.fail(&failed.to_string()))?
        {
            checkpointer.checkpoint_at(&place).await?;
        }
        Ok(())
    }
}

impl RecordProcessor for DirectProcessor {
    async fn started(&mut self, start: &ShardStart, _: &Checkpointer) -> Result<(), BoxError> {
        let pending = start.pending_checkpoint.as_ref();
        let prepared = pending.and_then(|pending| pending.checkpoint.place().cloned());
        let prepared = prepared.filter(|_| self.by_cuts);
        self.cuts = Cuts::new(&self.shard_id, start.checkpoint.place().cloned(), prepared);
        Ok(())
    }

    async fn process(
        &mut self,
        batch: &RecordBatch,
        checkpointer: &Checkpointer,
    ) -> Result<(), Failure> {
        let mut taken_before = 0;
        // A sink that takes nothing must not hold a stop up for ever.
        let out_of_time = async {
            batch.stopping().await;
            tokio::time::sleep(STOP_PATIENCE).await;
        };
        tokio::pin!(out_of_time);
        while let rest = &batch.records()[taken_before..]
            && !rest.is_empty()
        {
            if batch.is_stopping() {
                rest.iter().for_each(|record| batch.later(record));
                return Ok(());
            }
            let chunk = Chunk::of(batch, taken_before);
            let taken = tokio::select! {
                taken = self.take(chunk, checkpointer) => Some(taken),
                () = &mut out_of_time => None,
            };
            let taken = match taken {
                Some(taken) => taken.map_err(|error| Failure::retry_after(STOPPING, error))?,
                // Whoever comes next begins at the checkpoint.
                None => {
                    self.is_torn = true;
                    rest.iter().for_each(|record| batch.later(record));
                    return Ok(());
                }
            };
            taken_before += taken;
            self.keep_up(checkpointer)
                .await
                .map_err(|error| Failure::retry_after(CHECKPOINT_INTERVAL, error))?;
        }
        Ok(())
    }

    fn next_timer(&self) -> Option<Instant> {
        let flush = self
            .cut_began
            .and_then(|began| began.checked_add(self.flush_time));
        if self.by_cuts {
            flush
        } else {
            Some(self.next_checkpoint)
        }
    }

    async fn timer_fired(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        self.keep_up(checkpointer).await?;
        if self.by_cuts
            && self
                .cut_began
                .is_some_and(|began| began.elapsed() >= self.flush_time)
        {
            // A predecessor's cut lies ahead: asked again when records come.
            self.cut_began = None;
        }
        Ok(())
    }

    async fn shard_ended(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        self.finish(checkpointer).await?;
        if self.is_torn || self.shared.fatal.is_failed() {
            return Err("the end of the shard is not delivered".into());
        }
        Ok(())
    }

    async fn stop_requested(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        self.finish(checkpointer).await
    }
}
