//! A lease that this worker holds.
//!
//! One value stands for one acquisition: it plays the part of the KCL's concurrency token. Once it is lost it stays
//! lost; taking the lease again makes a new value, so a processor of the earlier term can never checkpoint.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex as AsyncMutex;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use crate::metrics::{self, Metrics};
use crate::{CheckpointError, Conditional, Lease, LeaseTable, LeaseTableError, TableFuture};

/// How often a write is repeated because an earlier one of ours had been made though its answer was lost.
const LOST_ANSWERS_MAX: usize = 3;

/// How often a lease is given back before it is left to expire.
const RELEASES_MAX: usize = 3;

#[derive(Debug)]
struct Row {
    /// As of our last write that was answered.
    lease: Lease,
    /// Later writes were sent and not answered: one of them may have been made.
    may_be_ahead: bool,
}

#[derive(Debug)]
pub(crate) struct HeldLease {
    key: String,
    table: Arc<dyn LeaseTable>,
    row: AsyncMutex<Row>,
    valid_until: Mutex<Instant>,
    lost: CancellationToken,
    /// Finish the batch in hand, then release.
    stop: CancellationToken,
    /// The row was written under this worker's id, but not by this process.
    has_twin: AtomicBool,
    term: Duration,
    call_timeout: Duration,
    metrics: Metrics,
}

impl HeldLease {
    /// A lease that was just taken; `asked_at` is a moment before the table was asked. Each write extends it by `term`.
    pub(crate) fn new(
        lease: Lease,
        table: Arc<dyn LeaseTable>,
        asked_at: Instant,
        term: Duration,
        call_timeout: Duration,
        stop: CancellationToken,
        metrics: Metrics,
    ) -> Self {
        Self {
            key: lease.lease_key.clone(),
            table,
            row: AsyncMutex::new(Row {
                lease,
                may_be_ahead: false,
            }),
            valid_until: Mutex::new(asked_at + term),
            lost: CancellationToken::new(),
            stop,
            has_twin: AtomicBool::new(false),
            term,
            call_timeout,
            metrics,
        }
    }

    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Cancelled once the lease is lost.
    pub(crate) fn lost(&self) -> &CancellationToken {
        &self.lost
    }

    /// Cancelled once the shard is to be given up in good order.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.stop
    }

    /// Whether the lease was lost to a worker of our own id.
    pub(crate) fn has_twin(&self) -> bool {
        self.has_twin.load(Ordering::Relaxed)
    }

    /// Whether no other worker can have taken the lease by now: others wait for the failover time after they saw our
    /// last write, and we count less than that from before we asked for it.
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
        *valid_until = (*valid_until).max(asked_at + self.term);
    }

    /// A moment before our last write that was answered was sent.
    pub(crate) fn written_at(&self) -> Instant {
        self.valid_until() - self.term
    }

    /// Leaves the lease to expire: nothing writes to it any more.
    pub(crate) fn leave(&self) {
        self.lost.cancel();
    }

    /// The row as of our last successful write.
    pub(crate) async fn row(&self) -> Lease {
        self.row.lock().await.lease.clone()
    }

    /// Renews whenever nothing was written for `interval`, until the lease is lost or runs out; then marks it lost.
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
        let mut next = self.written_at() + interval;
        loop {
            sleep_until(next).await;
            // Every write is a renewal.
            let due = self.written_at() + interval;
            next = if Instant::now() < due {
                due
            } else {
                match self.renew().await {
                    Ok(()) => self.written_at() + interval,
                    Err(CheckpointError::LeaseLost) => return,
                    Err(_) => Instant::now() + interval / 4,
                }
            };
        }
    }

    /// Writes what is there, so that others see that the holder lives.
    pub(crate) async fn renew(&self) -> Result<(), CheckpointError> {
        let began = Instant::now();
        let renewed = self
            .write(|row| Ok(row.clone()), |table, row| table.renew(row))
            .await;
        self.metrics
            .timed(metrics::RENEW_LEASE, None, began, renewed.is_ok());
        if let Err(error @ CheckpointError::Table(_)) = &renewed {
            tracing::warn!(shard_id = %self.key, %error, "lease could not be renewed");
        }
        renewed
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
        let mut released = Ok(());
        for _ in 0..RELEASES_MAX {
            released = self
                .write(|row| Ok(row.clone()), |table, row| table.release(row))
                .await;
            // Without an answer the row may still be ours, and others would wait for it to expire.
            if !matches!(released, Err(CheckpointError::Table(_))) {
                break;
            }
        }
        self.lost.cancel();
        released
    }

    /// Makes one conditional write. A refusal is checked against the stored row: if it carries our name and the very
    /// next counter, and an earlier write of ours was not answered, then that one was made; the write is repeated on
    /// that row. Without such a write, somebody else uses our id.
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
            let wanted = change(&row.lease)?;
            let asked_at = Instant::now();
            let may_have_been_ahead = std::mem::replace(&mut row.may_be_ahead, true);
            let answer = timeout(self.call_timeout, send(&*self.table, &wanted)).await;
            let answer = answer.map_err(|_| LeaseTableError::TimedOut)??;
            row.may_be_ahead = false;
            match answer {
                Conditional::Done(stored) => {
                    row.lease = stored;
                    self.extend(asked_at);
                    return Ok(());
                }
                Conditional::Refused(Some(stored))
                    if may_have_been_ahead && is_next(&row.lease, &stored) =>
                {
                    row.lease = stored;
                }
                Conditional::Refused(Some(stored))
                    if is_handed_over(&row.lease, &stored, may_have_been_ahead) =>
                {
                    tracing::info!(
                        shard_id = %self.key, to = stored.lease_owner.as_deref(),
                        "lease is to be handed over"
                    );
                    row.lease = stored;
                    self.stop.cancel();
                }
                Conditional::Refused(Some(stored))
                    if stored.holder() == row.lease.holder()
                        && row.lease.is_of_same_shard(&stored) =>
                {
                    self.has_twin.store(true, Ordering::Relaxed);
                    break;
                }
                Conditional::Refused(_) => break,
            }
        }
        self.lost.cancel();
        Err(CheckpointError::LeaseLost)
    }
}

