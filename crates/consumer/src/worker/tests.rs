use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use futures::FutureExt;

use super::*;
use crate::testing::{MemoryLeaseTable, MemoryStream};
use crate::{
    Checkpoint, Checkpointer, Conditional, Consumer, Failure, LeaseTable, LeaseTableError,
    RecordBatch, RecordProcessor, Run, Settings, ShardStart, TableFuture,
};

mod created_again;
mod handing_over;
mod measuring;
mod reading;
mod several_streams;
mod starting_over;

const FAILOVER: Duration = Duration::from_secs(10);
const GRACE: Duration = Duration::from_secs(5);

/// Counts the calls of `stop_requested`.
#[derive(Debug, Clone, Default)]
struct Idle {
    stops_heard: Arc<AtomicU32>,
}

impl RecordProcessor for Idle {
    async fn process(&mut self, _: &RecordBatch, _: &Checkpointer) -> Result<(), Failure> {
        Ok(())
    }

    async fn stop_requested(&mut self, _: &Checkpointer) -> Result<(), BoxError> {
        self.stops_heard.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}

fn consumer(
    worker_id: &str,
    stream: &MemoryStream,
    table: impl LeaseTable + 'static,
    processor: &Idle,
) -> Run {
    let processor = processor.clone();
    Consumer::builder("tested", "stream")
        .source(stream.clone())
        .lease_table(table)
        .settings(
            Settings::new()
                .failover_time(FAILOVER)
                .shutdown_grace(GRACE)
                .worker_id(worker_id),
        )
        .seed(7)
        .build()
        .unwrap()
        .process(move |_| processor.clone())
}

fn spawn(run: Run, stop: &CancellationToken) -> tokio::task::JoinHandle<Result<(), ConsumerError>> {
    tokio::spawn(run.until(stop.clone().cancelled_owned()).into_future())
}

/// A table that is awkward in one way.
#[derive(Debug, Default)]
struct Awkward {
    table: MemoryLeaseTable,
    /// Makes every take and never answers.
    takes_in_silence: bool,
    /// Makes every take half a second after it was sent, whoever waits for it.
    takes_late: bool,
    /// Another worker is always faster where a row is to be started again.
    is_contended: Arc<AtomicBool>,
    /// The row with this key cannot be made.
    refuses_to_create: Option<String>,
    /// Each time that it is read takes so long.
    read_takes: Duration,
    reads: Arc<AtomicU32>,
}

impl LeaseTable for Awkward {
    fn ensure_exists(&self) -> TableFuture<()> {
        self.table.ensure_exists()
    }
    fn list(&self) -> TableFuture<Vec<Lease>> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        let (table, read_takes) = (self.table.clone(), self.read_takes);
        async move {
            if !read_takes.is_zero() {
                sleep(read_takes).await;
            }
            table.list().await
        }
        .boxed()
    }
    fn get(&self, lease_key: &str) -> TableFuture<Option<Lease>> {
        self.table.get(lease_key)
    }
    fn create(&self, lease: Lease) -> TableFuture<bool> {
        if self.refuses_to_create.as_ref() == Some(&lease.lease_key) {
            // Late enough for whatever is sent beside it.
            let refused = sleep(Duration::from_millis(20));
            return refused.map(|()| Err(LeaseTableError::TimedOut)).boxed();
        }
        self.table.create(lease)
    }
    fn renew(&self, lease: &Lease) -> TableFuture<Conditional> {
        self.table.renew(lease)
    }
    fn hand_over(&self, lease: &Lease, worker_id: &str) -> TableFuture<Conditional> {
        self.table.hand_over(lease, worker_id)
    }
    fn take(&self, lease: &Lease, worker_id: &str) -> TableFuture<Conditional> {
        if self.takes_late {
            let (table, lease) = (self.table.clone(), lease.clone());
            let worker_id = worker_id.to_owned();
            let late = tokio::spawn(async move {
                sleep(Duration::from_millis(500)).await;
                table.take(&lease, &worker_id).await
            });
            return async move { late.await.unwrap() }.boxed();
        }
        let taken = self.table.take(lease, worker_id);
        if !self.takes_in_silence {
            return taken;
        }
        async move {
            taken.await?;
            std::future::pending().await
        }
        .boxed()
    }
    fn update(&self, lease: &Lease) -> TableFuture<Conditional> {
        self.table.update(lease)
    }
    fn release(&self, lease: &Lease) -> TableFuture<Conditional> {
        self.table.release(lease)
    }
    fn restart(&self, seen: &Lease, fresh: Lease) -> TableFuture<Conditional> {
        if self.is_contended.load(Ordering::Relaxed) {
            return std::future::ready(Ok(Conditional::Refused(Some(seen.clone())))).boxed();
        }
        self.table.restart(seen, fresh)
    }
    fn remove(&self, seen: &Lease) -> TableFuture<bool> {
        self.table.remove(seen)
    }
    fn delete_finished(&self, seen: &Lease) -> TableFuture<()> {
        self.table.delete_finished(seen)
    }
}

