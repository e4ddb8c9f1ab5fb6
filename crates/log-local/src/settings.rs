//! What an operator may choose.

use std::path::PathBuf;
use std::time::Duration;

use crate::durability::Durability;
use crate::pending::gathering::IdleBell;

/// How the committing thread is scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Realtime {
    /// Ask for `SCHED_FIFO` priority 1; stay an ordinary thread, and say so, where that is not permitted.
    Try,
    /// An ordinary thread.
    Off,
}

/// Settings of a [`LocalEngine`](crate::LocalEngine). [`new`](Self::new) gives the defaults.
#[derive(Debug, Clone)]
pub struct LocalSettings {
    /// The data folder. Created if it is not there; one process at a time.
    pub directory: PathBuf,

    /// When an append is answered. Default `Fsync`. `Os` answers some 0.1 ms earlier and may lose the last
    /// seconds in a power cut.
    pub durability: Durability,

    /// Sizes in bytes of the segments that are opened one after another; the last size is used from then on.
    /// Default 1, 4, 16, 64 MiB. A small first one keeps the start short; larger ones are sealed less often and
    /// free their room later. From 16 KiB to 1 GiB each.
    pub segment_bytes: Vec<u64>,

    /// Memory for recent entries of all logs, in bytes, overhead included. Default 24 MiB. Readers at the tail that
    /// lag no more than this never touch the disk.
    pub tail_cache_bytes: usize,

    /// Most bytes that may wait for the disk, overhead included. Default 32 MiB. Over it appends are refused as
    /// [`Overloaded`](millstream_log::NotWritten::Overloaded). More: longer bursts are absorbed, with more latency.
    pub pending_bytes: usize,

    /// Memory for footers of sealed segments, in bytes. Default 4 MiB. More: fewer reads for readers far behind.
    pub footer_cache_bytes: usize,

    /// Most segment files that are kept open for readers. Default 64.
    pub open_files_max: usize,

    /// Most bytes of an entry's payload. Default 16 MiB; at most 256 MiB.
    pub entry_bytes_max: usize,

    /// Free space in bytes below which appends to logs of groups other than 0 are refused as
    /// [`NoRoom`](millstream_log::NotWritten::NoRoom). Default 256 MiB. Must leave room for a compaction.
    pub free_space_floor_bytes: u64,

    /// Size in bytes of the segment that is kept for control operations and group 0 when the disk is full.
    /// Default 4 MiB.
    pub reserve_bytes: u64,

    /// Bytes per second that compaction may read and write, together. Default 16 MiB. 0 turns compaction off.
    /// More: room is freed and cold reads get sequential earlier, at the cost of everything else on the disk.
    pub compaction_bytes_per_s: u64,

    /// How long housekeeping rests after a round before it looks again for room that can be freed because data was
    /// deleted or trimmed. Default 5 s. Segments in which nothing is alive are removed without rest.
    pub reclaim_interval: Duration,

    /// Segments that fill up faster than this are only reserved ahead, and written once instead of twice: commits are
    /// large then, and that is worth more than the metadata that every fdatasync has to write with it. Default 1 s.
    pub hurry: Duration,

    /// Threads for reads that the page cache cannot answer. Default 2.
    pub read_threads: usize,

    /// Default `Try`. On a busy machine with few processors an ordinary thread waits milliseconds for its turn
    /// after each fsync.
    pub realtime: Realtime,

    /// What the threads that append ring when they run out of work; see [`IdleBell`]. Default none: every
    /// commit begins as soon as the one before has ended.
    pub idle_bell: Option<IdleBell>,

    /// Longest that a commit waits for the bell. Default 300 µs, some fsyncs' time. More: fuller commits where the
    /// threads that append are busy for long, and more latency there. At most an hour.
    pub gathering_max: Duration,
}

impl LocalSettings {
    /// The defaults, for a data folder.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        const MIB: u64 = 1 << 20;
        Self {
            directory: directory.into(),
            durability: Durability::Fsync,
            segment_bytes: vec![MIB, 4 * MIB, 16 * MIB, 64 * MIB],
            tail_cache_bytes: 24 << 20,
            pending_bytes: 32 << 20,
            footer_cache_bytes: 4 << 20,
            open_files_max: 64,
            entry_bytes_max: 16 << 20,
            free_space_floor_bytes: 256 * MIB,
            reserve_bytes: 4 * MIB,
            compaction_bytes_per_s: 16 * MIB,
            reclaim_interval: Duration::from_secs(5),
            hurry: Duration::from_secs(1),
            read_threads: 2,
            realtime: Realtime::Try,
            idle_bell: None,
            gathering_max: Duration::from_micros(300),
        }
    }

    /// Checked once, when the engine is opened.
    pub(crate) fn check(&self) -> Result<(), String> {
        let sizes_fit = |bytes: &u64| (SEGMENT_BYTES_MIN..=SEGMENT_BYTES_MAX).contains(bytes);
        if self.segment_bytes.is_empty() || !self.segment_bytes.iter().all(sizes_fit) {
            return Err(format!(
                "segment_bytes needs sizes from {SEGMENT_BYTES_MIN} to {SEGMENT_BYTES_MAX}"
            ));
        }
        if !sizes_fit(&self.reserve_bytes) {
            return Err(format!(
                "reserve_bytes must lie from {SEGMENT_BYTES_MIN} to {SEGMENT_BYTES_MAX}"
            ));
        }
        if self.entry_bytes_max > ENTRY_BYTES_LIMIT {
            return Err(format!(
                "entry_bytes_max must not be above {ENTRY_BYTES_LIMIT}"
            ));
        }
        if self.gathering_max > GATHERING_LIMIT {
            return Err(format!(
                "gathering_max must not be above {GATHERING_LIMIT:?}"
            ));
        }
        if self.read_threads == 0 || self.open_files_max == 0 {
            return Err("read_threads and open_files_max must not be 0".to_owned());
        }
        Ok(())
    }

    /// The size of the largest segments that are opened.
    pub(crate) fn segment_bytes_max(&self) -> u64 {
        self.segment_bytes.iter().copied().max().unwrap_or(0)
    }

    /// Size of the `ordinal`-th segment of this process.
    pub(crate) fn segment_size(&self, ordinal: usize) -> u64 {
        let last = self.segment_bytes.len() - 1;
        self.segment_bytes[ordinal.min(last)]
    }
}

const SEGMENT_BYTES_MIN: u64 = 16 << 10;
const SEGMENT_BYTES_MAX: u64 = 1 << 30;
const ENTRY_BYTES_LIMIT: usize = 256 << 20;
const GATHERING_LIMIT: Duration = Duration::from_secs(3600);
