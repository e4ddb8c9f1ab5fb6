//! Reads that wait at the tail: woken by an append or a delete, at the latest at their deadline.

use std::time::Duration;

use futures::future::join_all;
use tokio::time::Instant;

use super::trial::expect_entries;
use super::{Trial, data};
use crate::{Entry, LogFuture, Place, ReadFrom, ReadOutcome};

/// A deadline that no case may reach.
const LONG: Duration = Duration::from_secs(40);
/// What a case that must not reach [`LONG`] may take.
const PROMPT: Duration = Duration::from_secs(20);
/// A deadline that cases wait for.
const SHORT: Duration = Duration::from_millis(50);

fn start(trial: &Trial, items: &[(Place, u64)], wait: Duration) -> LogFuture<Vec<ReadOutcome>> {
    let read = |(place, from): &(Place, u64)| ReadFrom {
        place: *place,
        from: *from,
        bytes_max: 1 << 20,
    };
    let reads = items.iter().map(read).collect();
    trial.engine().read_many(reads, wait)
}

fn texts(outcome: &ReadOutcome) -> Vec<String> {
    let (entries, _) = expect_entries(outcome.clone());
    let texts = entries.iter();
    texts
        .map(|entry| String::from_utf8_lossy(&entry.payload).into_owned())
        .collect()
}

/// Entries from an offset, waiting for the first of them.
pub(super) async fn read_until(trial: &Trial, log: Place, from: u64, wait: Duration) -> Vec<Entry> {
    let outcomes = start(trial, &[(log, from)], wait).await;
    expect_entries(outcomes[0].clone()).0
}

/// An append wakes the read, whether or not it had been polled when the append came.
pub async fn an_append_wakes_the_read(trial: &mut Trial) {
    let log = trial.log().await;
    let started = Instant::now();
    for is_polled in [false, true] {
        let from = trial.bounds(log).await.next;
        let mut read = start(trial, &[(log, from)], LONG);
        if is_polled {
            assert!(futures::poll!(&mut read).is_pending(), "at the tail");
        }
        trial.append(data(log, from.to_string())).await;
        assert_eq!(texts(&read.await[0]), [from.to_string()]);
    }
    assert!(started.elapsed() < PROMPT, "woken, not timed out");
}

/// Every read that waits at the same tail is woken.
pub async fn an_append_wakes_every_read(trial: &mut Trial) {
    let log = trial.log().await;
    let started = Instant::now();
    let reads: Vec<_> = (0..20).map(|_| start(trial, &[(log, 0)], LONG)).collect();
    let mut all = join_all(reads);
    assert!(futures::poll!(&mut all).is_pending());
    trial.append(data(log, "a")).await;
    for outcomes in all.await {
        assert_eq!(texts(&outcomes[0]), ["a"]);
    }
    assert!(started.elapsed() < PROMPT, "woken, not timed out");
}

/// A read of several logs is woken by any of them and answers for all.
pub async fn any_of_several_logs_wakes_the_read(trial: &mut Trial) {
    let logs = [trial.log().await, trial.log().await, trial.log().await];
    let started = Instant::now();
    for waker in 0..3 {
        let mut items = Vec::new();
        for log in logs {
            items.push((log, trial.bounds(log).await.next));
        }
        let mut read = start(trial, &items, LONG);
        assert!(futures::poll!(&mut read).is_pending());
        trial.append(data(logs[waker], "a")).await;
        let outcomes = read.await;
        for (index, outcome) in outcomes.iter().enumerate() {
            let expected: &[&str] = if index == waker { &["a"] } else { &[] };
            assert_eq!(texts(outcome), expected);
        }
    }
    assert!(started.elapsed() < PROMPT, "woken, not timed out");
}

/// An append to another log wakes nobody: the read keeps waiting and then answers empty.
pub async fn other_logs_do_not_wake_the_read(trial: &mut Trial) {
    let (log, other) = (trial.log().await, trial.log().await);
    let started = Instant::now();
    let mut read = start(trial, &[(log, 0)], SHORT);
    assert!(futures::poll!(&mut read).is_pending());
    trial.append(data(other, "a")).await;
    assert_eq!(texts(&read.await[0]), Vec::<String>::new());
    assert!(started.elapsed() >= SHORT, "not before the deadline");
}

