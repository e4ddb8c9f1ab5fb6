//! The handle: room, waiting, dropping, closing.

use std::sync::Mutex;
use std::sync::atomic::AtomicU32;

use tokio::time::Instant;

use super::*;
use crate::{
    CallError, CallErrorKind, Measure, MemoryStream, Metric, MetricsRecorder, OpenShard, PutAnswer,
    PutEntry, PutErrorKind, Settings, Transport, TransportFuture,
};

/// A server that is not there.
#[derive(Debug)]
struct Absent;

impl Transport for Absent {
    fn put_records(&self, _: Vec<PutEntry>) -> TransportFuture<Vec<PutAnswer>> {
        Box::pin(async { Err(refused()) })
    }

    fn list_shards(&self) -> TransportFuture<Vec<OpenShard>> {
        Box::pin(async { Err(refused()) })
    }
}

fn refused() -> CallError {
    CallError {
        kind: CallErrorKind::Unknown,
        code: "Exception".into(),
        message: "connection refused".into(),
    }
}

/// A server that never answers.
#[derive(Debug)]
struct Silent;

impl Transport for Silent {
    fn put_records(&self, _: Vec<PutEntry>) -> TransportFuture<Vec<PutAnswer>> {
        Box::pin(std::future::pending())
    }

    fn list_shards(&self) -> TransportFuture<Vec<OpenShard>> {
        Box::pin(std::future::pending())
    }
}

fn producer(transport: impl Transport, settings: Settings) -> Producer {
    Producer::builder("stream")
        .transport(Arc::new(transport))
        .settings(settings)
        .seed(1)
        .build()
        .unwrap()
}

fn record() -> UserRecord {
    UserRecord::new("key", vec![b'x'; 1000])
}

/// Room for ten records of 1,000 bytes.
fn small() -> Settings {
    Settings::default()
        .max_user_record_size_bytes(2000)
        .buffered_bytes_max(10 * (1003 + RECORD_OVERHEAD_BYTES))
}

#[tokio::test(start_paused = true)]
async fn with_no_server_at_all_put_waits_and_try_put_refuses() {
    let producer = producer(Absent, small());
    let mut deliveries = Vec::new();
    for _ in 0..10 {
        deliveries.push(producer.put(record()).await.unwrap());
    }
    let full = producer.try_put(record()).unwrap_err();
    assert_eq!(full.reason, NotAccepted::Full);
    assert_eq!(*full.record, record());
    let began = Instant::now();
    let eleventh = producer.put(record()).await.unwrap();
    let waited = began.elapsed();
    assert!(
        waited >= Duration::from_secs(29),
        "until the first ones expired: {waited:?}"
    );
    assert!(producer.buffered_bytes() <= 10 * 1259);
    for delivery in deliveries {
        let error = delivery.await.unwrap_err();
        assert_eq!(error.kind(), PutErrorKind::Expired);
        assert!(error.may_be_stored());
        assert!(error.to_string().contains("connection refused"), "{error}");
    }
    drop(eleventh);
}

