//! What must be true of a folder that was damaged, and of one that was repaired.

use std::time::Duration;

use futures::executor::block_on;
use millstream_log::{Entry, LogEngine, Place, ReadFrom, ReadOutcome};
use millstream_log_local::{LocalEngine, Loss};

use super::Model;

impl Model {
    /// What must be true of an engine with damaged files: what it serves is what was appended. Returns how many
    /// logs are unreadable.
    pub fn check_damaged(&self, engine: &LocalEngine) -> usize {
        let mut unreadable = 0;
        for log in self.logs.values() {
            let Some(place) = log.place else {
                continue;
            };
            let Ok(bounds) = block_on(engine.bounds(place)) else {
                assert!(log.delete_submitted, "a log is lost");
                continue;
            };
            for from in bounds.first..bounds.next {
                let read = ReadFrom {
                    place,
                    from,
                    bytes_max: 0,
                };
                match block_on(engine.read_many(vec![read], Duration::ZERO)).remove(0) {
                    ReadOutcome::Entries { entries, .. } => {
                        assert_eq!(entries[0].offset, from);
                        assert_eq!(entries[0].payload, log.entries[from as usize].payload);
                    }
                    ReadOutcome::Unreadable { reason, .. } => {
                        assert!(reason.contains(" at byte "), "{reason}");
                        unreadable += 1;
                        break;
                    }
                    other => panic!("{other:?}"),
                }
            }
        }
        unreadable
    }

    /// What must be true of a folder that was repaired: what is served is what was appended, what was acknowledged is
    /// served or declared, and no offset is given twice. Returns how many acknowledged entries are not served.
    pub fn check_repaired(
        &self,
        engine: &LocalEngine,
        losses: &[Loss],
        is_end_unknown: bool,
    ) -> usize {
        let mut lost = 0;
        for (key, log) in self.logs.iter().filter(|(_, log)| !log.delete_submitted) {
            let Some(place) = log.place else {
                continue;
            };
            let Ok(bounds) = block_on(engine.bounds(place)) else {
                assert!(is_end_unknown, "the log {key:?} is lost in silence");
                continue;
            };
            let served = read_over_gaps(engine, place);
            for entry in &served {
                let submitted = &log.entries[entry.offset as usize];
                assert_eq!(entry.payload, submitted.payload, "at {}", entry.offset);
                assert_eq!(entry.kind, submitted.kind);
            }
            let end = served.last().map_or(0, |entry| entry.offset + 1);
            let is_declared = |offset: u64| {
                let of_log = |loss: &&Loss| (loss.group.0, loss.log.0) == *key;
                let mut losses = losses.iter().filter(of_log);
                losses.any(|loss| (loss.first..loss.next).contains(&offset))
                    || (is_end_unknown && (offset >= end || offset < bounds.first))
            };
            let answered = log.entries.iter().filter_map(|entry| entry.answer);
            for offset in answered.map(|answer| answer.offset) {
                assert!(
                    offset < bounds.next,
                    "offset {offset} of {key:?} would be given twice"
                );
                let is_served = served.iter().any(|entry| entry.offset == offset);
                if !is_served && offset >= log.trim_submitted {
                    assert!(
                        is_declared(offset),
                        "{offset} of {key:?} is lost in silence"
                    );
                    lost += 1;
                }
            }
        }
        lost
    }
}

/// All entries of a log, over offsets that no entry has.
fn read_over_gaps(engine: &LocalEngine, place: Place) -> Vec<Entry> {
    let (mut from, mut entries) = (block_on(engine.bounds(place)).unwrap().first, Vec::new());
    loop {
        let read = ReadFrom {
            place,
            from,
            bytes_max: 3000,
        };
        match block_on(engine.read_many(vec![read], Duration::ZERO)).remove(0) {
            ReadOutcome::Entries { entries: page, .. } => {
                let Some(last) = page.last() else {
                    return entries;
                };
                from = last.offset + 1;
                entries.extend(page);
            }
            other => panic!("{other:?} at {from} of {place:?}"),
        }
    }
}
