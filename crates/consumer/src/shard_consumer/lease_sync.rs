//! Writes the rows that the listed shards want.

use std::collections::BTreeSet;

use futures::stream::{self, StreamExt, TryStreamExt};

use super::{CALLS_AT_ONCE, ShardContext, in_table_time};
use crate::shard_graph::{OutdatedListing, SyncStep};
use crate::{Conditional, ExtendedSequenceNumber, Lease, LeaseTableError, Shard, shard_graph};

const FORMER_RESTARTED: &str =
    "the stream was deleted and created again: the lease starts at its first record";
const FORMER_REMOVED: &str =
    "the stream was deleted and created again: a lease without a shard is removed";

/// Why leases could not be made as the listed shards want it; each is worth another try.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SyncError {
    #[error(transparent)]
    Outdated(#[from] OutdatedListing),
    #[error("the lease of {0}, of a stream that was deleted, is written by another worker")]
    Contended(String),
    #[error(transparent)]
    Table(#[from] LeaseTableError),
}

/// Creates the leases of a stream that are missing, parents before children, and starts those of a former stream again.
/// `leases` are the stream's, read after its shards were listed: newer ones show that a listing is outdated.
///
/// `start` stands in for the number at which a shard starts that is past retention, and no longer listed: that of its
/// parent. The lease must say of which stream it is, or it may wait for parents for ever once the stream is created again.
/// Only the lease: in the listing, the number would speak against a lease that the other parent of the shard has made.
pub(crate) async fn sync_leases(
    context: &ShardContext,
    shards: &[Shard],
    leases: &[Lease],
    start: Option<&ExtendedSequenceNumber>,
    suspects: &mut BTreeSet<String>,
) -> Result<(), SyncError> {
    let initial = context.settings.initial_position;
    let mut missing = Vec::new();
    for step in shard_graph::sync_steps(shards, leases, initial, suspects)? {
        match step {
            SyncStep::Create(mut lease) => {
                if lease.starting_sequence_number.is_none() {
                    lease.starting_sequence_number = start.cloned();
                }
                if follows_any(&lease, &missing) {
                    create_all(context, &mut missing).await?;
                }
                missing.push(lease);
            }
            SyncStep::Restart { seen, fresh } => {
                create_all(context, &mut missing).await?;
                let restarted = context.table.restart(&seen, *fresh);
                let Conditional::Done(_) = in_table_time(context, restarted).await? else {
                    // Children must not get leases beside a row that may still be the former stream's: it would then
                    // count as that of a parent which has been processed.
                    return Err(SyncError::Contended(seen.lease_key));
                };
                tracing::warn!(shard_id = %seen.lease_key, "{FORMER_RESTARTED}");
            }
            SyncStep::Remove(seen) => {
                create_all(context, &mut missing).await?;
                if in_table_time(context, context.table.remove(&seen)).await? {
                    tracing::warn!(shard_id = %seen.lease_key, "{FORMER_REMOVED}");
                }
            }
        }
    }
    create_all(context, &mut missing).await?;
    Ok(())
}

/// Whether a parent of `lease` is among `others`.
fn follows_any(lease: &Lease, others: &[Lease]) -> bool {
    let mut others = others.iter();
    others.any(|other| lease.parent_shard_ids.contains(&other.lease_key))
}

/// Creates leases none of which follows another one, and leaves nothing in `missing`.
async fn create_all(
    context: &ShardContext,
    missing: &mut Vec<Lease>,
) -> Result<(), LeaseTableError> {
    let creates = missing.drain(..).map(|lease| async move {
        let key = lease.lease_key.clone();
        if in_table_time(context, context.table.create(lease)).await? {
            tracing::info!(shard_id = %key, "lease created");
        }
        Ok(())
    });
    stream::iter(creates)
        .buffer_unordered(CALLS_AT_ONCE)
        .try_collect()
        .await
}
