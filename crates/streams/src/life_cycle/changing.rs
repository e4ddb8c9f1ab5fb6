//! Which streams have work due.

use std::collections::BTreeMap;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::catalog::StreamId;

/// A set of streams; at most one entry for each stream there is.
#[derive(Debug, Default)]
pub(crate) struct Changing {
    /// With each stream, whether a restart interrupted its change.
    streams: Mutex<BTreeMap<StreamId, bool>>,
    added: Notify,
}

impl Changing {
    /// A command began a change.
    pub(crate) fn add(&self, id: StreamId) {
        self.insert(id, false);
    }

    /// A change was found unfinished at the start.
    pub(crate) fn add_interrupted(&self, id: StreamId) {
        self.insert(id, true);
    }

    fn insert(&self, id: StreamId, was_interrupted: bool) {
        self.streams.lock().insert(id, was_interrupted);
        self.added.notify_one();
    }

    /// The next stream, and whether a restart interrupted its change. One task at a time may wait. Safe to drop.
    pub(crate) async fn next(&self) -> (StreamId, bool) {
        loop {
            let next = self.streams.lock().pop_first();
            match next {
                Some(next) => return next,
                None => self.added.notified().await,
            }
        }
    }
}
