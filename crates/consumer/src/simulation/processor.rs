//! A processor that takes its time, fails in every way that it may, and tells the audit what it has done.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::sleep;

use super::audit::{Active, Audit, Key, key_of};
use crate::{
    BoxError, Checkpoint, CheckpointPolicy, Checkpointer, Failure, PendingCheckpoint, RecordBatch,
    RecordProcessor, ShardStart,
};

pub(super) struct AuditedProcessor {
    audit: Audit,
    policy: CheckpointPolicy,
    worker_id: String,
    shard_id: String,
    rng: StdRng,
    /// Of the stream, when the processor was made.
    generation: u64,
    /// The checkpoint.
    after: Option<Key>,
    /// What it has said to be done.
    done: BTreeSet<Key>,
}

impl AuditedProcessor {
    pub(super) fn new(
        audit: Audit,
        policy: CheckpointPolicy,
        worker_id: &str,
        shard_id: &str,
        seed: u64,
    ) -> Self {
        audit.log(format!("{worker_id} opens {shard_id}"));
        let shard: u64 = shard_id.trim_start_matches("shardId-").parse().unwrap();
        Self {
            rng: StdRng::seed_from_u64(seed ^ (shard << 32) ^ audit.elapsed_ms()),
            generation: audit.stream().generation(),
            audit,
            policy,
            worker_id: worker_id.to_owned(),
            shard_id: shard_id.to_owned(),
            after: None,
            done: BTreeSet::new(),
        }
    }

    fn is_of_former_stream(&self) -> bool {
        self.generation != self.audit.stream().generation()
    }

    /// The batch goes on with the first record that is not done, but for what is past retention.
    fn audit_order(&self, keys: &[Key]) {
        if self.is_of_former_stream() {
            return;
        }
        let floor = self.audit.floor(&self.shard_id);
        let mut expected = self.audit.keys(&self.shard_id);
        expected.retain(|key| {
            let is_done = self.done.contains(key) || self.audit.is_parked(*key);
            Some(*key) > self.after && key.0 >= floor && !is_done
        });
        let trimmed_before = self.audit.stream().trimmed_before();
        let mut kept = keys.to_vec();
        kept.retain(|key| key.0 >= trimmed_before && !self.audit.is_parked(*key));
        self.audit.require(expected.starts_with(&kept), || {
            let (shard, after) = (&self.shard_id, self.after);
            format!("{shard}: {keys:?} after {after:?} from {floor}, not {expected:?}")
        });
    }

    /// What was just announced, or confirmed, is in the table.
    fn audit_pending(&self, expected: Option<PendingCheckpoint>) {
        if self.is_of_former_stream() {
            return;
        }
        let stored = self.audit.pending(&self.shard_id);
        self.audit.require(stored == expected, || {
            format!("{}: {stored:?} is stored, not {expected:?}", self.shard_id)
        });
    }

    fn finish(&mut self, keys: &[Key]) {
        self.audit.note_processed(keys.iter().copied());
        self.done.extend(keys);
    }

    /// At most one record that cannot be processed is met; what comes before it is done.
    fn meet_poison(&mut self, batch: &RecordBatch, keys: &[Key], at: usize) -> Failure {
        let knows_which = keys.len() == 1 || self.rng.random();
        if !knows_which {
            return Failure::new("one of these is poison");
        }
        self.finish(&keys[..at]);
        let is_certain = keys[at].0.is_multiple_of(2);
        let failure = if is_certain {
            Failure::park("poison")
        } else {
            Failure::new("poison")
        };
        failure.at(&batch.records()[at])
    }

