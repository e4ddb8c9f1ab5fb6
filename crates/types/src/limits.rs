//! Structural limits of the Kinesis API, with AWS's own numbers.

/// Most data bytes of one record that the API's shape admits (a stream may allow less).
pub const RECORD_DATA_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Data and partition key of one record on a stream with default settings.
pub const RECORD_BYTES_DEFAULT_MAX: usize = 1024 * 1024;
/// Most characters of a partition key; at least 1.
pub const PARTITION_KEY_CHARS_MAX: usize = 256;
/// Most records of one PutRecords request; at least 1.
pub const PUT_RECORDS_COUNT_MAX: usize = 500;
/// Most bytes of data and partition keys of one PutRecords request.
pub const PUT_RECORDS_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Most records that one GetRecords answer holds.
pub const GET_RECORDS_COUNT_MAX: usize = 10_000;
/// Most bytes of data and partition keys that one GetRecords answer holds, unless one record alone is larger.
pub const GET_RECORDS_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Shortest retention period, in hours; also the default.
pub const RETENTION_HOURS_MIN: u32 = 24;
/// Longest retention period, in hours.
pub const RETENTION_HOURS_MAX: u32 = 8760;
/// Iterators and next-tokens expire this long after they were issued.
pub const TOKEN_LIFE_MS: u64 = 300_000;
/// Shards of a stream created without a count.
pub const SHARD_COUNT_DEFAULT: u32 = 4;
/// Most tags of a stream or consumer. May be raised, never lowered: stored commands rely on it.
pub const TAGS_PER_RESOURCE_MAX: usize = 50;
/// Most switches of a stream's capacity mode within 24 hours.
pub const MODE_SWITCHES_PER_DAY_MAX: u32 = 2;
/// Most times within 24 hours that a stream's encryption may be started, and most that it may be stopped.
pub const ENCRYPTION_CHANGES_PER_DAY_MAX: u32 = 25;
/// Most throughput that a stream can be asked to be ready for, in MiB per second.
pub const WARM_THROUGHPUT_MIBPS_MAX: u32 = 10 * 1024;
/// Least duration of an account's commitment to a least throughput.
pub const COMMITMENT_MINIMUM_MS: u64 = 24 * 60 * 60 * 1000;
/// Most open shards of one stream.
pub const SHARDS_PER_STREAM_MAX: u32 = 10_000;
/// Most consumers of one stream.
pub const CONSUMERS_PER_STREAM_MAX: usize = 20;
/// Most consumers of one stream that are being created at the same time.
pub const CONSUMERS_CREATING_MAX: usize = 5;
