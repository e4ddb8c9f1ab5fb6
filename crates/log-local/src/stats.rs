//! Counters.

use std::sync::atomic::{AtomicU64, Ordering};

use millstream_log::{Counter, CounterValue, TimeHistogram, Times};

/// What the engine has done since it was opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LocalStats {
    /// Groups that became durable together.
    pub commits: u64,
    /// Entries that became durable.
    pub entries: u64,
    /// Calls of fsync or fdatasync by the committing thread, sealing included.
    pub fsyncs: u64,
    /// How long those took that a commit waits for.
    pub fsync_times: Times,
    /// Bytes written by the committing thread: frames and footers.
    pub written_bytes: u64,
    /// Bytes of payload in them.
    pub payload_bytes: u64,
    /// Segments sealed.
    pub sealed_segments: u64,
    /// Segments that the committing thread had to make itself because none was ready.
    pub unprepared_segments: u64,
    /// Segments removed because nothing in them was live.
    pub removed_segments: u64,
    /// Bytes of their files.
    pub removed_bytes: u64,
    /// Segments that compactions read; and bytes that they wrote.
    pub compacted_segments: u64,
    /// See `compacted_segments`.
    pub compacted_bytes: u64,
    /// Manifests written.
    pub manifests: u64,
    /// Reads served from memory, from the page cache, and by a thread that waited for the disk.
    pub tail_reads: u64,
    /// See `tail_reads`.
    pub warm_reads: u64,
    /// See `tail_reads`.
    pub cold_reads: u64,
    /// Bytes in the tail cache now, overhead included.
    pub tail_cache_bytes: u64,
    /// Segments now, the open one included.
    pub segments: u64,
    /// Logs now.
    pub logs: u64,
    /// Bytes that readers can reach, at most: those of a segment in which something died count until housekeeping
    /// has looked at it.
    pub live_bytes: u64,
    /// Bytes of all files below except snapshots: the sum of the following.
    pub disk_bytes: u64,
    /// Bytes of sealed segments.
    pub sealed_bytes: u64,
    /// Bytes of the segment that is written now.
    pub open_bytes: u64,
    /// Bytes of segments that are kept for later: the next one, the reserve, and one to be recycled.
    pub prepared_bytes: u64,
    /// Bytes that are kept for housekeeping on a full disk.
    pub kept_room_bytes: u64,
    /// Bytes of the compaction that is being written.
    pub compaction_bytes: u64,
    /// Bytes of the manifest. Twice as many are there while it is written.
    pub manifest_bytes: u64,
    /// Free bytes on the disk, when they were last looked at.
    pub disk_free_bytes: u64,
}

impl LocalStats {
    /// The same as numbers with names.
    pub(crate) fn counters(&self) -> Vec<Counter> {
        let (total, now) = (Counter::total, Counter::now);
        vec![
            total(
                "commits",
                "Groups that became durable together",
                self.commits,
            ),
            total("entries", "Entries that became durable", self.entries),
            total(
                "fsyncs",
                "Calls of fsync by the committing thread",
                self.fsyncs,
            ),
            Counter {
                name: "fsync_time",
                help: "How long the fsync of a commit took",
                value: CounterValue::Times(self.fsync_times),
            },
            total(
                "written_bytes",
                "Bytes of frames and footers",
                self.written_bytes,
            ),
            total(
                "payload_bytes",
                "Bytes of payload in them",
                self.payload_bytes,
            ),
            total("sealed_segments", "Segments sealed", self.sealed_segments),
            total(
                "unprepared_segments",
                "Segments that a commit had to wait for",
                self.unprepared_segments,
            ),
            total(
                "removed_segments",
                "Segments removed",
                self.removed_segments,
            ),
            total("removed_bytes", "Bytes of their files", self.removed_bytes),
            total(
                "compacted_segments",
                "Segments that compactions have read",
                self.compacted_segments,
            ),
            total(
                "compacted_bytes",
                "Bytes that they wrote",
                self.compacted_bytes,
            ),
            total("manifests", "Manifests written", self.manifests),
            total(
                "tail_reads",
                "Reads served by the tail cache",
                self.tail_reads,
            ),
            total(
                "warm_reads",
                "Reads served by the page cache",
                self.warm_reads,
            ),
            total(
                "cold_reads",
                "Reads that waited for the disk",
                self.cold_reads,
            ),
            now(
                "tail_cache_bytes",
                "Bytes in the tail cache",
                self.tail_cache_bytes,
            ),
            now("segments", "Segments that are there", self.segments),
            now("logs", "Logs that are there", self.logs),
            now(
                "live_bytes",
                "Bytes that readers can reach, at most",
                self.live_bytes,
            ),
            now(
                "disk_bytes",
                "Bytes of all files but snapshots",
                self.disk_bytes,
            ),
            now(
                "sealed_bytes",
                "Bytes of sealed segments",
                self.sealed_bytes,
            ),
            now("open_bytes", "Bytes of the open segment", self.open_bytes),
            now(
                "prepared_bytes",
                "Bytes of segments kept for later",
                self.prepared_bytes,
            ),
            now(
                "kept_room_bytes",
                "Bytes kept for housekeeping on a full disk",
                self.kept_room_bytes,
            ),
            now(
                "compaction_bytes",
                "Bytes of the compaction that is being written",
                self.compaction_bytes,
            ),
            now(
                "manifest_bytes",
                "Bytes of the manifest",
                self.manifest_bytes,
            ),
            now(
                "disk_free_bytes",
                "Free bytes on the data folder's disk",
                self.disk_free_bytes,
            ),
        ]
    }
}

macro_rules! counters {
    ($($name:ident),+ $(,)?) => {
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $(pub(crate) $name: AtomicU64,)+
            pub(crate) fsync_times: TimeHistogram,
        }

        impl Counters {
            pub(crate) fn read(&self) -> LocalStats {
                LocalStats {
                    $($name: self.$name.load(Ordering::Relaxed),)+
                    fsync_times: self.fsync_times.read(),
                    ..LocalStats::default()
                }
            }
        }
    };
}

counters!(
    commits,
    entries,
    fsyncs,
    written_bytes,
    payload_bytes,
    sealed_segments,
    unprepared_segments,
    removed_segments,
    removed_bytes,
    compacted_segments,
    compacted_bytes,
    manifests,
    tail_reads,
    warm_reads,
    cold_reads,
    kept_room_bytes,
    compaction_bytes,
    manifest_bytes,
    disk_free_bytes,
);

/// Adds to a counter.
pub(crate) fn count(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

/// Sets what is not a count of events but the size of something now.
pub(crate) fn set(counter: &AtomicU64, now: u64) {
    counter.store(now, Ordering::Relaxed);
}
