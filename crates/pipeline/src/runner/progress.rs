//! What a worker counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

/// What a worker has done since it started. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct StageProgress(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    records_in: AtomicU64,
    bytes_in: AtomicU64,
    values_out: AtomicU64,
    rejected: AtomicU64,
    pieces_out: AtomicU64,
    pieces_merged: AtomicU64,
    results_out: AtomicU64,
    last_rejection: Mutex<Option<String>>,
}

/// The numbers at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StageCounts {
    /// Records read from the source.
    pub records_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Values that passed all steps.
    pub values_out: u64,
    /// Records and items that were rejected.
    pub rejected: u64,
    /// Pieces put on the intermediate stream.
    pub pieces_out: u64,
    /// Pieces merged from it.
    pub pieces_merged: u64,
    /// Results of windows handed to the sinks.
    pub results_out: u64,
    /// Why the last record was rejected.
    pub last_rejection: Option<String>,
}

impl StageProgress {
    /// The numbers now.
    pub fn counts(&self) -> StageCounts {
        let of = |number: &AtomicU64| number.load(Ordering::Relaxed);
        let inner = &self.0;
        StageCounts {
            records_in: of(&inner.records_in),
            bytes_in: of(&inner.bytes_in),
            values_out: of(&inner.values_out),
            rejected: of(&inner.rejected),
            pieces_out: of(&inner.pieces_out),
            pieces_merged: of(&inner.pieces_merged),
            results_out: of(&inner.results_out),
            last_rejection: inner.last_rejection.lock().clone(),
        }
    }

    pub(super) fn read(&self, bytes: usize, values: usize) {
        self.0.records_in.fetch_add(1, Ordering::Relaxed);
        self.0.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
        self.0
            .values_out
            .fetch_add(values as u64, Ordering::Relaxed);
    }

    pub(super) fn rejected(&self, cause: &str) {
        self.0.rejected.fetch_add(1, Ordering::Relaxed);
        *self.0.last_rejection.lock() = Some(cause.to_owned());
    }

    pub(super) fn piece_out(&self) {
        self.0.pieces_out.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn piece_merged(&self) {
        self.0.pieces_merged.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn results_out(&self, results: usize) {
        self.0
            .results_out
            .fetch_add(results as u64, Ordering::Relaxed);
    }
}
