//! Without an fsync those who append commit by themselves.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;
use millstream_log::{AppendError, GroupId, LogEngine, LogId, LogSpec, NotWritten, Place};
use millstream_log_local::disk::power_cut::{Faults, PowerCutDisk};
use millstream_log_local::{Durability, LocalEngine, LocalSettings, Stepper};
use tokio::time::timeout;

use crate::folder::{append_one, create, data, failure};
use crate::workload::{TestClock, read_all, small_settings};

fn settings() -> LocalSettings {
    LocalSettings {
        durability: Durability::Os,
        segment_bytes: vec![64 << 10],
        ..small_settings()
    }
}

fn open_in_os_mode(disk: &PowerCutDisk) -> LocalEngine {
    let clock = Arc::new(TestClock::default());
    LocalEngine::open_on(Arc::new(disk.clone()), settings(), clock).unwrap()
}

/// An engine with one entry in the open segment. It has no threads: who appends is never beaten to it by another.
fn open_alone(disk: &PowerCutDisk) -> (LocalEngine, Stepper, Place) {
    let clock = Arc::new(TestClock::default());
    let settings = LocalSettings {
        hurry: Duration::ZERO,
        ..settings()
    };
    let opened = LocalEngine::open_stepped(Arc::new(disk.clone()), settings, clock);
    let (engine, mut stepper) = opened.unwrap();
    let created = engine.create(GroupId(1), LogId(1), LogSpec::default());
    stepper.work();
    let place = created.now_or_never().unwrap().unwrap();
    // It opens the segment, which is not for a caller's thread.
    let appended = engine.append_many(vec![data(place, "first")]);
    stepper.work();
    assert!(appended.now_or_never().unwrap()[0].is_ok());
    (engine, stepper, place)
}

/// Nobody else has to run for it: the answer is there when the call returns.
#[test]
fn an_append_is_committed_in_its_call() {
    let (engine, _stepper, place) = open_alone(&PowerCutDisk::new());
    for number in 1..=100 {
        let commits = engine.stats().commits;
        let appended = engine.append_many(vec![data(place, "next")]);
        let answers = appended.now_or_never();
        let answers = answers.expect("it waits for no other thread");
        assert_eq!(answers[0].as_ref().unwrap().offset, number);
        assert_eq!(engine.stats().commits, commits + 1);
    }
}

/// A new segment and a large entry are not for a caller's thread; whoever leaves them wakes the one that they are for.
#[tokio::test]
async fn what_takes_long_is_left_to_the_committing_thread() {
    let engine = open_in_os_mode(&PowerCutDisk::new());
    let place = create(&engine, 1, 1);
    for payload in ["first".to_owned(), "x".repeat(300 << 10), "last".to_owned()] {
        let appended = engine.append_many(vec![data(place, payload)]);
        let answers = timeout(Duration::from_secs(60), appended).await;
        assert!(answers.expect("somebody commits it")[0].is_ok());
    }
    assert_eq!(read_all(&engine, place).len(), 3);
    engine.stop().await.unwrap();
}

/// One of them finds another at it and leaves: what it leaves is taken care of, also where a segment is full in between.
#[test]
fn nobody_waits_for_ever_where_many_append_at_once() {
    let engine = open_in_os_mode(&PowerCutDisk::new());
    let places: Vec<Place> = (1..=4).map(|log| create(&engine, 1, log)).collect();
    std::thread::scope(|scope| {
        for place in &places {
            for half in 0..2 {
                let engine = &engine;
                scope.spawn(move || {
                    for number in 0..250 {
                        append_one(engine, *place, &format!("{half} {number:0>300}")).unwrap();
                    }
                });
            }
        }
    });
    for place in places {
        let entries = read_all(&engine, place);
        assert_eq!(entries.len(), 500);
        for half in ["0 ", "1 "] {
            let of_one: Vec<_> = entries
                .iter()
                .filter(|entry| entry.payload.starts_with(half.as_bytes()))
                .map(|entry| entry.payload.clone())
                .collect();
            assert!(of_one.is_sorted() && of_one.len() == 250);
        }
    }
    assert!(engine.stats().sealed_segments > 4);
    block_on(engine.stop()).unwrap();
}

/// As on the committing thread: final, and named.
#[test]
fn a_write_that_fails_is_final() {
    let disk = PowerCutDisk::new();
    let (engine, stepper, place) = open_alone(&disk);
    let here = std::thread::current();
    let name: &'static str = here.name().unwrap().to_owned().leak();
    disk.set_faults(Faults {
        next_write_fails_on: Some(name),
        ..Faults::default()
    });
    let lost = append_one(&engine, place, "lost");
    assert_eq!(lost, Err(AppendError::OutcomeUnknown));
    assert!(failure(&engine).unwrap().contains("segments/"));
    let stopped = Err(AppendError::NotWritten(NotWritten::Stopped));
    assert_eq!(append_one(&engine, place, "later"), stopped);
    assert_eq!(read_all(&engine, place).len(), 1);
    drop(stepper);
    assert!(block_on(engine.stop()).is_err());
}
