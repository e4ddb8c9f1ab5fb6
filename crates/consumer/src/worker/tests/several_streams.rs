//! One application that reads several streams.

use futures::future::ready;
use millstream_types::SequenceNumber;

use super::*;
use crate::source::READ_TIMEOUT;
use crate::source::sealed::Sealed;
use crate::{
    BuildError, ExtendedSequenceNumber, OpenShard, ReadError, ReadFuture, Shard, Source,
    StartingPosition, StreamIdentifier,
};

fn named(name: &str) -> StreamIdentifier {
    StreamIdentifier::new("123456789012", name, 1_795_881_602).unwrap()
}

/// Streams, each with its name.
type Named<'a> = [(&'a str, &'a MemoryStream)];

fn worker(worker_id: &str, streams: &Named<'_>, table: &MemoryLeaseTable) -> Consumer {
    let names: Vec<StreamIdentifier> = streams.iter().map(|(name, _)| named(name)).collect();
    let builder = Consumer::builder("tested", names)
        .lease_table(table.clone())
        .settings(Settings::new().failover_time(FAILOVER).worker_id(worker_id))
        .seed(7);
    let builder = streams.iter().fold(builder, |builder, (name, stream)| {
        builder.source_of(named(name), (*stream).clone())
    });
    builder.build().unwrap()
}

/// What was read: stream, shard and data.
#[derive(Debug, Clone, Default)]
struct Read(Arc<Mutex<Vec<(String, String, String)>>>);

impl Read {
    fn of(&self, stream: &str) -> Vec<String> {
        let read = self.0.lock().unwrap();
        let own = read.iter().filter(|(one, ..)| one == stream);
        own.map(|(.., data)| data.clone()).collect()
    }
}

impl RecordProcessor for Read {
    async fn process(&mut self, batch: &RecordBatch, _: &Checkpointer) -> Result<(), Failure> {
        let (stream, shard_id) = StreamIdentifier::of_shard(batch.shard_id()).ok_or("no stream")?;
        for record in batch.records() {
            assert_eq!(record.stream.as_deref(), Some(&stream));
            self.0.lock().unwrap().push((
                stream.stream_name().to_owned(),
                shard_id.to_owned(),
                String::from_utf8(record.data.to_vec())?,
            ));
        }
        Ok(())
    }
}

/// The shards of both bear the same ids. One is split while two workers are at it: its children are made and read after
/// their parent, and the other stream's shards of those ids are what they were.
#[tokio::test(start_paused = true)]
async fn every_record_of_every_stream_comes_once_and_says_whose_it_is() {
    let (orders, payments) = (MemoryStream::new(2), MemoryStream::new(3));
    let streams: &Named<'_> = &[("orders", &orders), ("payments", &payments)];
    let (table, stop, read) = (
        MemoryLeaseTable::default(),
        CancellationToken::new(),
        Read::default(),
    );
    let runs = ["a", "b"].map(|worker_id| {
        let read = read.clone();
        let run = worker(worker_id, streams, &table).process(move |_| read.clone());
        spawn(run, &stop)
    });
    for number in 0..50 {
        orders.put(&number.to_string(), format!("order {number}"));
        payments.put(&number.to_string(), format!("payment {number}"));
    }
    sleep(FAILOVER * 2).await;
    assert!(payments.split("shardId-000000000001"));
    for number in 50..100 {
        orders.put(&number.to_string(), format!("order {number}"));
        payments.put(&number.to_string(), format!("payment {number}"));
    }
    sleep(FAILOVER * 3).await;

    let owners: BTreeSet<_> = table
        .rows()
        .into_iter()
        .filter_map(|row| row.lease_owner)
        .collect();
    assert_eq!(owners.len(), 2, "both workers have leases");
    for (stream, what) in [("orders", "order"), ("payments", "payment")] {
        let (mut got, mut want) = (
            read.of(stream),
            (0..100)
                .map(|number| format!("{what} {number}"))
                .collect::<Vec<_>>(),
        );
        got.sort();
        want.sort();
        assert_eq!(got, want);
    }
    let keys: Vec<String> = table.rows().into_iter().map(|row| row.lease_key).collect();
    let expected = |name: &str, shards: &[u32]| -> Vec<String> {
        let key = |shard| format!("{}:shardId-{shard:012}", named(name));
        shards.iter().map(key).collect()
    };
    let mut all = expected("orders", &[0, 1]);
    all.extend(expected("payments", &[0, 1, 2, 3, 4]));
    assert_eq!(keys, all);
    stop.cancel();
    for run in runs {
        run.await.unwrap().unwrap();
    }
}

