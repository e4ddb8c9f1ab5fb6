//! Settings of a producer, under the KPL's names.

use std::time::Duration;

use millstream_types::limits::{
    PUT_RECORDS_BYTES_MAX, PUT_RECORDS_COUNT_MAX, RECORD_BYTES_DEFAULT_MAX, RECORD_DATA_BYTES_MAX,
};

/// What a record costs of [`buffered_bytes_max`](Settings::buffered_bytes_max) beside its data and partition key: its
/// place in the queues and its future.
pub(crate) const RECORD_OVERHEAD_BYTES: usize = 256;

/// How a producer works. Made by [`Settings::default`] and setters; the producer's builder checks the bounds.
///
/// ```
/// # use std::time::Duration;
/// use millstream_producer::Settings;
/// let settings = Settings::default().record_max_buffered_time(Duration::from_millis(20)).rate_limit_percent(80);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub struct Settings {
    pub(crate) aggregation_enabled: bool,
    pub(crate) aggregation_max_count: usize,
    pub(crate) aggregation_max_size_bytes: usize,
    pub(crate) collection_max_count: usize,
    pub(crate) collection_max_size_bytes: usize,
    pub(crate) record_max_buffered_time: Duration,
    pub(crate) record_ttl: Duration,
    pub(crate) request_timeout: Duration,
    pub(crate) max_connections: usize,
    pub(crate) rate_limit_percent: u32,
    pub(crate) shard_bytes_per_second: u32,
    pub(crate) shard_records_per_second: u32,
    pub(crate) fail_if_throttled: bool,
    pub(crate) max_user_record_size_bytes: usize,
    pub(crate) buffered_bytes_max: usize,
    pub(crate) keep_order_per_key: bool,
    pub(crate) shard_map_max_age: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            aggregation_enabled: true,
            aggregation_max_count: u32::MAX as usize,
            aggregation_max_size_bytes: 51_200,
            collection_max_count: PUT_RECORDS_COUNT_MAX,
            collection_max_size_bytes: 5 * 1024 * 1024,
            record_max_buffered_time: Duration::from_millis(100),
            record_ttl: Duration::from_secs(30),
            request_timeout: Duration::from_secs(6),
            max_connections: 24,
            rate_limit_percent: 150,
            shard_bytes_per_second: 1024 * 1024,
            shard_records_per_second: 1000,
            fail_if_throttled: false,
            max_user_record_size_bytes: RECORD_BYTES_DEFAULT_MAX,
            buffered_bytes_max: 16 * 1024 * 1024,
            keep_order_per_key: false,
            shard_map_max_age: Duration::from_secs(60),
        }
    }
}

/// A setting is out of its bounds.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} must be {rule}")]
pub struct InvalidSettings {
    /// The setting.
    pub name: &'static str,
    /// Its bounds.
    pub rule: &'static str,
}

impl Settings {
    /// Whether user records of one shard travel together in one record of the stream. Default true. Readers that do not
    /// take aggregates apart (anything but the KCL, this project's consumer and the de-aggregation modules) need false.
    pub fn aggregation_enabled(mut self, enabled: bool) -> Self {
        self.aggregation_enabled = enabled;
        self
    }

    /// Most user records of one aggregate, at least 1. Default 4,294,967,295: the size ends it first.
    pub fn aggregation_max_count(mut self, count: usize) -> Self {
        self.aggregation_max_count = count;
        self
    }

    /// Most data bytes of one aggregate, 64 bytes to 1 MiB. Default 51,200. A user record that is larger travels alone.
    ///
    /// Larger: fewer records of the stream, and more to send again when one fails.
    pub fn aggregation_max_size_bytes(mut self, bytes: usize) -> Self {
        self.aggregation_max_size_bytes = bytes;
        self
    }

    /// Most records of one PutRecords call, 1 to 500. Default 500.
    pub fn collection_max_count(mut self, count: usize) -> Self {
        self.collection_max_count = count;
        self
    }

    /// Most bytes of data and partition keys of one PutRecords call, 51,200 bytes to 10 MiB. Default 5 MiB. A record that
    /// is larger is sent in a call of its own.
    pub fn collection_max_size_bytes(mut self, bytes: usize) -> Self {
        self.collection_max_size_bytes = bytes;
        self
    }

    /// How long a record may wait for company before it is sent. Default 100 ms; at most the time to live.
    ///
    /// Longer: fuller aggregates and calls. Shorter: less delay at low rates; at high rates they fill sooner anyway.
    pub fn record_max_buffered_time(mut self, time: Duration) -> Self {
        self.record_max_buffered_time = time;
        self
    }

    /// How long after `put` a record is still sent, and sent again. Default 30 s. Then it fails as
    /// [`Expired`](crate::PutErrorKind::Expired); with those that it travels with, up to `record_max_buffered_time`
    /// earlier. A call that is under way is waited for.
    pub fn record_ttl(mut self, time: Duration) -> Self {
        self.record_ttl = time;
        self
    }

    /// How long one call may take. Default 6 s. A call that takes longer may have stored its records; they are sent again.
    pub fn request_timeout(mut self, time: Duration) -> Self {
        self.request_timeout = time;
        self
    }

    /// Most PutRecords calls under way at once, at least 1. Default 24.
    pub fn max_connections(mut self, count: usize) -> Self {
        self.max_connections = count;
        self
    }

