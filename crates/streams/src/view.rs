//! The catalog as everybody in the process sees it: durable commands only.

use std::sync::Arc;
use std::time::Duration;

use millstream_catalog::{Applied, Catalog, CommandEntry, Rejected, Stream, StreamId};
use millstream_types::{AccountId, Region};
use parking_lot::RwLock;
use tokio::sync::Notify;

/// The shared catalog. One task changes it; whoever reads takes an `Arc` and lets go of the lock.
#[derive(Debug)]
pub(crate) struct View {
    catalog: RwLock<Catalog>,
    /// Rung after each change. A `watch` channel would wake those who wait in an order that is drawn by lot.
    changed: Notify,
}

impl View {
    pub(crate) fn new(catalog: Catalog) -> Self {
        Self {
            catalog: RwLock::new(catalog),
            changed: Notify::new(),
        }
    }

    /// Runs `look` on the catalog; it must be quick.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Catalog) -> T) -> T {
        look(&self.catalog.read())
    }

    /// The stream with this name.
    pub(crate) fn find(
        &self,
        account: &AccountId,
        region: &Region,
        name: &str,
    ) -> Option<Arc<Stream>> {
        self.read(|catalog| catalog.find(account, region, name).cloned())
    }

    /// The stream with this id.
    pub(crate) fn get(&self, id: StreamId) -> Option<Arc<Stream>> {
        self.read(|catalog| catalog.get(id).cloned())
    }

    /// Applies a command that is durable. Only the command log's follower calls this.
    pub(crate) fn apply(&self, entry: &CommandEntry) -> Result<Applied, Rejected> {
        // The new state is worked out beside the readers; they wait for the exchange only.
        let decision = self.catalog.read().decide(entry)?;
        let applied = self.catalog.write().commit(decision);
        self.changed.notify_waiters();
        Ok(applied)
    }

    /// Takes over a catalog that is further on. Only the command log's follower calls this.
    pub(crate) fn replace(&self, catalog: Catalog) {
        *self.catalog.write() = catalog;
        self.changed.notify_waiters();
    }

    /// Waits until `look` finds something, at most `patience`. Safe to drop.
    pub(crate) async fn wait_for<T>(
        &self,
        patience: Duration,
        mut look: impl FnMut(&Catalog) -> Option<T>,
    ) -> Option<T> {
        let found = async {
            loop {
                // Asked for before the look: what changes between the two rings too.
                let changed = self.changed.notified();
                if let Some(found) = self.read(&mut look) {
                    return found;
                }
                changed.await;
            }
        };
        tokio::time::timeout(patience, found).await.ok()
    }
}
