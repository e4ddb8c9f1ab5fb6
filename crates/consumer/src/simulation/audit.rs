//! What may never happen, checked at the moment it would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep};

use crate::{
    BoxError, Checkpoint, Checkpointer, Lease, MemoryStream, RecordBatch, RecordProcessor,
    ShardStart,
};

#[derive(Debug, Clone)]
pub(super) struct Audit {
    stream: MemoryStream,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    began: Instant,
    log: Vec<String>,
    /// Worker by shard, while a batch is in hand.
    active: BTreeMap<String, String>,
    /// Sequence numbers whose batch has been processed to its end.
    processed: BTreeSet<u64>,
    checkpoints: BTreeMap<String, Checkpoint>,
    is_calm: bool,
    /// The first broken rule; panics inside workers are caught by the workers themselves.
    broken: Option<String>,
}

impl Audit {
    pub(super) fn new(stream: MemoryStream) -> Self {
        let state = State {
            began: Instant::now(),
            log: Vec::new(),
            active: BTreeMap::new(),
            processed: BTreeSet::new(),
            checkpoints: BTreeMap::new(),
            is_calm: false,
            broken: None,
        };
        Self {
            stream,
            state: Arc::new(Mutex::new(state)),
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap())
    }

    pub(super) fn log(&self, event: String) {
        self.with(|state| {
            let at = state.began.elapsed().as_millis();
            state.log.push(format!("{at} {event}"));
        });
    }

    fn require(&self, holds: bool, rule: impl FnOnce() -> String) {
        if !holds {
            let rule = rule();
            self.log(format!("BROKEN {rule}"));
            self.with(|state| state.broken.get_or_insert(rule).clone());
        }
    }

    pub(super) fn calm(&self) {
        self.with(|state| state.is_calm = true);
    }

    pub(super) fn is_active(&self, worker_id: &str) -> bool {
        self.with(|state| state.active.values().any(|worker| worker == worker_id))
    }

    pub(super) fn note_created(&self, rows: &[Lease], lease: &Lease) {
        let exists = rows.iter().any(|row| row.lease_key == lease.lease_key);
        let begun = self.with(|state| state.checkpoints.get(&lease.lease_key).cloned());
        self.log(format!("create {} {exists}", lease.lease_key));
        self.require(exists || begun.is_none(), || {
            format!("{} is leased again after {begun:?}", lease.lease_key)
        });
    }

    /// The row begins anew, or goes, if it is still what was seen.
    pub(super) fn note_restarted(&self, rows: &[Lease], seen: &Lease) {
        if rows.contains(seen) {
            self.log(format!("restart {}", seen.lease_key));
            self.with(|state| state.checkpoints.remove(&seen.lease_key));
        }
    }

    pub(super) fn note_update(&self, before: &[Lease], after: &[Lease], wanted: &Lease) {
        let find = |rows: &[Lease]| {
            let row = rows.iter().find(|row| row.lease_key == wanted.lease_key);
            row.cloned()
        };
        let (before, after) = (find(before), find(after));
        if before == after {
            return;
        }
        let Some(after) = after else { return };
        self.log(format!(
            "checkpoint {} {} by {:?}",
            after.lease_key, after.checkpoint, after.lease_owner
        ));
        let known = self.with(|state| {
            state
                .checkpoints
                .insert(after.lease_key.clone(), after.checkpoint.clone())
        });
        let forward = known
            .as_ref()
            .is_none_or(|known| *known <= after.checkpoint);
        self.require(forward, || {
            format!(
                "{} went from {known:?} back to {}",
                after.lease_key, after.checkpoint
            )
        });
        if let Some(active) = self.with(|state| state.active.get(&after.lease_key).cloned()) {
            let owner = after.lease_owner.clone();
            self.require(owner.as_deref() == Some(&*active), || {
                format!("{owner:?} checkpoints while {active} processes")
            });
        }
        // What is checkpointed has been processed.
        let limit = match &after.checkpoint {
            Checkpoint::At(place) => place.sequence_number().parse().unwrap(),
            Checkpoint::ShardEnd => u64::MAX,
            Checkpoint::AtTimestamp | Checkpoint::TrimHorizon | Checkpoint::Latest => 0,
        };
        self.require_processed(&after.lease_key, limit);
    }

