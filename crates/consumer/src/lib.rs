//! The KCL's job in Rust: a fleet of workers shares the shards of a stream, and each shard is processed in order by
//! one worker at a time.
//!
//! You write a [`RecordProcessor`]: what to do with a batch of records of one shard. The crate does the rest: it keeps
//! leases and checkpoints in the KCL 2.x table layout, so Rust and Java workers can share an application; it renews,
//! takes over and balances leases; it finishes parent shards before their children; it retries a failed batch and
//! never skips one; and it gives its leases back at once when it stops.
//!
//! ```no_run
//! # use millstream_consumer::*;
//! struct Printer;
//!
//! impl RecordProcessor for Printer {
//!     async fn process(&mut self, batch: &RecordBatch, checkpointer: &Checkpointer) -> Result<(), BoxError> {
//!         for record in batch.records() {
//!             println!("{} {}", record.partition_key, String::from_utf8_lossy(&record.data));
//!         }
//!         checkpointer.checkpoint().await?;
//!         Ok(())
//!     }
//! }
//!
//! # async fn example(kinesis: aws_sdk_kinesis::Client, dynamodb: aws_sdk_dynamodb::Client) -> Result<(), Box<dyn std::error::Error>> {
//! let stop = tokio_util::sync::CancellationToken::new();
//! let consumer = Consumer::builder("printer", "orders").clients(kinesis, dynamodb).build(|_shard| Printer)?;
//! consumer.run(stop).await?;
//! # Ok(()) }
//! ```
//!
//! # What is promised
//! * **At least once.** Every record after the last checkpoint is processed again by whoever takes the lease.
//! * **In order per shard**, and a child shard starts only when all its parents are finished.
//! * **One worker per shard.** A worker stops handing out records, and cancels the batch in hand, no later than
//!   another worker may take its lease; its late checkpoints are refused by the table.
//!
//! Deliberately absent: anything of Millstream's server (the crate works against AWS too), enhanced fan-out,
//! de-aggregation of KPL records, and the leader of KCL 3.x. Start reading with `worker.rs`; the decisions are free
//! of I/O and live in `assignment.rs`, `shard_graph.rs` and `pacing.rs`.

mod assignment;
mod builder;
mod checkpoint;
mod checkpointer;
mod consumer;
mod gone_shard;
mod held_lease;
mod lease;
mod lease_table;
mod pacing;
mod processor;
mod settings;
mod shard_consumer;
mod shard_fetcher;
mod shard_graph;
#[cfg(test)]
mod simulation;
mod start_position;
mod status;
mod stream_reader;
mod twin_watch;
mod worker;

pub use builder::{BuildError, ConsumerBuilder};
pub use checkpoint::{Checkpoint, ExtendedSequenceNumber, InvalidCheckpoint, PendingCheckpoint};
pub use checkpointer::{CheckpointError, Checkpointer};
pub use consumer::{Consumer, ConsumerError};
pub use lease::Lease;
pub use lease_table::{
    Conditional, DynamoDbLeaseTable, LeaseTable, LeaseTableError, MemoryLeaseTable, TableFuture,
};
pub use processor::{BoxError, Record, RecordBatch, RecordProcessor, ShardStart};
pub use settings::{FailurePolicy, InitialPosition, InvalidSettings, Settings};
pub use status::{ShardStatus, ShardStep, StatusBoard};
pub use stream_reader::{
    GetRecords, IteratorPosition, KinesisStreamReader, MemoryStream, ReadError, ReadFuture, Shard,
    ShardIterator, StreamReader,
};
