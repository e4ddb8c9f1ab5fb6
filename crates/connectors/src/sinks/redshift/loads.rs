//! What a load is, whichever way it goes.

use std::fmt;
use std::time::Duration;

use crate::{SinkError, SinkFuture};

/// Most time of one load, its wait for other workers' loads included.
pub(super) const LOAD_TIME_MAX: Duration = Duration::from_secs(30 * 60);

/// Loads manifests into one table, one at a time.
pub(super) trait Loads: Send + Sync + fmt::Debug {
    /// Loads what the manifest names, unless that was done. If this fails or is dropped, it may have been loaded; whoever
    /// comes again finds out.
    fn load<'a>(&'a self, manifest: &'a str) -> SinkFuture<'a, Result<(), SinkError>>;
}

/// The time of a load is over.
pub(super) fn not_in_time(manifest: &str) -> SinkError {
    SinkError::new(format!(
        "Redshift: {manifest} is not loaded in {} min",
        LOAD_TIME_MAX.as_secs() / 60
    ))
}
