//! Leases that other workers are to pass on to this one: decisions without I/O.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use crate::Lease;

/// What this worker has asked for.
#[derive(Debug, Default)]
pub(crate) struct Incoming {
    /// By lease key: until when its holder may take to pass it on.
    overdue_at: BTreeMap<String, Instant>,
}

/// How a lease that was asked for comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// Its holder has finished, or died: nobody processes the shard.
    PassedOn,
    /// Its holder has had its time, and may still be at it.
    Overdue,
    /// It was passed on to this worker, and another one asked for it before this one held it: nobody works on the shard,
    /// and only this worker can pass it on.
    AskedForAgain,
}

impl Incoming {
    pub(crate) fn expect(&mut self, lease_key: &str, overdue_at: Instant) {
        self.overdue_at.insert(lease_key.to_owned(), overdue_at);
    }

    pub(crate) fn forget(&mut self, lease_key: &str) {
        self.overdue_at.remove(lease_key);
    }

    /// Forgets everything, and tells what it was.
    pub(crate) fn take(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.overdue_at).into_keys().collect()
    }

    /// The leases that count as this worker's: held, or on their way.
    pub(crate) fn with<'a>(&'a self, held: impl Iterator<Item = &'a String>) -> BTreeSet<String> {
        held.chain(self.overdue_at.keys()).cloned().collect()
    }

    /// Notes a listing; gives out what has come, again and again until it is [forgotten](Self::forget).
    pub(crate) fn arrived(
        &mut self,
        leases: &[Lease],
        worker_id: &str,
        now: Instant,
        has_expired: impl Fn(&Lease) -> bool,
    ) -> Vec<(Lease, Arrival)> {
        let rows: BTreeMap<&str, &Lease> = leases
            .iter()
            .map(|lease| (lease.lease_key.as_str(), lease))
            .collect();
        let mut arrived = Vec::new();
        self.overdue_at.retain(|lease_key, overdue_at| {
            let Some(lease) = rows.get(lease_key.as_str()) else {
                return false;
            };
            if lease.checkpoint_owner.as_deref() == Some(worker_id) {
                arrived.push(((*lease).clone(), Arrival::AskedForAgain));
                return true;
            }
            // Ended, or given to another worker meanwhile.
            if !lease.is_owned_by(worker_id) || lease.is_finished() {
                return false;
            }
            let arrival = match lease.is_being_handed_to(worker_id) && !has_expired(lease) {
                false => Arrival::PassedOn,
                true if now >= *overdue_at => Arrival::Overdue,
                true => return true,
            };
            arrived.push(((*lease).clone(), arrival));
            true
        });
        arrived
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::Checkpoint;

    fn row(owner: &str, holder: Option<&str>) -> [Lease; 1] {
        [Lease {
            lease_owner: Some(owner.into()),
            checkpoint_owner: holder.map(str::to_owned),
            ..Lease::unowned("s", Checkpoint::TrimHorizon)
        }]
    }

    #[test]
    fn a_lease_is_taken_once_it_is_passed_on_or_overdue() {
        let (start, patience) = (Instant::now(), Duration::from_secs(40));
        let arrivals = |row: &[Lease], now, died: bool| {
            let mut incoming = Incoming::default();
            incoming.expect("s", start + patience);
            let arrived = incoming.arrived(row, "me", now, |_| died);
            let again = incoming.arrived(row, "me", now, |_| died);
            assert_eq!(again, arrived, "until it is forgotten");
            let is_counted = incoming.with(std::iter::empty()).len() == 1;
            incoming.forget("s");
            assert!(incoming.arrived(row, "me", now, |_| died).is_empty());
            (arrived.first().map(|(_, arrival)| *arrival), is_counted)
        };
        let (coming, passed_on) = (row("me", Some("old")), row("me", None));
        assert_eq!(arrivals(&coming, start, false), (None, true));
        let taken = (Some(Arrival::PassedOn), true);
        assert_eq!(arrivals(&passed_on, start, false), taken);
        assert_eq!(arrivals(&coming, start, true), taken);
        let late = (Some(Arrival::Overdue), true);
        assert_eq!(arrivals(&coming, start + patience, false), late);
        let asked_again = (Some(Arrival::AskedForAgain), true);
        let to_third = row("third", Some("me"));
        assert_eq!(arrivals(&to_third, start, false), asked_again);
        assert_eq!(arrivals(&row("other", None), start, false), (None, false));
        assert_eq!(arrivals(&[], start, false), (None, false));
    }
}
