//! What was answered survives a stop and a start.

use millstream_types::{TimestampMs, WallClock};

use super::delete::check_gone;
use super::time::check_lookups;
use super::{Trial, close, data};
use crate::{AppendError, AppendId, EngineError, GroupId, LogSpec, NotWritten, ReadOutcome};

/// Entries, bounds and times of every log are the same, and the logs go on where they were.
pub async fn entries_survive(trial: &mut Trial) {
    let mut logs = Vec::new();
    for group in [1, 1, 2, 3] {
        logs.push(trial.log_in(GroupId(group)).await);
    }
    let empty = trial.log().await;
    for round in 0..3 {
        for (number, log) in logs.iter().enumerate() {
            trial.clock().step_ms(7);
            let payload = vec![number as u8; number * 100 + round];
            trial.append(data(*log, payload)).await;
        }
        let mut before = Vec::new();
        for log in &logs {
            before.push((trial.entries(*log).await, trial.bounds(*log).await));
        }
        trial.reopen().await;
        for (log, (entries, bounds)) in logs.iter().zip(before) {
            assert_eq!(trial.entries(*log).await, entries);
            assert_eq!(trial.bounds(*log).await, bounds);
            check_lookups(trial, *log).await;
        }
    }
    for log in logs {
        let next = trial.bounds(log).await.next;
        assert!(trial.append(data(log, "next")).await.offset >= next);
        assert_eq!(trial.entries(log).await.len(), 4);
    }
    assert_eq!(trial.entries(empty).await, []);
    trial.append(data(empty, "first")).await;
    assert_eq!(trial.payloads(empty).await, ["first"]);
}

/// A log's place is the same, known before its creator asks again, and other ids get other places.
pub async fn places_survive(trial: &mut Trial) {
    let id = trial.new_log_id();
    let created = trial
        .engine()
        .create(Trial::GROUP, id, LogSpec::default())
        .await;
    let place = created.expect("a new log is created");
    trial.reopen().await;
    trial.append(data(place, "a")).await;
    let again = trial
        .engine()
        .create(Trial::GROUP, id, LogSpec::default())
        .await;
    assert_eq!(again, Ok(place));
    let other = trial.log().await;
    assert_ne!(other, place);
    assert_eq!(trial.entries(other).await, []);
}

/// A clock that was set back while the engine was down does not turn back the logs' time.
pub async fn time_survives(trial: &mut Trial) {
    let log = trial.log().await;
    let before = trial.append(data(log, "a")).await;
    trial.clock().step_ms(-60_000);
    trial.reopen().await;
    assert_eq!(trial.bounds(log).await.last_time, before.time);
    assert_eq!(trial.append(data(log, "b")).await.time, before.time);
    let other = trial.log().await;
    let now = trial.clock().now();
    assert_eq!(trial.append(data(other, "c")).await.time, now);
}

/// The bounds and the last time of a log that was trimmed, wholly or in part, are kept.
pub async fn trims_survive(trial: &mut Trial) {
    let (part, whole) = (trial.log().await, trial.log().await);
    let offsets = trial.offsets_of(part, &["a", "b", "c"]).await;
    trial.append_all(whole, &["d", "e"]).await;
    let end = trial.bounds(whole).await.next;
    assert_eq!(trial.engine().trim(part, offsets[2]).await, Ok(()));
    assert_eq!(trial.engine().trim(whole, end).await, Ok(()));
    let before = [trial.bounds(part).await, trial.bounds(whole).await];
    trial.reopen().await;
    let trimmed = [(part, offsets[2]), (whole, end)];
    for ((log, trimmed), before) in trimmed.into_iter().zip(before) {
        let bounds = trial.bounds(log).await;
        assert_eq!(bounds.next, before.next);
        assert_eq!(bounds.last_time, before.last_time);
        assert!(
            bounds.first >= before.first && bounds.first <= trimmed,
            "{bounds:?}"
        );
        if bounds.first > 0 {
            let outcome = trial.read(log, 0, 100).await;
            assert_eq!(outcome, ReadOutcome::OutOfRange(bounds));
        }
        assert_eq!(trial.engine().trim(log, 1).await, Ok(()));
        assert_eq!(trial.bounds(log).await, bounds);
    }
    assert!(trial.append(data(whole, "f")).await.offset >= end);
    let kept = trial.read_pages(part, offsets[2], 100).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].payload, "c");
}

