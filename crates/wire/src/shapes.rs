//! One file per operation: its request, as decoded and checked, and its response.
//!
//! Requests hold what passed the model's type and constraint checks; ARNs and sequence numbers stay text because
//! the service has its own errors for them. Responses omit absent members, as AWS does.

mod create_stream;
mod delete_stream;
mod describe_stream;
mod describe_stream_summary;
mod get_records;
mod get_shard_iterator;
mod list_shards;
mod list_streams;
mod merge_shards;
mod put_record;
mod put_records;
mod retention_period;
mod shard;
mod split_shard;
mod stream_mode;

pub use create_stream::CreateStreamRequest;
pub use delete_stream::DeleteStreamRequest;
pub use describe_stream::{
    DescribeStreamRequest, DescribeStreamResponse, EncryptionType, EnhancedMetrics,
    StreamDescription, StreamStatus,
};
pub use describe_stream_summary::{
    DescribeStreamSummaryRequest, DescribeStreamSummaryResponse, StreamDescriptionSummary,
};
pub use get_records::{GetRecordsRequest, GetRecordsResponse, Record};
pub use get_shard_iterator::{
    GetShardIteratorRequest, GetShardIteratorResponse, ShardIteratorType,
};
pub use list_shards::{ListShardsRequest, ListShardsResponse, ShardFilter, ShardFilterType};
pub use list_streams::{ListStreamsRequest, ListStreamsResponse, StreamSummary};
pub use merge_shards::MergeShardsRequest;
pub use put_record::{PutRecordRequest, PutRecordResponse};
pub use put_records::{
    InvalidRecordData, PutRecordsRequest, PutRecordsResponse, PutRecordsResultEntry, RecordData,
    RecordToPut,
};
pub use retention_period::{
    DecreaseStreamRetentionPeriodRequest, IncreaseStreamRetentionPeriodRequest,
};
pub use shard::{ChildShard, SequenceNumberRange, Shard, WireHashKeyRange};
pub use split_shard::SplitShardRequest;
pub use stream_mode::{StreamMode, StreamModeDetails};