#[tokio::test(start_paused = true)]
async fn a_put_that_is_dropped_while_it_waits_puts_nothing() {
    let producer = producer(Absent, small());
    for _ in 0..10 {
        drop(producer.put(record()).await.unwrap());
    }
    let waits = timeout(Duration::from_secs(1), producer.put(record())).await;
    assert!(waits.is_err());
    assert_eq!(producer.user_records_pending(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_delivery_and_a_producer_that_are_dropped_lose_nothing() {
    let stream = MemoryStream::new(2);
    let producer = producer(stream.clone(), Settings::default());
    drop(producer.put(record()).await.unwrap());
    drop(producer);
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(stream.user_records(), [record()]);
}

#[tokio::test(start_paused = true)]
async fn waiting_puts_come_in_the_order_of_their_waiting() {
    let stream = MemoryStream::new(1);
    let producer = producer(stream.clone(), small().aggregation_enabled(false));
    let puts: Vec<_> = (0..200)
        .map(|number| {
            let producer = producer.clone();
            tokio::spawn(async move {
                let record = UserRecord::new("key", format!("{number:>1000}"));
                producer.put(record).await.unwrap().await.unwrap();
            })
        })
        .collect();
    for put in puts {
        put.await.unwrap();
    }
    let stored = stream.user_records();
    let numbers: Vec<u32> = stored
        .iter()
        .map(|user| {
            std::str::from_utf8(&user.data)
                .unwrap()
                .trim()
                .parse()
                .unwrap()
        })
        .collect();
    assert_eq!(numbers, (0..200).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn bad_records_are_refused_before_they_are_sent() {
    let producer = producer(MemoryStream::new(1), small());
    for (key, characters) in [(String::new(), 0), ("k".repeat(257), 257)] {
        let refused = producer.put(UserRecord::new(key, "")).await.unwrap_err();
        assert_eq!(refused, NotAccepted::PartitionKey(characters));
    }
    let wide = UserRecord::new("🐎".repeat(256), "x");
    producer.put(wide).await.unwrap().await.unwrap();
    let large = UserRecord::new("k", vec![0; 2000]);
    let refused = producer.try_put(large).unwrap_err();
    assert_eq!(
        refused.reason,
        NotAccepted::TooLarge {
            bytes: 2001,
            bytes_max: 2000
        }
    );
}

#[tokio::test(start_paused = true)]
async fn a_flush_does_not_wait_for_the_time_to_come() {
    let stream = MemoryStream::new(1);
    let settings = Settings::default().record_max_buffered_time(Duration::from_secs(20));
    let producer = producer(stream.clone(), settings);
    producer.flush().await;
    let delivery = producer.put(record()).await.unwrap();
    let began = Instant::now();
    producer.flush().await;
    assert!(began.elapsed() < Duration::from_millis(10));
    assert_eq!(stream.records().len(), 1);
    delivery.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn close_ends_at_its_deadline_and_no_record_is_without_an_outcome() {
    let producer = producer(Silent, small());
    let sent = producer.put(record()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let other = producer.clone();
    let began = Instant::now();
    let closed = producer.close(Duration::from_secs(3)).await.unwrap_err();
    assert_eq!(closed.records, 1);
    assert!(began.elapsed() <= Duration::from_millis(3001));
    let error = sent.await.unwrap_err();
    assert_eq!(error.kind(), PutErrorKind::Closed);
    assert!(error.may_be_stored());
    let refused = other.put(record()).await.unwrap_err();
    assert_eq!(refused, NotAccepted::Closed);
    other.flush().await;
    other.close(Duration::ZERO).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_answered_is_made_again() {
    #[derive(Debug)]
    struct SilentAtFirst(MemoryStream, AtomicU32);
    impl Transport for SilentAtFirst {
        fn put_records(&self, entries: Vec<PutEntry>) -> TransportFuture<Vec<PutAnswer>> {
            match self.1.fetch_add(1, Ordering::Relaxed) + 1 {
                1 => Box::pin(std::future::pending()),
                2 => panic!("as the test wants it"),
                3 => Box::pin(async { panic!("as the test wants it") }),
                _ => self.0.put_records(entries),
            }
        }
        fn list_shards(&self) -> TransportFuture<Vec<OpenShard>> {
            self.0.list_shards()
        }
    }
    let transport = SilentAtFirst(MemoryStream::new(1), AtomicU32::new(0));
    let producer = producer(transport, Settings::default());
    let outcome = producer.put(record()).await.unwrap().await.unwrap();
    let attempts = outcome.attempts();
    let codes: Vec<&str> = attempts
        .iter()
        .filter_map(|attempt| Some(&*attempt.error.as_ref()?.code))
        .collect();
    assert_eq!(codes, ["Timeout", "Exception", "Exception"]);
}

#[test]
fn a_runtime_that_ends_tells_who_waits() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let (producer, delivery) = runtime.block_on(async {
        let producer = producer(Silent, Settings::default());
        let delivery = producer.put(record()).await.unwrap();
        (producer, delivery)
    });
    drop(runtime);
    let other = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let error = other.block_on(delivery).unwrap_err();
    let refused = other.block_on(producer.put(record())).unwrap_err();
    assert_eq!(refused, NotAccepted::Closed);
    other
        .block_on(producer.close(Duration::from_secs(1)))
        .unwrap();
    assert_eq!(error.kind(), PutErrorKind::Abandoned);
    assert!(error.may_be_stored());
}

#[tokio::test(start_paused = true)]
async fn a_recorder_hears_under_the_kpls_names() {
    #[derive(Debug, Default)]
    struct Names(Mutex<Vec<Metric>>);
    impl MetricsRecorder for Names {
        fn record(&self, measure: &Measure) {
            assert!(measure.sample_count > 0);
            assert!(measure.minimum <= measure.maximum);
            self.0.lock().unwrap().push(measure.metric);
        }
    }
    let names = Arc::new(Names::default());
    let producer = Producer::builder("stream")
        .transport(Arc::new(MemoryStream::new(1)))
        .metrics(names.clone())
        .build()
        .unwrap();
    producer.put(record()).await.unwrap().await.unwrap();
    producer.close(Duration::from_secs(1)).await.unwrap();
    let heard = names.0.lock().unwrap();
    for metric in [
        Metric::UserRecordsReceived,
        Metric::UserRecordsPut,
        Metric::RequestTime,
    ] {
        assert!(heard.contains(&metric), "{}", metric.name());
    }
}
