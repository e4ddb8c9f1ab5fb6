//! What AWS calls the metrics of streams.

use crate::Unit;

/// AWS's namespace for all of them.
pub(super) const NAMESPACE: &str = "AWS/Kinesis";

/// A metric: its name, its unit, and what its counters count of that unit.
pub(super) struct Described {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    pub(super) divisor: f64,
}

const fn count(name: &'static str) -> Described {
    Described {
        name,
        unit: Unit::COUNT,
        divisor: 1.0,
    }
}

const fn bytes(name: &'static str) -> Described {
    Described {
        name,
        unit: Unit::BYTES,
        divisor: 1.0,
    }
}

const fn milliseconds(name: &'static str) -> Described {
    Described {
        name,
        unit: Unit::MILLISECONDS,
        divisor: 1.0,
    }
}

/// Counted in microseconds.
const fn latency(name: &'static str) -> Described {
    Described {
        name,
        unit: Unit::MILLISECONDS,
        divisor: 1000.0,
    }
}

macro_rules! metrics {
    ($(#[$doc:meta])* $kind:ident, $table:ident: $($variant:ident = $described:expr,)*) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum $kind {
            $($variant,)*
        }

        /// In the order of the variants.
        pub(super) const $table: &[Described] = &[$($described,)*];
    };
}

metrics! {
    /// With the dimension `StreamName`.
    StreamMetric, STREAM:
    GetRecordsBytes = bytes("GetRecords.Bytes"),
    GetRecordsIteratorAgeMilliseconds = milliseconds("GetRecords.IteratorAgeMilliseconds"),
    GetRecordsLatency = latency("GetRecords.Latency"),
    GetRecordsRecords = count("GetRecords.Records"),
    GetRecordsSuccess = count("GetRecords.Success"),
    IncomingBytes = bytes("IncomingBytes"),
    IncomingRecords = count("IncomingRecords"),
    PutRecordBytes = bytes("PutRecord.Bytes"),
    PutRecordLatency = latency("PutRecord.Latency"),
    PutRecordSuccess = count("PutRecord.Success"),
    PutRecordsBytes = bytes("PutRecords.Bytes"),
    PutRecordsLatency = latency("PutRecords.Latency"),
    PutRecordsRecords = count("PutRecords.Records"),
    PutRecordsSuccess = count("PutRecords.Success"),
    PutRecordsTotalRecords = count("PutRecords.TotalRecords"),
    PutRecordsSuccessfulRecords = count("PutRecords.SuccessfulRecords"),
    PutRecordsFailedRecords = count("PutRecords.FailedRecords"),
    PutRecordsThrottledRecords = count("PutRecords.ThrottledRecords"),
    ReadProvisionedThroughputExceeded = count("ReadProvisionedThroughputExceeded"),
    WriteProvisionedThroughputExceeded = count("WriteProvisionedThroughputExceeded"),
}

metrics! {
    /// With the dimensions `StreamName` and `ConsumerName`.
    ConsumerMetric, CONSUMER:
    RateExceeded = count("SubscribeToShard.RateExceeded"),
    Success = count("SubscribeToShard.Success"),
    EventBytes = bytes("SubscribeToShardEvent.Bytes"),
    EventMillisBehindLatest = milliseconds("SubscribeToShardEvent.MillisBehindLatest"),
    EventRecords = count("SubscribeToShardEvent.Records"),
    EventSuccess = count("SubscribeToShardEvent.Success"),
}

metrics! {
    /// With the dimensions `StreamName` and `ShardId`, where enhanced monitoring is on.
    ShardMetric, SHARD:
    IncomingBytes = bytes("IncomingBytes"),
    IncomingRecords = count("IncomingRecords"),
    IteratorAgeMilliseconds = milliseconds("IteratorAgeMilliseconds"),
    OutgoingBytes = bytes("OutgoingBytes"),
    OutgoingRecords = count("OutgoingRecords"),
    ReadProvisionedThroughputExceeded = count("ReadProvisionedThroughputExceeded"),
    WriteProvisionedThroughputExceeded = count("WriteProvisionedThroughputExceeded"),
}
