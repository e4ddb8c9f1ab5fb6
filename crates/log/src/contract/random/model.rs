//! What the engine should do: vectors and maps, nothing clever.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use futures::future::join_all;
use millstream_types::{TimestampMs, WallClock};

use super::super::delete::check_gone;
use super::super::time::check_lookups;
use super::super::trial::{check_page, expect_entries};
use super::super::{Trial, close, data};
use super::operation::{GROUPS, LOGS, NewEntry, Operation};
use crate::{
    Append, AppendError, AppendId, Appended, Bounds, Caps, EngineError, Entry, EntryKind, GroupId,
    LogId, LogSpec, NotWritten, Place, ReadOutcome,
};

/// A log that exists. Its offsets are what the engine gave: they rise, and that is all that is known of them.
#[derive(Debug)]
struct ModelLog {
    place: Place,
    /// Every entry that was accepted, trimmed or not. Its offset is [`NOT_GIVEN`] until it is answered.
    entries: Vec<Entry>,
    /// Which entries have ids.
    ids: HashMap<u8, usize>,
    /// Above every entry, as the engine last said.
    next: u64,
    /// Whether entries may stand behind the CLOSE.
    may_grow_closed: bool,
    is_dense: bool,
    /// Trim is advisory: the first offset lies between what was last seen and what was allowed.
    first_seen: u64,
    first_max: u64,
}

/// Of an entry that was submitted and is not answered yet.
const NOT_GIVEN: u64 = u64::MAX;

/// What an append is to be answered with.
#[derive(Debug, Clone, Copy)]
enum Expected {
    /// The entry at this place among the log's.
    Accepted {
        log: usize,
        entry: usize,
    },
    Refused(AppendError),
}

impl ModelLog {
    fn last_time(&self) -> TimestampMs {
        self.entries
            .last()
            .map_or(TimestampMs(0), |entry| entry.time)
    }

    fn is_closed(&self) -> bool {
        let last = self.entries.last();
        last.is_some_and(|entry| entry.kind == EntryKind::Close)
    }

    /// The accepted entries at or above an offset.
    fn from(&self, offset: u64) -> &[Entry] {
        let first = self.entries.partition_point(|entry| entry.offset < offset);
        &self.entries[first..]
    }

    /// What readers take of a page that begins at an offset: nothing behind the CLOSE.
    fn accepted(&self, mut page: Vec<Entry>) -> Vec<Entry> {
        let last = self.entries.last().map_or(0, |last| last.offset);
        if self.is_closed() && self.may_grow_closed {
            page.retain(|entry| entry.offset <= last);
        }
        page
    }

    fn append(
        &mut self,
        now: TimestampMs,
        append: &Append,
        id: Option<u8>,
    ) -> Result<usize, AppendError> {
        if let Some(known) = id.and_then(|id| self.ids.get(&id)) {
            return Ok(*known);
        }
        if self.is_closed() {
            return Err(NotWritten::Closed.into());
        }
        self.entries.push(Entry {
            offset: NOT_GIVEN,
            time: self.last_time().max(now),
            kind: append.kind,
            payload: append.payload.clone(),
        });
        let entry = self.entries.len() - 1;
        if let Some(id) = id {
            self.ids.insert(id, entry);
        }
        Ok(entry)
    }

    /// Compares an answer, and takes over the offset that it gives.
    fn answered(&mut self, entry: usize, answer: Result<Appended, AppendError>) {
        let Appended { offset, time } = answer.expect("the entry is accepted");
        let lowest = match entry.checked_sub(1) {
            Some(before) => self.entries[before].offset + 1,
            None => 0,
        };
        let entry = &mut self.entries[entry];
        assert_eq!(time, entry.time);
        if entry.offset == NOT_GIVEN {
            assert!(offset >= lowest.max(self.next), "offsets rise");
            assert!(!self.is_dense || offset == lowest, "offsets are dense");
            entry.offset = offset;
            self.next = offset + 1;
        }
        assert_eq!(offset, entry.offset);
    }

