//! Which streams have work due, on themselves or on their consumers.

use std::collections::BTreeMap;

use millstream_catalog::{Stream, StreamId};
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The streams that are changing, and those of whose consumers some are.
#[derive(Debug, Default)]
pub(crate) struct Changing {
    streams: Queue,
    consumers: Queue,
}

/// A set of streams; at most one entry for each stream there is.
#[derive(Debug, Default)]
struct Queue {
    /// With each stream, whether a restart interrupted its change.
    streams: Mutex<BTreeMap<StreamId, bool>>,
    added: Notify,
}

impl Changing {
    /// A command changed the stream; takes up what is due now.
    pub(crate) fn add(&self, stream: &Stream) {
        self.insert(stream, false);
    }

    /// The stream as it was found at the start: what is due was interrupted by a restart.
    pub(crate) fn add_interrupted(&self, stream: &Stream) {
        self.insert(stream, true);
    }

    fn insert(&self, stream: &Stream, was_interrupted: bool) {
        if stream.is_changing() {
            self.streams.insert(stream.id, was_interrupted);
        }
        if stream.consumers.iter().any(|one| one.is_changing()) {
            self.consumers.insert(stream.id, was_interrupted);
        }
    }

    /// The next stream that is changing, and whether a restart interrupted its change. One task at a time may wait.
    /// Safe to drop.
    pub(crate) async fn next(&self) -> (StreamId, bool) {
        self.streams.next().await
    }

    /// As [`next`](Self::next), of the streams whose consumers are changing.
    pub(crate) async fn next_with_consumers(&self) -> (StreamId, bool) {
        self.consumers.next().await
    }
}

impl Queue {
    fn insert(&self, id: StreamId, was_interrupted: bool) {
        self.streams.lock().insert(id, was_interrupted);
        self.added.notify_one();
    }

    async fn next(&self) -> (StreamId, bool) {
        loop {
            let next = self.streams.lock().pop_first();
            match next {
                Some(next) => return next,
                None => self.added.notified().await,
            }
        }
    }
}