/// Deleting the log, or its group, ends the read.
pub async fn a_delete_ends_the_read(trial: &mut Trial) {
    let started = Instant::now();
    let (left, right) = (trial.log().await, trial.log().await);
    let mut read = start(trial, &[(left, 0), (right, 0)], LONG);
    assert!(futures::poll!(&mut read).is_pending());
    assert_eq!(trial.engine().delete(right).await, Ok(()));
    let outcomes = read.await;
    assert_eq!(texts(&outcomes[0]), Vec::<String>::new());
    assert_eq!(outcomes[1], ReadOutcome::NoSuchLog);

    let mut read = start(trial, &[(left, 0)], LONG);
    assert!(futures::poll!(&mut read).is_pending());
    let deleted = trial.engine().delete_group(Trial::GROUP).await;
    assert_eq!(deleted, Ok(()));
    assert_eq!(read.await, [ReadOutcome::NoSuchLog]);
    assert!(started.elapsed() < PROMPT, "woken, not timed out");
}

/// At its deadline a read answers empty, with the bounds of that moment; one that may not wait answers at once.
pub async fn the_deadline_ends_the_read(trial: &mut Trial) {
    let log = trial.log().await;
    trial.append_all(log, &["a", "b"]).await;
    let bounds = trial.bounds(log).await;
    let tail = bounds.next;
    let entries = Vec::new();
    let empty = [ReadOutcome::Entries { entries, bounds }];
    let started = Instant::now();
    assert_eq!(start(trial, &[(log, tail)], SHORT).await, empty);
    assert!(started.elapsed() >= SHORT, "not before the deadline");
    assert!(started.elapsed() < PROMPT, "at the deadline");
    assert_eq!(start(trial, &[(log, tail)], Duration::ZERO).await, empty);
}

/// A read does not wait if any item has its answer, wherever it stands in the list.
pub async fn one_answer_is_enough(trial: &mut Trial) {
    let (empty, full, gone) = (trial.log().await, trial.log().await, trial.log().await);
    trial.append(data(full, "a")).await;
    assert_eq!(trial.engine().delete(gone).await, Ok(()));
    let started = Instant::now();
    let above = trial.bounds(full).await.next + 1;
    for ready in [(full, 0), (full, above), (gone, 0)] {
        for items in [[ready, (empty, 0)], [(empty, 0), ready]] {
            assert_eq!(start(trial, &items, LONG).await.len(), 2);
        }
    }
    assert!(started.elapsed() < PROMPT, "answered, not timed out");
}

/// A wait longer than any clock counts is a wait like any other.
pub async fn a_wait_may_be_endless(trial: &mut Trial) {
    let log = trial.log().await;
    let mut read = start(trial, &[(log, 0)], Duration::MAX);
    assert!(futures::poll!(&mut read).is_pending());
    trial.append(data(log, "a")).await;
    assert_eq!(texts(&read.await[0]), ["a"]);
}

/// A read that is dropped while it waits disturbs neither the log nor other reads, and can be made again.
pub async fn a_dropped_read_leaves_nothing_behind(trial: &mut Trial) {
    let log = trial.log().await;
    let started = Instant::now();
    let mut stays = start(trial, &[(log, 0)], LONG);
    assert!(futures::poll!(&mut stays).is_pending());
    for is_polled in [false, true] {
        let mut leaves = start(trial, &[(log, 0)], LONG);
        if is_polled {
            assert!(futures::poll!(&mut leaves).is_pending());
        }
        drop(leaves);
    }
    trial.append(data(log, "a")).await;
    assert_eq!(texts(&stays.await[0]), ["a"]);
    assert_eq!(texts(&start(trial, &[(log, 0)], LONG).await[0]), ["a"]);
    assert!(started.elapsed() < PROMPT, "woken, not timed out");
}

/// Whoever follows the tail by waiting sees every entry once, in order.
pub async fn following_the_tail_misses_nothing(trial: &mut Trial) {
    let log = trial.log().await;
    let submit = |number: u64| {
        let append = data(log, number.to_string());
        trial.engine().append_many(vec![append])
    };
    let appends = async {
        for number in 0..300 {
            let answers = submit(number).await;
            assert!(answers[0].is_ok());
            tokio::task::yield_now().await;
        }
    };
    let follow = async {
        let mut seen: Vec<Entry> = Vec::new();
        while seen.len() < 300 {
            let from = seen.last().map_or(0, |last| last.offset + 1);
            let entries = read_until(trial, log, from, LONG).await;
            assert!(!entries.is_empty(), "an append comes before the deadline");
            seen.extend(entries);
        }
        seen
    };
    let ((), seen) = futures::join!(appends, follow);
    for (number, entry) in seen.iter().enumerate() {
        assert_eq!(entry.payload, number.to_string());
    }
}