    /// Fails though the records could be processed; never so that one of them is to be parked.
    fn fail(&mut self, batch: &RecordBatch, keys: &[Key]) -> Result<(), Failure> {
        let pause = Duration::from_millis(self.rng.random_range(0..200));
        match self.rng.random_range(0..4) {
            0 => std::panic::resume_unwind(Box::new("a random panic")),
            1 if keys.len() > 1 => Err("a random failure".into()),
            2 => {
                let at = self.rng.random_range(0..keys.len());
                self.finish(&keys[..at]);
                let failure = Failure::retry_after(pause, "not yet");
                Err(failure.at(&batch.records()[at]))
            }
            _ => {
                for (record, key) in batch.records().iter().zip(keys) {
                    match self.rng.random_range(0..4) {
                        0 => batch.failed(record, Failure::retry_after(pause, "not yet")),
                        1 => batch.later(record),
                        2 => {
                            self.finish(&[*key]);
                            batch.done(record);
                        }
                        _ => self.finish(&[*key]),
                    }
                }
                Ok(())
            }
        }
    }

    async fn store(
        &mut self,
        batch: &RecordBatch,
        checkpointer: &Checkpointer,
        active: &Active,
    ) -> Result<(), BoxError> {
        match self.rng.random_range(0..6) {
            0..2 => {
                let stored = checkpointer.checkpoint().await;
                active.goes_on();
                stored?;
                if batch.first_unfinished().is_none() {
                    self.audit_pending(None);
                }
            }
            2 if batch.first_unfinished().is_none() => {
                let place = &batch.records().last().unwrap().place;
                let state = self.rng.random::<bool>().then(|| vec![7]);
                let stored = checkpointer.prepare(place, state.clone()).await;
                active.goes_on();
                stored?;
                let checkpoint = Checkpoint::At(place.clone());
                self.audit_pending(Some(PendingCheckpoint { checkpoint, state }));
            }
            _ => {}
        }
        Ok(())
    }
}

impl RecordProcessor for AuditedProcessor {
    async fn started(&mut self, start: &ShardStart, _: &Checkpointer) -> Result<(), BoxError> {
        self.after = start.checkpoint.place().map(key_of);
        let announced = self.audit.pending(&self.shard_id);
        let is_first = self.audit.is_first_of_term(&self.shard_id, &self.worker_id);
        self.audit
            .require(!is_first || start.pending_checkpoint == announced, || {
                format!(
                    "{announced:?} was announced, not {:?}",
                    start.pending_checkpoint
                )
            });
        Ok(())
    }

    async fn process(
        &mut self,
        batch: &RecordBatch,
        checkpointer: &Checkpointer,
    ) -> Result<(), Failure> {
        let active = self.audit.enter(&self.worker_id, &self.shard_id);
        let records = batch.records().iter();
        let keys: Vec<Key> = records.map(|record| key_of(&record.place)).collect();
        // Not when it starts: until the next shard sync, the lease may be that of a shard of a deleted stream, of which
        // nothing is delivered but what was read before.
        if keys
            .iter()
            .any(|key| self.audit.is_of_current_shard(&self.shard_id, *key))
        {
            self.audit.require_parents_processed(&self.shard_id);
        }
        self.audit_order(&keys);
        let is_calm = self.audit.is_calm();
        let ms = match self.rng.random_range(0..100) {
            0..2 if !is_calm => 25_000,
            2..20 => 800,
            _ => 20,
        };
        sleep(Duration::from_millis(self.rng.random_range(0..ms))).await;
        active.goes_on();
        if let Some(at) = keys.iter().position(|key| self.audit.is_poison(*key)) {
            return Err(self.meet_poison(batch, &keys, at));
        }
        if !is_calm && self.rng.random_range(0..100) < 8 {
            self.fail(batch, &keys)?;
        } else {
            self.finish(&keys);
        }
        if self.policy == CheckpointPolicy::Manual {
            // A whole batch that fails could be parked record by record; this one only has to wait for the table.
            let stored = self.store(batch, checkpointer, &active).await;
            stored.unwrap_or_else(|error| self.audit.log(format!("no checkpoint: {error}")));
        }
        drop(active);
        Ok(())
    }

    async fn stop_requested(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        if self.policy == CheckpointPolicy::Manual {
            checkpointer.checkpoint().await?;
        }
        Ok(())
    }
}
