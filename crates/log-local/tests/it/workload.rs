//! A random workload by seed, and what must be true of whatever it leaves behind.

mod damaged;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::executor::block_on;
use millstream_log::{
    Append, AppendError, AppendId, Appended, EngineError, Entry, EntryKind, GroupId, LogEngine,
    LogFuture, LogId, LogSpec, NotWritten, Place, ReadFrom, ReadOutcome, Snapshot, SnapshotStore,
};
use millstream_log_local::disk::power_cut::PowerCutDisk;
use millstream_log_local::{Durability, LocalEngine, LocalSettings, OpenError, Realtime};
use millstream_types::{TimestampMs, WallClock};

/// How many random cases to run, printed so that a failure can be repeated.
pub fn cases(default: u64) -> u64 {
    let wished = std::env::var("MILLSTREAM_CASES").ok();
    let cases = wished
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(default);
    println!("MILLSTREAM_CASES={cases}");
    cases
}

/// Random numbers by seed.
pub struct Rng(pub u64);

impl Rng {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb) >> 16
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

#[derive(Debug, Default)]
pub struct TestClock(AtomicU64);

impl WallClock for TestClock {
    fn now(&self) -> TimestampMs {
        TimestampMs(self.0.fetch_add(1, Ordering::Relaxed) / 3)
    }
}

pub fn small_settings() -> LocalSettings {
    LocalSettings {
        segment_bytes: vec![16 << 10],
        reserve_bytes: 16 << 10,
        tail_cache_bytes: 4 << 10,
        footer_cache_bytes: 2 << 10,
        open_files_max: 2,
        free_space_floor_bytes: 0,
        compaction_bytes_per_s: 1 << 40,
        reclaim_interval: Duration::ZERO,
        realtime: Realtime::Off,
        durability: Durability::Fsync,
        ..LocalSettings::new("unused")
    }
}

pub fn open(disk: &PowerCutDisk) -> Result<LocalEngine, OpenError> {
    let clock = Arc::new(TestClock::default());
    LocalEngine::open_on(Arc::new(disk.clone()), small_settings(), clock)
}

/// One entry as it was submitted.
#[derive(Debug)]
struct Submitted {
    payload: Bytes,
    kind: EntryKind,
    id: Option<AppendId>,
    answer: Option<Appended>,
    /// Answered as not written.
    refused: bool,
}

/// What was done to a log.
#[derive(Debug, Default)]
struct History {
    place: Option<Place>,
    /// Those that were not refused, in order: the offset is the place in the list.
    entries: Vec<Submitted>,
    /// Behind the last one that somebody has seen after a start.
    seen: u64,
    trim_submitted: u64,
    trim_answered: u64,
    delete_submitted: bool,
    delete_answered: bool,
}

type Key = (u64, u64);

/// A log's next offset and all its entries.
type Dumped = Result<(u64, Vec<Entry>), EngineError>;

/// What was done and answered.
#[derive(Debug, Default)]
pub struct Model {
    logs: BTreeMap<Key, History>,
    snapshot_submitted: u64,
    snapshot_answered: u64,
    next_payload: u64,
    /// Segments that were sealed, compacted and removed meanwhile.
    pub housekeeping: [u64; 3],
}

type Answers = LogFuture<Vec<Result<Appended, AppendError>>>;

/// Appends on their way: for each entry its log and its place in the history.
struct InFlight {
    answers: Answers,
    entries: Vec<(Key, usize)>,
}

/// A start that a fault ends is repeated; without power there is none.
fn start(disk: &PowerCutDisk) -> Option<LocalEngine> {
    open(disk).or_else(|_| open(disk)).ok()
}

/// Runs a workload until it ends or there is no power any more. What has failed is started again without a reboot, and goes
/// on for a while.
pub fn run(disk: &PowerCutDisk, seed: u64, steps: u64) -> Model {
    let mut model = Model::default();
    let mut rng = Rng(seed);
    let Some(mut engine) = start(disk) else {
        return model;
    };
    let mut in_flight = Vec::new();
    let mut left = steps;
    while left > 0 {
        left -= 1;
        if crate::folder::failure(&engine).is_some() {
            model.settle(&mut in_flight);
            model.count(&engine);
            drop(engine);
            match start(disk) {
                Some(started) => engine = started,
                None => return model,
            }
            model.take_up(&engine);
            left = left.min(rng.below(60));
        }
        model.step(&engine, &mut rng, &mut in_flight);
        if rng.below(40) == 0 {
            model.settle(&mut in_flight);
            if rng.below(2) == 0 {
                // It may have failed: it is started again all the same.
                drop(block_on(engine.stop()));
            }
            model.count(&engine);
            drop(engine);
            match start(disk) {
                Some(started) => engine = started,
                None => return model,
            }
            model.take_up(&engine);
        }
    }
    model.settle(&mut in_flight);
    if rng.below(2) == 0 {
        // Whatever it answers: the power may be cut.
        drop(block_on(engine.stop()));
    }
    model.count(&engine);
    model
}

