//! One worker: reads the lease table, takes leases, works on their shards, and gives them back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use self::giving_back::GivingBack;
use crate::assignment::{self, AskedFor, Observations, Taker};
use crate::held_lease::HeldLease;
use crate::incoming::{Arrival, Incoming};
use crate::metrics::{self, Metric, Operation};
use crate::shard_consumer::{self, ShardContext, ShardOutcome, SyncError, in_table_time};
use crate::source::in_time;
use crate::twin_watch::TwinWatch;
use crate::{BoxError, Conditional, ConsumerError, Lease, ShardStep, shard_graph};

mod giving_back;

/// Pause before the table is asked for again while it cannot be created or found.
const TABLE_RETRY: Duration = Duration::from_secs(1);
/// How long tasks may take to end after their processors were dropped.
const ABANDON_GRACE: Duration = Duration::from_secs(5);

pub(crate) struct Worker {
    pub(crate) context: Arc<ShardContext>,
    pub(crate) worker_id: String,
    pub(crate) rng: StdRng,
    observations: Observations,
    next_sync: Instant,
    held: BTreeSet<String>,
    /// Takes that were sent and not answered, by lease key.
    asked_for: BTreeMap<String, AskedFor>,
    twins: TwinWatch,
    incoming: Incoming,
    gives_way: bool,
    /// Rows that looked as if the stream had been created again, at the last look.
    suspects: BTreeSet<String>,
    shards: JoinSet<(String, ShardOutcome)>,
    halted: Option<(String, BoxError)>,
    /// Shards that have been named as stuck.
    stuck: BTreeSet<String>,
}

impl Worker {
    pub(crate) fn new(context: Arc<ShardContext>, worker_id: String, seed: u64) -> Self {
        Self {
            context,
            worker_id,
            rng: StdRng::seed_from_u64(seed),
            observations: Observations::default(),
            next_sync: Instant::now(),
            held: BTreeSet::new(),
            asked_for: BTreeMap::new(),
            twins: TwinWatch::default(),
            incoming: Incoming::default(),
            gives_way: false,
            suspects: BTreeSet::new(),
            shards: JoinSet::new(),
            halted: None,
            stuck: BTreeSet::new(),
        }
    }

