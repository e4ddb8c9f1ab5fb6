//! What a worker is doing, shard by shard.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
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
    /// Since when it has not waited for records: a batch that is retried is one step here. `None` while it waits.
    pub busy_since: Option<Instant>,
    /// How far the last answer of the stream was behind the tip.
    pub behind_latest: Option<Duration>,
    /// Everything that was on the shard at this moment has been processed.
    pub caught_up_at: Option<Instant>,
    /// Why the last read failed, until one succeeds.
    pub read_error: Option<String>,
    /// What the handler last failed with on this shard, also if it has succeeded since.
    pub last_error: Option<String>,
}

/// The state of all shards that a worker works on. Clones show the same state.
#[derive(Debug, Clone, Default)]
pub struct StatusBoard {
    shards: Arc<Mutex<BTreeMap<String, ShardStatus>>>,
    leads: Arc<AtomicBool>,
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

    /// The shards that have been busy with one step for longer than `bound`: a handler that does not end, a parent that is
    /// not finished, a record that fails again and again. A shard that waits for records is never stuck.
    pub fn stuck_for(&self, bound: Duration) -> BTreeMap<String, ShardStatus> {
        let now = tokio::time::Instant::now().into_std();
        let is_stuck = |status: &ShardStatus| {
            let waited = now.saturating_duration_since(status.busy_since.unwrap_or(now));
            status.step != ShardStep::Waiting && waited > bound
        };
        self.with(|shards| {
            let stuck = shards.iter().filter(|(_, status)| is_stuck(status));
            stuck
                .map(|(shard_id, status)| (shard_id.clone(), status.clone()))
                .collect()
        })
    }

    /// Whether this worker does what one of the application's workers does for all: it looks for new shards, and removes the
    /// leases of those that are over. As of its last look at the table; another one may believe so at the same time.
    pub fn leads(&self) -> bool {
        self.leads.load(Ordering::Relaxed)
    }

    pub(crate) fn note_leads(&self, leads: bool) {
        self.leads.store(leads, Ordering::Relaxed);
    }

    pub(crate) fn enter(&self, shard_id: &str, step: ShardStep) {
        let now = tokio::time::Instant::now().into_std();
        self.with(|shards| match shards.get_mut(shard_id) {
            Some(status) if status.step == step => {}
            Some(status) => {
                if let ShardStep::Retrying { error, .. } = &step {
                    status.last_error = Some(error.clone());
                }
                if step == ShardStep::Waiting {
                    status.busy_since = None;
                } else {
                    status.busy_since.get_or_insert(now);
                }
                status.step = step;
                status.since = now;
            }
            None => {
                let busy_since = (step != ShardStep::Waiting).then_some(now);
                let status = ShardStatus {
                    step,
                    since: now,
                    busy_since,
                    behind_latest: None,
                    caught_up_at: None,
                    read_error: None,
                    last_error: None,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_shard_that_is_long_at_one_batch_is_stuck_and_one_that_waits_is_not() {
        let (board, bound) = (StatusBoard::default(), Duration::from_secs(60));
        for shard in ["waits", "works", "retries"] {
            board.enter(shard, ShardStep::Waiting);
        }
        board.enter("works", ShardStep::Processing);
        for failures in 1..10 {
            board.enter("retries", ShardStep::Processing);
            let error = "no".to_owned();
            board.enter("retries", ShardStep::Retrying { failures, error });
            tokio::time::sleep(bound / 8).await;
        }
        let stuck = board.stuck_for(bound);
        assert_eq!(stuck.keys().collect::<Vec<_>>(), ["retries", "works"]);
        assert_eq!(stuck["retries"].last_error.as_deref(), Some("no"));
        board.enter("works", ShardStep::Waiting);
        board.enter("retries", ShardStep::Waiting);
        assert!(board.stuck_for(Duration::ZERO).is_empty());
        assert!(board.shards()["retries"].last_error.is_some());
    }
}
