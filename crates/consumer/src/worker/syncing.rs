//! What a worker does about the shards that a stream has: leases are made for new ones, and removed for those that are over.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::table_listing::TableListing;
use crate::shard_consumer::{self, ShardContext, SyncError, in_table_time};
use crate::source::in_time;
use crate::streams::{ReadStream, leases_of, stream_of};
use crate::{Lease, metrics, shard_graph};

/// The looks at the shards of one stream.
pub(super) struct ShardSync {
    /// What stands in front of its shards' ids.
    stream: String,
    next: Instant,
    /// Rows that looked as if the stream had been created again, at the last look.
    suspects: BTreeSet<String>,
}

impl ShardSync {
    /// For each stream; all are due.
    pub(super) fn of_all(context: &ShardContext) -> Vec<Self> {
        let due_now = |stream: &str| Self {
            stream: stream.to_owned(),
            next: Instant::now(),
            suspects: BTreeSet::new(),
        };
        context
            .streams
            .iter()
            .map(|(key, _)| due_now(key))
            .collect()
    }

    /// Whether to look now: nobody has a lease of the stream yet, or this worker leads and the time has come.
    pub(super) fn is_due(&self, leases: &[Lease], leads: bool) -> bool {
        let is_own = |lease: &Lease| stream_of(&lease.lease_key) == self.stream;
        !leases.iter().any(is_own) || (leads && Instant::now() >= self.next)
    }

    /// Creates missing leases and removes finished ones that nobody needs.
    pub(super) async fn run(&mut self, context: &ShardContext, table: &TableListing<'_>) {
        let Some(stream) = context.streams.get(&self.stream) else {
            return;
        };
        let began = Instant::now();
        let has_succeeded = self.try_run(context, stream, table).await;
        let metrics = &context.metrics;
        metrics.timed(metrics::SYNC_SHARDS, None, began, has_succeeded);
    }

    /// False if not all leases could be made.
    async fn try_run(
        &mut self,
        context: &ShardContext,
        stream: &ReadStream,
        table: &TableListing<'_>,
    ) -> bool {
        let name = &stream.name;
        let shards = match in_time(stream.source.list_shards()).await {
            Ok(shards) => shards,
            Err(error) => {
                tracing::warn!(stream = name, %error, "shards could not be listed");
                return false;
            }
        };
        let leases = match table.since(Instant::now()).await {
            Ok(table) => leases_of(&self.stream, &table),
            Err(error) => {
                tracing::warn!(stream = name, %error, "leases could not be listed");
                return false;
            }
        };
        let suspects = &mut self.suspects;
        let synced = shard_consumer::sync_leases(context, &shards, &leases, None, suspects);
        if let Err(error) = synced.await {
            tracing::warn!(stream = name, %error, "leases could not be created");
            if matches!(error, SyncError::Outdated(_)) {
                // The next listing decides whether this one was late; it must not be just as late.
                self.next = Instant::now() + context.settings.shard_sync_interval;
            }
            return false;
        }
        for finished in shard_graph::leases_to_delete(&shards, &leases) {
            let deleted = context.table.delete_finished(&finished);
            let shard_id = &finished.lease_key;
            match in_table_time(context, deleted).await {
                Ok(()) => tracing::info!(shard_id, "finished lease removed"),
                Err(error) => {
                    tracing::warn!(shard_id, %error, "finished lease could not be removed");
                }
            }
        }
        self.next = Instant::now() + context.settings.shard_sync_interval;
        true
    }
}
