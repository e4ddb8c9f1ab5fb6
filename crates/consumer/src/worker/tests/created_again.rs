//! Streams that are deleted and created again under their names.

use tokio::sync::Barrier;

use super::*;
use crate::Source;

/// Whoever leases the children beside a row of the former stream says that their parent has been processed: the row of the
/// former stream is finished, and goes; then nothing tells that the parent of the new stream was never read.
#[tokio::test(start_paused = true)]
async fn children_get_no_lease_before_the_row_of_their_parent_is_started_again() {
    let (stream, table) = (MemoryStream::new(1), MemoryLeaseTable::default());
    let parent = stream.list_shards().await.unwrap().remove(0);
    let finished = Lease::of_shard(&parent, Checkpoint::ShardEnd);
    assert!(table.create(finished.clone()).await.unwrap());
    stream.recreate(1);
    stream.put("key", "");
    assert!(stream.split(&parent.shard_id));

    let is_contended = Arc::new(AtomicBool::new(true));
    let awkward = Awkward {
        table: table.clone(),
        is_contended: Arc::clone(&is_contended),
        ..Awkward::default()
    };
    let stop = CancellationToken::new();
    let run = spawn(consumer("w", &stream, awkward, &Idle::default()), &stop);
    sleep(FAILOVER).await;
    let rows = table.rows();
    assert!(
        rows.len() == 1 && rows[0].is_of_same_shard(&finished),
        "{rows:?}"
    );

    is_contended.store(false, Ordering::Relaxed);
    sleep(FAILOVER).await;
    let rows = table.rows();
    assert_eq!(rows.len(), 3, "{rows:?}");
    assert!(!rows[0].is_of_same_shard(&finished) && rows[0].is_finished());
    stop.cancel();
    run.await.unwrap().unwrap();
}

/// Counts the records.
#[derive(Debug, Clone, Default)]
struct Counting {
    records: Arc<AtomicU32>,
}

impl RecordProcessor for Counting {
    async fn process(&mut self, batch: &RecordBatch, _: &Checkpointer) -> Result<(), Failure> {
        let records = u32::try_from(batch.records().len())?;
        self.records.fetch_add(records, Ordering::Relaxed);
        Ok(())
    }
}

/// The new shard of that id may follow another one, which nobody has read: what its lease says of its parents is not known
/// before the row is started again.
#[tokio::test(start_paused = true)]
async fn the_row_of_a_former_stream_gets_no_record_of_the_new_one() {
    for checkpoint in [
        Checkpoint::TrimHorizon,
        Checkpoint::Latest,
        Checkpoint::At("1".parse().unwrap()),
    ] {
        let (stream, table) = (MemoryStream::new(1), MemoryLeaseTable::default());
        let shard = stream.list_shards().await.unwrap().remove(0);
        let former = Lease::of_shard(&shard, checkpoint);
        assert!(table.create(former).await.unwrap());
        stream.recreate(1);
        stream.put("key", "");

        let is_contended = Arc::new(AtomicBool::new(true));
        let awkward = Awkward {
            table: table.clone(),
            is_contended: Arc::clone(&is_contended),
            ..Awkward::default()
        };
        let counting = Counting::default();
        let records = Arc::clone(&counting.records);
        let run = Consumer::builder("tested", "stream")
            .source(stream.clone())
            .lease_table(awkward)
            .settings(Settings::new().failover_time(FAILOVER).worker_id("w"))
            .build()
            .unwrap()
            .process(move |_| counting.clone());
        let stop = CancellationToken::new();
        let run = spawn(run, &stop);
        sleep(FAILOVER).await;
        // The new stream grows while the shard is open.
        stream.put("key", "");
        sleep(FAILOVER).await;
        assert!(table.rows()[0].is_owned_by("w"));
        assert_eq!(records.load(Ordering::Relaxed), 0);

        is_contended.store(false, Ordering::Relaxed);
        sleep(FAILOVER * 3).await;
        assert_eq!(records.load(Ordering::Relaxed), 2);
        stop.cancel();
        run.await.unwrap().unwrap();
    }
}

/// At the end of both shards, all that is closed goes past retention.
struct TrimsAtTheEnd {
    stream: MemoryStream,
    both_ended: Arc<Barrier>,
}

impl RecordProcessor for TrimsAtTheEnd {
    async fn process(&mut self, _: &RecordBatch, _: &Checkpointer) -> Result<(), Failure> {
        Ok(())
    }

    async fn shard_ended(&mut self, _: &Checkpointer) -> Result<(), BoxError> {
        self.both_ended.wait().await;
        self.stream.trim(self.stream.last_number() + 1);
        Ok(())
    }
}

/// A shard that is past retention when its parents end gets a lease, and no listing tells where it starts. A lease without a
/// number would outlive the stream, and wait for the end of new shards that have the ids of its parents. One with a number that
/// the other parent does not expect would keep that parent from ending.
#[tokio::test(start_paused = true)]
async fn the_lease_of_a_shard_past_retention_says_of_which_stream_it_is() {
    let (stream, table) = (MemoryStream::new(2), MemoryLeaseTable::default());
    let both_ended = Arc::new(Barrier::new(2));
    let settings = Settings::new()
        .failover_time(FAILOVER)
        .shard_sync_interval(FAILOVER)
        .worker_id("w");
    let run = Consumer::builder("tested", "stream")
        .source(stream.clone())
        .lease_table(table.clone())
        .settings(settings)
        .build()
        .unwrap();
    let processed = stream.clone();
    let run = run.process(move |_| TrimsAtTheEnd {
        stream: processed.clone(),
        both_ended: Arc::clone(&both_ended),
    });
    let stop = CancellationToken::new();
    let run = spawn(run, &stop);
    sleep(FAILOVER / 2).await;
    let [first, second, merged] = [0, 1, 2].map(|id| format!("shardId-{id:012}"));
    assert!(stream.merge(&first) && stream.split(&merged));
    sleep(FAILOVER / 2).await;
    let has_ended = |rows: &[Lease], shard_id: &str| {
        let row = rows.iter().find(|row| row.lease_key == shard_id);
        row.is_none_or(Lease::is_finished)
    };
    let rows = table.rows();
    assert!(
        has_ended(&rows, &first) && has_ended(&rows, &second),
        "{rows:?}"
    );
    assert!(!has_ended(&rows, &merged), "{rows:?}");

    stream.recreate(1);
    sleep(FAILOVER * 3).await;
    let keys: Vec<String> = table.rows().into_iter().map(|row| row.lease_key).collect();
    assert_eq!(keys, [first]);
    stop.cancel();
    run.await.unwrap().unwrap();
}
