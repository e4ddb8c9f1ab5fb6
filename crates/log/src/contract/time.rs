//! Append times, and offsets by time: early is allowed, late never.

use millstream_types::{TimestampMs, WallClock};

use super::{Trial, data};
use crate::Place;

/// An entry's time is the clock's, and never lower than that of the log's entry before.
pub async fn times_never_fall(trial: &mut Trial) {
    let log = trial.log().await;
    let start = trial.clock().now();
    let mut times = Vec::new();
    for step in [0, 500, -2000, 0, 1000, 600, -1] {
        trial.clock().step_ms(step);
        times.push(trial.append(data(log, "x")).await.time);
    }
    let expected = [0, 500, 500, 500, 500, 500, 500].map(|ms| start.plus_ms(ms));
    assert_eq!(times, expected);
    trial.clock().step_ms(10_000);
    let later = trial.append(data(log, "x")).await;
    assert_eq!(later.time, trial.clock().now());
    times.push(later.time);
    let entries = trial.entries(log).await;
    let read: Vec<TimestampMs> = entries.iter().map(|entry| entry.time).collect();
    assert_eq!(read, times);
}

/// One log's clock trouble is not another's.
pub async fn times_belong_to_one_log(trial: &mut Trial) {
    let (first, second) = (trial.log().await, trial.log().await);
    let ahead = trial.append(data(first, "x")).await;
    trial.clock().step_ms(-5000);
    let behind = trial.append(data(second, "x")).await;
    assert_eq!(behind.time, trial.clock().now());
    assert_eq!(trial.append(data(first, "y")).await.time, ahead.time);
}

/// Asserts the contract of `offset_for_time` for every time that matters to a log.
pub(super) async fn check_lookups(trial: &Trial, log: Place) {
    let entries = trial.entries(log).await;
    let bounds = trial.bounds(log).await;
    let around = |time: TimestampMs| [time.0.saturating_sub(1), time.0, time.0 + 1];
    let mut times = vec![0, u64::MAX];
    times.extend(around(bounds.last_time));
    times.extend(entries.iter().flat_map(|entry| around(entry.time)));
    for time in times.into_iter().map(TimestampMs) {
        let found = trial.engine().offset_for_time(log, time).await;
        let found = found.expect("the log exists");
        let wanted = entries.iter().find(|entry| entry.time >= time);
        let latest = wanted.map_or(bounds.next, |entry| entry.offset);
        assert!(
            bounds.first <= found && found <= latest,
            "for {time} at the latest {latest} in {bounds:?}, got {found}"
        );
        if wanted.is_none() {
            assert_eq!(found, bounds.next, "nothing was appended since {time}");
        }
    }
}

/// Look-ups between, at, before and after entries, with runs of equal times and a clock that steps back.
pub async fn look_ups_are_never_late(trial: &mut Trial) {
    let log = trial.log().await;
    check_lookups(trial, log).await;
    for step in [0, 0, 0, 10, 1, 0, -50, 30, 100, 0, 5000, 1] {
        trial.clock().step_ms(step);
        trial.append(data(log, "x")).await;
        check_lookups(trial, log).await;
    }
}

/// After a trim no look-up gives an offset that cannot be read.
pub async fn look_ups_stay_inside_the_log(trial: &mut Trial) {
    let log = trial.log().await;
    for _ in 0..10 {
        trial.clock().step_ms(10);
        trial.append(data(log, "x")).await;
    }
    for before in [1, 5, 10] {
        let trimmed = trial.engine().trim(log, before).await;
        assert_eq!(trimmed, Ok(()));
        check_lookups(trial, log).await;
    }
}
