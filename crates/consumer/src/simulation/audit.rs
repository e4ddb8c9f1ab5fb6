//! What may never happen, checked at the moment it would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep};

use crate::{
    BoxError, Checkpoint, Checkpointer, ExtendedSequenceNumber, InitialPosition, Lease,
    MemoryStream, PendingCheckpoint, RecordBatch, RecordProcessor, ShardStart,
};

#[derive(Debug, Clone)]
pub(super) struct Audit {
    stream: MemoryStream,
    initial: InitialPosition,
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
    /// By shard, where the numbers of the one with that checkpoint start.
    starts: BTreeMap<String, ExtendedSequenceNumber>,
    /// Prepared checkpoints as the table holds them.
    pending: BTreeMap<String, PendingCheckpoint>,
    /// By shard, the first number that its lease must deliver; nothing below may be delivered.
    floors: BTreeMap<String, u64>,
    /// Records that look like aggregates.
    aggregates: BTreeSet<u64>,
    is_calm: bool,
    /// The first broken rule; panics inside workers are caught by the workers themselves.
    broken: Option<String>,
}

impl Audit {
    pub(super) fn new(stream: MemoryStream, initial: InitialPosition) -> Self {
        let state = State {
            began: Instant::now(),
            log: Vec::new(),
            active: BTreeMap::new(),
            processed: BTreeSet::new(),
            checkpoints: BTreeMap::new(),
            starts: BTreeMap::new(),
            pending: BTreeMap::new(),
            floors: BTreeMap::new(),
            aggregates: BTreeSet::new(),
            is_calm: false,
            broken: None,
        };
        Self {
            stream,
            initial,
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
        let begun = self.with(|state| {
            let key = &lease.lease_key;
            if state.starts.get(key) != lease.starting_sequence_number.as_ref() {
                // A shard of a stream that was created again.
                state.checkpoints.remove(key);
            }
            state.checkpoints.get(key).cloned()
        });
        self.log(format!("create {} {exists}", lease.lease_key));
        self.require(exists || begun.is_none(), || {
            format!("{} is leased again after {begun:?}", lease.lease_key)
        });
        if !exists {
            self.begin(lease);
        }
    }

    /// What a new row must deliver.
    fn begin(&self, lease: &Lease) {
        let floor = match (&lease.checkpoint, self.initial) {
            // Nothing, until a worker has opened the shard and said so.
            (Checkpoint::Latest, _) => u64::MAX,
            (Checkpoint::AtTimestamp, InitialPosition::AtTimestamp(moment)) => moment.0,
            _ => 0,
        };
        self.with(|state| state.floors.insert(lease.lease_key.clone(), floor));
    }

    fn floor(&self, shard_id: &str) -> u64 {
        let without_lease = match self.initial {
            InitialPosition::TrimHorizon => 0,
            InitialPosition::AtTimestamp(moment) => moment.0,
            InitialPosition::Latest => u64::MAX,
        };
        self.with(|state| state.floors.get(shard_id).copied().unwrap_or(without_lease))
    }

    /// Whether the row was made for the shard of this id that there is now.
    fn is_current(&self, row: &Lease) -> bool {
        let start = self.stream.starting_number(&row.lease_key);
        let of_row = row.starting_sequence_number.as_ref();
        start.is_some() && of_row.map(|place| place.sequence_number().to_owned()) == start
    }

    /// A worker of the KCL processed a part of the record and went.
    pub(super) fn note_half_processed(&self, shard_id: &str, checkpoint: Checkpoint) {
        self.log(format!("half {shard_id} {checkpoint}"));
        self.with(|state| {
            state.pending.remove(shard_id);
            state.checkpoints.insert(shard_id.to_owned(), checkpoint);
        });
    }

    pub(super) fn note_aggregate(&self, number: u64) {
        self.with(|state| state.aggregates.insert(number));
    }

    pub(super) fn is_aggregate(&self, number: u64) -> bool {
        self.with(|state| state.aggregates.contains(&number))
    }

    /// The row begins anew as `fresh`, or goes, if it is still what was seen.
    pub(super) fn note_restarted(&self, rows: &[Lease], seen: &Lease, fresh: Option<&Lease>) {
        if rows.contains(seen) {
            self.log(format!("restart {}", seen.lease_key));
            self.with(|state| {
                state.checkpoints.remove(&seen.lease_key);
                state.pending.remove(&seen.lease_key);
                state.floors.remove(&seen.lease_key);
            });
            if let Some(fresh) = fresh {
                self.begin(fresh);
            }
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
        if let Some(moment) = after.latest_at {
            let floor = self.floor(&after.lease_key);
            self.require(floor == u64::MAX || floor == moment.0, || {
                format!("LATEST of {} was {floor} and is {moment}", after.lease_key)
            });
            self.with(|state| state.floors.insert(after.lease_key.clone(), moment.0));
        }
        self.with(|state| match &after.pending_checkpoint {
            Some(pending) => state
                .pending
                .insert(after.lease_key.clone(), pending.clone()),
            None => state.pending.remove(&after.lease_key),
        });
        let known = self.with(|state| {
            if let Some(start) = &after.starting_sequence_number {
                state.starts.insert(after.lease_key.clone(), start.clone());
            }
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
        if !self.is_current(&after) {
            return;
        }
        let place = self.active_key(&after.lease_key);
        if let Some(active) = self.with(|state| state.active.get(&place).cloned()) {
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
        let floor = self.floor(shard_id);
        let numbers = self.stream.sequence_numbers(shard_id);
        let missing = self.with(|state| {
            let mut up_to_limit = numbers
                .into_iter()
                .filter(|number| (floor..=limit).contains(number));
            up_to_limit.find(|number| !state.processed.contains(number))
        });
        self.require(missing.is_none(), || {
            format!("{shard_id} is checkpointed past {missing:?}, which was not processed")
        });
    }

    fn active_key(&self, shard_id: &str) -> String {
        format!("{} {shard_id}", self.stream.generation())
    }

    fn enter(&self, worker_id: &str, shard_id: &str) -> Active {
        let key = self.active_key(shard_id);
        let other = self.with(|state| state.active.insert(key.clone(), worker_id.to_owned()));
        self.require(other.is_none(), || {
            format!("{other:?} and {worker_id} process {shard_id} at once")
        });
        Active {
            audit: self.clone(),
            key,
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
    key: String,
}

impl Drop for Active {
    fn drop(&mut self) {
        self.audit.with(|state| state.active.remove(&self.key));
    }
}

/// Takes its time, fails and panics at random, checkpoints now and then.
pub(super) struct AuditedProcessor {
    audit: Audit,
    worker_id: String,
    shard_id: String,
    rng: StdRng,
    /// Of the stream, when the processor was made.
    generation: u64,
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
            generation: audit.stream.generation(),
            audit,
            worker_id: worker_id.to_owned(),
            shard_id: shard_id.to_owned(),
            last: 0,
        }
    }

    fn is_calm(&self) -> bool {
        self.audit.with(|state| state.is_calm)
    }

    /// The batch goes on where the last one ended, but for what is past retention.
    fn audit_order(&self, numbers: &[u64]) {
        if self.generation != self.audit.stream.generation() {
            return;
        }
        let floor = self.audit.floor(&self.shard_id);
        let mut expected = self.audit.stream.sequence_numbers(&self.shard_id);
        expected.retain(|number| *number > self.last && *number >= floor);
        let trimmed_before = self.audit.stream.trimmed_before();
        let mut kept = numbers.to_vec();
        kept.retain(|number| *number >= trimmed_before);
        self.audit.require(expected.starts_with(&kept), || {
            let (shard, last) = (&self.shard_id, self.last);
            format!("{shard}: {numbers:?} after {last} from {floor}, not {expected:?}")
        });
    }

    /// What was just announced, or confirmed, is in the table.
    fn audit_pending(&self, expected: Option<PendingCheckpoint>) {
        if self.generation != self.audit.stream.generation() {
            return;
        }
        let stored = self
            .audit
            .with(|state| state.pending.get(&self.shard_id).cloned());
        self.audit.require(stored == expected, || {
            format!("{}: {stored:?} is stored, not {expected:?}", self.shard_id)
        });
    }
}

impl RecordProcessor for AuditedProcessor {
    async fn started(&mut self, start: &ShardStart, _: &Checkpointer) -> Result<(), BoxError> {
        let place = start.checkpoint.place();
        self.last = place.map_or(0, |place| {
            let number: u64 = place.sequence_number().parse().unwrap();
            let may_be_half = place.sub_sequence_number() > 0 || self.audit.is_aggregate(number);
            number - u64::from(may_be_half)
        });
        let announced = self
            .audit
            .with(|state| state.pending.get(&self.shard_id).cloned());
        // A processor that follows one of the same term starts at the last write that was answered.
        let stored = self
            .audit
            .with(|state| state.checkpoints.get(&self.shard_id).cloned());
        let is_stale = stored.is_some_and(|stored| stored != start.checkpoint);
        self.audit
            .require(is_stale || start.pending_checkpoint == announced, || {
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
    ) -> Result<(), BoxError> {
        let active = self.audit.enter(&self.worker_id, &self.shard_id);
        let numbers: Vec<u64> = batch
            .records()
            .iter()
            .map(|record| record.sequence_number.parse().unwrap())
            .collect();
        // Not when it starts: until the next shard sync, the lease may be that of a shard of a deleted stream.
        let lineage = self.audit.stream.lineage();
        for parent in lineage.get(&self.shard_id).into_iter().flatten() {
            self.audit.require_processed(parent, u64::MAX);
        }
        self.audit_order(&numbers);
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
        match self.rng.random_range(0..6) {
            0..2 => {
                checkpointer.checkpoint().await?;
                self.audit_pending(None);
            }
            2 => {
                let place = &batch.records().last().unwrap().place;
                let state = self.rng.random::<bool>().then(|| vec![7]);
                checkpointer.prepare(place, state.clone()).await?;
                let checkpoint = Checkpoint::At(place.clone());
                self.audit_pending(Some(PendingCheckpoint { checkpoint, state }));
            }
            _ => {}
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
