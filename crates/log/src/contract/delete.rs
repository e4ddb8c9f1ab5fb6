//! Deleting logs and groups: idempotent and for good.

use std::time::Duration;

use futures::future::join_all;
use millstream_types::TimestampMs;

use super::{Trial, close, data};
use crate::{
    AppendError, AppendId, EngineError, GroupId, LogSpec, NotWritten, Place, ReadFrom, ReadOutcome,
};

/// Asserts that every operation says that the log does not exist.
pub(super) async fn check_gone(trial: &Trial, place: Place) {
    let refused = Err(AppendError::NotWritten(NotWritten::NoSuchLog));
    assert_eq!(trial.try_append(data(place, "x")).await, refused);
    assert_eq!(trial.try_append(close(place, "x")).await, refused);
    let with_id = data(place, "x").with_id(AppendId(1));
    assert_eq!(trial.try_append(with_id).await, refused);
    let engine = trial.engine();
    for from in [0, 1, u64::MAX] {
        let read = ReadFrom {
            place,
            from,
            bytes_max: 100,
        };
        let outcomes = engine
            .read_many(vec![read], Duration::from_secs(3600))
            .await;
        assert_eq!(outcomes, [ReadOutcome::NoSuchLog], "from {from}");
    }
    let gone = EngineError::NoSuchLog;
    assert_eq!(engine.bounds(place).await, Err(gone.clone()));
    assert_eq!(engine.barrier(place).await, Err(gone.clone()));
    assert_eq!(engine.trim(place, 1).await, Err(gone.clone()));
    let found = engine.offset_for_time(place, TimestampMs(0)).await;
    assert_eq!(found, Err(gone));
}

/// A deleted log is gone for every operation, deleting it again is fine, and others stay.
pub async fn a_deleted_log_is_gone(trial: &mut Trial) {
    let (gone, other) = (trial.log().await, trial.log().await);
    trial.append(data(gone, "a").with_id(AppendId(1))).await;
    trial.append(data(other, "b")).await;
    for _ in 0..3 {
        assert_eq!(trial.engine().delete(gone).await, Ok(()));
        check_gone(trial, gone).await;
    }
    assert_eq!(trial.payloads(other).await, ["b"]);
}

/// A deleted log's ids are never taken again.
pub async fn a_deleted_log_is_not_created_again(trial: &mut Trial) {
    let log = trial.new_log_id();
    let create = || trial.engine().create(Trial::GROUP, log, LogSpec::default());
    let place = create().await.expect("a new log is created");
    trial.append(data(place, "a")).await;
    assert_eq!(trial.engine().delete(place).await, Ok(()));
    for _ in 0..2 {
        assert_eq!(create().await, Err(EngineError::NoSuchLog));
    }
    check_gone(trial, place).await;
    let next = trial.log().await;
    assert_ne!(next, place);
    assert_eq!(trial.entries(next).await, []);
}

/// A group goes as one and takes nobody else along; its logs, old and new, are never created again.
pub async fn a_deleted_group_is_gone(trial: &mut Trial) {
    let (doomed, spared) = (GroupId(7), GroupId(8));
    let other = trial.log_in(spared).await;
    let mut places = Vec::new();
    for _ in 0..5 {
        places.push(trial.log_in(doomed).await);
    }
    assert_eq!(trial.engine().delete(places[4]).await, Ok(()));
    for place in &places[..3] {
        trial.append_all(*place, &["a", "b"]).await;
    }
    trial.append(data(other, "c")).await;
    for _ in 0..3 {
        assert_eq!(trial.engine().delete_group(doomed).await, Ok(()));
        for place in &places {
            check_gone(trial, *place).await;
        }
        let log = trial.new_log_id();
        let created = trial.engine().create(doomed, log, LogSpec::default()).await;
        assert_eq!(created, Err(EngineError::NoSuchLog));
    }
    assert_eq!(trial.engine().delete(places[0]).await, Ok(()));
    assert_eq!(trial.payloads(other).await, ["c"]);
    trial.log_in(spared).await;
}

/// A group without logs may be deleted; it stays so.
pub async fn an_empty_group_can_be_deleted(trial: &mut Trial) {
    let group = GroupId(99);
    for _ in 0..2 {
        assert_eq!(trial.engine().delete_group(group).await, Ok(()));
    }
    let log = trial.new_log_id();
    let created = trial.engine().create(group, log, LogSpec::default()).await;
    assert_eq!(created, Err(EngineError::NoSuchLog));
}

/// Appends in flight while their log is deleted end as written or as refused; nothing appears later.
pub async fn a_delete_meets_appends_in_flight(trial: &mut Trial) {
    let log = trial.log().await;
    let submit = |number: u64| {
        let append = data(log, number.to_string());
        trial.engine().append_many(vec![append])
    };
    let before: Vec<_> = (0..50).map(submit).collect();
    let delete = trial.engine().delete(log);
    let after: Vec<_> = (50..100).map(submit).collect();
    let refused = AppendError::NotWritten(NotWritten::NoSuchLog);
    for answers in join_all(before).await {
        assert!(answers[0].is_ok() || answers[0] == Err(refused));
    }
    assert_eq!(delete.await, Ok(()));
    for answers in join_all(after).await {
        assert!(answers[0].is_ok() || answers[0] == Err(refused));
    }
    check_gone(trial, log).await;
}