/// A hundred leases to take, each of which takes as long as a call may take.
#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_no_scan_and_gives_back_what_was_taken_without_an_answer() {
    let (stream, table) = (MemoryStream::new(100), MemoryLeaseTable::default());
    let silent = Awkward {
        table: table.clone(),
        takes_in_silence: true,
        ..Awkward::default()
    };
    let consumer = consumer("w", &stream, silent, &Idle::default());
    let stop = CancellationToken::new();
    let run = spawn(consumer, &stop);
    sleep(FAILOVER).await;
    let owned = |rows: &[Lease]| rows.iter().filter(|row| row.lease_owner.is_some()).count();
    assert!(owned(&table.rows()) > 1);
    let told = Instant::now();
    stop.cancel();
    run.await.unwrap().unwrap();
    assert!(told.elapsed() <= GRACE, "{:?}", told.elapsed());
    assert_eq!(owned(&table.rows()), 0);
}

/// It would leave the lease with a worker that is no more.
#[tokio::test(start_paused = true)]
async fn a_take_that_arrives_after_a_stop_is_refused() {
    let (stream, table) = (MemoryStream::new(20), MemoryLeaseTable::default());
    let late = Awkward {
        table: table.clone(),
        takes_late: true,
        ..Awkward::default()
    };
    let stop = CancellationToken::new();
    let run = spawn(consumer("w", &stream, late, &Idle::default()), &stop);
    sleep(Duration::from_millis(100)).await;
    stop.cancel();
    run.await.unwrap().unwrap();
    sleep(FAILOVER / 5).await;
    let rows = table.rows();
    assert_eq!(rows.len(), 20);
    let owned = rows.iter().filter(|row| row.lease_owner.is_some());
    assert_eq!(owned.count(), 0);
}