    /// Works until `stop` is cancelled, then gives the leases back. Dropping this stops everything at once and
    /// leaves the leases to expire.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), ConsumerError> {
        if !self.find_table(&stop).await {
            return Ok(());
        }
        let mut scans = interval(self.context.settings.scans_every());
        scans.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while self.halted.is_none() && !self.gives_way {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = self.shards.join_next() => self.note_end(ended)?,
                _ = scans.tick() => {
                    // A scan makes many calls, and each may take its time: a stop does not wait for them.
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => break,
                        () = self.scan() => {}
                    }
                }
            }
        }
        self.stop().await
    }

    /// False if the worker was told to stop first.
    async fn find_table(&self, stop: &CancellationToken) -> bool {
        loop {
            let attempt = async {
                let found = self.context.table.ensure_exists().await;
                if let Err(error) = &found {
                    tracing::warn!(%error, "lease table is not ready");
                    sleep(TABLE_RETRY).await;
                }
                found.is_ok()
            };
            tokio::select! {
                biased;
                () = stop.cancelled() => return false,
                found = attempt => if found { return true },
            }
        }
    }

    /// Names the shards that do not move, each once for each time that it stops moving.
    fn watch(&mut self) {
        let stuck = self
            .context
            .board
            .stuck_for(self.context.settings.stuck_after);
        self.stuck.retain(|shard_id| stuck.contains_key(shard_id));
        for (shard_id, status) in stuck {
            if self.stuck.insert(shard_id.clone()) {
                tracing::error!(
                    shard_id, step = ?status.step, behind_latest = ?status.behind_latest,
                    last_error = status.last_error, "shard does not move"
                );
            }
        }
    }

    /// One look at the table: sync and clean-up if they are due and ours to do, then take what is ours to take.
    async fn scan(&mut self) {
        self.watch();
        let Some(mut leases) = self.list().await else {
            return;
        };
        let leads = assignment::leads(&leases, &self.worker_id);
        if leases.is_empty() || (leads && Instant::now() >= self.next_sync) {
            self.sync(&leases).await;
            match self.list().await {
                Some(newer) => leases = newer,
                None => return,
            }
        }
        self.gives_way =
            self.twins
                .must_give_way(&leases, &self.worker_id, &self.held, &self.asked_for);
        if self.gives_way {
            let error = ConsumerError::WorkerIdInUse(self.worker_id.clone());
            tracing::error!(%error, "this worker gives way");
            return;
        }
        self.count_leases(&leases);
        let asked_for = self.asked_for.clone();
        self.receive(&leases).await;
        let taker = Taker {
            worker_id: &self.worker_id,
            failover_time: self.context.settings.failover_time,
            leases_max: self.context.settings.leases_max,
            asked_for: &asked_for,
        };
        let wanted = taker.leases_to_take(
            &leases,
            &self.observations,
            Instant::now(),
            &self.incoming.with(&self.held),
            &mut self.rng,
        );
        let (expired, live): (Vec<Lease>, Vec<Lease>) = wanted
            .into_iter()
            .partition(|lease| taker.is_available(lease, &self.observations, Instant::now()));
        for lease in expired {
            self.take(lease, Duration::ZERO).await;
        }
        for lease in live {
            self.ask_for(lease).await;
        }
    }

    fn count(&self, operation: Operation, metric: Metric, count: usize) {
        self.context.metrics.count(operation, None, metric, count);
    }

    fn count_leases(&self, leases: &[Lease]) {
        let open = leases.iter().filter(|lease| !lease.is_finished());
        let owners: BTreeSet<&str> = open
            .clone()
            .filter_map(|lease| lease.lease_owner.as_deref())
            .chain([self.worker_id.as_str()])
            .collect();
        self.count(Operation::TakeLeases, Metric::TotalLeases, open.count());
        self.count(Operation::TakeLeases, Metric::NumWorkers, owners.len());
        self.count(
            Operation::RenewAllLeases,
            Metric::CurrentLeases,
            self.held.len(),
        );
    }

    /// Asks the worker that holds a lease to finish what it has in hand and to pass the lease on.
    async fn ask_for(&mut self, lease: Lease) {
        let settings = &self.context.settings;
        let patience = settings.shutdown_grace + settings.failover_time;
        self.incoming
            .expect(&lease.lease_key, Instant::now() + patience);
        let asked = self.context.table.hand_over(&lease, &self.worker_id);
        match in_table_time(&self.context, asked).await {
            Ok(Conditional::Done(_)) => tracing::info!(
                shard_id = %lease.lease_key, from = lease.lease_owner.as_deref().unwrap_or("nobody"),
                "lease asked for"
            ),
            // Another worker was faster.
            Ok(Conditional::Refused(_)) => self.incoming.forget(&lease.lease_key),
            Err(error) => {
                tracing::warn!(shard_id = %lease.lease_key, %error, "lease could not be asked for");
            }
        }
    }

    /// Takes the leases that other workers have passed on to this one, or that they should have passed on long ago.
    async fn receive(&mut self, leases: &[Lease]) {
        let now = Instant::now();
        let failover_time = self.context.settings.failover_time;
        let observations = &self.observations;
        let has_expired = |lease: &Lease| observations.unchanged_for(lease, now) >= failover_time;
        let arrived = self
            .incoming
            .arrived(leases, &self.worker_id, now, has_expired);
        for (lease, arrival) in arrived {
            if self.held.contains(&lease.lease_key) {
                continue;
            }
            let quarantine = match arrival {
                Arrival::PassedOn => Duration::ZERO,
                // Its owner learns of it at its next renewal, at the latest when its term ends.
                Arrival::Overdue => failover_time,
                Arrival::AskedForAgain => {
                    self.pass_on(&lease).await;
                    continue;
                }
            };
            let lease_key = lease.lease_key.clone();
            self.take(lease, quarantine).await;
            // Without an answer it is asked for again, and given back at a stop.
            if !self.asked_for.contains_key(&lease_key) {
                self.incoming.forget(&lease_key);
            }
        }
    }

    /// Passes on a lease that this worker was given and does not hold; without an answer the next look tries again.
    async fn pass_on(&mut self, lease: &Lease) {
        let asked = self.asked_for.get(&lease.lease_key);
        if asked.is_some_and(AskedFor::has_quarantine) {
            // The last owner may still be at it, and whoever comes next does not know.
            return;
        }
        let passed_on = self.context.table.release(lease);
        match in_table_time(&self.context, passed_on).await {
            Ok(_) => {
                self.asked_for.remove(&lease.lease_key);
                self.incoming.forget(&lease.lease_key);
            }
            Err(error) => {
                tracing::warn!(shard_id = %lease.lease_key, %error, "lease could not be passed on");
            }
        }
    }

    async fn list(&mut self) -> Option<Vec<Lease>> {
        let began = Instant::now();
        let listed = in_table_time(&self.context, self.context.table.list()).await;
        let metrics = &self.context.metrics;
        metrics.timed(metrics::LIST_LEASES, None, began, listed.is_ok());
        match listed {
            Ok(leases) => {
                self.observations.note(&leases, Instant::now());
                Some(leases)
            }
            Err(error) => {
                tracing::warn!(%error, "leases could not be listed");
                None
            }
        }
    }

    /// Creates missing leases and removes finished ones that nobody needs.
    async fn sync(&mut self, leases: &[Lease]) {
        let began = Instant::now();
        let has_succeeded = self.try_sync(leases).await;
        let metrics = &self.context.metrics;
        metrics.timed(metrics::SYNC_SHARDS, None, began, has_succeeded);
    }

    /// False if not all leases could be made.
    async fn try_sync(&mut self, leases: &[Lease]) -> bool {
        let shards = match in_time(self.context.source.list_shards()).await {
            Ok(shards) => shards,
            Err(error) => {
                tracing::warn!(%error, "shards could not be listed");
                return false;
            }
        };
        let synced = shard_consumer::sync_leases(&self.context, &shards, None, &mut self.suspects);
        if let Err(error) = synced.await {
            tracing::warn!(%error, "leases could not be created");
            if matches!(error, SyncError::Outdated(_)) {
                // The next listing decides whether this one was late; it must not be just as late.
                self.next_sync = Instant::now() + self.context.settings.shard_sync_interval;
            }
            return false;
        }
        for finished in shard_graph::leases_to_delete(&shards, leases) {
            let deleted = self.context.table.delete_finished(&finished);
            let shard_id = &finished.lease_key;
            match in_table_time(&self.context, deleted).await {
                Ok(()) => tracing::info!(shard_id, "finished lease removed"),
                Err(error) => {
                    tracing::warn!(shard_id, %error, "finished lease could not be removed");
                }
            }
        }
        self.next_sync = Instant::now() + self.context.settings.shard_sync_interval;
        true
    }

    /// Takes a lease and starts work on its shard, after `quarantine` if the last owner may still be at it.
    async fn take(&mut self, lease: Lease, quarantine: Duration) {
        let asked_at = Instant::now();
        let mut not_before = asked_at + quarantine;
        if let Some(earlier) = self.asked_for.get(&lease.lease_key)
            && earlier.may_have_made(&lease)
        {
            not_before = not_before.max(earlier.not_before);
        }
        let asked_for = AskedFor {
            counter: lease.lease_counter + 1,
            not_before,
        };
        self.asked_for.insert(lease.lease_key.clone(), asked_for);
        let asked = self.context.table.take(&lease, &self.worker_id);
        let taken = match in_table_time(&self.context, asked).await {
            Ok(Conditional::Done(taken)) => taken,
            // Another worker was faster.
            Ok(Conditional::Refused(_)) => {
                self.asked_for.remove(&lease.lease_key);
                return;
            }
            Err(error) => {
                tracing::warn!(shard_id = %lease.lease_key, %error, "lease could not be taken");
                return;
            }
        };
        tracing::info!(
            shard_id = %lease.lease_key, from = lease.lease_owner.as_deref().unwrap_or("nobody"),
            checkpoint = %taken.checkpoint, "lease taken"
        );
        self.asked_for.remove(&lease.lease_key);
        // The last owner hears of it after the write, which was made before this answer.
        let not_before = not_before + asked_at.elapsed();
        let settings = &self.context.settings;
        let held = Arc::new(HeldLease::new(
            taken,
            Arc::clone(&self.context.table),
            asked_at,
            settings.failover_time,
            settings.call_timeout(),
            self.context.stop.child_token(),
            self.context.metrics.clone(),
        ));
        self.held.insert(lease.lease_key.clone());
        self.context
            .board
            .enter(&lease.lease_key, ShardStep::Starting);
        self.count(Operation::TakeLeases, Metric::TakenLeases, 1);
        let context = Arc::clone(&self.context);
        let span = tracing::info_span!("shard", shard_id = %lease.lease_key);
        let work = async move {
            let outcome = shard_consumer::run(context, held, not_before).await;
            (lease.lease_key, outcome)
        };
        self.shards.spawn(work.instrument(span));
    }

    fn note_end(
        &mut self,
        ended: Result<(String, ShardOutcome), tokio::task::JoinError>,
    ) -> Result<(), ConsumerError> {
        let (shard_id, outcome) = ended.map_err(|panic| ConsumerError::TaskFailed(panic.into()))?;
        self.held.remove(&shard_id);
        match outcome {
            ShardOutcome::Halted(error) => self.halted = Some((shard_id, error)),
            ShardOutcome::Lost => self.count(Operation::RenewAllLeases, Metric::LostLeases, 1),
            ShardOutcome::Released | ShardOutcome::Finished => {}
        }
        Ok(())
    }

    async fn stop(mut self) -> Result<(), ConsumerError> {
        self.context.stop.cancel();
        let grace = self.context.settings.shutdown_grace;
        let context = Arc::clone(&self.context);
        let worker_id = self.worker_id.clone();
        let giving_back = GivingBack {
            site: &context.site,
            worker_id: &worker_id,
            asked_for: std::mem::take(&mut self.asked_for),
            incoming: self.incoming.take(),
        };
        let (joined, given_back) = tokio::join!(
            timeout(grace, self.join_all()),
            timeout(grace, giving_back.run())
        );
        if given_back.is_err() {
            tracing::warn!("leases that were asked for may have to expire");
        }
        if joined.is_err() {
            self.context.abandon.cancel();
            let given_up: BTreeMap<_, _> = self.context.board.shards();
            tracing::warn!(shards = ?given_up, "processors did not finish in time and are dropped");
            if timeout(ABANDON_GRACE, self.join_all()).await.is_err() {
                return Err(ConsumerError::StopTimedOut(self.held));
            }
        }
        match self.halted {
            Some((shard_id, source)) => Err(ConsumerError::Halted { shard_id, source }),
            None if self.gives_way => Err(ConsumerError::WorkerIdInUse(self.worker_id)),
            None => Ok(()),
        }
    }

    async fn join_all(&mut self) {
        while let Some(ended) = self.shards.join_next().await {
            if let Err(error) = self.note_end(ended) {
                tracing::error!(%error, "a shard's task failed");
            }
        }
    }
}

#[cfg(test)]
mod tests;
