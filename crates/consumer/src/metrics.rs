//! What a worker measures, under the names that the KCL gives to CloudWatch.

use std::convert::Infallible;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

mod cloudwatch;
#[cfg(feature = "metrics")]
mod facade;

pub use cloudwatch::{
    CloudWatchMetrics, DATA_PER_CALL_MAX, MetricDatum, PublishFuture, PutMetricData, StatisticSet,
};
#[cfg(feature = "metrics")]
pub use facade::MetricsFacade;

/// How long the last call may take.
const LAST_PUBLISH: Duration = Duration::from_secs(5);

/// Takes what a consumer measures: [`CloudWatchMetrics`], `MetricsFacade` (feature `metrics`), or one of your own.
pub trait MetricsRecorder: Send + Sync + fmt::Debug {
    /// Takes one measurement. Called from the consumer's tasks, a few times for each batch and lease: it must not block.
    fn record(&self, measurement: &Measurement<'_>);

    /// How often the running worker is to call [`publish`](Self::publish). By default never.
    fn publish_interval(&self) -> Option<Duration> {
        None
    }

    /// Sends on what was recorded. The worker makes one call after the other while it runs and one when it ends, which
    /// it drops after 5 s.
    fn publish(&self) -> PublishFuture<()> {
        Box::pin(std::future::ready(()))
    }
}

/// One measurement.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measurement<'a> {
    /// What is measured.
    pub metric: Metric,
    /// How much, in the metric's [unit](Metric::unit).
    pub value: f64,
    /// What the worker was doing.
    pub operation: Operation,
    /// The shard, if it is about one.
    pub shard_id: Option<&'a str>,
    /// The worker.
    pub worker_id: &'a str,
}

/// What a worker does when it measures: the KCL's dimension `Operation`.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Reads a shard and hands batches to its processor.
    ProcessTask,
    /// Tells a processor where it starts.
    InitializeTask,
    /// Tells a processor that its shard has ended, is lost or is given back.
    ShutdownTask,
    /// Extends its leases.
    RenewAllLeases,
    /// Looks at the lease table, and takes leases.
    TakeLeases,
    /// Lists the shards and makes their leases.
    ShardSyncTask,
}

impl Operation {
    /// The KCL's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ProcessTask => "ProcessTask",
            Self::InitializeTask => "InitializeTask",
            Self::ShutdownTask => "ShutdownTask",
            Self::RenewAllLeases => "RenewAllLeases",
            Self::TakeLeases => "TakeLeases",
            Self::ShardSyncTask => "ShardSyncTask",
        }
    }
}

/// What is measured. A `Success` is 1 or 0: its average is the share of calls that succeeded.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Metric {
    /// Records that processors have done, or that were parked.
    RecordsProcessed,
    /// Bytes of data of the records of a batch.
    DataBytesProcessed,
    /// How far the last read was behind the tip of the shard.
    MillisBehindLatest,
    /// One call of `process`.
    ProcessRecordsTime,
    /// Whether it succeeded.
    ProcessRecordsSuccess,
    /// One read of the shard. With fan-out it waits for the next event.
    GetRecordsTime,
    /// Whether it succeeded.
    GetRecordsSuccess,
    /// One call of `started`.
    InitializeTime,
    /// Whether it succeeded.
    InitializeSuccess,
    /// One call of `shard_ended`, `stop_requested` or `lease_lost`.
    ShutdownTime,
    /// Whether it succeeded.
    ShutdownSuccess,
    /// One renewal of a lease.
    RenewLeaseTime,
    /// Whether it succeeded.
    RenewLeaseSuccess,
    /// Leases that the worker holds.
    CurrentLeases,
    /// Leases that were lost to another worker, or ran out.
    LostLeases,
    /// One listing of the lease table.
    ListLeasesTime,
    /// Whether it succeeded.
    ListLeasesSuccess,
    /// Leases of unfinished shards in the table.
    TotalLeases,
    /// Workers that hold leases, and this one.
    NumWorkers,
    /// Leases that were taken.
    TakenLeases,
    /// One listing of the shards with the making of leases.
    SyncShardsTime,
    /// Whether it succeeded.
    SyncShardsSuccess,
}

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// Things.
    Count,
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Milliseconds,
}

impl Unit {
    /// CloudWatch's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Count => "Count",
            Self::Bytes => "Bytes",
            Self::Milliseconds => "Milliseconds",
        }
    }
}

