//! Who takes which lease: decisions without I/O.
//!
//! A lease is *available* when nobody owns it, when its owner's counter has stood still for the failover time on this
//! worker's own monotonic clock, or when a take of this worker made the row and only the answer was lost. A row that
//! merely names this worker is not: another process of the same id may live. Each worker aims at an
//! equal share, rounded up, of all unfinished leases; it takes available ones first and otherwise steals one at a time
//! from the worker with the most, as long as that worker has at least two more.
//!
//! Shares are those of the workers that *live*: of whose leases one has moved lately. Who lives is a guess that costs
//! nothing if it is wrong, unlike whether a lease has expired: one more look for missing leases, a lease more or less.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::Rng;
use rand::seq::{IndexedRandom, SliceRandom};
use tokio::time::Instant;

use crate::{ExtendedSequenceNumber, Lease};

/// A lease that stayed available for this part of the failover time is taken by anybody with room, whatever its share: its
/// last owner may still have a share, because it is giving its leases back one by one.
const NEGLECTED_AFTER: u32 = 40;
/// A worker none of whose leases moved for this part of the failover time has no share. Above the third in which leases are
/// renewed and the look that it takes to see it.
const QUIET_AFTER: u32 = 2;

/// What this worker has seen of every lease's counter.
#[derive(Debug, Default)]
pub(crate) struct Observations {
    seen: BTreeMap<String, Seen>,
}

#[derive(Debug, Clone)]
struct Seen {
    counter: u64,
    /// Which shard the row is of: one that was made anew counts from 0 again.
    start: Option<ExtendedSequenceNumber>,
    since: Instant,
}

impl Seen {
    fn is_of(&self, lease: &Lease) -> bool {
        self.counter == lease.lease_counter && self.start == lease.starting_sequence_number
    }
}

impl Observations {
    /// Notes a listing of the table. `now` must not be earlier than the moment the listing arrived: a counter then
    /// counts as unchanged for a shorter time than it really was, never for a longer one.
    pub(crate) fn note(&mut self, leases: &[Lease], now: Instant) {
        let mut seen = BTreeMap::new();
        for lease in leases {
            let known = self.seen.remove(&lease.lease_key);
            let kept = known.filter(|known| known.is_of(lease));
            let fresh = || Seen {
                counter: lease.lease_counter,
                start: lease.starting_sequence_number.clone(),
                since: now,
            };
            seen.insert(lease.lease_key.clone(), kept.unwrap_or_else(fresh));
        }
        self.seen = seen;
    }

    /// The workers of whose leases at least one has moved lately.
    fn living<'a>(
        &self,
        open: &[&'a Lease],
        now: Instant,
        failover_time: Duration,
    ) -> BTreeSet<&'a str> {
        let moving = open
            .iter()
            .filter(|lease| self.unchanged_for(lease, now) < failover_time / QUIET_AFTER);
        moving.filter_map(|lease| lease.holder()).collect()
    }

    /// How long the counter has been seen unchanged.
    pub(crate) fn unchanged_for(&self, lease: &Lease, now: Instant) -> Duration {
        match self.seen.get(&lease.lease_key) {
            Some(seen) if seen.is_of(lease) => now.saturating_duration_since(seen.since),
            _ => Duration::ZERO,
        }
    }
}

/// A lease that this worker asked for without an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AskedFor {
    /// The counter that the take makes.
    pub(crate) counter: u64,
    /// Until then the last owner may not know that it lost the lease.
    pub(crate) not_before: Instant,
}

impl AskedFor {
    /// Whether the row, which names this worker, may be what the take made.
    pub(crate) fn may_have_made(&self, lease: &Lease) -> bool {
        lease.lease_counter == self.counter
    }

    /// Whether the last owner may still work on the shard.
    pub(crate) fn has_quarantine(&self) -> bool {
        Instant::now() < self.not_before
    }
}

/// The worker that decides.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taker<'a> {
    pub(crate) worker_id: &'a str,
    pub(crate) failover_time: Duration,
    /// Whoever leads has died if none of its leases moved for so long.
    pub(crate) leader_quiet_after: Duration,
    pub(crate) leases_max: usize,
    pub(crate) asked_for: &'a BTreeMap<String, AskedFor>,
}

