//! Many callers at once, on several threads.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::trial::{check_page, expect_entries};
use super::{Trial, close, data};
use crate::{AppendError, LogEngine, NotWritten, Place, ReadFrom};

const WRITERS: u64 = 16;
const CALLS: u64 = 40;

/// One writer: each call puts one entry in each of two logs and submits the next before the last is answered.
async fn write(engine: Arc<dyn LogEngine>, writer: u64, logs: Vec<Place>) -> Vec<(Place, u64)> {
    let mut written = Vec::new();
    let mut before = None;
    for call in 0..CALLS {
        let pick = |step: u64| {
            let index = (writer * 3 + call + step) % logs.len() as u64;
            logs[usize::try_from(index).expect("small")]
        };
        let places = [pick(0), pick(1)];
        let appends = places.map(|place| data(place, format!("{writer} {call}")));
        let submitted = engine.append_many(appends.into());
        if let Some((places, answers)) = before.replace((places, submitted)) {
            written.extend(note(places, answers.await));
        }
    }
    if let Some((places, answers)) = before {
        written.extend(note(places, answers.await));
    }
    written
}

fn note(
    places: [Place; 2],
    answers: Vec<Result<crate::Appended, AppendError>>,
) -> impl Iterator<Item = (Place, u64)> {
    let answered = places.into_iter().zip(answers);
    answered.map(|(place, answer)| (place, answer.expect("the entry is accepted").offset))
}

/// Many writers, many logs: every entry stands where it was answered, exactly once, in its caller's order.
pub async fn many_writers_lose_and_double_nothing(trial: &mut Trial) {
    let mut logs = Vec::new();
    for _ in 0..5 {
        logs.push(trial.log().await);
    }
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(Arc::clone(trial.engine()), writer, logs.clone())))
        .collect();
    let mut answered = HashMap::new();
    for (writer, task) in (0..).zip(writers) {
        let written = task.await.expect("the writer ends");
        assert_eq!(written.len() as u64, CALLS * 2);
        for (number, place_and_offset) in (0..).zip(written) {
            let payload = format!("{writer} {}", number / 2);
            let doubled = answered.insert(place_and_offset, payload);
            assert_eq!(doubled, None, "one answer per offset");
        }
    }
    let mut found = 0;
    for log in logs {
        let mut last_calls = HashMap::new();
        for entry in trial.entries(log).await {
            found += 1;
            let payload = String::from_utf8(entry.payload.to_vec()).expect("text");
            assert_eq!(answered.get(&(log, entry.offset)), Some(&payload));
            let (writer, call) = payload.split_once(' ').expect("two numbers");
            let call: u64 = call.parse().expect("a number");
            let before = last_calls.insert(writer.to_owned(), call);
            assert!(before.is_none_or(|before| before < call), "caller's order");
        }
    }
    assert_eq!(found, answered.len());
}

/// Readers beside a writer see a prefix that only grows and never changes.
pub async fn readers_see_a_growing_prefix(trial: &mut Trial) {
    let log = trial.log().await;
    let total = 400;
    let readers: Vec<_> = (0..4)
        .map(|_| tokio::spawn(follow(Arc::clone(trial.engine()), log, total)))
        .collect();
    for number in 0..total {
        trial.append(data(log, number.to_string())).await;
    }
    for reader in readers {
        reader.await.expect("the reader ends");
    }
}

async fn follow(engine: Arc<dyn LogEngine>, place: Place, total: u64) {
    let (mut next, mut seen) = (0, 0);
    while seen < total {
        let before = engine.bounds(place).await.expect("the log exists").next;
        let read = ReadFrom {
            place,
            from: next,
            bytes_max: 64,
        };
        let mut outcomes = engine.read_many(vec![read], Duration::from_secs(40)).await;
        let (page, bounds) = expect_entries(outcomes.remove(0));
        check_page(&page, next, 64, bounds);
        assert!(!page.is_empty() && bounds.next >= before);
        for entry in &page {
            assert_eq!(entry.payload, seen.to_string());
            seen += 1;
            next = entry.offset + 1;
        }
        let after = engine.bounds(place).await.expect("the log exists").next;
        assert!(
            after >= bounds.next && bounds.next >= next,
            "bounds only grow"
        );
        let barrier = engine.barrier(place).await.expect("the log exists");
        assert!(barrier >= next, "what was read lies below the barrier");
    }
}

/// Writers that race with a CLOSE are told apart by it: what was accepted stands before it, and nothing behind.
pub async fn a_close_among_writers_divides_them(trial: &mut Trial) {
    let log = trial.log().await;
    let writers: Vec<_> = (0..8u64)
        .map(|writer| {
            let engine = Arc::clone(trial.engine());
            tokio::spawn(async move {
                let mut accepted = Vec::new();
                for number in 0.. {
                    let append = data(log, format!("{writer} {number}"));
                    match engine.append_many(vec![append]).await[0] {
                        Ok(appended) => accepted.push(appended.offset),
                        Err(refused) => {
                            let closed = AppendError::NotWritten(NotWritten::Closed);
                            assert_eq!(refused, closed);
                            break;
                        }
                    }
                    tokio::task::yield_now().await;
                }
                accepted
            })
        })
        .collect();
    tokio::task::yield_now().await;
    let end = trial.append(close(log, "end")).await.offset;
    let mut offsets = Vec::new();
    for writer in writers {
        offsets.extend(writer.await.expect("the writer ends"));
    }
    offsets.sort_unstable();
    offsets.push(end);
    let stand = trial.accepted(log).await.into_iter();
    assert!(stand.map(|entry| entry.offset).eq(offsets));
}

/// Logs created, filled and deleted by many callers at once stay apart.
pub async fn logs_come_and_go_beside_each_other(trial: &mut Trial) {
    let mut callers = Vec::new();
    for caller in 0..8u64 {
        let engine = Arc::clone(trial.engine());
        let ids: Vec<_> = (0..10).map(|_| trial.new_log_id()).collect();
        callers.push(tokio::spawn(async move {
            for id in ids {
                let created = engine.create(Trial::GROUP, id, crate::LogSpec::default());
                let place = created.await.expect("a new log is created");
                let append = data(place, format!("{caller} {}", id.0));
                let appended = engine.append_many(vec![append.clone()]).await[0];
                assert!(appended.is_ok());
                assert_eq!(engine.delete(place).await, Ok(()));
                let refused = engine.append_many(vec![append]).await[0];
                let gone = AppendError::NotWritten(NotWritten::NoSuchLog);
                assert_eq!(refused, Err(gone));
            }
        }));
    }
    for caller in callers {
        caller.await.expect("the caller ends");
    }
}
