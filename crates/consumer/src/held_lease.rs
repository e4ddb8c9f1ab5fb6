//! A lease that this worker holds.
//!
//! One value stands for one acquisition: it plays the part of the KCL's concurrency token. Once it is lost it stays
//! lost; taking the lease again makes a new value, so a processor of the earlier term can never checkpoint.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::{CheckpointError, Conditional, Lease, LeaseTable, LeaseTableError, TableFuture};

/// How often a write is repeated because an earlier one of ours had been made though its answer was lost.
const LOST_ANSWERS_MAX: usize = 3;

#[derive(Debug)]
pub(crate) struct HeldLease {
    key: String,
    table: Arc<dyn LeaseTable>,
    row: AsyncMutex<Lease>,
    valid_until: Mutex<Instant>,
    lost: CancellationToken,
    failover_time: Duration,
    call_timeout: Duration,
}

impl HeldLease {
    /// A lease that was just taken; `asked_at` is a moment before the table was asked.
    pub(crate) fn new(
        lease: Lease,
        table: Arc<dyn LeaseTable>,
        asked_at: Instant,
        failover_time: Duration,
        call_timeout: Duration,
    ) -> Self {
        Self {
            key: lease.lease_key.clone(),
            table,
            row: AsyncMutex::new(lease),
            valid_until: Mutex::new(asked_at + failover_time),
            lost: CancellationToken::new(),
            failover_time,
            call_timeout,
        }
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Cancelled once the lease is lost.
    pub(crate) fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Whether no other worker can have taken the lease by now: others wait for the failover time after they saw our
    /// last write, and we count from before we asked for it.
    pub(crate) fn is_valid(&self) -> bool {
        !self.lost.is_cancelled() && Instant::now() < self.valid_until()
    }

    fn valid_until(&self) -> Instant {
        *self
            .valid_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn extend(&self, asked_at: Instant) {
        let mut valid_until = self
            .valid_until
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *valid_until = (*valid_until).max(asked_at + self.failover_time);
    }

    /// The row as of our last successful write.
    pub(crate) async fn row(&self) -> Lease {
        self.row.lock().await.clone()
    }

    /// Renews every `interval` until the lease is lost or runs out; then marks it lost.
    pub(crate) async fn keep(self: Arc<Self>, interval: Duration) {
        tokio::select! {
            biased;
            () = self.lost.cancelled() => {}
            // Beside the renewals, one of which may be hanging.
            () = self.run_out() => {}
            () = self.renew_for_ever(interval) => {}
        }
        self.lost.cancel();
    }

    async fn run_out(&self) {
        while self.is_valid() {
            sleep_until(self.valid_until()).await;
        }
    }

    /// Ends when the lease is lost.
    async fn renew_for_ever(&self, interval: Duration) {
        let mut pause = interval;
        loop {
            sleep(pause).await;
            let renewed = self
                .write(|row| Ok(row.clone()), |table, row| table.renew(row))
                .await;
            pause = match renewed {
                Ok(()) => interval,
                Err(CheckpointError::LeaseLost) => return,
                Err(error) => {
                    tracing::warn!(shard_id = %self.key, %error, "lease could not be renewed");
                    interval / 4
                }
            };
        }
    }

    /// Writes what `change` makes of the row.
    pub(crate) async fn update(
        &self,
        change: impl Fn(&Lease) -> Result<Lease, CheckpointError>,
    ) -> Result<(), CheckpointError> {
        self.write(change, |table, row| table.update(row)).await
    }

    /// Gives the lease back, so that another worker may take it at once. The lease counts as lost afterwards,
    /// whatever the answer is.
    pub(crate) async fn release(&self) -> Result<(), CheckpointError> {
        let released = self
            .write(|row| Ok(row.clone()), |table, row| table.release(row))
            .await;
        self.lost.cancel();
        released
    }

    /// Makes one conditional write. A refusal is checked against the stored row: if it carries our name and the very
    /// next counter, an earlier write of ours was made and its answer lost; the write is then repeated on that row.
    async fn write(
        &self,
        change: impl Fn(&Lease) -> Result<Lease, CheckpointError>,
        send: impl Fn(&dyn LeaseTable, &Lease) -> TableFuture<Conditional>,
    ) -> Result<(), CheckpointError> {
        let mut row = self.row.lock().await;
        for _ in 0..LOST_ANSWERS_MAX {
            if !self.is_valid() {
                return Err(CheckpointError::LeaseLost);
            }
            let wanted = change(&row)?;
            let asked_at = Instant::now();
            let answer = timeout(self.call_timeout, send(&*self.table, &wanted)).await;
            match answer.map_err(|_| LeaseTableError::TimedOut)?? {
                Conditional::Done(stored) => {
                    *row = stored;
                    self.extend(asked_at);
                    return Ok(());
                }
                Conditional::Refused(Some(stored))
                    if stored.lease_owner == row.lease_owner
                        && stored.lease_counter == row.lease_counter + 1 =>
                {
                    *row = stored;
                }
                Conditional::Refused(_) => break,
            }
        }
        self.lost.cancel();
        Err(CheckpointError::LeaseLost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Checkpoint, MemoryLeaseTable};

    const FAILOVER: Duration = Duration::from_secs(10);

    async fn held(table: &MemoryLeaseTable) -> Arc<HeldLease> {
        let lease = Lease::unowned("s", Checkpoint::TrimHorizon);
        table.create(lease.clone()).await.unwrap();
        let asked_at = Instant::now();
        let Conditional::Done(lease) = table.take(&lease, "me").await.unwrap() else {
            panic!("the lease is free")
        };
        let held = HeldLease::new(
            lease,
            Arc::new(table.clone()),
            asked_at,
            FAILOVER,
            FAILOVER / 3,
        );
        Arc::new(held)
    }

    fn advance(row: &Lease) -> Result<Lease, CheckpointError> {
        Ok(Lease {
            checkpoint: Checkpoint::parse("5", 0)?,
            ..row.clone()
        })
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_whose_answer_was_lost_is_recognised() {
        let table = MemoryLeaseTable::default();
        let held = held(&table).await;
        // A renewal arrives, its answer does not.
        let row = held.row().await;
        table.renew(&row).await.unwrap();
        held.update(advance).await.unwrap();
        assert!(held.is_valid());
        assert_eq!(table.rows()[0].checkpoint.text(), "5");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stolen_lease_is_lost_and_cannot_checkpoint() {
        let table = MemoryLeaseTable::default();
        let held = held(&table).await;
        table.take(&table.rows()[0], "thief").await.unwrap();
        let refused = held.update(advance).await;
        assert!(matches!(refused, Err(CheckpointError::LeaseLost)));
        assert!(held.lost().is_cancelled());
        assert_eq!(table.rows()[0].checkpoint, Checkpoint::TrimHorizon);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lease_taken_again_by_the_same_worker_is_another_term() {
        let table = MemoryLeaseTable::default();
        let first = held(&table).await;
        table.take(&table.rows()[0], "thief").await.unwrap();
        table.take(&table.rows()[0], "me").await.unwrap();
        let refused = first.update(advance).await;
        assert!(matches!(refused, Err(CheckpointError::LeaseLost)));
    }

    #[tokio::test(start_paused = true)]
    async fn renewal_keeps_a_lease_and_its_absence_ends_it_on_time() {
        let table = MemoryLeaseTable::default();
        let held = held(&table).await;
        let keeper = tokio::spawn(Arc::clone(&held).keep(FAILOVER / 3));
        tokio::time::sleep(FAILOVER * 5).await;
        assert!(held.is_valid());
        keeper.abort();
        let valid_for = held.valid_until() - Instant::now();
        assert!(valid_for > FAILOVER / 2 && valid_for <= FAILOVER);
        tokio::time::sleep(valid_for).await;
        assert!(!held.is_valid());
    }
}
