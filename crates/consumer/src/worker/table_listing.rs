//! The lease table as the looks at several streams need it: read once for all whose answers came before.

use std::sync::Arc;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::shard_consumer::{ShardContext, in_table_time};
use crate::{Lease, LeaseTableError};

/// What one read of the table brought, and when it was asked for.
struct Read {
    asked_at: Instant,
    answer: Result<Arc<[Lease]>, Arc<LeaseTableError>>,
}

/// Reads of the table that streams share.
pub(super) struct TableListing<'a> {
    context: &'a ShardContext,
    last: Mutex<Option<Read>>,
}

impl<'a> TableListing<'a> {
    pub(super) fn new(context: &'a ShardContext) -> Self {
        Self {
            context,
            last: Mutex::new(None),
        }
    }

    /// The table as of `moment` or later. It is read anew unless that was asked for since, also without success: a table that
    /// does not answer is waited for once, not for each stream.
    pub(super) async fn since(
        &self,
        moment: Instant,
    ) -> Result<Arc<[Lease]>, Arc<LeaseTableError>> {
        let mut last = self.last.lock().await;
        if let Some(read) = last.as_ref().filter(|read| read.asked_at >= moment) {
            return read.answer.clone();
        }
        let asked_at = Instant::now();
        let answer = in_table_time(self.context, self.context.table.list()).await;
        let answer = answer.map(Arc::from).map_err(Arc::new);
        let read = last.insert(Read { asked_at, answer });
        read.answer.clone()
    }
}
