//! How a worker comes by leases: it takes what is free, asks other workers for theirs, and receives what they pass on.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::time::Instant;
use tracing::Instrument;

use super::Worker;
use crate::assignment::AskedFor;
use crate::held_lease::HeldLease;
use crate::incoming::Arrival;
use crate::metrics::{Metric, Operation};
use crate::shard_consumer::{self, CALLS_AT_ONCE, in_table_time};
use crate::{Conditional, Lease, ShardStep, tasks};

impl Worker {
    /// Takes what has expired or is free and this worker's to take, or asks another worker for one of its leases.
    pub(super) async fn take_shares(
        &mut self,
        leases: &[Lease],
        asked_for: &BTreeMap<String, AskedFor>,
    ) {
        let counted = self.incoming.with(self.held.keys());
        let mut rng = self.rng.clone();
        let taker = self.taker(asked_for);
        let (observations, now) = (&self.observations, Instant::now());
        let wanted = taker.leases_to_take(leases, observations, now, &counted, &mut rng);
        let (free, live): (Vec<Lease>, Vec<Lease>) = wanted
            .into_iter()
            .partition(|lease| taker.is_available(lease, observations, now));
        self.rng = rng;
        self.take(free, Duration::ZERO).await;
        for lease in live {
            self.ask_for(lease).await;
        }
    }

    /// Takes leases and starts work on their shards, after `quarantine` if the last owner may still be at it.
    async fn take(&mut self, leases: Vec<Lease>, quarantine: Duration) {
        let mut takes = Vec::with_capacity(leases.len());
        for lease in leases {
            let mut not_before = Instant::now() + quarantine;
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
            takes.push((lease, not_before));
        }
        let (context, worker_id) = (Arc::clone(&self.context), self.worker_id.clone());
        let mut answers = stream::iter(takes)
            .map(|(lease, not_before)| {
                let (context, worker_id) = (Arc::clone(&context), worker_id.clone());
                async move {
                    let asked_at = Instant::now();
                    let asked = context.table.take(&lease, &worker_id);
                    let answer = in_table_time(&context, asked).await;
                    (lease, not_before, asked_at, answer)
                }
            })
            .buffer_unordered(CALLS_AT_ONCE);
        while let Some((lease, not_before, asked_at, answer)) = answers.next().await {
            let lease_key = &lease.lease_key;
            match answer {
                Ok(Conditional::Done(taken)) => {
                    let from = lease.lease_owner.as_deref().unwrap_or("nobody");
                    tracing::info!(shard_id = %lease_key, from, checkpoint = %taken.checkpoint, "lease taken");
                    self.begin(taken, asked_at, not_before);
                }
                // Another worker was faster.
                Ok(Conditional::Refused(_)) => {
                    self.asked_for.remove(lease_key);
                }
                Err(error) => {
                    tracing::warn!(shard_id = %lease_key, %error, "lease could not be taken");
                }
            }
        }
    }

    /// Starts work on the shard of a lease that was taken.
    fn begin(&mut self, taken: Lease, asked_at: Instant, not_before: Instant) {
        let lease_key = taken.lease_key.clone();
        self.asked_for.remove(&lease_key);
        // The last owner hears of it after the write, which was made before this answer.
        let not_before = not_before + asked_at.elapsed();
        let settings = &self.context.settings;
        let held = Arc::new(HeldLease::new(
            taken,
            Arc::clone(&self.context.table),
            asked_at,
            settings.lease_term(),
            settings.call_timeout(),
            self.context.stop.child_token(),
            self.context.metrics.clone(),
        ));
        self.held.insert(lease_key.clone(), Arc::clone(&held));
        self.context.board.enter(&lease_key, ShardStep::Starting);
        self.count(Operation::TakeLeases, Metric::TakenLeases, 1);
        let context = Arc::clone(&self.context);
        let span = tracing::info_span!("shard", shard_id = %lease_key);
        let work = async move {
            let outcome = shard_consumer::run(context, held, not_before).await;
            (lease_key, outcome)
        };
        self.shards
            .spawn(tasks::of_this_process(work.instrument(span)));
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
    pub(super) async fn receive(&mut self, leases: &[Lease]) {
        let now = Instant::now();
        let failover_time = self.context.settings.failover_time;
        let observations = &self.observations;
        let has_expired = |lease: &Lease| observations.unchanged_for(lease, now) >= failover_time;
        let arrived = self
            .incoming
            .arrived(leases, &self.worker_id, now, has_expired);
        for (lease, arrival) in arrived {
            if self.held.contains_key(&lease.lease_key) {
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
            self.take(vec![lease], quarantine).await;
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
}