    fn require_processed(&self, shard_id: &str, limit: u64) {
        let numbers = self.stream.sequence_numbers(shard_id);
        let missing = self.with(|state| {
            let mut up_to_limit = numbers.into_iter().filter(|number| *number <= limit);
            up_to_limit.find(|number| !state.processed.contains(number))
        });
        self.require(missing.is_none(), || {
            format!("{shard_id} is checkpointed past {missing:?}, which was not processed")
        });
    }

    fn enter(&self, worker_id: &str, shard_id: &str) -> Active {
        let other = self.with(|state| {
            state
                .active
                .insert(shard_id.to_owned(), worker_id.to_owned())
        });
        self.require(other.is_none(), || {
            format!("{other:?} and {worker_id} process {shard_id} at once")
        });
        Active {
            audit: self.clone(),
            shard_id: shard_id.to_owned(),
        }
    }

    pub(super) fn assert_all_processed(&self) {
        for shard_id in self.stream.lineage().keys() {
            self.require_processed(shard_id, u64::MAX);
        }
        if let Some(broken) = self.with(|state| state.broken.clone()) {
            let log = self.with(|state| state.log.join("\n"));
            panic!("{log}\n{broken}");
        }
    }

    pub(super) fn into_log(self) -> Vec<String> {
        self.assert_all_processed();
        self.with(|state| state.log.clone())
    }
}

/// A batch in hand; dropped with the future that holds it.
struct Active {
    audit: Audit,
    shard_id: String,
}

impl Drop for Active {
    fn drop(&mut self) {
        self.audit.with(|state| state.active.remove(&self.shard_id));
    }
}

/// Takes its time, fails and panics at random, checkpoints now and then.
pub(super) struct AuditedProcessor {
    audit: Audit,
    worker_id: String,
    shard_id: String,
    rng: StdRng,
    /// The last record delivered, or the checkpoint.
    last: u64,
}

impl AuditedProcessor {
    pub(super) fn new(audit: Audit, worker_id: &str, shard_id: &str, seed: u64) -> Self {
        audit.log(format!("{worker_id} opens {shard_id}"));
        let shard: u64 = shard_id.trim_start_matches("shardId-").parse().unwrap();
        let began = audit.with(|state| state.began.elapsed().as_millis() as u64);
        Self {
            rng: StdRng::seed_from_u64(seed ^ (shard << 32) ^ began),
            audit,
            worker_id: worker_id.to_owned(),
            shard_id: shard_id.to_owned(),
            last: 0,
        }
    }

    fn is_calm(&self) -> bool {
        self.audit.with(|state| state.is_calm)
    }
}

impl RecordProcessor for AuditedProcessor {
    async fn started(&mut self, start: &ShardStart, _: &Checkpointer) -> Result<(), BoxError> {
        let place = start.checkpoint.place();
        self.last = place.map_or(0, |place| place.sequence_number().parse().unwrap());
        for parent in &self.audit.stream.lineage()[&self.shard_id] {
            self.audit.require_processed(parent, u64::MAX);
        }
        Ok(())
    }

    async fn process(
        &mut self,
        batch: &RecordBatch,
        checkpointer: &Checkpointer,
    ) -> Result<(), BoxError> {
        let active = self.audit.enter(&self.worker_id, &self.shard_id);
        let numbers: Vec<u64> = batch
            .records()
            .iter()
            .map(|record| record.sequence_number.parse().unwrap())
            .collect();
        let all = self.audit.stream.sequence_numbers(&self.shard_id);
        let from = all.partition_point(|number| *number <= self.last);
        let expected = &all[from..from + numbers.len().min(all.len() - from)];
        self.audit.require(expected == numbers, || {
            format!("{}: {numbers:?} after {}", self.shard_id, self.last)
        });
        let ms = match self.rng.random_range(0..100) {
            0..2 if !self.is_calm() => 25_000,
            2..20 => 800,
            _ => 20,
        };
        sleep(Duration::from_millis(self.rng.random_range(0..ms))).await;
        match self.rng.random_range(0..100) {
            0..5 if !self.is_calm() => return Err("a random failure".into()),
            5 if !self.is_calm() => std::panic::resume_unwind(Box::new("a random panic")),
            _ => {}
        }
        let last = *numbers.last().unwrap();
        self.audit.with(|state| state.processed.extend(numbers));
        if self.rng.random_range(0..3) == 0 {
            checkpointer.checkpoint().await?;
        }
        // Only now: a batch that fails comes again from its first record.
        self.last = last;
        drop(active);
        Ok(())
    }

    async fn stop_requested(&mut self, checkpointer: &Checkpointer) -> Result<(), BoxError> {
        Ok(checkpointer.checkpoint().await?)
    }
}