/// A stream that is not there, or whose service fails.
#[derive(Debug)]
struct Absent;

impl Sealed for Absent {}

impl Source for Absent {
    fn list_shards(&self) -> ReadFuture<Vec<Shard>> {
        Box::pin(ready(Err(ReadError::NotFound("no such stream".into()))))
    }

    fn open(&self, _: &str, _: StartingPosition) -> ReadFuture<OpenShard> {
        Box::pin(ready(Err(ReadError::NotFound("no such stream".into()))))
    }
}

/// Neither its start nor a split later on.
#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_there_holds_up_no_other() {
    let (payments, table, read) = (
        MemoryStream::new(1),
        MemoryLeaseTable::default(),
        Read::default(),
    );
    payments.put("key", "before");
    let processor = read.clone();
    let run = Consumer::builder("tested", [named("orders"), named("payments")])
        .source_of(named("orders"), Absent)
        .source_of(named("payments"), payments.clone())
        .lease_table(table.clone())
        .settings(Settings::new().failover_time(FAILOVER))
        .build()
        .unwrap()
        .process(move |_| processor.clone());
    let stop = CancellationToken::new();
    let run = spawn(run, &stop);
    sleep(FAILOVER).await;
    assert!(payments.split("shardId-000000000000"));
    payments.put("key", "after");
    sleep(FAILOVER * 2).await;
    assert_eq!(read.of("payments"), ["before", "after"]);
    stop.cancel();
    run.await.unwrap().unwrap();
}

/// Streams whose service does not answer.
#[derive(Debug)]
struct Silent;

impl Sealed for Silent {}

impl Source for Silent {
    fn list_shards(&self) -> ReadFuture<Vec<Shard>> {
        Box::pin(std::future::pending())
    }

    fn open(&self, _: &str, _: StartingPosition) -> ReadFuture<OpenShard> {
        Box::pin(std::future::pending())
    }
}

/// A look at the table waits for one listing, not for one after the other.
#[tokio::test(start_paused = true)]
async fn streams_that_do_not_answer_are_waited_for_together() {
    let (payments, read) = (MemoryStream::new(1), Read::default());
    payments.put("key", "data");
    let names = ["invoices", "orders", "payments"].map(named);
    let processor = read.clone();
    let run = Consumer::builder("tested", names.clone())
        .source_of(names[0].clone(), Silent)
        .source_of(names[1].clone(), Silent)
        .source_of(names[2].clone(), payments)
        .lease_table(MemoryLeaseTable::default())
        .settings(Settings::new().failover_time(FAILOVER))
        .build()
        .unwrap()
        .process(move |_| processor.clone());
    let stop = CancellationToken::new();
    let run = spawn(run, &stop);
    sleep(READ_TIMEOUT + FAILOVER).await;
    assert_eq!(read.of("payments"), ["data"]);
    stop.cancel();
    run.await.unwrap().unwrap();
}

/// It is read as a whole, and that is what a look at the shards costs most.
#[tokio::test(start_paused = true)]
async fn the_table_is_read_once_for_the_shards_of_all_streams() {
    let names: Vec<StreamIdentifier> = (0..8).map(|n| named(&format!("orders-{n}"))).collect();
    let (table, reads) = (MemoryLeaseTable::default(), Arc::default());
    let counted = Awkward {
        table: table.clone(),
        read_takes: Duration::from_millis(20),
        reads: Arc::clone(&reads),
        ..Awkward::default()
    };
    let builder = Consumer::builder("tested", names.clone())
        .lease_table(counted)
        .settings(Settings::new().failover_time(FAILOVER));
    let builder = names.into_iter().fold(builder, |builder, name| {
        builder.source_of(name, MemoryStream::new(1))
    });
    let run = builder.build().unwrap().process(|_| Idle::default());
    let stop = CancellationToken::new();
    let run = spawn(run, &stop);
    sleep(Duration::from_millis(500)).await;
    assert_eq!(table.rows().len(), 8);
    // What there is, what was missing beside the shards, and what there is to take.
    assert_eq!(reads.load(Ordering::Relaxed), 3);
    stop.cancel();
    run.await.unwrap().unwrap();
}

