//! How shards are read: by subscription, and within one bound for all that is read ahead.

use super::*;
use crate::source::sealed::Sealed;
use crate::{NextRead, OpenShard, ReadFuture, Shard, ShardReads, Source, StartingPosition};

#[tokio::test(start_paused = true)]
async fn what_is_subscribed_to_comes_at_once_and_goes_on_over_many_subscriptions() {
    let (stream, table) = (MemoryStream::new(2), MemoryLeaseTable::default());
    let done: Arc<Mutex<Vec<(u64, Instant)>>> = Arc::default();
    let processed = Arc::clone(&done);
    let stop = CancellationToken::new();
    let run = Consumer::builder("tested", "stream")
        .source(stream.fan_out())
        .lease_table(table.clone())
        .settings(Settings::new().poll_interval(FAILOVER * 100))
        .seed(7)
        .build()
        .unwrap()
        .for_each(move |record| {
            let number = record.sequence_number().parse().unwrap();
            processed.lock().unwrap().push((number, Instant::now()));
            async { Ok(()) }
        });
    let run = spawn(run, &stop);
    sleep(FAILOVER).await;
    let mut put = Vec::new();
    // After five minutes a subscription ends: here are a dozen of them.
    for _ in 0..400 {
        put.push((
            stream.put(&format!("key-{}", put.len()), "").1,
            Instant::now(),
        ));
        sleep(Duration::from_secs(9)).await;
    }
    stop.cancel();
    run.await.unwrap().unwrap();
    let done = done.lock().unwrap();
    let numbers = |records: &[(u64, Instant)]| -> Vec<u64> {
        records.iter().map(|(number, _)| *number).collect()
    };
    assert_eq!(numbers(&done), numbers(&put));
    let late = done
        .iter()
        .zip(&put)
        .map(|((_, done), (_, put))| *done - *put);
    assert!(late.max() < Some(Duration::from_millis(50)));
}

/// The old owner's subscription has the shard for some seconds more.
#[tokio::test(start_paused = true)]
async fn a_subscription_that_another_one_holds_is_waited_for() {
    let (stream, table) = (MemoryStream::new(1), MemoryLeaseTable::default());
    let source = stream.fan_out();
    let shard_id = stream.open_shard_ids().pop_first().unwrap();
    let other = source
        .open(&shard_id, StartingPosition::TrimHorizon)
        .await
        .unwrap();
    let (_, number) = stream.put("key", "");
    let done: Arc<Mutex<Vec<u64>>> = Arc::default();
    let processed = Arc::clone(&done);
    let run = Consumer::builder("tested", "stream")
        .source(source)
        .lease_table(table)
        .build()
        .unwrap()
        .for_each(move |record| {
            let number = record.sequence_number().parse().unwrap();
            processed.lock().unwrap().push(number);
            async { Ok(()) }
        });
    run.until(sleep(FAILOVER * 3)).await.unwrap();
    assert_eq!(*done.lock().unwrap(), [number]);
    drop(other);
}

/// Reading ahead has one bound for all shards; a shard whose handler waits is read whatever the others hold.
#[tokio::test(start_paused = true)]
async fn what_is_read_ahead_is_bounded_over_all_shards() {
    for (prefetch_bytes_max, ahead_max) in [(0, 0), (25 << 20, 2)] {
        let (stream, table) = (MemoryStream::new(8), MemoryLeaseTable::default());
        let large = bytes::Bytes::from(vec![0; 9 << 20]);
        for key in 0..400 {
            stream.put(&format!("key-{key}"), large.clone());
        }
        let source = Counted {
            stream,
            reads: Arc::default(),
        };
        let reads = Arc::clone(&source.reads);
        let handled = Arc::new(AtomicU32::new(0));
        let calls = Arc::clone(&handled);
        let settings = Settings::new()
            .records_max(1)
            .prefetch_bytes_max(prefetch_bytes_max);
        let run = Consumer::builder("tested", "stream")
            .source(source)
            .lease_table(table)
            .settings(settings)
            .build()
            .unwrap()
            .for_each(move |_| {
                calls.fetch_add(1, Ordering::Relaxed);
                std::future::pending()
            });
        let run = tokio::spawn(run.into_future());
        sleep(FAILOVER).await;
        assert_eq!(handled.load(Ordering::Relaxed), 8, "every shard goes on");
        assert_eq!(reads.load(Ordering::Relaxed) - 8, ahead_max);
        run.abort();
    }
}

/// Counts the reads that brought something.
#[derive(Debug, Clone)]
struct Counted {
    stream: MemoryStream,
    reads: Arc<AtomicU32>,
}

impl Sealed for Counted {}

impl Source for Counted {
    fn list_shards(&self) -> ReadFuture<Vec<Shard>> {
        self.stream.list_shards()
    }

    fn open(&self, shard_id: &str, position: StartingPosition) -> ReadFuture<OpenShard> {
        let (opening, reads) = (
            self.stream.open(shard_id, position),
            Arc::clone(&self.reads),
        );
        async move {
            let opened = opening.await?;
            let counted = CountedReads {
                of: opened.reads,
                reads,
            };
            Ok(OpenShard {
                reads: Box::new(counted),
                ..opened
            })
        }
        .boxed()
    }
}

#[derive(Debug)]
struct CountedReads {
    of: Box<dyn ShardReads>,
    reads: Arc<AtomicU32>,
}

impl Sealed for CountedReads {}

impl ShardReads for CountedReads {
    fn next(&mut self, records_max: u32) -> NextRead<'_> {
        async move {
            let read = self.of.next(records_max).await?;
            if !read.records.is_empty() {
                self.reads.fetch_add(1, Ordering::Relaxed);
            }
            Ok(read)
        }
        .boxed()
    }

    fn is_pushed(&self) -> bool {
        false
    }
}
