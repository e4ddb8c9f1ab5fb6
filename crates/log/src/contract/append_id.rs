//! An entry with a known append id is not written again: the answer is the first one's.

use super::trial::{accepted_offsets, rises};
use super::{Trial, close, data};
use crate::AppendId;

/// Sent again, later and in the same call, it is answered with the first one's offset and time.
pub async fn the_same_id_is_written_once(trial: &mut Trial) {
    let log = trial.log().await;
    let first = trial.append(data(log, "a").with_id(AppendId(7))).await;
    trial.clock().step_ms(1000);
    let second = trial.append(data(log, "b")).await;
    assert_eq!(
        trial.append(data(log, "a").with_id(AppendId(7))).await,
        first
    );
    let call = vec![
        data(log, "c").with_id(AppendId(8)),
        data(log, "d"),
        data(log, "c").with_id(AppendId(8)),
        data(log, "a").with_id(AppendId(7)),
        data(log, "e").with_id(AppendId(9)),
    ];
    let answers = trial.engine().append_many(call).await;
    let offsets = accepted_offsets(&answers);
    assert!(rises(&[second.offset, offsets[0], offsets[1], offsets[4]]));
    assert_eq!(answers[2], answers[0]);
    assert_eq!(answers[3], Ok(first));
    assert_eq!(trial.payloads(log).await, ["a", "b", "c", "d", "e"]);
}

/// Two calls in flight with the same id write one entry and get the same answer.
pub async fn the_same_id_in_flight_is_written_once(trial: &mut Trial) {
    let log = trial.log().await;
    let submit = || {
        let append = data(log, "a").with_id(AppendId(7));
        trial.engine().append_many(vec![append])
    };
    let (one, other) = (submit(), submit());
    let (other, one) = (other.await, one.await);
    assert!(one[0].is_ok());
    assert_eq!(one, other);
    assert_eq!(trial.payloads(log).await, ["a"]);
}

/// Ids belong to one log, and ids that share bits are different ids.
pub async fn ids_belong_to_one_log(trial: &mut Trial) {
    let logs = [trial.log().await, trial.log().await];
    let ids = [0, 1, 1 << 64, (1 << 64) + 1, u128::MAX];
    for log in logs {
        let mut offsets = Vec::new();
        for id in ids {
            let appended = trial.append(data(log, "x").with_id(AppendId(id))).await;
            offsets.push(appended.offset);
        }
        assert!(rises(&offsets), "{offsets:?}");
        assert_eq!(trial.entries(log).await.len(), ids.len());
    }
}

/// The answer stays the first one's behind a CLOSE, for the CLOSE itself, and when the entry was trimmed.
pub async fn ids_outlive_close_and_trim(trial: &mut Trial) {
    let log = trial.log().await;
    let first = trial.append(data(log, "a").with_id(AppendId(1))).await;
    let end = trial.append(close(log, "b").with_id(AppendId(2))).await;
    let next = trial.bounds(log).await.next;
    for _ in 0..2 {
        assert_eq!(
            trial.append(data(log, "a").with_id(AppendId(1))).await,
            first
        );
        assert_eq!(
            trial.append(close(log, "b").with_id(AppendId(2))).await,
            end
        );
        assert_eq!(trial.engine().trim(log, next).await, Ok(()));
    }
    assert_eq!(trial.bounds(log).await.next, next);
}

/// As many of the last ids as the engine says are known, however many entries without id stand between.
pub async fn as_many_ids_are_kept_as_said(trial: &mut Trial) {
    let log = trial.log().await;
    let kept = trial.engine().caps().append_ids_kept.min(2000) as u128;
    let call = |ids: std::ops::Range<u128>| {
        let pair = |id: u128| [data(log, "x").with_id(AppendId(id)), data(log, "y")];
        ids.flat_map(pair).collect::<Vec<_>>()
    };
    trial.engine().append_many(call(0..kept)).await;
    let first = trial.engine().append_many(call(kept..2 * kept)).await;
    let again = (kept..2 * kept).map(|id| data(log, "x").with_id(AppendId(id)));
    let next = trial.bounds(log).await.next;
    let again = trial.engine().append_many(again.collect()).await;
    let first: Vec<_> = first.into_iter().step_by(2).collect();
    assert!(first.iter().all(Result::is_ok));
    assert_eq!(again, first);
    assert_eq!(trial.bounds(log).await.next, next);
}