/// A child's row without its parent's would say that the parent has been processed.
#[tokio::test(start_paused = true)]
async fn no_child_is_leased_while_the_lease_of_its_parent_cannot_be_made() {
    let (stream, table) = (MemoryStream::new(2), MemoryLeaseTable::default());
    let parent = "shardId-000000000000".to_owned();
    assert!(stream.split(&parent));
    let refusing = Awkward {
        table: table.clone(),
        refuses_to_create: Some(parent.clone()),
        ..Awkward::default()
    };
    let children_leased = || {
        let children = ["shardId-000000000002", "shardId-000000000003"];
        let rows = table.rows();
        let is_leased = |id: &&str| rows.iter().any(|row| row.lease_key == *id);
        children.iter().filter(|id| is_leased(id)).count()
    };
    let idle = Idle::default();
    for (run, expected) in [
        (consumer("w", &stream, refusing, &idle), 0),
        (consumer("w", &stream, table.clone(), &idle), 2),
    ] {
        let stop = CancellationToken::new();
        let run = spawn(run, &stop);
        sleep(FAILOVER * 8).await;
        assert_eq!(children_leased(), expected);
        stop.cancel();
        run.await.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn of_two_live_workers_of_one_id_one_ends_and_names_it() {
    for second_after_secs in [0, 1, 4, 15] {
        let (stream, table) = (MemoryStream::new(4), MemoryLeaseTable::default());
        let ended = Arc::new(Mutex::new(Vec::new()));
        let stop = CancellationToken::new();
        let mut runs = Vec::new();
        for secs in [0, second_after_secs] {
            sleep(Duration::from_secs(secs)).await;
            let consumer = consumer("twin", &stream, table.clone(), &Idle::default());
            let (ended, stop) = (Arc::clone(&ended), stop.clone());
            runs.push(tokio::spawn(async move {
                let end = consumer.until(stop.cancelled_owned()).await;
                ended.lock().unwrap().push(end);
            }));
        }
        sleep(FAILOVER * 6).await;
        {
            let ended = ended.lock().unwrap();
            let [Err(ConsumerError::WorkerIdInUse(id))] = &ended[..] else {
                panic!("after {second_after_secs} s: {ended:?}")
            };
            assert_eq!(id, "twin");
        }
        let rows = table.rows();
        assert!(rows.len() == 4 && rows.iter().all(|row| row.is_owned_by("twin")));
        stop.cancel();
        for run in runs {
            run.await.unwrap();
        }
        assert_eq!(ended.lock().unwrap().len(), 2);
        assert!(table.rows().iter().all(|row| row.lease_owner.is_none()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_worker_started_again_under_its_id_goes_on_when_its_old_leases_expire() {
    let (stream, table) = (MemoryStream::new(3), MemoryLeaseTable::default());
    let stop = CancellationToken::new();
    let start = || {
        let consumer = consumer("w", &stream, table.clone(), &Idle::default());
        spawn(consumer, &stop)
    };
    let first = start();
    sleep(FAILOVER).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let counters = || -> Vec<u64> { table.rows().iter().map(|row| row.lease_counter).collect() };
    let before = counters();
    let second = start();
    sleep(FAILOVER * 3 / 4).await;
    assert_eq!(counters(), before);
    sleep(FAILOVER).await;
    assert!(counters().iter().zip(&before).all(|(now, then)| now > then));
    stop.cancel();
    second.await.unwrap().unwrap();
}

/// Not at the next look that happens to come.
#[tokio::test(start_paused = true)]
async fn an_expired_lease_is_taken_the_moment_it_expires() {
    let (stream, table) = (MemoryStream::new(1), MemoryLeaseTable::default());
    let row = Lease::unowned("shardId-000000000000", Checkpoint::TrimHorizon);
    table.create(row.clone()).await.unwrap();
    table.take(&row, "dead").await.unwrap();
    let settings = Settings::new()
        .failover_time(FAILOVER)
        .scan_interval(FAILOVER * 3 / 10)
        .worker_id("w");
    let run = Consumer::builder("tested", "stream")
        .source(stream)
        .lease_table(table.clone())
        .settings(settings)
        .build()
        .unwrap()
        .process(|_| Idle::default());
    let stop = CancellationToken::new();
    let run = spawn(run, &stop);
    sleep(FAILOVER - Duration::from_millis(10)).await;
    assert!(table.rows()[0].is_owned_by("dead"));
    sleep(Duration::from_millis(20)).await;
    assert!(table.rows()[0].is_owned_by("w"));
    stop.cancel();
    run.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn every_processor_hears_of_a_stop() {
    let (stream, table) = (MemoryStream::new(3), MemoryLeaseTable::default());
    let processor = Idle::default();
    let consumer = consumer("w", &stream, table.clone(), &processor);
    let stop = CancellationToken::new();
    let run = spawn(consumer, &stop);
    sleep(FAILOVER).await;
    stop.cancel();
    run.await.unwrap().unwrap();
    assert_eq!(processor.stops_heard.load(Ordering::Relaxed), 3);
    let rows = table.rows();
    assert!(
        rows.iter()
            .all(|row| row.checkpoint == Checkpoint::TrimHorizon)
    );
}

/// What the end of a shard waits for may never come, such as a child of a stream that was deleted: then its lease is passed on.
#[tokio::test(start_paused = true)]
async fn a_shard_whose_end_cannot_be_stored_does_not_hold_up_a_stop() {
    let (stream, table) = (MemoryStream::new(1), MemoryLeaseTable::default());
    let stop = CancellationToken::new();
    let run = consumer("w", &stream, table.clone(), &Idle::default());
    let run = spawn(run, &stop);
    sleep(FAILOVER / 2).await;
    stream.hide_new_shards(true);
    assert!(stream.split("shardId-000000000000"));
    sleep(FAILOVER).await;
    let told = Instant::now();
    stop.cancel();
    run.await.unwrap().unwrap();
    assert!(told.elapsed() < GRACE / 2, "{:?}", told.elapsed());
    let row = &table.rows()[0];
    assert!(row.lease_owner.is_none() && !row.is_finished(), "{row:?}");
}