impl Metric {
    /// The KCL's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::RecordsProcessed => "RecordsProcessed",
            Self::DataBytesProcessed => "DataBytesProcessed",
            Self::MillisBehindLatest => "MillisBehindLatest",
            Self::ProcessRecordsTime => "RecordProcessor.processRecords.Time",
            Self::ProcessRecordsSuccess => "RecordProcessor.processRecords.Success",
            Self::GetRecordsTime => "KinesisDataFetcher.getRecords.Time",
            Self::GetRecordsSuccess => "KinesisDataFetcher.getRecords.Success",
            Self::InitializeTime => "RecordProcessor.initialize.Time",
            Self::InitializeSuccess => "RecordProcessor.initialize.Success",
            Self::ShutdownTime => "RecordProcessor.shutdown.Time",
            Self::ShutdownSuccess => "RecordProcessor.shutdown.Success",
            Self::RenewLeaseTime => "RenewLease.Time",
            Self::RenewLeaseSuccess => "RenewLease.Success",
            Self::CurrentLeases => "CurrentLeases",
            Self::LostLeases => "LostLeases",
            Self::ListLeasesTime => "ListLeases.Time",
            Self::ListLeasesSuccess => "ListLeases.Success",
            Self::TotalLeases => "TotalLeases",
            Self::NumWorkers => "NumWorkers",
            Self::TakenLeases => "TakenLeases",
            Self::SyncShardsTime => "SyncShards.Time",
            Self::SyncShardsSuccess => "SyncShards.Success",
        }
    }

    /// In what it is measured.
    pub fn unit(self) -> Unit {
        match self {
            Self::DataBytesProcessed => Unit::Bytes,
            Self::MillisBehindLatest
            | Self::ProcessRecordsTime
            | Self::GetRecordsTime
            | Self::InitializeTime
            | Self::ShutdownTime
            | Self::RenewLeaseTime
            | Self::ListLeasesTime
            | Self::SyncShardsTime => Unit::Milliseconds,
            Self::RecordsProcessed
            | Self::ProcessRecordsSuccess
            | Self::GetRecordsSuccess
            | Self::InitializeSuccess
            | Self::ShutdownSuccess
            | Self::RenewLeaseSuccess
            | Self::CurrentLeases
            | Self::LostLeases
            | Self::ListLeasesSuccess
            | Self::TotalLeases
            | Self::NumWorkers
            | Self::TakenLeases
            | Self::SyncShardsSuccess => Unit::Count,
        }
    }
}

/// A timed call: how long it took, and whether it succeeded.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timed {
    operation: Operation,
    time: Metric,
    success: Metric,
}

pub(crate) const GET_RECORDS: Timed = Timed {
    operation: Operation::ProcessTask,
    time: Metric::GetRecordsTime,
    success: Metric::GetRecordsSuccess,
};
pub(crate) const PROCESS_RECORDS: Timed = Timed {
    operation: Operation::ProcessTask,
    time: Metric::ProcessRecordsTime,
    success: Metric::ProcessRecordsSuccess,
};
pub(crate) const INITIALIZE: Timed = Timed {
    operation: Operation::InitializeTask,
    time: Metric::InitializeTime,
    success: Metric::InitializeSuccess,
};
pub(crate) const SHUTDOWN: Timed = Timed {
    operation: Operation::ShutdownTask,
    time: Metric::ShutdownTime,
    success: Metric::ShutdownSuccess,
};
pub(crate) const RENEW_LEASE: Timed = Timed {
    operation: Operation::RenewAllLeases,
    time: Metric::RenewLeaseTime,
    success: Metric::RenewLeaseSuccess,
};
pub(crate) const LIST_LEASES: Timed = Timed {
    operation: Operation::TakeLeases,
    time: Metric::ListLeasesTime,
    success: Metric::ListLeasesSuccess,
};
pub(crate) const SYNC_SHARDS: Timed = Timed {
    operation: Operation::ShardSyncTask,
    time: Metric::SyncShardsTime,
    success: Metric::SyncShardsSuccess,
};

/// Where a worker's measurements go, if anywhere.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    recorder: Option<Arc<dyn MetricsRecorder>>,
    worker_id: Arc<str>,
}

impl Metrics {
    pub(crate) fn new(recorder: Option<Arc<dyn MetricsRecorder>>, worker_id: &str) -> Self {
        Self {
            recorder,
            worker_id: worker_id.into(),
        }
    }

    /// Does the work, and publishes what is recorded meanwhile.
    pub(crate) async fn published_while<T>(self, work: impl Future<Output = T>) -> T {
        let Some(recorder) = self.recorder else {
            return work.await;
        };
        let every = recorder.publish_interval();
        let publishing = async {
            match every {
                Some(every) => loop {
                    sleep(every).await;
                    recorder.publish().await;
                },
                None => std::future::pending::<Infallible>().await,
            }
        };
        let done = tokio::select! {
            biased;
            done = work => done,
            never = publishing => match never {},
        };
        if timeout(LAST_PUBLISH, recorder.publish()).await.is_err() {
            tracing::warn!("the last metrics could not be sent in time");
        }
        done
    }

    pub(crate) fn record(
        &self,
        operation: Operation,
        shard_id: Option<&str>,
        metric: Metric,
        value: f64,
    ) {
        if let Some(recorder) = &self.recorder {
            recorder.record(&Measurement {
                metric,
                value,
                operation,
                shard_id,
                worker_id: &self.worker_id,
            });
        }
    }

    pub(crate) fn count(
        &self,
        operation: Operation,
        shard_id: Option<&str>,
        metric: Metric,
        count: usize,
    ) {
        self.record(operation, shard_id, metric, count as f64);
    }

    /// A call that began at `began` and has just ended.
    pub(crate) fn timed(
        &self,
        what: Timed,
        shard_id: Option<&str>,
        began: Instant,
        has_succeeded: bool,
    ) {
        let success = f64::from(u8::from(has_succeeded));
        self.record(what.operation, shard_id, what.time, millis(began.elapsed()));
        self.record(what.operation, shard_id, what.success, success);
    }
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