    fn check_bounds(&mut self, bounds: Bounds) {
        let last = self.entries.last().map_or(0, |last| last.offset + 1);
        assert!(bounds.next >= self.next.max(last), "{bounds:?}");
        let may_differ = self.is_closed() && self.may_grow_closed;
        assert!(may_differ || bounds.last_time == self.last_time());
        self.next = bounds.next;
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
    caps: Caps,
    entries_made: u64,
}

fn group_of(log: usize) -> GroupId {
    GroupId((log % GROUPS) as u64 + 1)
}

impl Model {
    pub(super) fn new(caps: Caps) -> Self {
        Self {
            slots: (0..LOGS).map(|log| (log, Slot::Never)).collect(),
            ids_kept: caps.append_ids_kept,
            caps,
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
        let may_grow_closed = !self.caps.closes_in_place;
        let is_dense = self.caps.dense_offsets;
        let slot = self.slot(log);
        match slot {
            Slot::Live(model) => assert_eq!(created, Ok(model.place)),
            Slot::Deleted(_) => assert_eq!(created, Err(EngineError::NoSuchLog)),
            Slot::Never => {
                *slot = Slot::Live(ModelLog {
                    place: created.expect("a new log is created"),
                    entries: Vec::new(),
                    ids: HashMap::new(),
                    next: 0,
                    may_grow_closed,
                    is_dense,
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
        let answers = join_all(submitted).await;
        for (expected, answers) in expected.iter().zip(answers) {
            assert_eq!(expected.len(), answers.len(), "one answer per entry");
            for (expected, answer) in expected.iter().zip(answers) {
                self.answered(*expected, answer);
            }
        }
    }

    fn answered(&mut self, expected: Expected, answer: Result<Appended, AppendError>) {
        match expected {
            Expected::Refused(error) => assert_eq!(answer, Err(error)),
            Expected::Accepted { log, entry } => {
                let Slot::Live(model) = self.slot(log) else {
                    unreachable!("a log stays while its entries are answered");
                };
                model.answered(entry, answer);
            }
        }
    }

    /// The entry and its answer; `None` for a log that never was.
    fn append_one(&mut self, now: TimestampMs, new: &NewEntry) -> Option<(Append, Expected)> {
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
                let gone = Expected::Refused(NotWritten::NoSuchLog.into());
                Some((of(*place, payload), gone))
            }
            Slot::Live(model) => {
                let append = of(model.place, payload);
                let expected = match model.append(now, &append, id) {
                    Ok(entry) => Expected::Accepted {
                        log: new.log,
                        entry,
                    },
                    Err(error) => Expected::Refused(error),
                };
                Some((append, expected))
            }
        }
    }

    async fn read(&mut self, trial: &Trial, log: usize, back: u64, bytes_max: usize) {
        let Slot::Live(model) = self.slot(log) else {
            return;
        };
        // From a little above the tail downwards.
        let from = (model.next + 2).saturating_sub(back);
        match trial.read(model.place, from, bytes_max).await {
            ReadOutcome::OutOfRange(bounds) => {
                model.check_bounds(bounds);
                assert!(from < bounds.first || from > bounds.next);
            }
            outcome => {
                let (page, bounds) = expect_entries(outcome);
                model.check_bounds(bounds);
                check_page(&page, from, bytes_max, bounds);
                let page = model.accepted(page);
                assert_eq!(page, model.from(from)[..page.len()]);
                let all = model.from(from).len();
                assert!(!page.is_empty() || all == 0, "at least one entry");
            }
        }
    }

    async fn trim(&mut self, trial: &Trial, log: usize, back: u64) {
        if let Slot::Live(model) = self.slot(log) {
            let before = (model.next + 3).saturating_sub(back);
            let trimmed = trial.engine().trim(model.place, before).await;
            assert_eq!(trimmed, Ok(()));
            let bounds = trial.bounds(model.place).await;
            // Where nothing stands from there on up to an entry, the log may as well begin with that.
            let kept = model.from(before).first();
            let first_max = kept.map_or(bounds.next, |kept| kept.offset);
            model.first_max = model.first_max.max(first_max);
            model.check_bounds(bounds);
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
                    let last = model.entries.last().map_or(0, |last| last.offset + 1);
                    assert!(barrier.is_ok_and(|barrier| last <= barrier && barrier <= bounds.next));
                    let entries = trial.read_pages(model.place, bounds.first, 4096).await;
                    assert_eq!(model.accepted(entries), model.from(bounds.first));
                    check_lookups(trial, model.place).await;
                }
            }
        }
    }
}