    /// How much of a shard's limits this producer uses, in per cent, 1 to 1,000,000. Default 150: it may meet throttling,
    /// and needs no tuning where it is the only writer.
    pub fn rate_limit_percent(mut self, percent: u32) -> Self {
        self.rate_limit_percent = percent;
        self
    }

    /// A shard's limit of bytes per second, of which `rate_limit_percent` is used. Default 1 MiB, as on AWS.
    pub fn shard_bytes_per_second(mut self, bytes: u32) -> Self {
        self.shard_bytes_per_second = bytes;
        self
    }

    /// A shard's limit of records per second, of which `rate_limit_percent` is used. Default 1,000, as on AWS.
    pub fn shard_records_per_second(mut self, records: u32) -> Self {
        self.shard_records_per_second = records;
        self
    }

    /// Whether a record that the service throttles fails at once instead of being sent again. Default false.
    pub fn fail_if_throttled(mut self, fail: bool) -> Self {
        self.fail_if_throttled = fail;
        self
    }

    /// Most bytes of data and partition key of one user record, to 10 MiB. Default 1 MiB, as on streams with default
    /// settings; `UpdateMaxRecordSize` raises the stream's limit.
    pub fn max_user_record_size_bytes(mut self, bytes: usize) -> Self {
        self.max_user_record_size_bytes = bytes;
        self
    }

    /// Most bytes that wait or are under way: data, partition keys, and 256 bytes more for each record. Default 16 MiB; at
    /// least the largest user record and those 256. `put` waits for room and `try_put` refuses without it.
    ///
    /// The process takes up to five times as much while calls are under way, because each is encoded.
    pub fn buffered_bytes_max(mut self, bytes: usize) -> Self {
        self.buffered_bytes_max = bytes;
        self
    }

    /// Whether records of one partition key (and explicit hash key) are stored in the order of their `put`. Default false.
    ///
    /// Then one record of the stream per shard is under way at a time, and what failed goes before what came later. A
    /// record that failed for good leaves a gap; a call without an answer may store its records twice.
    pub fn keep_order_per_key(mut self, keep: bool) -> Self {
        self.keep_order_per_key = keep;
        self
    }

    /// How old the list of shards may be when a record is put. Default 60 s. It is read again at once when a record lands
    /// in another shard than predicted.
    pub fn shard_map_max_age(mut self, age: Duration) -> Self {
        self.shard_map_max_age = age;
        self
    }

    /// Checks every bound.
    ///
    /// # Errors
    /// The first setting that is out of its bounds.
    pub fn check(&self) -> Result<(), InvalidSettings> {
        let room = self
            .max_user_record_size_bytes
            .saturating_add(RECORD_OVERHEAD_BYTES);
        let rules = [
            (
                self.aggregation_max_count >= 1,
                "aggregation_max_count",
                "at least 1",
            ),
            (
                (64..=RECORD_BYTES_DEFAULT_MAX).contains(&self.aggregation_max_size_bytes),
                "aggregation_max_size_bytes",
                "64 bytes to 1 MiB",
            ),
            (
                (1..=PUT_RECORDS_COUNT_MAX).contains(&self.collection_max_count),
                "collection_max_count",
                "1 to 500",
            ),
            (
                (51_200..=PUT_RECORDS_BYTES_MAX).contains(&self.collection_max_size_bytes),
                "collection_max_size_bytes",
                "51,200 bytes to 10 MiB",
            ),
            (
                !self.record_ttl.is_zero() && self.record_ttl >= self.record_max_buffered_time,
                "record_ttl",
                "above zero and not below record_max_buffered_time",
            ),
            (
                !self.request_timeout.is_zero(),
                "request_timeout",
                "above zero",
            ),
            (self.max_connections >= 1, "max_connections", "at least 1"),
            (
                (1..=1_000_000).contains(&self.rate_limit_percent),
                "rate_limit_percent",
                "1 to 1,000,000",
            ),
            (
                self.shard_bytes_per_second >= 1,
                "shard_bytes_per_second",
                "at least 1",
            ),
            (
                self.shard_records_per_second >= 1,
                "shard_records_per_second",
                "at least 1",
            ),
            (
                (1..=RECORD_DATA_BYTES_MAX).contains(&self.max_user_record_size_bytes),
                "max_user_record_size_bytes",
                "1 byte to 10 MiB",
            ),
            (
                (room..=u32::MAX as usize).contains(&self.buffered_bytes_max),
                "buffered_bytes_max",
                "at least max_user_record_size_bytes and 256 bytes, and below 4 GiB",
            ),
            (
                !self.shard_map_max_age.is_zero(),
                "shard_map_max_age",
                "above zero",
            ),
        ];
        match rules.into_iter().find(|(holds, ..)| !holds) {
            Some((_, name, rule)) => Err(InvalidSettings { name, rule }),
            None => Ok(()),
        }
    }

    /// Most user records of one aggregate, with aggregation off too.
    pub(crate) fn users_max(&self) -> usize {
        if self.aggregation_enabled {
            self.aggregation_max_count
        } else {
            1
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_in_bounds() {
        assert_eq!(Settings::default().check(), Ok(()));
    }

    #[test]
    fn a_buffer_that_the_largest_record_does_not_fit_in_is_refused() {
        let settings = Settings::default().buffered_bytes_max(RECORD_BYTES_DEFAULT_MAX);
        assert_eq!(settings.check().unwrap_err().name, "buffered_bytes_max");
        let settings = Settings::default().record_max_buffered_time(Duration::from_secs(31));
        assert_eq!(settings.check().unwrap_err().name, "record_ttl");
    }
}