/// A stream with one shard, which was created in this second; nothing is ever read.
#[derive(Debug)]
struct CreatedAt(u64);

impl Sealed for CreatedAt {}

fn start_of_stream(created_s: u64) -> ExtendedSequenceNumber {
    let number = SequenceNumber::new(created_s, 0, 0, created_s);
    ExtendedSequenceNumber::new(&number.to_string(), 0).unwrap()
}

impl Source for CreatedAt {
    fn list_shards(&self) -> ReadFuture<Vec<Shard>> {
        let shard = Shard {
            shard_id: "shardId-000000000000".into(),
            parent_shard_ids: BTreeSet::new(),
            hash_key_range: None,
            starting_sequence_number: Some(start_of_stream(self.0)),
            is_closed: false,
        };
        Box::pin(ready(Ok(vec![shard])))
    }

    fn open(&self, _: &str, _: StartingPosition) -> ReadFuture<OpenShard> {
        Box::pin(ready(Err(ReadError::TimedOut)))
    }
}

/// During a deployment some workers know a stream that others do not: who cannot read a shard must not hold its lease. Nor
/// is a row without a shard in the listing that of a former stream, because it is older than what is listed.
#[tokio::test(start_paused = true)]
async fn leases_of_streams_that_are_not_this_workers_are_left_alone() {
    let table = MemoryLeaseTable::default();
    let strange = [
        (
            format!("{}:shardId-000000000000", named("payments")),
            Checkpoint::TrimHorizon,
        ),
        (
            format!("{}:shardId-000000000001", named("payments")),
            Checkpoint::ShardEnd,
        ),
        ("shardId-000000000000".to_owned(), Checkpoint::TrimHorizon),
    ];
    let strange = strange.map(|(key, checkpoint)| Lease {
        starting_sequence_number: Some(start_of_stream(1_795_881_602)),
        ..Lease::unowned(key, checkpoint)
    });
    for lease in &strange {
        assert!(table.create(lease.clone()).await.unwrap());
    }
    let stop = CancellationToken::new();
    let run = Consumer::builder("tested", [named("orders")])
        .source_of(named("orders"), CreatedAt(1_795_900_000))
        .lease_table(table.clone())
        .settings(Settings::new().failover_time(FAILOVER))
        .build()
        .unwrap()
        .process(|_| Idle::default());
    let run = spawn(run, &stop);
    sleep(FAILOVER * 4).await;
    let (own, others): (Vec<Lease>, Vec<Lease>) = table
        .rows()
        .into_iter()
        .partition(|row| row.lease_key.contains("orders"));
    assert_eq!(others, strange);
    assert!(own.len() == 1 && own[0].lease_owner.is_some(), "{own:?}");
    stop.cancel();
    run.await.unwrap().unwrap();
}

#[test]
fn streams_and_sources_that_do_not_fit_are_named() {
    let builder = |streams: Vec<StreamIdentifier>| {
        Consumer::builder("tested", streams).lease_table(MemoryLeaseTable::default())
    };
    let stream = || MemoryStream::new(1);
    let orders = || vec![named("orders")];
    let none = builder(Vec::new()).build();
    assert!(matches!(none, Err(BuildError::NoStream)));
    let unread = builder(orders()).build();
    assert!(matches!(unread, Err(BuildError::NoSource(one)) if one == named("orders")));
    let of_one = builder(orders()).source(stream()).build();
    assert!(matches!(of_one, Err(BuildError::SourceOfSeveral)));
    let other = builder(orders())
        .source_of(named("orders"), stream())
        .source_of(named("payments"), stream())
        .build();
    assert!(matches!(other, Err(BuildError::NotNamed(one)) if one == named("payments")));
    let fits = builder(orders()).source_of(named("orders"), stream());
    assert!(fits.build().is_ok());
}
