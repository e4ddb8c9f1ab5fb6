//! The Kinesis Client Library's job in Rust: a fleet of workers shares the shards of a stream, and each shard is
//! processed in order by one worker at a time. On AWS and on Millstream, beside Java workers if you have some.
//!
//! You write what to do with one record. The rest is done for you: leases, checkpoints, parents before children after a
//! reshard, balance, retries, records that cannot be processed, and a stop that gives everything back at once.
//!
//! ```no_run
//! use millstream_consumer::Consumer;
//!
//! # async fn example(kinesis: aws_sdk_kinesis::Client, dynamodb: aws_sdk_dynamodb::Client) -> Result<(), Box<dyn std::error::Error>> {
//! # async fn stop_signal() {}
//! let consumer = Consumer::builder("printer", "orders").clients(kinesis, dynamodb).build()?;
//! consumer
//!     .for_each(|record| async move {
//!         println!("{} {}", record.partition_key, String::from_utf8_lossy(&record.data));
//!         Ok(())
//!     })
//!     .until(stop_signal())
//!     .await?;
//! # Ok(()) }
//! ```
//!
//! The same without a network, as you would test it:
//!
//! ```
//! use std::sync::atomic::{AtomicUsize, Ordering};
//! use std::sync::Arc;
//! use std::time::Duration;
//!
//! use millstream_consumer::testing::{MemoryDeadLetters, MemoryLeaseTable, MemoryStream};
//! use millstream_consumer::{Consumer, FailurePolicy, Settings};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let stream = MemoryStream::new(4);
//! for order in ["2 apples", "nonsense", "3 pears"] {
//!     stream.put(order, order);
//! }
//! let (sold, dead_letters) = (Arc::new(AtomicUsize::new(0)), MemoryDeadLetters::default());
//!
//! let consumer = Consumer::builder("till", "orders")
//!     .source(stream)
//!     .lease_table(MemoryLeaseTable::default())
//!     .dead_letters(dead_letters.clone())
//!     .settings(Settings::new().on_failure(FailurePolicy::park_after(3)))
//!     .build()?;
//! let till = Arc::clone(&sold);
//! consumer
//!     .for_each(move |record| {
//!         let till = Arc::clone(&till);
//!         async move {
//!             let order = std::str::from_utf8(&record.data)?;
//!             let (count, _fruit) = order.split_once(' ').ok_or("an order has a number and a fruit")?;
//!             till.fetch_add(count.parse()?, Ordering::Relaxed);
//!             Ok(())
//!         }
//!     })
//!     .until(tokio::time::sleep(Duration::from_secs(60)))
//!     .await?;
//!
//! assert_eq!(sold.load(Ordering::Relaxed), 5);
//! let parked = dead_letters.parked();
//! assert_eq!((parked.len(), parked[0].attempts), (1, 3));
//! assert_eq!(parked[0].cause, "an order has a number and a fruit");
//! # Ok(()) }
//! ```
//!
//! # Three levels, one core
//!
//! | you want | you write |
//! |---|---|
//! | one record at a time | a closure: [`Consumer::for_each`] |
//! | batches, in a loop of your own | a stream: [`Consumer::batches`] |
//! | state per shard, timers, a say in every step | a [`RecordProcessor`]: [`Consumer::process`] |
//!
//! Whatever you choose, a [`Failure`] says what becomes of a record that could not be processed, or leaves it to the
//! [`FailurePolicy`]; the [`CheckpointPolicy`] says when what is done is stored; [`Settings`] has the rest. A
//! [`MetricsRecorder`] gets what is measured, [`StatusBoard`] tells what each shard is doing.
//!
//! # What is promised
//! * **At least once.** Every record is processed, or parked where you can find it with its cause. Nothing is skipped:
//!   what is not done by the last checkpoint is done again by whoever takes the lease.
//! * **In order per shard**, and a child shard starts only when all its parents are finished. With
//!   [`parallel_keys_max`](Settings::parallel_keys_max): in order per partition key.
//! * **One worker per shard.** A worker stops handing out records, and drops the handler's future, no later than
//!   another worker may take its lease; its late checkpoints are refused by the table. After its process stood still, by a
//!   signal or with its machine, it looks at the clock before a handler goes on.
//! * **Checkpoints are contiguous and only go forward.** Nothing before a checkpoint is unfinished.
//!
//! # What is not promised
//! * **Not exactly once.** After a crash, a lost lease or a lost answer, records come again. Use a record's
//!   [`place`](Record::place) to recognise it, or [`Checkpointer::prepare`] for two-step writes.
//! * **Not at a bounded time.** A handler that never ends holds its shard up for ever; [`StatusBoard`] shows it.
//! * **No protection from handlers that block their thread**, unless they have
//!   [threads of their own](ConsumerBuilder::processor_threads).
//!
//! Deliberately absent: anything of Millstream's server (the crate works against AWS too), and the leader of KCL 3.x.
//! To read the code, start with `worker.rs`; the decisions are free of I/O and live in `assignment.rs`,
//! `shard_graph.rs`, `in_hand.rs`, `checkpoint_pace.rs` and `pacing.rs`.

mod assignment;
mod builder;
mod checkpoint;
mod checkpoint_error;
mod checkpoint_pace;
mod checkpointer;
mod consumer;
mod consumer_error;
mod dead_letters;
mod deaggregation;
mod gone_shard;
mod handlers;
mod held_lease;
mod in_hand;
mod incoming;
mod lease;
mod lease_table;
mod listed_starts;
mod metrics;
mod outcome;
mod pacing;
mod processor;
mod processor_threads;
mod record;
mod record_batch;
mod run;
mod settings;
mod shard_consumer;
mod shard_fetcher;
mod shard_graph;
mod shard_processor;
#[cfg(test)]
mod simulation;
mod source;
mod start_position;
mod status;
mod stream_identifier;
mod streams;
mod tasks;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod twin_watch;
mod worker;

#[cfg(feature = "metrics")]
pub use crate::metrics::MetricsFacade;
pub use crate::metrics::{
    CloudWatchMetrics, DATA_PER_CALL_MAX, Measurement, Metric, MetricDatum, MetricsRecorder,
    Operation, PublishFuture, PutMetricData, StatisticSet, Unit,
};
pub use builder::{BuildError, ConsumerBuilder};
pub use checkpoint::{Checkpoint, ExtendedSequenceNumber, InvalidCheckpoint, PendingCheckpoint};
pub use checkpoint_error::CheckpointError;
pub use checkpointer::Checkpointer;
pub use consumer::Consumer;
pub use consumer_error::ConsumerError;
pub use dead_letters::{
    DeadLetterStream, DeadLetters, InvalidDeadLetter, ParkFuture, ParkedRecord,
};
pub use handlers::{Batch, Batches};
pub use lease::Lease;
pub use lease_table::{Conditional, DynamoDbLeaseTable, LeaseTable, LeaseTableError, TableFuture};
pub use millstream_types::{HashKey, HashKeyRange, TimestampMs};
pub use outcome::{BoxError, Failure, StartOver};
pub use processor::{RecordProcessor, ShardStart};
pub use record::Record;
pub use record_batch::RecordBatch;
pub use run::Run;
pub use settings::{CheckpointPolicy, FailurePolicy, InitialPosition, InvalidSettings, Settings};
pub use source::{
    FanOut, NextRead, OpenShard, Polling, ReadError, ReadFuture, Shard, ShardRead, ShardReads,
    Source, StartingPosition,
};
pub use status::{ShardStatus, ShardStep, StatusBoard};
pub use stream_identifier::{InvalidStreamIdentifier, StreamIdentifier};
pub use streams::Streams;