impl Model {
    /// What nobody knew is known after a start: of each log, where it ends now.
    fn take_up(&mut self, engine: &LocalEngine) {
        for log in self.logs.values_mut() {
            let Some(place) = log.place else {
                continue;
            };
            let Ok(bounds) = block_on(engine.bounds(place)) else {
                assert!(log.delete_submitted, "a log is lost");
                continue;
            };
            assert!(!log.delete_answered, "a deleted log is back");
            log.check(engine, place);
            log.entries.truncate(bounds.next as usize);
            log.seen = bounds.next;
        }
    }

    fn step(&mut self, engine: &LocalEngine, rng: &mut Rng, in_flight: &mut Vec<InFlight>) {
        let key = (rng.below(3), rng.below(4));
        match rng.below(24) {
            0..=2 => self.create(engine, key),
            3 => self.trim(engine, key, rng.below(4)),
            4 if rng.below(3) == 0 => self.delete(engine, key),
            5 if rng.below(12) == 0 && key.0 != 0 => self.delete_group(engine, key.0),
            6 => self.snapshot(engine, rng),
            7..=9 => self.settle(in_flight),
            10 => self.check_reads(engine, key),
            _ => self.append(engine, rng, in_flight),
        }
    }

    fn count(&mut self, engine: &LocalEngine) {
        let stats = engine.stats();
        let counts = [
            stats.sealed_segments,
            stats.compacted_segments,
            stats.removed_segments,
        ];
        for (sum, more) in self.housekeeping.iter_mut().zip(counts) {
            *sum += more;
        }
    }

    fn create(&mut self, engine: &LocalEngine, key: Key) {
        let created = block_on(engine.create(GroupId(key.0), LogId(key.1), LogSpec::default()));
        let log = self.logs.entry(key).or_default();
        match created {
            Ok(place) => {
                assert!(!log.delete_answered, "a deleted log is never created again");
                log.place = Some(place);
            }
            Err(EngineError::NoSuchLog) => assert!(log.delete_submitted),
            Err(_) => {}
        }
    }

    fn append(&mut self, engine: &LocalEngine, rng: &mut Rng, in_flight: &mut Vec<InFlight>) {
        let (mut appends, mut entries, mut duplicates) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..=rng.below(5) {
            let key = (rng.below(3), rng.below(4));
            let Some(log) = self.logs.get_mut(&key) else {
                continue;
            };
            let Some(place) = log.place.filter(|_| !log.delete_submitted) else {
                continue;
            };
            if log
                .entries
                .iter()
                .any(|entry| entry.kind == EntryKind::Close)
            {
                continue;
            }
            self.next_payload += 1;
            let length = [0, 10, 100, 900, 2500][rng.below(5) as usize];
            let mut payload = self.next_payload.to_le_bytes().to_vec();
            payload.resize(8 + length, self.next_payload as u8);
            let payload = Bytes::from(payload);
            let is_close = rng.below(60) == 0;
            let kind = if is_close {
                EntryKind::Close
            } else {
                EntryKind::Data
            };
            let id = (rng.below(3) == 0).then_some(AppendId(u128::from(self.next_payload) << 60));
            entries.push((key, log.entries.len()));
            log.entries.push(Submitted {
                payload: payload.clone(),
                kind,
                id,
                answer: None,
                refused: false,
            });
            let append = Append {
                place,
                kind,
                payload,
                id,
            };
            if id.is_some() && rng.below(4) == 0 {
                duplicates.push((key, log.entries.len() - 1));
                entries.push((key, log.entries.len() - 1));
                appends.push(append.clone());
            }
            appends.push(append);
        }
        if !appends.is_empty() {
            let answers = engine.append_many(appends);
            in_flight.push(InFlight { answers, entries });
        }
    }

