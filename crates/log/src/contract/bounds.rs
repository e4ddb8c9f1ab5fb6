//! What a log holds, and reads outside of it.

use std::time::Duration;

use millstream_types::TimestampMs;

use super::{Trial, data};
use crate::{Bounds, ReadFrom, ReadOutcome};

/// A new log is empty at offset 0.
pub async fn a_new_log_is_empty(trial: &mut Trial) {
    let log = trial.log().await;
    let empty = Bounds {
        first: 0,
        next: 0,
        last_time: TimestampMs(0),
    };
    assert_eq!(trial.bounds(log).await, empty);
    let entries = Vec::new();
    let at_the_tail = ReadOutcome::Entries {
        entries,
        bounds: empty,
    };
    assert_eq!(trial.read(log, 0, 1 << 20).await, at_the_tail);
    assert_eq!(
        trial.read(log, 1, 1 << 20).await,
        ReadOutcome::OutOfRange(empty)
    );
}

/// At the tail a read is empty; above it the answer names the bounds, at once even if the read may wait.
pub async fn above_the_tail_is_out_of_range(trial: &mut Trial) {
    let log = trial.log().await;
    let offsets = trial.offsets_of(log, &["a", "b"]).await;
    let bounds = trial.bounds(log).await;
    assert!(bounds.first <= offsets[0] && bounds.next > offsets[1]);
    let tail = trial.read_pages(log, bounds.next, 1 << 20).await;
    assert_eq!(tail, []);
    for from in [bounds.next + 1, bounds.next + 2, 1 << 47, u64::MAX] {
        let read = ReadFrom {
            place: log,
            from,
            bytes_max: 1 << 20,
        };
        let outcomes = trial
            .engine()
            .read_many(vec![read], Duration::from_secs(3600))
            .await;
        assert_eq!(outcomes, [ReadOutcome::OutOfRange(bounds)], "from {from}");
    }
}

/// Logs do not share bounds.
pub async fn bounds_belong_to_one_log(trial: &mut Trial) {
    let (long, short) = (trial.log().await, trial.log().await);
    trial.append_all(long, &["a", "b", "c"]).await;
    trial.clock().step_ms(1000);
    trial.append(data(short, "d")).await;
    let (of_long, of_short) = (trial.bounds(long).await, trial.bounds(short).await);
    assert_eq!(of_short.last_time.ms_since(of_long.last_time), 1000);
    trial.append(data(long, "e")).await;
    assert!(trial.bounds(long).await.next > of_long.next);
    assert_eq!(trial.bounds(short).await, of_short);
}
