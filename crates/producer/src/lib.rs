//! The KPL's job in Rust, without its child process: many small records become few large ones on the way to a stream.
//!
//! You put *user records*; the crate packs those of one shard into one record of the stream, collects these into
//! PutRecords calls, paces each shard, sends again only what failed, and tells you of each user record where it is or
//! why it is not there. The KCL, this project's consumer and the de-aggregation modules take the records apart again.
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! use millstream_producer::{Producer, UserRecord};
//! # use millstream_producer::MemoryStream;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let stream = MemoryStream::new(4);
//! // Elsewhere: Producer::builder("meters").client(aws_sdk_kinesis::Client::new(&config)).build()?
//! let producer = Producer::builder("meters").transport(Arc::new(stream.clone())).build()?;
//!
//! let mut deliveries = Vec::new();
//! for sensor in 0..1000 {
//!     // Waits while too much is on its way; `try_put` does not.
//!     deliveries.push(producer.put(UserRecord::new(format!("sensor-{sensor}"), "21.5")).await?);
//! }
//! producer.flush().await;
//! for delivery in deliveries {
//!     let outcome = delivery.await?; // the error says what to do
//!     assert!(outcome.shard_id().starts_with("shardId-"));
//! }
//! producer.close(Duration::from_secs(10)).await?;
//! # assert_eq!(stream.user_records().len(), 1000);
//! # Ok(()) }
//! ```
//!
//! # What is promised
//! * **Every record that `put` accepted has one outcome**, within its time to live and one request's timeout. `Ok` means
//!   stored, in a shard where the KCL delivers it. A [`Delivery`] that is dropped loses nothing: the record is sent.
//! * **Memory has a bound**: under throttling, and with no server at all, `put` waits and [`try_put`](Producer::try_put)
//!   refuses.
//! * **At least once.** A call without an answer is sent again; so is an aggregate that landed in a shard which does not
//!   hold all of its hash keys, because the KCL would pass over it.
//! * **Order per key** if [`keep_order_per_key`](Settings::keep_order_per_key) is set; without it there is none after a
//!   failure, as in the KPL.
//!
//! # What is not promised
//! Nothing is kept over a crash of the process: what has no outcome may or may not be stored. The task works on the
//! runtime that the producer was built in and ends with it.
//!
//! Deliberately absent: anything of Millstream's server (the crate works against AWS too), several streams in one
//! producer, and a schema registry. `docs/producer.md` compares every setting with the KPL's. Start reading with
//! `pipeline.rs`: it decides everything, without I/O; `runner.rs` does what it says.

mod builder;
mod kinesis_record;
mod lane;
mod metrics;
mod outcome;
mod pacing;
mod pipeline;
mod producer;
mod runner;
mod settings;
mod shard_map;
#[cfg(test)]
mod simulation;
mod transport;

pub use builder::{BuildError, ProducerBuilder};
pub use metrics::{Measure, Metric, MetricsRecorder};
pub use millstream_aggregation::UserRecord;
pub use millstream_types::{HashKey, HashKeyRange};
pub use outcome::{Attempt, AttemptError, Outcome, PutError, PutErrorKind};
pub use producer::{CloseTimedOut, Delivery, NotAccepted, Producer, TryPutError};
pub use settings::{InvalidSettings, Settings};
pub use transport::{
    CallError, CallErrorKind, KinesisTransport, OpenShard, PutAnswer, PutEntry, Transport,
    TransportFuture,
};
#[cfg(any(test, feature = "testing"))]
pub use transport::{MemoryStream, StoredRecord};
