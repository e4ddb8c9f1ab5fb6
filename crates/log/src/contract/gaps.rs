//! What holds whether or not offsets have gaps: whoever takes each entry's own offset misses and doubles nothing.

use std::time::Duration;

use super::trial::expect_entries;
use super::{Trial, close, data};
use crate::{AppendError, EntryKind, NotWritten, Place, ReadFrom};

async fn filled(trial: &Trial) -> (Place, Vec<u64>) {
    let log = trial.log().await;
    let mut offsets = Vec::new();
    for number in 0..20 {
        trial.clock().step_ms(10);
        let appended = trial.append(data(log, number.to_string())).await;
        offsets.push(appended.offset);
    }
    (log, offsets)
}

/// Answers and entries have the same offsets, which rise; bounds hold them.
pub async fn offsets_rise(trial: &mut Trial) {
    let (log, offsets) = filled(trial).await;
    assert!(offsets.is_sorted_by(|before, after| before < after));
    let bounds = trial.bounds(log).await;
    assert!(bounds.first <= offsets[0] && offsets[19] < bounds.next);
    let entries = trial.entries(log).await;
    let found: Vec<u64> = entries.iter().map(|entry| entry.offset).collect();
    assert_eq!(found, offsets);
}

/// A read from any offset begins with the first entry at or above it.
pub async fn a_read_begins_at_or_above_its_offset(trial: &mut Trial) {
    let (log, offsets) = filled(trial).await;
    let next = trial.bounds(log).await.next;
    for from in 0..=next {
        let expected: Vec<u64> = offsets.iter().copied().filter(|at| *at >= from).collect();
        for bytes_max in [1, 1 << 20] {
            let entries = trial.read_pages(log, from, bytes_max).await;
            let found: Vec<u64> = entries.iter().map(|entry| entry.offset).collect();
            assert_eq!(found, expected, "from {from}");
        }
    }
}

/// Behind the last entry a read is empty and waits, wherever between it and the next offset it stands; whoever goes on
/// from either sees the next entry.
pub async fn behind_the_last_entry_a_read_waits_for_the_next(trial: &mut Trial) {
    let (log, offsets) = filled(trial).await;
    let bounds = trial.bounds(log).await;
    for from in offsets[19] + 1..=bounds.next {
        let read = ReadFrom {
            place: log,
            from,
            bytes_max: 1 << 20,
        };
        let (entries, seen) = expect_entries(trial.read(log, from, 1 << 20).await);
        assert_eq!((entries.len(), seen), (0, bounds));
        let mut waiting = trial
            .engine()
            .read_many(vec![read], Duration::from_secs(40));
        assert!(futures::poll!(&mut waiting).is_pending(), "from {from}");
        drop(waiting);
    }
    let appended = trial.append(data(log, "next")).await;
    assert!(appended.offset >= bounds.next);
    for from in offsets[19] + 1..=bounds.next {
        let entries = trial.read_pages(log, from, 1 << 20).await;
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].offset, appended.offset);
    }
}

/// A trim at any offset keeps every entry at or above it.
pub async fn trims_keep_what_stands_at_or_above(trial: &mut Trial) {
    let (log, offsets) = filled(trial).await;
    for before in 0..offsets[19] {
        assert_eq!(trial.engine().trim(log, before).await, Ok(()));
        let entries = trial.entries(log).await;
        let kept: Vec<u64> = entries.iter().map(|entry| entry.offset).collect();
        let expected: Vec<u64> = offsets.iter().copied().filter(|at| *at >= before).collect();
        assert!(kept.ends_with(&expected), "before {before}: {kept:?}");
        super::time::check_lookups(trial, log).await;
    }
}

/// What comes after a CLOSE is refused; readers that stop at the first CLOSE see what was accepted and nothing else.
pub async fn a_close_is_the_end_for_readers(trial: &mut Trial) {
    let (log, offsets) = filled(trial).await;
    let end = trial.append(close(log, "end")).await;
    let closed = Err(AppendError::NotWritten(NotWritten::Closed));
    for append in [data(log, "late"), close(log, "again")] {
        assert_eq!(trial.try_append(append).await, closed);
    }
    let entries = trial.entries(log).await;
    let is_close = |entry: &&crate::Entry| entry.kind == EntryKind::Close;
    let first = entries.iter().find(is_close).expect("the CLOSE is there");
    assert_eq!(first.offset, end.offset);
    let before = entries.iter().take_while(|entry| !is_close(entry));
    assert!(before.map(|entry| entry.offset).eq(offsets));
}
