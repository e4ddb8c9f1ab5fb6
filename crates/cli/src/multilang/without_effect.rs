//! Keys of the Java daemon that mean nothing here: there are no such threads, tables, retries or metrics.

const KEYS: &[&str] = &[
    "allowThroughputOvershoot",
    "cleanupLeasesUponShardCompletion",
    "clientVersionConfig",
    "dampeningPercentage",
    "disableWorkerMetrics",
    "gracefulLeaseHandoffTimeoutMillis",
    "ignoreUnexpectedChildShards",
    "inMemoryWorkerMetricsCaptureFrequencyMillis",
    "initialLeaseTableReadCapacity",
    "initialLeaseTableWriteCapacity",
    "isGracefulLeaseHandoffEnabled",
    "leaseAssignmentIntervalMillis",
    "leaseTableScanTotalSegments",
    "listShardsBackoffTimeInMillis",
    "maxActiveThreads",
    "maxGetRecordsThreadPool",
    "maxLeaseRenewalThreads",
    "maxLeasesToStealAtOneTime",
    "maxListShardsRetryAttempts",
    "maxThroughputPerHostKBps",
    "metricsBufferTimeMillis",
    "metricsEnabledDimensions",
    "metricsLevel",
    "metricsMaxQueueSize",
    "noOfPersistedMetricsPerWorkerMetrics",
    "parentShardPollIntervalMillis",
    "processingLanguage",
    "reBalanceThresholdPercentage",
    "retryGetRecordsInSeconds",
    "schedulerInitializationBackoffTimeMillis",
    "shardPrioritization",
    "skipShardSyncAtWorkerInitializationIfLeasesExist",
    "staleWorkerMetricsEntryCleanupDuration",
    "taskBackoffTimeMillis",
    "userAgent",
    "validateSequenceNumberBeforeCheckpointing",
    "varianceBalancingFrequency",
    "workerMetricsEMAAlpha",
    "workerMetricsReporterFreqInMillis",
];
/// Beginnings of such keys.
const GROUPS: &[&str] = &[
    "cloudWatchClient.",
    "cloudWatchRegionName",
    "coordinatorState",
    "workerMetricsTable",
    "workerMetricsBilling",
    "workerMetricsRead",
    "workerMetricsWrite",
    "workerMetricsPointInTime",
    "workerMetricsDeletionProtection",
    "workerMetricsTags",
];

/// Whether the Java daemon knows the key and this one does nothing about it.
pub(super) fn has_no_effect(key: &str) -> bool {
    KEYS.contains(&key) || GROUPS.iter().any(|group| key.starts_with(group))
}
