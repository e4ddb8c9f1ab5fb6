//! How much the store keeps, and for how long.

/// Bounds of a [`MetricStore`](crate::MetricStore).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricSettings {
    /// Most bytes of the names of all series, in memory and in the checkpoint; some 20,000 series with two dimensions
    /// fit the default of 8 MiB. A put that names more is refused.
    pub names_bytes_max: usize,
    /// Most bytes of what is put and not yet written into blocks; blocks are written when half of it is there. Beyond
    /// it puts are refused until they are written. Default 16 MiB.
    pub head_bytes_max: usize,
    /// Most bytes of entries in the logs that are still needed. Beyond it puts are refused until old ones are dropped.
    /// Default 256 MiB.
    pub stored_bytes_max: u64,
    /// Most bytes of one series in blocks. Beyond it puts to it are refused. Default 8 MiB.
    pub series_bytes_max: u64,
    /// Most bytes of an answer in memory. Beyond it a read is refused. Default 32 MiB.
    pub answer_bytes_max: usize,
    /// Most bytes of puts that wait. Beyond it they wait for a place, and are refused after some seconds. Default 8 MiB.
    pub waiting_bytes_max: usize,
    /// Most bytes of one block, about. Default 64 KiB.
    pub block_bytes: usize,
    /// How long minutes are kept as minutes: three days.
    pub minutes_kept: u32,
    /// How long anything is kept, in minutes: fifteen days.
    pub kept_minutes: u32,
    /// Minutes between two checkpoints while something is put: an hour.
    pub checkpoint_minutes: u32,
    /// Minutes become five minutes in pieces that span so many minutes, so that blocks of five minutes are not tiny:
    /// six hours.
    pub roll_up_minutes: u32,
}

impl Default for MetricSettings {
    fn default() -> Self {
        Self {
            names_bytes_max: 8 << 20,
            head_bytes_max: 16 << 20,
            stored_bytes_max: 256 << 20,
            series_bytes_max: 8 << 20,
            answer_bytes_max: 32 << 20,
            waiting_bytes_max: 8 << 20,
            block_bytes: 64 << 10,
            minutes_kept: 3 * 24 * 60,
            kept_minutes: 15 * 24 * 60,
            checkpoint_minutes: 60,
            roll_up_minutes: 6 * 60,
        }
    }
}
