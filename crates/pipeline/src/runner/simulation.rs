//! Workers on doubles and a paused clock: what goes out is what was written, and in time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use millstream_connectors::sinks::memory::Memory;
use millstream_connectors::{Guarantee, Opener, SinkStatus};
use millstream_consumer::testing::{MemoryLeaseTable, MemoryStream};
use millstream_consumer::{Consumer, ConsumerBuilder, Source};
use millstream_types::{TimestampMs, WallClock};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::services::{Made, Services};
use super::{
    MemoryStates, PieceFuture, PieceStream, ReadySink, Reports, RunError, Shared, StateStore,
    Worker, WorkerSettings,
};
use crate::clients::Clients;
use crate::evaluator::Evaluator;
use crate::file::{DeclaredSink, Flush, Pipeline, SinkSpec};
use crate::window::Piece;

const DECLARED: &str = r#"
name = "simulated"
[source]
stream = "source"
[window]
every = "2s"
by = ".k"
values = { records = "count", sum = "sum .n" }
[[sink]]
stdout = {}
"#;

const DIRECT: &str = r#"
name = "simulated"
[source]
stream = "source"
[[sink]]
stdout = {}
"#;

/// Milliseconds since the test began.
#[derive(Debug)]
struct Elapsed(Instant);

impl WallClock for Elapsed {
    fn now(&self) -> TimestampMs {
        TimestampMs(u64::try_from(self.0.elapsed().as_millis()).unwrap())
    }
}

/// The stream between the stages, in memory.
#[derive(Debug, Clone)]
struct Pieces(MemoryStream);

impl PieceStream for Pieces {
    fn put(&self, piece: &Piece) -> PieceFuture {
        self.0.put(&piece.shard, Bytes::from(piece.to_bytes()));
        Box::pin(std::future::ready(Ok(())))
    }
}

#[derive(Debug, Clone)]
struct Doubles {
    source: MemoryStream,
    leases: MemoryLeaseTable,
    pieces: Pieces,
    piece_leases: MemoryLeaseTable,
    states: MemoryStates,
}

impl Services for Doubles {
    fn source_consumer(&self) -> ConsumerBuilder {
        Consumer::builder("simulated", "source")
            .source(self.source.clone())
            .lease_table(self.leases.clone())
    }

    fn piece_consumer(&self) -> ConsumerBuilder {
        Consumer::builder("simulated-windows", "simulated-windows")
            .source(self.pieces.0.clone())
            .lease_table(self.piece_leases.clone())
    }

    fn source(&self) -> Arc<dyn Source> {
        Arc::new(self.source.clone())
    }

    fn pieces(&self) -> Arc<dyn PieceStream> {
        Arc::new(self.pieces.clone())
    }

    fn states(&self) -> Arc<dyn StateStore> {
        Arc::new(self.states.clone())
    }

    fn reports(&self) -> Option<Reports> {
        None
    }

    fn ensure_states(&self) -> Made<'_> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn ensure_pieces(&self) -> Made<'_> {
        Box::pin(std::future::ready(Ok(())))
    }
}

#[derive(Debug, Clone)]
struct ToMemory(Memory);

impl DeclaredSink for ToMemory {
    fn opener(&self, _: &str, _: &Clients) -> Result<Arc<dyn Opener>, String> {
        Ok(Arc::new(self.0.clone()))
    }

    fn guarantee(&self) -> Guarantee {
        self.0.guarantee()
    }

    fn flush(&self) -> Option<Flush> {
        let flush = Flush {
            bytes: 1 << 20,
            time: Duration::from_millis(100),
        };
        (self.guarantee() == Guarantee::ExactlyOnce).then_some(flush)
    }

    fn describe(&self) -> String {
        "memory".to_owned()
    }
}

struct Place {
    declared: &'static str,
    doubles: Doubles,
    sink: Memory,
    began: Instant,
    worker: Option<AbortOnDropHandle<Result<(), RunError>>>,
    stop: CancellationToken,
}

impl Place {
    /// Of windows, whose results go to a sink by cuts.
    fn new(shards: u32) -> Self {
        Self::of(DECLARED, Guarantee::ExactlyOnce, shards)
    }

