//! One worker: reads the lease table, takes leases, works on their shards, and gives them back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use rand::SeedableRng;
use rand::rngs::StdRng;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use self::giving_back::GivingBack;
use self::syncing::ShardSync;
use self::table_listing::TableListing;
use crate::assignment::{AskedFor, Observations, Taker};
use crate::held_lease::HeldLease;
use crate::incoming::Incoming;
use crate::metrics::{self, Metric, Operation};
use crate::shard_consumer::{CALLS_AT_ONCE, ShardContext, ShardOutcome, in_table_time};
use crate::twin_watch::TwinWatch;
use crate::{BoxError, ConsumerError, Lease, tasks};

mod giving_back;
mod syncing;
mod table_listing;
mod taking;

/// Pause before the table is asked for again while it cannot be created or found.
const TABLE_RETRY: Duration = Duration::from_secs(1);
/// How long tasks may take to end after their processors were dropped.
const ABANDON_GRACE: Duration = Duration::from_secs(5);

pub(crate) struct Worker {
    pub(crate) context: Arc<ShardContext>,
    pub(crate) worker_id: String,
    pub(crate) rng: StdRng,
    observations: Observations,
    syncs: Vec<ShardSync>,
    /// The leases that this process works with, by key.
    held: BTreeMap<String, Arc<HeldLease>>,
    /// Takes that were sent and not answered, by lease key.
    asked_for: BTreeMap<String, AskedFor>,
    twins: TwinWatch,
    incoming: Incoming,
    gives_way: bool,
    shards: JoinSet<(String, ShardOutcome)>,
    halted: Option<(String, BoxError)>,
    /// Shards that have been named as stuck.
    stuck: BTreeSet<String>,
    /// Something that the last look saw is due then.
    look_early_at: Option<Instant>,
    /// The last renewal that is to show that this worker, which leads, lives.
    sign_of_life: Option<AbortOnDropHandle<()>>,
}

impl Worker {
    pub(crate) fn new(context: Arc<ShardContext>, worker_id: String, seed: u64) -> Self {
        let twins = TwinWatch::new(context.settings.renews_every() * 3 / 4);
        Self {
            syncs: ShardSync::of_all(&context),
            context,
            worker_id,
            rng: StdRng::seed_from_u64(seed),
            observations: Observations::default(),
            held: BTreeMap::new(),
            asked_for: BTreeMap::new(),
            twins,
            incoming: Incoming::default(),
            gives_way: false,
            shards: JoinSet::new(),
            halted: None,
            stuck: BTreeSet::new(),
            look_early_at: None,
            sign_of_life: None,
        }
    }

    /// Works until `stop` is cancelled, then gives the leases back. Dropping this stops everything at once and
    /// leaves the leases to expire.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> Result<(), ConsumerError> {
        if !self.find_table(&stop).await {
            return Ok(());
        }
        let mut next_look = Instant::now();
        while self.halted.is_none() && !self.gives_way {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                Some(ended) = self.shards.join_next() => self.note_end(ended)?,
                () = sleep_until(next_look) => {
                    let began = Instant::now();
                    // A scan makes many calls, and each may take its time: a stop does not wait for them.
                    tokio::select! {
                        biased;
                        () = stop.cancelled() => break,
                        () = self.scan() => {}
                    }
                    next_look = self.next_look_after(began);
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

    /// When to look again: as the settings say, or earlier if the last listing shows that something is due by then.
    fn next_look_after(&self, began: Instant) -> Instant {
        let usual = began + self.context.settings.scans_every();
        match self.look_early_at {
            Some(early) => usual.min(early),
            None => usual,
        }
    }

    fn taker<'a>(&'a self, asked_for: &'a BTreeMap<String, AskedFor>) -> Taker<'a> {
        Taker {
            worker_id: &self.worker_id,
            failover_time: self.context.settings.failover_time,
            leader_quiet_after: self.context.settings.leader_quiet_after(),
            leases_max: self.context.settings.leases_max,
            asked_for,
        }
    }

    /// One look at the table: sync and clean-up if they are due and ours to do, then take what is ours to take.
    async fn scan(&mut self) {
        self.watch();
        self.look_early_at = None;
        let Some(mut leases) = self.list().await else {
            return;
        };
        let leads = self.leads(&leases);
        self.context.board.note_leads(leads);
        if leads {
            self.show_life();
        }
        if self.sync(&leases, leads).await {
            match self.list().await {
                Some(newer) => leases = newer,
                None => return,
            }
        }
        let held = self.held_keys();
        self.gives_way = self
            .twins
            .must_give_way(&leases, &self.worker_id, &held, &self.asked_for);
        if self.gives_way {
            let error = ConsumerError::WorkerIdInUse(self.worker_id.clone());
            tracing::error!(%error, "this worker gives way");
            return;
        }
        self.count_leases(&leases);
        let asked_for = self.asked_for.clone();
        self.receive(&leases).await;
        self.take_shares(&leases, &asked_for).await;
        let now = Instant::now();
        let (taker, held) = (self.taker(&asked_for), self.held_keys());
        let due_in = taker.next_look_in(&leases, &self.observations, now, &held);
        self.look_early_at = due_in.map(|pause| now + pause);
    }

    /// Looks at the shards of the streams where that is due and this worker's; tells whether it did.
    async fn sync(&mut self, leases: &[Lease], leads: bool) -> bool {
        let (syncs, context) = (self.syncs.iter_mut(), &self.context);
        let due: Vec<_> = syncs.filter(|sync| sync.is_due(leases, leads)).collect();
        let has_looked = !due.is_empty();
        let table = TableListing::new(context);
        // One that gets no answer keeps no other waiting.
        stream::iter(due)
            .for_each_concurrent(CALLS_AT_ONCE, |sync| sync.run(context, &table))
            .await;
        has_looked
    }

    fn leads(&self, leases: &[Lease]) -> bool {
        let taker = self.taker(&self.asked_for);
        let leads_in = taker.leads_in(leases, &self.observations, Instant::now());
        leads_in.is_zero()
    }

    /// Renews the lease that is due next, unless one was written to in half the time between two looks: the others find out
    /// soon when this worker does not do so any more.
    fn show_life(&mut self) {
        let is_under_way = self
            .sign_of_life
            .as_ref()
            .is_some_and(|one| !one.is_finished());
        let recently = self.context.settings.scans_every() / 2;
        let mut held = self.held.values();
        if is_under_way || held.any(|held| held.written_at().elapsed() < recently) {
            return;
        }
        let next = self.held.values().min_by_key(|held| held.written_at());
        self.sign_of_life = next.cloned().map(|held| {
            // A task of its own: neither waits for the other. It says itself why it fails, and the next look tries again.
            AbortOnDropHandle::new(tasks::spawn(async move { drop(held.renew().await) }))
        });
    }

    fn held_keys(&self) -> BTreeSet<String> {
        self.held.keys().cloned().collect()
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

    async fn list(&mut self) -> Option<Vec<Lease>> {
        let began = Instant::now();
        let listed = in_table_time(&self.context, self.context.table.list()).await;
        let metrics = &self.context.metrics;
        metrics.timed(metrics::LIST_LEASES, None, began, listed.is_ok());
        match listed {
            Ok(mut leases) => {
                self.context.streams.retain_own(&mut leases);
                self.observations.note(&leases, Instant::now());
                Some(leases)
            }
            Err(error) => {
                tracing::warn!(%error, "leases could not be listed");
                None
            }
        }
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
        self.context.board.note_leads(false);
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
                return Err(ConsumerError::StopTimedOut(self.held_keys()));
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
