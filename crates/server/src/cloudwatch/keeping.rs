//! The store of metrics beside the streams: opened in the background, fed with what calls do, closed before the engine.

use std::sync::Arc;
use std::time::Duration;

use millstream_log::LogEngine;
use millstream_metrics::{
    MetricSettings, MetricStore, MetricWriter, Owner, ShardMonitoring, StreamMetrics,
};
use millstream_streams::StreamService;
use millstream_types::{StreamName, WallClock};
use tokio::task::AbortHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A store that is not open, and the counters beside it.
#[derive(Debug)]
pub(crate) struct Unkept {
    pub(crate) metrics: Arc<StreamMetrics>,
    store: MetricStore,
    writer: MetricWriter,
}

/// The store and the tasks around it.
#[derive(Debug)]
pub(crate) struct Keeping {
    pub(crate) store: MetricStore,
    counting: Stoppable,
    writing: Stoppable,
}

/// A task that is asked to stop and waited for, or is over at once when this is dropped.
#[derive(Debug)]
struct Stoppable {
    stop: CancellationToken,
    tracker: TaskTracker,
    task: AbortHandle,
}

impl Drop for Stoppable {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Stoppable {
    fn spawn<F>(task: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        let task = tracker.spawn(task(stop.clone())).abort_handle();
        Self {
            stop,
            tracker,
            task,
        }
    }

    async fn stop(&self, deadline: Instant) -> bool {
        self.stop.cancel();
        self.tracker.close();
        tokio::time::timeout_at(deadline, self.tracker.wait())
            .await
            .is_ok()
    }
}

/// Asks the stream service.
#[derive(Debug)]
struct Enhanced(StreamService);

impl ShardMonitoring for Enhanced {
    fn shard_level_metrics(&self, owner: &Owner, stream: &StreamName) -> Vec<String> {
        let metrics = self
            .0
            .shard_level_metrics(&owner.account, &owner.region, stream);
        metrics
            .iter()
            .map(|metric| metric.name().to_owned())
            .collect()
    }
}

impl Unkept {
    /// What hears of calls from the start, on an engine whose stream service is not open yet.
    pub(crate) fn new(engine: Arc<dyn LogEngine>, clock: Arc<dyn WallClock>) -> Self {
        let (store, writer) = MetricStore::new(engine, clock, MetricSettings::default());
        Self {
            metrics: StreamMetrics::new(store.clone()),
            store,
            writer,
        }
    }

    /// Opens the store in the background, and puts there what is done with streams.
    pub(crate) fn keep(self, streams: &StreamService) -> Keeping {
        let Self {
            store,
            writer,
            metrics,
        } = self;
        let monitoring = Enhanced(streams.clone());
        Keeping {
            store,
            counting: Stoppable::spawn(|stop| metrics.run(monitoring, stop)),
            writing: Stoppable::spawn(|stop| writer.run(stop)),
        }
    }
}

impl Keeping {
    /// Puts what was counted, then ends the tasks; true if they had ended after `grace`.
    pub(crate) async fn stop(&self, grace: Duration) -> bool {
        let deadline = Instant::now() + grace;
        let has_counted = self.counting.stop(deadline).await;
        self.writing.stop(deadline).await && has_counted
    }
}
