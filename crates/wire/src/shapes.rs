//! One file per operation: its request, as decoded and checked, and its response.
//!
//! Requests hold what passed the model's type and constraint checks; ARNs and sequence numbers stay text because
//! the service has its own errors for them. Responses omit absent members, as AWS does.

mod account_settings;
mod add_tags_to_stream;
mod consumer;
mod create_stream;
mod delete_stream;
mod deregister_stream_consumer;
mod describe_limits;
mod describe_stream;
mod describe_stream_consumer;
mod describe_stream_summary;
mod enhanced_monitoring;
mod get_records;
mod get_shard_iterator;
mod list_shards;
mod list_stream_consumers;
mod list_streams;
mod list_tags_for_resource;
mod list_tags_for_stream;
mod merge_shards;
mod put_record;
mod put_records;
mod register_stream_consumer;
mod remove_tags_from_stream;
mod resource_policy;
mod retention_period;
mod shard;
mod split_shard;
mod stream_encryption;
mod stream_mode;
mod subscribe_to_shard;
mod tag;
mod tag_resource;
mod untag_resource;
mod update_max_record_size;
mod update_shard_count;
mod update_stream_mode;
mod update_stream_record_distribution_strategy;
mod update_stream_warm_throughput;

/// The API's words in shapes.
pub use millstream_types::{
    CommitmentStatus, ConsumerStatus, EncryptionType, MetricsName, RecordDistributionStrategy,
    StreamMode, StreamStatus,
};

pub use account_settings::{
    AccountSettingsResponse, Commitment, CommitmentChange, DescribeAccountSettingsRequest,
    UpdateAccountSettingsRequest,
};
pub use add_tags_to_stream::AddTagsToStreamRequest;
pub use consumer::Consumer;
pub use create_stream::CreateStreamRequest;
pub use delete_stream::DeleteStreamRequest;
pub use deregister_stream_consumer::DeregisterStreamConsumerRequest;
pub use describe_limits::{DescribeLimitsRequest, DescribeLimitsResponse};
pub use describe_stream::{
    DescribeStreamRequest, DescribeStreamResponse, EnhancedMetrics, StreamDescription,
};
pub use describe_stream_consumer::{
    ConsumerDescription, DescribeStreamConsumerRequest, DescribeStreamConsumerResponse,
};
pub use describe_stream_summary::{
    DescribeStreamSummaryRequest, DescribeStreamSummaryResponse, StreamDescriptionSummary,
};
pub use enhanced_monitoring::{
    DisableEnhancedMonitoringRequest, EnableEnhancedMonitoringRequest, EnhancedMonitoringResponse,
};
pub use get_records::{GetRecordsRequest, GetRecordsResponse, Record};
pub use get_shard_iterator::{
    GetShardIteratorRequest, GetShardIteratorResponse, ShardIteratorType,
};
pub use list_shards::{ListShardsRequest, ListShardsResponse, ShardFilter, ShardFilterType};
pub use list_stream_consumers::{ListStreamConsumersRequest, ListStreamConsumersResponse};
pub use list_streams::{ListStreamsRequest, ListStreamsResponse, StreamSummary};
pub use list_tags_for_resource::{ListTagsForResourceRequest, ListTagsForResourceResponse};
pub use list_tags_for_stream::{ListTagsForStreamRequest, ListTagsForStreamResponse};
pub use merge_shards::MergeShardsRequest;
pub use put_record::{PutRecordRequest, PutRecordResponse};
pub use put_records::{
    InvalidRecordData, PutRecordsRequest, PutRecordsResponse, PutRecordsResultEntry, RecordData,
    RecordToPut,
};
pub use register_stream_consumer::{RegisterStreamConsumerRequest, RegisterStreamConsumerResponse};
pub use remove_tags_from_stream::RemoveTagsFromStreamRequest;
pub use resource_policy::{
    DeleteResourcePolicyRequest, GetResourcePolicyRequest, GetResourcePolicyResponse,
    PutResourcePolicyRequest,
};
pub use retention_period::{
    DecreaseStreamRetentionPeriodRequest, IncreaseStreamRetentionPeriodRequest,
};
pub use shard::{ChildShard, SequenceNumberRange, Shard, WireHashKeyRange};
pub use split_shard::SplitShardRequest;
pub use stream_encryption::{StartStreamEncryptionRequest, StopStreamEncryptionRequest};
pub use stream_mode::StreamModeDetails;
pub use subscribe_to_shard::{StartingPosition, SubscribeToShardEvent, SubscribeToShardRequest};
pub use tag::Tag;
pub use tag_resource::TagResourceRequest;
pub use untag_resource::UntagResourceRequest;
pub use update_max_record_size::UpdateMaxRecordSizeRequest;
pub use update_shard_count::{ScalingType, UpdateShardCountRequest, UpdateShardCountResponse};
pub use update_stream_mode::UpdateStreamModeRequest;
pub use update_stream_record_distribution_strategy::UpdateStreamRecordDistributionStrategyRequest;
pub use update_stream_warm_throughput::{
    UpdateStreamWarmThroughputRequest, UpdateStreamWarmThroughputResponse, WarmThroughput,
};
