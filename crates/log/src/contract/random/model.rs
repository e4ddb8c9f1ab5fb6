//! What the engine should do: vectors and maps, nothing clever.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use futures::future::join_all;
use millstream_types::{TimestampMs, WallClock};

use super::super::delete::check_gone;
use super::super::time::check_lookups;
use super::super::trial::{check_dense, check_page, expect_entries};
use super::super::{Trial, close, data};
use super::operation::{GROUPS, LOGS, NewEntry, Operation};
use crate::{
    Append, AppendError, AppendId, Appended, Bounds, EngineError, Entry, EntryKind, GroupId, LogId,
    LogSpec, NotWritten, Place, ReadOutcome,
};

/// A log that exists.
#[derive(Debug)]
struct ModelLog {
    place: Place,
    /// Every entry ever, trimmed or not.
    entries: Vec<Entry>,
    ids: HashMap<u8, Appended>,
    /// Trim is advisory: the first offset lies between what was last seen and what was allowed.
    first_seen: u64,
    first_max: u64,
}

impl ModelLog {
    fn next(&self) -> u64 {
        self.entries.len() as u64
    }

    fn last_time(&self) -> TimestampMs {
        self.entries
            .last()
            .map_or(TimestampMs(0), |entry| entry.time)
    }

    fn is_closed(&self) -> bool {
        let last = self.entries.last();
        last.is_some_and(|entry| entry.kind == EntryKind::Close)
    }

    fn from(&self, offset: u64) -> &[Entry] {
        &self.entries[usize::try_from(offset).expect("the entries are in memory")..]
    }

    fn append(
        &mut self,
        now: TimestampMs,
        append: &Append,
        id: Option<u8>,
    ) -> Result<Appended, AppendError> {
        if let Some(known) = id.and_then(|id| self.ids.get(&id)) {
            return Ok(*known);
        }
        if self.is_closed() {
            return Err(NotWritten::Closed.into());
        }
        let appended = Appended {
            offset: self.next(),
            time: self.last_time().max(now),
        };
        self.entries.push(Entry {
            offset: appended.offset,
            time: appended.time,
            kind: append.kind,
            payload: append.payload.clone(),
        });
        if let Some(id) = id {
            self.ids.insert(id, appended);
        }
        Ok(appended)
    }

    fn check_bounds(&mut self, bounds: Bounds) {
        assert_eq!(bounds.next, self.next());
        assert_eq!(bounds.last_time, self.last_time());
        assert!(
            self.first_seen <= bounds.first && bounds.first <= self.first_max,
            "{bounds:?}, where first lies from {} to {}",
            self.first_seen,
            self.first_max
        );
        self.first_seen = bounds.first;
    }
}

#[derive(Debug)]
enum Slot {
    Never,
    Live(ModelLog),
    Deleted(Option<Place>),
}

/// All logs of a run.
#[derive(Debug)]
pub(super) struct Model {
    slots: BTreeMap<usize, Slot>,
    ids_kept: usize,
    entries_made: u64,
}

fn group_of(log: usize) -> GroupId {
    GroupId((log % GROUPS) as u64 + 1)
}

impl Model {
    pub(super) fn new(ids_kept: usize) -> Self {
        Self {
            slots: (0..LOGS).map(|log| (log, Slot::Never)).collect(),
            ids_kept,
            entries_made: 0,
        }
    }

    fn slot(&mut self, log: usize) -> &mut Slot {
        self.slots.get_mut(&log).expect("every log has a slot")
    }

    /// Does the operation to the engine and to the model, and compares.
    pub(super) async fn apply(&mut self, trial: &mut Trial, operation: Operation) {
        match operation {
            Operation::Create { log } => self.create(trial, log).await,
            Operation::Append { calls } => self.append(trial, calls).await,
            Operation::Read {
                log,
                back,
                bytes_max,
            } => {
                self.read(trial, log, back, bytes_max).await;
            }
            Operation::Trim { log, back } => self.trim(trial, log, back).await,
            Operation::Delete { log } => self.delete(trial, log).await,
            Operation::DeleteGroup { group } => self.delete_group(trial, group).await,
            Operation::StepClock { ms } => trial.clock().step_ms(ms),
            Operation::LookUpTimes { log } => {
                if let Slot::Live(model) = self.slot(log) {
                    check_lookups(trial, model.place).await;
                }
            }
            Operation::Reopen => {
                trial.reopen().await;
                self.check_all(trial).await;
            }
        }
    }

    async fn create(&mut self, trial: &Trial, log: usize) {
        let id = LogId(log as u64 + 1);
        let created = trial
            .engine()
            .create(group_of(log), id, LogSpec::default())
            .await;
        let slot = self.slot(log);
        match slot {
            Slot::Live(model) => assert_eq!(created, Ok(model.place)),
            Slot::Deleted(_) => assert_eq!(created, Err(EngineError::NoSuchLog)),
            Slot::Never => {
                *slot = Slot::Live(ModelLog {
                    place: created.expect("a new log is created"),
                    entries: Vec::new(),
                    ids: HashMap::new(),
                    first_seen: 0,
                    first_max: 0,
                });
            }
        }
    }

