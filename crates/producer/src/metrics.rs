//! What a producer counts, under the KPL's names.

use std::fmt;
use std::sync::Arc;

/// A metric of the KPL, by the name and the unit that CloudWatch shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Metric {
    /// User records that `put` accepted.
    UserRecordsReceived,
    /// User records without an outcome: a gauge.
    UserRecordsPending,
    /// User records stored, by shard.
    UserRecordsPut,
    /// Their data bytes, aggregates as the stream holds them, by shard.
    UserRecordsDataPut,
    /// Records of the stream stored, by shard.
    KinesisRecordsPut,
    /// Their bytes of data and partition keys, by shard.
    KinesisRecordsDataPut,
    /// Failed attempts of records of the stream, by error code.
    ErrorsByCode,
    /// Failed attempts of records of the stream.
    AllErrors,
    /// Attempts beyond the first, of user records stored, by shard.
    RetriesPerRecord,
    /// From `put` to the first attempt in the last company, of user records stored, by shard.
    BufferingTime,
    /// From a PutRecords call to its answer.
    RequestTime,
    /// User records in one record of the stream, by shard.
    UserRecordsPerKinesisRecord,
    /// Records of the stream in one call.
    KinesisRecordsPerPutRecordsRequest,
    /// User records in one call.
    UserRecordsPerPutRecordsRequest,
    /// User records that were not stored within their time to live.
    UserRecordExpired,
}

impl Metric {
    /// The KPL's name of it.
    pub fn name(self) -> &'static str {
        match self {
            Self::UserRecordsReceived => "UserRecordsReceived",
            Self::UserRecordsPending => "UserRecordsPending",
            Self::UserRecordsPut => "UserRecordsPut",
            Self::UserRecordsDataPut => "UserRecordsDataPut",
            Self::KinesisRecordsPut => "KinesisRecordsPut",
            Self::KinesisRecordsDataPut => "KinesisRecordsDataPut",
            Self::ErrorsByCode => "ErrorsByCode",
            Self::AllErrors => "AllErrors",
            Self::RetriesPerRecord => "RetriesPerRecord",
            Self::BufferingTime => "BufferingTime",
            Self::RequestTime => "RequestTime",
            Self::UserRecordsPerKinesisRecord => "UserRecordsPerKinesisRecord",
            Self::KinesisRecordsPerPutRecordsRequest => "KinesisRecordsPerPutRecordsRequest",
            Self::UserRecordsPerPutRecordsRequest => "UserRecordsPerPutRecordsRequest",
            Self::UserRecordExpired => "UserRecordExpired",
        }
    }

    /// CloudWatch's name of its unit.
    pub fn unit(self) -> &'static str {
        match self {
            Self::UserRecordsDataPut | Self::KinesisRecordsDataPut => "Bytes",
            Self::BufferingTime | Self::RequestTime => "Milliseconds",
            _ => "Count",
        }
    }
}

/// Values of one metric, summed up as CloudWatch's StatisticValues are.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Measure {
    /// What was measured.
    pub metric: Metric,
    /// How many values.
    pub sample_count: u64,
    /// Their sum.
    pub sum: f64,
    /// The least.
    pub minimum: f64,
    /// The greatest.
    pub maximum: f64,
    /// The dimension ShardId, where the metric has it.
    pub shard_id: Option<Arc<str>>,
    /// The dimension ErrorCode of [`Metric::ErrorsByCode`].
    pub error_code: Option<Arc<str>>,
}

impl Measure {
    pub(crate) fn new(metric: Metric) -> Self {
        Self {
            metric,
            sample_count: 0,
            sum: 0.0,
            minimum: f64::INFINITY,
            maximum: f64::NEG_INFINITY,
            shard_id: None,
            error_code: None,
        }
    }

    pub(crate) fn of(metric: Metric, values: impl IntoIterator<Item = f64>) -> Self {
        let mut measure = Self::new(metric);
        for value in values {
            measure.sample_count += 1;
            measure.sum += value;
            measure.minimum = measure.minimum.min(value);
            measure.maximum = measure.maximum.max(value);
        }
        measure
    }

    pub(crate) fn on(self, shard_id: &Arc<str>) -> Self {
        Self {
            shard_id: Some(Arc::clone(shard_id)),
            ..self
        }
    }
}

/// Takes what a producer measures. It is called on the producer's task and must not block.
pub trait MetricsRecorder: Send + Sync + fmt::Debug + 'static {
    /// Some values of one metric; never none.
    fn record(&self, measure: &Measure);
}
