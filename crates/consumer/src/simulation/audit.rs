//! What may never happen, checked at the moment it would.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;

use crate::start_position::timestamp_ms;
use crate::testing::MemoryStream;
use crate::{
    Checkpoint, ExtendedSequenceNumber, InitialPosition, Lease, ParkedRecord, PendingCheckpoint,
};

/// A user record: the sequence number of the stream's record and the index in it.
pub(super) type Key = (u64, u64);

/// Behind every record.
const LAST: Key = (u64::MAX, u64::MAX);

/// The place as a key.
pub(super) fn key_of(place: &ExtendedSequenceNumber) -> Key {
    let number = place.sequence_number().parse().unwrap();
    (number, place.sub_sequence_number())
}

#[derive(Debug, Clone)]
pub(super) struct Audit {
    stream: MemoryStream,
    initial: InitialPosition,
    state: Arc<Mutex<State>>,
}

/// A batch that a worker has in hand.
#[derive(Debug)]
struct InHand {
    worker_id: String,
    /// Tells it from the others of the shard.
    entered: u64,
    /// Its worker has stood still and has not gone on with it since: another one may have begun meanwhile.
    stood_still: bool,
}

#[derive(Debug)]
struct State {
    began: Instant,
    log: Vec<String>,
    /// By shard, while a batch is in hand.
    active: BTreeMap<String, InHand>,
    /// How many batches have been handed out.
    entered: u64,
    /// What has been processed to its end, or parked.
    processed: BTreeSet<Key>,
    /// The indices of the user records that each record of the stream holds for its shard.
    indices: BTreeMap<u64, Vec<u64>>,
    /// What no processor can process.
    poison: BTreeSet<Key>,
    parked: BTreeSet<Key>,
    checkpoints: BTreeMap<String, Checkpoint>,
    /// By shard, where the numbers of the one with that checkpoint start.
    starts: BTreeMap<String, ExtendedSequenceNumber>,
    /// Prepared checkpoints as the table holds them.
    pending: BTreeMap<String, PendingCheckpoint>,
    /// By shard, the first number that its lease must deliver; nothing below may be delivered.
    floors: BTreeMap<String, u64>,
    /// Shards and workers of which a processor has begun in this term.
    begun: BTreeSet<(String, String)>,
    is_calm: bool,
    last_fault_at: Instant,
    /// The first broken rule; panics inside workers are caught by the workers themselves.
    broken: Option<String>,
}

