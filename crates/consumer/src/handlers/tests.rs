use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::testing::{MemoryDeadLetters, MemoryLeaseTable, MemoryStream};
use crate::{
    Checkpoint, Consumer, ConsumerBuilder, ConsumerError, Failure, FailurePolicy, Settings,
};

const MINUTE: Duration = Duration::from_secs(60);

fn builder(stream: &MemoryStream, table: &MemoryLeaseTable, settings: Settings) -> ConsumerBuilder {
    Consumer::builder("tested", "stream")
        .source(stream.clone())
        .lease_table(table.clone())
        .settings(settings)
        .seed(7)
}

fn number(place: &crate::ExtendedSequenceNumber) -> u64 {
    place.sequence_number().parse().unwrap()
}

/// Where the only shard's checkpoint is.
fn stored(table: &MemoryLeaseTable) -> Option<u64> {
    table.rows()[0].checkpoint.place().map(number)
}

/// Calls under way, and the most there ever were.
#[derive(Debug, Default)]
struct Calls {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Calls {
    fn enter(&self) {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
    }

    fn leave(&self) {
        self.now.fetch_sub(1, Ordering::Relaxed);
    }
}

#[tokio::test(start_paused = true)]
async fn keys_go_on_side_by_side_and_each_in_order_whatever_fails() {
    for seed in 0..20 {
        let (stream, table) = (MemoryStream::new(1), MemoryLeaseTable::default());
        let mut rng = StdRng::seed_from_u64(seed);
        for _ in 0..200 {
            stream.put(&format!("key-{}", rng.random_range(0..12)), "");
        }
        let last = stream.last_number();
        let settings = Settings::new().parallel_keys_max(5).records_max(60);
        let calls = Arc::new(Calls::default());
        let done: Arc<Mutex<BTreeMap<String, Vec<u64>>>> = Arc::default();
        let (seen, running) = (Arc::clone(&done), Arc::clone(&calls));
        let rng = Arc::new(Mutex::new(rng));
        let run = builder(&stream, &table, settings)
            .build()
            .unwrap()
            .for_each(move |record| {
                let (seen, running) = (Arc::clone(&seen), Arc::clone(&running));
                let (ms, fails) = {
                    let mut rng = rng.lock().unwrap();
                    (rng.random_range(1..50), rng.random_range(0..10))
                };
                async move {
                    running.enter();
                    sleep(Duration::from_millis(ms)).await;
                    running.leave();
                    assert!(fails != 1, "a random panic");
                    if fails == 0 {
                        return Err(Failure::new("a random failure"));
                    }
                    let number = number(&record.place);
                    let mut seen = seen.lock().unwrap();
                    seen.entry(record.partition_key).or_default().push(number);
                    Ok(())
                }
            });
        run.until(sleep(MINUTE * 10)).await.unwrap();
        let done = done.lock().unwrap();
        assert!(
            done.values().all(|numbers| numbers.is_sorted()),
            "seed {seed}"
        );
        assert_eq!(done.values().map(Vec::len).sum::<usize>(), 200);
        assert_eq!(stored(&table), Some(last));
        assert_eq!(calls.most.load(Ordering::Relaxed), 5);
    }
}

#[tokio::test(start_paused = true)]
async fn one_by_one_a_failure_holds_up_what_comes_after_it() {
    let (stream, table) = (MemoryStream::new(1), MemoryLeaseTable::default());
    for key in ["a", "b", "c"] {
        stream.put(key, key);
    }
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let calls = Arc::clone(&seen);
    let consumer = builder(&stream, &table, Settings::new()).build().unwrap();
    let run = consumer.for_each(move |record| {
        let mut calls = calls.lock().unwrap();
        calls.push(record.partition_key.clone());
        let fails = record.partition_key == "b" && calls.len() < 4;
        async move { if fails { Err("not yet".into()) } else { Ok(()) } }
    });
    run.until(sleep(MINUTE)).await.unwrap();
    assert_eq!(*seen.lock().unwrap(), ["a", "b", "b", "b", "c"]);
}

/// What was done before the stop is stored, and not done again.
#[tokio::test(start_paused = true)]
async fn a_stop_in_the_middle_of_a_batch_keeps_what_is_done() {
    for parallel in [1, 3] {
        let (stream, table) = (MemoryStream::new(1), MemoryLeaseTable::default());
        let keys: Vec<String> = (0..100).map(|key| format!("key-{key}")).collect();
        let numbers = keys
            .iter()
            .map(|key| stream.put(key, "").1)
            .collect::<Vec<_>>();
        let seen: Arc<Mutex<Vec<u64>>> = Arc::default();
        for _ in 0..2 {
            let calls = Arc::clone(&seen);
            let settings = Settings::new().parallel_keys_max(parallel);
            let stop = CancellationToken::new();
            let begun = stop.clone();
            let consumer = builder(&stream, &table, settings).build().unwrap();
            let run = consumer.for_each(move |record| {
                let (calls, begun) = (Arc::clone(&calls), begun.clone());
                async move {
                    sleep(Duration::from_secs(1)).await;
                    let mut calls = calls.lock().unwrap();
                    calls.push(number(&record.place));
                    if calls.len() == 30 || calls.len() == 100 {
                        begun.cancel();
                    }
                    Ok(())
                }
            });
            run.until(stop.cancelled_owned()).await.unwrap();
        }
        let mut seen = seen.lock().unwrap().clone();
        seen.sort_unstable();
        assert_eq!(seen, numbers, "each record once");
        assert_eq!(stored(&table), numbers.last().copied());
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_processed_is_parked_with_its_cause_and_count() {
    let (stream, table) = (MemoryStream::new(1), MemoryLeaseTable::default());
    let numbers: Vec<u64> = ["good", "bad", "worse", "good"]
        .map(|data| stream.put("key", data).1)
        .to_vec();
    let letters = MemoryDeadLetters::default();
    let settings = Settings::new().on_failure(FailurePolicy::park_after(4));
    let consumer = builder(&stream, &table, settings)
        .dead_letters(letters.clone())
        .build()
        .unwrap();
    let run = consumer.for_each(|record| async move {
        match &record.data[..] {
            b"bad" => Err("bad".into()),
            b"worse" => Err(Failure::park("worse")),
            _ => Ok(()),
        }
    });
    run.until(sleep(MINUTE)).await.unwrap();
    let parked: Vec<_> = letters
        .parked()
        .into_iter()
        .map(|parked| (number(&parked.record.place), parked.cause, parked.attempts))
        .collect();
    let expected = [
        (numbers[1], "bad".into(), 4),
        (numbers[2], "worse".into(), 1),
    ];
    assert_eq!(parked, expected);
    assert_eq!(stored(&table), Some(numbers[3]));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_is_to_be_parked_without_dead_letters_halts_the_worker() {
    let (stream, table) = (MemoryStream::new(1), MemoryLeaseTable::default());
    let first = stream.put("key", "").1;
    stream.put("key", "park");
    let consumer = builder(&stream, &table, Settings::new()).build().unwrap();
    let run = consumer.for_each(|record| async move {
        if record.data.is_empty() {
            Ok(())
        } else {
            Err(Failure::park("no"))
        }
    });
    let ended = run.await;
    let Err(ConsumerError::Halted { source, .. }) = ended else {
        panic!("{ended:?}")
    };
    assert!(
        source.to_string().contains("dead_letter_stream"),
        "{source}"
    );
    assert_eq!(stored(&table), Some(first));
    assert!(table.rows()[0].lease_owner.is_none());
}

#[tokio::test(start_paused = true)]
async fn batches_come_until_they_are_acknowledged() {
    let (stream, table) = (MemoryStream::new(1), MemoryLeaseTable::default());
    let numbers: Vec<u64> = (0..4).map(|_| stream.put("key", "").1).collect();
    let consumer = builder(&stream, &table, Settings::new()).build().unwrap();
    let stop = CancellationToken::new();
    let mut batches = consumer.batches().until(stop.clone().cancelled_owned());
    let of = |batch: &crate::Batch| -> Vec<u64> {
        let records = batch.records().iter();
        records.map(|record| number(&record.place)).collect()
    };

    let dropped = batches.next().await.unwrap().unwrap();
    assert_eq!(of(&dropped), numbers);
    drop(dropped);
    let failed = batches.next().await.unwrap().unwrap();
    assert_eq!(of(&failed), numbers);
    failed.done(&failed.records()[0]);
    failed.fail("not yet");
    let partly = batches.next().await.unwrap().unwrap();
    assert_eq!(of(&partly), numbers[1..]);
    partly.failed(&partly.records()[1], "not yet");
    partly.ack();
    let rest = batches.next().await.unwrap().unwrap();
    assert_eq!(of(&rest), [numbers[2]]);
    assert_eq!(stored(&table), Some(numbers[1]));
    rest.ack();

    // One that is out when the worker stops is waited for.
    let late = stream.put("key", "").1;
    let out = batches.next().await.unwrap().unwrap();
    stop.cancel();
    sleep(Duration::from_secs(5)).await;
    out.ack();
    assert!(batches.next().await.is_none());
    assert_eq!(stored(&table), Some(late));
    assert!(table.rows()[0].lease_owner.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_batch_whose_lease_is_lost_says_so() {
    let (stream, table) = (MemoryStream::new(1), MemoryLeaseTable::default());
    stream.put("key", "");
    let consumer = builder(&stream, &table, Settings::new()).build().unwrap();
    let mut batches = consumer.batches();
    let batch = batches.next().await.unwrap().unwrap();
    assert!(!batch.is_lost());
    let row = &table.rows()[0];
    crate::LeaseTable::take(&table, row, "thief").await.unwrap();
    let began = Instant::now();
    while !batch.is_lost() {
        sleep(Duration::from_millis(100)).await;
    }
    assert!(began.elapsed() <= Duration::from_secs(10));
    batch.ack();
    assert_eq!(table.rows()[0].checkpoint, Checkpoint::TrimHorizon);
}
