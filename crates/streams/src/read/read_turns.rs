//! How many reads may wait for the disk at a time.
//!
//! A read that waits may hold the records of a whole answer; their number is what bounds that memory. Reads that memory
//! answers hold nothing across a wait, so that there are never more of them than threads: they take no turn, and do not
//! stand behind those that do.

use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};

/// A read may wait for the disk as long as this is there.
pub(crate) type Turn<'a> = SemaphorePermit<'a>;

/// The turns of a service.
#[derive(Debug)]
pub(crate) struct ReadTurns(Semaphore);

/// A read did not get its turn in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoTurn;

impl ReadTurns {
    /// `reads_max` turns at a time.
    pub(crate) fn new(reads_max: usize) -> Self {
        Self(Semaphore::new(reads_max.clamp(1, Semaphore::MAX_PERMITS)))
    }

    /// Takes a turn unless there is one in hand. Waits at most `patience`. Safe to drop.
    pub(crate) async fn take<'a>(
        &'a self,
        turn: &mut Option<Turn<'a>>,
        patience: Duration,
    ) -> Result<(), NoTurn> {
        if turn.is_some() {
            return Ok(());
        }
        let taken = match self.0.try_acquire() {
            Ok(taken) => taken,
            Err(_) => {
                let taken = tokio::time::timeout(patience, self.0.acquire()).await;
                taken.ok().and_then(Result::ok).ok_or(NoTurn)?
            }
        };
        *turn = Some(taken);
        Ok(())
    }
}
