//! Appends of 1 KiB by 64 concurrent callers, and reads from the page cache.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use millstream_log::{
    Append, EntryKind, GroupId, LogEngine, LogId, LogSpec, Place, ReadFrom, ReadOutcome,
};
use millstream_log_local::{LocalEngine, LocalSettings};
use millstream_types::SystemClock;
use tokio::runtime::Runtime;

const CALLERS: usize = 64;

async fn create_logs(engine: &LocalEngine, logs: u64) -> Vec<Place> {
    let creates: Vec<_> = (0..logs)
        .map(|log| engine.create(GroupId(1), LogId(log), LogSpec::default()))
        .collect();
    let mut places = Vec::new();
    for create in creates {
        places.push(create.await.expect("the log is created"));
    }
    places
}

/// So many appends by all callers together.
async fn append(engine: &Arc<LocalEngine>, places: &Arc<Vec<Place>>, appends: u64) -> Duration {
    let started = Instant::now();
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (engine, places) = (Arc::clone(engine), Arc::clone(places));
            tokio::spawn(async move {
                let payload = Bytes::from(vec![7; 1024]);
                for number in (caller..appends as usize).step_by(CALLERS) {
                    let append = Append {
                        place: places[(number * 7919) % places.len()],
                        kind: EntryKind::Data,
                        payload: payload.clone(),
                        id: None,
                    };
                    let answers = engine.append_many(vec![append]).await;
                    assert!(answers[0].is_ok());
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.expect("a caller ends");
    }
    started.elapsed()
}

fn appends(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let mut group = criterion.benchmark_group("append_1_kib_64_callers");
    group.throughput(Throughput::Elements(1)).sample_size(10);
    for logs in [1, 10_000] {
        let folder = tempfile::tempdir().expect("a folder");
        let settings = LocalSettings::new(folder.path());
        let engine = LocalEngine::open(settings, Arc::new(SystemClock)).expect("the engine opens");
        let engine = Arc::new(engine);
        let places = Arc::new(runtime.block_on(create_logs(&engine, logs)));
        group.bench_function(format!("{logs}_logs"), |bencher| {
            bencher.iter_custom(|appends| runtime.block_on(append(&engine, &places, appends)));
        });
        let stats = engine.stats();
        println!(
            "{:?}, {:.1} entries per fsync, {:.3} bytes written per byte, {stats:?}",
            engine.scheduling(),
            stats.entries as f64 / stats.fsyncs as f64,
            stats.written_bytes as f64 / stats.payload_bytes as f64,
        );
        runtime.block_on(engine.stop()).expect("the engine stops");
    }
    group.finish();
}

fn cold_reads(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let settings = LocalSettings {
        tail_cache_bytes: 0,
        ..LocalSettings::new(folder.path())
    };
    let engine = LocalEngine::open(settings, Arc::new(SystemClock)).expect("the engine opens");
    let engine = Arc::new(engine);
    let places = Arc::new(runtime.block_on(create_logs(&engine, 1)));
    runtime.block_on(append(&engine, &places, 100_000));
    let mut group = criterion.benchmark_group("read_from_the_page_cache");
    group.throughput(Throughput::Bytes(512 << 10));
    let mut from = 0;
    group.bench_function("512_kib", |bencher| {
        bencher.iter(|| {
            let read = ReadFrom {
                place: places[0],
                from,
                bytes_max: 512 << 10,
            };
            let outcomes = runtime.block_on(engine.read_many(vec![read], Duration::ZERO));
            let ReadOutcome::Entries { entries, bounds } = &outcomes[0] else {
                panic!("{outcomes:?}");
            };
            from = entries.last().map_or(0, |last| last.offset + 1) % bounds.next;
            black_box(outcomes)
        });
    });
    group.finish();
    runtime.block_on(engine.stop()).expect("the engine stops");
}

criterion_group!(benches, appends, cold_reads);
criterion_main!(benches);
