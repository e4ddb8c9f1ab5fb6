//! The embedded log engine: one shared, fsynced sequence of segment files.
//!
//! All logs append to one segment; a record is written once. Everything that waits is committed together, with one
//! write and one fdatasync. A full segment gets an index of its entries as a footer and is never written again:
//! sealed segments *are* the storage. What is trimmed or deleted makes segments empty, which are removed, or mostly
//! empty, which a background compaction rewrites.
//!
//! * Start with [`LocalEngine::open`] and [`LocalSettings`].
//! * The files are described in `docs/log-format.md`.
//! * [`disk::Disk`] is the seam to the disk; with the feature `testing` there is a disk in memory that loses power.
//!
//! Deliberately absent: records and every other word of Kinesis; replication; a second copy of anything.

mod committer;
pub mod disk;
mod engine;
mod file_cache;
mod footer_cache;
mod format;
mod frames;
mod gathering;
mod group;
mod housekeeping;
mod prepared;
mod read_buffers;
mod read_pool;
mod reader;
mod realtime;
mod recovery;
mod salvage;
mod segment_index;
mod sequencer;
mod settings;
mod shared;
mod snapshots;
mod state;
mod stats;
mod table;
mod tail_cache;
mod waits;

pub use engine::LocalEngine;
pub use gathering::IdleBell;
pub use realtime::Scheduling;
pub use recovery::OpenError;
pub use salvage::{Finding, Loss, Repair, Repaired, Salvage};
pub use settings::{Durability, LocalSettings, Realtime};
pub use snapshots::LocalSnapshots;
pub use stats::LocalStats;