    async fn append(&mut self, trial: &Trial, calls: Vec<Vec<NewEntry>>) {
        let now = trial.clock().now();
        let mut expected = Vec::new();
        let mut submitted = Vec::new();
        for call in calls {
            let mut appends = Vec::new();
            let mut answers = Vec::new();
            for new in call {
                if let Some((append, answer)) = self.append_one(now, &new) {
                    appends.push(append);
                    answers.push(answer);
                }
            }
            submitted.push(trial.engine().append_many(appends));
            expected.push(answers);
        }
        assert_eq!(join_all(submitted).await, expected);
    }

    /// The entry and its answer; `None` for a log that never was.
    fn append_one(
        &mut self,
        now: TimestampMs,
        new: &NewEntry,
    ) -> Option<(Append, Result<Appended, AppendError>)> {
        self.entries_made += 1;
        let mut payload = vec![new.log as u8; new.length];
        for (byte, stamp) in payload.iter_mut().zip(self.entries_made.to_le_bytes()) {
            *byte = stamp;
        }
        let id = new.id.filter(|id| usize::from(*id) < self.ids_kept);
        let of = |place, payload: Vec<u8>| {
            let payload = Bytes::from(payload);
            let append = if new.is_close {
                close(place, payload)
            } else {
                data(place, payload)
            };
            match id {
                Some(id) => append.with_id(AppendId(u128::from(id))),
                None => append,
            }
        };
        match self.slot(new.log) {
            Slot::Never | Slot::Deleted(None) => None,
            Slot::Deleted(Some(place)) => {
                Some((of(*place, payload), Err(NotWritten::NoSuchLog.into())))
            }
            Slot::Live(model) => {
                let append = of(model.place, payload);
                let answer = model.append(now, &append, id);
                Some((append, answer))
            }
        }
    }

    async fn read(&mut self, trial: &Trial, log: usize, back: u64, bytes_max: usize) {
        let Slot::Live(model) = self.slot(log) else {
            return;
        };
        // From a little above the tail downwards.
        let from = (model.next() + 2).saturating_sub(back);
        match trial.read(model.place, from, bytes_max).await {
            ReadOutcome::OutOfRange(bounds) => {
                model.check_bounds(bounds);
                assert!(from < bounds.first || from > bounds.next);
            }
            outcome => {
                let (page, bounds) = expect_entries(outcome);
                model.check_bounds(bounds);
                check_page(&page, from, bytes_max, bounds);
                check_dense(&page, from, bounds);
                assert_eq!(page, model.from(from)[..page.len()]);
            }
        }
    }

    async fn trim(&mut self, trial: &Trial, log: usize, back: u64) {
        if let Slot::Live(model) = self.slot(log) {
            let before = (model.next() + 3).saturating_sub(back);
            let trimmed = trial.engine().trim(model.place, before).await;
            assert_eq!(trimmed, Ok(()));
            model.first_max = model.first_max.max(before.min(model.next()));
            model.check_bounds(trial.bounds(model.place).await);
        }
    }

    async fn delete(&mut self, trial: &Trial, log: usize) {
        let slot = self.slot(log);
        let place = match slot {
            Slot::Live(model) => model.place,
            Slot::Deleted(Some(place)) => *place,
            Slot::Never | Slot::Deleted(None) => return,
        };
        assert_eq!(trial.engine().delete(place).await, Ok(()));
        *slot = Slot::Deleted(Some(place));
    }

    async fn delete_group(&mut self, trial: &Trial, group: usize) {
        let group = GroupId(group as u64 + 1);
        assert_eq!(trial.engine().delete_group(group).await, Ok(()));
        for (log, slot) in &mut self.slots {
            if group_of(*log) == group {
                *slot = match slot {
                    Slot::Never => Slot::Deleted(None),
                    Slot::Live(model) => Slot::Deleted(Some(model.place)),
                    Slot::Deleted(place) => Slot::Deleted(*place),
                };
            }
        }
    }

    /// Compares everything that can be read.
    pub(super) async fn check_all(&mut self, trial: &Trial) {
        for slot in self.slots.values_mut() {
            match slot {
                Slot::Never | Slot::Deleted(None) => {}
                Slot::Deleted(Some(place)) => check_gone(trial, *place).await,
                Slot::Live(model) => {
                    let bounds = trial.bounds(model.place).await;
                    model.check_bounds(bounds);
                    let barrier = trial.engine().barrier(model.place).await;
                    assert_eq!(barrier, Ok(model.next()));
                    let entries = trial.read_pages(model.place, bounds.first, 4096).await;
                    assert_eq!(entries, model.from(bounds.first));
                    check_lookups(trial, model.place).await;
                }
            }
        }
    }
}