impl Taker<'_> {
    /// Whether the lease may be taken without anybody else still working on its shard.
    pub(crate) fn is_available(
        &self,
        lease: &Lease,
        observations: &Observations,
        now: Instant,
    ) -> bool {
        lease.lease_owner.is_none()
            || self.has_asked_for(lease)
            || observations.unchanged_for(lease, now) >= self.failover_time
    }

    fn has_asked_for(&self, lease: &Lease) -> bool {
        let asked = self.asked_for.get(&lease.lease_key);
        lease.is_owned_by(self.worker_id) && asked.is_some_and(|asked| asked.may_have_made(lease))
    }

    /// The leases to take now, best first. `held` are the shards that this process still works on, whatever the
    /// table says about them; they are never taken again.
    pub(crate) fn leases_to_take(
        &self,
        leases: &[Lease],
        observations: &Observations,
        now: Instant,
        held: &BTreeSet<String>,
        rng: &mut impl Rng,
    ) -> Vec<Lease> {
        let open: Vec<&Lease> = leases.iter().filter(|lease| !lease.is_finished()).collect();
        let mut loads: BTreeMap<&str, usize> = BTreeMap::new();
        let mut available = Vec::new();
        let mut is_in_doubt = false;
        for lease in &open {
            if held.contains(&lease.lease_key) {
                continue;
            }
            match &lease.lease_owner {
                Some(owner) if !self.is_available(lease, observations, now) => {
                    *loads.entry(owner).or_default() += 1;
                    is_in_doubt |= owner == self.worker_id;
                }
                _ => available.push(*lease),
            }
        }
        if is_in_doubt && held.is_empty() {
            // Either this worker has worked under the same id before, and the rows expire, or another one lives, and
            // then this one must not begin.
            return Vec::new();
        }
        let mut living = observations.living(&open, now, self.failover_time);
        living.insert(self.worker_id);
        let share = open.len().div_ceil(living.len()).min(self.leases_max);
        let need = share.saturating_sub(held.len());

        if available.is_empty() {
            loads.retain(|worker, _| living.contains(worker));
            let stolen = self.lease_to_steal(&open, &loads, share, held, rng);
            return stolen.into_iter().cloned().collect();
        }
        available.shuffle(rng);
        let room = self.leases_max.saturating_sub(held.len());
        let wanted = available
            .into_iter()
            .enumerate()
            .filter(|(index, lease)| {
                *index < need || self.neglected_in(lease, observations, now).is_zero()
            })
            .map(|(_, lease)| lease.clone());
        wanted.take(room).collect()
    }

    /// How long until an available lease counts as neglected.
    fn neglected_in(&self, lease: &Lease, observations: &Observations, now: Instant) -> Duration {
        let unchanged = observations.unchanged_for(lease, now);
        let is_given_back = lease.lease_owner.is_none() || self.has_asked_for(lease);
        let available_after = match is_given_back {
            true => Duration::ZERO,
            false => self.failover_time,
        };
        (available_after + self.failover_time / NEGLECTED_AFTER).saturating_sub(unchanged)
    }

    /// When the next look is worth the while though nothing moves until then: a lease expires, or begins to be neglected
    /// that this worker has room for, or this worker begins to lead. `held` are the shards that this process works on.
    ///
    /// Nothing that is due is due again: what this worker could not take now waits for the next look that comes anyway.
    pub(crate) fn next_look_in(
        &self,
        leases: &[Lease],
        observations: &Observations,
        now: Instant,
        held: &BTreeSet<String>,
    ) -> Option<Duration> {
        let has_room = held.len() < self.leases_max;
        let theirs = leases
            .iter()
            .filter(|lease| !lease.is_finished() && !held.contains(&lease.lease_key));
        let moments = theirs.filter_map(|lease| {
            if !self.is_available(lease, observations, now) {
                Some(self.failover_time - observations.unchanged_for(lease, now))
            } else if has_room {
                Some(self.neglected_in(lease, observations, now))
            } else {
                None
            }
        });
        let leads_in = self.leads_in(leases, observations, now);
        let moments = moments.chain([leads_in]);
        moments.filter(|moment| !moment.is_zero()).min()
    }

    /// How long until this worker leads if nothing moves until then; zero if it does now.
    ///
    /// Whoever leads does the work that only one of them needs to do (shard sync, clean-up): it has the smallest id of all
    /// holders that live. Two workers may believe so at the same time; that work is safe to repeat. So this is decided
    /// sooner than everything else: whoever leads shows with each of its looks that it lives. Whoever waits for a lease that
    /// another worker is to pass on does not count: it may have died since, and nobody finds out before the lease is passed
    /// on.
    pub(crate) fn leads_in(
        &self,
        leases: &[Lease],
        observations: &Observations,
        now: Instant,
    ) -> Duration {
        let before_this_one = leases.iter().filter(|lease| {
            let holder = lease.holder();
            !lease.is_finished() && holder.is_some_and(|holder| holder < self.worker_id)
        });
        let quiet_in = before_this_one.map(|lease| {
            self.leader_quiet_after
                .saturating_sub(observations.unchanged_for(lease, now))
        });
        quiet_in.max().unwrap_or(Duration::ZERO)
    }

    fn lease_to_steal<'a>(
        &self,
        open: &[&'a Lease],
        loads: &BTreeMap<&str, usize>,
        share: usize,
        held: &BTreeSet<String>,
        rng: &mut impl Rng,
    ) -> Option<&'a Lease> {
        let (victim, load) = loads
            .iter()
            .filter(|(worker, _)| **worker != self.worker_id)
            .max_by_key(|(_, load)| **load)?;
        if held.len() >= share || *load < held.len() + 2 {
            return None;
        }
        let theirs: Vec<&Lease> = open
            .iter()
            .copied()
            .filter(|lease| lease.is_owned_by(victim) && !held.contains(&lease.lease_key))
            // One move at a time.
            .filter(|lease| lease.checkpoint_owner.is_none())
            .collect();
        theirs.choose(rng).copied()
    }
}

#[cfg(test)]
mod tests;
