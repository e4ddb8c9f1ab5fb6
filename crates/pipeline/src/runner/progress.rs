//! What a worker counts, in all and shard by shard.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use millstream_consumer::StatusBoard;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// Most shards that were given up and not asked for yet.
const GIVEN_UP_MAX: usize = 10_000;

/// What a worker has done since it started. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct StageProgress(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    total: Counters,
    pieces_out: AtomicU64,
    pieces_merged: AtomicU64,
    results_out: AtomicU64,
    last_rejection: Mutex<Option<String>>,
    /// Those that this worker works on now.
    shards: Mutex<BTreeMap<(Stage, String), Weak<Own>>>,
    /// What was counted of those that it gave up, until it is asked for, if anybody asks.
    given_up: Mutex<Option<Vec<ShardCounts>>>,
    taken: AtomicU64,
    boards: Mutex<BTreeMap<Stage, StatusBoard>>,
}

#[derive(Debug, Default)]
struct Counters {
    records_in: AtomicU64,
    bytes_in: AtomicU64,
    values_out: AtomicU64,
    rejected: AtomicU64,
}

/// The counters of one shard, from when it was taken until it is given up.
#[derive(Debug)]
struct Own {
    /// No other shard that the worker took has it, nor the same one taken again.
    number: u64,
    stage: Stage,
    shard_id: String,
    counters: Counters,
    all: StageProgress,
}

/// What was counted of one shard since it was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShardCounts {
    /// No other shard that the worker took has it, nor the same one taken again.
    pub(super) number: u64,
    pub(super) stage: Stage,
    pub(super) shard_id: String,
    pub(super) records_in: u64,
    pub(super) bytes_in: u64,
    pub(super) values_out: u64,
    pub(super) rejected: u64,
}

impl Own {
    fn counts(&self) -> ShardCounts {
        ShardCounts {
            number: self.number,
            stage: self.stage,
            shard_id: self.shard_id.clone(),
            records_in: of(&self.counters.records_in),
            bytes_in: of(&self.counters.bytes_in),
            values_out: of(&self.counters.values_out),
            rejected: of(&self.counters.rejected),
        }
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(given_up) = &mut *self.all.0.given_up.lock()
            && given_up.len() < GIVEN_UP_MAX
        {
            given_up.push(self.counts());
        }
    }
}

/// A stage of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Reads the source.
    Source,
    /// Merges windows.
    Windows,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Source => "source",
            Self::Windows => "windows",
        })
    }
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

/// One shard that a worker works on, at one moment; counted since it took the shard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShardProgress {
    /// Which stage.
    pub stage: Stage,
    /// The shard.
    pub shard_id: String,
    /// Records, or pieces, that were read.
    pub records_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Values that went on: to the sinks or into windows; results of windows.
    pub values_out: u64,
    /// Records and items that were rejected.
    pub rejected: u64,
    /// How far the last read was behind the tip, in milliseconds.
    pub behind_ms: Option<u64>,
    /// What went wrong last, while it is not over.
    pub last_error: Option<String>,
}

/// Records that were read and are counted together: shards on several threads count on the same numbers.
#[derive(Debug, Default)]
pub(super) struct Read {
    records: u64,
    bytes: u64,
    values: u64,
}

impl Read {
    pub(super) fn of_one(bytes: usize, values: usize) -> Self {
        let mut read = Self::default();
        read.record(bytes, values);
        read
    }

    /// One more record of so many bytes, of which so many values were made.
    pub(super) fn record(&mut self, bytes: usize, values: usize) {
        self.records += 1;
        self.bytes += bytes as u64;
        self.values += values as u64;
    }
}

impl Counters {
    fn read(&self, read: &Read) {
        self.records_in.fetch_add(read.records, Ordering::Relaxed);
        self.bytes_in.fetch_add(read.bytes, Ordering::Relaxed);
        self.values_out.fetch_add(read.values, Ordering::Relaxed);
    }
}

fn of(number: &AtomicU64) -> u64 {
    number.load(Ordering::Relaxed)
}

impl StageProgress {
    /// The numbers now.
    pub fn counts(&self) -> StageCounts {
        let inner = &self.0;
        StageCounts {
            records_in: of(&inner.total.records_in),
            bytes_in: of(&inner.total.bytes_in),
            values_out: of(&inner.total.values_out),
            rejected: of(&inner.total.rejected),
            pieces_out: of(&inner.pieces_out),
            pieces_merged: of(&inner.pieces_merged),
            results_out: of(&inner.results_out),
            last_rejection: inner.last_rejection.lock().clone(),
        }
    }

