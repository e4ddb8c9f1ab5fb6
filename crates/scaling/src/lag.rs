//! Lag: what an application has not finished, shard by shard, and how fast it gets less.
//!
//! Any table of leases in a layout of the KCL will do, whoever's workers hold them. The numbers come from the lease table
//! and from GetRecords at each checkpoint. Millstream's server counts what lies behind it, to the record and the byte; AWS
//! tells its age alone.
//!
//! A look costs a GetShardIterator and a GetRecords of one record for each shard, two of both where the checkpoint moved:
//! on AWS these count among a shard's five reads in a second.

mod behind;
mod error;
mod heirs;
mod metrics;
mod page;
mod reader;
mod several_streams;
mod stream_of;
mod tables;

pub use behind::{Backlog, arrived_since};
pub use error::LagError;
pub use metrics::LagMetrics;
pub use page::LagPage;
pub use reader::{Lag, LagReader, ShardLag};
pub use several_streams::{by_stream, stream_and_leases};
pub use stream_of::{Listed, list_shards, stream_of};
pub use tables::{lease_tables, related_tables};
