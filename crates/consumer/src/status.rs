//! What a worker is doing, shard by shard.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What a shard is waiting for or busy with.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ShardStep {
    /// The lease was taken from a living worker, which may not know yet.
    WaitingForLastOwner,
    /// These parents are not finished.
    WaitingForParents(Vec<String>),
    /// The processor has been made and is told where to start.
    Starting,
    /// The processor waits for records.
    Waiting,
    /// The processor has a batch.
    Processing,
    /// The processor failed so often in a row and is called again after a pause.
    Retrying {
        /// Failures of this call so far.
        failures: u32,
        /// The last error.
        error: String,
    },
    /// Records are being put on the dead letters.
    Parking,
    /// The shard has ended; its children are being leased.
    Ending,
    /// The processor is being stopped.
    Stopping,
}

/// The state of one shard on this worker.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardStatus {
    /// What it does now.
    pub step: ShardStep,
    /// Since when.
    pub since: Instant,
    /// How far the last answer of the stream was behind the tip.
    pub behind_latest: Option<Duration>,
    /// Everything that was on the shard at this moment has been processed.
    pub caught_up_at: Option<Instant>,
    /// Why the last read failed, until one succeeds.
    pub read_error: Option<String>,
}

/// The state of all shards that a worker works on. Clones show the same state.
#[derive(Debug, Clone, Default)]
pub struct StatusBoard {
    shards: Arc<Mutex<BTreeMap<String, ShardStatus>>>,
}

impl StatusBoard {
    /// The shards that this worker works on now, by id.
    pub fn shards(&self) -> BTreeMap<String, ShardStatus> {
        self.with(|shards| shards.clone())
    }

    /// Whether everything that was on the worker's shards at `moment` has been processed. True with no shards.
    pub fn has_caught_up_since(&self, moment: Instant) -> bool {
        self.with(|shards| {
            shards
                .values()
                .all(|shard| shard.caught_up_at.is_some_and(|at| at >= moment))
        })
    }

    pub(crate) fn enter(&self, shard_id: &str, step: ShardStep) {
        let now = tokio::time::Instant::now().into_std();
        self.with(|shards| match shards.get_mut(shard_id) {
            Some(status) if status.step == step => {}
            Some(status) => {
                status.step = step;
                status.since = now;
            }
            None => {
                let status = ShardStatus {
                    step,
                    since: now,
                    behind_latest: None,
                    caught_up_at: None,
                    read_error: None,
                };
                shards.insert(shard_id.to_owned(), status);
            }
        });
    }

    pub(crate) fn leave(&self, shard_id: &str) {
        self.with(|shards| shards.remove(shard_id));
    }

    pub(crate) fn change(&self, shard_id: &str, change: impl FnOnce(&mut ShardStatus)) {
        self.with(|shards| {
            if let Some(status) = shards.get_mut(shard_id) {
                change(status);
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut BTreeMap<String, ShardStatus>) -> T) -> T {
        act(&mut self.shards.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
