//! Trim is advisory and idempotent, and offsets never change.

use super::{Trial, data};
use crate::{Place, ReadOutcome};

async fn trim(trial: &Trial, log: Place, before: u64) {
    assert_eq!(trial.engine().trim(log, before).await, Ok(()));
}

/// Entries at and above the bound stay; those below are there whole or out of range.
pub async fn trim_keeps_what_stands_above(trial: &mut Trial) {
    let log = trial.log().await;
    let offsets = trial.offsets_of(log, &["a", "b", "c", "d", "e"]).await;
    let all = trial.entries(log).await;
    let next = trial.bounds(log).await.next;
    trim(trial, log, offsets[3]).await;
    let kept = trial.read_pages(log, offsets[3], 1 << 20).await;
    assert_eq!(kept, all[3..]);
    let bounds = trial.bounds(log).await;
    assert!(bounds.first <= offsets[3] && bounds.next == next);
    for from in 0..offsets[3] {
        let outcome = trial.read(log, from, 1 << 20).await;
        if from < bounds.first {
            assert_eq!(outcome, ReadOutcome::OutOfRange(bounds));
        } else {
            assert!(matches!(outcome, ReadOutcome::Entries { .. }));
        }
    }
}

/// A lower bound than an earlier one has no effect, the same one again neither.
pub async fn trim_never_goes_back(trial: &mut Trial) {
    let log = trial.log().await;
    let offsets = trial.offsets_of(log, &["a", "b", "c", "d", "e"]).await;
    let next = trial.bounds(log).await.next;
    trim(trial, log, offsets[4]).await;
    let first = trial.bounds(log).await.first;
    for before in [offsets[4], offsets[1], 0, offsets[3]] {
        trim(trial, log, before).await;
        let bounds = trial.bounds(log).await;
        assert!(bounds.first >= first && bounds.first <= offsets[4]);
        assert_eq!(bounds.next, next);
    }
}

/// A bound above the tail counts as the tail: nothing that is appended later is dropped.
pub async fn trim_above_the_tail_counts_as_the_tail(trial: &mut Trial) {
    let log = trial.log().await;
    trial.append_all(log, &["a", "b", "c"]).await;
    let next = trial.bounds(log).await.next;
    trim(trial, log, u64::MAX).await;
    let bounds = trial.bounds(log).await;
    assert!(bounds.first <= next && bounds.next == next);
    let offset = trial.append(data(log, "d")).await.offset;
    assert!(offset >= next);
    assert!(trial.bounds(log).await.first <= offset);
    let entries = trial.read_pages(log, offset, 1 << 20).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].payload, "d");
}

/// An emptied log goes on where it was, and remembers its last time.
pub async fn an_emptied_log_goes_on(trial: &mut Trial) {
    let log = trial.log().await;
    trial.append_all(log, &["a", "b", "c"]).await;
    let before = trial.bounds(log).await;
    trim(trial, log, before.next).await;
    let bounds = trial.bounds(log).await;
    assert_eq!(
        (bounds.next, bounds.last_time),
        (before.next, before.last_time)
    );
    trial.clock().step_ms(-10_000);
    let appended = trial.append(data(log, "d")).await;
    assert!(appended.offset >= before.next);
    assert_eq!(appended.time, before.last_time);
}

/// Trimming an empty log changes nothing, and logs are trimmed one by one.
pub async fn trim_concerns_one_log(trial: &mut Trial) {
    let (trimmed, other) = (trial.log().await, trial.log().await);
    trim(trial, trimmed, 7).await;
    assert_eq!(trial.bounds(trimmed).await.next, 0);
    let offset = trial.append(data(trimmed, "a")).await.offset;
    assert_eq!(trial.payloads(trimmed).await, ["a"]);
    trial.append_all(other, &["b", "c"]).await;
    trim(trial, trimmed, offset + 1).await;
    assert_eq!(trial.bounds(other).await.first, 0);
    assert_eq!(trial.payloads(other).await, ["b", "c"]);
}
