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

mod caches;
mod commit;
pub mod disk;
mod durability;
mod engine;
mod format;
mod housekeeping;
mod pending;
mod pin;
mod read;
mod read_pool;
mod recovery;
mod salvage;
mod segments;
mod settings;
mod shared;
mod snapshots;
mod state;
mod stats;

pub use commit::realtime::Scheduling;
pub use durability::Durability;
pub use engine::LocalEngine;
#[cfg(any(test, feature = "testing"))]
pub use engine::stepped::{Aside, Stepper};
pub use pending::gathering::IdleBell;
pub use pin::{Pinned, PinnedFile, PinnedReader};
pub use recovery::OpenError;
pub use salvage::{Finding, Loss, Repair, Repaired, Salvage};
pub use settings::{LocalSettings, Realtime};
pub use snapshots::LocalSnapshots;
pub use stats::LocalStats;