impl Audit {
    pub(super) fn new(stream: MemoryStream, initial: InitialPosition) -> Self {
        let state = State {
            began: Instant::now(),
            log: Vec::new(),
            active: BTreeMap::new(),
            entered: 0,
            processed: BTreeSet::new(),
            checkpoints: BTreeMap::new(),
            starts: BTreeMap::new(),
            pending: BTreeMap::new(),
            floors: BTreeMap::new(),
            indices: BTreeMap::new(),
            poison: BTreeSet::new(),
            parked: BTreeSet::new(),
            begun: BTreeSet::new(),
            is_calm: false,
            last_fault_at: Instant::now(),
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

    pub(super) fn text(&self) -> String {
        self.with(|state| state.log.join("\n"))
    }

    pub(super) fn require(&self, holds: bool, rule: impl FnOnce() -> String) {
        if !holds {
            let rule = rule();
            self.log(format!("BROKEN {rule}"));
            self.with(|state| state.broken.get_or_insert(rule).clone());
        }
    }

    pub(super) fn calm(&self) {
        self.with(|state| state.is_calm = true);
        self.note_fault();
    }

    /// Something that began before all was calm ends now.
    pub(super) fn note_fault(&self) {
        self.with(|state| state.last_fault_at = Instant::now());
    }

    pub(super) fn last_fault_at(&self) -> Instant {
        self.with(|state| state.last_fault_at)
    }

    pub(super) fn is_active(&self, worker_id: &str) -> bool {
        let is_of_worker = |batch: &InHand| batch.worker_id == worker_id;
        self.with(|state| state.active.values().any(is_of_worker))
    }

    /// The worker stands still with what it has in hand.
    pub(super) fn note_pause(&self, worker_id: &str, pause: Duration) {
        self.log(format!("{worker_id} stands still for {pause:?}"));
        self.with(|state| {
            let batches = state.active.values_mut();
            let own = batches.filter(|batch| batch.worker_id == worker_id);
            own.for_each(|batch| batch.stood_still = true);
        });
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
            (Checkpoint::AtTimestamp, InitialPosition::AtTimestamp(moment)) => {
                timestamp_ms(moment).0
            }
            _ => 0,
        };
        self.with(|state| state.floors.insert(lease.lease_key.clone(), floor));
    }

    pub(super) fn floor(&self, shard_id: &str) -> u64 {
        let without_lease = match self.initial {
            InitialPosition::TrimHorizon => 0,
            InitialPosition::AtTimestamp(moment) => timestamp_ms(moment).0,
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
        let (number, last) = key_of(checkpoint.place().unwrap());
        self.with(|state| {
            let done = (0..=last).map(|index| (number, index));
            state.processed.extend(done);
            state.pending.remove(shard_id);
            state.checkpoints.insert(shard_id.to_owned(), checkpoint);
        });
    }

    /// A record of the stream that holds user records with these indices for its shard.
    pub(super) fn note_put(&self, number: u64, indices: Vec<u64>) {
        self.with(|state| state.indices.insert(number, indices));
    }

    pub(super) fn note_poison(&self, key: Key) {
        self.with(|state| state.poison.insert(key));
    }

    pub(super) fn is_poison(&self, key: Key) -> bool {
        self.with(|state| state.poison.contains(&key))
    }

    pub(super) fn indices(&self, number: u64) -> Vec<u64> {
        self.with(|state| state.indices.get(&number).cloned().unwrap_or_default())
    }

    /// The user records of a shard that are kept, in order.
    pub(super) fn keys(&self, shard_id: &str) -> Vec<Key> {
        let numbers = self.stream.sequence_numbers(shard_id).into_iter();
        numbers
            .flat_map(|number| {
                let indices = self.indices(number).into_iter();
                indices.map(move |index| (number, index))
            })
            .collect()
    }

    pub(super) fn note_processed(&self, keys: impl IntoIterator<Item = Key>) {
        self.with(|state| state.processed.extend(keys));
    }

    /// Only what cannot be processed may be parked.
    pub(super) fn note_parked(&self, parked: &ParkedRecord) {
        let key = key_of(&parked.record.place);
        self.log(format!("park {key:?} {}", parked.attempts));
        self.require(self.is_poison(key), || {
            format!("{key:?} is parked though it can be processed")
        });
        self.with(|state| {
            state.parked.insert(key);
            state.processed.insert(key);
        });
    }

    pub(super) fn is_parked(&self, key: Key) -> bool {
        self.with(|state| state.parked.contains(&key))
    }

    pub(super) fn parked(&self) -> usize {
        self.with(|state| state.parked.len())
    }

    pub(super) fn pending(&self, shard_id: &str) -> Option<PendingCheckpoint> {
        self.with(|state| state.pending.get(shard_id).cloned())
    }

    pub(super) fn elapsed_ms(&self) -> u64 {
        self.with(|state| state.began.elapsed().as_millis() as u64)
    }

    pub(super) fn is_calm(&self) -> bool {
        self.with(|state| state.is_calm)
    }

    pub(super) fn stream(&self) -> &MemoryStream {
        &self.stream
    }

    /// Whether the record was put on the shard of this id that there is now.
    pub(super) fn is_of_current_shard(&self, shard_id: &str, key: Key) -> bool {
        let start = self.stream.starting_number(shard_id);
        start.is_some_and(|start| start.parse().is_ok_and(|start: u64| key.0 > start))
    }

    pub(super) fn require_parents_processed(&self, shard_id: &str) {
        for parent in self.stream.lineage().get(shard_id).into_iter().flatten() {
            self.require_processed(parent, LAST);
        }
    }

    /// The row begins anew as `fresh`, or goes, if it is still what was seen.
    pub(super) fn note_restarted(&self, rows: &[Lease], seen: &Lease, fresh: Option<&Lease>) {
        let is_as_seen = |row: &Lease| {
            let is_same = row.lease_key == seen.lease_key && row.is_of_same_shard(seen);
            is_same && row.lease_counter == seen.lease_counter
        };
        if rows.iter().any(is_as_seen) {
            self.log(format!("restart {}", seen.lease_key));
            self.with(|state| {
                state.checkpoints.remove(&seen.lease_key);
                state.pending.remove(&seen.lease_key);
                state.floors.remove(&seen.lease_key);
                // Whoever has just taken the row begins with what it was, before the next write says that it is lost.
                let holder = seen.holder().map(str::to_owned);
                state
                    .begun
                    .extend(holder.map(|holder| (seen.lease_key.clone(), holder)));
            });
            if let Some(fresh) = fresh {
                self.begin(fresh);
            }
        }
    }

    /// A new term begins: it knows the row as it is.
    pub(super) fn note_taken(&self, row: &Lease, worker_id: &str) {
        let term = (row.lease_key.clone(), worker_id.to_owned());
        self.with(|state| state.begun.remove(&term));
    }

    /// Whether this is the first processor since the worker took the lease. Another one, after a panic, starts at the last
    /// write that was answered.
    pub(super) fn is_first_of_term(&self, shard_id: &str, worker_id: &str) -> bool {
        let term = (shard_id.to_owned(), worker_id.to_owned());
        self.with(|state| state.begun.insert(term))
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
            after.lease_key,
            after.checkpoint,
            after.holder()
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
        let active = self.with(|state| {
            let in_hand = state.active.get(&place);
            let in_hand = in_hand.filter(|batch| !batch.stood_still);
            in_hand.map(|batch| batch.worker_id.clone())
        });
        if let Some(active) = active {
            let owner = after.holder();
            self.require(owner == Some(&*active), || {
                format!("{owner:?} checkpoints while {active} processes")
            });
        }
        // What is checkpointed has been processed.
        let limit = match &after.checkpoint {
            Checkpoint::At(place) => key_of(place),
            Checkpoint::ShardEnd => LAST,
            Checkpoint::AtTimestamp | Checkpoint::TrimHorizon | Checkpoint::Latest => (0, 0),
        };
        self.require_processed(&after.lease_key, limit);
    }

    pub(super) fn is_everything_processed(&self) -> bool {
        let lineage = self.stream.lineage();
        let is_processed = |shard_id: &String| self.first_unprocessed(shard_id, LAST).is_none();
        lineage.keys().all(is_processed)
    }

    fn first_unprocessed(&self, shard_id: &str, limit: Key) -> Option<Key> {
        let floor = self.floor(shard_id);
        let keys = self.keys(shard_id);
        self.with(|state| {
            let mut up_to_limit = keys
                .into_iter()
                .filter(|key| key.0 >= floor && *key <= limit);
            up_to_limit.find(|key| !state.processed.contains(key))
        })
    }

    fn require_processed(&self, shard_id: &str, limit: Key) {
        let missing = self.first_unprocessed(shard_id, limit);
        self.require(missing.is_none(), || {
            format!("{shard_id} is checkpointed past {missing:?}, which was not processed")
        });
    }

    /// Everything that is processed is checkpointed.
    pub(super) fn assert_all_stored(&self, rows: &[Lease]) {
        for row in rows.iter().filter(|row| !row.is_finished()) {
            let floor = self.floor(&row.lease_key);
            let mut keys = self.keys(&row.lease_key).into_iter();
            let Some(last) = keys.rfind(|key| key.0 >= floor) else {
                continue;
            };
            let stored = row.checkpoint.place().map(key_of);
            assert!(stored >= Some(last), "{last:?} is not stored: {row:?}");
        }
    }

    fn active_key(&self, shard_id: &str) -> String {
        format!("{} {shard_id}", self.stream.generation())
    }

    pub(super) fn enter(&self, worker_id: &str, shard_id: &str) -> Active {
        let key = self.active_key(shard_id);
        let (entered, other) = self.with(|state| {
            state.entered += 1;
            let in_hand = InHand {
                worker_id: worker_id.to_owned(),
                entered: state.entered,
                stood_still: false,
            };
            let other = state.active.insert(key.clone(), in_hand);
            (state.entered, other)
        });
        let other = other.filter(|batch| !batch.stood_still);
        self.require(other.is_none(), || {
            format!("{other:?} and {worker_id} process {shard_id} at once")
        });
        Active {
            audit: self.clone(),
            key,
            entered,
        }
    }

    pub(super) fn assert_all_processed(&self) {
        for shard_id in self.stream.lineage().keys() {
            self.require_processed(shard_id, LAST);
        }
        if let Some(broken) = self.with(|state| state.broken.clone()) {
            panic!("{broken}");
        }
    }

    pub(super) fn into_log(self) -> Vec<String> {
        self.assert_all_processed();
        self.with(|state| state.log.clone())
    }
}

/// A batch in hand; dropped with the future that holds it.
pub(super) struct Active {
    audit: Audit,
    key: String,
    entered: u64,
}

impl Active {
    /// The processor has waited for something, and goes on.
    pub(super) fn goes_on(&self) {
        let is_alone = self.audit.with(|state| {
            let in_hand = state.active.get_mut(&self.key);
            let own = in_hand.filter(|batch| batch.entered == self.entered);
            own.map(|batch| batch.stood_still = false).is_some()
        });
        self.audit.require(is_alone, || {
            format!(
                "a worker that stood still goes on with {} though another one has begun",
                self.key
            )
        });
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        self.audit.with(|state| {
            let in_hand = state.active.get(&self.key);
            if in_hand.is_some_and(|batch| batch.entered == self.entered) {
                state.active.remove(&self.key);
            }
        });
    }
}
