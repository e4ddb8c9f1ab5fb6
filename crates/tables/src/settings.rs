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
}

impl Default for TableSettings {
    fn default() -> Self {
        Self {
            queue_bytes_max: 16 * 1024 * 1024,
            queue_timeout: Duration::from_secs(10),
            databases_max: 64,
        }
    }
}