/// Whether `stored` may be what one of our own writes on `row` made.
fn is_next(row: &Lease, stored: &Lease) -> bool {
    stored.lease_owner == row.lease_owner
        && stored.checkpoint_owner == row.checkpoint_owner
        && stored.lease_counter == row.lease_counter + 1
        && row.is_of_same_shard(stored)
}

/// Whether another worker has asked for the lease since our last write, or since one that was not answered.
fn is_handed_over(row: &Lease, stored: &Lease, may_have_been_ahead: bool) -> bool {
    let ahead = stored.lease_counter.checked_sub(row.lease_counter);
    row.checkpoint_owner.is_none()
        && stored.checkpoint_owner.is_some()
        && stored.checkpoint_owner == row.lease_owner
        && (ahead == Some(0) || (may_have_been_ahead && ahead == Some(1)))
        && row.is_of_same_shard(stored)
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::time::sleep;

    use super::*;
    use crate::Checkpoint;
    use crate::testing::MemoryLeaseTable;

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
            CancellationToken::new(),
            Metrics::default(),
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
        let unanswered = held.write(
            |row| Ok(row.clone()),
            |table, row| {
                let sent = table.renew(row);
                async move {
                    sent.await?;
                    Err(LeaseTableError::TimedOut)
                }
                .boxed()
            },
        );
        assert!(unanswered.await.is_err());
        held.update(advance).await.unwrap();
        assert!(held.is_valid());
        assert_eq!(table.rows()[0].checkpoint.text(), "5");
    }

    #[tokio::test(start_paused = true)]
    async fn a_write_of_a_worker_with_the_same_id_is_not_taken_for_our_own() {
        let table = MemoryLeaseTable::default();
        let held = held(&table).await;
        let twin = table.take(&table.rows()[0], "me").await.unwrap();
        assert!(matches!(twin, Conditional::Done(_)));
        let refused = held.update(advance).await;
        assert!(matches!(refused, Err(CheckpointError::LeaseLost)));
        assert!(held.has_twin() && !held.is_valid());
    }

    /// Whoever counts from the answer works on while another worker may have the lease.
    #[tokio::test(start_paused = true)]
    async fn a_term_counts_from_before_the_table_was_asked() {
        let table = MemoryLeaseTable::default();
        let held = held(&table).await;
        let slow = held.write(
            |row| Ok(row.clone()),
            |table, row| {
                let sent = table.renew(row);
                async move {
                    sleep(FAILOVER / 4).await;
                    sent.await
                }
                .boxed()
            },
        );
        slow.await.unwrap();
        assert_eq!(held.valid_until() - Instant::now(), FAILOVER * 3 / 4);
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
    async fn a_lease_that_another_worker_asks_for_is_kept_until_it_is_passed_on() {
        let table = MemoryLeaseTable::default();
        let held = held(&table).await;
        let asked = table.hand_over(&table.rows()[0], "next").await.unwrap();
        assert!(matches!(asked, Conditional::Done(_)));
        held.update(advance).await.unwrap();
        assert!(held.stop().is_cancelled() && held.is_valid());
        held.release().await.unwrap();
        let row = &table.rows()[0];
        assert!(row.is_owned_by("next") && row.checkpoint_owner.is_none());
        assert_eq!(row.checkpoint.text(), "5");
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
    async fn a_lease_that_is_written_to_needs_no_renewal() {
        let table = MemoryLeaseTable::default();
        let held = held(&table).await;
        let keeper = tokio::spawn(Arc::clone(&held).keep(FAILOVER / 3));
        for _ in 0..10 {
            sleep(FAILOVER / 4).await;
            held.update(advance).await.unwrap();
        }
        assert_eq!(table.rows()[0].lease_counter, 1 + 10);
        sleep(FAILOVER * 11 / 10).await;
        assert_eq!(table.rows()[0].lease_counter, 1 + 10 + 3);
        keeper.abort();
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
