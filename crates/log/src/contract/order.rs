//! Appends of one caller to one log take offsets in the order of the calls, entries of one call in that of the list.

use futures::future::join_all;

use super::trial::{accepted_offsets, rises};
use super::{Trial, data};

/// Entries of one call stand in the log in the order of the list.
pub async fn entries_of_one_call_keep_their_order(trial: &mut Trial) {
    let log = trial.log().await;
    trial.offsets_of(log, &["a", "b", "c", "d"]).await;
    assert_eq!(trial.payloads(log).await, ["a", "b", "c", "d"]);
}

/// Calls that are in flight at the same time keep the order in which they were made.
pub async fn calls_in_flight_keep_their_order(trial: &mut Trial) {
    let log = trial.log().await;
    let calls: Vec<_> = (0..100)
        .map(|number| {
            let pair = ["x", "y"].map(|half| data(log, format!("{number}{half}")));
            trial.engine().append_many(pair.into())
        })
        .collect();
    let mut offsets = Vec::new();
    for answers in join_all(calls).await {
        offsets.extend(accepted_offsets(&answers));
    }
    assert!(rises(&offsets), "{offsets:?}");
    let expected: Vec<String> = (0..100)
        .flat_map(|number| ["x", "y"].map(|half| format!("{number}{half}")))
        .collect();
    assert_eq!(trial.payloads(log).await, expected);
}

/// The call submits, not the poll: futures awaited last to first change nothing.
pub async fn the_call_decides_not_the_poll(trial: &mut Trial) {
    let log = trial.log().await;
    let submit = |number: u64| {
        let append = data(log, number.to_string());
        trial.engine().append_many(vec![append])
    };
    let calls: Vec<_> = (0..20).map(submit).collect();
    let mut offsets = Vec::new();
    for call in calls.into_iter().rev() {
        offsets.extend(accepted_offsets(&call.await));
    }
    offsets.reverse();
    assert!(rises(&offsets), "{offsets:?}");
    let expected: Vec<String> = (0..20).map(|number: u64| number.to_string()).collect();
    assert_eq!(trial.payloads(log).await, expected);
}

/// Entries for several logs in one call: each log takes its own in their order, and answers keep the list's order.
pub async fn one_call_serves_several_logs(trial: &mut Trial) {
    let logs = [trial.log().await, trial.log().await, trial.log().await];
    trial.append(data(logs[1], "before")).await;
    let turns = [0, 1, 2, 1, 0, 2, 2];
    let appends = turns.iter().enumerate();
    let appends = appends.map(|(number, log)| data(logs[*log], number.to_string()));
    let answers = trial.engine().append_many(appends.collect()).await;
    let offsets = accepted_offsets(&answers);
    for of_log in [&[0, 4][..], &[1, 3], &[2, 5, 6]] {
        let of_log: Vec<u64> = of_log.iter().map(|answer| offsets[*answer]).collect();
        assert!(rises(&of_log), "{offsets:?}");
    }
    assert_eq!(trial.payloads(logs[0]).await, ["0", "4"]);
    assert_eq!(trial.payloads(logs[1]).await, ["before", "1", "3"]);
    assert_eq!(trial.payloads(logs[2]).await, ["2", "5", "6"]);
}

/// A call without entries has an answer without answers.
pub async fn a_call_may_be_empty(trial: &mut Trial) {
    assert_eq!(trial.engine().append_many(Vec::new()).await, []);
}
