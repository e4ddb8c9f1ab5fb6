//! A data folder after damage of any kind: it opens or names what is wrong, and serves nothing that was not written.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::executor::block_on;
use millstream_log::{
    Append, EntryKind, GroupId, LogEngine, LogId, LogSpec, Place, ReadFrom, ReadOutcome,
};
use millstream_log_local::disk::power_cut::PowerCutDisk;
use millstream_log_local::{Durability, LocalEngine, LocalSettings, OpenError, Realtime};
use millstream_types::{TimestampMs, WallClock};

const LOGS: u64 = 3;
const ENTRIES_PER_LOG: u64 = 24;
/// Bytes of the input for one change: which file, where, and what.
const CHANGE_BYTES: usize = 5;

#[derive(Debug, Default)]
struct CountingClock(AtomicU64);

impl WallClock for CountingClock {
    fn now(&self) -> TimestampMs {
        TimestampMs(self.0.fetch_add(1, Ordering::Relaxed))
    }
}

/// A sound folder, and where its logs are.
struct Sound {
    disk: PowerCutDisk,
    places: Vec<Place>,
}

fn settings() -> LocalSettings {
    LocalSettings {
        segment_bytes: vec![16 << 10],
        reserve_bytes: 16 << 10,
        tail_cache_bytes: 1 << 10,
        footer_cache_bytes: 1 << 10,
        free_space_floor_bytes: 0,
        compaction_bytes_per_s: 0,
        realtime: Realtime::Off,
        durability: Durability::Fsync,
        ..LocalSettings::new("unused")
    }
}

fn open(disk: &PowerCutDisk) -> Result<LocalEngine, OpenError> {
    let clock = Arc::new(CountingClock::default());
    LocalEngine::open_on(Arc::new(disk.clone()), settings(), clock)
}

fn payload(log: u64, number: u64) -> String {
    format!("log {log} entry {number} {}", "x".repeat(500))
}

fn sound() -> &'static Sound {
    static SOUND: OnceLock<Sound> = OnceLock::new();
    SOUND.get_or_init(|| {
        let disk = PowerCutDisk::new();
        let engine = open(&disk).expect("an empty disk opens");
        let create = |log| block_on(engine.create(GroupId(1), LogId(log), LogSpec::default()));
        let places: Vec<Place> = (1..=LOGS)
            .map(|log| create(log).expect("created"))
            .collect();
        for number in 0..ENTRIES_PER_LOG {
            let appends = (1..).zip(&places).map(|(log, place)| Append {
                place: *place,
                kind: EntryKind::Data,
                payload: payload(log, number).into(),
                id: None,
            });
            let answers = block_on(engine.append_many(appends.collect()));
            assert!(answers.iter().all(Result::is_ok));
        }
        // As a kill leaves it: some segments are sealed, the last one is not.
        let disk = disk.after_power_cut(0);
        Sound { disk, places }
    })
}

/// Any bytes as changes of the files of a sound folder: each takes five bytes, which say in which file, where, and with
/// what the byte there is combined. What is left of the input cuts the last changed file short.
pub fn recovery(input: &[u8]) {
    let sound = sound();
    let disk = sound.disk.after_power_cut(0);
    let paths = disk.paths();
    let mut last = None;
    let changes = input.chunks_exact(CHANGE_BYTES);
    let rest = changes.remainder();
    for change in changes {
        let path = &paths[usize::from(change[0]) % paths.len()];
        let position =
            usize::from(change[1]) << 16 | usize::from(change[2]) << 8 | usize::from(change[3]);
        let mut contents = disk.contents(path).expect("it is listed");
        if contents.is_empty() {
            continue;
        }
        let position = position % contents.len();
        contents[position] ^= change[4];
        disk.place(path, contents);
        last = Some(path);
    }
    if let (Some(path), [high, low, ..]) = (last, rest) {
        let mut contents = disk.contents(path).expect("it is listed");
        contents.truncate(usize::from(*high) << 8 | usize::from(*low));
        disk.place(path, contents);
    }
    match open(&disk) {
        Ok(engine) => {
            for (log, place) in (1..).zip(&sound.places) {
                let served = check_log(&engine, log, *place);
                // Without a change nothing may be missing either.
                assert!(
                    last.is_some() || served == ENTRIES_PER_LOG,
                    "entries are lost"
                );
            }
        }
        Err(OpenError::Damaged { file, .. }) => assert!(!file.is_empty(), "damage has a name"),
        Err(other) => panic!("damage is told as such: {other}"),
    }
}

/// Every entry that is served is the one that was written at its offset; how many are.
fn check_log(engine: &LocalEngine, log: u64, place: Place) -> u64 {
    let read = ReadFrom {
        place,
        from: 0,
        bytes_max: 1 << 20,
    };
    let outcome = block_on(engine.read_many(vec![read], Duration::ZERO)).remove(0);
    let ReadOutcome::Entries { entries, .. } = outcome else {
        return 0;
    };
    let served = entries.len() as u64;
    for entry in entries {
        assert!(entry.offset < ENTRIES_PER_LOG, "an entry that nobody wrote");
        assert_eq!(entry.payload, payload(log, entry.offset));
    }
    served
}
