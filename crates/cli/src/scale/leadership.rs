//! Which of several scalers decides: the one that holds a lease.

use std::time::Duration;

use millstream_consumer::{
    Checkpoint, Conditional, DynamoDbLeaseTable, Lease, LeaseTable, LeaseTableError,
};
use millstream_scaling::Rules;
use tokio::time::Instant;
use uuid::Uuid;

const KEY: &str = "scaler";
/// A leader that is silent for so many looks is replaced...
const TERM_LOOKS: u32 = 4;
/// ... and not before this: a machine may stand still for some seconds.
const TERM_MIN: Duration = Duration::from_secs(10);

/// How long a leader may be silent.
pub(super) fn term(rules: &Rules) -> Duration {
    TERM_MIN.max(Duration::from_millis(rules.look_ms) * TERM_LOOKS)
}

/// A share in the leadership of an application's scalers.
#[derive(Debug)]
pub(super) struct Leadership<T> {
    table: T,
    id: String,
    /// Who is silent for so long is replaced.
    term: Duration,
    held: Option<(Lease, Instant)>,
    /// The counter of whoever leads, and since when it is that.
    seen: Option<(u64, Instant)>,
}

/// The table of an application's scalers.
pub(super) fn table(client: aws_sdk_dynamodb::Client, application: &str) -> DynamoDbLeaseTable {
    DynamoDbLeaseTable::new(client, format!("{application}-Scaler"))
}

impl<T: LeaseTable> Leadership<T> {
    pub(super) fn new(table: T, term: Duration) -> Self {
        Self {
            table,
            id: format!("scaler-{}", Uuid::new_v4()),
            term,
            held: None,
            seen: None,
        }
    }

    /// Makes the lease's table unless it is there.
    pub(super) async fn prepare(&self) -> Result<(), LeaseTableError> {
        self.table.ensure_exists().await?;
        self.table
            .create(Lease::unowned(KEY, Checkpoint::TrimHorizon))
            .await?;
        Ok(())
    }

    /// Renews or takes the lease; whether this one leads now. Once it does, nobody else takes the lease for the term.
    pub(super) async fn leads(&mut self) -> Result<bool, LeaseTableError> {
        let asked = Instant::now();
        if let Some((held, _)) = &self.held {
            match self.table.renew(held).await? {
                Conditional::Done(lease) => {
                    self.held = Some((lease, asked));
                    return Ok(true);
                }
                Conditional::Refused(_) => {
                    tracing::warn!("another scaler leads now");
                    self.held = None;
                }
            }
        }
        let Some(lease) = self.table.get(KEY).await? else {
            self.prepare().await?;
            return Ok(false);
        };
        let since = match self.seen {
            Some((counter, since)) if counter == lease.lease_counter => since,
            _ => asked,
        };
        self.seen = Some((lease.lease_counter, since));
        let is_free = lease.lease_owner.is_none() || since.elapsed() > self.term;
        if !is_free {
            return Ok(false);
        }
        if let Conditional::Done(lease) = self.table.take(&lease, &self.id).await? {
            tracing::info!(scaler = self.id, "this scaler leads");
            self.held = Some((lease, asked));
            return Ok(true);
        }
        Ok(false)
    }

    /// Whether the last renewal is young enough for something to be begun.
    pub(super) fn may_act(&self) -> bool {
        let renewed = self.held.as_ref().map(|(_, renewed)| *renewed);
        renewed.is_some_and(|renewed| renewed.elapsed() < self.term / 2)
    }

    /// Lets another one lead at once.
    pub(super) async fn give_up(&mut self) {
        if let Some((lease, _)) = self.held.take()
            && let Err(error) = self.table.release(&lease).await
        {
            tracing::info!(%error, "the lead was not given up: another scaler waits for its end");
        }
    }
}

#[cfg(test)]
mod tests {
    use millstream_consumer::testing::MemoryLeaseTable;

    use super::*;

    const TERM: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn one_leads_and_the_other_follows_when_it_is_gone() {
        let table = MemoryLeaseTable::default();
        let mut one = Leadership::new(table.clone(), TERM);
        let mut other = Leadership::new(table, TERM);
        one.prepare().await.unwrap();
        assert!(one.leads().await.unwrap() && one.may_act());
        for _ in 0..10 {
            tokio::time::sleep(TERM / 3).await;
            assert!(one.leads().await.unwrap());
            assert!(!other.leads().await.unwrap() && !other.may_act());
        }
        // Silent for longer than the term.
        tokio::time::sleep(TERM + Duration::from_secs(1)).await;
        assert!(!one.may_act());
        assert!(other.leads().await.unwrap() && other.may_act());
        assert!(!one.leads().await.unwrap() && !one.may_act());
        other.give_up().await;
        assert!(one.leads().await.unwrap());
    }
}
