//! Leases that move from one living worker to another.

use tokio_util::task::AbortOnDropHandle;

use super::*;

/// Records by the worker that processed them, in the order of their processing.
type Processed = Arc<Mutex<Vec<(String, u64, Instant)>>>;

/// A worker whose handler takes its time and notes what it has done.
fn slow_worker(id: &str, stream: &MemoryStream, table: &MemoryLeaseTable, done: &Processed) -> Run {
    let (id, done) = (id.to_owned(), Arc::clone(done));
    Consumer::builder("tested", "stream")
        .source(stream.clone())
        .lease_table(table.clone())
        .settings(
            Settings::new()
                .failover_time(FAILOVER)
                .shutdown_grace(GRACE)
                .poll_interval(Duration::from_millis(200))
                .worker_id(&id),
        )
        .seed(7)
        .build()
        .unwrap()
        .for_each(move |record| {
            let (id, done) = (id.clone(), Arc::clone(&done));
            async move {
                sleep(Duration::from_millis(150)).await;
                let number = record.sequence_number().parse().unwrap();
                done.lock().unwrap().push((id, number, Instant::now()));
                Ok(())
            }
        })
}

#[tokio::test(start_paused = true)]
async fn a_lease_moves_without_a_record_processed_twice_and_without_a_pause() {
    let (stream, table) = (MemoryStream::new(4), MemoryLeaseTable::default());
    let (done, stop) = (Processed::default(), CancellationToken::new());
    let first = spawn(slow_worker("a", &stream, &table, &done), &stop);
    let mut second = None;
    let mut put = Vec::new();
    for second_of_run in 0..60 {
        for key in 0..12 {
            put.push(stream.put(&format!("key-{key}"), "").1);
        }
        sleep(Duration::from_secs(1)).await;
        if second_of_run == 20 {
            second = Some(spawn(slow_worker("b", &stream, &table, &done), &stop));
        }
    }
    sleep(FAILOVER).await;
    stop.cancel();
    first.await.unwrap().unwrap();
    second.unwrap().await.unwrap().unwrap();
    let done = done.lock().unwrap();
    let mut numbers: Vec<u64> = done.iter().map(|(_, number, _)| *number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, put, "each record once");
    let by_second = done.iter().filter(|(id, ..)| id == "b").count();
    assert!(by_second > put.len() / 5, "{by_second} of {}", put.len());
    let mut moments: Vec<Instant> = done.iter().map(|(.., at)| *at).collect();
    moments.sort_unstable();
    let longest = moments.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(longest < Some(FAILOVER / 2), "{longest:?} without a record");
}

/// A worker that holds both shards and does not hear that one is asked for: of the KCL 2.x, or one that hangs.
async fn deaf_worker(stream: &MemoryStream, table: &MemoryLeaseTable) -> AbortOnDropHandle<()> {
    for shard_id in stream.open_shard_ids() {
        let row = Lease::unowned(shard_id, Checkpoint::TrimHorizon);
        table.create(row.clone()).await.unwrap();
        table.take(&row, "deaf").await.unwrap();
    }
    let table = table.clone();
    let renewing = async move {
        loop {
            sleep(FAILOVER / 3).await;
            for row in table.rows() {
                if row.holder() == Some("deaf") {
                    table.renew(&row).await.unwrap();
                }
            }
        }
    };
    AbortOnDropHandle::new(tokio::spawn(renewing))
}

/// The first row that fits, once there is one.
async fn row_that(table: &MemoryLeaseTable, fits: impl Fn(&Lease) -> bool) -> Lease {
    loop {
        if let Some(row) = table.rows().into_iter().find(&fits) {
            return row;
        }
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_not_passed_on_is_taken_in_the_end() {
    let (stream, table) = (MemoryStream::new(2), MemoryLeaseTable::default());
    let deaf = deaf_worker(&stream, &table).await;
    let stop = CancellationToken::new();
    let idle = Idle::default();
    let run = spawn(consumer("w", &stream, table.clone(), &idle), &stop);
    sleep(GRACE + FAILOVER * 2).await;
    let owners: Vec<_> = table
        .rows()
        .into_iter()
        .map(|row| (row.lease_owner, row.checkpoint_owner))
        .collect();
    let (ours, theirs) = (
        (Some("w".to_owned()), None),
        (Some("deaf".to_owned()), None),
    );
    assert!(
        owners.contains(&ours) && owners.contains(&theirs),
        "{owners:?}"
    );
    stop.cancel();
    run.await.unwrap().unwrap();
    drop(deaf);
}

/// The old owner, which does not hear, may still be at it: a worker that took a released lease would begin beside it.
#[tokio::test(start_paused = true)]
async fn a_lease_that_was_taken_from_a_living_worker_is_not_released_before_that_one_must_know() {
    for (stops_after, owner) in [(FAILOVER / 2, Some("w")), (FAILOVER * 3 / 2, None)] {
        let (stream, table) = (MemoryStream::new(2), MemoryLeaseTable::default());
        let deaf = deaf_worker(&stream, &table).await;
        let stop = CancellationToken::new();
        let idle = Idle::default();
        let run = spawn(consumer("w", &stream, table.clone(), &idle), &stop);
        let is_taken = |row: &Lease| row.is_owned_by("w") && row.checkpoint_owner.is_none();
        let taken = row_that(&table, is_taken).await;
        sleep(stops_after).await;
        stop.cancel();
        run.await.unwrap().unwrap();
        let row = table.get(&taken.lease_key).await.unwrap().unwrap();
        assert_eq!(row.lease_owner.as_deref(), owner, "after {stops_after:?}");
        drop(deaf);
    }
}

/// The one that it is passed on to does not hold it yet, and nobody else can pass it on.
#[tokio::test(start_paused = true)]
async fn a_lease_that_is_asked_for_on_its_way_is_passed_on() {
    let (stream, table) = (MemoryStream::new(2), MemoryLeaseTable::default());
    let deaf = deaf_worker(&stream, &table).await;
    let stop = CancellationToken::new();
    let idle = Idle::default();
    let run = spawn(consumer("w", &stream, table.clone(), &idle), &stop);
    let asked = row_that(&table, |row| row.checkpoint_owner.is_some()).await;
    // It is passed on, and a third worker asks for it before this one has looked.
    let passed_on = table.release(&asked).await.unwrap();
    let Conditional::Done(passed_on) = passed_on else {
        panic!("{passed_on:?}")
    };
    table.hand_over(&passed_on, "third").await.unwrap();
    sleep(FAILOVER / 2).await;
    let row = table.get(&asked.lease_key).await.unwrap().unwrap();
    assert!(
        row.is_owned_by("third") && row.checkpoint_owner.is_none(),
        "{row:?}"
    );
    stop.cancel();
    run.await.unwrap().unwrap();
    drop(deaf);
}