    fn of(declared: &'static str, guarantee: Guarantee, shards: u32) -> Self {
        let doubles = Doubles {
            source: MemoryStream::new(shards),
            leases: MemoryLeaseTable::default(),
            pieces: Pieces(MemoryStream::new(1)),
            piece_leases: MemoryLeaseTable::default(),
            states: MemoryStates::default(),
        };
        Self {
            declared,
            doubles,
            sink: Memory::new(guarantee),
            began: Instant::now(),
            worker: None,
            stop: CancellationToken::new(),
        }
    }

    /// Starts a worker.
    fn start(&mut self) {
        let pipeline = Arc::new(Pipeline::parse(self.declared).unwrap());
        let sink = Arc::new(ToMemory(self.sink.clone()));
        let ready = ReadySink {
            spec: SinkSpec {
                name: "memory".to_owned(),
                sink: sink.clone(),
                is_optional: false,
            },
            opener: Arc::new(self.sink.clone()),
            status: SinkStatus::default(),
        };
        let clock = Arc::new(Elapsed(self.began));
        let shared = Shared::new(pipeline, Evaluator::inline(), vec![ready], None, clock);
        let settings = WorkerSettings {
            failover_time: Duration::from_secs(2),
            ..WorkerSettings::default()
        };
        let worker = Worker::on(Arc::new(self.doubles.clone()), shared, settings);
        self.stop = CancellationToken::new();
        let running = worker.run(self.stop.clone());
        self.worker = Some(AbortOnDropHandle::new(tokio::spawn(running)));
    }

    /// Stops the worker in good order.
    async fn finish(&mut self) {
        self.stop.cancel();
        let worker = self.worker.take().unwrap();
        worker.await.unwrap().unwrap();
    }

    fn put(&self, n: u64) {
        let record = json!({"n": n, "k": n % 5});
        self.doubles.source.put(&n.to_string(), record.to_string());
    }

    /// Of the last revisions: for each key, how many records and their sum.
    fn totals(&self) -> BTreeMap<u64, (u64, u64)> {
        let mut latest: BTreeMap<(String, u64), Value> = BTreeMap::new();
        for item in self.sink.items() {
            let value = &item.value;
            let key = (value["window"].to_string(), value["by"].as_u64().unwrap());
            let known = latest.entry(key).or_insert_with(|| (**value).clone());
            let (revision, known_revision) = (&value["revision"], &known["revision"]);
            assert!(
                revision != known_revision || *known == **value,
                "two of one revision: {known} {value}"
            );
            if revision.as_u64() > known_revision.as_u64() {
                *known = (**value).clone();
            }
        }
        let mut totals = BTreeMap::new();
        for ((_, by), value) in latest {
            let (records, sum): &mut (u64, u64) = totals.entry(by).or_default();
            *records += value["records"].as_u64().unwrap();
            *sum += value["sum"].as_u64().unwrap();
        }
        totals
    }
}

fn expected(to: u64) -> BTreeMap<u64, (u64, u64)> {
    let mut totals = BTreeMap::new();
    for n in 1..=to {
        let (records, sum): &mut (u64, u64) = totals.entry(n % 5).or_default();
        *records += 1;
        *sum += n;
    }
    totals
}

#[tokio::test(start_paused = true)]
async fn a_window_of_64_shards_that_are_idle_or_nearly_goes_out_within_2_s_of_its_end() {
    let mut place = Place::new(64);
    place.start();
    tokio::time::sleep(Duration::from_millis(500)).await;
    (1..=10).for_each(|n| place.put(n));
    let end = Duration::from_secs(2);
    tokio::time::sleep_until(place.began + end).await;
    assert_eq!(place.totals(), BTreeMap::new(), "before the window's end");
    tokio::time::sleep_until(place.began + end + Duration::from_secs(2)).await;
    assert_eq!(place.totals(), expected(10));
    assert!(
        place
            .sink
            .items()
            .iter()
            .all(|item| item.value["complete"] == true)
    );
    place.finish().await;
}

/// With a short failover time on a busy machine leases were lost before the first checkpoint, again and again: every worker
/// began where the one before had.
#[tokio::test(start_paused = true)]
async fn what_arrives_first_is_checkpointed_at_once() {
    let mut place = Place::of(DIRECT, Guarantee::Idempotent, 1);
    place.put(1);
    place.start();
    while place.sink.items().is_empty() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    tokio::time::sleep(Duration::from_millis(400)).await;
    let rows = place.doubles.leases.rows();
    assert!(rows[0].checkpoint.place().is_some(), "{:?}", rows[0]);
    place.finish().await;
}
