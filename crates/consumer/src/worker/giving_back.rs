//! What a worker that stops does about leases that it has asked for and does not hold.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use futures::stream::{self, StreamExt};
use tokio::time::sleep;

use crate::assignment::AskedFor;
use crate::shard_consumer::{CALLS_AT_ONCE, Worksite, in_table_time};
use crate::{Conditional, Lease};

/// Between two looks at a lease that is about to come.
const POLL: Duration = Duration::from_millis(200);

/// Tries for each lease that was asked for without an answer.
const GIVES_BACK_MAX: u32 = 3;

pub(super) struct GivingBack<'a> {
    pub(super) site: &'a Worksite,
    pub(super) worker_id: &'a str,
    /// Takes without an answer, by lease key.
    pub(super) asked_for: BTreeMap<String, AskedFor>,
    /// Leases that other workers were asked for.
    pub(super) incoming: BTreeSet<String>,
}

impl GivingBack<'_> {
    /// Waits for what is on its way and gives it back; whoever calls this bounds the time.
    ///
    /// A lease whose last owner may still be at it expires instead: whoever took it at once would begin beside that owner.
    pub(super) async fn run(mut self) {
        let unanswered = self.asked_for.iter();
        let unanswered = unanswered.filter(|(lease_key, _)| !self.incoming.contains(*lease_key));
        stream::iter(unanswered)
            .for_each_concurrent(CALLS_AT_ONCE, |(lease_key, asked)| {
                self.give_back_unanswered(lease_key, *asked)
            })
            .await;
        let mut incoming = std::mem::take(&mut self.incoming);
        while !incoming.is_empty() {
            for lease_key in incoming.clone() {
                if self.gave_back(&lease_key).await {
                    incoming.remove(&lease_key);
                }
            }
            sleep(POLL).await;
        }
    }

    /// Gives back what this worker may have taken without hearing of it. A take that is still on its way finds another counter
    /// when it arrives, and is refused.
    async fn give_back_unanswered(&self, lease_key: &str, asked: AskedFor) {
        if asked.has_quarantine() {
            return;
        }
        for _ in 0..GIVES_BACK_MAX {
            let row = match in_table_time(self.site, self.site.table.get(lease_key)).await {
                Ok(Some(row)) => row,
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(shard_id = lease_key, %error, "lease may have to expire");
                    return;
                }
            };
            let was_taken = row.is_owned_by(self.worker_id) && asked.may_have_made(&row);
            // Nobody has written to it since it was there to be taken.
            let may_be_taken_yet = row.lease_counter.checked_add(1) == Some(asked.counter);
            if !was_taken && !may_be_taken_yet {
                return;
            }
            match in_table_time(self.site, self.site.table.release(&row)).await {
                Ok(Conditional::Done(_)) => return,
                // The take has arrived meanwhile, or another worker's.
                Ok(Conditional::Refused(_)) => {}
                Err(error) => {
                    tracing::warn!(shard_id = lease_key, %error, "lease may have to expire");
                }
            }
        }
    }

    /// False while another worker is still about to pass the lease on to this one, or if the table does not answer.
    async fn gave_back(&self, lease_key: &str) -> bool {
        match in_table_time(self.site, self.site.table.get(lease_key)).await {
            Ok(Some(row)) if row.is_being_handed_to(self.worker_id) => false,
            Ok(Some(row)) if self.is_ours(&row) && !self.must_expire(&row) => {
                let released = in_table_time(self.site, self.site.table.release(&row)).await;
                released.is_ok()
            }
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(shard_id = lease_key, %error, "lease may have to expire");
                false
            }
        }
    }

    /// Passed on to this worker; or asked for by yet another one before this worker held it.
    fn is_ours(&self, row: &Lease) -> bool {
        let was_passed_on = row.is_owned_by(self.worker_id) && !row.is_finished();
        was_passed_on || row.checkpoint_owner.as_deref() == Some(self.worker_id)
    }

    fn may_have_taken(&self, row: &Lease) -> bool {
        let asked = self.asked_for.get(&row.lease_key);
        asked.is_some_and(|asked| asked.may_have_made(row))
    }

    fn must_expire(&self, row: &Lease) -> bool {
        let asked = self.asked_for.get(&row.lease_key);
        self.may_have_taken(row) && asked.is_some_and(AskedFor::has_quarantine)
    }
}
