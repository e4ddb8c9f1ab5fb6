//! What the tables take before they refuse.

use std::time::Duration;

/// Bounds of the tables.
#[derive(Debug, Clone, Copy)]
pub struct TableSettings {
    /// Most bytes of requests that wait for one database.
    pub queue_bytes_max: usize,
    /// How long a request may wait for its database before it is refused undone.
    pub queue_timeout: Duration,
    /// Most databases (one per account and region) open at a time.
    pub databases_max: usize,
    /// How long the start may read the pages of all files. What it does not get to is read when it is opened.
    pub check_time: Duration,
    /// Whether the server starts without the tables whose file is missing or damaged, rather than not at all.
    pub leaves_out_damaged: bool,
}

impl Default for TableSettings {
    fn default() -> Self {
        Self {
            queue_bytes_max: 16 * 1024 * 1024,
            queue_timeout: Duration::from_secs(10),
            databases_max: 64,
            check_time: Duration::from_secs(10),
            leaves_out_damaged: false,
        }
    }
}