    fn settle(&mut self, in_flight: &mut Vec<InFlight>) {
        for call in in_flight.drain(..) {
            let answers = block_on(call.answers);
            assert_eq!(answers.len(), call.entries.len());
            for ((key, index), answer) in call.entries.iter().zip(answers) {
                let log = self.logs.get_mut(key).unwrap();
                match answer {
                    Ok(appended) => {
                        assert_eq!(appended.offset, *index as u64, "offsets are dense");
                        let known = log.entries[*index].answer.replace(appended);
                        assert!(known.is_none_or(|known| known == appended));
                    }
                    Err(AppendError::OutcomeUnknown) => {}
                    // Without power no segment can be made.
                    Err(AppendError::NotWritten(NotWritten::Stopped | NotWritten::NoRoom)) => {
                        log.entries[*index].refused = true;
                    }
                    Err(other) => panic!("{other} for an entry that nothing forbids"),
                }
            }
        }
    }

    fn trim(&mut self, engine: &LocalEngine, key: Key, back: u64) {
        let Some(log) = self.logs.get_mut(&key) else {
            return;
        };
        let Some(place) = log.place.filter(|_| !log.delete_submitted) else {
            return;
        };
        let answered = log.entries.iter().filter(|entry| entry.answer.is_some());
        let before = (answered.count() as u64).saturating_sub(back);
        log.trim_submitted = log.trim_submitted.max(before);
        if block_on(engine.trim(place, before)).is_ok() {
            log.trim_answered = log.trim_answered.max(before);
        }
    }

    fn delete(&mut self, engine: &LocalEngine, key: Key) {
        let Some(log) = self.logs.get_mut(&key) else {
            return;
        };
        let Some(place) = log.place else {
            return;
        };
        log.delete_submitted = true;
        log.delete_answered |= block_on(engine.delete(place)).is_ok();
    }

    fn delete_group(&mut self, engine: &LocalEngine, group: u64) {
        let in_group = |key: &Key| key.0 == group;
        for log in 0..4 {
            let log = self.logs.entry((group, log)).or_default();
            log.delete_submitted = true;
        }
        let deleted = block_on(engine.delete_group(GroupId(group))).is_ok();
        for (_, log) in self.logs.iter_mut().filter(|(key, _)| in_group(key)) {
            log.delete_answered |= deleted;
        }
    }

    fn snapshot(&mut self, engine: &LocalEngine, rng: &mut Rng) {
        let Some(snapshots) = engine.snapshots() else {
            return;
        };
        let offset = self.snapshot_submitted + 1 + rng.below(5);
        self.snapshot_submitted = offset;
        let state = snapshot_state(offset);
        if block_on(snapshots.save(Snapshot { offset, state })).is_ok() {
            self.snapshot_answered = offset;
        }
    }

    /// While the engine runs, what is read is what was submitted.
    fn check_reads(&self, engine: &LocalEngine, key: Key) {
        let Some(log) = self.logs.get(&key) else {
            return;
        };
        if let (Some(place), false) = (log.place, log.delete_submitted) {
            log.check(engine, place);
        }
    }

    /// What must be true of an engine that was opened on what the workload left behind.
    pub fn check(&self, engine: &LocalEngine) {
        for (key, log) in &self.logs {
            let Some(place) = log.place else {
                continue;
            };
            match block_on(engine.bounds(place)) {
                Ok(_) => {
                    assert!(!log.delete_answered, "a deleted log {key:?} is back");
                    log.check(engine, place);
                    log.check_ids(engine, place);
                }
                Err(EngineError::NoSuchLog) => {
                    assert!(log.delete_submitted, "the log {key:?} is lost");
                }
                Err(other) => panic!("{other}"),
            }
            if log.delete_answered {
                let create = engine.create(GroupId(key.0), LogId(key.1), LogSpec::default());
                assert_eq!(block_on(create), Err(EngineError::NoSuchLog));
            }
        }
        let snapshots = block_on(engine.snapshots().unwrap().load()).unwrap();
        let newest = snapshots.first().map_or(0, |snapshot| snapshot.offset);
        assert!(newest >= self.snapshot_answered && newest <= self.snapshot_submitted);
        for snapshot in snapshots {
            assert_eq!(snapshot.state, snapshot_state(snapshot.offset));
        }
    }

    /// Places of all logs.
    pub fn places(&self) -> Vec<Place> {
        self.logs.values().filter_map(|log| log.place).collect()
    }

