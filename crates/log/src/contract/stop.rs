//! Stop finishes what was submitted and takes no more.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;

use super::trial::{accepted_offsets, rises};
use super::{Trial, close, data};
use crate::{AppendError, AppendId, EngineError, GroupId, LogSpec, NotWritten, ReadFrom};

/// What was submitted before the stop is answered, and written.
pub async fn stop_answers_what_was_submitted(trial: &mut Trial) {
    let log = trial.log().await;
    let submit = |number: u64| {
        let append = data(log, number.to_string());
        trial.engine().append_many(vec![append])
    };
    let calls: Vec<_> = (0..50).map(submit).collect();
    let create = trial
        .engine()
        .create(Trial::GROUP, trial.new_log_id(), LogSpec::default());
    let trim = trial.engine().trim(log, 1);
    let stop = trial.engine().stop();
    assert_eq!(stop.await, Ok(()));
    let answers = join_all(calls).await.concat();
    assert!(rises(&accepted_offsets(&answers)), "{answers:?}");
    assert!(create.await.is_ok());
    assert_eq!(trim.await, Ok(()));
}

/// Later writes of every sort are refused as stopped; stopping again is fine.
pub async fn nothing_is_written_after_stop(trial: &mut Trial) {
    let log = trial.log().await;
    trial.append(data(log, "a").with_id(AppendId(1))).await;
    for _ in 0..2 {
        assert_eq!(trial.engine().stop().await, Ok(()));
        let refused = Err(AppendError::NotWritten(NotWritten::Stopped));
        for append in [
            data(log, "b"),
            close(log, "c"),
            data(log, "d").with_id(AppendId(2)),
        ] {
            assert_eq!(trial.try_append(append).await, refused);
        }
        let engine = trial.engine();
        let create = engine.create(Trial::GROUP, trial.new_log_id(), LogSpec::default());
        assert_eq!(create.await, Err(EngineError::Stopped));
        assert_eq!(engine.delete(log).await, Err(EngineError::Stopped));
        assert_eq!(engine.trim(log, 1).await, Err(EngineError::Stopped));
        let delete_group = engine.delete_group(GroupId(5));
        assert_eq!(delete_group.await, Err(EngineError::Stopped));
    }
}

/// Stops at the same time all succeed, also if one of them is dropped.
pub async fn stops_at_the_same_time_agree(trial: &mut Trial) {
    let log = trial.log().await;
    let append = trial.engine().append_many(vec![data(log, "a")]);
    drop(trial.engine().stop());
    let stops = (0..5).map(|_| trial.engine().stop());
    for stopped in join_all(stops).await {
        assert_eq!(stopped, Ok(()));
    }
    assert!(append.await[0].is_ok());
}

/// A read that waits does not hold up a stop, nor is it left waiting.
pub async fn stop_ends_waiting_reads(trial: &mut Trial) {
    let log = trial.log().await;
    let started = Instant::now();
    let read = ReadFrom {
        place: log,
        from: 0,
        bytes_max: 100,
    };
    let mut read = trial
        .engine()
        .read_many(vec![read], Duration::from_secs(40));
    assert!(futures::poll!(&mut read).is_pending());
    assert_eq!(trial.engine().stop().await, Ok(()));
    assert_eq!(read.await.len(), 1);
    assert!(
        started.elapsed() < Duration::from_secs(20),
        "ended by the stop"
    );
}