    /// The shards that this worker works on now.
    pub fn shards(&self) -> Vec<ShardProgress> {
        let mut shards = self.0.shards.lock();
        shards.retain(|_, own| own.strong_count() > 0);
        let boards = self.0.boards.lock().clone();
        let statuses: BTreeMap<Stage, _> = boards
            .iter()
            .map(|(stage, board)| (*stage, board.shards()))
            .collect();
        let shard = |((stage, shard_id), own): (&(Stage, String), &Weak<Own>)| {
            let own = own.upgrade()?;
            let status = statuses.get(stage).and_then(|shards| shards.get(shard_id));
            let behind = status.and_then(|status| status.behind_latest);
            let error = status.and_then(|status| {
                let failing = status.read_error.clone();
                failing.or_else(|| match &status.step {
                    millstream_consumer::ShardStep::Retrying { error, .. } => Some(error.clone()),
                    _ => None,
                })
            });
            Some(ShardProgress {
                stage: *stage,
                shard_id: shard_id.clone(),
                records_in: of(&own.counters.records_in),
                bytes_in: of(&own.counters.bytes_in),
                values_out: of(&own.counters.values_out),
                rejected: of(&own.counters.rejected),
                behind_ms: behind
                    .map(|behind| u64::try_from(behind.as_millis()).unwrap_or(u64::MAX)),
                last_error: error,
            })
        };
        shards.iter().filter_map(shard).collect()
    }

    /// What is counted of one shard, until the last clone is dropped.
    pub(super) fn shard(&self, stage: Stage, shard_id: &str) -> ShardCounter {
        let own = Arc::new(Own {
            number: self.0.taken.fetch_add(1, Ordering::Relaxed),
            stage,
            shard_id: shard_id.to_owned(),
            counters: Counters::default(),
            all: self.clone(),
        });
        let key = (stage, shard_id.to_owned());
        self.0.shards.lock().insert(key, Arc::downgrade(&own));
        ShardCounter(own)
    }

    /// From now on what was counted of shards that are given up is kept until it is asked for.
    pub(super) fn keep_given_up(&self) {
        self.0.given_up.lock().get_or_insert_default();
    }

    /// What was counted of the shards that were given up since the last time, and of those that are worked on.
    pub(super) fn shard_counts(&self) -> (Vec<ShardCounts>, Vec<ShardCounts>) {
        // In this order no shard is in both.
        let given_up = self.0.given_up.lock().as_mut().map(std::mem::take);
        let held: Vec<Arc<Own>> = {
            let shards = self.0.shards.lock();
            shards.values().filter_map(Weak::upgrade).collect()
        };
        let held = held.iter().map(|own| own.counts()).collect();
        (given_up.unwrap_or_default(), held)
    }

    /// The board of a stage's consumer, which knows how far its shards are behind.
    pub(super) fn watch(&self, stage: Stage, board: StatusBoard) {
        self.0.boards.lock().insert(stage, board);
    }

    pub(super) fn rejected(&self, cause: &str) {
        self.0.total.rejected.fetch_add(1, Ordering::Relaxed);
        *self.0.last_rejection.lock() = Some(cause.to_owned());
    }
}

/// Counts for one shard and for the worker.
#[derive(Debug, Clone)]
pub(super) struct ShardCounter(Arc<Own>);

impl ShardCounter {
    pub(super) fn read(&self, read: &Read) {
        self.0.counters.read(read);
        self.0.all.0.total.read(read);
    }

    /// A record of the shard was rejected by decoding or a step; the worker counts it where it is kept.
    pub(super) fn rejected(&self) {
        self.0.counters.rejected.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn piece_out(&self) {
        self.0.all.0.pieces_out.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn piece_merged(&self, bytes: usize) {
        self.0.counters.read(&Read::of_one(bytes, 0));
        self.0.all.0.pieces_merged.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn results_out(&self, results: usize) {
        let results = results as u64;
        self.0
            .counters
            .values_out
            .fetch_add(results, Ordering::Relaxed);
        self.0
            .all
            .0
            .results_out
            .fetch_add(results, Ordering::Relaxed);
    }
}
