//! The call submits: dropping its future drops only the answer.

use std::time::Duration;

use super::waiting::read_until;
use super::{Trial, close, data};
use crate::{AppendError, AppendId, LogSpec, NotWritten};

/// Entries of a dropped append stand in the log, before those of a later call.
pub async fn dropped_appends_are_written_in_order(trial: &mut Trial) {
    let log = trial.log().await;
    for round in 0..10 {
        for half in ["x", "y"] {
            let append = data(log, format!("dropped {round}{half}"));
            drop(trial.engine().append_many(vec![append]));
        }
        trial.append(data(log, format!("kept {round}"))).await;
    }
    let of_round = |round| {
        ["dropped {}x", "dropped {}y", "kept {}"]
            .map(|text| text.replace("{}", &format!("{round}")))
    };
    let expected: Vec<String> = (0..10).flat_map(of_round).collect();
    assert_eq!(trial.payloads(log).await, expected);
}

/// An append that was polled and then dropped is written too, without any later call to push it.
pub async fn a_dropped_append_needs_no_successor(trial: &mut Trial) {
    let log = trial.log().await;
    let mut append = trial.engine().append_many(vec![data(log, "a")]);
    drop(futures::poll!(&mut append));
    drop(append);
    let entries = read_until(trial, log, 0, Duration::from_secs(20)).await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].payload, "a");
}

/// A dropped append with an id can be sent again, and a dropped CLOSE closes.
pub async fn dropped_appends_keep_their_meaning(trial: &mut Trial) {
    let log = trial.log().await;
    drop(
        trial
            .engine()
            .append_many(vec![data(log, "a").with_id(AppendId(1))]),
    );
    trial.append(data(log, "a").with_id(AppendId(1))).await;
    drop(trial.engine().append_many(vec![close(log, "end")]));
    let refused = Err(AppendError::NotWritten(NotWritten::Closed));
    assert_eq!(trial.try_append(data(log, "b")).await, refused);
    assert_eq!(trial.payloads(log).await, ["a", "end"]);
}

/// Other operations too: done again they end as if they had been awaited.
pub async fn dropped_operations_can_be_done_again(trial: &mut Trial) {
    let id = trial.new_log_id();
    let create = || trial.engine().create(Trial::GROUP, id, LogSpec::default());
    drop(create());
    let log = create().await.expect("the log is created");
    let offsets = trial.offsets_of(log, &["a", "b"]).await;
    let next = trial.bounds(log).await.next;
    drop(trial.engine().trim(log, offsets[1]));
    assert_eq!(trial.engine().trim(log, offsets[1]).await, Ok(()));
    assert_eq!(trial.bounds(log).await.next, next);
    drop(trial.engine().delete(log));
    assert_eq!(trial.engine().delete(log).await, Ok(()));
    super::delete::check_gone(trial, log).await;
}