    /// Everything that can be read, to be compared.
    pub fn dump(&self, engine: &LocalEngine) -> Vec<(Key, Dumped)> {
        let places = self
            .logs
            .iter()
            .filter_map(|(key, log)| Some((*key, log.place?)));
        places
            .map(|(key, place)| {
                let bounds = block_on(engine.bounds(place));
                let read = bounds.map(|bounds| (bounds.next, read_all(engine, place)));
                (key, read)
            })
            .collect()
    }

    /// The engine goes on where it was.
    pub fn check_goes_on(&self, engine: &LocalEngine) {
        for log in self.logs.values() {
            let Some(place) = log.place else {
                continue;
            };
            let Ok(bounds) = block_on(engine.bounds(place)) else {
                continue;
            };
            let append = Append {
                place,
                kind: EntryKind::Data,
                payload: Bytes::from_static(b"afterwards"),
                id: None,
            };
            let answers = block_on(engine.append_many(vec![append]));
            let closed = Err(AppendError::NotWritten(NotWritten::Closed));
            match answers[0] {
                Ok(appended) => {
                    assert_eq!(appended.offset, bounds.next);
                    assert!(appended.time >= bounds.last_time);
                    let entries = read_all(engine, place);
                    assert_eq!(entries.last().unwrap().payload, "afterwards");
                }
                other => {
                    assert_eq!(other, closed);
                    let is_close = |entry: &Submitted| entry.kind == EntryKind::Close;
                    assert!(log.entries.iter().any(is_close));
                }
            }
        }
    }
}

fn snapshot_state(offset: u64) -> Bytes {
    Bytes::from(vec![offset as u8; (offset as usize * 97) % 3000])
}

impl History {
    fn check(&self, engine: &LocalEngine, place: Place) {
        let bounds = block_on(engine.bounds(place)).unwrap();
        assert!(bounds.first >= self.trim_answered, "a trim is lost");
        assert!(
            bounds.first <= self.trim_submitted,
            "more is gone than was trimmed"
        );
        let answered = self.entries.iter().filter_map(|entry| entry.answer);
        let next = answered.map(|answer| answer.offset + 1).max().unwrap_or(0);
        assert!(
            bounds.next >= next,
            "acknowledged entries are lost: {bounds:?}, {next}"
        );
        assert!(
            bounds.next >= self.seen,
            "what was seen is gone: {bounds:?}"
        );
        assert!(bounds.next <= self.entries.len() as u64);
        let read = read_all(engine, place);
        assert!(read.is_sorted_by_key(|entry| entry.time));
        for (entry, offset) in read.iter().zip(bounds.first..) {
            let submitted = &self.entries[offset as usize];
            assert_eq!(entry.offset, offset);
            assert!(!submitted.refused, "{offset} was refused and is there");
            assert_eq!(entry.payload, submitted.payload, "at {offset}");
            assert_eq!(entry.kind, submitted.kind);
            if let Some(answer) = submitted.answer {
                assert_eq!(entry.time, answer.time);
            }
        }
    }

    /// The last append ids are known.
    fn check_ids(&self, engine: &LocalEngine, place: Place) {
        let Some(sent) = self.entries.iter().rev().find(|entry| entry.id.is_some()) else {
            return;
        };
        if let Some(answer) = sent.answer {
            let append = Append {
                place,
                kind: sent.kind,
                payload: sent.payload.clone(),
                id: sent.id,
            };
            let again = block_on(engine.append_many(vec![append]));
            assert_eq!(again, [Ok(answer)], "an append id is forgotten");
        }
    }
}

/// All entries of a log, in small pages.
pub fn read_all(engine: &LocalEngine, place: Place) -> Vec<Entry> {
    let bounds = block_on(engine.bounds(place)).unwrap();
    let (mut from, mut entries) = (bounds.first, Vec::new());
    loop {
        let read = ReadFrom {
            place,
            from,
            bytes_max: 3000,
        };
        match block_on(engine.read_many(vec![read], Duration::ZERO)).remove(0) {
            ReadOutcome::Entries {
                entries: page,
                bounds,
            } => {
                let Some(last) = page.last() else {
                    assert_eq!(from, bounds.next, "an empty page means the tail");
                    return entries;
                };
                from = last.offset + 1;
                entries.extend(page);
            }
            other => panic!("{other:?} at {from} of {bounds:?}"),
        }
    }
}