/// Deleted logs and groups stay deleted, and are not created again.
pub async fn deletes_survive(trial: &mut Trial) {
    let (log_id, kept_id) = (trial.new_log_id(), trial.new_log_id());
    let create = |trial: &Trial, group, id| trial.engine().create(group, id, LogSpec::default());
    let log = create(trial, Trial::GROUP, log_id).await.expect("created");
    let kept = create(trial, Trial::GROUP, kept_id).await.expect("created");
    let of_group = trial.log_in(GroupId(9)).await;
    for place in [log, kept, of_group] {
        trial.append(data(place, "a").with_id(AppendId(1))).await;
    }
    assert_eq!(trial.engine().delete(log).await, Ok(()));
    assert_eq!(trial.engine().delete_group(GroupId(9)).await, Ok(()));
    for _ in 0..2 {
        trial.reopen().await;
        check_gone(trial, log).await;
        check_gone(trial, of_group).await;
        let gone = Err(EngineError::NoSuchLog);
        assert_eq!(create(trial, Trial::GROUP, log_id).await, gone);
        let new = trial.new_log_id();
        assert_eq!(create(trial, GroupId(9), new).await, gone);
        assert_eq!(trial.engine().delete(log).await, Ok(()));
        assert_eq!(trial.engine().delete_group(GroupId(9)).await, Ok(()));
        assert_eq!(trial.payloads(kept).await, ["a"]);
    }
}

/// Append ids are recognised, with the first answer, as many as the engine says, trimmed or not.
pub async fn append_ids_survive(trial: &mut Trial) {
    let log = trial.log().await;
    let kept = trial.engine().caps().append_ids_kept.min(1000) as u128;
    let call = || -> Vec<_> {
        (0..kept)
            .map(|id| data(log, "x").with_id(AppendId(id)))
            .collect()
    };
    let first = trial.engine().append_many(call()).await;
    assert!(first.iter().all(Result::is_ok));
    let written = trial.bounds(log).await.next;
    for _ in 0..2 {
        trial.clock().step_ms(1000);
        trial.reopen().await;
        assert_eq!(trial.engine().append_many(call()).await, first);
        let next = trial.bounds(log).await.next;
        assert_eq!(next, written);
        assert_eq!(trial.engine().trim(log, next).await, Ok(()));
    }
}

/// A closed log stays closed, also when its CLOSE was trimmed.
pub async fn closes_survive(trial: &mut Trial) {
    let logs = [trial.log().await, trial.log().await];
    let mut ends = Vec::new();
    for log in logs {
        trial.append(data(log, "a")).await;
        ends.push(trial.append(close(log, "end").with_id(AppendId(5))).await);
    }
    let next = trial.bounds(logs[1]).await.next;
    assert_eq!(trial.engine().trim(logs[1], next).await, Ok(()));
    for _ in 0..2 {
        trial.reopen().await;
        for (log, end) in logs.into_iter().zip(&ends) {
            let refused = Err(AppendError::NotWritten(NotWritten::Closed));
            assert_eq!(trial.try_append(data(log, "b")).await, refused);
            assert_eq!(trial.try_append(close(log, "c")).await, refused);
            assert_eq!(
                trial.append(close(log, "end").with_id(AppendId(5))).await,
                *end
            );
        }
        assert_eq!(trial.payloads(logs[0]).await, ["a", "end"]);
    }
}

/// Appends whose answers nobody awaited before the stop are there after the start.
pub async fn what_stop_finished_survives(trial: &mut Trial) {
    let log = trial.log().await;
    for number in 0..100u64 {
        let append = data(log, number.to_string());
        drop(trial.engine().append_many(vec![append]));
    }
    trial.reopen().await;
    let expected: Vec<String> = (0..100).map(|number: u64| number.to_string()).collect();
    assert_eq!(trial.payloads(log).await, expected);
}

/// An engine without logs opens again, more than once, and is sound each time.
pub async fn an_empty_engine_opens_again(trial: &mut Trial) {
    for _ in 0..3 {
        trial.reopen().await;
        assert_eq!(trial.engine().verify().await, Ok(()));
    }
    let log = trial.log().await;
    let bounds = trial.bounds(log).await;
    assert_eq!((bounds.next, bounds.last_time), (0, TimestampMs(0)));
}
