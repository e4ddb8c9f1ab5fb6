//! The sink `iceberg`: rows of a table of Apache Iceberg, each exactly once.
//!
//! The values of a cut become files of Parquet, and one commit of the table adds them. With the same commit a property of
//! the table says up to where it has the shard's records, so whoever makes the cut again sees that it is there. The catalog
//! lets a commit pass only if nobody else's came in between; then it is looked again, and tried again.
//!
//! A crate apart, and empty without its feature `iceberg`: what it stands on takes eleven minutes of CPU to build.
//!
//! # What is promised
//! * **A cut is in the table as a whole and once**, whoever was killed and whatever answer was lost.
//! * **What is there is never taken for what it is not.** A cut that overlaps what the table has and is not the same is
//!   an error, neither added nor passed over.
//!
//! # What is not promised
//! Files of a cut that was not committed stay behind, in no snapshot: maintenance of the table takes them away.
//!
//! To read the code, start with `sink.rs`, then `commits.rs` and `position.rs`.
#![cfg(feature = "iceberg")]

mod catalog;
mod cell;
mod columns;
mod commits;
mod files;
#[cfg(test)]
mod lake;
mod one_commit;
mod position;
mod sink;
mod storage;
mod target;

use std::sync::Arc;

pub use catalog::{Catalog, InvalidCatalog, Who};
use millstream_connectors::sinks::s3::Access;
use millstream_connectors::{Guarantee, Opener, Sink};
pub use target::Target;

use commits::Commits;
use storage::Buckets;

/// Opens sinks that add rows to one table.
#[derive(Debug)]
pub struct Iceberg {
    commits: Arc<Commits>,
}

impl Iceberg {
    /// A table of this catalog. Its files are read and written with this access; the bucket is the table's. Nothing is
    /// sent yet.
    pub fn new(catalog: Catalog, files: Access, target: Target) -> Self {
        Self::on(catalog, Buckets::new(files), target)
    }

    fn on(catalog: Catalog, buckets: Buckets, target: Target) -> Self {
        Self {
            commits: Arc::new(Commits::new(catalog, buckets, target)),
        }
    }
}

impl Opener for Iceberg {
    fn open(&self, shard_id: &str) -> Box<dyn Sink> {
        Box::new(sink::IcebergSink::new(Arc::clone(&self.commits), shard_id))
    }

    fn guarantee(&self) -> Guarantee {
        Guarantee::ExactlyOnce
    }
}
